"""The connections of one server socket as the system sees them, and a way to end one.

libzmq names a connection's descriptor when it accepts it, when it ends, and on each message; the kernel
counts what came in on it. libzmq itself cannot drop a peer, but one whose TCP connection is shut down is gone
for it as if it had left.

A descriptor is shut down only while libzmq says that it is connected, and only if its own address is our
port's: whatever else a descriptor may have become is not touched.
"""

from __future__ import annotations

import ctypes
import fcntl
import select
import socket
import struct
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import count
from time import monotonic
from typing import cast

import structlog
import zmq

from .grants import Grants
from .listener import Listener, borrowed
from .peers import Bounds, Dropped, Peers

log = structlog.stdlib.get_logger()

NEWS_S = 0.005
"""How often is learnt who came and went, unless newcomers may not stay: thousands knock in a second, and each
time costs the loop its interpreter."""
LOOK_S = 0.02
"""How often is counted what came in. What a peer can send meanwhile comes on top of the bounds."""
SOON_S, MUCH_SUBSCRIBED, MUCH_ASKED = 0.005, 8 * 1024, 128 * 1024
"""So soon again where so many bytes of subscriptions, or of requests, came meanwhile: empty frames take 32
times their bytes."""
DISCARDED_AT_ONCE = 64 * 1024
TRIM_S = 1.0
"""Memory goes back to the system so long after peers had to go."""

_EVENT = struct.Struct("=HI")
_NUMBERS = count()


class Connections:
    """Of `server`, which listens on TCP.

    A thread looks at them, since libzmq adds subscriptions on whatever thread calls it, for as long as more
    come: the loop may wait in there just while somebody must be stopped.
    """

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        server: zmq.Socket[bytes],
        wanted_by: str,
        bounds: Bounds,
        on_much: Callable[[], None] = lambda: None,
    ) -> None:
        """on_much: called in that thread where much came in a short time, though it may be within the bounds
        of what is complete: whoever knows that nothing complete waits looks now.
        """
        self._peers = Peers(bounds)
        self._on_much = on_much
        self._name = wanted_by
        self._server = server
        self._port = _port(server)
        self._listener = Listener(self._port)
        self._lock = threading.Lock()
        self._unsettled = True
        self._trim_at: float | None = None
        address = f"inproc://connections-{next(_NUMBERS)}"
        server.monitor(address, zmq.EVENT_ACCEPTED | zmq.EVENT_DISCONNECTED)
        self._monitor = context.socket(zmq.PAIR)
        self._monitor.setsockopt(zmq.LINGER, 0)
        self._monitor.setsockopt(zmq.RCVHWM, 0)  # libzmq's thread would wait for whoever does not read it
        self._monitor.connect(address)
        self.news = self._monitor.fileno()
        """A descriptor that is readable when somebody came or went and nobody has looked since."""
        _watch(self)

    def close(self) -> None:
        """Before the server's socket is closed."""
        _watched.discard(self)
        with self._lock:
            with suppress(zmq.ZMQError):
                self._server.disable_monitor()
            self._monitor.close()

    def handed(self, fd: int | None, size: int) -> None:
        """A message of so many bytes on the wire came from there."""
        if fd is not None:
            with self._lock:
                self._peers.handed(fd, size, monotonic())

    def subscribed(self, fd: int | None, topic: bytes) -> None:
        with self._lock:
            if self._peers.subscribed(fd, topic) and fd is not None and (taken := _taken(fd)) is not None:
                self._end(self._peers.looked({fd: taken}, monotonic(), drained=False))

    def unsubscribed(self, fd: int | None, topic: bytes) -> None:
        with self._lock:
            self._peers.unsubscribed(fd, topic)

    def grants(self, fd: int | None) -> Grants:
        """Of this connection, kept by whoever grants."""
        if fd is None:
            return Grants()
        with self._lock:
            return self._peers.grants(fd)

    def drop(self, fd: int | None, reason: str) -> None:
        if fd is not None:
            with self._lock:
                self._end(self._peers.drop(fd, reason))

    def learn(self) -> None:
        """Take in who came and who went."""
        with self._lock:
            self._learn()

    def look(self, *, drained: bool = False) -> bool:
        """Count what came in, and end who is over a bound. drained: nothing complete waits. Whether to look
        again soon.
        """
        with self._lock:
            if self._monitor.closed:
                return False
            self._learn()
            taken = {fd: size for fd in self._peers.descriptors() if (size := _taken(fd)) is not None}
            self._end(self._peers.looked(taken, monotonic(), drained=drained))
            self._keep_out()
            self._unsettled = True
            soon = self._peers.came > (MUCH_SUBSCRIBED if self._peers.bounds.weight > 1 else MUCH_ASKED)
        if soon and not drained:
            self._on_much()
        if self._trim_at is not None and monotonic() > self._trim_at:
            self._trim_at = None
            _give_back()
        return soon

    @property
    def storming(self) -> bool:
        """Newcomers may have to go before they begin to subscribe."""
        return self._peers.storming(monotonic())

    def drained(self) -> None:
        """Nothing complete waits. Costs nothing when it is called again before the next look."""
        if self._unsettled:
            with self._lock:
                self._unsettled = False
                self._peers.drained()

    def _learn(self) -> None:
        while not self._monitor.closed:
            try:
                event, fd = _EVENT.unpack(self._monitor.recv_multipart(zmq.NOBLOCK)[0])
            except zmq.Again:
                self._keep_out()
                return
            if event == zmq.EVENT_ACCEPTED:
                self._end(self._peers.accepted(fd, monotonic()))
            else:
                self._peers.gone(fd)

    def _keep_out(self) -> None:
        """Newcomers, while they may not enter: once accepted, they would have to be ended."""
        self._listener.set_open(self._peers.may_enter(monotonic()))

    def _end(self, gone: Iterable[Dropped]) -> None:
        for fd, reason in gone:
            log.warning("a connection was ended", of=self._name, reason=reason, peer=self._shut_down(fd))
            if self._trim_at is None:
                self._trim_at = monotonic() + TRIM_S

    def _shut_down(self, fd: int) -> str:
        """The peer's address, empty if there was none any more."""
        try:
            with borrowed(fd) as connection:
                if connection.getsockname()[1] != self._port:
                    return ""
                peer = connection.getpeername()
                connection.shutdown(socket.SHUT_RDWR)
                _discard(connection)
        except OSError:
            return ""
        return f"{peer[0]}:{peer[1]}"


