"""What the gateway limits beyond messages a second: one table of rules, and a ledger of what was asked.

Theory. Most of these rules are broken silently or with a refusal that looks final (162, 10190), and their
windows run on while we reconnect: after a 1101 everything is asked again at once, which is just what they
forbid. A rule allows so much weight under one key within so many seconds; a request falls under some rules
and may go when all have room. So whoever asks looks here first, and keeps the ledger over reconnects.

Whether a rule counts for a client ID, a user or the gateway is documented for none of them ("all our clients"
of histories, IBKR's documentation 21.01.03; of messages a second, which are not here, "a client connection",
11). So all count for everybody, which breaks no rule whichever is true: the processes of a cluster share one
record (`runtime.pacing_record`). Of the histories that may be open, look-backs have a fixed part, which only
one process uses; the shards share the rest (`marketdata/shared_lines`).

    small bars     of 30 s and less, ticks of the past, head timestamps: 60 in 10 minutes, a BID_ASK twice
    alike          of those, fewer than 6 of one contract, exchange and kind in 2 s
    identical      the same request 15 s apart; of histories kept up to date whatever their bars
    tick-by-tick   one of an instrument in 15 s
    live bars      60 requests for 5-second bars in 10 minutes
    snapshots      100 a second; regulatory ones 1 a second, each costs money
    open           50 histories, head timestamps until they are cancelled and bars kept up to date included

Sources: IBKR's documentation 21.01.03, 21.02, 22.08.05, 22.10; for bars of a minute and more the rules were
lifted (historical limitations, note 1); "Only 50 simultaneous API historical data requests" (ib_insync #293)
and "Snapshot requests limitation exceeded:100 per 1 second(s)" (thetagang #178) captured.

Invariants: what was asked is not forgotten before its window has passed; `session_lost` frees only what was
open; what is queued counts as asked now, and anew from when it is written. Pure: `now` in seconds, monotonic,
one clock for all processes of a machine.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct
from twsmq_protocol.history_requests import HISTORY_SIZES, PACED_SIZES

from .contracts import Contract
from .reference_requests import ReqHeadTimestamp, ReqHistogram, ReqHistoricalData, ReqHistoricalTicks
from .requests import Request
from .stream_requests import ReqMktData, ReqRealTimeBars, ReqTickByTick

SMALL_BARS = frozenset(HISTORY_SIZES[size] for size in PACED_SIZES)


class Rule(Struct, frozen=True):
    """No more than `most` within `within_s` under one key."""

    name: str
    most: float
    within_s: float


TICK_BY_TICK = Rule("one tick-by-tick request of an instrument in 15 s", 1, 15.0)
IDENTICAL = Rule("an identical history request not before 15 s", 1, 15.0)
ALIKE = Rule("fewer than 6 history requests of one contract and kind in 2 s", 5, 2.0)
SMALL_WINDOW = Rule("60 requests for bars of 30 s or less in 10 minutes", 60, 600.0)
LIVE_BARS = Rule("60 requests for 5-second bars in 10 minutes", 60, 600.0)
SNAPSHOTS = Rule("100 snapshots a second", 100, 1.0)
REGULATORY = Rule("one regulatory snapshot a second", 1, 1.0)
RULES = {
    rule.name: rule
    for rule in (TICK_BY_TICK, IDENTICAL, ALIKE, SMALL_WINDOW, LIVE_BARS, SNAPSHOTS, REGULATORY)
}
LONGEST_S = max(rule.within_s for rule in RULES.values())
MOST_KEYS = 2000
"""Of requests noted; beyond, those whose windows have passed are looked for. Each request for ticks is like
no other, and months of them make a million."""

OPEN_HISTORIES = 50
OPEN_LOOK_BACKS = 6
"""Of these for the history process, which asks and ends; the rest are for bars kept up to date."""


class Limits(Struct, frozen=True, kw_only=True):
    open_histories: int = OPEN_LOOK_BACKS


def rules_for(request: Request) -> Iterator[tuple[Rule, str, float]]:
    """(rule, key, weight) of each rule that a request falls under."""
    match request:
        case ReqTickByTick(contract=contract):
            yield TICK_BY_TICK, str(contract.con_id) if contract.con_id else repr(contract), 1
        case ReqHistoricalData(contract=contract, what_to_show=what):
            small = request.bar_size in SMALL_BARS
            parts = (request.bar_size, request.duration, request.use_rth, request.end)
            if small or request.keep_up_to_date:
                yield IDENTICAL, f"{_named(contract)} {what} {parts}", 1
            if small:
                yield from _small(contract, what)
        case ReqHistoricalTicks(contract=contract, what_to_show=what):
            parts = (
                request.start,
                request.end,
                request.number_of_ticks,
                request.use_rth,
                request.ignore_size,
            )
            yield IDENTICAL, f"{_named(contract)} {what} ticks {parts}", 1
            yield from _small(contract, what)
        case ReqHeadTimestamp(contract=contract, what_to_show=what):
            yield IDENTICAL, f"{_named(contract)} {what} head {request.use_rth}", 1
            yield from _small(contract, what)
        case ReqRealTimeBars():
            yield LIVE_BARS, "", 1
        case ReqMktData(regulatory_snapshot=True):
            yield REGULATORY, "", 1
        case ReqMktData(snapshot=True):
            yield SNAPSHOTS, "", 1
        case _:
            pass


def is_history(request: Request) -> bool:
    """Whether it counts as open until it is answered, refused or cancelled."""
    return isinstance(request, ReqHistoricalData | ReqHistoricalTicks | ReqHeadTimestamp | ReqHistogram)


def _small(contract: Contract, what: str) -> Iterator[tuple[Rule, str, float]]:
    weight = 2 if what == "BID_ASK" else 1
    yield ALIKE, f"{_named(contract)} {what}", weight
    yield SMALL_WINDOW, "", weight


def _named(contract: Contract) -> str:
    return f"{contract.con_id}@{contract.exchange}" if contract.con_id else repr(contract)


class Note(Struct, frozen=True, array_like=True):
    """An entry as processes exchange it: the later one of an `id` counts."""

    id: str
    rule: str
    key: str
    weight: float
    at: float


class _Entry:
    """`queued`: not written yet, so that its time is yet to come."""

    __slots__ = ("at", "id", "key", "queued", "rule", "weight")

    def __init__(self, note: Note, *, queued: bool) -> None:
        self.id = note.id
        self.rule = note.rule
        self.key = note.key
        self.weight = note.weight
        self.at = note.at
        self.queued = queued

    def since(self, now: float) -> float:
        return now if self.queued else self.at

    def note(self) -> Note:
        return Note(self.id, self.rule, self.key, self.weight, self.at)


class PacingLedger:
    """Times in seconds, monotonic. `owner` tells this life of this process from every other."""

    def __init__(self, limits: Limits | None = None, owner: str = "") -> None:
        self._limits = limits or Limits()
        self._owner = owner
        self._numbers = 0
        self._entries: dict[tuple[str, str], list[_Entry]] = {}
        self._most_keys = MOST_KEYS
        self._queued: dict[int, list[_Entry]] = {}
        self._of_others: dict[str, _Entry] = {}
        self._news: list[Note] = []
        self._open: set[int] = set()

    @property
    def keys(self) -> int:
        """How much it remembers."""
        return len(self._entries)

    @property
    def open_histories(self) -> int:
        return len(self._open)

    @property
    def most_open(self) -> int:
        return self._limits.open_histories

    @property
    def has_room(self) -> bool:
        """One more history may be open."""
        return len(self._open) < self._limits.open_histories

    def earliest(self, request: Request, now: float, spare: float = 0.0) -> tuple[float, str]:
        """From when on it may be sent, `now` at the earliest, and the rule that says so. `spare`: weight of
        the window of small bars that is left to others."""
        at, why = now, ""
        for rule, key, weight in rules_for(request):
            most = rule.most - spare if rule is SMALL_WINDOW else rule.most
            free = self._free_at(rule, key, weight, now, most)
            if free > at:
                at, why = free, rule.name
        return at, why

    def note(self, req_id: int, request: Request, now: float) -> None:
        """It is on its way."""
        queued: list[_Entry] = []
        for rule, key, weight in rules_for(request):
            self._numbers += 1
            note = Note(f"{self._owner}:{self._numbers}", rule.name, key, weight, now)
            queued.append(self._enter(note, queued=True))
            self._news.append(note)
        if queued:
            self._queued[req_id] = queued
        if is_history(request):
            self._open.add(req_id)

    def written(self, req_id: int, now: float) -> None:
        for entry in self._queued.pop(req_id, ()):
            entry.queued = False
            if entry.at != now:
                entry.at = now
                self._news.append(entry.note())

    def closed(self, req_id: int) -> None:
        """It was answered, refused or given up: it is open no more, and counts as asked."""
        self._open.discard(req_id)
        for entry in self._queued.pop(req_id, ()):
            entry.queued = False

    def withdrawn(self, req_id: int) -> None:
        """The same of one that was never written, unless `written` was called."""
        self._open.discard(req_id)
        for entry in self._queued.pop(req_id, ()):
            entry.weight = 0.0
            self._news.append(entry.note())

    def session_lost(self) -> None:
        """Nothing is open any more; what was asked still counts."""
        self._open.clear()

    # -- what processes exchange

    def take_news(self) -> list[Note]:
        """What this one noted since the last look."""
        news, self._news = self._news, []
        return news

    def learn(self, notes: Iterable[Note], now: float) -> None:
        """What others noted, or this process in an earlier life; of rules that exist."""
        for note in notes:
            rule = RULES.get(note.rule)
            known = self._of_others.get(note.id)
            if note.at > now + 1.0:
                continue  # no process has asked yet for what is to come
            if known is not None:
                known.at, known.weight = note.at, note.weight
            elif rule is not None and now - rule.within_s < note.at:
                self._of_others[note.id] = self._enter(note, queued=False)
        if len(self._of_others) > 1000:
            kept = {each.id for entries in self._entries.values() for each in entries}
            self._of_others = {
                key: each
                for key, each in self._of_others.items()
                if key in kept and each.at > now - LONGEST_S
            }

    def owns(self, note: Note) -> bool:
        """Whether this life of this process noted it."""
        return note.id.startswith(f"{self._owner}:")

    def _enter(self, note: Note, *, queued: bool) -> _Entry:
        entry = _Entry(note, queued=queued)
        self._entries.setdefault((note.rule, note.key), []).append(entry)
        if len(self._entries) > self._most_keys:
            self._forget(note.at)
        return entry

    def _forget(self, now: float) -> None:
        """Whatever counts no more under any rule."""
        before = now - LONGEST_S
        self._entries = {
            key: entries
            for key, entries in self._entries.items()
            if any(each.queued or each.at > before for each in entries)
        }
        self._most_keys = max(MOST_KEYS, 2 * len(self._entries))

    def _free_at(self, rule: Rule, key: str, weight: float, now: float, most: float) -> float:
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
        excess = sum(entry.weight for entry in recent) + weight - most
        for entry in recent:
            if excess <= 0:
                break
            excess -= entry.weight
            free_at = entry.since(now) + rule.within_s
        return free_at
