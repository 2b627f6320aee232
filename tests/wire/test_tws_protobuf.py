"""Sessions above server version 200: frames captured from gateways of 204, 208 and 225 become the same events
as their text twins, and requests the bytes that were captured. A twin is written here from the fields of the
captured message, by the layout of text at version 200.
"""

from __future__ import annotations

import base64
import importlib
import inspect
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from msgspec import Struct
from twsmq_nodes.tws import events as ev
from twsmq_nodes.tws import reference_requests as ref
from twsmq_nodes.tws import requests as rq
from twsmq_nodes.tws import stream_requests as streams
from twsmq_nodes.tws.adapter import HIGHEST_SERVER_VERSION, Codec
from twsmq_nodes.tws.contracts import Contract, ContractInfo
from twsmq_nodes.tws.framing import FrameSplitter, frame
from twsmq_nodes.tws.orders import OrderView
from twsmq_nodes.tws.reference_events import HistoricalBars
from twsmq_nodes.tws.ticks import Tick, take_ticks, tick_of

CAPTURES = Path(__file__).parents[3] / "shared" / "tws" / "recordings" / "more" / "v204_208_225_protobuf"
AAPL = Contract(265598, "AAPL", "STK", exchange="SMART", currency="USD")
TEXT = Codec(200)

newest = pytest.mark.skipif(HIGHEST_SERVER_VERSION < 225, reason="the installed ibapi speaks less than 225")
captured = pytest.mark.skipif(not CAPTURES.is_dir(), reason="the captures are not part of the repository")


def conversations() -> Iterator[tuple[Codec, list[bytes], list[bytes]]]:
    """Of each file: a codec of its version, the server's payloads and the client's frames."""
    for file in sorted(CAPTURES.glob("*.txt")):
        lines = file.read_text().splitlines()
        version = next(json.loads(line[10:]) for line in lines if line.startswith("handshake"))
        raw = [line.split() for line in lines if line.startswith("raw")]
        yield (
            Codec(version["server_version"]),
            [base64.b64decode(words[2])[4:] for words in raw if words[1] == "server"],
            [base64.b64decode(words[2]) for words in raw if words[1] == "client"],
        )


def parsed(name: str, payload: bytes) -> Any:
    """The captured message, read without the decoder under test."""
    message: Any = getattr(importlib.import_module(f"ibapi.protobuf.{name}_pb2"), name)()
    message.ParseFromString(payload[4:])
    return message


def text(*fields: object) -> list[ev.Event]:
    return TEXT.decode("".join(f"{field}\0" for field in fields).encode())


def twin(kind: int, payload: bytes) -> list[ev.Event] | None:  # noqa: C901  a table of kinds
    """What the same message in text becomes; None where no twin is written."""
    match kind:
        case 3:
            m = parsed("OrderStatus", payload)
            return text(
                3, m.orderId, m.status, m.filled, m.remaining, m.avgFillPrice, m.permId, m.parentId,
                m.lastFillPrice, m.clientId, m.whyHeld, m.mktCapPrice,
            )  # fmt: skip
        case 4:
            m = parsed("ErrorMessage", payload)
            return text(4, m.id, m.errorCode, m.errorMsg, m.advancedOrderRejectJson, m.errorTime)
        case 9:
            return text(9, 1, parsed("NextValidId", payload).orderId)
        case 15:
            return text(15, 1, parsed("ManagedAccounts", payload).accountsList)
        case 49:
            return text(49, 1, parsed("CurrentTime", payload).currentTime)
        case 53:
            return text(53, 1)
        case 55:
            return text(55, 1, parsed("ExecutionDetailsEnd", payload).reqId)
        case 57:
            return text(57, 1, parsed("TickSnapshotEnd", payload).reqId)
        case 58:
            m = parsed("MarketDataType", payload)
            return text(58, 1, m.reqId, m.marketDataType)
        case 59:
            m = parsed("CommissionAndFeesReport", payload)
            # an opening trade has none, which text says by the largest number
            gained = m.realizedPNL if m.HasField("realizedPNL") else sys.float_info.max
            earned = m.bondYield if m.HasField("bondYield") else sys.float_info.max
            return text(
                59, 1, m.execId, m.commissionAndFees, m.currency, gained, earned, m.yieldRedemptionDate or 0
            )
        case 81:
            m = parsed("TickReqParams", payload)
            return text(81, m.reqId, m.minTick, m.bboExchange, m.snapshotPermissions)
        case 2:
            m = parsed("TickSize", payload)
            return text(2, 6, m.reqId, m.tickType, m.size)
        case 46:
            m = parsed("TickString", payload)
            return text(46, 6, m.reqId, m.tickType, m.value)
        case 1:
            m = parsed("TickPrice", payload)
            return text(1, 6, m.reqId, m.tickType, m.price, m.size, m.attrMask)
        case 102:
            return text(102)
        case _:
            return None


