"""How a socket's connections stand, by libzmq's monitor (`zmq_socket_monitor`): there, gone, not let in.

libzmq's I/O thread waits where the monitor's queue is full, and with it every socket of the context and
whoever ends the monitor. A refused connection is tried some 20 times a second, so whoever waits for one
socket takes in what the monitors of the others report too.
"""

from __future__ import annotations

import struct
import time
from collections import deque
from collections.abc import Iterable
from contextlib import suppress

import zmq

from .admission import Admission, Mistake
from .errors import ConnectionRefused
from .incidents import MOST, Incidents
from .sockets import Socket

_FAILED = (zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL, zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL)
_MISMATCH = 0x11000002  # ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH
_WATCHED = (
    zmq.EVENT_CONNECTED
    | zmq.EVENT_HANDSHAKE_SUCCEEDED
    | zmq.EVENT_HANDSHAKE_FAILED_AUTH
    | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_DISCONNECTED
)


_QUEUE = 20_000
"""Of reports that nobody has looked at: a program that does something else for minutes."""


class Links:
    """Notes connections that come and go from the moment it is made, which is before the socket connects;
    `look` takes in what it has noted."""

    def __init__(self, socket: Socket, *, keyed: bool) -> None:
        self._socket = socket
        self._keyed = keyed
        self.monitor: Socket = socket.get_monitor_socket(_WATCHED)
        self.monitor.setsockopt(zmq.RCVHWM, _QUEUE)
        self._addresses: list[str] = []
        self._changes: deque[tuple[str, bool]] = deque(maxlen=MOST)
        self.by_endpoint: dict[str, Admission] = {}
        """By the endpoint as libzmq has it, which may be the address of a name."""

    def look(self, incidents: Incidents | None = None) -> None:
        while int(self.monitor.getsockopt(zmq.EVENTS)) & zmq.POLLIN:
            event, endpoint = self.monitor.recv_multipart()
            number, value = struct.unpack("=HI", event)  # zmq_socket_monitor(3)
            self._take(number, value, endpoint.decode(errors="replace"))
        if incidents is not None:
            now = time.monotonic()
            while self._changes:
                endpoint, up = self._changes.popleft()
                incidents.link(endpoint, up=up)
            for endpoint, link in self.by_endpoint.items():
                incidents.admission(endpoint, link.mistake(now))

    def _take(self, number: int, value: int, endpoint: str) -> None:
        link = self.by_endpoint.setdefault(endpoint, Admission(keyed=self._keyed))
        if number == zmq.EVENT_CONNECTED:
            link.connected(time.monotonic())
        elif number == zmq.EVENT_HANDSHAKE_SUCCEEDED:
            link.let_in()
        elif number == zmq.EVENT_HANDSHAKE_FAILED_AUTH:
            link.refused()
        elif number in _FAILED:
            link.failed(mismatch=value == _MISMATCH)
        else:
            link.lost()
        self._changes.append((endpoint, link.up))

    @property
    def up(self) -> bool:
        return any(link.up for link in self.by_endpoint.values())

    @property
    def times_up(self) -> int:
        """Of all addresses together: a name may lead to several, of which one is tried after the other. What
        was sent since it was less may have arrived."""
        return sum(link.times_up for link in self.by_endpoint.values())

    def due(self) -> float | None:
        """When, on the monotonic clock, a verdict may come though nothing happens."""
        now = time.monotonic()
        moments = (link.due(now) for link in self.by_endpoint.values())
        return min((moment for moment in moments if moment is not None), default=None)

    def barred(self) -> tuple[str, Mistake] | None:
        """An endpoint that does not let us in, and why, while no other does."""
        if self.up:
            return None
        now = time.monotonic()
        found = ((endpoint, link.mistake(now)) for endpoint, link in self.by_endpoint.items())
        return next(((endpoint, mistake) for endpoint, mistake in found if mistake is not None), None)

    def require_one(self, incidents: Incidents) -> None:
        """Raises `ConnectionRefused` when an endpoint does not let us in, and no other does; that is an
        incident too. The next call finds out anew."""
        barred = self.barred()
        if barred is not None:
            incidents.admission(*barred)
            self._try_again(barred[0])
            raise ConnectionRefused("", *barred)

    def _try_again(self, endpoint: str) -> None:
        """libzmq gives a connection up for good when the gatekeeper refuses it; another key may be let in."""
        self.by_endpoint.pop(endpoint, None)
        for address in [endpoint] if endpoint in self._addresses else self._addresses:  # which may be names
            with suppress(zmq.ZMQError):  # it was given up
                self._socket.disconnect(address)
            self._socket.connect(address)

    def connect(self, addresses: Iterable[str]) -> None:
        self._addresses = list(addresses)
        for address in self._addresses:
            self._socket.connect(address)

    def close(self) -> None:
        """Before the socket is closed. May be called twice."""
        if self.monitor.closed:
            return
        if not self._socket.closed:
            self.look()  # an I/O thread that waits for room would never let the monitor end
            self._socket.disable_monitor()
        self.monitor.close(linger=0)  # only now: with nobody to read, libzmq waits for a reader
