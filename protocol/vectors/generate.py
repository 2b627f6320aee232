"""Writes the golden vectors beside this file: `python protocol/vectors/generate.py`.

Each entry of `events.json`, `requests.json` and `replies.json` is one message: `hex` is the whole ZeroMQ
frame, `decoded` what its msgpack map holds (a bin as {"$bin": hex}), so that a reader in any language can be
held against both.
`odd_events.json` holds events as other writers may spell them, with the fields that this version knows, and
frames that are no events (`decoded` is null): a client counts those, and goes on.
`refused_requests.json` holds frames that must be answered with the given `code`, `field` and `id`.
`instruments.json` holds spellings with their canonical form, null where they must be refused.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct, structs
from sample_calls import CALLS
from sample_events import EVENTS
from sample_odd_events import MALFORMED, UNDERSTOOD
from sample_replies import REPLIES
from sample_requests import REFUSED_REQUESTS, REQUESTS
from sample_values import AAPL, BORN, NOW
from twsmq_protocol import codec
from twsmq_protocol.envelope import Event
from twsmq_protocol.errors import FieldError, MalformedMessage, RequestError
from twsmq_protocol.instruments import format_instrument, parse_instrument
from twsmq_protocol.requests import OPS

HERE = Path(__file__).parent
SPELLINGS = (
    AAPL,
    "STK:AAPL:SMART@NASDAQ:USD",
    "STK:BRK B:SMART:USD",
    "STK:A%3AB%2FC:SMART:USD",
    "STK:%41APL:SMART:USD:::::",
    "CASH:EUR:IDEALPRO:USD",
    "FUT:ES:CME:USD:20261218",
    "FUT::CME:USD:::::ESZ6",
    "OPT:SPY:SMART:USD:20261218:CALL:450.0",
    "OPT:SPY:SMART:USD:20261218:P:042.50:100",
    "FOP:ES:CME:USD:20261218:P:5000:50:EW3",
    "CONID:265598:SMART",
    "BAG:SPY:SMART:USD:+1x123456,-2x123457@CBOE",
    "",
    "AAPL",
    "stk:AAPL:SMART:USD",
    "STK:AAPL:SMART",
    "STK:A/B:SMART:USD",
    "STK:A%2fB:SMART:USD",
    "STK:A%00B:SMART:USD",
    "STK:AAPL:SMART:USD:20261218",
    "OPT:SPY:SMART:USD:20261218:C:4.5e2",
    "CONID:0",
    "BAG:SPY:SMART:USD:1x5",
)


def files() -> dict[str, list[dict[str, Any]]]:
    """The vectors by file name."""
    replies = {name: (call.id, call.result) for name, call in CALLS.items()} | REPLIES
    return {
        "events.json": [
            _event(name, topic, event, source) for name, (source, topic, event) in EVENTS.items()
        ],
        "odd_events.json": [
            *(_understood(name, frame) for name, frame in UNDERSTOOD.items()),
            *(_no_event(name, frame) for name, frame in MALFORMED.items()),
        ],
        "requests.json": [
            _message(name, "request", codec.encode_request(*request)) for name, request in requests().items()
        ],
        "replies.json": [_message(name, "reply", _reply(*reply)) for name, reply in replies.items()],
        "refused_requests.json": [_refused(name, frame) for name, frame in REFUSED_REQUESTS.items()],
        "instruments.json": [{"spelling": text, "canonical": _canonical(text)} for text in SPELLINGS],
    }


def requests() -> dict[str, tuple[str | int, str, dict[str, Any] | None, int | None]]:
    """By name: id, op, arguments, `valid_until`."""
    own = {name: (call.id, call.op, call.args, call.valid_until) for name, call in CALLS.items()}
    return own | REQUESTS


def _event(name: str, topic: str, event: Event, source: str) -> dict[str, Any]:
    stamped = structs.replace(event, src=source, inc=BORN, seq=12, ts=NOW)
    return _message(name, "event", codec.encode_event(topic, stamped), topic)


def _understood(name: str, frame: bytes) -> dict[str, Any]:
    topic, event = codec.decode_event(frame)
    row = _message(name, "odd event", frame, topic)
    known = {"type", *type(event).__struct_fields__}
    return row | {"decoded": {key: value for key, value in row["decoded"].items() if key in known}}


def _no_event(name: str, frame: bytes) -> dict[str, Any]:
    try:
        codec.decode_event(frame)
    except MalformedMessage:
        return {"name": name, "kind": "odd event", "hex": frame.hex(), "decoded": None}
    raise AssertionError(f"{name!r} was understood")


def _message(name: str, kind: str, frame: bytes, topic: str | None = None) -> dict[str, Any]:
    body = frame if topic is None else frame.partition(b"\0")[2]
    where = {} if topic is None else {"topic": topic}
    return {"name": name, "kind": kind, **where, "hex": frame.hex(), "decoded": msgspec.msgpack.decode(body)}


def _reply(request_id: str | int | None, outcome: Struct | RequestError) -> bytes:
    if isinstance(outcome, RequestError):
        return codec.encode_error(request_id, outcome)
    return codec.encode_reply(request_id, outcome)


def _refused(name: str, frame: bytes) -> dict[str, Any]:
    try:
        request = codec.decode_request(frame)
        codec.decode_args(request, OPS[request.op].args)
    except RequestError as error:
        answer = {"id": error.request_id, "code": error.code.value, "field": error.field}
        return {"name": name, "kind": "refused_request", "hex": frame.hex(), "answer": answer}
    raise AssertionError(f"{name!r} was understood")


def _canonical(text: str) -> str | None:
    try:
        return format_instrument(parse_instrument(text))
    except FieldError:
        return None


def text_of(entries: list[dict[str, Any]]) -> str:
    return json.dumps(entries, indent=1, ensure_ascii=False, default=_bin) + "\n"


def _bin(value: object) -> dict[str, str]:
    """A msgpack bin, which JSON does not have."""
    assert isinstance(value, bytes)
    return {"$bin": value.hex()}


if __name__ == "__main__":
    for name, entries in files().items():
        (HERE / name).write_text(text_of(entries), encoding="utf-8")
