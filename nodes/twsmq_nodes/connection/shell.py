"""The connection node's outer room: one session, an ear for the shards, the `gateway` event and op."""

from __future__ import annotations

import structlog
from twsmq_protocol.endpoints import node_names, shard_of
from twsmq_protocol.envelope import Event, NoArgs
from twsmq_protocol.system_events import Gateway, Heartbeat
from twsmq_protocol.topics import GATEWAY, node_topic
from twsmq_transport.mailbox import Call

from twsmq_nodes.runtime.driver import Driver
from twsmq_nodes.runtime.link import GatewayLink
from twsmq_nodes.runtime.node import Node, Shell
from twsmq_nodes.tws import events
from twsmq_nodes.tws.events import CurrentTime

from .core import Action, ConnectionCore, Input, PublishGateway
from .escalation import Probe, Reconnect, ShardHeard

RECONNECT_VALID_S = 5.0

log = structlog.stdlib.get_logger()


class ConnectionShell(Shell):
    """Ready while its session is up; what the gateway's own connection does is told, not waited for."""

    def __init__(self, node: Node) -> None:
        gateway = node.config.gateway
        self._node = node
        self._core = ConnectionCore(gateway.host, gateway.port)
        self._told: Event = self._core.gateway
        self._driver: Driver[Input, Action] = Driver(self._core.handle, self._carry_out)
        self._link = GatewayLink(node, on_notice=self._driver.feed, on_event=self._heard)
        shards = [name for name in node_names(node.config) if shard_of(name) is not None]
        self._requesters = {name: node.requester(name) for name in shards}
        node.listen(shards, [node_topic(name) for name in shards], self._shard_heard)
        node.topics.append(GATEWAY)
        node.mailbox.add("gateway_status", self._answer_status)

    def start(self) -> None:
        self._publish(self._core.gateway)
        self._link.open()

    async def stop(self) -> None:
        self._link.close()

    def _heard(self, event: events.Event) -> None:
        if isinstance(event, CurrentTime):
            self._driver.feed(event)

    def _shard_heard(self, _topic: str, event: Event) -> None:
        if isinstance(event, Heartbeat) and event.silent_lines is not None:
            flowing: int | None = getattr(event, "flowing_lines", None)
            up = event.state == "ready"
            self._driver.feed(ShardHeard(event.name, up, event.silent_lines, flowing or 0))

    def _carry_out(self, action: Action) -> None:
        match action:
            case PublishGateway(event):
                self._publish(event)
            case Probe():
                self._link.session.probe()
            case Reconnect(name):
                log.warning("shard asked to connect anew", shard=name)
                self._requesters[name].send("reconnect", RECONNECT_VALID_S)

    def _publish(self, event: Gateway) -> None:
        self._told = self._node.outbox.publish(GATEWAY, event, retain=True)

    def _answer_status(self, _: NoArgs, call: Call) -> None:
        """Answered in every state, with the newest event as it was published."""
        call.succeed(self._told)
