"""A hostile gateway's bytes: every field of every kind of message at the edges of its number, too many
fields, too much to learn. What comes out can always be stored and sent on, in bounded time.
"""

from __future__ import annotations

import struct
from decimal import Decimal
from importlib import import_module
from itertools import islice
from random import Random
from time import process_time
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.hostile_frames import KINDS as KINDS_OF_IBAPI
from support.hostile_frames import broken, hostile, huge
from twsmq_nodes.tws.adapter import HIGHEST_SERVER_VERSION, Codec
from twsmq_nodes.tws.events import Event, FrameRejected
from twsmq_nodes.tws.framing import FrameSplitter, frame
from twsmq_nodes.tws.report_template import MAX_PROBES, OpenOrderTemplates
from twsmq_nodes.tws.ticks import take_ticks
from twsmq_simulator.broker.model import Order, Status
from twsmq_simulator.broker.ticket import OrderTicket
from twsmq_simulator.market.contracts import ContractSpec
from twsmq_simulator.market.instruments import Instrument
from twsmq_simulator.wire import order_messages

KINDS = {
    "tickPrice": "1|6|9|1|187.5|100|1",
    "tickSize": "2|6|9|8|123456",
    "orderStatus": "3|41|Filled|1|0|187.5|912345678|0|187.5|101||0",
    "error": "4|7|201|Order rejected||1700000000000",
    "nextValidId": "9|1|42",
    "depth": "12|1|9|0|0|1|187.5|100",
    "depth of makers": "13|1|9|0|NSDQ|0|1|187.5|100|1",
    "managedAccounts": "15|1|DU1,DU2",
    "tickGeneric": "45|6|9|49|0",
    "tickString": "46|6|9|45|1700000000",
    "currentTime": "49|1|1700000000",
    "realtimeBar": "50|3|9|1700000000|1|2|0.5|1.5|100|1.2|7",
    "snapshotEnd": "57|1|9",
    "marketDataType": "58|1|9|3",
    "commission": "59|1|0000e0d5.1.01.01|1.0|USD|0|0|0",
    "position": "61|3|DU1|265598|AAPL|STK||0|||NASDAQ|USD|AAPL|NMS|100|187.5",
    "accountSummary": "63|1|9|DU1|NetLiquidation|1000|USD",
    "accountUpdateMulti": "73|1|9|DU1||Cash|1|USD",
    "tickReqParams": "81|9|0.01|9c0001|3",
    "tickNews": "84|9|1700000000000|BRFG|BRFG$1|words|",
    "headTimestamp": "88|9|19801212-14:30:00",
    "rerouteMktData": "91|9|265598|NASDAQ",
    "pnl": "94|9|1|2|3",
    "pnlSingle": "95|9|100|1|2|3|4",
    "historicalTicks": "96|9|1|1700000000|0|187.5|100|1",
    "historicalTicksLast": "98|9|1|1700000000|0|187.5|100|NYSE||1",
    "tickByTickLast": "99|9|1|1700000000|187.5|100|0|NYSE|",
    "tickByTickBidAsk": "99|9|3|1700000000|187.5|187.6|1|2|0",
    "tickByTickMidPoint": "99|9|4|1700000000|187.5",
    "orderBound": "100|912345678|101|41",
}
EDGES = [
    "", "-1", "0", "2147483647", "2147483648", "-2147483649", "4294967296", "9223372036854775807",
    "9223372036854775808", "-9223372036854775809", "18446744073709551616", str(2**70), "9" * 400,
    "1e308", "-1e308", "1e400", "nan", "-inf", "1.7976931348623157E308", "\\ud83d", "\u2066\x1b[2J",
]  # fmt: skip
CODEC = Codec(200)
AAPL = Instrument(265598, "AAPL", "STK", "NASDAQ", "USD", "AAPL", "NMS", 0.01, 265.18)


def decoded(payload: bytes) -> list[object]:
    """Ticks of the fast way, else the codec's events."""
    ticks: list[object] = []
    if take_ticks([payload], 0, ticks):  # pyright: ignore[reportArgumentType]
        return ticks
    return list(CODEC.decode(payload))


def whole(fields: list[str]) -> bytes:
    return "".join(field + "\0" for field in fields).encode()


