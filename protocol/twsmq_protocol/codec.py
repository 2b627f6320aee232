"""Bytes to messages and back. Stateless: any bytes at all give a message or a typed error, nothing else.

Event frame: topic, NUL, msgpack map, in one ZeroMQ frame (two frames cost more than twice as much a message).
Request and reply: one msgpack map each.
"""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, NoReturn, TypeVar, cast, get_args

import msgspec
from msgspec import UNSET, Struct, UnsetType

from . import alerts, board, market_events, order_events, scanner_requests, system_events
from .envelope import MAX_REQUEST_BYTES, PROTOCOL_VERSION, ErrorBody, Event, Int64, Reply, Request
from .errors import ErrorCode, MalformedMessage, RequestError, UnknownEvent
from .explain import explain
from .repeated_keys import pairs, repeated_key

AnyEvent = (
    market_events.AnyMarketEvent
    | scanner_requests.Ranking
    | order_events.Order
    | order_events.Fill
    | order_events.Commission
    | order_events.Notice
    | order_events.Change
    | order_events.AccountNotice
    | order_events.AccountExecution
    | order_events.ExecutionCost
    | order_events.ForeignOrderChanged
    | system_events.Heartbeat
    | system_events.Process
    | system_events.Gateway
    | system_events.BudgetRound
    | system_events.Denied
    | system_events.Position
    | system_events.AccountValue
    | system_events.ProfitAndLoss
    | board.BoardChange
    | alerts.Alert
)
"""Every event there is. Adding one here, or to `AnyMarketEvent`, is what makes it part of the protocol."""

EVENT_TYPES: dict[str, type[Event]] = {
    str(kind.__struct_config__.tag): kind for kind in cast("tuple[type[Event], ...]", get_args(AnyEvent))
}
"""The same by their `type` on the wire."""

A = TypeVar("A", bound=Struct)


class _Header(Struct):
    """What can be read of an event whose type is not known here."""

    type: str
    src: str = ""
    inc: int = 0
    seq: int = 0
    v: int = PROTOCOL_VERSION


_INT64 = range(-(2**63), 2**63)
_LONGEST_ID, _LONGEST_OP, _LONGEST_FIELD = 128, 64, 80


class _Envelope(Struct, forbid_unknown_fields=True):
    """A request as it should be."""

    v: int
    id: Int64 | Annotated[str, msgspec.Meta(min_length=1, max_length=_LONGEST_ID)]
    op: Annotated[str, msgspec.Meta(min_length=1, max_length=_LONGEST_OP)]
    args: msgspec.Raw | UnsetType = UNSET
    valid_until: Int64 | UnsetType | None = UNSET


_ENVELOPE_KEYS = frozenset(("v", "id", "op", "args", "valid_until"))
_EMPTY_MAP = b"\x80"
_NIL = b"\xc0"
_encoder = msgspec.msgpack.Encoder()
_event_decoder: msgspec.msgpack.Decoder[Event] = msgspec.msgpack.Decoder(cast("type[Event]", AnyEvent))
_envelope_decoder = msgspec.msgpack.Decoder(_Envelope)
_raw_map_decoder = msgspec.msgpack.Decoder(dict[str, msgspec.Raw])
_any_decoder = msgspec.msgpack.Decoder()
_reply_decoder = msgspec.msgpack.Decoder(Reply)
_header_decoder = msgspec.msgpack.Decoder(_Header)


def encode_event(topic: str, event: Event) -> bytes:
    """The frame to publish. `topic` must hold no NUL and every float be finite: readers refuse it else."""
    return b"%s\0%s" % (topic.encode(), _encoder.encode(event))


def decode_event(frame: bytes) -> tuple[str, Event]:
    """Topic and event of a frame. Raises `MalformedMessage`, and of that `UnknownEvent` for a later type."""
    path, nul, body = frame.partition(b"\0")
    if not nul:
        raise MalformedMessage("an event frame is topic, NUL, msgpack map; this one has no NUL")
    try:
        topic = path.decode()
        event = _event_decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise _refused(path, body, error) from error
    if event.v != PROTOCOL_VERSION:
        raise MalformedMessage(f"event of protocol version {event.v}; this reader speaks {PROTOCOL_VERSION}")
    return topic, event


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
    try:
        asked = _envelope_decoder.decode(frame)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _decode_request(frame)  # says what is wrong
    args, valid_until = asked.args, asked.valid_until
    given = 3 + (args is not UNSET) + (valid_until is not UNSET)
    if asked.v != PROTOCOL_VERSION or frame[0] != 0x80 | given or len(frame) > MAX_REQUEST_BYTES:
        return _decode_request(frame)
    body = _NIL if args is UNSET else bytes(args)
    return Request(
        id=asked.id,
        op=asked.op,
        args=_EMPTY_MAP if body == _NIL else body,
        valid_until=None if valid_until is UNSET else valid_until,
    )


