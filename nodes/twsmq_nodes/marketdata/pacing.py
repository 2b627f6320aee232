"""What the gateway limits beyond messages a second: who was asked for what lately, and when it may be asked
again.

Theory: each rule allows so much weight under one key within so many seconds. A request falls under some
rules; it may go when all of them have room. The record outlives sessions, for the gateway's memory does too,
and it is kept from the moment a request is handed over: what is queued counts, and counts anew from when it
is written.

Sources: IBKR API documentation, "Historical data limitations" and "Tick-by-tick data"; of snapshots the text
"Snapshot requests limitation exceeded:100 per 1 second(s)" (thetagang#178).
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from twsmq_nodes.tws.requests import ReqHistoricalData, ReqMktData, ReqRealTimeBars, ReqTickByTick, Request

SMALL_BARS = frozenset(("1 secs", "5 secs", "10 secs", "15 secs", "30 secs"))


class Rule(Struct, frozen=True):
    """No more than `most` within `within_s` under one key."""

    name: str
    most: float
    within_s: float


TICK_BY_TICK = Rule("one tick-by-tick request of an instrument in 15 s", 1, 15.0)
IDENTICAL = Rule("an identical history request not before 15 s", 1, 15.0)
SAME_CONTRACT = Rule("fewer than 6 history requests of one contract and kind in 2 s", 5, 2.0)
SMALL_WINDOW = Rule("60 requests for bars of 30 s or less in 10 minutes", 60, 600.0)
LIVE_BARS = Rule("60 requests for 5-second bars in 10 minutes", 60, 600.0)
SNAPSHOTS = Rule("100 snapshots a second", 100, 1.0)
REGULATORY = Rule("one regulatory snapshot a second", 1, 1.0)

Key = tuple[object, ...]


def rules_for(request: Request) -> Iterator[tuple[Rule, Key, float]]:
    """(rule, key, weight) of each rule that a request falls under."""
    match request:
        case ReqTickByTick(contract=contract):
            yield TICK_BY_TICK, (contract,), 1
        case ReqHistoricalData(contract=contract, what_to_show=what):
            yield (
                IDENTICAL,
                (contract, what, request.bar_size, request.duration, request.use_rth, request.end),
                1,
            )
            if request.bar_size in SMALL_BARS:
                weight = 2 if what == "BID_ASK" else 1
                yield SAME_CONTRACT, (contract, what), weight
                yield SMALL_WINDOW, (), weight
        case ReqRealTimeBars():
            yield LIVE_BARS, (), 1
        case ReqMktData(regulatory_snapshot=True):
            yield REGULATORY, (), 1
        case ReqMktData(snapshot=True):
            yield SNAPSHOTS, (), 1
        case _:
            pass


class _Entry:
    """`queued`: not written yet, so that its time is yet to come."""

    __slots__ = ("at", "queued", "weight")

    def __init__(self, at: float, weight: float) -> None:
        self.at = at
        self.weight = weight
        self.queued = True

    def since(self, now: float) -> float:
        return now if self.queued else self.at


class Ledger:
    """Times in seconds, monotonic."""

    def __init__(self) -> None:
        self._entries: dict[tuple[str, Key], list[_Entry]] = {}
        self._queued: dict[int, list[_Entry]] = {}

    def allows_at(self, request: Request, now: float) -> tuple[float, str]:
        """From when on it may be sent, `now` at the earliest, and the rule that says so."""
        at, why = now, ""
        for rule, key, weight in rules_for(request):
            free = self._free_at(rule, key, weight, now)
            if free > at:
                at, why = free, rule.name
        return at, why

    def note(self, req_id: int, request: Request, now: float) -> None:
        """It is on its way."""
        queued: list[_Entry] = []
        for rule, key, weight in rules_for(request):
            entry = _Entry(now, weight)
            queued.append(entry)
            self._entries.setdefault((rule.name, key), []).append(entry)
        if queued:
            self._queued[req_id] = queued

    def written(self, req_id: int, now: float) -> None:
        for entry in self._queued.pop(req_id, ()):
            entry.at = now
            entry.queued = False

    def withdrawn(self, req_id: int) -> None:
        """It was never written, if `written` was not told."""
        for entry in self._queued.pop(req_id, ()):
            entry.weight = 0.0

    def _free_at(self, rule: Rule, key: Key, weight: float, now: float) -> float:
        entries = self._entries.get((rule.name, key))
        if entries is None:
            return now
        begin = now - rule.within_s
        recent = sorted((x for x in entries if x.weight and x.since(now) > begin), key=lambda x: x.since(now))
        if not recent:
            del self._entries[rule.name, key]
            return now
        entries[:] = recent
        free_at = now
        excess = sum(entry.weight for entry in recent) + weight - rule.most
        for entry in recent:
            if excess <= 0:
                break
            excess -= entry.weight
            free_at = entry.since(now) + rule.within_s
        return free_at
