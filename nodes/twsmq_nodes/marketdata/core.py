"""The core of the market data node: topics wanted, lines held, what everybody is told.

    topic ──parse──▶ instrument ──look-up (once, remembered)──▶ contract ──▶ feed ──▶ line ──▶ request

Theory. A subscription is one topic, however many subscribers it has: XPUB tells presence per topic, not who.
It is served by a line, the one request at the gateway that every topic of the same feed shares. A topic's
first subscriber makes the subscription; `grace_s` after its last one left it is dropped, and the line with
the last subscription on it. After a lost session, or lost data (1101), everything wanted is asked for again,
most listened to first; lost upstream (1100) and its return with data maintained (1102) ask for nothing.

With several shards every one of them hears every topic; the contract's conId says whose it is.

Invariants: see `invariants.py`, and the parts: `lookups`, `lines`, `line`. Everything that decides lives in
these modules; none of them reads a clock or touches a socket.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import count
from types import MappingProxyType
from typing import Any

from twsmq_protocol.config import Marketdata
from twsmq_protocol.errors import FieldError
from twsmq_protocol.topics import parse_stream_topic

from twsmq_nodes.tws.contracts import Contract
from twsmq_nodes.tws.events import GatewayError, MarketDataType, RerouteMktData, TickSnapshotEnd
from twsmq_nodes.tws.notices import (
    DataLost,
    DataMaintained,
    FarmState,
    FarmStatus,
    SessionUp,
    UpstreamLost,
)
from twsmq_nodes.tws.reference_events import ContractDetailsEnd, ContractDetailsReceived
from twsmq_nodes.tws.requests import ReqMarketDataType

from . import events as ev
from .deadlines import Deadline, Deadlines
from .feeds import feed_of, news_feed
from .gateway_errors import Meaning, meaning_of
from .line import Line, LineState
from .lines import Lines, limits_of
from .listings import NO_DEFINITION, Listing, Refusal
from .lookups import TIMEOUT_S, Lookups
from .pending_calls import DEADLINE_S, PendingCalls
from .silence import grow_patience, silent_lines
from .stream_status import StatusAnnouncer
from .subscription import RETURN_S, Missed, PendingCall, Subscription

DELAYED = 3
"""The market data type that lets delayed data stand in for live ones."""
RETRY_S, PACED_S = 30.0, 2.0
FARM_S = 5.0  # how long after a farm is back a line may take to tick before it is asked for again
SETTLE_S = 1.0
"""Data already on its way when a gap opened does not prove that it has closed."""


class MarketdataCore:
    """`handle(input, now)` is all there is to it; `now` in seconds, never going back."""

    def __init__(
        self,
        *,
        config: Marketdata,
        listings: dict[str, Listing],
        missed: Mapping[str, float | None] = MappingProxyType({}),
        shard: int = 0,
    ) -> None:
        """`listings`: what is known by spelling. `missed`: topics that had listeners in an earlier life, and
        since when these are without data, None if that is not known.
        """
        self.subscriptions: dict[str, Subscription] = {}
        self.up = False
        self._config = config
        self._missed, self._returning = dict(missed), bool(missed)
        self._shard = shard
        self._actions: list[ev.Action] = []
        req_ids = count(1)
        self.lookups = Lookups(listings, req_ids, self._do)
        self.lines = Lines(limits_of(config), req_ids, self._do)
        self.pending_calls = PendingCalls(self.lines, req_ids, self._do)
        self._broken_farms: set[str] = set()
        self._grants_due = False  # a try for more lines than were granted is due, for all refused together
        self._announcer = StatusAnnouncer(shard, config.instances, self.subscriptions, self._do)
        self.deadlines = Deadlines()
        self._timer: float | None = None
        self._rules: dict[type, Callable[[Any, float], None]] = {
            ev.TopicWanted: self._topic_wanted,
            ev.TopicLeft: self._topic_left,
            ev.Disconnected: self._disconnected,
            ev.Unconnected: lambda told, _: self._announcer.set_blocked(told.reason),
            ev.RequestWritten: self._written,
            ev.RequestRefused: lambda told, _: self._refuse(told.req_id, Refusal(None, told.text)),
            ev.DataFlowed: self._data_flowed,
            ev.LinesChecked: self._lines_checked,
            ev.SnapshotWanted: self._call_came,
            ev.PreviewWanted: self._call_came,
            ev.TimerFired: self._timer_fired,
            SessionUp: self._session_up,
            UpstreamLost: self._upstream_lost,
            DataLost: self._data_lost,
            DataMaintained: self._data_maintained,
            ContractDetailsReceived: lambda row, _: self.lookups.row(row),
            ContractDetailsEnd: self._rows_ended,
            GatewayError: self._gateway_error,
            MarketDataType: self._type_told,
            TickSnapshotEnd: self._snapshot_ended,
            FarmStatus: self._farm_told,
            RerouteMktData: self._rerouted,
        }

    def handle(self, happened: ev.Input, now: float) -> list[ev.Action]:
        """What is to be done, in this order. What concerns nobody here does nothing."""
        self._actions = []
        self._announcer.now = now
        if self._returning:
            self._returning = False
            self.deadlines.add(now + RETURN_S, Deadline(returned=True))
        rule = self._rules.get(type(happened))
        if rule is not None:
            rule(happened, now)
        if self.lines.freed:
            self.lines.freed = False
            if self.up:
                self._ask_waiting(crowded=True)
        at = self.deadlines.next_at()
        if at != self._timer:
            self._timer = at
            # First, so that what comes of carrying out the rest, which may be due earlier, has the last word.
            self._actions.insert(0, ev.SetTimer(at))
        return self._actions

    def _do(self, action: ev.Action) -> None:
        self._actions.append(action)

    # -- topics come and go

    def _topic_wanted(self, happened: ev.TopicWanted, now: float) -> None:
        topic = happened.topic
        known = self.subscriptions.get(topic)
        if known is not None:
            self._rejoin(known, now)
            return
        missed = Missed(self._missed[topic]) if topic in self._missed else None
        subscription = Subscription(topic, now, missed)
        parsed = None
        try:
            parsed = parse_stream_topic(topic)
            if parsed is None:
                return
        except FieldError as error:
            subscription.refusal = Refusal(None, str(error))
        subscription.parsed = parsed
        self._missed.pop(topic, None)
        self.subscriptions[topic] = subscription
        self._announcer.remember(subscription)
        if parsed is None or subscription.refusal is not None:
            self._announcer.announce_current(subscription)
        elif parsed.kind == "news":
            self._attach(subscription, Listing(news_feed(parsed.qualifier).contract))
        else:
            self._resolve(subscription)

    def _resolve(self, subscription: Subscription) -> None:
        """Find out what the topic means, and go on from there."""
        listing = self.lookups.want(subscription)
        if listing is not None:
            self._resolved(subscription, listing)
            return
        self._announcer.announce_current(subscription)
        if self.up and subscription.lookup is not None:
            self.lookups.ask(subscription.lookup)

    def _resolved(self, subscription: Subscription, listing: Listing) -> None:
        if isinstance(subscription, PendingCall):
            self.pending_calls.resolved(subscription, listing, self._announcer.shard_of(listing.contract))
        else:
            self._attach(subscription, listing)

    def _rejoin(self, subscription: Subscription, now: float) -> None:
        """One more subscriber, or the first again within the grace time."""
        subscription.joins += 1
        if now < subscription.returns_until:
            self._announcer.announce_missed(subscription)
        if not subscription.wanted:
            subscription.wanted = True
            self._announcer.remember(subscription)
        self._announcer.announce_current(subscription, repeated=True)
        if self.up and subscription.line is not None:
            self._ask(subscription.line)
        if self.up and subscription.lookup is not None:
            self.lookups.ask(subscription.lookup)

    def _topic_left(self, happened: ev.TopicLeft, now: float) -> None:
        subscription = self.subscriptions.get(happened.topic)
        if subscription is not None and subscription.wanted:
            subscription.wanted = False
            subscription.left_at = now
            self._do(ev.RememberTopic(happened.topic, False))
            self.deadlines.add(now + self._config.grace_s, Deadline(topic=happened.topic))

    def _drop(self, subscription: Subscription) -> None:
        """Nobody came back within the grace time."""
        del self.subscriptions[subscription.topic]
        self._announcer.announce_closed(subscription)
        self.lines.leave(subscription)
        self.lookups.leave(subscription)

    # -- from topic to line

    def _rows_ended(self, happened: ContractDetailsEnd, _now: float) -> None:
        waiting, listing = self.lookups.ended(happened.req_id)
        for subscription in waiting:
            if listing is None:
                self._lookup_refused(subscription)
            else:
                self._resolved(subscription, listing)

    def _lookup_refused(self, subscription: Subscription) -> None:
        if not isinstance(subscription, PendingCall):
            self._announcer.announce_current(subscription)
        elif subscription.lookup is not None and subscription.lookup.refusal is not None:
            refusal = subscription.lookup.refusal
            self.lookups.leave(subscription)
            self.pending_calls.fail(subscription, refusal)

    def _attach(self, subscription: Subscription, listing: Listing) -> None:
        """Give the subscription its line, unless another shard serves the contract."""
        if subscription.parsed is None:
            return
        if self._announcer.shard_of(listing.contract) != self._shard:
            self._do(ev.ForgetTopic(subscription.topic))  # what this one may have said is not to be repeated
            return
        line = self.lines.join(feed_of(subscription.parsed, listing), listing, subscription)
        self._announcer.announce_current(subscription)
        if self.up:
            self._ask(line)

    def _ask(self, line: Line) -> None:
        self._announcer.announce(line, self.lines.ask(line))

    def _ask_waiting(self, *, crowded: bool = False) -> None:
        """Everything wanted, what was refused before too; `crowded`: only what found no room, if there is."""
        for line in self.lines.waiting(crowded=crowded):
            if not crowded or self.lines.has_room(line.feed.kind):
                line.forgive()
                self._ask(line)

    def _data_flowed(self, happened: ev.DataFlowed, now: float) -> None:
        line = self.lines.asked.get(happened.req_id)
        if line is None:
            return
        if line.gap is not None and line.state is LineState.FLOWING and now < line.gap.since + SETTLE_S:
            self._do(ev.Arm(happened.req_id))
            return
        self._announcer.announce(line, line.flowed(now))

    def _type_told(self, happened: MarketDataType, _now: float) -> None:
        line = self.lines.asked.get(happened.req_id)
        if line is not None:
            self._announcer.announce(line, line.turned(happened.market_data_type))

    # -- the session

    def _session_up(self, happened: SessionUp, _now: float) -> None:
        self.up = True
        self._announcer.set_blocked(None if happened.upstream else "the gateway does not reach IBKR")
        self._broken_farms.clear()
        self.lines.renew_grants()
        if self._config.delayed == "fallback":
            self._do(ev.Send(ReqMarketDataType(DELAYED)))
        self.lookups.ask_all()
        self._ask_waiting()

    def _disconnected(self, happened: ev.Disconnected, _now: float) -> None:
        self.up = False
        self._lose_lines(happened.since, f"the session with the gateway was lost: {happened.reason}")
        self.lookups.lose_all()
        for pending in self.pending_calls.lose_all():
            self.lookups.leave(pending)

    def _upstream_lost(self, happened: UpstreamLost, now: float) -> None:
        reason = f"{happened.code} {happened.text}"
        self._announcer.set_blocked(reason)
        for line in self.lines:
            self._interrupt(line, now, reason)

    def _interrupt(self, line: Line, since: float, reason: str, farm: str = "") -> None:
        """Tell that data may be missing; the next that come are told again."""
        statuses = line.interrupted(since, reason, farm)
        self._announcer.announce(line, statuses)
        if statuses and line.req_id is not None:
            self._do(ev.Arm(line.req_id))

    def _farm_told(self, happened: FarmStatus, now: float) -> None:
        """Which farm serves a line is not known: those of others hear "resumed" with their next data."""
        farm = f"{happened.kind} farm {happened.name}"
        if happened.state is FarmState.BROKEN:
            self._broken_farms.add(farm)
            for line in self.lines:
                if happened.kind in line.spec.farms:
                    self._interrupt(line, now, _broken(farm), farm)
        elif happened.state is FarmState.OK and farm in self._broken_farms:
            self._broken_farms.discard(farm)
            for line in self.lines:
                if line.gap is not None and line.gap.farm == farm:
                    self.deadlines.add(now + FARM_S, Deadline(feed=line.feed))

    def _lines_checked(self, happened: ev.LinesChecked, now: float) -> None:
        silent_s = self._config.silent_s
        for line, data_at in silent_lines(self.lines, happened, now, silent_s) if self.up else ():
            reason = f"no data for {now - data_at:.0f} s while others tick; asked for again"
            grow_patience(line, silent_s)
            self._renew(line, data_at, reason)

    def _renew(self, line: Line, since: float, reason: str) -> None:
        """End the line's request and ask again under another id."""
        self.lines.withdraw(line)
        self._announcer.announce(line, line.lost(since, reason))
        self._ask(line)

    def _data_maintained(self, _happened: DataMaintained, now: float) -> None:
        """Which farm serves a line is not known: while one of its kind is missing, its data must show it."""
        self._announcer.set_blocked(None)
        for line in self.lines:
            could_serve = (farm for farm in self._broken_farms if farm.partition(" ")[0] in line.spec.farms)
            missing = min(could_serve, default=None)
            if missing is not None:
                self._announcer.announce(line, line.still_interrupted(_broken(missing), missing))
            elif line.state is LineState.FLOWING:
                self._announcer.announce(line, line.flowed(now))

    def _data_lost(self, _happened: DataLost, now: float) -> None:
        self._announcer.set_blocked(None)
        self._lose_lines(now, "1101 the gateway lost its subscriptions")
        if self.up:  # it may come while the session is being made
            self._ask_waiting()

    def _lose_lines(self, since: float, reason: str) -> None:
        for line in self.lines:
            self.lines.release(line)
            self._announcer.announce(line, line.lost(since, reason))

    # -- what becomes of requests

    def _written(self, happened: ev.RequestWritten, now: float) -> None:
        line = self.lines.asked.get(happened.req_id)
        if line is not None:
            line.written = True
        elif happened.req_id in self.lookups.asked:
            self.deadlines.add(now + TIMEOUT_S, Deadline(req_id=happened.req_id))

    def _gateway_error(self, happened: GatewayError, now: float) -> None:
        req_id, refusal = happened.req_id, Refusal(happened.code, happened.text)
        line, meaning = self.lines.asked.get(req_id), meaning_of(happened.code)
        stands = meaning in (Meaning.NOTICE, Meaning.DELAYED, Meaning.RESET)
        if meaning is Meaning.PACED and req_id in self.lookups.asked:
            self.deadlines.add(now + PACED_S, Deadline(req_id=req_id))
        elif meaning is Meaning.REFUSED or (line is None and not stands):
            self._refuse(req_id, refusal)
            if line is not None and happened.code == NO_DEFINITION:
                for subscription in line.listeners.values():
                    self.lookups.distrust(subscription.spelling)
        elif line is not None:
            self._line_error(line, req_id, meaning, refusal, now)

    def _line_error(self, line: Line, req_id: int, meaning: Meaning, refusal: Refusal, now: float) -> None:
        match meaning:
            case Meaning.DELAYED:
                self._announcer.announce(line, line.turned(DELAYED))
            case Meaning.RESET:
                self._do(ev.Reset(req_id))
            case Meaning.AGAIN if line.renewed_at is None or now > line.renewed_at + RETRY_S:
                line.renewed_at = now
                self.lines.release(line)
                self._announcer.announce(line, line.lost(now, f"{refusal.code} {refusal.text}"))
                self._ask(line)
            case Meaning.PACED:
                self._refuse(req_id, refusal, now + PACED_S)
            case Meaning.FULL:
                self._refuse(req_id, refusal)
                self.lines.grant(line.feed.kind)
                line.crowded = True
                self._try_more_later(now)
            case Meaning.AGAIN | Meaning.FOR_NOW:
                self._refuse(req_id, refusal, now + RETRY_S)
            case _:
                pass

    def _try_more_later(self, now: float) -> None:
        if not self._grants_due:
            self._grants_due = True
            self.deadlines.add(now + RETRY_S, Deadline(grants=True))

    def _refuse(self, req_id: int, refusal: Refusal, retry_at: float | None = None) -> None:
        line = self.lines.asked.get(req_id)
        if line is not None:
            self.lines.release(line)
            self._announcer.announce(line, line.refused(refusal, retry_at))
            if retry_at is not None:
                self.deadlines.add(retry_at, Deadline(feed=line.feed))
        elif req_id in self.lookups.asked:
            for subscription in self.lookups.refused(req_id, refusal):
                self._lookup_refused(subscription)
        else:
            self.pending_calls.refused(req_id, refusal)

    def _rerouted(self, happened: RerouteMktData, now: float) -> None:
        """The line's data come from another contract: ask for that one, once."""
        line = self.lines.asked.get(happened.req_id)
        if line is None:
            return
        if line.source is not None:
            self._refuse(
                happened.req_id, Refusal(None, "the gateway names one source of the data after another")
            )
            return
        line.source = Contract(con_id=happened.con_id, exchange=happened.exchange)
        self._renew(line, now, "the gateway takes the data from another contract")

    def _snapshot_ended(self, happened: TickSnapshotEnd, _now: float) -> None:
        line = self.lines.asked.get(happened.req_id)
        if line is not None:
            self.lines.release(line)
            self._announcer.announce(line, line.completed())
        self.pending_calls.snapshot_ended(happened.req_id)

    # -- calls

    def _call_came(self, happened: ev.SnapshotWanted | ev.PreviewWanted, now: float) -> None:
        pending = self.pending_calls.begin(happened, now)
        self.deadlines.add(now + DEADLINE_S, Deadline(call=pending.call))
        if pending.instrument is None:
            self.pending_calls.resolved(pending, None, self._shard)
        else:
            self._resolve(pending)

    # -- time

    def _timer_fired(self, _happened: ev.TimerFired, now: float) -> None:
        self._timer = None
        while (deadline := self.deadlines.take(now)) is not None:
            self._due(deadline, now)

    def _due(self, what: Deadline, now: float) -> None:
        """Do what is due, if it still means anything."""
        if what.topic:
            subscription = self.subscriptions.get(what.topic)
            if subscription is not None and subscription.outlived(now, self._config.grace_s):
                self._drop(subscription)
        elif what.call:
            pending = self.pending_calls.overdue(what.call)
            if pending is not None:
                self.lookups.leave(pending)
        elif what.returned:
            for topic in self._missed:
                self._do(ev.RememberTopic(topic, False))
            self._missed.clear()
        elif what.grants:
            self._grants_due = False
            self.lines.freed = True
            if self.lines.raise_grants():
                self._try_more_later(now)
        elif what.feed is None:
            if self.lookups.overdue(what.req_id):
                self.deadlines.add(now + TIMEOUT_S, what)
        else:
            line = self.lines.get(what.feed)
            if line is not None and self.up:
                self._line_due(line, now)

    def _line_due(self, line: Line, now: float) -> None:
        if line.retry_at is not None and now >= line.retry_at:
            line.forgive()
            self._ask(line)
        elif line.gap is not None and line.gap.farm and line.gap.farm not in self._broken_farms:
            self._renew(line, line.gap.since, line.gap.reason)


def _broken(farm: str) -> str:
    return f"the connection to {farm} is broken"
