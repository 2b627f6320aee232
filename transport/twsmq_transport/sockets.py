"""ZeroMQ sockets driven straight from the asyncio loop, without `zmq.asyncio`.

Theory: a ZeroMQ FD is edge-triggered, and sending swallows edges: a message may wait although the FD is
silent. So after the FD fires *and* after any send, `EVENTS` is read and the socket drained before the loop
may block again. A publisher only hears subscriptions, and looks for those it may have swallowed `SWALLOWED_S`
later: just after a send every core is wanted by those who take what was sent. One pass begins no message
after `PASS_S`, so that no peer starves the rest of the process: what the disk or the gateway has to say waits
as long as a pass takes.

Bounds: whatever a peer does, what it makes us hold is bounded in bytes, by a limit on each message and a
queue of few messages for each peer, behind which TCP makes it wait.

Measured on the tick path (decode, encode, publish): loop reader 458k messages a second, `zmq.asyncio` 115k.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from time import monotonic
from typing import Any, cast

import zmq
from twsmq_protocol import half_open
from twsmq_protocol.errors import ConfigError

from .security import OFF, Options, Security
from .turns import Turns

PASS_S = 0.002
SWALLOWED_S = 0.01
LINGER_MS = 250
RECONNECT_MS = 50
HANDSHAKE_MS = 5_000
"""A peer that connects and says nothing is dropped after that."""

REQUEST_BYTES = 1024 * 1024 + 64 * 1024
"""Above this libzmq drops the peer without a word; requests are refused in words from 256 KiB on."""
REQUESTS_PER_PEER = 16
"""Complete requests of one peer that libzmq reads ahead; the rest waits in its own send queue. With the bound
on each this bounds what a peer can make us hold."""
REPLIES_PER_PEER = 128
"""Replies that libzmq holds for one peer; see `mailbox` for those beyond."""
TOPIC_BYTES = 1024
"""The longest topic a subscription may name: SPEC's longest is some 600 bytes."""
SUBSCRIPTION_BYTES = TOPIC_BYTES + 64
"""What comes in on an XPUB is a topic and a few bytes around it. libzmq keeps each subscription in a tree
that takes about 50 times the bytes of a topic, so 8 MB would take 400 MB."""
SUBSCRIPTIONS_PER_PEER = 1000
EVENT_BYTES = 8 * 1024 * 1024
PEERS_KNOWN = 10_000
"""Connections whose name is remembered, from a request to its turn."""
AHEAD_MESSAGES, AHEAD_BYTES = 256, 2 * 1024 * 1024
"""How many requests of all peers are taken out of libzmq to decide whose turn it is."""


class LoopSocket:
    """A socket whose messages are handed to `on_message` as lists of frames.

    after_pass: called when those that were there have been. swallowed_s: how long a message may wait whose
    edge a send has swallowed.
    """

    def __init__(
        self,
        socket: zmq.Socket[bytes],
        on_message: Callable[[list[bytes]], None],
        *,
        swallowed_s: float = 0.0,
        after_pass: Callable[[], None] | None = None,
        named: bool = False,
    ) -> None:
        self.user = ""
        """Who sent the message that is being handled, where `named`: the gatekeeper's name of their key."""
        self._named = named
        self._after_pass = after_pass
        self.socket = socket
        # The backend's own: pyzmq's wrapper around it costs as much again, for options that are not used.
        self._send = super(zmq.Socket, socket).send
        self._closed = False
        self._on_message = on_message
        self._swallowed_s = swallowed_s
        self._look_scheduled = False
        self._pass_scheduled = False
        self._loop = asyncio.get_running_loop()
        self._fd = socket.fileno()
        self._loop.add_reader(self._fd, self._on_readable)
        self._schedule_pass()  # whatever arrived before add_reader has had its edge already

    def send(self, frame: bytes | bytearray) -> None:
        """Hand over one frame without waiting. Raises `zmq.Again` where the peer's queue is full, unless the
        socket's kind drops instead.
        """
        self._send(frame, zmq.NOBLOCK)
        if not self._look_scheduled:
            self.sent()

    def sent(self) -> None:
        """To be called after every send or batch of sends."""
        if not self._swallowed_s:
            self._schedule_pass()
        elif not self._look_scheduled and not self._closed:
            self._look_scheduled = True
            self._loop.call_later(self._swallowed_s, self._look)

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._loop.remove_reader(self._fd)
            self.socket.close()

    def _look(self) -> None:
        self._look_scheduled = False
        self._on_readable()

    def _schedule_pass(self) -> None:
        if not self._pass_scheduled and not self._closed:
            self._pass_scheduled = True
            self._loop.call_soon(self._drain)

    def _on_readable(self) -> None:
        if not self._pass_scheduled:  # two passes running would be one of twice the length
            self._drain()

    def _drain(self) -> None:
        self._pass_scheduled = False
        end = monotonic() + PASS_S
        handled = False
        try:
            while not self._closed and (frames := self._next()) is not None:
                handled = True
                self._handle(frames)
                if monotonic() >= end:
                    self._schedule_pass()
                    break
        except BaseException:
            self._schedule_pass()  # the loop reports it; those behind it must not wait for another edge
            raise
        if handled:
            self._passed()

    def _next(self) -> list[bytes] | None:
        return self._read()

    def _read(self) -> list[bytes] | None:
        if not cast("int", self.socket.getsockopt(zmq.EVENTS)) & zmq.POLLIN:
            return None
        try:
            if not self._named:
                return self.socket.recv_multipart(zmq.NOBLOCK)
            parts = self.socket.recv_multipart(zmq.NOBLOCK, copy=False)
        except zmq.Again:
            return None
        self.user = user_of(parts[-1])
        return [part.bytes for part in parts]

    def _handle(self, frames: list[bytes]) -> None:
        self._on_message(frames)

    def _passed(self) -> None:
        if self._after_pass is not None:
            self._after_pass()


