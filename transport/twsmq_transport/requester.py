"""Requests from one node to another, sent and forgotten: what comes of them shows in the other's events.

A request whose process is down waits for it, at most until its `valid_until`.
"""

from __future__ import annotations

from itertools import count
from time import time_ns

import structlog
import zmq
from twsmq_protocol import codec
from twsmq_protocol.errors import MalformedMessage

from .sockets import LoopSocket

log = structlog.stdlib.get_logger()

QUEUE = 10


class Requester:
    """One DEALER to a process that listens for requests on `endpoint`. Refusals are logged."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], endpoint: str) -> None:
        socket = context.socket(zmq.DEALER)
        for option, value in ((zmq.LINGER, 0), (zmq.SNDHWM, QUEUE), (zmq.RCVHWM, QUEUE)):
            socket.setsockopt(option, value)
        socket.connect(endpoint)
        self._endpoint = endpoint
        self._ids = count(1)
        self._socket = LoopSocket(socket, self._received)

    def send(self, op: str, valid_s: float) -> None:
        """Send a request without arguments that is void after `valid_s` seconds."""
        valid_until = time_ns() + int(valid_s * 1e9)
        try:
            frame = codec.encode_request(next(self._ids), op, {}, valid_until=valid_until)
            self._socket.socket.send(frame, zmq.NOBLOCK)
        except zmq.Again:
            log.warning("request not sent", op=op, to=self._endpoint)
        self._socket.sent()

    def close(self) -> None:
        self._socket.close()

    def _received(self, frames: list[bytes]) -> None:
        try:
            reply = codec.decode_reply(frames[-1])
        except MalformedMessage as error:
            log.warning("reply not understood", problem=str(error))
        else:
            if reply.error is not None:
                log.warning("request refused", to=self._endpoint, problem=reply.error.message)
