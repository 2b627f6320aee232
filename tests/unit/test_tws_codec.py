"""What the codec makes of the gateway's messages and of our requests."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.msgpack import encode
from twsmq_nodes.tws.adapter import HIGHEST_SERVER_VERSION, MAX_SERVER_VERSION, MIN_SERVER_VERSION, Codec
from twsmq_nodes.tws.contracts import Contract
from twsmq_nodes.tws.errors import EncodeRefused
from twsmq_nodes.tws.events import (
    CommissionReport,
    Event,
    ExecDetails,
    FrameRejected,
    GatewayError,
    OpenOrder,
    OrderStatus,
    Position,
    Unhandled,
)
from twsmq_nodes.tws.orders import Condition, OrderFields
from twsmq_nodes.tws.reference_events import (
    Bar,
    ContractDetailsReceived,
    HistoricalBarColumns,
    HistoricalBars,
    HistoricalBarsEnd,
)
from twsmq_nodes.tws.reference_requests import ReqContractDetails
from twsmq_nodes.tws.requests import CancelOrder, PlaceOrder, Request
from twsmq_nodes.tws.stream_requests import ReqMktData
from twsmq_nodes.tws.whole_bars import bars_of

CODEC = Codec(200)
APPLE = Contract(symbol="AAPL", sec_type="STK", exchange="SMART", currency="USD")
STOCK = "265598|AAPL|STK||0.0|||SMART|USD|AAPL|NMS|"


def decoded(fields: str, version: int = 200) -> Event:
    [event] = Codec(version).decode(fields.replace("|", "\0").encode())
    return event


def sent(request: Request) -> list[str]:
    data = CODEC.encode(request)
    assert int.from_bytes(data[:4], "big") == len(data) - 4
    return data[4:].decode().split("\0")[:-1]


def limit_order(**more: object) -> PlaceOrder:
    fields: dict[str, object] = {"limit_price": 187.25} | more
    return PlaceOrder(7, APPLE, OrderFields("BUY", 100, "LMT", **fields))  # type: ignore[arg-type]


def test_what_the_gateway_left_unset_is_none_and_sizes_are_floats() -> None:
    report = decoded("59|1|0001.01|1.25|USD|1.7976931348623157E308|1.7976931348623157E308||")
    assert report == CommissionReport("0001.01", 1.25, "USD", None, None, None)
    status = decoded("3|7|Submitted|40|60|187.2|123456789|0|187.25|101|child,trigger|0|")
    assert status == OrderStatus(
        7, "Submitted", 40.0, 60.0, 187.2, 123456789, 0, 187.25, 101, "child,trigger", None
    )


def test_an_open_order_carries_contract_order_and_state() -> None:
    event = decoded(f"5|7|{STOCK}BUY|100|LMT|187.25|0.0|GTC||DU1||0|alpha/1|101|123456789|1|" + "|" * 140)
    assert isinstance(event, OpenOrder)
    assert event.contract.con_id == 265598
    assert event.contract.strike is None
    order = event.order
    assert (order.order_id, order.client_id, order.perm_id) == (7, 101, 123456789)
    assert (order.action, order.total_quantity, order.order_type, order.limit_price) == (
        "BUY",
        100.0,
        "LMT",
        187.25,
    )
    assert (order.tif, order.account, order.order_ref, order.outside_rth) == ("GTC", "DU1", "alpha/1", True)
    assert event.state.commission is None


def test_an_execution_keeps_its_id_and_time_as_sent() -> None:
    event = decoded(
        f"11|-1|7|{STOCK}0000e0d5.69dd7411.01.01|20260413 15:27:04 US/Eastern|DU1|ARCA|BOT|0.5|257.95|"
        "389211034|101|0|0.5|257.95|alpha/1||0.0||2|0||"
    )
    assert isinstance(event, ExecDetails)
    assert event.req_id == -1
    assert event.execution.exec_id == "0000e0d5.69dd7411.01.01"
    assert event.execution.time == "20260413 15:27:04 US/Eastern"
    assert (event.execution.shares, event.execution.price, event.execution.side) == (0.5, 257.95, "BOT")


def test_a_short_position() -> None:
    event = decoded(f"61|3|DU1|{STOCK}-100|187.25|")
    assert isinstance(event, Position)
    assert (event.account, event.quantity, event.avg_cost) == ("DU1", -100.0, 187.25)


def test_errors_carry_what_their_version_knows() -> None:
    assert decoded("4|2|7|202|Order Canceled - reason:|", 157) == GatewayError(
        7, 202, "Order Canceled - reason:"
    )
    assert decoded('4|2|7|201|no|{"a":1}|', 166) == GatewayError(7, 201, "no", None, '{"a":1}')
    assert decoded("4|-1|2104|OK||1776108423885|", 194) == GatewayError(-1, 2104, "OK", 1776108423885)
    smile = decoded("4|7|201|no \\ud83d\\ude00 \\ud83d||0|", 194)  # as it writes what is not ASCII
    assert smile == GatewayError(7, 201, "no \U0001f600 \ufffd")


@pytest.mark.parametrize("frame", [r"46|6|7|45|\ud800|", r"84|7|1700000000000|BRFG|id|half \ud83d|x|"])
def test_texts_of_ticks_hold_nothing_that_cannot_be_sent_on(frame: str):
    event = decoded(frame, 194)
    encode(event)


def test_bars_of_one_message_come_together_before_their_end() -> None:
    bar = "20260105|1.0|2.0|0.5|1.5|100|1.25|7"
    events = Codec(195).decode(f"17|9|20260105|20260106|2|{bar}|{bar}|".replace("|", "\0").encode())
    one = Bar("20260105", 1.0, 2.0, 0.5, 1.5, 100.0, 1.25, 7)
    whole, ended = events
    assert isinstance(whole, HistoricalBarColumns)
    assert (whole.req_id, bars_of(whole)) == (9, (one, one))
    assert ended == HistoricalBarsEnd(9, "20260105", "20260106")
    assert CODEC.decode(b"17\x009\x000\x00") == []  # no bars: the end comes by itself from version 196 on


def test_a_message_cut_short_gives_none_of_its_events() -> None:
    event = decoded("17|9|2|20260105|1.0|2.0|0.5|1.5|100|1.25|7|20260106|1.0|")
    assert isinstance(event, FrameRejected)
    assert event.message_id == 17
    assert decoded("17|9|1|20260105 UTC|1.0|2.0|0.5|1.5|100|1.25|7|") == HistoricalBars(
        9, (Bar("20260105 UTC", 1.0, 2.0, 0.5, 1.5, 100.0, 1.25, 7),)
    )


def test_contract_details_keep_what_has_no_field_of_its_own() -> None:
    details = (
        "10|9|AAPL|STK|||0||SMART|USD|AAPL|NMS|NMS|265598|0.01||ACTIVETIM,ADJUST|SMART,AMEX|1|0|APPLE INC|"
        "NASDAQ||Technology|Computers|Computers|US/Eastern|20260105:0400-20260105:2000|20260105:0930-20260105:1600||0|1|"
        "ISIN|US0378331005|1|||26,26||COMMON|0.0001|0.0001|100|0|"
    )
    event = decoded(details)
    assert isinstance(event, ContractDetailsReceived)
    found = event.details
    assert (found.contract.con_id, found.contract.primary_exchange, found.min_tick) == (
        265598,
        "NASDAQ",
        0.01,
    )
    assert found.sec_id_list == (("ISIN", "US0378331005"),)
    assert (found.market_rule_ids, found.stock_type, found.min_size) == ("26,26", "COMMON", 0.0001)
    assert found.extra == {}


def test_a_callback_without_a_struct_is_not_lost() -> None:
    assert decoded("67|1|9|white|") == Unhandled("displayGroupList", (9, "white"))


@pytest.mark.parametrize("fields", ["", "|", "777|1|", "0|1|", "9|1|x|", "9|1|", "61|3|DU1|1|", "4|x|1|"])
def test_what_cannot_be_decoded_is_one_event(fields: str) -> None:
    assert isinstance(decoded(fields), FrameRejected)


@given(
    st.integers(1, 110),
    st.lists(
        st.sampled_from(["", "0", "1", "3", "-1", "1.5", "AAPL", "x\udce9", "\\u00e9", "2147483647"]),
        max_size=150,
    ),
    st.integers(MIN_SERVER_VERSION, MAX_SERVER_VERSION),
)
def test_no_bytes_make_it_raise_or_forget_its_manners(message: int, fields: list[str], version: int) -> None:
    codec = Codec(version)
    frame = "\0".join([str(message), *fields, ""]).encode(errors="surrogateescape")
    first = codec.decode(frame)
    assert all(isinstance(event, Event) for event in first)
    assert repr(codec.decode(frame)) == repr(first)  # nothing of a frame is left for the next one
    assert codec.decode(b"9\x001\x0042\x00") == Codec(version).decode(b"9\x001\x0042\x00")


@given(st.binary(max_size=60))
def test_no_garbage_makes_it_raise(frame: bytes) -> None:
    assert all(isinstance(event, Event) for event in CODEC.decode(frame))


def test_a_limit_order_on_the_wire() -> None:
    fields = sent(limit_order(account="DU1", order_ref="alpha/1", tif="GTC"))
    assert fields[:4] == ["3", "7", "0", "AAPL"]
    assert fields[16:22] == ["BUY", "100", "LMT", "187.25", "", "GTC"]
    assert "alpha/1" in fields


@pytest.mark.parametrize(
    ("quantity", "written"),
    [(100, "100"), (100.0, "100"), (0.5, "0.5"), (1e-4, "0.0001"), (123456789.0, "123456789")],
)
def test_quantities_are_written_without_needless_digits(quantity: float, written: str) -> None:
    assert sent(PlaceOrder(7, APPLE, OrderFields("BUY", quantity, "MKT")))[17] == written


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (limit_order(limit_price=float("nan")), "limit_price"),
        (limit_order(limit_price=float("inf")), "limit_price"),
        (PlaceOrder(7, APPLE, OrderFields("BUY", float("inf"), "MKT")), "total_quantity"),
        (limit_order(order_ref="a\0b"), "order_ref"),
        (limit_order(account="DÜ1"), "account"),
        (limit_order(extra={"noSuchThing": 1}), "noSuchThing"),
        (limit_order(extra={"__class__": 1}), "__class__"),
        (limit_order(extra={"blockOrder": "yes"}), "blockOrder"),
        (limit_order(extra={"percentOffset": "1\0002"}), "percentOffset"),
        (limit_order(extra={"rule80A": "\0"}), "rule80A"),
        (limit_order(algo_params=(("a\0", "b"),)), "algo_params"),
        (limit_order(conditions=(Condition(99),)), "conditions"),
        (limit_order(conditions=(Condition(1, fields={"nope": 1}),)), "conditions.nope"),
        (ReqContractDetails(1, Contract(symbol="A\0B")), "symbol"),
        (ReqMktData(1, APPLE, generic_ticks="233\n\0"), "generic_ticks"),
        (ReqMktData(1, APPLE, options=(("a", "b\0"),)), "options"),
        (CancelOrder(7, manual_time="\0"), "manual_time"),
    ],
)
def test_what_must_not_be_sent_is_refused_by_name(request_: Request, field: str) -> None:
    with pytest.raises(EncodeRefused) as caught:
        CODEC.encode(request_)
    assert caught.value.field == field
    assert sent(CancelOrder(7))[:2] == ["4", "7"]  # and the next request goes as always


def test_what_the_server_version_cannot_say_is_refused_in_ibapis_words() -> None:
    with pytest.raises(EncodeRefused) as caught:
        Codec(157).encode(limit_order(extra={"duration": 60}))
    assert caught.value.code == 503
    assert "does not support duration" in caught.value.text


def test_a_codec_is_for_versions_that_ibapi_speaks_too() -> None:
    for version in (156, HIGHEST_SERVER_VERSION + 1):
        with pytest.raises(ValueError, match="is not in 157"):
            Codec(version)


def test_ibapi_does_not_log_every_tick() -> None:
    assert not logging.getLogger("ibapi.decoder").isEnabledFor(logging.INFO)
