"""The gatekeeper at work on the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog
import zmq
from twsmq_protocol.rights import Identity

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
        self._rights: dict[str, Identity] = {}
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
            self._rights[user] = self._security.identity(user)
        self._socket.socket.send_multipart(answer, zmq.NOBLOCK)
        self._socket.sent()

    def _look(self) -> None:
        self._timer = self._loop.call_later(LOOK_S, self._look)
        now = {user: self._security.identity(user) for user in self._rights}
        lost = [user for user, had in self._rights.items() if set(had.rights) - set(now[user].rights)]
        self._rights = {user: identity for user, identity in now.items() if identity.rights}
        if lost:
            log.warning("keys have lost rights; feeds are served anew", keys=lost)
            self._on_lost()