class FairSocket(LoopSocket):
    """A ROUTER whose peers share its time: see `turns`."""

    def __init__(
        self,
        socket: zmq.Socket[bytes],
        on_message: Callable[[list[bytes]], None],
        *,
        after_pass: Callable[[], None] | None = None,
        named: bool = False,
    ) -> None:
        self._turns = Turns()
        self._users: dict[bytes, str] = {}
        self._handled: dict[bytes, int] = {}  # in this pass, by peer
        super().__init__(socket, on_message, after_pass=after_pass, named=named)

    def _next(self) -> list[bytes] | None:
        turns = self._turns
        while turns.count < AHEAD_MESSAGES and turns.size < AHEAD_BYTES:
            frames = self._read()
            if frames is None:
                break
            if self._named:
                self._remember(frames[0])
            turns.add(frames)
        return turns.take()

    def _handle(self, frames: list[bytes]) -> None:
        began, peer = monotonic(), frames[0]
        self.user = self._users.get(peer, "")
        self._handled[peer] = self._handled.get(peer, 0) + 1
        try:
            self._on_message(frames)
        finally:
            self._turns.charge(peer, monotonic() - began)

    def _remember(self, peer: bytes) -> None:
        """A connection's name never changes; who has been silent longest is forgotten first."""
        self._users.pop(peer, None)
        self._users[peer] = self.user
        if len(self._users) > PEERS_KNOWN:
            del self._users[next(iter(self._users))]

    def _passed(self) -> None:
        began = monotonic()
        super()._passed()
        self._turns.bill(self._handled, monotonic() - began)
        self._handled.clear()


def bind_requests(
    context: zmq.Context[zmq.Socket[bytes]],
    endpoint: str,
    on_message: Callable[[list[bytes]], None],
    *,
    wanted_by: str,
    after_pass: Callable[[], None] | None = None,
    security: Security = OFF,
) -> FairSocket:
    """A ROUTER that listens on `endpoint`. Raises `ConfigError` when it cannot.

    It tells a peer that is gone (EHOSTUNREACH) and one that does not read (EAGAIN) from one that does. No
    ROUTER_HANDOVER: a second peer of the same name would get the replies to the first.
    """
    socket = _tuned(
        context,
        zmq.ROUTER,
        {
            zmq.SNDHWM: REPLIES_PER_PEER,
            zmq.RCVHWM: REQUESTS_PER_PEER,
            zmq.MAXMSGSIZE: REQUEST_BYTES,
            zmq.ROUTER_MANDATORY: 1,
        },
        security.serving(wanted_by),
    )
    bound = _bound(socket, endpoint, wanted_by)
    return FairSocket(bound, on_message, after_pass=after_pass, named=security.on)


