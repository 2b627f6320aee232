"""The orders node's outer room: mailbox, outbox, TWS session, journal and one timer around the core.

The driver carries actions out strictly in the order they were decided, so entries reach the journal in the
order of their numbers; before each input the core learns what the journal has committed and written.

The bytes of an order are written by the journal's thread where they can be (`direct_writer`), else from here.

The message budget stands here and not in the session: an order passes it before it is journaled, and must not
wait behind anything afterwards, or a higher id might overtake it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from time import time_ns
from typing import Any

import structlog
from msgspec.structs import replace
from twsmq_protocol import endpoints, envelope
from twsmq_protocol.data_files import ORDERS_JOURNAL
from twsmq_protocol.envelope import Args
from twsmq_protocol.errors import RequestError
from twsmq_protocol.order_control_requests import CancelForeignOrder
from twsmq_protocol.order_events import AccountNotice, ForeignOrderChanged, Order
from twsmq_protocol.order_query_requests import ReplayEvents
from twsmq_protocol.order_requests import PlaceOrder
from twsmq_protocol.processes import message_share
from twsmq_protocol.system_events import Gateway, Heartbeat
from twsmq_protocol.topics import ACCOUNT_NOTICE, GATEWAY, order_topic
from twsmq_transport.mailbox import Call

from twsmq_nodes.runtime.driver import Driver
from twsmq_nodes.runtime.link import GatewayLink, OwnGate
from twsmq_nodes.runtime.node import Node, Shell
from twsmq_nodes.tws import events as tws
from twsmq_nodes.tws import session_events
from twsmq_nodes.tws.errors import NotConnected
from twsmq_nodes.tws.gateway_times import gateway_offset_s, zone_of
from twsmq_nodes.tws.pacing import Pacer, Priority
from twsmq_nodes.tws.requests import CancelOrder as CancelRequest

from . import actions, oca_groups, queries
from .actions import Action, Announce, Enter, Journal, Now, Publish, Reply, SaveSetting, Send, Warn, Write
from .core import OrdersCore
from .foreign.cancel import ForeignCanceller
from .journal.direct_writer import DirectWriter
from .journal.thread import SqliteJournal
from .maintenance import Maintenance
from .risk.guard import RiskGuard
from .risk.refused import RiskRefused
from .risk.settings import RiskSettings
from .risk.sources import RiskSources

TOGETHER = 32
"""Messages let through the gate at once, if the budget allows as many: they go to the journal together."""

Input = Callable[[Now], Iterable[Action]]

log = structlog.stdlib.get_logger()


class OrdersShell(Shell):
    """Reads the journal at once: a node that cannot must not start."""

    def __init__(self, node: Node) -> None:
        assert node.client_id is not None
        config = node.config
        self._node = node
        self._loop = asyncio.get_running_loop()
        self._pacer: Pacer[None] = Pacer(message_share(config, endpoints.ORDERS), self._loop.time())
        self._link = GatewayLink(
            node,
            on_event=self._on_event,
            on_session_event=self._on_session_event,
            on_read_end=self._on_read_end,
            own_gate=OwnGate(self._pacer, self._standing, self._gate_opens),
            shows_state=False,
        )
        self._session = self._link.session
        self._journal = SqliteJournal(node.data_dir / ORDERS_JOURNAL, config.orders.durability)
        self._write_s = node.metrics.histogram("order_write_seconds")
        self._count_journal()
        self._core = OrdersCore(
            node.client_id,
            self._session.encode,
            allow_live=config.orders.allow_live,
            entries=self._journal.entries(
                lambda number, last: node.starting(f"reading the journal: {number:,} of {last:,} events")
            ),
            settings=self._journal.settings(),
            mark=self._journal.opened,
        )
        self._sources = RiskSources(
            node,
            self._core.book,
            self._loop.time,
            self._position_reported,
            self._core.foreign.rows.values,
            lambda: self._core.intake.accounts,
        )
        self._guard = RiskGuard(config.orders.risk, self._sources.inputs, config.gateway.life)
        self._core.pipeline.guard = self._guard
        self._risk = RiskSettings(self._guard, self._journal.save_setting, lambda: self._core.intake.accounts)
        self._recall_risk()
        self._foreign_canceller = ForeignCanceller(
            config.gateway.host,
            config.gateway.port,
            node.client_id,
            self._send_cancel,
            self._core.has_order_id_alone,
            lambda perm_id: perm_id in self._core.foreign.rows,
        )
        self._direct, self._maintenance = DirectWriter(), Maintenance()
        self._reports: list[tws.Event] = []  # of the read that goes on
        self._durable_no = 0  # as the journal reports
        self._asked: list[tuple[Args, Call]] = []  # to be placed, of this pass of the mailbox
        self._driver: Driver[Input, Action] = Driver(
            lambda happened, mono: happened(Now(mono, time_ns())),
            self._carry_out,
            self._wake_at,
            self._core.tick,
            before_each=self._journal_news,
            idle=self._admit,
        )
        self._add_ops_and_topics()

    def _count_journal(self) -> None:
        metrics, path = self._node.metrics, self._node.data_dir / ORDERS_JOURNAL
        metrics.adopt("journal_commit_seconds", self._journal.commits)
        metrics.collect(lambda: [("journal_bytes", (), path.stat().st_size)] if path.exists() else [])

    def _recall_risk(self) -> None:
        """The limits that were set at run time, and the orders that those of a rate or a day still count."""
        self._risk.restore(self._journal.settings())
        now = time_ns()
        self._guard.recall(queries.sent_orders(self._core.book, now - self._guard.remembered_ns), now)

    def start(self) -> None:
        core = self._core
        feed = self._driver.feed
        self._journal.run(
            self._durable,
            lambda reason: feed(lambda _now: core.journal_stalled(reason)),
            self._setting_saved,
        )
        self._sources.open()
        self._node.listen((endpoints.CONNECTION,), (GATEWAY,), self._on_gateway)
        feed(core.start)
        self._link.open()

    async def stop(self) -> None:
        self._foreign_canceller.close()
        self._link.close()
        self._journal.close()
        await asyncio.sleep(0)  # what was committed last is still published
        self._driver.close()

    # -- in

    def _add_ops_and_topics(self) -> None:
        core, add = self._core, self._node.mailbox.add
        for op in core.ops:
            add(op, self._request)
        add("get_orders", lambda args, call: call.succeed(core.orders(args)))
        add("get_executions", lambda args, call: call.succeed(core.executions(args)))
        add("get_risk", lambda _args, call: call.succeed(self._guard.listed()))
        add("set_risk", self._risk.set)
        add("cancel_foreign_order", self._cancel_foreign)
        add("account_executions", lambda args, call: call.succeed(core.account_executions(args)))
        add("replay_events", self._replay)
        self._node.topics += [
            "order/<strategy>/<client_order_id>/",
            ACCOUNT_NOTICE,
            "execution/<account>/",
            "foreign/<account>/<perm_id>/",
        ]

    def _on_gateway(self, _topic: str, event: envelope.Event) -> None:
        if isinstance(event, Gateway):
            self._maintenance.announced(event.maintenance, self._loop.time())

    def _request(self, args: Args, call: Call) -> None:
        """Orders of one pass of the mailbox go through the gate together; whatever else is asked comes after
        those that were asked for before it."""
        self._maintenance.require_none(args, self._loop.time())
        oca_groups.require_own(args, call.identity, self._core.book, self._core.pipeline.waiting)
        self._asked.append((args, call))
        if not isinstance(args, PlaceOrder):
            self.requests_handled()

    def requests_handled(self) -> None:
        asked, self._asked = self._asked, []
        if asked:
            self._driver.feed(lambda now: self._handle(asked, now))
        else:
            self._driver.turn()

    def _handle(self, asked: list[tuple[Args, Call]], now: Now) -> Iterable[Action]:
        for args, call in asked:
            yield from self._core.request(args, call, now)

    def _position_reported(self, account: str, con_id: int, quantity: float) -> None:
        self._driver.feed(lambda now: self._core.position_reported(account, con_id, quantity, now))

    def _setting_saved(self, name: str) -> None:
        self._risk.setting_saved(name)
        self._driver.feed(lambda _now: self._core.setting_saved(name))

    def _cancel_foreign(self, args: CancelForeignOrder, call: Call) -> None:
        self._foreign_canceller.cancel(self._core.foreign.require(args.perm_id), call)

    def _send_cancel(self, request: CancelRequest) -> None:
        self._driver.feed(lambda _now: [Send(request)])

    def _replay(self, args: ReplayEvents, call: Call) -> None:
        found = self._journal.events(args.after, args.limit, args.strategy)
        numbers = self._core.published_strategy_nos
        last = self._core.published_no if args.strategy is None else numbers.get(args.strategy, 0)
        call.succeed(queries.page(found, args, last))

    def _durable(self, event_no: int) -> None:
        """The journal reports it."""
        self._durable_no = event_no
        self._driver.turn()

    def _journal_news(self) -> Input | None:
        """What is durable, and written by the journal's thread: whatever comes later may be about it."""
        written, written_no = self._direct.take()
        event_no = max(self._durable_no, written_no)
        if event_no <= self._core.pipeline.durable_no:
            return None
        return lambda now: self._core.durable(event_no, now, written)

    def _on_event(self, event: tws.Event) -> None:
        self._reports.append(event)
        self._foreign_canceller.on_event(event)

    def _on_read_end(self) -> None:
        if self._reports:
            reports, self._reports = self._reports, []
            self._driver.feed(lambda now: self._core.received(reports, now))

    def _on_session_event(self, event: session_events.SessionEvent) -> None:
        self._on_read_end()  # what came before it
        core, feed = self._core, self._driver.feed
        match event:
            case session_events.SessionUp(_, accounts, next_order_id, upstream):
                greeting = self._session.connection_time
                feed(lambda now: self._session_up(accounts, next_order_id, upstream, greeting, now))
            case session_events.SessionLost(reason):
                self._direct.shut()
                feed(lambda now: core.session_lost(reason, now))
            case session_events.UpstreamLost():
                feed(lambda now: core.upstream_changed(False, data_lost=False, now=now))
            case session_events.DataLost():
                feed(lambda now: core.upstream_changed(True, data_lost=True, now=now))
            case session_events.DataMaintained():
                feed(lambda now: core.upstream_changed(True, data_lost=False, now=now))
            case _:
                pass

    def _session_up(
        self, accounts: tuple[str, ...], next_order_id: int, upstream: bool, greeting: str, now: Now
    ) -> list[Action]:
        offset_s = gateway_offset_s(greeting, now.ns)
        actions = self._core.session_up(
            accounts, next_order_id, upstream, offset_s, now, zone=zone_of(greeting)
        )
        self._direct.open(self._session.thread_writer, self._core.pipeline.session_no)
        return actions

    # -- out

    def _carry_out(self, action: Action) -> None:
        match action:
            case Journal(entries):
                self._journal.append(entries, partial(self._direct.committed, action))
            case SaveSetting(name, value, who):
                self._journal.save_setting(name, value, who)
            case Write():
                self._write(action)
            case actions.Withhold(numbers):
                self._direct.withhold(numbers)
            case Publish(event, retain):
                topic = order_topic(event.strategy, event.client_order_id)
                self._node.outbox.publish(topic, event, retain=retain)
                if isinstance(event, Order) and not retain:
                    self._node.outbox.forget(topic)
            case Reply(caller, outcome):
                assert isinstance(caller, Call)
                self._answer(caller, outcome)
            case Enter(state, detail):
                self._node.enter(state, detail)
            case Send(request, paid):
                if not paid:
                    self._pacer.charge(self._loop.time())
                with suppress(NotConnected):  # the core hears of its end next, or the node stops
                    self._session.send(request, priority=Priority.ORDER)
            case Announce(topic, event, retain):
                self._node.outbox.publish(topic, event, retain=retain)
                self._sources.inputs.on_event(topic, event)
                if isinstance(event, ForeignOrderChanged) and not event.working:
                    self._node.outbox.forget(topic)
                if isinstance(event, AccountNotice):
                    log.warning("the gateway says", code=event.tws_code, text=event.text)
            case Warn(text, key):
                log.warning(text, order=key)

    def _answer(self, call: Call, outcome: Any) -> None:
        if isinstance(outcome, RequestError):
            if isinstance(outcome, RiskRefused):
                self._node.metrics.counter("orders_refused_total", outcome.rule).n += 1
            call.fail(outcome)
            return
        if call.op == "place_order":  # answered once its bytes are written
            self._write_s.observe(call.age_s)
        call.succeed(outcome)

    def _write(self, action: Write) -> None:
        # One priority for all: a cancel must not overtake the order it is for.
        if action.withheld:
            self._caught_up(action)
            self._driver.feed(lambda now: self._core.not_written(action, now))
            return
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
        self._driver.feed(lambda now: self._core.written(action.key, action.request.request, now))

    def _caught_up(self, action: Write) -> None:
        if not isinstance(action.request.request, CancelRequest):  # cancels are the loop's
            self._direct.caught_up(action)

    def _refused(self, action: Write, error: Exception) -> None:
        self._caught_up(action)
        log.warning("order bytes not written", order=action.key, problem=str(error))
        self._driver.feed(lambda now: self._core.not_written(action, now))

    def _standing(self) -> int:
        return len(self._core.pipeline.gate)

    def _gate_opens(self) -> None:
        self._driver.turn()

    def _admit(self) -> Sequence[Action]:
        """What the budget lets through the gate by now."""
        while self._core.waiting:
            now = Now(self._loop.time(), time_ns())
            self._pacer.hold(self._core.pipeline.held, now.mono)
            allowed = self._pacer.affordable(now.mono)
            if allowed < 1:
                if not self._cancels_wait or self._pacer.affordable(now.mono, past_held=True) < 1:
                    break
                allowed = 0  # one: a cancel, which is first and waits for no order that waits for the disk
            actions, taken = self._core.admit(now, min(allowed, TOGETHER))
            self._pacer.charge(now.mono, taken)
            if actions:
                return actions
        return ()

    @property
    def _cancels_wait(self) -> bool:
        return self._core.pipeline.gate.has_cancels

    def _wake_at(self) -> float | None:
        now = self._loop.time()
        affords = self._pacer.affords_at(now, past_held=self._cancels_wait) if self._core.waiting else None
        if affords is not None and affords > now:
            self._link.short()
        return min((at for at in (self._core.wake_at, affords) if at is not None), default=None)

    def complete_heartbeat(self, beat: Heartbeat) -> Heartbeat:
        numbers: dict[str, Any] = {
            "last_event_no": self._core.published_no,
            "strategy_nos": self._core.published_strategy_nos,
            "halted": dict(self._core.intake.halted),
            "killed": sorted(self._core.intake.killed),
        }
        return replace(beat, **numbers)
