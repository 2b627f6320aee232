"""Any bytes at all give a message or a typed error and nothing else; every message survives the wire."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgpack
import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.op_arguments import ARGUMENTS
from twsmq_protocol import codec
from twsmq_protocol.config import Config, parse_config
from twsmq_protocol.envelope import Event
from twsmq_protocol.errors import ConfigError, ErrorCode, MalformedMessage, RequestError
from twsmq_protocol.order_events import OrderEvent
from twsmq_protocol.requests import OPS

EVENT_START = b"\x83\xa1v\x01\xa4type\xa5quote\xa3bid"
REQUEST_START = b"\x84\xa1v\x01\xa2id\x01\xa2op\xabplace_order\xa4args"
REPLY_START = b"\x84\xa1v\x01\xa2id\x01\xa2ok\xc3\xa6result"
NASTY = [
    b"",
    b"\xc1",
    b"\x91" * 100_000,  # nested deeper than any reader's stack
    b"\x81\xa1a" * 50_000,
    b"\xdd\xff\xff\xff\xff",  # four billion items that never come
    b"\xdf\xff\xff\xff\xff",
    b"\xc6\xff\xff\xff\xff",
    b"\xdb\xff\xff\xff\xff",
    b"\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00",  # NaN
    b"\xcb\x7f\xf0\x00\x00\x00\x00\x00\x00",  # infinity
    b"\xca\x7f\xc0\x00\x00",
    b"\xcf\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\x82\xa1a\x01\xa1a\x02",  # a key twice
    b"\x81\x01\x02",  # a key that is no string
    b"\x81\x80\x01",  # a key that cannot be hashed
    b"\x81\xc0\xc0",
    b"\xa2\xff\xff",  # not UTF-8
    b"\x81\xa2\xff\xff\x01",
    b"\xd4\x05x",  # ext types
    b"\xd6\xff\xff\xff\xff\xff",  # timestamps, in range and out of it
    b"\xd7\xff\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\xc7\x0c\xff\x00\x00\x00\x00\x7f\xff\xff\xff\xff\xff\xff\xff",
    b"\xc7\x0c\xff\x00\x00\x00\x00\x80\x00\x00\x00\x00\x00\x00\x00",
    b"\xc7\x03\xff\x00\x00\x00",
]

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=20)
    | st.binary(max_size=20)
    | st.builds(msgpack.Timestamp, st.integers(-(2**63), 2**63 - 1), st.integers(0, 999_999_999))
    | st.builds(msgpack.ExtType, st.integers(0, 127), st.binary(max_size=9))
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=9) | st.integers(0, 9), inner, max_size=4)
    ),
    max_leaves=12,
)
packed: st.SearchStrategy[bytes] = values.map(msgpack.packb)
rubbish = st.binary(max_size=200) | packed | st.sampled_from(NASTY)


def field_names(kind: type[msgspec.Struct]) -> tuple[str, ...]:
    return kind.__struct_encode_fields__


def near_misses(names: tuple[str, ...], fixed: dict[str, Any]) -> st.SearchStrategy[bytes]:
    """Maps with the right keys and any values, some of them cut off or with bytes appended."""
    whole = st.dictionaries(st.sampled_from(names) | st.text(max_size=5), values, max_size=6).map(
        lambda fields: msgpack.packb(fixed | fields)
    )
    return (
        whole
        | st.tuples(whole, st.integers(0, 60)).map(lambda cut: cut[0][: cut[1]])
        | st.tuples(whole, st.binary(min_size=1, max_size=3)).map(lambda tail: tail[0] + tail[1])
    )


near_events = st.sampled_from(sorted(codec.EVENT_TYPES)).flatmap(
    lambda kind: near_misses(field_names(codec.EVENT_TYPES[kind]), {"type": kind})
)
near_requests = st.sampled_from(sorted(OPS)).flatmap(
    lambda op: near_misses(("v", "id", "op", "args", "valid_until"), {"v": 1, "id": 1, "op": op})
)
near_replies = near_misses(("v", "id", "ok", "result", "error"), {"v": 1, "id": 1, "ok": True})


def outcome(refusal: type[Exception], call: Callable[..., Any], *args: Any) -> Any:
    """What `call` gave, or the typed error it raised; any other error fails the test."""
    try:
        return call(*args)
    except refusal as error:
        return error


def with_nasty(start: bytes) -> Callable[[Callable[..., None]], Callable[..., None]]:
    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        for nasty in NASTY:
            test = example(nasty)(example(start + nasty)(test))
        return test

    return decorate


@with_nasty(EVENT_START)
@given(rubbish | near_events)
def test_any_bytes_are_an_event_or_malformed(body: bytes):
    for frame in (body, b"quote/X/\0" + body, b"\xff\0" + body):
        with suppress(MalformedMessage):
            topic, event = codec.decode_event(frame)
            assert isinstance(event, Event)
            assert codec.decode_event(codec.encode_event(topic, event)) == (topic, event)


@with_nasty(REQUEST_START)
@given(rubbish | near_requests)
def test_any_bytes_are_a_request_or_refused_under_one_of_three_codes(frame: bytes):
    request = outcome(RequestError, codec.decode_request, frame)
    if isinstance(request, RequestError):
        assert request.code in (ErrorCode.MALFORMED, ErrorCode.UNSUPPORTED_VERSION)
        can_be_answered(request)
        return
    for op in OPS.values():
        args = outcome(RequestError, codec.decode_args, request, op.args)
        if isinstance(args, RequestError):
            assert args.code in (ErrorCode.MALFORMED, ErrorCode.INVALID_ARGUMENT)
            assert args.request_id == request.id
            can_be_answered(args)
        else:
            assert isinstance(args, op.args)


@with_nasty(REQUEST_START)
@given(rubbish | near_requests)
def test_a_request_read_at_once_is_the_one_read_key_by_key(frame: bytes):
    key_by_key = codec._decode_request  # pyright: ignore[reportPrivateUsage]
    one, other = (outcome(RequestError, read, frame) for read in (codec.decode_request, key_by_key))
    if isinstance(one, RequestError):
        assert type(other) is RequestError
        one, other = ((e.code, e.message, e.field, e.request_id) for e in (one, other))
    assert one == other


def can_be_answered(error: RequestError) -> None:
    reply = codec.decode_reply(codec.encode_error(error.request_id, error))
    assert reply.id == error.request_id
    assert reply.error is not None
    assert len(reply.error.message) < 1000


@with_nasty(REPLY_START)
@given(rubbish | near_replies)
def test_any_bytes_are_a_reply_or_malformed(frame: bytes):
    with suppress(MalformedMessage):
        codec.decode_reply(frame)


@example("x = 1" + "0" * 5000)
@example("x = " + "[" * 5000)
@given(
    st.text(max_size=100)
    | st.tuples(
        st.sampled_from(["cluster", "gateway", "marketdata", "orders", "simulator", "typo"]),
        st.sampled_from(["port", "port_base", "mode", "bind", "grace_s", "typo", "seed"]),
        st.sampled_from(
            ["1", "-1", "nan", "inf", "'x'", "true", "[]", "{}", "1979-05-27", "[[1]]", "{a = 1}"]
        ),
    ).map(lambda parts: "[{}]\n{} = {}".format(*parts))
)
def test_any_text_is_a_configuration_or_one_line_of_refusal(text: str):
    config = outcome(ConfigError, parse_config, text)
    assert isinstance(config, Config) or str(config).startswith("twsmq.toml:")


# Every event and every op's arguments, built from their own types, come back as they went out.

finite = st.floats(allow_nan=False, allow_infinity=False)
MATERIAL: dict[Any, st.SearchStrategy[Any]] = {
    msgspec.inspect.IntType: st.integers(-(2**63), 2**63 - 1),
    msgspec.inspect.FloatType: finite,
    msgspec.inspect.StrType: st.text(max_size=12),
    msgspec.inspect.BoolType: st.booleans(),
    msgspec.inspect.NoneType: st.none(),
    msgspec.inspect.AnyType: st.none() | st.integers(0, 9) | st.text(max_size=5),
}


def made_of(at: msgspec.inspect.Type) -> st.SearchStrategy[Any]:
    if isinstance(at, msgspec.inspect.UnionType):
        return st.one_of(*map(made_of, at.types))
    if isinstance(at, msgspec.inspect.LiteralType):
        return st.sampled_from(at.values)
    if isinstance(at, msgspec.inspect.TupleType):
        return st.tuples(*map(made_of, at.item_types))
    if isinstance(at, msgspec.inspect.ListType):
        return st.lists(made_of(at.item_type), max_size=3)
    if isinstance(at, msgspec.inspect.StructType):
        return st.builds(at.cls, **{field.name: made_of(field.type) for field in at.fields})
    if isinstance(at, msgspec.inspect.VarTupleType):
        return st.lists(made_of(at.item_type), max_size=3).map(tuple)
    if isinstance(at, msgspec.inspect.DictType):
        return st.dictionaries(made_of(at.key_type), made_of(at.value_type), max_size=3)
    return MATERIAL[type(at)]


def events_of(kind: type[Event]) -> st.SearchStrategy[Event]:
    shape = msgspec.inspect.type_info(kind)
    assert isinstance(shape, msgspec.inspect.StructType)
    own = {field.name: made_of(field.type) for field in shape.fields}
    return st.builds(kind, **own | {"v": st.just(1)})


topic_text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)


@pytest.mark.parametrize("kind", codec.EVENT_TYPES.values(), ids=codec.EVENT_TYPES.keys())
@given(data=st.data())
def test_every_event_comes_back_as_it_went_out(kind: type[Event], data: st.DataObject):
    topic, event = data.draw(topic_text), data.draw(events_of(kind))
    frame = codec.encode_event(topic, event)
    assert codec.decode_event(frame) == (topic, event)
    plain = msgpack.unpackb(frame.partition(b"\0")[2])
    assert plain["type"] == kind.__struct_config__.tag
    assert set(plain) == {"type", *field_names(kind)}
    assert isinstance(event, OrderEvent) == ("client_order_id" in plain)


ids = st.integers(-(2**63), 2**63 - 1) | st.text(
    st.characters(exclude_categories=["Cs"]), min_size=1, max_size=128
)


@pytest.mark.parametrize("op", OPS)
@given(data=st.data())
def test_every_request_comes_back_as_it_went_out(op: str, data: st.DataObject):
    args, request_id = data.draw(ARGUMENTS[op]), data.draw(ids)
    valid_until = data.draw(st.none() | st.integers(0, 2**63 - 1))
    request = codec.decode_request(codec.encode_request(request_id, op, args, valid_until))
    assert (request.id, request.op, request.valid_until) == (request_id, op, valid_until)
    understood = codec.decode_args(request, OPS[op].args)
    for name, value in args.items():
        field = "from_" if name == "from" else name  # a word of Python's own
        assert name in ("orders", "limits") or getattr(understood, field) == value
    again = codec.decode_request(codec.encode_request(request_id, op, understood, valid_until))
    assert codec.decode_args(again, OPS[op].args) == understood
