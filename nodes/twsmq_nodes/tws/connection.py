"""One connection's socket: bytes in are cut into frames, bytes out go in the order they were given.

Another thread may write too (`write_from_thread`), for bytes that cannot wait for the loop. Invariant: what
one call was given is on the socket whole before the next byte of anybody's. A thread is let at the socket
only while nothing waits in the transport: its high-water mark is 0, so it calls `pause_writing` as soon as
something does. If the socket takes only part of what a thread gives, everything else waits until the rest has
gone. After `close` no thread writes any more.

What comes is handed on in turns: the owner takes of the frames what one turn of the loop may be spent on, the
rest is offered again in the next, and until it has gone the socket is not read. So whoever sends without end
waits, as TCP lets it, and everybody else has their turn between; the order of frames is kept.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import threading
from contextlib import suppress
from typing import Protocol, cast

from twsmq_protocol.hosts import address
from twsmq_transport.descriptors import none_left

from twsmq_nodes.tws.framing import FrameSplitter

LARGE_READ = 65_536
"""What a socket gives at once only if more waits: uvloop would read on, thirty times, before anybody else's
turn."""
DEAD_HOST_MS = 30_000
"""How long what was sent may stay unacknowledged."""


class Owner(Protocol):
    """Whoever opened the connection. All are called on the loop. `frames_received`: how many it has taken,
    at least one of them."""

    def connection_opened(self, connection: Connection) -> None: ...
    def connection_lost(self, connection: Connection, reason: str) -> None: ...
    def connection_gone(self, connection: Connection) -> None: ...
    def connection_writable(self, connection: Connection) -> None: ...
    def frames_received(self, connection: Connection, frames: list[bytes]) -> int: ...


class Connection(asyncio.Protocol):
    """Decides nothing. `gone` is done once its socket is closed."""

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._loop = asyncio.get_running_loop()
        self._splitter = FrameSplitter()
        self._transport: asyncio.Transport | None = None
        self._closed = False
        self._paused = False
        self._frames: list[bytes] = []  # not yet taken
        self._held_back = False  # nothing is read before the next turn
        self._lock = threading.RLock()  # for all below
        self._direct: socket.socket | None = None  # the same socket, for other threads
        self._waits = False  # something in the transport, or not yet given to it by the session
        self._rest = b""  # of what a thread has written in part
        self.written = 0  # messages handed over, by anybody
        self.gone: asyncio.Future[None] = self._loop.create_future()

    @property
    def writable(self) -> bool:
        return self._transport is not None and not self._paused and not self._transport.is_closing()

    def use_raw_ids(self) -> None:
        """From here on frames begin with four bytes of id."""
        self._splitter.raw_ids = True

    def write(self, data: bytes) -> None:
        if self._transport is None:
            return
        with self._lock:
            self.written += 1
            if self._rest:
                self._rest += data
            else:
                self._transport.write(data)

    def write_from_thread(self, data: bytes) -> bool:
        """Whether all of `data` is handed over; if not, none of it is. Never waits."""
        with self._lock:
            if self._direct is None or self._waits or self._rest:
                return False
            try:
                sent = self._direct.send(data, socket.MSG_DONTWAIT)
            except OSError:  # full, or broken: the loop finds out
                return False
            self.written += 1
            if sent < len(data):
                self._rest = data[sent:]
                self._loop.call_soon_threadsafe(self._write_rest)
            return True

    @property
    def garbled(self) -> bool:
        """What came are no frames of a gateway's."""
        return self._splitter.broken is not None

    def close(self, *, flush: bool = False) -> None:
        self._closed = True
        self._shut_out_threads()
        if self._transport is not None:
            self._transport.close() if flush else self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's does not derive from asyncio's
        self._transport.set_write_buffer_limits(high=0)
        descriptor = _tune(self._transport)
        self._owner.connection_opened(self)
        if self._closed:  # while it was connecting
            self._transport.abort()
        elif descriptor is not None:
            with self._lock, suppress(OSError):  # no descriptor is left: what is sent goes by the loop then
                self._direct = socket.socket(fileno=os.dup(descriptor))

    def data_received(self, data: bytes) -> None:
        frames = self._splitter.feed(data)
        self._frames = self._frames + frames if self._frames else frames
        if not self._held_back:
            self._hand_on(more=len(data) >= LARGE_READ)

    def _hand_on(self, *, more: bool = False) -> None:
        """One turn's work. `more`: the socket has more to give."""
        self._take()
        if self._closed:
            self._frames.clear()
        elif self._transport is None or self._transport.is_closing():
            pass  # `connection_lost` is next
        elif self._frames or more:
            if not self._held_back:
                self._held_back = True
                self._transport.pause_reading()
            self._loop.call_soon(self._hand_on)
        elif self._splitter.broken is not None:
            self._owner.connection_lost(self, self._splitter.broken)
            self.close()
        elif self._held_back:
            self._held_back = False
            self._transport.resume_reading()

    def _take(self) -> None:
        taken = self._owner.frames_received(self, self._frames)
        self._frames = self._frames[taken:] if taken < len(self._frames) else []

    def pause_writing(self) -> None:
        self._paused = self._waits = True  # from within a write, under the lock

    def resume_writing(self) -> None:
        self._paused = False
        self._owner.connection_writable(self)  # what was queued meanwhile goes first
        with self._lock:
            self._waits = self._paused

    def connection_lost(self, exc: Exception | None) -> None:
        self._shut_out_threads()
        while self._frames and not self._closed:  # what it said before it ended
            self._take()
        self._owner.connection_lost(self, str(exc) if exc else "the gateway closed the connection")
        self._owner.connection_gone(self)
        self.gone.set_result(None)

    def _write_rest(self) -> None:
        with self._lock:
            rest, self._rest = self._rest, b""
            if self._transport is not None:
                self._transport.write(rest)

    def _shut_out_threads(self) -> None:
        with self._lock:
            direct, self._direct = self._direct, None
        if direct is not None:
            direct.close()


def _tune(transport: asyncio.Transport) -> int | None:
    """No Nagle (40 ms on a burst of orders) and keepalive that notices a dead host within half a minute, also
    while something is under way to it: then the kernel alone would try for a quarter of an hour. The
    descriptor of the socket."""
    sock: socket.socket | None = transport.get_extra_info("socket")
    if sock is None:
        return None
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (("TCP_KEEPIDLE", 15), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, option):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, DEAD_HOST_MS)
    return sock.fileno()


_CURES = {
    errno.EMFILE: "no file descriptor is left in this process: raise `ulimit -n`, or end some of its clients",
    errno.ENFILE: "no file descriptor is left on this machine: end other programs, or raise fs.file-max",
    errno.ENOBUFS: "the system has no memory left for a connection: end other programs",
    errno.ENOMEM: "the system has no memory left for a connection: end other programs",
}


def why_unreachable(error: OSError, host: str, port: int) -> tuple[str, bool]:
    """What is said where no connection came about, and whether that is our own system's fault, of which the
    gateway knows nothing."""
    number = error.errno
    if isinstance(error, socket.gaierror):  # does not say why a name could not be looked up
        number = none_left() or number
    if number in _CURES:
        return f"{_CURES[number]}. The gateway was not asked, it may be well", True
    return f"cannot connect to {address(host, port)}: {error}", False
