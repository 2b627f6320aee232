"""The connection node's outer room: one session, the `gateway` event, the op `gateway_status`."""

from __future__ import annotations

from twsmq_protocol.envelope import Event, NoArgs
from twsmq_protocol.system_events import Gateway
from twsmq_protocol.topics import GATEWAY

from twsmq_nodes.runtime.link import GatewayLink
from twsmq_nodes.runtime.mailbox import Call
from twsmq_nodes.runtime.node import Node
from twsmq_nodes.tws.notices import Notice

from .core import ConnectionCore


class ConnectionShell:
    """Ready while its session is up; what the gateway's own connection does is told, not waited for."""

    def __init__(self, node: Node) -> None:
        gateway = node.config.gateway
        self._node = node
        self._core = ConnectionCore(gateway.host, gateway.port)
        self._told: Event = self._core.gateway
        self._link = GatewayLink(node, on_notice=self._noticed)
        node.topics.append(GATEWAY)
        node.mailbox.add("gateway_status", NoArgs, self._answer_status, "The state of the gateway link")

    def start(self) -> None:
        self._publish(self._core.gateway)
        self._link.open()

    async def stop(self) -> None:
        self._link.close()

    def _noticed(self, notice: Notice) -> None:
        for action in self._core.handle(notice):
            self._publish(action.event)

    def _publish(self, event: Gateway) -> None:
        self._told = self._node.outbox.publish(GATEWAY, event, retain=True)

    def _answer_status(self, _: NoArgs, call: Call) -> None:
        """Answered in every state, with the newest event as it was published."""
        call.succeed(self._told)
