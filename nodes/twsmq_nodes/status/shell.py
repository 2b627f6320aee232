"""The status node's outer room: one session, an ear for every process, the ops `positions` and `health`."""

from __future__ import annotations

import asyncio

import structlog
from twsmq_protocol import envelope
from twsmq_protocol.endpoints import SUPERVISOR, node_names
from twsmq_protocol.envelope import NoArgs
from twsmq_protocol.requests import PositionList
from twsmq_protocol.system_events import Heartbeat, Process
from twsmq_transport.mailbox import Call

from twsmq_nodes.runtime.link import GatewayLink
from twsmq_nodes.runtime.node import Node, Shell
from twsmq_nodes.tws.errors import NotConnected, TwsError
from twsmq_nodes.tws.events import Event
from twsmq_nodes.tws.notices import Notice
from twsmq_nodes.tws.requests import Request

from .actions import Action, Publish, Ready, Reconcile, Send, SetTimer, Warn
from .core import StatusCore, TimerFired
from .health import HealthBoard

log = structlog.stdlib.get_logger()


class StatusShell(Shell):
    """Ready once all positions of the present session are known. `health` is answered in every state."""

    def __init__(self, node: Node) -> None:
        nodes = node_names(node.config)
        self._node = node
        self._loop = asyncio.get_running_loop()
        self._link = GatewayLink(
            node, on_event=self._feed, on_notice=self._feed, reconciles="asking for all positions"
        )
        self._core = StatusCore(self._link.session.next_req_id)
        self._board = HealthBoard(nodes)
        self._timer: asyncio.TimerHandle | None = None
        node.topics += ["position/<account>/<instrument>/", "account/<account>/<tag>/[<currency>/]"]
        node.topics.append("pnl/<account>/[<instrument>/]")
        node.mailbox.add("positions", self._answer_positions)
        node.mailbox.add("health", self._answer_health)
        node.listen((SUPERVISOR, *nodes), ("node/", "process/"), self._heard)

    def start(self) -> None:
        self._link.open()

    async def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._link.close()

    def _answer_positions(self, _: NoArgs, call: Call) -> None:
        self._node.require_ready()
        rows = self._core.positions.rows()
        assert rows is not None, "ready means that the listing is complete"
        call.succeed(PositionList(positions=rows))

    def _answer_health(self, _: NoArgs, call: Call) -> None:
        call.succeed(self._board.health(self._loop.time()))

    def _heard(self, _topic: str, event: envelope.Event) -> None:
        if isinstance(event, Heartbeat | Process):
            self._board.heard(event, self._loop.time())

    def _feed(self, happened: Notice | Event | TimerFired) -> None:
        for action in self._core.handle(happened, self._loop.time()):
            self._carry_out(action)

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
            case SetTimer(at):
                if self._timer is not None:
                    self._timer.cancel()
                self._timer = None if at is None else self._loop.call_at(at, self._feed, TimerFired())
            case Warn(text):
                log.warning("gateway account data", problem=text)

    def _send(self, request: Request) -> None:
        def refused(error: TwsError) -> None:
            log.info("not asked", problem=str(error))

        try:
            self._link.session.send(request, on_refused=refused)
        except NotConnected as error:
            refused(error)