@newest
@captured
def test_every_captured_frame_becomes_the_event_of_its_text_twin() -> None:
    twins: Counter[int] = Counter()
    others: Counter[str] = Counter()
    for codec, payloads, _ in conversations():
        for payload in payloads:
            events = codec.decode(codec.plain(payload))
            assert events
            assert not any(isinstance(event, ev.FrameRejected | ev.Unhandled) for event in events), events
            message_id = int.from_bytes(payload[:4], "big")
            expected = twin(message_id - 200, payload) if message_id > 200 else None
            if expected is None:
                others.update(type(event).__name__ for event in events)
            else:
                assert events == expected
                twins[message_id - 200] += 1
    assert set(twins) == {1, 2, 3, 4, 9, 15, 46, 49, 53, 55, 57, 58, 59, 81, 102}
    assert sum(twins.values()) > 150
    assert set(others) == {
        "CompletedOrder", "ExecDetails", "HistoricalBars", "HistoricalBarsEnd", "ManagedAccounts",
        "NextValidId", "OpenOrder",
    }  # fmt: skip


@newest
@captured
def test_orders_fills_and_bars_hold_what_was_captured() -> None:
    seen: Counter[str] = Counter()
    for codec, payloads, _ in conversations():
        for payload in payloads:
            for event in codec.decode(codec.plain(payload)):
                seen[type(event).__name__] += 1
                match event:
                    case ev.OpenOrder():
                        m = parsed("OpenOrder", payload)
                        assert (event.order_id, event.contract.con_id) == (m.orderId, m.contract.conId)
                        assert event.order.perm_id == m.order.permId
                        assert event.order.action == m.order.action
                        assert event.order.total_quantity == float(m.order.totalQuantity)
                        assert event.order.order_type == m.order.orderType
                        assert event.order.order_ref == m.order.orderRef
                        limit = m.order.lmtPrice if m.order.HasField("lmtPrice") else None
                        assert event.order.limit_price == limit
                        assert event.state.status == m.orderState.status
                    case ev.ExecDetails():
                        m = parsed("ExecutionDetails", payload)
                        execution = event.execution
                        assert (event.req_id, execution.exec_id) == (m.reqId, m.execution.execId)
                        assert (execution.shares, execution.price) == (
                            float(m.execution.shares),
                            m.execution.price,
                        )
                        assert execution.perm_id == m.execution.permId
                    case HistoricalBars():
                        m = parsed("HistoricalData", payload)
                        bars = m.historicalDataBars
                        assert [bar.date for bar in event.bars] == [bar.date for bar in bars]
                        assert [bar.close for bar in event.bars] == [bar.close for bar in bars]
                        assert [bar.volume for bar in event.bars] == [float(bar.volume) for bar in bars]
                    case _:
                        pass
    assert min(seen["OpenOrder"], seen["ExecDetails"], seen["HistoricalBars"]) >= 1


@newest
@captured
def test_requests_are_the_captured_bytes() -> None:
    sent = {found for _, _, frames in conversations() for found in frames}
    codec = Codec(225)
    requests: list[rq.Request] = [
        streams.ReqMarketDataType(1),
        streams.ReqMarketDataType(3),
        streams.ReqMktData(1, AAPL, snapshot=True),
        streams.ReqMktData(2, AAPL, snapshot=True),
        streams.ReqMktData(1, AAPL),
        streams.CancelMktData(1),
        rq.ReqCurrentTime(),
        rq.GlobalCancel(),
        rq.CancelOrder(515),
        rq.CancelOrder(516),
        rq.CancelOrder(684),
        rq.ReqCompletedOrders(),
        ref.ReqHistoricalData(1, AAPL, "", "1 D", "1 hour", "TRADES", use_rth=1, format_date=1),
    ]
    for request in requests:
        assert codec.encode(request) in sent, request


@newest
def test_text_within_a_session_with_raw_ids_takes_the_usual_way() -> None:
    codec = Codec(203)
    plain = codec.plain(b"\0\0\0\x01" + b"6\x009\x001\x00187.5\x00100\x001\x00")
    ticks: list[Tick] = []
    assert take_ticks([plain], 0, ticks) == 1
    assert ticks == [(9, 1, 187.5, 1), (9, 0, 100.0, 0)]
    assert codec.decode(codec.plain(b"\0\0\0\x09" + b"1\x0042\x00")) == [ev.NextValidId(42)]
    assert tick_of(ev.NextValidId(42)) is None


@newest
@pytest.mark.parametrize(
    "payload", [b"", b"\0", b"\0\0\0\xcb\xff\xff", b"\0\0\x03\xe8", b"\0\0\0\xc9", b"\xff" * 9]
)
def test_what_is_no_message_is_set_aside(payload: bytes) -> None:
    codec = Codec(225)
    for event in codec.decode(codec.plain(payload)):
        assert isinstance(event, ev.FrameRejected | ev.TickPrice)


def test_long_frames_are_bounded_by_their_kind_with_raw_ids_too() -> None:
    splitter = FrameSplitter()
    splitter.raw_ids = True
    bars = b"\0\0\0\xd9" + b"\x0a\xc0\x8d\xb7\x01" + b"\0" * 3_000_000  # one part, of 3,000,000 bytes
    assert splitter.feed(frame(bars)) == [bars]
    splitter.feed(frame(b"\0\0\0\xcd" + b"\0" * 3_000_000))
    assert splitter.broken is not None
    assert "kind 5 " in splitter.broken


