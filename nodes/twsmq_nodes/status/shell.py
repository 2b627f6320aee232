"""The status node's outer room: one session with the gateway, the watch over all processes, and the ops."""

from __future__ import annotations

import asyncio
from time import time_ns

import structlog
from twsmq_protocol import envelope
from twsmq_protocol.board import AccountFigures, PnlFigures
from twsmq_protocol.endpoints import SUPERVISOR, node_names
from twsmq_protocol.envelope import NoArgs
from twsmq_protocol.requests import PositionList
from twsmq_protocol.system_events import Heartbeat, Process
from twsmq_transport.mailbox import Call

from twsmq_nodes.runtime.driver import Driver
from twsmq_nodes.runtime.link import GatewayLink
from twsmq_nodes.runtime.node import Node, Shell
from twsmq_nodes.runtime.timer import TimerFired
from twsmq_nodes.tws.errors import NotConnected, TwsError
from twsmq_nodes.tws.events import Event
from twsmq_nodes.tws.requests import Request
from twsmq_nodes.tws.session_events import SessionEvent

from .actions import Action, Publish, Ready, Reconcile, Send, Warn
from .core import StatusCore
from .health import HealthBoard
from .knowledge import FIGURES
from .watch import ClusterWatch

log = structlog.stdlib.get_logger()


class StatusShell(Shell):
    """Ready once all positions of the present session are known. `health` is answered in every state."""

    def __init__(self, node: Node) -> None:
        nodes = node_names(node.config)
        self._node = node
        self._loop = asyncio.get_running_loop()
        self._link = GatewayLink(
            node,
            on_event=self._on_gateway_event,
            on_session_event=self._on_session_event,
            reconciles="asking for all positions",
        )
        self._core = StatusCore(self._link.session.next_req_id)
        self._board = HealthBoard(nodes)
        self._driver: Driver[SessionEvent | Event | TimerFired, Action] = Driver(
            self._core.handle, self._carry_out, lambda: self._core.wake_at, TimerFired()
        )
        node.topics += ["position/<account>/<instrument>/", "account/<account>/<tag>/[<currency>/]"]
        node.topics.append("pnl/<account>/[<instrument>/]")
        node.mailbox.add("positions", self._answer_positions)
        node.mailbox.add("health", self._answer_health)
        node.listen((SUPERVISOR, *nodes), ("node/", "process/"), self._on_event)
        self._watch = ClusterWatch(node, self._core)
        self._add_board_ops()

    def start(self) -> None:
        self._link.open()
        self._watch.start()

    async def stop(self) -> None:
        self._link.close()
        self._driver.close()
        await self._watch.stop()

    def _add_board_ops(self) -> None:
        """Answered in every state: a board says itself how old its parts are."""
        watch, add = self._watch, self._node.mailbox.add
        board, alerting = watch.board, watch.alerting

        add("board", lambda args, call: call.succeed(board.answer(args, time_ns())))
        add("account", lambda _, call: call.succeed(self._account()))
        add("pnl", lambda _, call: call.succeed(self._pnl()))
        add("alerts", lambda _, call: call.succeed(alerting.listed()))
        add("acknowledge_alert", lambda args, call: call.succeed(alerting.acknowledge(args, call.who)))
        add("silence_alert", lambda args, call: call.succeed(alerting.silence(args, call.who)))
        add("test_alerts", lambda args, call: call.succeed(alerting.test(args, call.who)))

    def _account(self) -> AccountFigures:
        board = self._watch.board
        return AccountFigures(
            as_of=board.as_of("accounts"), accounts=board.rows("accounts"), currencies=board.rows("cash")
        )

    def _pnl(self) -> PnlFigures:
        board = self._watch.board
        return PnlFigures(
            as_of=board.as_of("accounts"),
            accounts=board.rows("accounts"),
            strategies=board.rows("strategies"),
            positions=board.rows("positions"),
        )

    def _answer_positions(self, _: NoArgs, call: Call) -> None:
        self._node.require_ready()
        rows = self._core.positions.rows()
        assert rows is not None, "ready means that the listing is complete"
        call.succeed(PositionList(positions=rows))

    def _answer_health(self, _: NoArgs, call: Call) -> None:
        call.succeed(self._board.health(self._loop.time()))

    def _on_event(self, _topic: str, event: envelope.Event) -> None:
        if isinstance(event, Heartbeat | Process):
            self._board.received(event, self._loop.time())

    def _on_gateway_event(self, event: Event) -> None:
        self._driver.feed(event)
        if isinstance(event, FIGURES):
            self._watch.gateway_reported(event)

    def _on_session_event(self, event: SessionEvent) -> None:
        self._driver.feed(event)

    def _carry_out(self, action: Action) -> None:
        match action:
            case Send(request):
                self._send(request)
            case Publish(topic, event, last):
                self._node.outbox.publish(topic, event, retain=not last)
                if last:
                    self._node.outbox.forget(topic)
            case Ready():
                self._node.enter("ready")
            case Reconcile(detail):
                self._node.enter("reconciling", detail)
            case Warn(text):
                log.warning("gateway account data", problem=text)

    def _send(self, request: Request) -> None:
        def refused(error: TwsError) -> None:
            log.info("not asked", problem=str(error))

        try:
            self._link.session.send(request, on_refused=refused)
        except NotConnected as error:
            refused(error)