def bind_events(
    context: zmq.Context[zmq.Socket[bytes]],
    endpoint: str,
    on_message: Callable[[list[bytes]], None],
    *,
    send_queue: int,
    wanted_by: str,
    security: Security = OFF,
    manual: bool = False,
) -> LoopSocket:
    """An XPUB that listens on `endpoint`. Raises `ConfigError` when it cannot.

    manual: nothing is subscribed to but what is granted while a wish is being handled.
    """
    socket = _tuned(
        context,
        zmq.XPUB,
        {
            zmq.SNDHWM: send_queue,
            zmq.RCVHWM: SUBSCRIPTIONS_PER_PEER,
            zmq.MAXMSGSIZE: SUBSCRIPTION_BYTES,
            zmq.XPUB_VERBOSE: 1,  # never VERBOSER: its counts leak
            **({zmq.XPUB_MANUAL: 1} if manual else {}),
        },
        security.serving(wanted_by),
    )
    bound = _bound(socket, endpoint, wanted_by)
    return LoopSocket(bound, on_message, swallowed_s=SWALLOWED_S, named=security.on)


def subscribe(
    context: zmq.Context[zmq.Socket[bytes]],
    endpoints: Iterable[str],
    prefixes: Iterable[str],
    on_message: Callable[[list[bytes]], None],
    *,
    queue: int,
    security: Security = OFF,
) -> LoopSocket:
    """A SUB that receives `prefixes` from all `endpoints`, now or whenever somebody listens there."""
    options = {zmq.RCVHWM: queue, zmq.MAXMSGSIZE: EVENT_BYTES, zmq.RECONNECT_IVL: RECONNECT_MS}
    socket = _tuned(context, zmq.SUB, options, security.asking())
    for endpoint in endpoints:
        socket.connect(endpoint)
    for prefix in prefixes:
        socket.setsockopt(zmq.SUBSCRIBE, prefix.encode())
    return LoopSocket(socket, on_message)


def connect_requests(
    context: zmq.Context[zmq.Socket[bytes]],
    endpoint: str,
    on_message: Callable[[list[bytes]], None],
    *,
    queue: int,
    immediate: bool = False,
    security: Security = OFF,
) -> LoopSocket:
    """A DEALER to whoever listens on `endpoint`. `immediate`: nothing is kept for one still to come."""
    options = {
        zmq.SNDHWM: queue,
        zmq.RCVHWM: queue,
        zmq.MAXMSGSIZE: EVENT_BYTES,
        zmq.RECONNECT_IVL: RECONNECT_MS,
        zmq.IMMEDIATE: int(immediate),
        zmq.LINGER: 0,
    }
    socket = _tuned(context, zmq.DEALER, options, security.asking())
    socket.connect(endpoint)
    return LoopSocket(socket, on_message)


def _bound(socket: zmq.Socket[bytes], endpoint: str, wanted_by: str) -> zmq.Socket[bytes]:
    try:
        socket.bind(endpoint)
    except zmq.ZMQError as error:
        socket.close(0)
        raise ConfigError(
            f"cannot listen on {endpoint} for {wanted_by}: {error.strerror}; end whoever uses that port "
            "or set another [cluster] port_base"
        ) from error
    return socket


def user_of(frame: zmq.Frame) -> str:
    """The gatekeeper's name of the key it came under; empty without keys, and for a peer that vanished."""
    try:
        return str(frame.get("User-Id"))
    except zmq.ZMQError:
        return ""


def _tuned(
    context: zmq.Context[zmq.Socket[bytes]], kind: int, options: Mapping[Any, int], keys: Options
) -> zmq.Socket[bytes]:
    socket = context.socket(kind)
    for option, value in (COMMON | dict(options)).items():
        socket.setsockopt(option, value)
    for option, key in keys.items():
        socket.setsockopt(option, key)
    return socket


COMMON: dict[int, int] = {
    zmq.LINGER: LINGER_MS,
    zmq.HANDSHAKE_IVL: HANDSHAKE_MS,
    zmq.TCP_KEEPALIVE: 1,
    zmq.TCP_KEEPALIVE_IDLE: half_open.KEEPALIVE_IDLE_S,
    zmq.TCP_KEEPALIVE_INTVL: half_open.KEEPALIVE_INTERVAL_S,
    zmq.TCP_KEEPALIVE_CNT: half_open.KEEPALIVE_COUNT,
    zmq.TCP_MAXRT: half_open.MAXRT_MS,
}
"""Of every socket. Without the last five a half-open peer would hold its subscriptions for ever."""