_watched: set[Connections] = set()
_watching: list[threading.Thread] = []


def _watch(connections: Connections) -> None:
    _watched.add(connections)
    if not _watching:
        _watching.append(threading.Thread(target=_watch_all, name="connections", daemon=True))
        _watching[0].start()


def _watch_all() -> None:
    """Who comes is looked at as soon as they come where they may not enter, for they must not begin to
    subscribe, else every `NEWS_S`; what all of them do, every `LOOK_S`, or `SOON_S` while much comes.
    """
    look_at = monotonic() + LOOK_S
    while True:
        watched = list(_watched)
        _await_news(watched, look_at - monotonic())
        if not any(connections.storming for connections in watched):
            time.sleep(max(0.0, min(NEWS_S, look_at - monotonic())))
        due, soon = monotonic() >= look_at, False
        for connections in watched:
            try:
                if due:
                    soon |= connections.look()
                else:
                    connections.learn()
            except zmq.ZMQError:  # its context has ended; the others are still to be looked at
                _watched.discard(connections)
        if due:
            look_at = monotonic() + (SOON_S if soon else LOOK_S)


def _await_news(watched: list[Connections], seconds: float) -> None:
    waits = select.poll()
    for connections in watched:
        waits.register(connections.news, select.POLLIN)
    waits.poll(max(0.0, seconds) * 1000)


def _give_back() -> None:
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc keeps what was freed in the middle
    if trim is not None:
        trim(0)


def _port(server: zmq.Socket[bytes]) -> int:
    """Where it listens; 0, which nobody has, where that is no TCP."""
    address = cast("bytes", server.getsockopt(zmq.LAST_ENDPOINT)).rstrip(b"\0")
    return int(address.rsplit(b":", 1)[1]) if address.startswith(b"tcp:") else 0


# bsd/netinet/tcp.h: struct tcp_connection_info, tcpi_rxbytes and tcpi_txbytes; linux/tcp.h: struct tcp_info,
# tcpi_bytes_received and tcpi_bytes_acked (Linux 4.1).
_INFO, _COUNT, _ACKNOWLEDGED = (
    (0x106, struct.Struct("=88xQ"), struct.Struct("=64xQ"))
    if sys.platform == "darwin"
    else (11, struct.Struct("=128xQ"), struct.Struct("=120xQ"))
)


def _discard(connection: socket.socket) -> None:
    """What the kernel already has: libzmq would still read it, and add every topic in it."""
    with suppress(BlockingIOError):
        while connection.recv(DISCARDED_AT_ONCE, socket.MSG_DONTWAIT):
            pass


def acknowledged(fd: int) -> int | None:
    """How many bytes were ever sent over the connection and taken by the other side's system; None if this
    system does not show it.
    """
    try:
        with borrowed(fd) as connection:
            return _ACKNOWLEDGED.unpack_from(connection.getsockopt(socket.IPPROTO_TCP, _INFO, 256))[0]
    except (OSError, struct.error):
        return None


def _taken(fd: int) -> int | None:
    """How many bytes were ever read from the connection; None if the system does not show it."""
    try:
        unread: int = struct.unpack("=i", fcntl.ioctl(fd, termios.FIONREAD, b"\0\0\0\0"))[0]
        with borrowed(fd) as connection:
            info = connection.getsockopt(socket.IPPROTO_TCP, _INFO, 256)
        return _COUNT.unpack_from(info)[0] - unread
    except (OSError, struct.error):
        return None
