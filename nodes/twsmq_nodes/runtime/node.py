"""The runtime every node stands on: mailbox, outbox, state and heartbeat.

Invariants: a heartbeat goes out every half second from the same loop that does the work, so it proves that
the loop turns; `state` is `ready` only while the node can do its work; `describe` is answered in every state.
"""

from __future__ import annotations

import asyncio
import math

import structlog
from twsmq_protocol import endpoints
from twsmq_protocol.config_file import LoadedConfig
from twsmq_protocol.errors import ErrorCode, RequestError
from twsmq_protocol.system_events import Heartbeat, NodeState
from twsmq_protocol.topics import node_topic
from twsmq_transport import security
from twsmq_transport.vitals import VitalSigns
from twsmq_transport.wire import Wire

HEARTBEAT_S = 0.5
APART_S = 0.05
"""Between two beats for those who subscribe, however many do: all who listen get each of them."""

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
        self.state: NodeState = "starting"
        self.detail: str | None = None
        self._shell = Shell()
        self._vitals = VitalSigns(name, self.client_id)
        self._loop = asyncio.get_running_loop()
        self._next_beat: asyncio.TimerHandle | None = None
        self._beat_wanted: asyncio.TimerHandle | None = None
        self._beaten_at = -math.inf
        self._wire = Wire(
            config,
            name,
            security.load(config, loaded.data_dir, name),
            (node_topic(name),),
            narrows=not counts_subscribers,
            on_presence=self._presence,
            after_pass=self._requests_handled,
        )
        self.incarnation, self.topics = self._wire.incarnation, self._wire.topics
        self.mailbox, self.outbox, self.metrics = self._wire.mailbox, self._wire.outbox, self._wire.metrics
        self.listen, self.requester = self._wire.listen, self._wire.requester
        self._beat_due: float | None = None

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

    def require_ready(self) -> None:
        """Raise the `not_ready` reply unless the node can do its work."""
        if self.state != "ready":
            waits = self.detail or f"it is {self.state}"
            raise RequestError(ErrorCode.NOT_READY, f"{self.name} is not ready: {waits}; try again shortly")

    def close(self) -> None:
        for timer in (self._next_beat, self._beat_wanted):
            if timer is not None:
                timer.cancel()
        self._wire.close()

    def _beat(self) -> None:
        if self._next_beat is not None:
            self._next_beat.cancel()
        now = self._loop.time()
        if self._beat_due is not None and now >= self._beat_due:
            self._wire.counts.timer_rang(now - self._beat_due)
            self._vitals.timer_rang(now - self._beat_due)
        self._beat_due = now + HEARTBEAT_S
        self._next_beat = self._loop.call_at(self._beat_due, self._beat)
        self._beat_at_once()

    def _beat_for_newcomer(self) -> None:
        if self._beat_wanted is not None:
            return
        due = self._beaten_at + APART_S
        if self._loop.time() >= due:
            self._beat_at_once()
        else:
            self._beat_wanted = self._loop.call_at(due, self._beat_as_wanted)

    def _beat_as_wanted(self) -> None:
        self._beat_wanted = None
        self._beat_at_once()

    def _beat_at_once(self) -> None:
        self._beaten_at = self._loop.time()
        beat = self._vitals.heartbeat(self.state, self.detail)
        self.outbox.publish(node_topic(self.name), self._shell.complete_heartbeat(beat))

    def _requests_handled(self) -> None:
        self._shell.requests_handled()

    def _presence(self, topic: str, wanted: bool) -> None:
        if wanted and self._next_beat is not None and node_topic(self.name).startswith(topic):
            # Who subscribes just after a change, as the supervisor does at a restart, learns of it at once.
            # Not by what is retained: the numbers of a beat are those of its moment.
            self._beat_for_newcomer()
        if self.state != "stopping":
            self._shell.presence(topic, wanted)
