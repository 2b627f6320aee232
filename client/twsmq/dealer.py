"""Requests to one process: the socket, and whether the process lets us in."""

from __future__ import annotations

import time

import zmq
from twsmq_protocol import endpoints
from twsmq_protocol.config import Config

from . import sockets
from .errors import ConnectionRefused
from .links import Links


class Dealer:
    """A refusal is raised for a request only if it cannot have left: no handshake has succeeded since the
    moment before it was sent. It waits in the socket then, so whoever catches it closes the socket."""

    def __init__(
        self, context: zmq.Context[sockets.Socket], config: Config, process: str, *, keyed: bool
    ) -> None:
        self.process = process
        self._endpoint = endpoints.requests_endpoint(config, process)
        self.socket = sockets.open_requests(context)
        self.links = Links(self.socket, keyed=keyed)
        self.links.connect([self._endpoint])

    def send(self, frame: bytes) -> int | None:
        """Give a frame to the socket; what `require_let_in` takes of it. Raises `zmq.Again` when full."""
        self.links.look()
        before = None if self.links.up else self.links.times_up
        self.socket.send(frame, zmq.NOBLOCK)
        return before

    def require_let_in(self, sent: int | None) -> None:
        """Raises `ConnectionRefused` for a request that was not let through. `sent`: what `send` gave."""
        self.links.look()
        if sent is None or sent != self.links.times_up:
            return
        barred = self.links.barred()
        if barred is not None:
            raise ConnectionRefused(self.process, self._endpoint, barred[1])

    def wait(self, deadline: float, sent: int | None, beside: Links) -> bool:
        """Whether something came in time. Raises `ConnectionRefused`. `beside`: links that nobody looks at
        meanwhile."""
        while True:
            self.require_let_in(sent)
            beside.look()
            if poll_either(self.socket, self.links, deadline, beside):
                return True
            if time.monotonic() >= deadline:
                return False

    def close(self) -> None:
        if not self.socket.closed:
            self.links.close()
            self.socket.close(linger=0)


def poll_either(socket: sockets.Socket, links: Links, deadline: float | None, *beside: Links) -> bool:
    """Whether `socket` has something; returns as well when its links may have changed, or at the deadline."""
    poller = zmq.Poller()
    poller.register(socket, zmq.POLLIN)
    for each in (links, *beside):
        poller.register(each.monitor, zmq.POLLIN)
    until = min((moment for moment in (deadline, links.due()) if moment is not None), default=None)
    return any(ready is socket for ready, _ in poller.poll(_left_ms(until)))


def _left_ms(deadline: float | None) -> int | None:
    # Rounded up: a wait of 0.4 ms must not become a busy loop.
    return None if deadline is None else max(0, int((deadline - time.monotonic()) * 1000) + 1)
