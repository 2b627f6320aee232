"""How the supervisor answers requests: exactly one reply, whatever came in."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from msgspec import Struct
from twsmq_protocol.codec import decode_args, decode_request, encode_error, encode_reply
from twsmq_protocol.envelope import Request
from twsmq_protocol.errors import ErrorCode, RequestError
from twsmq_protocol.requests import OPS, OpDescription

log = logging.getLogger(__name__)


class Handler(Struct, frozen=True):
    """`run` takes the op's decoded arguments and returns its result, or raises `RequestError`."""

    op: str
    summary: str
    run: Callable[[Any], Any]


class Answers:
    """The ops of a process, by name."""

    def __init__(self, handlers: Iterable[Handler]) -> None:
        self._handlers = {handler.op: handler for handler in handlers}

    def describe(self) -> list[OpDescription]:
        return [
            OpDescription(op=op, summary=handler.summary, args=msgspec.json.schema(OPS[op].args))
            for op, handler in self._handlers.items()
        ]

    def answer(self, frame: bytes) -> bytes:
        try:
            request = decode_request(frame)
        except RequestError as error:
            return encode_error(error.request_id, error)
        try:
            return encode_reply(request.id, self._run(request))
        except RequestError as error:
            return encode_error(request.id, error)
        except Exception:  # a bug of ours must not cost the sender its reply
            log.exception("answering %s", request.op)
            return encode_error(
                request.id, RequestError(ErrorCode.INTERNAL, "a bug; see the supervisor's log")
            )

    def _run(self, request: Request) -> Any:
        handler = self._handlers.get(request.op)
        if handler is None:
            raise RequestError(
                ErrorCode.UNKNOWN_OP,
                f"no op {request.op[:80]!r}; there are {', '.join(self._handlers)}",
                field="op",
            )
        args = decode_args(request, OPS[request.op].args)
        if request.valid_until is not None and request.valid_until < time.time_ns():
            raise RequestError(ErrorCode.TIMEOUT, "valid_until has passed; nothing was done")
        return handler.run(args)
