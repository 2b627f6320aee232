"""Asks a simulated gateway's control socket how it is: it sends no heartbeats of its own."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import msgspec
import zmq
from msgspec import Struct
from twsmq_transport import sockets
from twsmq_transport.security import OFF, Security

_STATUS = msgspec.msgpack.encode({"v": 1, "id": None, "op": "status"})
_QUEUE = 10


class Life(Struct, frozen=True):
    """What an answer to `status` must hold, whatever else is in it."""

    pid: int


class _Answer(Struct, frozen=True):
    result: Life


class Asker:
    """`on_answer` is given the pid of whoever answered. Only who is there is asked."""

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        endpoint: str,
        on_answer: Callable[[int], None],
        security: Security = OFF,
    ) -> None:
        self._on_answer = on_answer
        self._socket = sockets.connect_requests(
            context, endpoint, self._received, queue=_QUEUE, immediate=True, security=security
        )

    def ask(self) -> None:
        with suppress(zmq.Again):  # nobody there, or nobody who takes it
            self._socket.send(_STATUS)

    def close(self) -> None:
        self._socket.close()

    def _received(self, frames: list[bytes]) -> None:
        # Somebody else on that port shows no sign of life of ours.
        with suppress(msgspec.MsgspecError, RecursionError):
            self._on_answer(msgspec.msgpack.decode(frames[-1], type=_Answer).result.pid)
