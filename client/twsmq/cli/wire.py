"""How the command line talks to a cluster: one request and its reply, and events as they come."""

from __future__ import annotations

import itertools
import socket
import time
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import urlsplit

import zmq
from msgspec import Struct
from twsmq_protocol.codec import decode_reply, encode_request
from twsmq_protocol.errors import ErrorCode, PeerError, RequestError

_ids = itertools.count(1)


class NoAnswer(PeerError):
    """Nobody listens there (`refused`), or nobody answered in time."""

    def __init__(self, endpoint: str, *, refused: bool) -> None:
        self.endpoint = endpoint
        self.refused = refused
        super().__init__(f"nobody listens at {endpoint}" if refused else f"no answer from {endpoint}")


def port_of(endpoint: str) -> int:
    return urlsplit(endpoint).port or 0


def ask(endpoint: str, op: str, args: dict[str, Any] | Struct | None = None, timeout: float = 5.0) -> Any:
    """The result of one request. Raises `RequestError` as the process answered it, or `NoAnswer`.

    A request nobody answered in time has no effect later either.
    """
    _require_listener(endpoint)
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    try:
        dealer = context.socket(zmq.DEALER)
        dealer.connect(endpoint)
        valid_until = time.time_ns() + int(timeout * 1e9)
        dealer.send(encode_request(next(_ids), op, args, valid_until))
        if not dealer.poll(int(timeout * 1000)):
            raise NoAnswer(endpoint, refused=False)
        reply = decode_reply(dealer.recv())
    finally:
        context.destroy(linger=0)
    if reply.error is not None:
        error = reply.error
        code = ErrorCode(error.code) if error.code in set(ErrorCode) else ErrorCode.INTERNAL
        raise RequestError(code, error.message, field=error.field, tws_code=error.tws_code)
    return reply.result


class Subscription:
    """Frames of the given topics from the given endpoints, which need not be there yet."""

    def __init__(self, endpoints: Iterable[str], topics: Iterable[str]) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.SUB)
        self._socket.setsockopt(zmq.RECONNECT_IVL, 50)
        self._socket.setsockopt(zmq.RECONNECT_IVL_MAX, 500)
        self._socket.setsockopt(zmq.HEARTBEAT_IVL, 1000)
        self._socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, 3000)
        for topic in topics:
            self._socket.subscribe(topic)
        for endpoint in endpoints:
            self._socket.connect(endpoint)

    def frames(self, within_s: float) -> Iterator[bytes]:
        """Those that come until `within_s` has passed."""
        deadline = time.monotonic() + within_s
        while (left := deadline - time.monotonic()) > 0 and self._socket.poll(max(1, int(left * 1000))):
            yield self._socket.recv()

    def close(self) -> None:
        self._context.destroy(linger=0)


def _require_listener(endpoint: str) -> None:
    """ZeroMQ would wait in silence for somebody to come."""
    address = urlsplit(endpoint)
    try:
        socket.create_connection((address.hostname, address.port), timeout=2).close()
    except ConnectionRefusedError as error:
        raise NoAnswer(endpoint, refused=True) from error
    except OSError as error:
        raise NoAnswer(endpoint, refused=False) from error
