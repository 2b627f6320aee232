"""What every process shows to the others: requests in, events out, and what it answers of itself.

Invariants: `describe` and `metrics` are answered in every state; where keys are on, the gatekeeper stands
before the first socket does; each socket leaves the loop before its descriptor is closed, the last opened
first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from time import time_ns

import msgspec
import structlog
import zmq
from twsmq_protocol import codec, endpoints
from twsmq_protocol.config import Config
from twsmq_protocol.envelope import PROTOCOL_VERSION, Event, NoArgs
from twsmq_protocol.errors import MalformedMessage
from twsmq_protocol.requests import Description

from . import sockets
from .door import Door
from .mailbox import Call, Mailbox
from .metrics import Registry
from .outbox import Outbox
from .process_metrics import ProcessMetrics
from .release import release
from .requester import Requester
from .security import Security

log = structlog.stdlib.get_logger()


class Wire:
    """`security`: what was loaded for this process. `topics`: what it publishes, for `describe`; complete
    when somebody asks first. `narrows`, `on_presence`, `after_pass`: see `Outbox` and `Mailbox`.

    Raises `ConfigError` where a port is taken.
    """

    def __init__(
        self,
        config: Config,
        name: str,
        security: Security,
        topics: Iterable[str],
        *,
        narrows: bool = True,
        on_presence: Callable[[str, bool], None] | None = None,
        after_pass: Callable[[], None] | None = None,
    ) -> None:
        self.name = name
        self.incarnation = time_ns()
        self.topics = list(topics)
        self.metrics = Registry()
        self._config = config
        self._security = security
        self._requests = endpoints.requests_endpoint(config, name)
        self._events = endpoints.events_endpoint(config, name)
        self._description: msgspec.Raw | None = None
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        with ExitStack() as opened:
            opened.callback(self._context.term)
            if security.on:
                opened.callback(Door(self._context, security, self._serve_anew).close)
            self.mailbox = Mailbox(
                self._context,
                self._requests,
                name=name,
                after_pass=after_pass,
                registry=self.metrics,
                security=security,
            )
            opened.callback(self.mailbox.close)
            self.outbox = Outbox(
                self._context,
                self._events,
                name=name,
                incarnation=self.incarnation,
                send_queue=config.cluster.send_queue,
                on_presence=on_presence,
                narrows=narrows,
                security=security,
            )
            opened.callback(self.outbox.close)
            self._opened = opened.pop_all()
        self.counts = ProcessMetrics(self.metrics, self.outbox, name, self.incarnation)
        self.mailbox.add("metrics", lambda _, call: call.succeed(self.counts.answer()))
        self.mailbox.add("describe", self._describe)

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

        where = [endpoints.events_endpoint(self._config, name) for name in names]
        queue = self._config.cluster.send_queue
        ear = sockets.subscribe(
            self._context, where, prefixes, received, queue=queue, security=self._security
        )
        self._opened.callback(ear.close)

    def requester(self, name: str) -> Requester:
        """A way to ask another process, until `close`."""
        requester = Requester(self._context, endpoints.requests_endpoint(self._config, name), self._security)
        self._opened.callback(requester.close)
        return requester

    def close(self) -> None:
        self._opened.close()

    def _serve_anew(self) -> None:
        self.outbox.reopen()

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