@pytest.mark.parametrize("kind", KINDS)
def test_no_number_at_its_edge_makes_an_event_that_cannot_be_stored_or_sent(kind: str) -> None:
    plain = KINDS[kind].split("|")
    [first, *_] = decoded(whole(plain))
    assert not isinstance(first, FrameRejected), first
    set_aside = 0
    for at in range(1, len(plain)):
        for edge in EDGES:
            for event in decoded(whole([*plain[:at], edge, *plain[at + 1 :]])):
                if isinstance(event, FrameRejected):
                    set_aside += 1
                else:
                    msgspec.msgpack.encode(event)
    assert set_aside > 0


@given(st.sampled_from(sorted(KINDS)), st.data())
def test_any_strange_fields_together_do_no_more(kind: str, data: st.DataObject) -> None:
    plain = KINDS[kind].split("|")
    fields = [plain[0], *(data.draw(st.sampled_from([field, *EDGES])) for field in plain[1:])]
    for event in decoded(whole(fields)):
        if not isinstance(event, FrameRejected):
            msgspec.msgpack.encode(event)


@pytest.mark.parametrize("kind", [b"5", b"3", b"9", b"101", b"61", b"4", b"999", b"x"])
def test_millions_of_fields_break_the_stream_before_anything_is_split(kind: bytes) -> None:
    splitter = FrameSplitter()
    stream = frame(b"9\x001\x0042\x00") + frame(kind + b"\0" * 15_000_000)
    before = process_time()
    frames = [
        found for at in range(0, len(stream), 65_536) for found in splitter.feed(stream[at : at + 65_536])
    ]
    assert frames == [b"9\x001\x0042\x00"]
    assert splitter.broken is not None
    assert "more than" in splitter.broken
    assert process_time() - before < 1.0


@pytest.mark.parametrize(("kind", "fields"), [(b"5", 60_000), (b"17", 2_000_000), (b"83", 3_000_000)])
def test_too_many_fields_within_the_length_break_it_too(kind: bytes, fields: int) -> None:
    splitter = FrameSplitter()
    assert splitter.feed(frame(kind + b"\0" * fields)) == []
    assert splitter.broken is not None
    assert f"{fields:,} fields" in splitter.broken


REQ_ID, EMPTY_PART = b"\x08\x09", b"\x12\x00"
"""As protobuf: field 1 is the number 9, field 2 holds nothing."""


def protobuf(kind: int, body: bytes) -> bytes:
    return struct.pack("!I", 200 + kind) + body


@pytest.mark.parametrize(
    ("kind", "parts"), [(17, 8_000_000), (96, 2_000_000), (97, 2_000_000), (98, 2_000_000), (89, 2_000_000),
                        (75, 500_000), (106, 500_000), (93, 100_000), (79, 100_000), (85, 30_000)]
)  # fmt: skip
def test_millions_of_parts_of_protobuf_break_the_stream_before_they_are_parsed(kind: int, parts: int) -> None:
    splitter = FrameSplitter()
    splitter.raw_ids = True
    before = process_time()
    assert splitter.feed(frame(protobuf(kind, REQ_ID + EMPTY_PART * parts))) == []
    assert splitter.broken is not None
    assert "parts it may have" in splitter.broken
    assert process_time() - before < 1.0


@pytest.mark.parametrize(
    "body",
    [
        REQ_ID + (b"\x12\x30" + b"\x0a\x2e" + b"20260105 09:30:00 US/Eastern".ljust(46)) * 90_000,
        b"\x0a\xff\xff\xff\x04" + b"x" * 200_000,  # announces more than there is
        b"\x0b" * 100_000,  # a group, which nobody sends
        b"\xff" * 100_000,
        b"\x0d" + b"\0" * 99_999,
        REQ_ID + b"\x11" + b"\0" * 8 + b"\x12\x80\x80\x04" + b"x" * 65_536,
    ],
)
def test_a_day_of_bars_in_protobuf_passes_and_what_is_none_is_left_to_the_parser(body: bytes) -> None:
    splitter, payload = FrameSplitter(), protobuf(17, body)
    splitter.raw_ids = True
    assert (splitter.feed(frame(payload)), splitter.broken) == ([payload], None)


