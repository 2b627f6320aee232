"""Positions that move without an execution that we know: something was executed that nobody reports to us.

A gateway reports the executions of other clients, of a person, of a liquidation only when it is asked. What
it reports without being asked are positions. So the difference between a contract's position and the
executions known of it is watched, and once it has changed for `SETTLED_S` (a position may come before its
execution, or after), executions are worth asking for. What was held before this node began is looked into
once as well.
"""

from __future__ import annotations

from ..record import EPSILON

SETTLED_S = 2.0
Held = tuple[str, int]
"""Account and conId."""


class Drift:
    def __init__(self) -> None:
        self._positions: dict[Held, float] = {}
        self._executed: dict[Held, float] = {}
        self._explained: dict[Held, float] = {}  # the difference when it was looked at last
        self._changed: dict[Held, float] = {}  # since when it differs from that, monotonic
        self._looking: set[Held] = set()  # executions are being asked for

    def position(self, held: Held, units: float, mono: float) -> None:
        """As reported. The first one of a contract explains nothing: it may have been opened just now."""
        self._positions[held] = units
        self._explained.setdefault(held, 0.0)
        self._compare(held, mono)

    def executed(self, held: Held, units: float, mono: float) -> None:
        """`units` above 0 bought, below sold."""
        self._executed[held] = self._executed.get(held, 0.0) + units
        if held in self._positions:
            self._compare(held, mono)

    def _compare(self, held: Held, mono: float) -> None:
        if held in self._looking:
            return
        if abs(self._difference(held) - self._explained[held]) > EPSILON:
            self._changed.setdefault(held, mono)
        else:
            self._changed.pop(held, None)

    @property
    def due(self) -> float | None:
        """When to call `look`, monotonic."""
        return min(self._changed.values()) + SETTLED_S if self._changed else None

    def look(self, mono: float) -> None:
        """Executions are about to be asked for: `accept` follows once they have been."""
        settled = {held for held, since in self._changed.items() if since + SETTLED_S <= mono}
        for held in settled:
            del self._changed[held]
        self._looking |= settled

    @property
    def looked_at(self) -> bool:
        """Whether a difference has settled that no execution explains."""
        return bool(self._looking)

    def accept(self) -> None:
        """What was looked at has been explained, as far as the gateway can."""
        for held in self._looking:
            self._explained[held] = self._difference(held)
        self._looking.clear()

    def _difference(self, held: Held) -> float:
        return self._positions[held] - self._executed.get(held, 0.0)
