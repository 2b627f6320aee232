"""Bytes to messages and back. Stateless: any bytes at all give a message or a typed error, nothing else.

Event frame: topic, NUL, msgpack map, in one ZeroMQ frame (two frames cost more than twice as much a message).
Request and reply: one msgpack map each.
"""

from __future__ import annotations

import re
from typing import Any, NoReturn, TypeVar, cast

import msgspec
from msgspec import Struct

from . import market_events, order_events, system_events
from .envelope import MAX_REQUEST_BYTES, PROTOCOL_VERSION, ErrorBody, Event, Reply, Request
from .errors import ErrorCode, FieldError, MalformedMessage, RequestError

AnyEvent = (
    market_events.Quote
    | market_events.Stream
    | order_events.Order
    | order_events.Fill
    | order_events.Commission
    | order_events.Notice
    | system_events.Heartbeat
    | system_events.Process
    | system_events.Gateway
    | system_events.Position
    | system_events.AccountValue
)
"""Every event there is. Adding one here is what makes it part of the protocol."""

A = TypeVar("A", bound=Struct)

_INT64 = range(-(2**63), 2**63)
_ENVELOPE_KEYS = frozenset(("v", "id", "op", "args", "valid_until"))
_EMPTY_MAP = b"\x80"
_encoder = msgspec.msgpack.Encoder()
_event_decoder: msgspec.msgpack.Decoder[Event] = msgspec.msgpack.Decoder(cast("type[Event]", AnyEvent))
_raw_map_decoder = msgspec.msgpack.Decoder(dict[str, msgspec.Raw])
_any_decoder = msgspec.msgpack.Decoder()
_reply_decoder = msgspec.msgpack.Decoder(Reply)
_PATH = re.compile(r"`\$\.?([^`]*)`")
_MISSING = re.compile(r"(?:missing required|unknown) field `([^`]*)`")


def encode_event(topic: str, event: Event) -> bytes:
    """The frame to publish."""
    return b"%s\0%s" % (topic.encode(), _encoder.encode(event))


def decode_event(frame: bytes) -> tuple[str, Event]:
    """Topic and event of a frame. Raises `MalformedMessage`."""
    topic, nul, body = frame.partition(b"\0")
    if not nul:
        raise MalformedMessage("an event frame is topic, NUL, msgpack map; this one has no NUL")
    try:
        return topic.decode(), _event_decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedMessage(f"event on {topic!r}: {error}") from error


def encode_request(
    request_id: str | int,
    op: str,
    args: Struct | dict[str, Any] | None = None,
    valid_until: int | None = None,
) -> bytes:
    """A request. `valid_until`: ns since epoch after which it must have no effect."""
    message: dict[str, Any] = {"v": PROTOCOL_VERSION, "id": request_id, "op": op, "args": args or {}}
    if valid_until is not None:
        message["valid_until"] = valid_until
    return _encoder.encode(message)


def decode_request(frame: bytes) -> Request:
    """The envelope of a request. Raises `RequestError` with the request's id as far as it was readable."""
    if not frame:
        raise RequestError(ErrorCode.MALFORMED, "empty frame; a request is one msgpack map")
    if len(frame) > MAX_REQUEST_BYTES:
        raise RequestError(
            ErrorCode.MALFORMED, f"{len(frame)} bytes; a request is at most {MAX_REQUEST_BYTES} bytes"
        )
    try:
        fields = _raw_map_decoder.decode(frame)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise RequestError(ErrorCode.MALFORMED, f"not a msgpack map with string keys: {error}") from error
    request_id = _readable_id(fields)
    version = _plain(fields, "v")
    if type(version) is not int:
        _malformed("v", "v must be there and be an integer, the protocol version", request_id)
    if version != PROTOCOL_VERSION:
        raise RequestError(
            ErrorCode.UNSUPPORTED_VERSION,
            f"protocol version {version}; this process speaks {PROTOCOL_VERSION}",
            field="v",
            request_id=request_id,
        )
    if request_id is None:
        _malformed("id", "id must be there and be a 64-bit integer or a string of 1 to 128 characters", None)
    op, valid_until = _plain(fields, "op"), _plain(fields, "valid_until")
    if not isinstance(op, str):
        _malformed("op", "op must be there and be a string", request_id)
    if valid_until is not None and type(valid_until) is not int:
        _malformed("valid_until", "valid_until must be an integer, ns since the epoch", request_id)
    for key in fields.keys() - _ENVELOPE_KEYS:
        _malformed(key[:80], f"unknown key; a request has {', '.join(sorted(_ENVELOPE_KEYS))}", request_id)
    args = bytes(fields["args"]) if "args" in fields else _EMPTY_MAP
    return Request(id=request_id, op=op, args=args, valid_until=valid_until)


def decode_args(request: Request, kind: type[A]) -> A:
    """The op's arguments. Raises `RequestError` `invalid_argument` with the field at fault."""
    try:
        return msgspec.msgpack.decode(request.args, type=kind)
    except msgspec.ValidationError as error:
        field, problem = _explained(error)
        raise RequestError(ErrorCode.INVALID_ARGUMENT, problem, field=field, request_id=request.id) from error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise RequestError(
            ErrorCode.MALFORMED, f"args: {error}", field="args", request_id=request.id
        ) from error


def encode_reply(request_id: str | int | None, result: Any) -> bytes:
    return _encoder.encode({"v": PROTOCOL_VERSION, "id": request_id, "ok": True, "result": result})


def encode_error(request_id: str | int | None, error: RequestError) -> bytes:
    body = ErrorBody(code=error.code, message=error.message, field=error.field, tws_code=error.tws_code)
    return _encoder.encode({"v": PROTOCOL_VERSION, "id": request_id, "ok": False, "error": body})


def decode_reply(frame: bytes) -> Reply:
    """Raises `MalformedMessage`."""
    try:
        return _reply_decoder.decode(frame)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedMessage(f"reply: {error}") from error


def _readable_id(fields: dict[str, msgspec.Raw]) -> str | int | None:
    value = _plain(fields, "id")
    if type(value) is int and value in _INT64:
        return value
    return value if isinstance(value, str) and 1 <= len(value) <= 128 else None


def _plain(fields: dict[str, msgspec.Raw], key: str) -> Any:
    raw = fields.get(key)
    if raw is None:
        return None
    try:
        return _any_decoder.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, TypeError, ValueError):
        return None  # such a value is as good as absent: whoever asks says what it should have been


def _malformed(field: str, message: str, request_id: str | int | None) -> NoReturn:
    raise RequestError(ErrorCode.MALFORMED, message, field=field, request_id=request_id)


def _explained(error: msgspec.ValidationError) -> tuple[str, str]:
    """The field at fault and what is wrong with it."""
    cause = error.__cause__
    if isinstance(cause, FieldError):
        return cause.field, str(cause)
    path = _PATH.search(str(error))
    field = path[1] if path else ""
    named = _MISSING.search(str(error))
    if named:
        field = f"{field}.{named[1]}" if field else named[1]
    problem = str(error).split(" - at ")[0]
    return (field, f"{field}: {problem}") if field else ("args", f"args: {problem}")
