"""The codec, told by example: what a peer may send and what it hears back."""

from __future__ import annotations

import msgpack
import msgspec
import pytest
from twsmq_protocol import codec
from twsmq_protocol.envelope import MAX_REQUEST_BYTES, Event, NoArgs, payload
from twsmq_protocol.errors import ErrorCode, MalformedMessage, RequestError, UnknownEvent
from twsmq_protocol.market_events import Quote, Stream
from twsmq_protocol.order_events import Order
from twsmq_protocol.requests import OPS, GetOrders, ModifyOrder, PlaceOrder, PlaceOrders

TOPIC = "quote/STK:AAPL:SMART:USD/"
GOOD_ORDER = {
    "strategy": "alpha",
    "client_order_id": "alpha-0001",
    "instrument": "STK:AAPL:SMART:USD",
    "side": "BUY",
    "quantity": 10,
    "order_type": "LMT",
    "limit_price": 187.5,
}


def request(**envelope: object) -> bytes:
    return msgpack.packb({"v": 1, "id": 7, "op": "get_orders", "args": {}} | envelope)


def refusal(frame: bytes) -> RequestError:
    with pytest.raises(RequestError) as refused:
        codec.decode_request(frame)
    return refused.value


def refused_args(op: str, args: object) -> RequestError:
    asked = codec.decode_request(request(op=op, args=args))
    with pytest.raises(RequestError) as refused:
        codec.decode_args(asked, OPS[op].args)
    return refused.value


def test_an_event_is_topic_nul_map_in_one_frame():
    frame = codec.encode_event(TOPIC, Quote(bid=187.42, src="marketdata-0", inc=5, seq=1, ts=9))
    topic, body = frame.split(b"\0", 1)
    assert topic.decode() == TOPIC
    decoded = msgpack.unpackb(body)
    assert decoded["type"] == "quote"
    assert (decoded["v"], decoded["src"], decoded["inc"], decoded["seq"]) == (1, "marketdata-0", 5, 1)
    assert decoded["bid"] == 187.42
    assert decoded["ask"] is None


def test_a_body_may_hold_nul_bytes_because_only_the_first_one_splits():
    topic, event = codec.decode_event(codec.encode_event(TOPIC, Quote(bid=0.0, volume=0.0)))
    assert (topic, event) == (TOPIC, Quote(bid=0.0, volume=0.0))


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_an_event_with_a_number_that_is_not_finite_is_refused(number: float):
    with pytest.raises(MalformedMessage, match="bid"):
        codec.decode_event(codec.encode_event(TOPIC, Quote(bid=number)))


def test_an_event_may_carry_fields_that_this_reader_does_not_know():
    body = msgpack.packb({"v": 1, "type": "quote", "bid": 1.5, "seq": 3, "implied_volatility": 0.2})
    assert codec.decode_event(b"quote/X/\0" + body) == ("quote/X/", Quote(bid=1.5, seq=3))


def test_an_event_of_a_later_type_is_told_apart_from_rubbish_so_that_its_number_can_be_counted():
    body = msgpack.packb({"v": 1, "type": "weather", "src": "marketdata-0", "inc": 5, "seq": 17, "ts": 1})
    with pytest.raises(UnknownEvent) as refused:
        codec.decode_event(b"weather/X/\0" + body)
    error = refused.value
    assert (error.topic, error.kind, error.src, error.inc, error.seq) == (
        "weather/X/",
        "weather",
        "marketdata-0",
        5,
        17,
    )


@pytest.mark.parametrize("kind", ["quote", "a later type"])
def test_an_event_of_another_protocol_version_is_refused_as_such(kind: str):
    with pytest.raises(MalformedMessage, match="protocol version 2") as refused:
        codec.decode_event(b"quote/X/\0" + msgpack.packb({"v": 2, "type": kind, "seq": 1}))
    assert not isinstance(refused.value, UnknownEvent)


def test_the_payload_of_an_event_has_its_wire_names_and_no_header():
    own = payload(Stream(state="gap", from_=5, seq=9, src="marketdata-0"))
    assert own["from"] == 5
    assert not {"from_", *Event.__struct_fields__} & own.keys()


