"""The orders node's mind: requests and gateway reports in, actions out, `now` an argument.

    down ──session up──▶ reconciling ──complete snapshot──▶ ready ──session lost──▶ down
                               ▲                              │
                               └────────── 1101 ──────────────┘

Invariants (design): nothing is written whose intent is not durable; an event is published once it is durable,
in the order of its number; no order is taken before a complete snapshot of this session; what was written and
not answered when a session ends is `unknown` until a snapshot tells; no snapshot is begun or concluded while
the gateway has lost its own connection to the broker.

While ready a snapshot is taken again whenever an order's place is in doubt: unanswered for `UNANSWERED_S`, a
complaint that does not say what became of it, executions missing, a grace not over.

The state machine of one order is in `states`, all orders in `book`, what reports mean in `reports`, the way
of a request in `intake`, what a snapshot proves in `reconcile`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from msgspec.structs import replace
from twsmq_protocol import order_requests as rq
from twsmq_protocol.errors import ErrorCode, RequestError
from twsmq_protocol.order_events import TERMINAL_STATUSES, Order
from twsmq_protocol.system_events import NodeState

from twsmq_nodes.tws import events as tws
from twsmq_nodes.tws.orders import OrderView
from twsmq_nodes.tws.requests import CancelOrder, ReqIds, Request
from twsmq_nodes.tws.session import Encoded

from . import queries
from .actions import Action, Caller, Enter, Journal, Now, Publish, Send, Warn
from .book import Book, Record
from .entries import Entry
from .halts import Halts
from .ids import Key
from .intake import Intake
from .pipeline import Pipeline
from .reconcile import End, Snapshot, Snapshots, Step, verdict
from .reports import (
    CancelMissed,
    Doubted,
    ExecutionsMissing,
    FollowUp,
    IdsDoubted,
    Reports,
    StaleAttempt,
    SurvivorLeft,
    VerdictHeld,
)
from .states import TABLE, Trigger
from .wire import foreign_order

UNANSWERED_S = 5.0
"""A written order the gateway says nothing about for so long is looked for."""
VERDICT_S = 0.5
"""How long a cancellation nobody here asked for waits for its reason: it may be a refusal."""
DOUBT_S = 0.25
EXECUTIONS_S = 1.0
AGAIN_S = 1.0
STEP_TIMEOUT_S = 10.0

_ENDED = frozenset(("Filled", "Cancelled", "ApiCancelled"))
_LOOK, _STEP, _UNANSWERED, _VERDICT = "look", "step", "unanswered", "verdict"


class OrdersCore:
    """`entries` and `kept`: what was journaled before. `encode` raises EncodeRefused for the impossible."""

    def __init__(
        self,
        client_id: int,
        encode: Callable[[Request], Encoded],
        *,
        allow_live: bool = False,
        entries: Iterable[Entry] = (),
        kept: dict[str, str] | None = None,
    ) -> None:
        self.book = Book()
        for entry in entries:
            self.book.apply(entry)
        self._actions: list[Action] = []
        self.pipeline = Pipeline(self.book, encode, self._actions)
        self.intake = Intake(self.book, self.pipeline, allow_live, self._actions)
        self._halts = Halts(self.book, self.intake, kept or {}, self._actions)
        self.foreign: dict[int, rq.ForeignOrder] = {}  # by permanent id, as last listed
        self._client_id = client_id
        self._reports = Reports(self.book, client_id)
        self._unpublished: deque[Entry] = deque()
        self.published_no = self.book.last_no
        self.published_strategy_nos = dict(self.book.strategy_nos)
        self._timers: dict[str, float] = {}
        self._in_flight: dict[Key, float] = {}  # written, itself or its cancel, and unanswered; since when
        self._short: dict[Key, ExecutionsMissing] = {}
        self._given_up: dict[Key, float] = {}  # filled so far, of which the gateway reports no executions
        self._verdicts_due: dict[Key, float] = {}
        self._snapshots = Snapshots()
        self._reconciled = False
        self._upstream = True
        self._stalled: str | None = None
        self._told_state: tuple[str, str | None] = ("starting", None)
        self._offset_s: int | None = None

    # -- its life

    def start(self, now: Now) -> list[Action]:
        """The journal was read: what nobody answered is unknown; newcomers are greeted with the rest."""
        for record in list(self.book.active()):
            self._lose(record, "the node was restarted before the gateway answered", now)
        told = {entry.event.event_no for entry in self.book.outgoing}
        for record in self.book.active():
            if record.order.event_no not in told:
                self._actions.append(Publish(replace(record.order, snapshot=True), retain=True))
        return self._flush()

    def session_up(
        self, accounts: tuple[str, ...], next_order_id: int, upstream: bool, offset_s: int | None, now: Now
    ) -> list[Action]:
        """nextValidId has come. `offset_s`: where the gateway's clock stands, see `times`."""
        self.intake.accounts = accounts
        self.book.ids.raise_floor(next_order_id)
        self.pipeline.session_began()
        self._offset_s = offset_s
        self._upstream = upstream
        self._reconciled = False
        self._look(now)
        return self._flush()

    def session_lost(self, reason: str, now: Now) -> list[Action]:
        self.pipeline.session_ended()
        self._reports.session_ended(now.ns)
        self._snapshots.forget()
        self._reconciled = False
        self._timers.clear()
        self._in_flight.clear()
        self._short.clear()
        self._given_up.clear()
        self._verdicts_due.clear()
        for record in list(self.book.active()):
            if record.key not in self.pipeline.unwritten:
                self._lose(record, f"the session ended before the gateway answered ({reason})", now)
        return self._flush()

    def upstream_changed(self, connected: bool, *, data_lost: bool, now: Now) -> list[Action]:
        """The gateway's own connection to the broker: without it, what it lists may be incomplete."""
        self._upstream = connected
        if data_lost:
            self._reconciled = False
        if not connected:
            why = "the gateway has lost its connection to the broker; it had no effect"
            self.pipeline.withdraw_all(None, RequestError(ErrorCode.NOT_READY, why))
            self._snapshots.give_up()
            self._timers.pop(_STEP, None)
        elif self.pipeline.connected:
            self._look(now)
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
        if not self._upstream:
            return "connecting", "the gateway has lost its connection to the broker"
        if not self._reconciled:
            snapshot = self._snapshots.current
            step = snapshot.step if snapshot else Step.OPEN_ORDERS
            return "reconciling", f"asking the gateway for its {step.value}"
        return "ready", None

    # -- requests: a RequestError raised is the reply

    def place(self, args: rq.PlaceOrder, caller: Caller, now: Now) -> list[Action]:
        return self._asked(lambda: self.intake.place(args, caller))

    def modify(self, args: rq.ModifyOrder, caller: Caller, now: Now) -> list[Action]:
        return self._asked(lambda: self.intake.modify(args, caller))

    def cancel(self, args: rq.CancelOrder, caller: Caller, now: Now) -> list[Action]:
        return self._asked(lambda: self.intake.cancel(args, caller, now))

    def place_group(self, args: rq.PlaceOrders, caller: Caller, now: Now) -> list[Action]:
        return self._asked(lambda: self.intake.place_group(args, caller))

    def cancel_matching(self, args: rq.CancelOrders, caller: Caller, now: Now) -> list[Action]:
        return self._asked(lambda: self.intake.cancel_matching(args, caller, now))

    def preview(self, args: rq.PreviewOrder, caller: Caller, now: Now) -> list[Action]:
        return self._asked(lambda: self.intake.preview(args, caller))

    def resolve(self, args: rq.ResolveOrder, caller: Caller, now: Now) -> list[Action]:
        return self._asked(lambda: self.intake.resolve(args, caller, now))

    def adopt(self, args: rq.AdoptOrder, caller: Caller, now: Now) -> list[Action]:
        self.intake.adopt(args, caller, self.foreign, self._client_id, now)
        self._look_within(DOUBT_S, now)  # it stands here as it was last listed, and may have ended since
        return self._flush()

    def halt(self, args: rq.Halt, caller: Caller, now: Now) -> list[Action]:
        return self._asked(lambda: self._halts.halt(args, caller, now))

    def resume(self, args: rq.Resume, caller: Caller, now: Now) -> list[Action]:
        return self._asked(lambda: self._halts.resume(args, caller))

    def kept(self, name: str) -> list[Action]:
        """What was to be kept under this name is on disk."""
        return self._asked(lambda: self._halts.kept(name))

    def orders(self, args: rq.GetOrders) -> rq.OrderList:
        return queries.orders(self.book, args, self.foreign.values())

    def executions(self, args: rq.GetExecutions) -> rq.ExecutionList:
        return queries.executions(self.book, args)

    def _asked(self, ask: Callable[[], None]) -> list[Action]:
        ask()
        return self._flush()

    # -- gate, journal, wire

    @property
    def waiting(self) -> bool:
        """Something stands at the gate: call `admit` once for each message the budget allows."""
        return bool(self.pipeline.gate)

    def admit(self, now: Now) -> list[Action]:
        self.pipeline.admit(now)
        return self._flush()

    def durable(self, event_no: int, now: Now) -> list[Action]:
        """Everything up to `event_no` is on disk."""
        self.pipeline.durable(event_no, now)
        while self._unpublished and self._unpublished[0].event.event_no <= event_no:
            event = self._unpublished.popleft().event
            self.published_no = event.event_no
            self.published_strategy_nos[event.strategy] = event.strategy_no
            retain = isinstance(event, Order) and event.status not in TERMINAL_STATUSES
            self._actions.append(Publish(event, retain))
        return self._flush()

    def written(self, key: Key, request: Request, now: Now) -> list[Action]:
        self.pipeline.written(key, request)
        self._snapshots.written(key)
        if _unanswered(self.book.records[key]):
            self._in_flight.setdefault(key, now.mono)
            self._timers.setdefault(_UNANSWERED, now.mono + UNANSWERED_S)
        return self._flush()

    def not_written(self, key: Key, request: Request, now: Now) -> list[Action]:
        self.pipeline.not_written(key, request, now)
        return self._flush()

    # -- the gateway's reports

    def received(self, event: tws.Event, now: Now) -> list[Action]:
        match event:
            case tws.OpenOrder(order_id, _, order) if self._is_preview(order_id, order):
                self.pipeline.previewed(order_id, event.state)
            case tws.GatewayError(req_id) if req_id in self.pipeline.previews:
                self.pipeline.preview_refused(event)
            case tws.OpenOrder():
                record, follow_ups = self._reports.open_order(event, now.ns)
                self._seen_open(record, event.order.perm_id or 0, listed=event.state.status not in _ENDED)
                snapshot = self._snapshots.current
                if record is None and snapshot is not None and event.order.perm_id:
                    row = foreign_order(event.order_id, event.contract, event.order, event.state.status)
                    snapshot.foreign[row.perm_id] = row
                self._follow(follow_ups, now)
            case tws.OrderStatus():
                record, follow_ups = self._reports.order_status(event, now.ns)
                if event.status in _ENDED:
                    self._seen_open(record, event.perm_id or 0, listed=False)
                self._follow(follow_ups, now)
            case tws.ExecDetails():
                record, follow_ups = self._reports.execution(event, now.ns)
                if record is not None and self._reports.complete(record):
                    self._seen_open(record, event.execution.perm_id or 0, listed=False)
                self._follow(follow_ups, now)
            case tws.CommissionReport():
                self._reports.commission(event, now.ns)
            case tws.GatewayError():
                self._follow(self._reports.error(event, now.ns), now)
            case tws.CompletedOrder():
                self._reports.completed(event, now.ns)
            case tws.NextValidId(order_id):
                self.book.ids.raise_floor(order_id)
            case tws.OpenOrderEnd() | tws.ExecDetailsEnd() | tws.CompletedOrdersEnd():
                self._ended(event, now)
            case _:
                pass
        return self._flush()

    def _is_preview(self, order_id: int, order: OrderView) -> bool:
        """Every client counts its order ids from 1, and the open orders of all are listed."""
        return order_id in self.pipeline.previews and order.client_id == self._client_id

    def _follow(self, follow_ups: list[FollowUp], now: Now) -> None:
        for follow_up in follow_ups:
            match follow_up:
                case Doubted():
                    self._look_within(DOUBT_S, now)
                case ExecutionsMissing(key, filled, word):
                    if word is not None or filled > self._given_up.get(key, 0.0):
                        self._short[key] = follow_up
                        self._look_within(EXECUTIONS_S, now)
                case VerdictHeld(key):
                    due = self._verdicts_due.setdefault(key, now.mono + VERDICT_S)
                    self._timers.setdefault(_VERDICT, due)
                case CancelMissed(key):
                    self.pipeline.forget_cancel(key)
                case IdsDoubted():
                    self.pipeline.once_durable(Send(ReqIds()))
                case StaleAttempt(key, order_id):
                    self.pipeline.once_durable(Send(CancelOrder(order_id)))
                    self._actions.append(Warn(f"order id {order_id} is alive beside its successor", key))
                case SurvivorLeft(key):
                    self._cancel_survivor(self.book.records[key], now)
                    self._look_within(DOUBT_S, now)

    def _cancel_survivor(self, record: Record, now: Now) -> None:
        """An incarnation is alive that the order's end did not reach: its own cancel, or its last fill."""
        self.pipeline.forget_cancel(record.key)
        if record.order.status == "filled":
            self.pipeline.once_durable(Send(CancelOrder(record.order_id)))
            self._actions.append(Warn("filled, and the broker has it open once more: cancelled", record.key))
        elif record.cancel_wanted:
            self.pipeline.cancel_again(record, now)

    # -- snapshots

    def _look(self, now: Now) -> None:
        """Take a new snapshot, in place of one that is being taken."""
        self._timers.pop(_LOOK, None)
        if self._upstream:
            self._reports.revenants.clear()
            self._snapshots.begin(now.ns, self._offset_s)
            self._ask(now)

    def _look_within(self, delay: float, now: Now) -> None:
        if not self.pipeline.connected:
            return  # the session's first snapshot will tell
        self._timers[_LOOK] = min(self._timers.get(_LOOK, now.mono + delay), now.mono + delay)

    def _ask(self, now: Now) -> None:
        self._timers[_STEP] = now.mono + STEP_TIMEOUT_S
        self._actions.append(Send(self._snapshots.ask()))

    def _seen_open(self, record: Record | None, perm_id: int, *, listed: bool) -> None:
        if record is not None:
            self._snapshots.seen(record.key, perm_id, listed=listed)

    def _ended(self, end: End, now: Now) -> None:
        snapshot = self._snapshots.ended(end)
        if snapshot is None:
            return
        if snapshot.step is Step.EXECUTIONS:
            self._reports.incarnations.listed(snapshot.open)
            snapshot.short = dict(self._short)
        if snapshot.step is not Step.COMPLETE:
            self._ask(now)
            return
        self._snapshots.give_up()
        self._timers.pop(_STEP, None)
        self._conclude(snapshot, now)

    def _conclude(self, snapshot: Snapshot, now: Now) -> None:
        first = not self._reconciled
        self.foreign = snapshot.foreign
        self._reconciled = True
        self._finish_short(snapshot, now)
        keys = {record.key for record in self.book.active()} | snapshot.open.keys()
        for record in [self.book.records[key] for key in keys]:
            if record.key in snapshot.open:
                self._reports.held.pop(record.key, None)
                if record.done:
                    self._cancel_survivor(record, now)
            undecided = (self.pipeline.unwritten, self._reports.held, self._short)
            if any(record.key in keys for keys in undecided):
                continue
            if first and record.wanted is not None and record.sent_at < snapshot.began_at:
                why = "the modification had no effect: the gateway shows the order without it"
                self._reports.settle(record, now.ns, reason=why)
            ruling = verdict(record, snapshot)
            if ruling.again:
                self._look_within(AGAIN_S, now)
            elif ruling.trigger is not None:
                self._reports.move(
                    record, ruling.trigger, now.ns, reason=ruling.reason, tws_code=ruling.tws_code
                )
            if record.cancel_wanted and record.acknowledged and not record.done:
                self.pipeline.cancel_again(record, now)

    def _finish_short(self, snapshot: Snapshot, now: Now) -> None:
        """All executions the gateway still reports are in: its word has to do for those that were missing."""
        for key, missing in snapshot.short.items():
            if self._short.get(key) is not missing:
                continue  # more came up since the executions were asked for
            del self._short[key]
            self._given_up[key] = missing.filled
            record = self.book.records[key]
            if missing.word is not None and not record.done:
                self._reports.finish_without_executions(record, missing.word, missing.filled, now.ns)

    def _lose(self, record: Record, reason: str, now: Now) -> None:
        """Written, or nearly, and nobody is left who could have answered."""
        if not record.acknowledged and Trigger.CONNECTION_LOST in TABLE[record.order.status]:
            self._reports.move(record, Trigger.CONNECTION_LOST, now.ns, reason=reason)

    # -- time

    @property
    def wake_at(self) -> float | None:
        """When to call `tick`, monotonic."""
        times = [*self._timers.values(), self._halts.wake_at, self.pipeline.wake_at]
        return min((at for at in times if at is not None), default=None)

    def tick(self, now: Now) -> list[Action]:
        self._halts.answer(now.mono)
        self.pipeline.give_up_previews(now)
        for name in [name for name, at in self._timers.items() if at <= now.mono]:
            if self._timers.pop(name, None) is None:
                continue  # what was done for the one before has made it needless
            match name:
                case "unanswered":
                    self._chase(now)
                case "verdict":
                    self._give_verdicts(now)
                case "look" if self._snapshots.current is None:
                    self._look(now)
                case "look":
                    self._look_within(AGAIN_S, now)
                case _:
                    self._actions.append(Warn("the gateway did not finish a snapshot; asking again"))
                    self._snapshots.forget()
                    self._look(now)
        return self._flush()

    def _chase(self, now: Now) -> None:
        """Look for orders and cancels nobody has answered."""
        for key in list(self._in_flight):
            if not _unanswered(self.book.records[key]):
                del self._in_flight[key]
        if not self._in_flight:
            return
        oldest = min(self._in_flight.values())
        if oldest + UNANSWERED_S <= now.mono:
            self._look_within(0.0, now)
            self._in_flight = dict.fromkeys(self._in_flight, now.mono)
            oldest = now.mono
        self._timers[_UNANSWERED] = oldest + UNANSWERED_S

    def _give_verdicts(self, now: Now) -> None:
        for key in [key for key, due in self._verdicts_due.items() if due <= now.mono]:
            del self._verdicts_due[key]
            self._reports.give_verdict(key, now.ns)
        if self._verdicts_due:
            self._timers[_VERDICT] = min(self._verdicts_due.values())

    # -- out

    def _flush(self) -> list[Action]:
        entries = self.book.outgoing
        if entries:
            self.book.outgoing = []
            self._unpublished.extend(entries)
            self._actions.insert(0, Journal(tuple(entries)))
        if self._halts.wanted:
            self._halts.answer(0.0)
        state, detail = self.state
        if (state, detail) != self._told_state:
            self._told_state = (state, detail)
            self.intake.closed = None if state == "ready" else detail
            self._actions.append(Enter(state, detail))
        actions = self._actions[:]
        self._actions.clear()
        return actions

    def validate(self) -> None:
        """Assert what must hold after every step."""
        book, pipeline = self.book, self.pipeline
        assert self.published_no <= pipeline.durable_no <= book.last_no
        assert not book.outgoing, "told and not given to the journal"
        assert pipeline.connected or not pipeline.gate, "nothing waits for a session that is gone"
        book.validate()


def _unanswered(record: Record) -> bool:
    """The gateway has not spoken of it, or not of its cancel."""
    cancelling = record.cancel_wanted and record.order.gateway_status != "PendingCancel"
    return not record.done and (not record.acknowledged or cancelling)
