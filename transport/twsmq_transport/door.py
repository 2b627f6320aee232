"""The gatekeeper at work on the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog
import zmq

from .gatekeeper import ADDRESS
from .security import Security
from .sockets import LoopSocket

log = structlog.stdlib.get_logger()

LOOK_S = 1.0
"""How often a process looks whether somebody whose feeds it serves has lost a right."""


class Door:
    """The gatekeeper at work, on the loop: answers libzmq, and looks now and then who has lost a right.

    on_lost: somebody that was let in may now do less; libzmq cannot drop a peer, so whoever serves feeds
    opens its socket anew, and the gatekeeper judges all of them again.
    """

    def __init__(
        self, context: zmq.Context[zmq.Socket[bytes]], security: Security, on_lost: Callable[[], None]
    ) -> None:
        self._security = security
        self._on_lost = on_lost
        self._let_in: set[str] = set()  # public keys
        self._loop = asyncio.get_running_loop()
        socket = context.socket(zmq.ROUTER)
        socket.setsockopt(zmq.LINGER, 0)
        socket.bind(ADDRESS)
        self._socket = LoopSocket(socket, self._asked)
        self._timer = self._loop.call_later(LOOK_S, self._look)

    def close(self) -> None:
        self._timer.cancel()
        self._socket.close()

    def _asked(self, frames: list[bytes]) -> None:
        answer = self._security.gatekeeper.answer(frames)
        user = answer[-2].decode()
        if user:
            self._let_in.add(user)
        self._socket.socket.send_multipart(answer, zmq.NOBLOCK)
        self._socket.sent()

    def _look(self) -> None:
        self._timer = self._loop.call_later(LOOK_S, self._look)
        lost = self._security.gatekeeper.take_lost()
        concerned = [name for key, name in lost.items() if key in self._let_in]
        if concerned:
            log.warning("keys have lost rights; feeds are served anew", keys=concerned)
            self._on_lost()
