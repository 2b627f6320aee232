"""The runtime every node stands on: mailbox, outbox, state and heartbeat.

Invariants: a heartbeat goes out every half second from the same loop that does the work, so it proves that
the loop turns; `state` is `ready` only while the node can do its work; `describe` is answered in every state.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from time import monotonic, time_ns

import msgspec
import structlog
import zmq
from twsmq_protocol import codec, endpoints
from twsmq_protocol.config_file import LoadedConfig
from twsmq_protocol.envelope import PROTOCOL_VERSION, Event, NoArgs
from twsmq_protocol.errors import ErrorCode, MalformedMessage, RequestError
from twsmq_protocol.requests import Description
from twsmq_protocol.system_events import Heartbeat, NodeState
from twsmq_protocol.topics import node_topic
from twsmq_transport import security, sockets
from twsmq_transport.door import Door
from twsmq_transport.mailbox import Call, Mailbox
from twsmq_transport.metrics import Registry
from twsmq_transport.outbox import Outbox
from twsmq_transport.process_metrics import ProcessMetrics
from twsmq_transport.release import release
from twsmq_transport.requester import Requester
from twsmq_transport.vitals import VitalSigns

HEARTBEAT_S = 0.5

log = structlog.stdlib.get_logger()


class Shell:
    """The outer room of a node: made on its runtime, started once that stands, stopped before it is closed.

    What a node does not need it leaves as it is here.
    """

    def start(self) -> None:
        """Begin to work."""

    async def stop(self) -> None:
        """End in order."""

    def complete_heartbeat(self, beat: Heartbeat) -> Heartbeat:
        """The heartbeat about to go out, with what this node adds."""
        return beat

    def presence(self, topic: str, wanted: bool) -> None:
        """Somebody wants exactly `topic`, or nobody is left."""

    def requests_handled(self) -> None:
        """The requests that were there have been handed to their handlers."""


class Node:
    """One node's runtime. Its shell adds ops, publishes, and calls `enter` when its state changes."""

    def __init__(self, loaded: LoadedConfig, name: str) -> None:
        config = loaded.config
        counts_subscribers = endpoints.shard_of(name) is not None
        self.name = name
        self.config = config
        self.data_dir = loaded.data_dir
        self.client_id = endpoints.client_id(config, name)
        self.incarnation = time_ns()
        self.state: NodeState = "starting"
        self.detail: str | None = None
        self.topics: list[str] = [node_topic(name)]
        self._shell = Shell()
        self._born = monotonic()
        self._description: msgspec.Raw | None = None
        self._loop = asyncio.get_running_loop()
        self._next_beat: asyncio.TimerHandle | None = None
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._requests = endpoints.requests_endpoint(config, name)
        self._events = endpoints.events_endpoint(config, name)
        queue = config.cluster.send_queue
        with ExitStack() as opened:
            opened.callback(self._context.term)
            self._security = security.load(config, loaded.data_dir, name)
            if self._security.on:
                door = Door(self._context, self._security, self._serve_anew)
                opened.callback(door.close)
            self.metrics = Registry()
            self.mailbox = Mailbox(
                self._context,
                self._requests,
                name=name,
                after_pass=self._requests_handled,
                registry=self.metrics,
                security=self._security,
            )
            opened.callback(self.mailbox.close)
            self.outbox = Outbox(
                self._context,
                self._events,
                name=name,
                incarnation=self.incarnation,
                send_queue=queue,
                on_presence=self._presence,
                narrows=not counts_subscribers,
                security=self._security,
            )
            opened.callback(self.outbox.close)
            self._opened = opened.pop_all()  # each socket leaves the loop before its descriptor is closed
        self._counts = ProcessMetrics(self.metrics, self.outbox, name, self.incarnation)
        self._vitals = VitalSigns()
        self._beat_due: float | None = None
        self.mailbox.add("metrics", lambda _, call: call.succeed(self._counts.answer()))
        self.mailbox.add("describe", self._describe)

    def _serve_anew(self) -> None:
        self.outbox.reopen()

    def start(self, shell: Shell) -> None:
        """Begin to beat, and let `shell` begin."""
        self.detail = None  # the start-up progress text
        self._shell = shell
        self._beat()
        shell.start()

    async def stop(self) -> None:
        """Let the shell end in order."""
        self.enter("stopping")
        await self._shell.stop()

    def starting(self, detail: str) -> None:
        """Publish how far a long start has come: until `start` nothing else shows that this process lives."""
        self.detail = detail
        self._beat_at_once()

    def enter(self, state: NodeState, detail: str | None = None) -> None:
        """Take on a state and publish it at once; `detail` says what is waited for."""
        if (state, detail) == (self.state, self.detail):
            return
        if state != self.state:
            log.info("node state changed", state=state, before=self.state, detail=detail)
        self.state, self.detail = state, detail
        if self._next_beat is not None:
            self._beat()

    def listen(
        self, names: Iterable[str], prefixes: Iterable[str], on_event: Callable[[str, Event], None]
    ) -> None:
        """Receive what other processes publish under `prefixes`: `on_event(topic, event)`, until `close`."""

        def received(frames: list[bytes]) -> None:
            try:
                topic, event = codec.decode_event(frames[0])
            except MalformedMessage as error:
                log.debug("event not understood", problem=str(error))
            else:
                on_event(topic, event)

        where = [endpoints.events_endpoint(self.config, name) for name in names]
        queue = self.config.cluster.send_queue
        ear = sockets.subscribe(
            self._context, where, prefixes, received, queue=queue, security=self._security
        )
        self._opened.callback(ear.close)

    def requester(self, name: str) -> Requester:
        """A way to ask another process, until `close`."""
        requester = Requester(self._context, endpoints.requests_endpoint(self.config, name), self._security)
        self._opened.callback(requester.close)
        return requester

    def require_ready(self) -> None:
        """Raise the `not_ready` reply unless the node can do its work."""
        if self.state != "ready":
            waits = self.detail or f"it is {self.state}"
            raise RequestError(ErrorCode.NOT_READY, f"{self.name} is not ready: {waits}; try again shortly")

    def close(self) -> None:
        if self._next_beat is not None:
            self._next_beat.cancel()
        self._opened.close()

    def _beat(self) -> None:
        if self._next_beat is not None:
            self._next_beat.cancel()
        now = self._loop.time()
        if self._beat_due is not None and now >= self._beat_due:
            self._counts.timer_rang(now - self._beat_due)
            self._vitals.timer_rang(now - self._beat_due)
        self._beat_due = now + HEARTBEAT_S
        self._next_beat = self._loop.call_at(self._beat_due, self._beat)
        self._beat_at_once()

    def _beat_at_once(self) -> None:
        vitals = self._vitals.take()
        beat = Heartbeat(
            name=self.name,
            pid=os.getpid(),
            state=self.state,
            client_id=self.client_id,
            uptime_s=round(monotonic() - self._born, 3),
            detail=self.detail,
            cpu=vitals.cpu,
            memory_bytes=vitals.memory_bytes,
            loop_lag_s=vitals.loop_lag_s,
        )
        self.outbox.publish(node_topic(self.name), self._shell.complete_heartbeat(beat))

    def _requests_handled(self) -> None:
        self._shell.requests_handled()

    def _presence(self, topic: str, wanted: bool) -> None:
        if wanted and self._next_beat is not None and node_topic(self.name).startswith(topic):
            # Who subscribes just after a change, as the supervisor does at a restart, learns of it at once.
            # Not by what is retained: the numbers of a beat are those of its moment.
            self._beat_at_once()
        if self.state != "stopping":
            self._shell.presence(topic, wanted)

    def _describe(self, _args: NoArgs, call: Call) -> None:
        if self._description is None:  # schemas cost a thousand times the reply
            self._description = msgspec.Raw(msgspec.msgpack.encode(self._described()))
        call.succeed(self._description)

    def _described(self) -> Description:
        return Description(
            name=self.name,
            version=release(),
            protocol=PROTOCOL_VERSION,
            incarnation=self.incarnation,
            ops=self.mailbox.descriptions(),
            topics=self.topics,
            requests=self._requests,
            events=self._events,
        )
