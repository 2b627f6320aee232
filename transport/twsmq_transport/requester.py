"""Requests from one process to another: sent and forgotten, or asked with a callback for the answer.

A request whose process is down waits for it, at most until its `valid_until`. An answer that has not come by
then never reaches the callback: who has to know that nothing came keeps a clock of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from time import time_ns
from typing import Any

import structlog
import zmq
from twsmq_protocol import codec
from twsmq_protocol.envelope import Reply
from twsmq_protocol.errors import MalformedMessage

from . import sockets
from .security import OFF, Security

log = structlog.stdlib.get_logger()

QUEUE = 10


class Requester:
    """One DEALER to a process that listens for requests on `endpoint`. Refusals are logged."""

    def __init__(
        self, context: zmq.Context[zmq.Socket[bytes]], endpoint: str, security: Security = OFF
    ) -> None:
        self._endpoint = endpoint
        self._ids = count(1)
        self._asked: dict[str | int | None, tuple[int, Callable[[Reply], None]]] = {}
        self._socket = sockets.connect_requests(
            context, endpoint, self._received, queue=QUEUE, security=security
        )

    def send(self, op: str, valid_s: float) -> None:
        """Send a request without arguments that is void after `valid_s` seconds."""
        if self._send(next(self._ids), op, {}, time_ns() + int(valid_s * 1e9)):
            return
        log.warning("request not sent", op=op, to=self._endpoint)

    def ask(self, op: str, args: dict[str, Any], valid_s: float, on_reply: Callable[[Reply], None]) -> bool:
        """Send a request; `on_reply` gets its answer, a refusal too, if that comes within `valid_s`. False:
        it could not be sent, as so many are waiting already."""
        now, number = time_ns(), next(self._ids)
        self._asked = {key: each for key, each in self._asked.items() if each[0] > now}
        valid_until = now + int(valid_s * 1e9)
        if not self._send(number, op, args, valid_until):
            return False
        self._asked[number] = (valid_until, on_reply)
        return True

    def _send(self, number: int, op: str, args: dict[str, Any], valid_until: int) -> bool:
        try:
            self._socket.socket.send(
                codec.encode_request(number, op, args, valid_until=valid_until), zmq.NOBLOCK
            )
        except zmq.Again:
            return False
        finally:
            self._socket.sent()
        return True

    def close(self) -> None:
        self._socket.close()

    def _received(self, frames: list[bytes]) -> None:
        try:
            reply = codec.decode_reply(frames[-1])
        except MalformedMessage as error:
            log.warning("reply not understood", problem=str(error))
        else:
            _, on_reply = self._asked.pop(reply.id, (0, None))
            if on_reply is not None:
                on_reply(reply)
            elif reply.error is not None:
                log.warning("request refused", to=self._endpoint, problem=reply.error.message)
