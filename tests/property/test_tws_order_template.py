"""Orders patched into an earlier one's bytes are byte for byte what ibapi makes of them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import msgpack
from msgspec.structs import replace
from twsmq_nodes.tws import order_template
from twsmq_nodes.tws.adapter import Codec
from twsmq_nodes.tws.contracts import ComboLeg, Contract
from twsmq_nodes.tws.errors import EncodeRefused
from twsmq_nodes.tws.order_template import ShapedOrder
from twsmq_nodes.tws.orders import Condition, OrderFields
from twsmq_nodes.tws.requests import PlaceOrder

STOCK = Contract(symbol="AAPL", sec_type="STK", exchange="SMART", currency="USD")
SPREAD = Contract(
    symbol="SPX",
    sec_type="BAG",
    exchange="SMART",
    currency="USD",
    combo_legs=(ComboLeg(11, 1, "BUY", "SMART"), ComboLeg(12, 1, "SELL", "SMART")),
)
ABOVE = Condition(1, fields={"isMore": True, "price": 200.0, "conId": 265598, "exchange": "SMART"})
LIMIT = OrderFields("BUY", 100.0, "LMT", limit_price=1.25, tif="DAY", account="DU1", order_ref="a/1")
SHAPES = [
    PlaceOrder(7, STOCK, LIMIT),
    PlaceOrder(7, STOCK, replace(LIMIT, order_type="MKT", limit_price=None)),
    PlaceOrder(7, STOCK, replace(LIMIT, order_type="STP LMT", aux_price=1.5, what_if=True)),
    PlaceOrder(7, STOCK, replace(LIMIT, order_type="TRAIL", limit_price=None, aux_price=0.5)),
    PlaceOrder(7, STOCK, replace(LIMIT, conditions=(ABOVE,), parent_id=7, algo_strategy="Adaptive")),
    PlaceOrder(7, STOCK, replace(LIMIT, total_quantity=0.0, cash_qty=500.0)),
    PlaceOrder(7, SPREAD, replace(LIMIT, combo_leg_prices=(None, 1.25))),
    PlaceOrder(7, STOCK, replace(LIMIT, extra={"lmtPriceOffset": 0.05})),
]
NUMBERS = st.one_of(
    st.floats(),
    st.integers(-1000, 10**7).map(lambda cents: cents / 100),
    st.sampled_from([0.0, -0.0, 1e-7, 1e22, 2147483647.0, 9223372036854775807.0, 1.7976931348623157e308]),
)
REFERENCES = st.one_of(st.from_regex(r"[A-Za-z0-9._-]{1,16}/[A-Za-z0-9._-]{1,40}"), st.text(max_size=20))


def shaped(request: PlaceOrder) -> ShapedOrder:
    order = request.order
    has = (order.limit_price is not None, order.aux_price is not None)
    rest = replace(order, order_ref="", total_quantity=0.0, limit_price=None, aux_price=None)
    return ShapedOrder(
        msgpack.encode((request.contract, rest, has)),
        request.order_id,
        order.order_ref,
        order.total_quantity,
        order.limit_price,
        order.aux_price,
        lambda: request,
    )


def outcome(codec: Codec, request: PlaceOrder | ShapedOrder) -> bytes | tuple[str, str | None]:
    try:
        return codec.encode(request)
    except EncodeRefused as refused:
        return str(refused), refused.field


@pytest.mark.parametrize("version", [157, 200])
@pytest.mark.parametrize("shape", SHAPES)
@settings(deadline=None, max_examples=20)
@given(data=st.data())
def test_whatever_varies_the_bytes_are_ibapis(shape: PlaceOrder, version: int, data: st.DataObject) -> None:
    codec, own_way = Codec(version), Codec(version)
    for number in range(5):
        order = replace(
            shape.order,
            order_ref=data.draw(REFERENCES),
            total_quantity=data.draw(NUMBERS),
            limit_price=None if shape.order.limit_price is None else data.draw(NUMBERS),
            aux_price=None if shape.order.aux_price is None else data.draw(NUMBERS),
        )
        request = PlaceOrder(data.draw(st.integers(0, 2**31 - 1)), shape.contract, order)
        assert outcome(codec, shaped(request)) == outcome(own_way, request), number


def test_ibapi_is_asked_no_more_once_a_shape_is_known() -> None:
    codec = Codec(200)
    asked: list[PlaceOrder] = []

    def ibapi(request: PlaceOrder) -> bytes:
        asked.append(request)
        return codec.encode(request)

    templates = order_template.OrderTemplates(ibapi)
    orders = [PlaceOrder(n, STOCK, replace(LIMIT, order_ref=f"a/{n}", limit_price=n / 4)) for n in range(50)]
    first, second = templates.encode(shaped(orders[0])), templates.encode(shaped(orders[1]))
    assert [first, second] == [codec.encode(order) for order in orders[:2]]
    for_the_template = len(asked)
    assert for_the_template == 3
    assert [templates.encode(shaped(order)) for order in orders] == [codec.encode(order) for order in orders]
    assert len(asked) == for_the_template
    templates.encode(shaped(PlaceOrder(50, STOCK, replace(LIMIT, outside_rth=True))))
    assert len(asked) == for_the_template + 1


def test_a_message_that_says_a_thing_twice_is_left_to_ibapi() -> None:
    def stutters(request: PlaceOrder) -> bytes:
        reference = request.order.order_ref.encode()
        return b"\0\0\0\0" + b"\0".join((b"%d" % request.order_id, b"100", b"1.25", reference, reference))

    templates = order_template.OrderTemplates(stutters)
    for number in range(5):
        request = PlaceOrder(number, STOCK, replace(LIMIT, order_ref=f"a/{number}"))
        assert templates.encode(shaped(request)) == stutters(request)


def test_the_shapes_it_keeps_are_bounded() -> None:
    codec = Codec(200)
    templates = order_template.OrderTemplates(codec._call)  # pyright: ignore[reportPrivateUsage]
    for parent_id in range(1, order_template.MAX_SHAPES + 10):
        child = PlaceOrder(7, STOCK, replace(LIMIT, parent_id=parent_id))
        for _ in range(2):
            assert templates.encode(shaped(child)) == codec._call(child)  # pyright: ignore[reportPrivateUsage]
    assert len(templates._templates) < order_template.MAX_SHAPES  # pyright: ignore[reportPrivateUsage]
