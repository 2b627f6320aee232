"""The golden vectors: committed bytes that a plain msgpack reader and our codec both understand alike."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import Any, get_args

import msgpack
import msgspec
import pytest
from twsmq_protocol import codec
from twsmq_protocol.errors import ErrorCode, FieldError, RequestError
from twsmq_protocol.instruments import format_instrument, parse_instrument
from twsmq_protocol.market_events import StreamState
from twsmq_protocol.order_events import OrderStatus
from twsmq_protocol.requests import OPS

FOLDER = Path(__file__).parents[2] / "protocol" / "vectors"


def load(name: str) -> list[dict[str, Any]]:
    return json.loads((FOLDER / name).read_text(encoding="utf-8"), object_hook=unmarked)


def unmarked(found: dict[str, Any]) -> Any:
    return bytes.fromhex(found["$bin"]) if found.keys() == {"$bin"} else found


EVENTS, REQUESTS, REPLIES = load("events.json"), load("requests.json"), load("replies.json")
REFUSED, INSTRUMENTS = load("refused_requests.json"), load("instruments.json")


def named(entries: list[dict[str, Any]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("vector", entries, ids=[entry["name"] for entry in entries])


def test_the_committed_files_are_what_the_generator_writes(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(FOLDER)
    generator = runpy.run_path(str(FOLDER / "generate.py"))
    written = {name: generator["text_of"](entries) for name, entries in generator["files"]().items()}
    assert {path.name for path in FOLDER.glob("*.json")} == written.keys()
    for name, text in written.items():
        assert (FOLDER / name).read_text(encoding="utf-8") == text, (
            f"{name}: run protocol/vectors/generate.py"
        )


@named(EVENTS)
def test_a_plain_reader_splits_and_unpacks_an_event(vector: dict[str, Any]):
    topic, body = bytes.fromhex(vector["hex"]).split(b"\0", 1)
    assert topic.decode() == vector["topic"]
    assert msgpack.unpackb(body) == vector["decoded"]


@named(EVENTS)
def test_our_codec_gives_an_event_back_to_the_byte(vector: dict[str, Any]):
    frame = bytes.fromhex(vector["hex"])
    topic, event = codec.decode_event(frame)
    assert isinstance(event, codec.EVENT_TYPES[vector["decoded"]["type"]])
    assert codec.encode_event(topic, event) == frame


@named(REQUESTS)
def test_a_plain_writer_makes_the_same_request(vector: dict[str, Any]):
    frame, decoded = bytes.fromhex(vector["hex"]), vector["decoded"]
    assert msgpack.packb(decoded) == frame
    request = codec.decode_request(frame)
    assert (request.id, request.op, request.valid_until) == (
        decoded["id"],
        decoded["op"],
        decoded.get("valid_until"),
    )
    args = codec.decode_args(request, OPS[request.op].args)
    assert args == msgspec.convert(decoded["args"], OPS[request.op].args)
    for name, value in decoded["args"].items():
        field = "from_" if name == "from" else name  # a word of Python's own
        assert isinstance(value, list | dict) or getattr(args, field) == value


@named(REPLIES)
def test_a_plain_reader_and_our_codec_read_the_same_reply(vector: dict[str, Any]):
    frame, decoded = bytes.fromhex(vector["hex"]), vector["decoded"]
    assert msgpack.unpackb(frame) == decoded
    reply = codec.decode_reply(frame)
    assert (reply.id, reply.ok, reply.result) == (decoded["id"], decoded["ok"], decoded.get("result"))
    if reply.error is not None:
        assert (reply.error.code, reply.error.field) == (decoded["error"]["code"], decoded["error"]["field"])


@named(REFUSED)
def test_a_request_that_must_be_refused_is(vector: dict[str, Any]):
    def understand() -> None:
        request = codec.decode_request(bytes.fromhex(vector["hex"]))
        codec.decode_args(request, OPS[request.op].args)

    with pytest.raises(RequestError) as refused:
        understand()
    error = refused.value
    assert {"id": error.request_id, "code": error.code, "field": error.field} == vector["answer"]


@pytest.mark.parametrize("vector", INSTRUMENTS, ids=[entry["spelling"] for entry in INSTRUMENTS])
def test_a_spelling_has_its_canonical_form_or_none(vector: dict[str, Any]):
    if vector["canonical"] is None:
        with pytest.raises(FieldError):
            parse_instrument(vector["spelling"])
    else:
        assert format_instrument(parse_instrument(vector["spelling"])) == vector["canonical"]


def test_every_event_op_code_and_status_has_a_vector():
    events = [vector["decoded"] for vector in EVENTS]
    assert {event["type"] for event in events} == codec.EVENT_TYPES.keys()
    assert {event["status"] for event in events if event["type"] == "order"} == set(get_args(OrderStatus))
    assert {event["state"] for event in events if event["type"] == "stream"} == set(get_args(StreamState))
    assert {vector["decoded"]["op"] for vector in REQUESTS} == OPS.keys()
    errors = [vector["decoded"]["error"] for vector in REPLIES if not vector["decoded"]["ok"]]
    assert {error["code"] for error in errors} == set(ErrorCode)


@pytest.mark.parametrize("op", OPS)
def test_the_result_of_every_op_has_a_vector(op: str):
    """Held against the op's own type, since `result` is free in the envelope."""
    shape = msgspec.structs.fields(OPS[op].result)
    every = {field.encode_name for field in shape} | {"type"}
    needed = {field.encode_name for field in shape if field.required}
    results = [vector["decoded"]["result"] for vector in REPLIES if vector["decoded"]["ok"]]
    own = [result for result in results if needed <= result.keys() <= every]
    assert own
    for result in own:
        msgspec.convert(result, OPS[op].result)
