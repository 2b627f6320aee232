"""Open orders patched into an earlier one's event are what ibapi makes of them, whatever differs."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twsmq_nodes.tws import report_template
from twsmq_nodes.tws.adapter import Codec
from twsmq_nodes.tws.events import Event, OpenOrder
from twsmq_simulator.broker.model import Order, Status
from twsmq_simulator.broker.ticket import OrderTicket
from twsmq_simulator.market.contracts import ContractSpec
from twsmq_simulator.market.instruments import Instrument
from twsmq_simulator.wire import order_messages

AAPL = Instrument(265598, "AAPL", "STK", "NASDAQ", "USD", "AAPL", "NMS", 0.01, 265.18)


def open_order(number: int, *, version: int = 200, **more: object) -> bytes:
    fields: dict[str, object] = {
        "order_id": number,
        "contract": ContractSpec(symbol="AAPL", sec_type="STK", exchange="SMART", currency="USD"),
        "action": "BUY",
        "quantity": Decimal(100 + number % 3),
        "order_type": "LMT",
        "limit_price": 1 + number / 4,
        "tif": "DAY",
        "account": "DU1",
        "order_ref": f"alpha/{number}",
    }
    ticket = OrderTicket(**(fields | more))  # type: ignore[arg-type]
    order = Order(700_000_000 + number, 101, ticket, 265598, Status.SUBMITTED, 0)
    return order_messages.open_order(version, order, AAPL, number, 101)[4:]


SHAPES = [
    {},
    {"order_type": "MKT", "limit_price": None},
    {"order_type": "STP LMT", "aux_price": 1.5},
    {"order_type": "TRAIL", "limit_price": None, "trailing_percent": 2.0, "trail_stop_price": 1.25},
    {"algo_strategy": "Adaptive", "algo_params": (("adaptivePriority", "Normal"),)},
]
TEXTS = st.one_of(
    st.sampled_from(
        [
            "",
            "0",
            "1",
            "-1",
            "007",
            "1.5",
            "2147483647",
            "9223372036854775807",
            "99999999999",
            "Infinity",
            "1.7976931348623157E308",
            "1e5",
            "nan",
            "None",
            "LMT",
            "Submitted",
            "Filled",
            "beta/2",
            "a\\u0041",
            "Zürich",
            " ",
            "1_000",
            "+5",
            "0x10",
            "3.",
            ".5",
            "5;6",
        ]
    ),
    st.integers(0, 10**10).map(str),
    st.floats(0, 10**6).map(str),
)


def both(codec: Codec, frame: bytes) -> tuple[list[Event], list[Event]]:
    return codec.decode(frame), codec._interpret(frame)  # pyright: ignore[reportPrivateUsage]


@pytest.mark.parametrize("shape", SHAPES)
@settings(deadline=None, max_examples=15)
@given(data=st.data())
def test_whatever_differs_the_event_is_ibapis(shape: dict[str, Any], data: st.DataObject) -> None:
    codec = Codec(200)
    for number in range(1, 5):  # what an ordinary strategy's orders teach
        patched, ours = both(codec, open_order(number, **shape))
        assert patched == ours
    width = open_order(9, **shape).count(b"\0")
    places = data.draw(st.lists(st.integers(1, width - 1), min_size=1, max_size=4))
    for number in range(5, 11):
        fields = open_order(number, **shape).split(b"\0")
        for at in places:
            if data.draw(st.booleans()):
                fields[at] = data.draw(TEXTS).encode()
        patched, ours = both(codec, b"\0".join(fields))
        assert patched == ours, number


@pytest.mark.parametrize("version", [157, 176, 192, 200])
def test_ibapi_reads_no_more_once_it_is_known_what_varies(version: int) -> None:
    codec = Codec(version)
    asked: list[bytes] = []

    def ibapi(frame: bytes) -> list[Event]:
        asked.append(frame)
        return codec._interpret(frame)  # pyright: ignore[reportPrivateUsage]

    templates = report_template.OpenOrderTemplates(ibapi)
    for number in range(1, 6):
        templates.decode(open_order(number, version=version))
    asked.clear()
    for number in range(6, 500):
        frame = open_order(number, version=version)
        [event] = templates.decode(frame)
        assert isinstance(event, OpenOrder)
        assert event.order.order_ref == f"alpha/{number}"
        assert [event] == codec._interpret(frame)  # pyright: ignore[reportPrivateUsage]
    assert asked == []
    another = open_order(500, version=version, outside_rth=True)
    assert templates.decode(another) == codec._interpret(another)  # pyright: ignore[reportPrivateUsage]
    assert asked[0] == another


def test_a_sample_whose_patch_is_wrong_is_never_used() -> None:
    """A decoder in which the order's reference, when it is `odd`, also decides the account."""
    codec = Codec(200)

    def ibapi(frame: bytes) -> list[Event]:
        return codec._interpret(frame.replace(b"DU1", b"DU2") if b"odd" in frame else frame)  # pyright: ignore[reportPrivateUsage]

    templates = report_template.OpenOrderTemplates(ibapi)
    for number in range(1, 4):
        templates.decode(open_order(number))
    for number in range(4, 9):
        frame = open_order(number, order_ref=f"odd/{number}", tif="GTC")
        templates.decode(frame)
        plain = open_order(number, tif="GTC")
        assert templates.decode(plain) == ibapi(plain)


def test_what_it_keeps_is_bounded() -> None:
    codec = Codec(200)
    for number in range(1, report_template.MAX_SHAPES + 20):
        frame = open_order(1, account=f"DU{number}", oca_group=f"group {number}")
        patched, ours = both(codec, frame)
        assert patched == ours
    [layout] = codec._open_orders._layouts.values()  # pyright: ignore[reportPrivateUsage]
    assert len(layout.samples) <= report_template.MAX_SHAPES