@pytest.mark.parametrize(
    "payload",
    [b"19\x001\x00" + b"<x/>" * 600_000 + b"\0", b"83\x009\x000\x00" + b"word " * 500_000 + b"\0",
     b"17\x009\x00100000" + b"\x001" * 800_000 + b"\0"],
)  # fmt: skip
def test_the_largest_honest_messages_pass_however_they_are_cut(payload: bytes) -> None:
    splitter, stream = FrameSplitter(), frame(payload)
    frames = [
        found for at in range(0, len(stream), 50_000) for found in splitter.feed(stream[at : at + 50_000])
    ]
    assert (frames, splitter.broken) == ([payload], None)


def test_the_kind_of_a_long_frame_is_waited_for() -> None:
    splitter = FrameSplitter()
    head = struct.pack("!I", 1_000_000)
    for byte in (*(head[i : i + 1] for i in range(4)), b"5", b"\0", b"1", b"\0", b"2", b"\0", b"3"):
        assert splitter.feed(byte) == []
        assert splitter.broken is None
    splitter.feed(b"\0")
    assert splitter.broken == (
        "a message of kind 5 of 1,000,000 bytes is announced, more than the 131,072 it may have"
    )


def test_messages_that_differ_everywhere_keep_nobody_learning_for_ever() -> None:
    contract = ContractSpec(symbol="AAPL", sec_type="STK", exchange="SMART", currency="USD")
    ticket = OrderTicket(
        order_id=7, contract=contract, action="BUY", quantity=Decimal(1), order_type="LMT", limit_price=1.0,
        tif="DAY", account="DU1", order_ref="alpha/7",
    )  # fmt: skip
    order = Order(700_000_000, 101, ticket, 265598, Status.SUBMITTED, 0)
    honest = order_messages.open_order(200, order, AAPL, 7, 101)[4:]
    answer, decodings = CODEC.decode(honest), 0

    def decode(_: bytes) -> list[Event]:
        nonlocal decodings
        decodings += 1
        return answer

    templates = OpenOrderTemplates(decode)
    width = honest.count(b"\0")
    most = 0
    for number in range(400):
        strange = [b"5", *(b"%d" % (number * 7 + at) for at in range(width - 1)), b""]
        before = decodings
        templates.decode(b"\0".join(strange[: width + 1 - number % 10]))
        most = max(most, decodings - before)
    assert 1 < most < 200
    assert 400 < decodings < 400 + MAX_PROBES * 15


def test_a_text_with_a_nul_which_only_protobuf_can_carry_is_set_aside() -> None:
    """In a topic it would cut the event in two."""
    kind: Any = import_module("ibapi.protobuf.AccountSummary_pb2")
    codec = Codec(225)
    for tag, believed in (("NetLiquidation", True), ("Net\0Liquidation", False)):
        summary = kind.AccountSummary(reqId=9, account="DU1", tag=tag, value="1", currency="USD")
        (event,) = codec.decode(protobuf(63, summary.SerializeToString()))
        assert isinstance(event, FrameRejected) is not believed, event


def test_what_ibapi_says_of_a_frame_with_a_wrong_number_of_fields_is_in_no_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A whole frame each time, past all bounds: 77 MB a minute."""
    (event,) = CODEC.decode(whole(["55", "1", "2", "3", "4"]))
    assert isinstance(event, FrameRejected)
    assert "number of fields" in event.reason
    assert caplog.records == []


@pytest.mark.parametrize("version", [200, HIGHEST_SERVER_VERSION])
@given(st.integers(0, 2**32))
def test_frames_of_every_kind_that_are_right_in_nothing_make_no_event_that_cannot_be_sent(
    version: int, seed: int
) -> None:
    random, codec = Random(seed), Codec(version)
    for payload in islice(hostile(random, [1, 9], protobuf=codec.raw_ids), 30):
        for event in codec.decode(codec.plain(payload[4:])):
            if not isinstance(event, FrameRejected):
                msgspec.msgpack.encode(event)


@pytest.mark.parametrize("raw_ids", [False, True])
def test_eight_megabytes_of_any_kind_are_split_or_refused_soon(raw_ids: bool) -> None:
    random, slowest = Random(7), 0.0
    for kind in (17, 19, *KINDS_OF_IBAPI[::10]):
        splitter = FrameSplitter()
        splitter.raw_ids = raw_ids
        began = process_time()
        splitter.feed(huge(random, kind, protobuf=raw_ids))
        splitter.feed(broken(random))
        slowest = max(slowest, process_time() - began)
    assert slowest < 3.0
