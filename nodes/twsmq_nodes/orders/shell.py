"""The orders node's outer room: mailbox, outbox, TWS session, journal and one timer around the core.

Actions are carried out strictly in the order they were decided: what comes back while one is carried out
queues behind it, so entries reach the journal in the order of their numbers.

The bytes of an order are written by the journal's thread where they can be (`ahead`), else from here.

The message budget stands here and not in the session: an order passes it before it is journaled, and must not
wait behind anything afterwards, or a higher id might overtake it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from time import time_ns
from typing import Any, TypeVar

import msgspec
import structlog
from msgspec import Struct
from msgspec.structs import replace
from twsmq_protocol import endpoints, envelope
from twsmq_protocol.errors import RequestError
from twsmq_protocol.order_events import Order
from twsmq_protocol.order_requests import (
    EventPage,
    PlaceOrder,
    ReplayEvents,
)
from twsmq_protocol.processes import message_share
from twsmq_protocol.requests import ContractList
from twsmq_protocol.system_events import Heartbeat
from twsmq_protocol.topics import order_topic, quote_topic
from twsmq_transport.mailbox import Call

from twsmq_nodes.runtime.alarm import Alarm
from twsmq_nodes.runtime.node import Node, Shell
from twsmq_nodes.tws import events as tws
from twsmq_nodes.tws import notices
from twsmq_nodes.tws.errors import NotConnected
from twsmq_nodes.tws.pacing import Pacer
from twsmq_nodes.tws.requests import CancelOrder as CancelRequest
from twsmq_nodes.tws.requests import Priority
from twsmq_nodes.tws.session import TwsSession

from .actions import Action, Caller, Enter, Journal, Keep, Now, Publish, Reply, Send, Warn, Write
from .ahead import WriteAhead
from .core import OrdersCore
from .journal import SqliteJournal
from .risk.guard import RiskGuard
from .risk.live_inputs import LiveRiskInputs
from .risk.settings import RiskSettings
from .times import gateway_offset_s

JOURNAL_FILE = "orders.journal"
TOGETHER = 32
"""Messages let through the gate at once, if the budget allows as many: they go to the journal together."""

A = TypeVar("A", bound=Struct)
CONTRACT_VALID_S = 30.0

log = structlog.stdlib.get_logger()


class OrdersShell(Shell):
    """Reads the journal at once: a node that cannot must not start."""

    def __init__(self, node: Node) -> None:
        assert node.client_id is not None
        config = node.config
        self._node = node
        self._loop = asyncio.get_running_loop()
        self._session = TwsSession(
            config.gateway.host,
            config.gateway.port,
            node.client_id,
            on_event=self._on_event,
            on_notice=self._on_notice,
            on_ticks=lambda _ticks: None,
            on_read_end=self._on_read_end,
            rate=0,
        )
        self._pacer: Pacer[None] = Pacer(message_share(config, endpoints.ORDERS), self._loop.time())
        self._journal = SqliteJournal(node.data_dir / JOURNAL_FILE)
        self._core = OrdersCore(
            node.client_id,
            self._session.encode,
            allow_live=config.orders.allow_live,
            entries=self._journal.entries(
                lambda number, last: node.starting(f"reading the journal: {number:,} of {last:,} events")
            ),
            kept=self._journal.kept(),
        )
        repeat_s = config.marketdata.quiet_repeat_s
        self._inputs = LiveRiskInputs(
            self._core.book,
            self._want_quote,
            self._loop.time,
            repeat_s=repeat_s,
            want_contract=self._want_contract,
        )
        self._reference = node.requester(endpoints.REFERENCE)
        self._guard = self._core.pipeline.guard = RiskGuard(config.orders.risk, self._inputs)
        self._risk = RiskSettings(self._guard, self._journal.keep)
        self._risk.restore(self._journal.kept())
        self._ahead = WriteAhead()
        self._not_believed: set[str] = set()
        self._reports: list[tws.Event] = []  # of the read that goes on
        self._todo: deque[Action] = deque()
        self._busy = False
        self._stopped = False
        self._timer = Alarm(self._tick)
        self._gate_timer = Alarm(lambda: self._carry(()))
        node.topics.append("order/<strategy>/<client_order_id>/")
        self._add_ops()

    def start(self) -> None:
        core = self._core
        self._journal.run(
            self._durable,
            lambda reason: self._carry(core.journal_stalled(reason)),
            self._kept,
        )
        about = ("node/status/", "position/", "account/")
        self._node.listen((endpoints.STATUS,), about, self._heard)
        self._carry(core.start(self._now()))
        self._session.open()

    async def stop(self) -> None:
        self._session.close()
        self._timer.set(None)
        self._gate_timer.set(None)
        self._journal.close()
        await asyncio.sleep(0)  # what was committed last is still told
        self._stopped = True

    # -- in

    def _add_ops(self) -> None:
        core, add = self._core, self._node.mailbox.add

        def ask(handle: Callable[[A, Caller, Now], list[Action]]) -> Callable[[A, Call], None]:
            return lambda args, call: self._carry(handle(args, call, self._now()))

        def place(args: PlaceOrder, call: Call) -> None:
            self._todo.extend(core.place(args, call, self._now()))  # and through the gate with the others

        add("place_order", place)
        add("place_orders", ask(core.place_group))
        add("modify_order", ask(core.modify))
        add("cancel_order", ask(core.cancel))
        add("cancel_orders", ask(core.cancel_matching))
        add("preview_order", ask(core.preview))
        add("halt", ask(core.halt))
        add("resume", ask(core.resume))
        add("adopt_order", ask(core.adopt))
        add("resolve_order", ask(core.resolve))
        add("get_orders", lambda args, call: call.succeed(core.orders(args)))
        add("get_executions", lambda args, call: call.succeed(core.executions(args)))
        add("get_risk", lambda _args, call: call.succeed(self._guard.listed()))
        add("set_risk", self._risk.set)
        add("replay_events", self._replay)

    def requests_handled(self) -> None:
        self._carry(())

    def _heard(self, topic: str, event: envelope.Event) -> None:
        """What another process publishes. Nothing in it may end this one."""
        try:
            self._inputs.on_event(topic, event)
        except ValueError as error:
            kind = type(event).__name__
            if kind not in self._not_believed:
                self._not_believed.add(kind)  # told once: it may come again and again
                log.warning("event of another process set aside", topic=topic[:200], problem=str(error)[:200])

    def _want_quote(self, instrument: str) -> None:
        shards = [endpoints.marketdata(n) for n in range(self._node.config.marketdata.instances)]
        self._node.listen(shards, (quote_topic(instrument),), self._heard)

    def _want_contract(self, instrument: str) -> None:
        def learn(reply: envelope.Reply) -> None:
            if reply.error is not None:
                return  # the rule that asked says that it is not known, and asks again
            try:
                rows = msgspec.convert(reply.result, ContractList).contracts
            except msgspec.ValidationError as error:
                log.warning("contract details not understood", instrument=instrument, problem=str(error))
                return
            worth = {(row.multiplier, row.price_magnifier) for row in rows}
            if len(worth) == 1:  # else the spelling names contracts that differ in it
                self._inputs.learn_contract(instrument, *worth.pop())

        self._reference.ask("contract_details", {"instrument": instrument}, CONTRACT_VALID_S, learn)

    def _kept(self, name: str) -> None:
        self._risk.kept(name)
        self._carry(self._core.kept(name))

    def _replay(self, args: ReplayEvents, call: Call) -> None:
        found = self._journal.events(args.after, args.limit, args.strategy)
        numbers = self._core.published_strategy_nos
        last = self._core.published_no if args.strategy is None else numbers.get(args.strategy, 0)
        events = [msgspec.msgpack.decode(event) for number, event in found if number <= last]
        call.succeed(
            EventPage(events=events, next=found[len(events) - 1][0] if events else args.after, last=last)
        )

    def _durable(self, event_no: int = 0) -> None:
        """The journal says so, or has said so to the thread that writes ahead."""
        written, written_no = self._ahead.take()
        event_no = max(event_no, written_no)
        if event_no > self._core.pipeline.durable_no:
            self._carry(self._core.durable(event_no, self._now(), written))

    def _on_event(self, event: tws.Event) -> None:
        self._reports.append(event)

    def _on_read_end(self) -> None:
        if self._reports:
            self._durable()  # these may be about what was written ahead
            reports, self._reports = self._reports, []
            self._carry(self._core.received(reports, self._now()))

    def _on_notice(self, notice: notices.Notice) -> None:
        self._on_read_end()  # what was said before it
        now = self._now()
        match notice:
            case notices.SessionUp(_, accounts, next_order_id, upstream):
                offset_s = gateway_offset_s(self._session.connection_time, now.ns)
                self._carry(self._core.session_up(accounts, next_order_id, upstream, offset_s, now))
                self._ahead.open(self._session.thread_line, self._core.pipeline.session_no)
            case notices.SessionLost(reason):
                self._ahead.shut()
                self._durable()
                self._carry(self._core.session_lost(reason, now))
            case notices.WaitingClientId(client_id):
                self._node.enter("waiting_client_id", f"client id {client_id} is still in use at the gateway")
            case notices.ConnectFailed(reason):
                self._node.enter("connecting", reason)
            case notices.UpstreamLost():
                self._carry(self._core.upstream_changed(False, data_lost=False, now=now))
            case notices.DataLost():
                self._carry(self._core.upstream_changed(True, data_lost=True, now=now))
            case notices.DataMaintained():
                self._carry(self._core.upstream_changed(True, data_lost=False, now=now))
            case _:
                pass

    # -- out

    def _carry(self, actions: Sequence[Action]) -> None:
        if self._stopped:
            return
        self._todo.extend(actions)
        if self._busy:
            return
        self._busy = True
        try:
            while self._todo or self._admit():
                self._do(self._todo.popleft())
        finally:
            self._busy = False
        self._come_back()

    def _do(self, action: Action) -> None:
        match action:
            case Journal(entries):
                self._journal.append(entries, partial(self._ahead.committed, action))
            case Keep(name, value):
                self._journal.keep(name, value)
            case Write():
                self._write(action)
            case Publish(event, retain):
                topic = order_topic(event.strategy, event.client_order_id)
                self._node.outbox.publish(topic, event, retain=retain)
                if isinstance(event, Order) and not retain:
                    self._node.outbox.forget(topic)
            case Reply(caller, outcome):
                assert isinstance(caller, Call)
                if isinstance(outcome, RequestError):
                    caller.fail(outcome)
                else:
                    caller.succeed(outcome)
            case Enter(state, detail):
                self._node.enter(state, detail)
            case Send(request, paid):
                if not paid:
                    self._pacer.charge(self._loop.time())
                self._session.send(request, priority=Priority.ORDER)
            case Warn(text, key):
                log.warning(text, order=key)

    def _write(self, action: Write) -> None:
        # One priority for all: a cancel must not overtake the order it is for.
        try:
            self._session.send(
                action.request,
                priority=Priority.ORDER,
                on_written=lambda _: self._written(action),
                on_refused=lambda error: self._refused(action, error),
            )
        except NotConnected as error:
            self._refused(action, error)

    def _written(self, action: Write) -> None:
        self._caught_up(action)
        self._carry(self._core.written(action.key, action.request.request, self._now()))

    def _caught_up(self, action: Write) -> None:
        if not isinstance(action.request.request, CancelRequest):  # cancels are the loop's
            self._ahead.caught_up(action)

    def _refused(self, action: Write, error: Exception) -> None:
        self._caught_up(action)
        log.warning("order bytes not written", order=action.key, problem=str(error))
        self._carry(self._core.not_written(action, self._now()))

    def _admit(self) -> bool:
        """Let through the gate what the budget allows; whether there is something to do then."""
        while self._core.waiting and not self._todo:
            now = self._now()
            allowed = self._pacer.affordable(now.mono)
            if allowed < 1:
                return False
            actions, taken = self._core.admit(now, min(allowed, TOGETHER))
            self._pacer.charge(now.mono, taken)
            self._todo.extend(actions)
        return bool(self._todo)

    def _come_back(self) -> None:
        self._timer.set(self._core.wake_at)
        waits = self._core.waiting
        self._gate_timer.set(self._pacer.affords_at(self._loop.time()) if waits else None)

    def _tick(self) -> None:
        self._carry(self._core.tick(self._now()))

    def _now(self) -> Now:
        return Now(self._loop.time(), time_ns())

    def complete_heartbeat(self, beat: Heartbeat) -> Heartbeat:
        numbers: dict[str, Any] = {
            "last_event_no": self._core.published_no,
            "strategy_nos": self._core.published_strategy_nos,
            "halted": dict(self._core.intake.halted),
            "killed": sorted(self._core.intake.killed),
        }
        return replace(beat, **numbers)