def test_a_request_round_trips():
    frame = codec.encode_request("a-1", "get_orders", GetOrders(strategy="alpha"), valid_until=5)
    asked = codec.decode_request(frame)
    assert (asked.id, asked.op, asked.valid_until) == ("a-1", "get_orders", 5)
    assert codec.decode_args(asked, GetOrders) == GetOrders(strategy="alpha")


def test_args_may_be_left_out():
    asked = codec.decode_request(msgpack.packb({"v": 1, "id": 1, "op": "describe"}))
    assert codec.decode_args(asked, NoArgs) == NoArgs()
    assert codec.decode_args(codec.decode_request(request(op="describe", args=None)), NoArgs) == NoArgs()


@pytest.mark.parametrize(
    ("frame", "field"),
    [
        (b"", None),
        (b"\xc1", None),
        (b"hello", None),
        (msgpack.packb([1, 2]), None),
        (msgpack.packb({1: 2}), None),
        (request() + b"\0", None),
        (request()[:-1], None),
        (b"\xdf\xff\xff\xff\xff", None),
        (b"\x91" * 100_000, None),
        (b"\x84\xa1v\x01\xa2id\x07\xa2id\x08\xa2op\xa1x", None),
        (msgpack.packb({"id": 7, "op": "x"}), "v"),
        (request(v="1"), "v"),
        (request(v=True), "v"),
        (request(v=1.0), "v"),
        (request(id=None), "id"),
        (request(id=""), "id"),
        (request(id="x" * 129), "id"),
        (request(id=2**63), "id"),
        (request(id=True), "id"),
        (request(id=[1]), "id"),
        (request(op=None), "op"),
        (request(op=5), "op"),
        (request(op=""), "op"),
        (request(op="x" * 65), "op"),
        (request(valid_until="soon"), "valid_until"),
        (request(valid_until=1.5), "valid_until"),
        (request(argz={}), "argz"),
    ],
)
def test_a_broken_envelope_is_malformed_and_names_the_key(frame: bytes, field: str | None):
    error = refusal(frame)
    assert (error.code, error.field) == (ErrorCode.MALFORMED, field)


def test_a_refusal_goes_to_the_id_it_answers_as_far_as_that_could_be_read():
    assert refusal(request(op=5)).request_id == 7
    assert refusal(request(id="q", valid_until="soon")).request_id == "q"
    assert refusal(request(id=[1])).request_id is None
    assert refusal(b"hello").request_id is None


def test_the_version_is_looked_at_before_all_else():
    error = refusal(msgpack.packb({"v": 2, "id": 7, "operation": 5}))
    assert (error.code, error.field, error.request_id) == (ErrorCode.UNSUPPORTED_VERSION, "v", 7)
    assert "speaks 1" in error.message


def test_the_longest_request_passes_and_one_byte_more_does_not():
    fits = request(
        args={"strategy": "x" * (MAX_REQUEST_BYTES - len(request(args={"strategy": "x" * 70000})) + 70000)}
    )
    assert len(fits) == MAX_REQUEST_BYTES
    assert codec.decode_request(fits).op == "get_orders"
    assert refusal(fits + b"\0").code == ErrorCode.MALFORMED


@pytest.mark.parametrize(
    ("change", "field", "says"),
    [
        ({"side": "buy"}, "side", "BUY, SELL"),
        ({"side": None}, "side", "BUY, SELL"),
        ({"quantity": "10"}, "quantity", "a number, not a string"),
        ({"quantity": 0}, "quantity", "above 0"),
        ({"quantity": -1}, "quantity", ">= 0"),
        ({"quantity": float("nan")}, "quantity", ">= 0"),
        ({"quantity": float("inf")}, "quantity", "<= 1"),
        ({"limit_price": float("nan")}, "limit_price", ">="),
        ({"limit_price": float("-inf")}, "limit_price", ">="),
        ({"limit_price": None}, "limit_price", "LMT order needs limit_price"),
        ({"stop_price": 5.0}, "stop_price", "takes no stop_price"),
        ({"order_type": "LIMIT"}, "order_type", "MKT, LMT"),
        ({"tif": "FOREVER"}, "tif", "DAY"),
        ({"instrument": "AAPL"}, "instrument", "STK"),
        ({"strategy": "a/b"}, "strategy", "characters"),
        ({"strategy": "a\n"}, "strategy", "characters"),
        ({"strategy": "a" * 17}, "strategy", "1 to 16"),
        ({"client_order_id": ""}, "client_order_id", "1 to 40"),
        ({"client_order_id": "b" * 41}, "client_order_id", "1 to 40"),
        ({"account": "DU 1"}, "account", "1 to 32"),
        ({"conditions": [{"kind": "margin", "value": 1e300}]}, "conditions[0].value", "<="),
        ({"limit_pricee": 5.0}, "limit_pricee", "unknown; known here: strategy"),
        ({"outside_rth": 1}, "outside_rth", "true or false"),
    ],
)
def test_a_wrong_argument_is_named_with_what_it_should_be(change: dict[str, object], field: str, says: str):
    error = refused_args("place_order", GOOD_ORDER | change)
    assert (error.code, error.field, error.request_id) == (ErrorCode.INVALID_ARGUMENT, field, 7)
    assert says in error.message
    assert field in error.message


