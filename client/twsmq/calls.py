"""Requests on their way and the replies that belong to them. Pure: no socket, no clock.

Invariants: an id is used once; a reply that comes after its request was given up is dropped.
"""

from __future__ import annotations

from itertools import count
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Struct
from twsmq_protocol.codec import decode_reply, encode_request
from twsmq_protocol.envelope import MAX_REQUEST_BYTES, Reply
from twsmq_protocol.errors import MalformedMessage

from .errors import RequestRefused, RequestTooLong

R = TypeVar("R")


class Ask(Struct, Generic[R], frozen=True):
    """What to ask of which process, and the type of its result."""

    process: str
    op: str
    args: dict[str, Any]
    result: type[R]


class Calls:
    """`begin` gives id and frame of a request, `match` the request a reply answers."""

    def __init__(self) -> None:
        self._ids = count(1)
        self._waiting: set[int] = set()

    def begin(self, ask: Ask[Any], valid_until: int | None) -> tuple[int, bytes]:
        """`valid_until`: ns since the epoch. Raises `RequestTooLong`."""
        call = next(self._ids)
        frame = encode_request(call, ask.op, ask.args, valid_until)
        if len(frame) > MAX_REQUEST_BYTES:
            raise RequestTooLong(ask.op, len(frame), MAX_REQUEST_BYTES)
        self._waiting.add(call)
        return call, frame

    def match(self, frame: bytes) -> tuple[int, Reply] | None:
        """The call a reply belongs to; None for a late one and for what is no reply."""
        try:
            reply = decode_reply(frame)
        except MalformedMessage:
            return None
        if not isinstance(reply.id, int) or reply.id not in self._waiting:
            return None
        self._waiting.remove(reply.id)
        return reply.id, reply

    def give_up(self, call: int) -> None:
        """Nobody waits for it any more."""
        self._waiting.discard(call)


def result_of(ask: Ask[R], reply: Reply) -> R:
    """Raises `RequestRefused` for an error reply, `MalformedMessage` for a result of another shape."""
    error = reply.error
    if error is not None:
        raise RequestRefused(ask.process, ask.op, error.code, error.message, error.field, error.tws_code)
    try:
        return msgspec.convert(reply.result, ask.result)
    except msgspec.ValidationError as problem:
        raise MalformedMessage(f"result of {ask.op} from {ask.process}: {problem}") from problem
