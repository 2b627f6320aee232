"""ZeroMQ sockets driven straight from the asyncio loop, without `zmq.asyncio`.

Theory: a ZeroMQ FD is edge-triggered, and sending swallows edges: a message may wait although the FD is
silent. So after the FD fires *and* after any send, `EVENTS` is read and the socket drained before the loop
may block again. A publisher only hears subscriptions, and looks for those it may have swallowed `SWALLOWED_S`
later: just after a send every core is wanted by those who take what was sent. One pass begins no message
after `PASS_S`, so that no peer starves the rest of the process: what the disk or the gateway has to say waits
as long as a pass takes.

Measured on the tick path (decode, encode, publish): loop reader 458k messages a second, `zmq.asyncio` 115k.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from time import monotonic
from typing import cast

import zmq
from twsmq_protocol.errors import ConfigError

PASS_S = 0.002
SWALLOWED_S = 0.01
HEARTBEAT_MS, HEARTBEAT_TIMEOUT_MS = 500, 1500
"""Without ZMTP heartbeats a half-open peer holds its subscriptions for ever."""
MAX_FRAME_BYTES = 8 * 1024 * 1024
"""Above this libzmq drops the peer without a word; requests are refused in words from 256 KiB on."""
LINGER_MS = 250
RECONNECT_MS = 200


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
    ) -> None:
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
        handled = False
        end = monotonic() + PASS_S
        while monotonic() < end:
            if self._closed or not cast("int", self.socket.getsockopt(zmq.EVENTS)) & zmq.POLLIN:
                break
            try:
                frames = self.socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                break
            handled = True
            try:
                self._on_message(frames)
            except BaseException:
                self._schedule_pass()  # the loop reports it; those behind it must not wait for another edge
                raise
        else:
            self._schedule_pass()
        if handled and self._after_pass is not None:
            self._after_pass()


def bind(
    context: zmq.Context[zmq.Socket[bytes]],
    kind: int,
    endpoint: str,
    on_message: Callable[[list[bytes]], None],
    *,
    send_queue: int,
    wanted_by: str,
    after_pass: Callable[[], None] | None = None,
) -> LoopSocket:
    """A ROUTER or XPUB that listens on `endpoint`. Raises `ConfigError` when it cannot."""
    socket = _tuned(context, kind, send_queue)
    if kind == zmq.XPUB:
        socket.setsockopt(zmq.XPUB_VERBOSE, 1)  # never VERBOSER: its counts leak
    if kind == zmq.ROUTER:
        socket.setsockopt(zmq.ROUTER_HANDOVER, 1)  # a named client that reconnects keeps its name
    try:
        socket.bind(endpoint)
    except zmq.ZMQError as error:
        socket.close(0)
        raise ConfigError(
            f"cannot listen on {endpoint} for {wanted_by}: {error.strerror}; end whoever uses that port "
            "or set another [cluster] port_base"
        ) from error
    swallowed_s = SWALLOWED_S if kind == zmq.XPUB else 0.0
    return LoopSocket(socket, on_message, swallowed_s=swallowed_s, after_pass=after_pass)


def subscribe(
    context: zmq.Context[zmq.Socket[bytes]],
    endpoints: Iterable[str],
    prefixes: Iterable[str],
    on_message: Callable[[list[bytes]], None],
    *,
    queue: int,
) -> LoopSocket:
    """A SUB that hears `prefixes` from all `endpoints`, now or whenever somebody listens there."""
    socket = _tuned(context, zmq.SUB, queue)
    socket.setsockopt(zmq.RECONNECT_IVL, RECONNECT_MS)
    for endpoint in endpoints:
        socket.connect(endpoint)
    for prefix in prefixes:
        socket.setsockopt(zmq.SUBSCRIBE, prefix.encode())
    return LoopSocket(socket, on_message)


def _tuned(context: zmq.Context[zmq.Socket[bytes]], kind: int, queue: int) -> zmq.Socket[bytes]:
    socket = context.socket(kind)
    for option, value in (
        (zmq.LINGER, LINGER_MS),
        (zmq.SNDHWM, queue),
        (zmq.RCVHWM, queue),
        (zmq.HEARTBEAT_IVL, HEARTBEAT_MS),
        (zmq.HEARTBEAT_TIMEOUT, HEARTBEAT_TIMEOUT_MS),
        (zmq.MAXMSGSIZE, MAX_FRAME_BYTES),
    ):
        socket.setsockopt(option, value)
    return socket
