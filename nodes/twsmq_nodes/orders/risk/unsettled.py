"""Executions that the reported positions do not have yet.

Executions and positions come by two ways, whichever is first. Between them a position looks as it was before
the execution, while the order has no more to do: what one of them has shown and the other has not yet counts
as if it still worked. Each change of a position is set against the executions of its side, the oldest first;
one that comes ahead of its execution waits for it. What nothing answers for `SETTLED_S` has been settled
otherwise (another client's execution, which nobody reports here).
"""

from __future__ import annotations

from collections.abc import Iterator

from ..record import EPSILON

SETTLED_S = 5.0
Held = tuple[str, int]
"""Account and conId."""


class Unsettled:
    def __init__(self) -> None:
        self._executed: dict[Held, list[tuple[float, float]]] = {}  # when, and signed units
        self._moved: dict[Held, list[tuple[float, float]]] = {}  # changes ahead of their executions, likewise

    def executed(self, held: Held, units: float, mono: float) -> None:
        """`units` above 0 bought, below sold."""
        rest = _settle(self._moved, held, units, mono)
        if abs(rest) > EPSILON:
            self._executed[held] = [*_young(self._executed, held, mono), (mono, rest)]

    def moved(self, held: Held, units: float, mono: float, *, ahead: bool) -> None:
        """A position has changed by `units`. `ahead`: that may be an execution's which has not come yet."""
        rest = _settle(self._executed, held, units, mono)
        if ahead and abs(rest) > EPSILON:
            self._moved[held] = [*_young(self._moved, held, mono), (mono, rest)]

    def of(self, account: str, mono: float) -> Iterator[tuple[int, float]]:
        """conId and signed units of what the positions of an account do not have yet."""
        for held in [held for held in self._executed if held[0] == account]:
            for _, units in _young(self._executed, held, mono):
                yield held[1], units

    @property
    def accounts(self) -> set[str]:
        return {account for account, _ in self._executed}


def _settle(waiting: dict[Held, list[tuple[float, float]]], held: Held, units: float, mono: float) -> float:
    """Set `units` against what waits on the same side; what is left of them."""
    kept: list[tuple[float, float]] = []
    for at, there in _young(waiting, held, mono):
        taken = 0.0
        if there * units > 0:
            taken = min(there, units) if units > 0 else max(there, units)
        units -= taken
        if abs(there - taken) > EPSILON:
            kept.append((at, there - taken))
    _keep(waiting, held, kept)
    return units


def _young(
    waiting: dict[Held, list[tuple[float, float]]], held: Held, mono: float
) -> list[tuple[float, float]]:
    rows = [row for row in waiting.get(held, ()) if row[0] + SETTLED_S > mono]
    _keep(waiting, held, rows)
    return rows


def _keep(
    waiting: dict[Held, list[tuple[float, float]]], held: Held, rows: list[tuple[float, float]]
) -> None:
    if rows:
        waiting[held] = rows
    else:
        waiting.pop(held, None)
