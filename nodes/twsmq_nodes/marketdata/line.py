"""The life of one gateway line, whoever listens to it.

    WAITING ─asked→ ASKED ─data→ FLOWING          WAITING: the session is down, or its turn has not come
       ↑              │            │
       └─ session or data lost ────┘              REFUSED: the gateway or this node said no
          refused: any → REFUSED                  DONE: a one-time snapshot has come

Beside the state stands the gap: data may be missing since it opened, and whoever listens knows it. A gap
opens only where data flowed, and only data closes it, or the gateway's word that nothing was lost (1102),
with no farm missing.

Methods return the stream events for the line's listeners, nothing if there is no news.
"""

from __future__ import annotations

import math
from enum import Enum
from typing import Protocol

from msgspec import Struct
from twsmq_protocol.market_events import StreamState

from twsmq_nodes.tws.contracts import Contract
from twsmq_nodes.tws.outages import kind_of

from .feeds import FEEDS, Feed, FeedSpec
from .listings import Listing, Refusal

_KINDS: dict[int, StreamState] = {1: "active", 2: "frozen", 3: "delayed", 4: "delayed"}
"""The gateway's market data types; 4 is delayed and frozen."""
RETRY_S, MOST_PAUSE_S = 30.0, 1800.0


def pause_s(first_s: float, pauses: int, most_s: float = MOST_PAUSE_S) -> float:
    """How long to wait before asking again, after so many pauses in a row."""
    return min(first_s * 2 ** min(pauses, 16), most_s)


class StreamStatus(Struct, frozen=True):
    """A `stream` event in the making; `since` and `until` in the core's own seconds, None if not known."""

    state: StreamState
    code: int | None = None
    text: str | None = None
    reason: str | None = None
    since: float | None = None
    until: float | None = None


class LineState(Enum):
    WAITING = "waiting"
    ASKED = "asked"
    FLOWING = "flowing"
    REFUSED = "refused"
    DONE = "done"


class Gap(Struct, frozen=True):
    """`farm`: the one that broke, if that is why."""

    since: float
    reason: str
    farm: str = ""


class Listener(Protocol):
    """One topic of a line."""

    topic: str
    spelling: str
    joins: int
    left_at: float

    @property
    def wanted(self) -> bool: ...
    @property
    def con_id(self) -> int | None: ...


