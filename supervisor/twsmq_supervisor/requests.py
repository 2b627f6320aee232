"""How the supervisor answers requests: exactly one reply, whatever came in."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from msgspec import Struct
from twsmq_protocol.codec import decode_args, decode_request, encode_error, encode_reply
from twsmq_protocol.envelope import Args, Request
from twsmq_protocol.errors import ErrorCode, FieldError, RequestError
from twsmq_protocol.requests import OpDescription

log = logging.getLogger(__name__)


class Op(Struct, frozen=True):
    """`run` takes the decoded arguments and returns the result, or raises `RequestError` or `FieldError`."""

    name: str
    summary: str
    args: type[Args]
    run: Callable[[Any], Any]


class Answers:
    """The ops of a process, by name."""

    def __init__(self, ops: Iterable[Op]) -> None:
        self._ops = {op.name: op for op in ops}

    def describe(self) -> list[OpDescription]:
        return [
            OpDescription(op=op.name, summary=op.summary, args=msgspec.json.schema(op.args))
            for op in self._ops.values()
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
        except FieldError as error:
            refused = RequestError(ErrorCode.INVALID_ARGUMENT, str(error), field=error.field)
            return encode_error(request.id, refused)
        except Exception:  # a bug of ours must not cost the sender its reply
            log.exception("answering %s", request.op)
            return encode_error(
                request.id, RequestError(ErrorCode.INTERNAL, "a bug; see the supervisor's log")
            )

    def _run(self, request: Request) -> Any:
        op = self._ops.get(request.op)
        if op is None:
            raise RequestError(
                ErrorCode.UNKNOWN_OP,
                f"no op {request.op[:80]!r}; there are {', '.join(self._ops)}",
                field="op",
            )
        args = decode_args(request, op.args)
        if request.valid_until is not None and request.valid_until < time.time_ns():
            raise RequestError(ErrorCode.TIMEOUT, "valid_until has passed; nothing was done")
        return op.run(args)