# -- what is not there


def kinds() -> Iterator[tuple[int, str, Any]]:
    """Of every protobuf message that the installed ibapi reads: its id, what reads it, its class."""
    decoder = importlib.import_module("ibapi.decoder")
    table: dict[int, Any] = getattr(decoder.Decoder, "msgId2handleInfoProtoBuf", {})
    for kind, handled in table.items():
        found = re.search(r"= (\w+)\(\)\n\s+\w+\.ParseFromString", inspect.getsource(handled.processMeth))
        if found is not None and found[1] not in ("ConfigResponseProto", "UpdateConfigResponseProto"):
            yield kind, handled.processMeth.__name__, getattr(decoder, found[1])


def built(message: Any, text: str | None, depth: int = 0) -> Any:
    """The message with all its parts, one row to each list, and `text` in all its texts."""
    for field in message.DESCRIPTOR.fields:
        part = getattr(message, field.name)
        repeated = not field.has_presence
        if field.message_type is None:
            if text is not None and not repeated and field.type == field.TYPE_STRING:
                setattr(message, field.name, text)
        elif depth < 4 and not field.message_type.GetOptions().map_entry and field.name != "conditions":
            if not repeated:
                part.SetInParent()
            built(part.add() if repeated else part, text, depth + 1)
    return message


def rows(value: Any) -> list[Any]:
    return list(cast("tuple[Any, ...]", value)) if isinstance(value, tuple) else [value]


def numbers(struct: Struct) -> Iterator[tuple[str, object]]:
    """All floats of an event and its parts; those of a contract or an order are ibapi's defaults."""
    for field in struct.__struct_fields__:
        value: Any = getattr(struct, field)
        for each in rows(value):
            yield from ((field, cell) for cell in rows(each) if isinstance(cell, float))
            if isinstance(each, Struct) and not isinstance(each, Contract | ContractInfo | OrderView):
                yield from numbers(each)


def read(kind: int, message: Any) -> list[ev.Event]:
    return Codec(HIGHEST_SERVER_VERSION).decode((kind + 200).to_bytes(4, "big") + message.SerializeToString())


TICK_BY_TICK = {1: "historicalTickLast", 3: "historicalTickBidAsk", 4: "historicalTickMidPoint"}


@newest
def test_what_a_message_leaves_out_its_event_leaves_out_whatever_the_message() -> None:
    seen = 0
    for kind, name, make in kinds():
        for tick_type, part in TICK_BY_TICK.items() if kind == 99 else ((None, None),):
            absent, empty = built(make(), None), built(make(), "")
            if part is not None:  # one of three, of which the last one built is there
                absent.tickType = empty.tickType = tick_type
                getattr(absent, part).SetInParent()
                built(getattr(empty, part), "")
            events = read(kind, absent)
            assert not any(isinstance(event, ev.FrameRejected) for event in events), (name, events)
            assert [found for event in events for found in numbers(event)] == [], name
            assert read(kind, empty) == events, f"{name}: an empty text is none"
            seen += 1
    assert seen > 70


def new(name: str, **fields: Any) -> Any:
    return getattr(importlib.import_module(f"ibapi.protobuf.{name}_pb2"), name)(**fields)


@newest
def test_a_price_without_its_size_is_a_price() -> None:
    """It was rejected whole: `Decimal("")` is none."""
    for kind, message in (
        (1, new("TickPrice", reqId=7, tickType=1, price=187.5, size="")),
        (1, new("TickPrice", reqId=7, tickType=1, price=187.5)),
    ):
        assert read(kind, message) == [ev.TickPrice(7, 1, 187.5, 0), ev.TickSize(7, 0, None)]
    assert read(2, new("TickSize", reqId=7, tickType=8, size="")) == [ev.TickSize(7, 8, None)]


@newest
def test_a_profit_that_is_not_known_yet_is_none() -> None:
    (report,) = read(59, new("CommissionAndFeesReport", execId="0001.01", commissionAndFees=1.0))
    assert isinstance(report, ev.CommissionReport)
    assert (report.commission, report.realized_pnl, report.yield_) == (1.0, None, None)
    (zero,) = read(59, new("CommissionAndFeesReport", execId="0001.01", realizedPNL=0.0))
    assert isinstance(zero, ev.CommissionReport)
    assert zero.realized_pnl == 0.0, "what is said to be nothing is not unknown"


@newest
def test_an_error_that_names_no_request_is_about_none() -> None:
    (error,) = read(4, new("ErrorMessage", errorCode=1100, errorMsg="lost"))
    assert isinstance(error, ev.GatewayError)
    assert error.req_id == -1


@newest
def test_the_exchanges_behind_smart_are_read_from_protobuf_too() -> None:
    part = new("SmartComponent", bitNumber=3, exchange="NYSE", exchangeLetter="N")
    found = read(82, new("SmartComponents", reqId=7, smartComponents=[part]))
    assert found == text(82, 7, 1, 3, "NYSE", "N")