class Line:
    """`number` names it to people. `req_id` is set while a request is out, `written_at` once it has left.

    `source`: what the gateway said to ask for in its place, as it does for CFDs (IBKR API docs); `what`: the
    kind of bars it said to ask for. `crowded`: refused for want of a free line; `pauses`: how often in a row
    it was put off after a refusal, `renewals` asked for again for its silence. `unanswered`: how often in a
    row nothing at all came of asking. `reason`: why a line has not started yet. `pace_s`: the longest pause
    between its data lately. `no_live`: the refusal of live data that delayed ones may follow. `doubted_at`:
    when the outage ended in which it was asked for. `past_at`: when its past came while its updates were in
    doubt; `updated_at`: when data last came in a gap, the request standing. `had_data`: it ever had any.
    `maintained_at`: when the gateway last said that nothing was lost in an outage. `flaps`: how often in a
    row it was asked for again after a farm's flap, last at `flapped_at`.
    """

    def __init__(self, feed: Feed, listing: Listing, number: int) -> None:
        self.feed = feed
        self.spec: FeedSpec = FEEDS[feed.kind]
        self.listing = listing
        self.number = number
        self.listeners: dict[str, Listener] = {}
        self.state = LineState.WAITING
        self.req_id: int | None = None
        self.written_at: float | None = None
        self.gap: Gap | None = None
        self.refusal: Refusal | None = None
        self.refused_at = 0.0
        self.retry_at: float | None = None
        self.reason: str | None = None
        self.crowded = False
        self.pauses = 0
        self.unanswered = 0
        self.renewals = 0
        self.pace_s = 0.0
        self.last_data: float | None = None
        self.renewed_at: float | None = None
        self.maintained_at = -math.inf
        self.flaps = 0
        self.flapped_at = -math.inf
        self.past_at = -math.inf
        self.updated_at = -math.inf
        self.source: Contract | None = None
        self.what: str | None = None
        self.no_live: Refusal | None = None
        self.doubted_at: float | None = None
        self.had_data = False
        self._kind: StreamState = "active"

    def status(self) -> StreamStatus:
        """What somebody who joins now should know."""
        if self.state is LineState.DONE:
            return StreamStatus("closed", text="the snapshot is complete")
        if self.refusal is not None:
            return StreamStatus(
                "error", code=self.refusal.code, text=self.refusal.text, reason=self._asked_again()
            )
        if self.gap is not None:
            return StreamStatus("gap", reason=self.gap.reason, since=self.gap.since)
        if self.state is LineState.FLOWING:
            return StreamStatus(self._kind)
        return StreamStatus("starting", reason=self.reason)

    def _asked_again(self) -> str | None:
        """When it is, of one that was refused; None where it is not by itself, by which clients know that."""
        if self.retry_at is not None:
            return f"asked for again {self.retry_at - self.refused_at:.0f} s later"
        if self.crowded:
            return "asked for again when a line is free"
        return None

    @property
    def live(self) -> bool:
        """Data flow, and none are known to be missing."""
        return self.state is LineState.FLOWING and self.gap is None

    @property
    def delayed(self) -> bool:
        return self._kind == "delayed"

    @property
    def frozen(self) -> bool:
        return self._kind == "frozen"

    def may_need(self, farm: str) -> bool:
        """The data farm is of a kind that serves it."""
        return kind_of(farm) in self.spec.farms

    def interest(self) -> int:
        """How often its topics were subscribed to; 0 when nobody listens now."""
        return sum(each.joins for each in self.listeners.values() if each.wanted)

    def idle_since(self) -> float:
        """When the last listener left, for a line that nobody listens to."""
        return max(each.left_at for each in self.listeners.values())

    def asked(self, req_id: int) -> None:
        self.state = LineState.ASKED
        self.req_id = req_id
        self.written_at = None
        self.refusal = self.no_live = None
        self.retry_at = self.doubted_at = self.last_data = None
        self.reason = None
        self.crowded = False
        self._kind = "active"

    def forgive(self) -> None:
        """Whatever refused it is to be asked again."""
        if self.state is LineState.REFUSED:
            self.state = LineState.WAITING
            self.refusal = None
            self.retry_at = None
            self.crowded = False

    def flowed(self, now: float) -> list[StreamStatus]:
        """Data came."""
        news = self.state is not LineState.FLOWING
        self.unanswered = self.pauses = 0
        self.had_data = True
        self.no_live = None
        self.state = LineState.FLOWING
        if self.gap is None:
            return [StreamStatus(self._kind)] if news else []
        gap, self.gap = self.gap, None
        self.last_data = None  # the gap is no pace of its own
        resumed = StreamStatus("resumed", reason=gap.reason, since=gap.since, until=now)
        return [resumed] if self._kind == "active" else [resumed, StreamStatus(self._kind)]

    def past_came(self, now: float, reason: str, farm: str) -> list[StreamStatus]:
        """What was, and not what is: until its updates come too, there is a gap."""
        self.unanswered = self.pauses = 0
        self.state = LineState.FLOWING
        self.past_at = now
        self.gap = Gap(now if self.gap is None else self.gap.since, reason, farm)
        return [self.status()]

    def turned(self, market_data_type: int) -> list[StreamStatus]:
        """The gateway said which kind of data this is."""
        kind = _KINDS.get(market_data_type, self._kind)
        if kind == self._kind:
            return []
        self._kind = kind
        return [StreamStatus(kind)] if self.state is LineState.FLOWING and self.gap is None else []

    def interrupted(self, since: float, reason: str, farm: str = "") -> list[StreamStatus]:
        """Data may be missing from `since` on; the request stands. `farm`: the one that broke."""
        if self.state is not LineState.FLOWING or self.gap is not None:
            return []
        self.gap = Gap(since, reason, farm)
        return [self.status()]

    def still_interrupted(self, reason: str, farm: str) -> list[StreamStatus]:
        """What opened the gap is over, but `farm` is missing."""
        if self.gap is None or self.gap.farm:
            return []
        self.gap = Gap(self.gap.since, reason, farm)
        return [self.status()]

    def lost(self, since: float, reason: str) -> list[StreamStatus]:
        """The request is gone and has to be made again. A line refused or done stays so."""
        statuses = self.interrupted(since, reason)
        if self.state in (LineState.ASKED, LineState.FLOWING):
            self.state = LineState.WAITING
        return statuses

    def waits(self, reason: str) -> list[StreamStatus]:
        """Why it has not started: announced when it changes, unless there is a gap with its own reason."""
        if reason == self.reason:
            return []
        self.reason = reason
        return [self.status()] if self.gap is None and self.refusal is None else []

    def completed(self) -> list[StreamStatus]:
        """A one-time snapshot has come; it is not asked for again, since each costs a fee."""
        self.state = LineState.DONE
        return [self.status()]

    def refused(self, refusal: Refusal, now: float, retry_at: float | None = None) -> list[StreamStatus]:
        self.state = LineState.REFUSED
        self.gap = None
        self.refusal = refusal
        self.refused_at = now
        self.retry_at = retry_at
        return [self.status()]
