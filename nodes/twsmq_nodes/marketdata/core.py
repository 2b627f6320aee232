"""The core of the market data node: topics wanted, the contract behind each, the line that serves it.

    topic ──parse──▶ instrument ──look-up (once, remembered)──▶ contract ──▶ feed ──▶ line ──▶ request

Theory. A topic that somebody wants is a subscription (`wanted`). It is served by a line, the one request at
the gateway that every topic of the same feed shares. What interrupts a line is `recovery`'s business, what a
spelling means `contracts`'. Here is the table of what reacts to which input, and what concerns several of
those rooms: the session, and requests whose answer may be anybody's. Invariants: `invariants.py`, and the
parts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from twsmq_protocol.config import Marketdata
from twsmq_protocol.errors import ErrorCode, FieldError
from twsmq_protocol.instruments import Instrument, parse_instrument
from twsmq_protocol.topics import StreamTopic

from twsmq_nodes.tws.contracts import Contract
from twsmq_nodes.tws.events import GatewayError, MarketDataType, RerouteMktData, TickSnapshotEnd
from twsmq_nodes.tws.ledger import PacingLedger
from twsmq_nodes.tws.reference_events import ContractDetailsEnd, ContractDetailsReceived
from twsmq_nodes.tws.session_events import (
    ConnectFailed,
    DataLost,
    DataMaintained,
    FarmStatus,
    SessionUp,
    UpstreamLost,
    WaitingClientId,
)

from . import deadlines as due
from . import events as ev
from .asking import Asking
from .contracts import Contracts
from .gateway_errors import Meaning, verdict_on
from .line import Line, LineState
from .lines import Lines, limits_of
from .listings import NOT_ALLOWED, PAID_ONCE, Listing, Refusal
from .lookups import Lookups
from .pending_calls import PendingCalls
from .recovery import Recovery
from .shared_lines import SharedLines
from .stream_status import StatusAnnouncer
from .subscription import Subscription
from .wanted import WantedTopics


class MarketdataCore:
    """`handle(input, now)` is all there is to it; `now` in seconds, never going back."""

    def __init__(
        self,
        *,
        config: Marketdata,
        listings: dict[str, Listing],
        missed: Mapping[str, float | None] = MappingProxyType({}),
        shard: int = 0,
        wall_s: float = 0.0,
        ledger: PacingLedger | None = None,
    ) -> None:
        """`listings`: what is known by spelling. `missed`: topics that had listeners in an earlier life, and
        since when these are without data, None if that is not known. `wall_s`: seconds since the epoch.
        """
        self.subscriptions: dict[str, Subscription] = {}
        self.up = False
        self._config = config
        self._actions: list[ev.Action] = []
        self.deadlines = due.Deadlines()
        asking = self._asking = Asking(ledger or PacingLedger(), self._do)
        self.lookups = Lookups(listings, asking, self.deadlines, self._do)
        self.lookups.wall_s = wall_s
        shared = SharedLines(limits_of(config), shard, config.instances)
        self.lines = Lines(shared, asking, self.deadlines, self._do)
        self._announcer = StatusAnnouncer(shard, config.instances, self.subscriptions, self._do)
        self.pending_calls = PendingCalls(
            self.lines,
            self.lookups,
            asking,
            self.deadlines,
            config.accepts,
            resolve=lambda waiter: self.contracts.resolve(waiter),  # noqa: PLW0108 - made below
            unknown=lambda spelling: self.contracts.unknown(spelling),  # noqa: PLW0108
            doubt=lambda: self.recovery.outages.doubt(self._announcer.now),
            shard_of=self._announcer.shard_of,
            now=lambda: self._announcer.now,
            do=self._do,
        )
        self.recovery = Recovery(
            self.lines, self._announcer, self.deadlines, config, ask=self._ask, do=self._do
        )
        self._wanted = WantedTopics(
            self.subscriptions,
            self.lines,
            self.lookups,
            self._announcer,
            self.deadlines,
            config,
            missed=missed,
            resolve=lambda waiter: self.contracts.resolve(waiter),  # noqa: PLW0108 - made below
            ask=self._ask,
            do=self._do,
        )
        self.contracts = Contracts(
            self.subscriptions,
            self.lookups,
            self.lines,
            self.recovery,
            self._announcer,
            config.accepts,
            attach=self._wanted.attach,
            ask=self._ask,
            do=self._do,
        )
        self._rules = self._table()

    def _table(self) -> dict[type, Callable[[Any, float], None]]:
        """What reacts to which input."""
        return {
            ev.TopicWanted: self._wanted.topic_wanted,
            ev.TopicLeft: self._wanted.topic_left,
            ev.Disconnected: self._disconnected,
            ev.Unconnected: lambda it, _: self._announcer.set_blocked(it.reason),
            ev.RequestWritten: self._written,
            ev.RequestRefused: self._unsendable,
            ev.DataFlowed: self.recovery.data_flowed,
            ev.LinesChecked: self._lines_checked,
            ev.SnapshotWanted: self._snapshot_wanted,
            ev.PreviewWanted: self._preview_wanted,
            ev.RetryWanted: self._wanted.retry_wanted,
            ev.TimerFired: self._timer_fired,
            SessionUp: self._session_up,
            ConnectFailed: self.recovery.note,
            WaitingClientId: self.recovery.note,
            UpstreamLost: self.recovery.upstream_lost,
            DataLost: self._data_lost,
            DataMaintained: self._data_maintained,
            ContractDetailsReceived: lambda row, _: self.lookups.row(row),
            ContractDetailsEnd: self.contracts.rows_ended,
            GatewayError: self._gateway_error,
            MarketDataType: self._type_changed,
            TickSnapshotEnd: self._snapshot_ended,
            FarmStatus: self.recovery.farm_changed,
            RerouteMktData: self._rerouted,
        }

    @property
    def wake_at(self) -> float | None:
        """When to be handed a `TimerFired`."""
        return self.deadlines.next_at()

    def handle(self, happened: ev.Input, now: float) -> list[ev.Action]:
        """What is to be done, in this order. What concerns nobody here does nothing."""
        self._actions.clear()
        self._announcer.now = self.lines.now = now
        self._wanted.time_passed(now)
        rule = self._rules.get(type(happened))
        if rule is not None:
            rule(happened, now)
        if self.lines.take_freed() and self.up:
            self._ask_waiting(now, crowded=True)
        if self.up:
            self.lookups.take_turns(now)
        return list(self._actions)

    def _do(self, action: ev.Action) -> None:
        self._actions.append(action)

    def _ask(self, line: Line, now: float) -> None:
        """Ask for a line that waits, unless what is known of its contract is too old."""
        if not self.up or line.state is not LineState.WAITING:
            return
        if self.lookups.wall_s < line.listing.expires_s:
            self._announcer.announce(line, self.lines.ask(line, now))
            return
        self._announcer.announce(
            line, line.waits("what is known of its contract is too old: looked up again")
        )
        for spelling in sorted({listener.spelling for listener in line.listeners.values()}):
            self.contracts.look_up_again(spelling)

    def _ask_waiting(self, now: float, *, crowded: bool = False) -> None:
        """Everything wanted, what was refused before too; `crowded`: only what found no room, if there is."""
        for line in self.lines.waiting(crowded=crowded):
            if line.refusal == PAID_ONCE:
                continue
            if not crowded or self.lines.has_room(line.feed.kind):
                line.forgive()
                self._ask(line, now)

    # -- the session

    def _session_up(self, happened: SessionUp, now: float) -> None:
        first, self.up = not self.recovery.had_session, True
        self._asking.session_began()
        self.lines.shared.session_up(now)
        self.recovery.session_up(happened, now)
        self.lookups.ask_all()
        self._ask_waiting(now)
        if not first:
            self.lookups.age(self.contracts.in_use())

    def _disconnected(self, happened: ev.Disconnected, _now: float) -> None:
        self.up = False
        self.lines.shared.session_lost(self.lines.held())
        self._asking.session_ended()
        reason = f"the session with the gateway was lost: {happened.reason}"
        self.recovery.outages.session_lost()
        self.recovery.session_lost(happened.since, reason)
        self.lookups.lose_all()
        self.pending_calls.lose_all()

    def _data_lost(self, happened: DataLost, now: float) -> None:
        self.recovery.data_lost(happened, now)
        if self.up:  # it may come while the session is being made
            self.lookups.ask_again()
            self._ask_waiting(now)

    def _data_maintained(self, happened: DataMaintained, now: float) -> None:
        self.recovery.data_maintained(happened, now)
        if self.up:
            self.lookups.ask_again()

    def _outage_settled(self, now: float) -> None:
        """What was refused as unknown while things were not right deserves another answer."""
        if self.up and self.recovery.outages.doubt(now) is None:
            self.lookups.ask_all()
            self.recovery.ask_again_in_calm(now)

    # -- what becomes of requests

    def _written(self, happened: ev.RequestWritten, now: float) -> None:
        self._asking.written(happened.req_id, now)
        line = self.lines.asked.get(happened.req_id)
        if line is not None:
            line.written_at = now
        else:
            self.lookups.written(happened.req_id, now)

    def _unsendable(self, happened: ev.RequestRefused, now: float) -> None:
        refusal = Refusal(None, happened.text)
        line = self.lines.asked.get(happened.req_id)
        if line is not None:
            self.recovery.refuse(line, refusal, now)
        elif happened.req_id in self.lookups.asked:
            self.contracts.refused(happened.req_id, refusal, now, None)
        else:
            self.pending_calls.unsendable(happened.req_id, refusal)

    def _gateway_error(self, happened: GatewayError, now: float) -> None:
        req_id, code = happened.req_id, happened.code
        verdict = verdict_on(code, happened.text)
        line = self.lines.asked.get(req_id)
        if line is not None:
            self.recovery.error(line, happened, verdict, now)
            if verdict.meaning is Meaning.UNKNOWN_CONTRACT and self.recovery.outages.doubt(now) is None:
                self.contracts.doubt(line)
        elif req_id in self.lookups.asked:
            self.contracts.error(req_id, happened, verdict.meaning, now)
        else:
            self.pending_calls.error(req_id, Refusal(code, happened.text), verdict)

    def _type_changed(self, happened: MarketDataType, _now: float) -> None:
        self.recovery.type_changed(happened)
        kind = happened.market_data_type
        self.pending_calls.type_changed(happened.req_id, delayed=kind in (3, 4), frozen=kind == 2)

    def _rerouted(self, happened: RerouteMktData, now: float) -> None:
        try:
            parse_instrument(str(Instrument(con_id=happened.con_id, exchange=happened.exchange)))
        except FieldError:  # no contract is called so; what comes of the request shows by itself
            return
        source = Contract(con_id=happened.con_id, exchange=happened.exchange)
        line = self.lines.asked.get(happened.req_id)
        if line is None:
            self.pending_calls.rerouted(happened.req_id, source, now)
        elif self.recovery.rerouted(line, happened, now):
            self.contracts.use_units_of(source, line)

    def _snapshot_ended(self, happened: TickSnapshotEnd, _now: float) -> None:
        line = self.lines.asked.get(happened.req_id)
        if line is not None and line.feed.regulatory:  # a stream has no end
            self.lines.release(line)
            self._announcer.announce(line, line.completed())
        self.pending_calls.snapshot_ended(happened.req_id)

    # -- calls

    def _snapshot_wanted(self, happened: ev.SnapshotWanted, _now: float) -> None:
        if happened.regulatory and not self._config.regulatory_snapshots:
            self._do(ev.Fail(happened.call, ErrorCode.UNAUTHORIZED, NOT_ALLOWED.text))
            return
        options = (("data", happened.data),) if happened.data else ()
        topic = StreamTopic("quote", happened.instrument, options)
        self.pending_calls.begin(happened.call, topic, preview=False, regulatory=happened.regulatory)

    def _preview_wanted(self, happened: ev.PreviewWanted, _now: float) -> None:
        self.pending_calls.begin(happened.call, happened.topic, preview=True, regulatory=False)

    def _lines_checked(self, checked: ev.LinesChecked, now: float) -> None:
        self.contracts.age(checked.wall_s)
        gave_way = self.lines.others_gave_way()
        if self.up:
            self.recovery.lines_checked(checked, now)
            if gave_way:
                self._ask_waiting(now, crowded=True)

    def _timer_fired(self, _happened: ev.TimerFired, now: float) -> None:
        while (deadline := self.deadlines.take(now)) is not None:
            self._due(deadline, now)

    def _due(self, what: due.Deadline, now: float) -> None:
        """Do what is due, if it still means anything."""
        match what:
            case due.TopicLapsed(topic):
                self._wanted.lapsed(topic, now)
            case due.CallOverdue(call):
                self.pending_calls.overdue(call, now)
            case due.SnapshotDue(call):
                self.pending_calls.due(call, now)
            case due.LookupDue(spelling):
                self.lookups.due(spelling, now)
            case due.TurnDue():
                self.lookups.turn_came()
            case due.LineDue(feed):
                line = self.lines.get(feed)
                if line is not None and self.up:
                    self.recovery.line_due(line, now)
            case due.GrantsDue():
                self.recovery.grants_due(now)
            case due.OutageSettled():
                self._outage_settled(now)
            case due.ReturnsOver():
                self._wanted.returns_over()