def test_every_argument_that_must_be_there_is_missed_by_name():
    for name in ("strategy", "client_order_id", "instrument", "side", "quantity", "order_type"):
        error = refused_args("place_order", {key: value for key, value in GOOD_ORDER.items() if key != name})
        assert (error.field, error.message) == (name, f"{name} is missing")


def test_the_good_order_is_understood():
    order = codec.decode_args(codec.decode_request(request(args=GOOD_ORDER)), PlaceOrder)
    assert (order.quantity, order.tif, order.outside_rth) == (10.0, "DAY", False)


def test_a_modification_must_change_something():
    error = refused_args("modify_order", {"strategy": "alpha", "client_order_id": "a"})
    assert error.code == ErrorCode.INVALID_ARGUMENT
    change = {"strategy": "alpha", "client_order_id": "a", "limit_price": 5}
    assert codec.decode_args(codec.decode_request(request(args=change)), ModifyOrder).limit_price == 5.0


@pytest.mark.parametrize("args", [5, [], "x", msgpack.Timestamp(1), msgpack.ExtType(5, b"x")])
def test_args_that_are_no_map_are_an_invalid_argument(args: object):
    error = refused_args("get_orders", args)
    assert (error.code, error.field) == (ErrorCode.INVALID_ARGUMENT, "args")
    assert str(error).startswith("args must be a map")


def test_an_argument_given_twice_is_refused_because_readers_would_differ_on_which_one_counts():
    twice = b"\x82\xa8strategy\xa1a\xa8strategy\xa1b"
    asked = codec.decode_request(b"\x84\xa1v\x01\xa2id\x07\xa2op\xaaget_orders\xa4args" + twice)
    with pytest.raises(RequestError, match="twice") as refused:
        codec.decode_args(asked, GetOrders)
    assert (refused.value.code, refused.value.field) == (ErrorCode.MALFORMED, "strategy")


@pytest.mark.parametrize("longer", [False, True], ids=["shortest encoding", "longer than need be"])
def test_a_key_given_twice_is_refused_at_any_depth(longer: bool):
    order = {"strategy": "a", "client_order_id": "a", "instrument": "STK:A:SMART:USD", "side": "BUY"}
    order |= {"quantity": 1, "order_type": "LMT", "limit_price": 1.5}
    body = msgpack.packb(order, use_single_float=longer)
    again = msgpack.packb({"side": "SELL", "quantity": 900})
    twice = bytes([body[0] + 2]) + body[1:] + again[1:]
    args = b"\x81\xa6orders\x92" + body.replace(b"order_id\xa1a", b"order_id\xa1b") + twice
    asked = codec.decode_request(b"\x84\xa1v\x01\xa2id\x07\xa2op\xacplace_orders\xa4args" + args)
    with pytest.raises(RequestError, match="twice") as refused:
        codec.decode_args(asked, PlaceOrders)
    assert (refused.value.code, refused.value.field) == (ErrorCode.MALFORMED, "orders[1].side")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("quantity", 1e-300),
        ("limit_price", -1e-300),
        ("trail_amount", 1e-300),
        ("trail_percent", 1e-300),
        ("cash_quantity", 1e-300),
    ],
)
def test_what_is_nearer_to_nothing_than_any_market_trades_is_a_slip(field: str, value: float):
    order = {"strategy": "a", "client_order_id": "a", "instrument": "STK:A:SMART:USD", "side": "BUY"}
    kind = {"order_type": "TRAIL"} if field.startswith("trail") else {"order_type": "LMT", "limit_price": 1.0}
    quantity = {"quantity": 0 if field == "cash_quantity" else 1}
    error = refused_args("place_order", order | quantity | kind | {field: value})
    assert (error.code, error.field) == (ErrorCode.INVALID_ARGUMENT, field)