def _decode_request(frame: bytes) -> Request:
    """The same key by key."""
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
    if pairs(frame) != len(fields):
        _malformed(None, "a key is there twice; a request has each key once", request_id)
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
        _malformed(
            "id", f"id must be there, a 64-bit integer or a string of 1 to {_LONGEST_ID} characters", None
        )
    op, valid_until = _plain(fields, "op"), _plain(fields, "valid_until")
    if not isinstance(op, str) or not 1 <= len(op) <= _LONGEST_OP:
        _malformed("op", f"op must be there, a string of 1 to {_LONGEST_OP} characters", request_id)
    if valid_until is not None and not (type(valid_until) is int and valid_until in _INT64):
        _malformed("valid_until", "valid_until must be a 64-bit integer, ns since the epoch", request_id)
    unknown = min(fields.keys() - _ENVELOPE_KEYS, default=None)
    if unknown is not None:
        known = ", ".join(sorted(_ENVELOPE_KEYS))
        _malformed(unknown[:80], f"unknown key {unknown[:80]!r}; a request has {known}", request_id)
    args = bytes(fields.get("args", _NIL))
    args = _EMPTY_MAP if args == _NIL else args
    return Request(id=request_id, op=op, args=args, valid_until=valid_until)


def decode_args(request: Request, kind: type[A]) -> A:
    """The op's arguments. Raises `RequestError` `invalid_argument` with the field at fault."""
    try:
        args = _args_decoder(kind).decode(request.args)
        twice = repeated_key(request.args)
        if twice is not None:
            field = twice[:_LONGEST_FIELD]
            _malformed(field, f"args: the key {field} is there twice; which one is meant?", request.id)
        return args
    except msgspec.ValidationError as error:
        field, problem = explain(error, kind)
        if not field:
            field, problem = "args", problem.replace("this", "args", 1)
        raise RequestError(ErrorCode.INVALID_ARGUMENT, problem, field=field, request_id=request.id) from error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise RequestError(
            ErrorCode.MALFORMED, f"args: {error}", field="args", request_id=request.id
        ) from error


@cache
def _args_decoder(kind: type[Struct]) -> msgspec.msgpack.Decoder[Any]:
    return msgspec.msgpack.Decoder(kind)


def encode_reply(request_id: str | int | None, result: Any) -> bytes:
    return _encoder.encode({"v": PROTOCOL_VERSION, "id": request_id, "ok": True, "result": result})


def encode_error(request_id: str | int | None, error: RequestError) -> bytes:
    body = ErrorBody(code=error.code, message=error.message, field=error.field, tws_code=error.tws_code)
    return _encoder.encode({"v": PROTOCOL_VERSION, "id": request_id, "ok": False, "error": body})


def decode_reply(frame: bytes) -> Reply:
    """Raises `MalformedMessage`. An error code that is not in `ErrorCode` is passed on as it is."""
    try:
        reply = _reply_decoder.decode(frame)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedMessage(f"reply: {error}") from error
    if reply.v != PROTOCOL_VERSION:
        raise MalformedMessage(f"reply of protocol version {reply.v}; this reader speaks {PROTOCOL_VERSION}")
    if reply.ok == (reply.error is not None):
        raise MalformedMessage("a reply has an error exactly when it is not ok")
    return reply


def _refused(path: bytes, body: bytes, error: Exception) -> MalformedMessage:
    """Why a frame is no event, told apart from an event that is only too new."""
    try:
        header = _header_decoder.decode(body)
        topic = path.decode()
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return MalformedMessage(f"event on {path[:80]!r}: {error}")
    if header.v != PROTOCOL_VERSION:
        return MalformedMessage(
            f"event of protocol version {header.v}; this reader speaks {PROTOCOL_VERSION}"
        )
    if header.type in EVENT_TYPES:
        return MalformedMessage(f"event on {path[:80]!r}: {error}")
    return UnknownEvent(topic, header.type, header.src, header.inc, header.seq)


def _readable_id(fields: dict[str, msgspec.Raw]) -> str | int | None:
    value = _plain(fields, "id")
    if type(value) is int and value in _INT64:
        return value
    return value if isinstance(value, str) and 1 <= len(value) <= _LONGEST_ID else None


def _plain(fields: dict[str, msgspec.Raw], key: str) -> Any:
    raw = fields.get(key)
    if raw is None:
        return None
    try:
        return _any_decoder.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, TypeError, ValueError):
        return None  # such a value is as good as absent: whoever asks says what it should have been


def _malformed(field: str | None, message: str, request_id: str | int | None) -> NoReturn:
    raise RequestError(ErrorCode.MALFORMED, message, field=field, request_id=request_id)
