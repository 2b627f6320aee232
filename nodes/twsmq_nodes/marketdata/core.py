"""The core of the market data node: topics wanted, lines held, what everybody is told.

    topic ──parse──▶ instrument ──look-up (once, remembered)──▶ contract ──▶ feed ──▶ line ──▶ request

Theory. A subscription is one topic, however many subscribers it has: XPUB tells presence per topic, not who.
It is served by a line, the one request at the gateway that every topic of the same feed shares. A topic's
first subscriber makes the subscription; `grace_s` after its last one left it is dropped, and the line with
the last subscription on it. After a lost session, or lost data (1101), everything wanted is asked for again,
most listened to first; lost upstream (1100) and its return with data maintained (1102) ask for nothing.

With several shards every one of them hears every topic; the contract's conId says whose it is. Until that is
known the hash of the topic says which shard speaks.

Invariants: see `validate`, and the parts: `lookups`, `lines`, `line`. Everything that decides lives in these
modules; none of them reads a clock or touches a socket.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from itertools import count
from typing import Any
from zlib import crc32

from twsmq_protocol.errors import FieldError
from twsmq_protocol.topics import parse_stream_topic

from twsmq_nodes.tws.contracts import Contract
from twsmq_nodes.tws.events import GatewayError, MarketDataType
from twsmq_nodes.tws.notices import DataLost, DataMaintained, SessionUp, UpstreamLost
from twsmq_nodes.tws.reference_events import ContractDetailsEnd, ContractDetailsReceived

from . import events as ev
from .contracts import NO_DEFINITION, Refusal
from .feeds import Feed, check_options, feed_of
from .gateway_errors import Meaning, meaning_of
from .line import Line, LineState, Say
from .lines import Lines
from .lookups import TIMEOUT_S, Lookups
from .subscription import Subscription

RETRY_S = 30.0
SETTLE_S = 1.0
"""Data already on its way when a gap opened does not prove that it has closed."""

_RESTARTED = "the market data node was restarted"


class MarketdataCore:
    """`handle(input, now)` is all there is to it; `now` in seconds, never going back."""

    def __init__(
        self,
        *,
        grace_s: float,
        contracts: dict[str, Contract],
        missed: Iterable[str] = (),
        shard: int = 0,
        shards: int = 1,
    ) -> None:
        """`contracts`: what is known by spelling. `missed`: topics that had listeners in an earlier life."""
        self.subscriptions: dict[str, Subscription] = {}
        self.up = False
        self._grace_s = grace_s
        self._missed = set(missed)
        self._shard, self._shards = shard, shards
        self._actions: list[ev.Action] = []
        req_ids = count(1)
        self.lookups = Lookups(contracts, req_ids, self._do)
        self.lines = Lines(req_ids, self._do)
        self._deadlines: list[tuple[float, int, str | int | Feed]] = []
        self._deadline_nos = count()
        self._timer: float | None = None
        self._rules: dict[type, Callable[[Any, float], None]] = {
            ev.TopicWanted: self._topic_wanted,
            ev.TopicLeft: self._topic_left,
            ev.Disconnected: self._disconnected,
            ev.RequestWritten: self._written,
            ev.RequestRefused: self._unwritable,
            ev.DataFlowed: self._data_flowed,
            ev.TimerFired: self._timer_fired,
            SessionUp: self._session_up,
            UpstreamLost: self._upstream_lost,
            DataLost: self._data_lost,
            DataMaintained: self._data_maintained,
            ContractDetailsReceived: lambda row, _: self.lookups.row(row),
            ContractDetailsEnd: self._rows_ended,
            GatewayError: self._gateway_error,
            MarketDataType: self._type_told,
        }

    def handle(self, happened: ev.Input, now: float) -> list[ev.Action]:
        """What is to be done, in this order. What concerns nobody here does nothing."""
        self._actions = []
        rule = self._rules.get(type(happened))
        if rule is not None:
            rule(happened, now)
        at = self._deadlines[0][0] if self._deadlines else None
        if at != self._timer:
            self._timer = at
            self._do(ev.SetTimer(at))
        return self._actions

    def _do(self, action: ev.Action) -> None:
        self._actions.append(action)

    # -- topics come and go

    def _topic_wanted(self, happened: ev.TopicWanted, now: float) -> None:
        topic = happened.topic
        known = self.subscriptions.get(topic)
        if known is not None:
            self._rejoin(known)
            return
        subscription = Subscription(topic, now, missed=topic in self._missed)
        try:
            subscription.parsed = parse_stream_topic(topic)
            if subscription.parsed is None:
                return
            check_options(subscription.parsed)
        except FieldError as error:
            subscription.refusal = Refusal(None, str(error))
        self._missed.discard(topic)
        self.subscriptions[topic] = subscription
        self._do(ev.RememberTopic(topic, True))
        contract = None if subscription.refusal else self.lookups.want(subscription)
        if contract is not None:
            self._attach(subscription, contract)
            return
        self._say_present(subscription)
        if self.up and subscription.lookup is not None:
            self.lookups.ask(subscription.lookup)

    def _rejoin(self, subscription: Subscription) -> None:
        """One more subscriber, or the first again within the grace time."""
        subscription.joins += 1
        if not subscription.wanted:
            subscription.wanted = True
            self._do(ev.RememberTopic(subscription.topic, True))
        self._say_present(subscription, repeated=True)
        if self.up and subscription.line is not None:
            self.lines.ask(subscription.line)
        if self.up and subscription.lookup is not None:
            self.lookups.ask(subscription.lookup)

    def _topic_left(self, happened: ev.TopicLeft, now: float) -> None:
        subscription = self.subscriptions.get(happened.topic)
        if subscription is not None and subscription.wanted:
            subscription.wanted = False
            subscription.left_at = now
            self._do(ev.RememberTopic(happened.topic, False))
            self._wake_at(now + self._grace_s, happened.topic)

    def _drop(self, subscription: Subscription) -> None:
        """Nobody came back within the grace time."""
        del self.subscriptions[subscription.topic]
        if self._speaks_for(subscription):
            self._do(ev.Tell(subscription.topic, Say("closed"), subscription.con_id))
        self._do(ev.ForgetTopic(subscription.topic))
        self.lines.leave(subscription)
        self.lookups.leave(subscription)

    # -- from topic to line

    def _rows_ended(self, happened: ContractDetailsEnd, _now: float) -> None:
        waiting, contract = self.lookups.ended(happened.req_id)
        for subscription in waiting:
            if contract is None:
                self._say_present(subscription)
            else:
                self._attach(subscription, contract)

    def _attach(self, subscription: Subscription, contract: Contract) -> None:
        """Give the subscription its line, unless another shard serves the contract."""
        if subscription.parsed is None or not self._serves(contract):
            return
        line = self.lines.join(feed_of(subscription.parsed, contract), subscription)
        self._say_present(subscription)
        if self.up:
            self.lines.ask(line)

    def _data_flowed(self, happened: ev.DataFlowed, now: float) -> None:
        line = self.lines.asked.get(happened.req_id)
        if line is None:
            return
        if line.gap is not None and line.state is LineState.FLOWING and now < line.gap.since + SETTLE_S:
            self._do(ev.Arm(happened.req_id))
            return
        self._say(line, line.flowed(now))

    def _type_told(self, happened: MarketDataType, _now: float) -> None:
        line = self.lines.asked.get(happened.req_id)
        if line is not None:
            self._say(line, line.turned(happened.market_data_type))

    # -- the session

    def _session_up(self, _happened: SessionUp, _now: float) -> None:
        self.up = True
        self.lookups.ask_all()
        self.lines.ask_all()

    def _disconnected(self, happened: ev.Disconnected, _now: float) -> None:
        self.up = False
        self._lose_lines(happened.since, f"the session with the gateway was lost: {happened.reason}")
        self.lookups.lose_all()

    def _upstream_lost(self, happened: UpstreamLost, now: float) -> None:
        for line in self.lines:
            says = line.interrupted(now, f"{happened.code} {happened.text}")
            self._say(line, says)
            if says and line.req_id is not None:
                self._do(ev.Arm(line.req_id))

    def _data_maintained(self, _happened: DataMaintained, now: float) -> None:
        for line in self.lines:
            if line.state is LineState.FLOWING:
                self._say(line, line.flowed(now))

    def _data_lost(self, _happened: DataLost, now: float) -> None:
        self._lose_lines(now, "1101 the gateway lost its subscriptions")
        self.lines.ask_all()

    def _lose_lines(self, since: float, reason: str) -> None:
        for line in self.lines:
            self.lines.release(line)
            self._say(line, line.lost(since, reason))

    # -- what becomes of requests

    def _written(self, happened: ev.RequestWritten, now: float) -> None:
        line = self.lines.asked.get(happened.req_id)
        if line is not None:
            line.written = True
        elif happened.req_id in self.lookups.asked:
            self._wake_at(now + TIMEOUT_S, happened.req_id)

    def _unwritable(self, happened: ev.RequestRefused, _now: float) -> None:
        self._refuse(happened.req_id, Refusal(None, happened.text))

    def _gateway_error(self, happened: GatewayError, now: float) -> None:
        req_id, refusal = happened.req_id, Refusal(happened.code, happened.text)
        line = self.lines.asked.get(req_id)
        match meaning_of(happened.code):
            case Meaning.NOTICE:
                pass
            case Meaning.DELAYED:
                if line is not None:
                    self._say(line, line.turned(3))
            case Meaning.REFUSED:
                self._refuse(req_id, refusal)
                if line is not None and happened.code == NO_DEFINITION:
                    for subscription in line.listeners.values():
                        self.lookups.distrust(subscription.spelling)
            case Meaning.FOR_NOW:
                self._refuse(req_id, refusal, now + RETRY_S)

    def _refuse(self, req_id: int, refusal: Refusal, retry_at: float | None = None) -> None:
        line = self.lines.asked.get(req_id)
        if line is not None:
            self.lines.release(line)
            self._say(line, line.refused(refusal, retry_at))
            if retry_at is not None:
                self._wake_at(retry_at, line.feed)
        elif req_id in self.lookups.asked:
            for subscription in self.lookups.refused(req_id, refusal):
                self._say_present(subscription)

    # -- time

    def _timer_fired(self, _happened: ev.TimerFired, now: float) -> None:
        self._timer = None
        while self._deadlines and self._deadlines[0][0] <= now:
            self._due(heapq.heappop(self._deadlines)[2], now)

    def _due(self, what: str | int | Feed, now: float) -> None:
        """The deadline of a topic left, a look-up or a refused line, if it still means anything."""
        if isinstance(what, str):
            subscription = self.subscriptions.get(what)
            if subscription and not subscription.wanted and now >= subscription.left_at + self._grace_s:
                self._drop(subscription)
        elif isinstance(what, int):
            self.lookups.overdue(what)
        else:
            line = self.lines.get(what)
            if line is not None and self.up and line.retry_at is not None and now >= line.retry_at:
                line.forgive()
                self.lines.ask(line)

    def _wake_at(self, at: float, what: str | int | Feed) -> None:
        heapq.heappush(self._deadlines, (at, next(self._deadline_nos), what))

    # -- telling

    def _say(self, line: Line, says: list[Say]) -> None:
        """Tell all who listen to the line."""
        for say in says:
            for subscription in line.listeners.values():
                if subscription.missed and say.state != "gap":
                    self._end_missed(subscription, say)
                else:
                    self._do(ev.Tell(subscription.topic, say, subscription.con_id))

    def _end_missed(self, subscription: Subscription, say: Say) -> None:
        """The first word after a restart, to those who were told of a gap whose beginning nobody knows."""
        subscription.missed = False
        if say.state != "error":
            self._do(ev.Tell(subscription.topic, Say("resumed", reason=_RESTARTED), subscription.con_id))
        if say.state not in ("active", "resumed"):
            self._do(ev.Tell(subscription.topic, say, subscription.con_id))

    def _say_present(self, subscription: Subscription, *, repeated: bool = False) -> None:
        """Tell a newcomer how its topic stands, and the last value."""
        if not self._speaks_for(subscription):
            return
        line, topic, say = subscription.line, subscription.topic, subscription.present()
        if subscription.missed and not repeated:
            self._do(ev.Tell(topic, Say("gap", reason=_RESTARTED), subscription.con_id))
        if subscription.missed and line is not None and line.state is LineState.FLOWING:
            self._end_missed(subscription, say)
        else:
            self._do(ev.Tell(topic, say, subscription.con_id, repeated))
        if line is not None and (line.state is LineState.FLOWING or line.gap is not None):
            self._do(ev.Greet(topic))

    def _speaks_for(self, subscription: Subscription) -> bool:
        """Whether it is this shard that tells how the topic stands."""
        if subscription.line is not None:
            return True
        return not subscription.foreign and crc32(subscription.topic.encode()) % self._shards == self._shard

    def _serves(self, contract: Contract) -> bool:
        key = str(contract.con_id or contract.combo_legs)
        return crc32(key.encode()) % self._shards == self._shard

    def validate(self) -> None:
        """Assert what must hold between any two inputs."""
        for topic, subscription in self.subscriptions.items():
            assert topic == subscription.topic
            served = [x for x in (subscription.line, subscription.lookup, subscription.refusal) if x]
            assert len(served) <= 1, f"{topic} is served twice"
            assert subscription.lookup is None or topic in subscription.lookup.subscriptions
            assert subscription.wanted or any(what == topic for _, _, what in self._deadlines)
        for line in self.lines:
            assert line.listeners, f"line {line.number} has no listener"
            assert (line.req_id is not None) == (line.state in (LineState.ASKED, LineState.FLOWING))
            assert line.req_id is None or self.lines.asked[line.req_id] is line
            assert line.gap is None or line.state is not LineState.REFUSED
            assert all(self.subscriptions[topic].line is line for topic in line.listeners)
        assert all(line.req_id == req_id for req_id, line in self.lines.asked.items())
        for spelling, lookup in self.lookups.by_spelling.items():
            assert lookup.spelling == spelling
            assert lookup.subscriptions, f"nobody waits for {spelling}"
        assert all(lookup.req_id == req_id for req_id, lookup in self.lookups.asked.items())
        assert self.up or not (self.lines.asked or self.lookups.asked)
