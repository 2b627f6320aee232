"""What the gateway limits beyond messages per second, and when the next request of a kind may go.

Theory: most of these rules are broken silently or with a refusal that looks final (162, 10190), and the
windows run on while we reconnect: after a 1101 everything is asked again at once, which is just what they
forbid. So whoever asks looks here first, notes what was written, and keeps the ledger over reconnects.

    small bars   (30 s and less, head timestamps)   60 in 10 minutes, BID_ASK counts twice; the same request
                                                    15 s apart; under 6 of one contract and kind in 2 s
    tick-by-tick                                    one of an instrument in 15 s
    snapshots    100 in a second; regulatory ones 1 in a second, each costs money
    open         50 histories, with head timestamps until they are cancelled and bars kept up to date

(IBKR's documentation 21.01.03, 21.02, 22.08.05, 22.10; "Only 50 simultaneous API historical data requests"
and "Snapshot requests limitation exceeded:100 per 1 second(s)" captured.) Whether they hold for a client ID
or for a user is not documented: processes share them out by `Limits.part`.

Invariants: what was noted is never forgotten before its window has passed, `session_lost` frees only what was
open; `earliest` for a request that was just allowed is never before the moment it was asked for. Pure: `now`
in seconds, monotonic.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Hashable

from msgspec import Struct
from msgspec.structs import replace

SMALL_BAR_S = 30
"""Bars up to this size fall under the rules; for longer ones they were lifted (documentation, note 1)."""


class Window(Struct, frozen=True):
    """At most `most` in any `seconds`."""

    most: int
    seconds: float


class Limits(Struct, frozen=True, kw_only=True):
    small_bars: Window = Window(60, 600.0)
    identical: Window = Window(1, 15.0)
    alike: Window = Window(5, 2.0)
    tick_by_tick: Window = Window(1, 15.0)
    snapshots: Window = Window(100, 1.0)
    regulatory: Window = Window(1, 1.0)
    open_histories: int = 50

    def part(self, share: float) -> Limits:
        """For a process that may use `share` (0 to 1) of what counts for all together."""

        def some(most: int) -> int:
            return max(1, int(most * share))

        return replace(
            self,
            small_bars=replace(self.small_bars, most=max(2, int(self.small_bars.most * share))),
            snapshots=replace(self.snapshots, most=some(self.snapshots.most)),
            open_histories=some(self.open_histories),
        )


# -- what is asked


class History(Struct, frozen=True):
    """Bars, or ticks of the past. `bar_s`: the bar's size in seconds, 0 for ticks and a head timestamp;
    `request` tells identical requests: everything in it but its id."""

    con_id: int
    exchange: str
    what: str
    bar_s: float
    request: Hashable = None


class TickByTick(Struct, frozen=True):
    """The documentation counts per instrument; `kind` is for whoever knows better, and empty otherwise."""

    con_id: int
    kind: str = ""


class Snapshot(Struct, frozen=True):
    regulatory: bool = False


Ask = History | TickByTick | Snapshot

_ALL = "all"
_Mark = tuple[Window, Hashable, int]


class PacingLedger:
    """Times in seconds, monotonic."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._noted: dict[tuple[Window, Hashable], deque[float]] = {}
        self._open: set[int] = set()

    @property
    def open_histories(self) -> int:
        return len(self._open)

    def earliest(self, ask: Ask, now: float) -> float:
        """When it may be written: `now`, later, or infinity while no more histories may be open."""
        if isinstance(ask, History) and len(self._open) >= self._limits.open_histories:
            return math.inf
        return max((self._free_at(mark, now) for mark in self._marks(ask)), default=now)

    def written(self, ask: Ask, req_id: int, now: float) -> None:
        """Note that it went out. A History stays open until `closed`."""
        for window, key, weight in self._marks(ask):
            self._noted.setdefault((window, key), deque()).extend([now] * weight)
        if isinstance(ask, History):
            self._open.add(req_id)
        if len(self._noted) > 10_000:
            self._sweep(now)

    def closed(self, req_id: int) -> None:
        """Answered in full, refused or cancelled. Harmless for ids that were never open."""
        self._open.discard(req_id)

    def session_lost(self) -> None:
        """Nothing is open any more; what was asked still counts."""
        self._open.clear()

    def _marks(self, ask: Ask) -> list[_Mark]:
        limits = self._limits
        match ask:
            case TickByTick(con_id, kind):
                return [(limits.tick_by_tick, ("tick-by-tick", con_id, kind), 1)]
            case Snapshot(regulatory):
                window = limits.regulatory if regulatory else limits.snapshots
                return [(window, ("snapshot", regulatory), 1)]
            case History() if ask.bar_s > SMALL_BAR_S:
                return []
            case History(con_id, exchange, what):
                weight = 2 if what == "BID_ASK" else 1
                return [
                    (limits.small_bars, _ALL, weight),
                    (limits.identical, ask, 1),
                    (limits.alike, (con_id, exchange, what), weight),
                ]

    def _free_at(self, mark: _Mark, now: float) -> float:
        window, key, weight = mark
        noted = self._noted.get((window, key))
        if noted is None:
            return now
        while noted and noted[0] + window.seconds <= now:
            noted.popleft()
        if len(noted) + weight <= window.most:
            return now
        # so many of the oldest must be out of the window first
        return noted[min(len(noted) - 1, len(noted) + weight - window.most - 1)] + window.seconds

    def _sweep(self, now: float) -> None:
        for key, noted in list(self._noted.items()):
            if noted[-1] + key[0].seconds <= now:
                del self._noted[key]
