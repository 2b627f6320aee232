"""The orders node's mind: requests and gateway reports in, actions out, `now` an argument.

    down ──session up──▶ reconciling ──complete snapshot──▶ ready ──session lost──▶ down
                               ▲                              │
                               └────────── 1101 ──────────────┘

Invariants (design): nothing is written whose intent is not durable; an event is published once it is durable,
in the order of its number; no order is taken before a complete snapshot of this session; what was written and
not answered when a session ends is `unknown` until a snapshot shows what became of it.

The state machine of one order is in `states`, all orders in `book`, what reports mean in `reports`, what is
in doubt and how it is found out in `reconciliation`, what a snapshot proves in `snapshots`, the way of a
request in `intake` and `pipeline`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable
from typing import Any

from msgspec.structs import replace
from twsmq_protocol import order_control_requests as control
from twsmq_protocol import order_query_requests as query
from twsmq_protocol import order_requests as rq
from twsmq_protocol.envelope import Args
from twsmq_protocol.errors import ErrorCode, RequestError
from twsmq_protocol.order_events import TERMINAL_STATUSES, Order
from twsmq_protocol.requests import OPS
from twsmq_protocol.system_events import NodeState

from twsmq_nodes.tws import events as tws
from twsmq_nodes.tws.encoded import Encoded, Sent

from . import queries
from .actions import Action, Caller, Enter, Journal, Now, Publish, Reply, Write
from .adoption import UNTIL_TAKEN_OVER, Adoption
from .book import Book
from .entries import Entry
from .foreign.account_executions import AccountExecutions
from .foreign.orders import ENDED, ForeignOrders
from .halts import Halts
from .ids import Key
from .intake import Intake
from .journal.watermark import Mark
from .older_copy import OlderCopy
from .pipeline.pipeline import Pipeline
from .reconciliation.reconciliation import DOUBT_S, Reconciliation
from .reports.account_notices import AccountNotices
from .reports.changes import Changes
from .reports.recorder import LONGEST_TEXT
from .reports.reports import Reports

_ABOUT_ORDERS = frozenset((None, 3, 5, 11, 101))
"""Message ids of orderStatus, openOrder, execDetails, completedOrder; None for a frame that has none."""
IDS_USED_UP = (
    "the gateway's order ids are used up: reset them there (Global Configuration, API, Settings: Reset API "
    "order ID sequence) while no order works; cancels still pass"
)


class OrdersCore:
    """`entries`, `settings`: what was journaled before. `encode` raises EncodeRefused for the impossible."""

    def __init__(
        self,
        client_id: int,
        encode: Callable[[Sent], Encoded],
        *,
        allow_live: bool = False,
        entries: Iterable[Entry] = (),
        settings: dict[str, str] | None = None,
        mark: Mark = Mark(""),  # noqa: B008 - never written to
    ) -> None:
        self.book = Book.of(entries)
        self.book.skip(mark)
        self._takes_over = mark.end_is_lost
        self._actions: list[Action] = []
        self._notices = AccountNotices(self._actions)
        changes = Changes(self.book)
        self.pipeline = Pipeline(self.book, changes, encode, self._actions)
        self.intake = Intake(self.book, self.pipeline, allow_live, self._actions)
        self._adoption = Adoption(self.book, self.pipeline, client_id)
        self._halts = Halts(self.book, self.intake, settings or {}, self._actions)
        self._older_copy = OlderCopy(self.book, settings or {}, self._stop_unless_lost, self._actions)
        self._client_id = client_id
        self._reports = Reports(self.book, client_id, changes)
        self._executions = AccountExecutions(self._reports.executions, self._actions)
        self.foreign = ForeignOrders(self.book, self._executions, self._actions)
        self._reconciliation = Reconciliation(
            self.book, self.pipeline, self._reports, self.foreign, self._actions
        )
        self.intake.claimed = self.foreign.claimed
        self._reports.identity.know(self.foreign, self.pipeline.snapshots)
        intake, halts = self.intake, self._halts
        self._handlers: dict[type[Args], Callable[[Any, Caller, Now], None]] = {
            rq.PlaceOrder: intake.place,
            rq.PlaceOrders: intake.place_group,
            rq.ModifyOrder: intake.modify,
            rq.CancelOrder: intake.cancel,
            rq.CancelOrders: intake.cancel_matching,
            rq.PreviewOrder: intake.preview,
            rq.ExerciseOption: intake.exercise,
            control.ResolveOrder: self._adoption.resolve,
            control.AdoptOrder: self._adopt,
            control.Halt: halts.halt,
            control.Resume: halts.resume,
        }
        self._unpublished: deque[Entry] = deque()
        self.published_no = self.book.last_no
        self.published_strategy_nos = dict(self.book.strategy_nos)
        self._stalled: str | None = None
        self._entered: tuple[str, str | None] = ("starting", None)

    def _stop_unless_lost(self, why: str) -> None:
        """What a power loss took from the journal is taken over: nobody need be stopped."""
        if not self._takes_over:
            self._halts.stop(why)

    # -- its life

    def start(self, now: Now) -> list[Action]:
        """The journal was read: what nobody answered is unknown; newcomers are greeted with the rest."""
        self._reconciliation.lose_all("the node was restarted before the gateway answered", now)
        recorded = {entry.event.event_no for entry in self.book.outgoing}
        for record in self.book.active():
            if record.order.event_no not in recorded:
                self._actions.append(Publish(replace(record.order, snapshot=True), retain=True))
        return self._flush()

    def session_up(
        self,
        accounts: tuple[str, ...],
        next_order_id: int,
        upstream: bool,
        offset_s: int | None,
        now: Now,
        *,
        zone: str = "",
    ) -> list[Action]:
        """nextValidId has come. `offset_s`, `zone`: where the gateway's clock stands, and what it calls that;
        see `gateway_times`."""
        self._reports.executions.zone = (zone, offset_s) if zone and offset_s is not None else None
        self.intake.accounts = self.pipeline.snapshots.accounts = accounts
        self.book.ids.raise_floor(next_order_id)
        self.pipeline.session_began()
        self._reconciliation.session_began(upstream, offset_s, now)
        return self._flush()

    def session_lost(self, reason: str, now: Now) -> list[Action]:
        self.pipeline.session_ended()
        self._reconciliation.session_ended(reason, now)
        return self._flush()

    def upstream_changed(self, connected: bool, *, data_lost: bool, now: Now) -> list[Action]:
        """The gateway's own connection to the broker: without it, what it lists may be incomplete."""
        if not connected or data_lost:
            why = "the gateway has lost its connection to the broker; it had no effect"
            self.pipeline.withdraw_all(None, RequestError(ErrorCode.NOT_READY, why))
        self._reconciliation.upstream_changed(connected, data_lost=data_lost, now=now)
        return self._flush()

    def journal_stalled(self, reason: str | None) -> list[Action]:
        """The journal cannot write (or can again: None). Nothing is lost, nothing is sent meanwhile."""
        self._stalled = reason
        return self._flush()

    @property
    def state(self) -> tuple[NodeState, str | None]:
        """What the node is, apart from a session that is on its way up."""
        if not self.pipeline.connected:
            return "connecting", "no session with the gateway"
        if self._stalled is not None:
            return "reconciling", f"the journal cannot write: {self._stalled}"
        if not self._reconciliation.upstream:
            return "connecting", "the gateway has lost its connection to the broker"
        if self._reconciliation.refused is not None:
            return "reconciling", self._reconciliation.refused
        if self._reconciliation.reconciled and self.book.ids.used_up:
            return "reconciling", IDS_USED_UP
        if not self._reconciliation.reconciled:
            return "reconciling", f"asking the gateway for its {self._reconciliation.asking}"
        if self._takes_over:
            return "reconciling", UNTIL_TAKEN_OVER
        return "ready", self._reconciliation.degraded

    # -- requests: a RequestError raised is the reply

    @property
    def ops(self) -> list[str]:
        """What `request` takes."""
        return [name for name, op in OPS.items() if op.args in self._handlers]

    def request(self, args: Args, caller: Caller, now: Now) -> list[Action]:
        """One of `ops`. A request that is refused is replied to, and has no effect."""
        try:
            with self.book.asked_by(caller.who):
                self._handlers[type(args)](args, caller, now)
        except RequestError as error:
            self._actions.append(Reply(caller, error))
        return self._flush()

    def _adopt(self, args: control.AdoptOrder, caller: Caller, now: Now) -> None:
        self._adoption.adopt(args, caller, self.foreign, now)
        self._reconciliation.look_within(DOUBT_S, now)  # it stands as last listed, and may have ended

    def setting_saved(self, name: str) -> list[Action]:
        """What was to be kept under this name is on disk."""
        self._halts.setting_saved(name)
        return self._flush()

    def orders(self, args: query.GetOrders) -> query.OrderList:
        return queries.orders(self.book, args, self.foreign.rows.values())

    def executions(self, args: query.GetExecutions) -> query.ExecutionList:
        return queries.executions(self.book, args)

    def account_executions(self, args: control.GetAccountExecutions) -> control.AccountExecutionList:
        return self._executions.rows(args)

    def has_order_id_alone(self, row: query.ForeignOrder) -> bool:
        """Whether no order but this one has its order id, as far as is known."""
        alone = len(self.foreign.with_order_id(row.order_id)) <= 1
        return alone and self.book.by_order_id(row.order_id) is None

    def position_reported(self, account: str, con_id: int, units: float, now: Now) -> list[Action]:
        """As the status node publishes it."""
        self._reconciliation.foreign_watch.position(account, con_id, units, now)
        return self._flush()

    # -- gate, journal, wire

    @property
    def waiting(self) -> bool:
        """Something stands at the gate: call `admit` when the budget allows a message."""
        return bool(self.pipeline.gate)

    def admit(self, now: Now, most: float = 1) -> tuple[list[Action], int]:
        """Let through what `most` messages are enough for, or one group that is larger; and how many of
        the budget's were taken."""
        taken = self.pipeline.admit(now)
        while taken < most and self.waiting:
            taken += self.pipeline.admit(now)
        return self._flush(), taken

    def durable(self, event_no: int, now: Now, written: Collection[Write] = ()) -> list[Action]:
        """Everything up to `event_no` is on disk, and `written` on the wire already."""
        self.pipeline.durable(event_no, now, written)
        for write in written:
            self._reconciliation.written(write.key, now)
        while self._unpublished and self._unpublished[0].event.event_no <= event_no:
            event = self._unpublished.popleft().event
            self.published_no = event.event_no
            self.published_strategy_nos[event.strategy] = event.strategy_no
            retain = isinstance(event, Order) and event.status not in TERMINAL_STATUSES
            self._actions.append(Publish(event, retain))
        return self._flush()

    def written(self, key: Key, request: Sent, now: Now) -> list[Action]:
        self.pipeline.written(key, request)
        self._reconciliation.written(key, now)
        return self._flush()

    def not_written(self, write: Write, now: Now) -> list[Action]:
        self.pipeline.not_written(write, now)
        self._reconciliation.conclusions.end_staged(now)
        return self._flush()

    # -- the gateway's reports

    def received(self, events: Iterable[tws.Event], now: Now) -> list[Action]:
        """Some that came together, in their order."""
        for event in events:
            if not self.pipeline.previews or not self._about_preview(event):
                self._on_report(event, now)
        if self.book.staged:
            self._reconciliation.conclusions.end_staged(now)
        return self._flush()

    def _about_preview(self, event: tws.Event) -> bool:
        """Every client counts its order ids from 1, and the open orders of all are listed."""
        match event:
            case tws.OpenOrder(order_id, _, order) if order.client_id == self._client_id:
                if order_id in self.pipeline.previews:
                    self.pipeline.previews.answered(order_id, event.state)
                    return True
            case tws.GatewayError(req_id) if req_id in self.pipeline.previews:
                self.pipeline.previews.refused(event)
                return True
            case _:
                pass
        return False

    def _on_report(self, event: tws.Event, now: Now) -> None:  # noqa: C901  a table of events
        match event:
            case tws.OpenOrder():
                record, follow_ups = self._reports.open_order(event, now.ns)
                self._reconciliation.open_order(event, record, listed=event.state.status not in ENDED)
                if record is None and event.order.client_id == self._client_id:
                    self.foreign.claim(event.order.order_ref, "an order", event.order.perm_id)
                    self._older_copy.seen(event.order_id, event.order.order_ref)
                self._reconciliation.follow(follow_ups, now)
            case tws.OrderStatus():
                record, follow_ups = self._reports.order_status(event, now.ns)
                if record is None:
                    self.foreign.status(event)
                if event.status in ENDED:
                    self._reconciliation.closed(record, event.perm_id)
                self._reconciliation.follow(follow_ups, now)
            case tws.ExecDetails():
                record, follow_ups = self._reports.execution(event, now.ns)
                news = self._executions.learn(event, record, now.ns)
                self._reconciliation.execution(event, self._reports.executions.time_ns(event.execution.time))
                if news is not None and self._reconciliation.reconciled:
                    self._reconciliation.foreign_watch.executed(news, now)
                if record is not None and self._reports.complete(record):
                    self._reconciliation.closed(record, event.execution.perm_id)
                elif record is None and event.execution.client_id == self._client_id:
                    self.foreign.claim(event.execution.order_ref, "executions of an order", 0)
                    self._older_copy.seen(event.execution.order_id, event.execution.order_ref)
                self._reconciliation.follow(follow_ups, now)
            case tws.CommissionReport():
                self._reports.executions.commission(event, now.ns)
                self._executions.cost(event)
            case tws.GatewayError(req_id) if req_id <= 0:
                if event.code:  # 0 is the pace of our messages
                    self._reconciliation.question_refused(event.code, event.text[:LONGEST_TEXT], now)
                    self._notices.receive(event.code, event.text, now)
            case tws.GatewayError():
                self._reconciliation.follow(self._reports.error(event, now.ns), now)
            case tws.CompletedOrder(_, order):
                another = self.foreign.anothers(order.perm_id)
                if another or self._reports.completed(event, now.ns) is None:
                    self.foreign.completed(event)
                    if not another and self.book.named(order.order_ref) is None:
                        self.foreign.claim(order.order_ref, "a completed order", 0)
            case tws.FrameRejected(message_id) if message_id in _ABOUT_ORDERS:
                self._reconciliation.unreadable(now)
                self._notices.receive(0, f"a report about some order could not be read: {event.reason}", now)
            case tws.NextValidId(order_id):
                self.book.ids.raise_floor(order_id)
            case tws.OpenOrderEnd() | tws.ExecDetailsEnd() | tws.CompletedOrdersEnd():
                self._reconciliation.ended(event, now)
                self.pipeline.listed(now)
                if self._takes_over and self._reconciliation.reconciled:
                    self._take_over(now)
            case _:
                pass

    def _take_over(self, now: Now) -> None:
        """A power loss took the journal's end."""
        self._takes_over = not self._reconciliation.executions_known
        self._adoption.take_over_all(self.foreign, now)
        self._reconciliation.look_within(DOUBT_S, now)  # for their executions

    # -- time

    @property
    def wake_at(self) -> float | None:
        """When to call `tick`, monotonic."""
        return min((*self._reconciliation.due, *self._halts.due, *self.pipeline.due), default=None)

    def tick(self, now: Now) -> list[Action]:
        self._halts.answer(now.mono)
        self.pipeline.tick(now)
        self._reconciliation.tick(now)
        return self._flush()

    # -- out

    def _flush(self) -> list[Action]:
        entries = self.book.outgoing
        if entries:
            self.book.outgoing = []
            self._unpublished.extend(entries)
            writes, self.pipeline.parked = self.pipeline.parked, []
            direct = self.pipeline.may_write_directly
            self._actions.insert(0, Journal(tuple(entries), tuple(writes), direct))
        if self._halts.wanted:
            self._halts.answer(0.0)
        state, detail = self.state
        if (state, detail) != self._entered:
            self._entered = (state, detail)
            self.intake.closed = None if state == "ready" else detail
            self._actions.append(Enter(state, detail))
        actions = self._actions[:]
        self._actions.clear()
        return actions

    def validate(self) -> None:
        """Assert what must hold after every step."""
        assert self.pipeline.held == self.pipeline.count_held()
        book, pipeline = self.book, self.pipeline
        assert self.published_no <= pipeline.durable_no <= book.last_no
        assert not book.outgoing, "recorded and not given to the journal"
        assert pipeline.connected or not pipeline.gate, "nothing waits for a session that is gone"
        book.validate()