def test_every_number_of_every_ops_arguments_has_a_range():
    """So that nothing behind the protocol, say a database of 64 bits, is asked for what it cannot hold."""

    def unbounded(at: msgspec.inspect.Type, path: str) -> list[str]:
        match at:
            case msgspec.inspect.IntType(ge=low, le=high):
                good = low is not None and high is not None and -(2**63) <= low <= high < 2**63
                return [] if good else [path]
            case msgspec.inspect.FloatType(gt=above, ge=low, le=high):
                return [] if high is not None and (above, low) != (None, None) else [path]
            case msgspec.inspect.UnionType(types=types):
                return [found for each in types for found in unbounded(each, path)]
            case msgspec.inspect.StructType(fields=fields):
                return [f for each in fields for f in unbounded(each.type, f"{path}.{each.name}")]
            case msgspec.inspect.VarTupleType(item_type=item) | msgspec.inspect.ListType(item_type=item):
                return unbounded(item, f"{path}[]")
            case msgspec.inspect.DictType(key_type=key, value_type=value):
                return [*unbounded(key, f"{path}.key"), *unbounded(value, f"{path}.value")]
            case _:
                return []

    kinds = {name: msgspec.inspect.type_info(op.args) for name, op in OPS.items()}
    assert [found for name, kind in kinds.items() for found in unbounded(kind, name)] == []


def test_a_refusal_never_grows_with_what_was_sent():
    error = refused_args("get_orders", {"x" * 200_000: 1})
    assert len(error.message) < 500
    assert len(error.field or "") <= 80


def test_replies_round_trip():
    good = codec.decode_reply(codec.encode_reply(7, {"orders": []}))
    assert (good.id, good.ok, good.result, good.error) == (7, True, {"orders": []}, None)
    refused = RequestError(ErrorCode.GATEWAY_REJECTED, "no such contract", field="instrument", tws_code=200)
    bad = codec.decode_reply(codec.encode_error("q", refused))
    assert bad.error is not None
    assert (bad.id, bad.ok, bad.error.code, bad.error.tws_code) == ("q", False, "gateway_rejected", 200)


@pytest.mark.parametrize(
    "reply",
    [
        {"v": 2, "id": 1, "ok": True, "result": None},
        {"v": 1, "id": 1, "ok": False},
        {"v": 1, "id": 1, "ok": True, "error": {"code": "internal", "message": "?"}},
        {"v": 1, "ok": True},
        {"v": 1, "id": 1},
        [],
    ],
)
def test_a_reply_that_contradicts_itself_is_malformed(reply: object):
    with pytest.raises(MalformedMessage):
        codec.decode_reply(msgpack.packb(reply))


def test_no_message_holds_a_float_without_bounds():
    """A bare `float` would let NaN and the infinities in."""
    kinds = [*codec.EVENT_TYPES.values(), *(part for op in OPS.values() for part in (op.args, op.result))]
    bare: list[str] = []
    seen: set[object] = set()

    def walk(at: msgspec.inspect.Type, where: str) -> None:
        if isinstance(at, msgspec.inspect.FloatType) and ((at.ge is None and at.gt is None) or at.le is None):
            bare.append(where)
        elif isinstance(at, msgspec.inspect.UnionType):
            for each in at.types:
                walk(each, where)
        elif isinstance(at, msgspec.inspect.ListType):
            walk(at.item_type, where)
        elif isinstance(at, msgspec.inspect.StructType) and at.cls not in seen:
            seen.add(at.cls)
            for field in at.fields:
                walk(field.type, f"{at.cls.__name__}.{field.name}")

    for kind in kinds:
        walk(msgspec.inspect.type_info(kind), kind.__name__)
    assert Order in seen
    assert not bare
