"""Sessions above server version 200: frames captured from gateways of 204, 208 and 225 become the same events
as their text twins, and requests the bytes that were captured. A twin is written here from the fields of the
captured message, by the layout of text at version 200.
"""

from __future__ import annotations

import base64
import importlib
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from twsmq_nodes.tws import events as ev
from twsmq_nodes.tws import reference_requests as ref
from twsmq_nodes.tws import requests as rq
from twsmq_nodes.tws import stream_requests as streams
from twsmq_nodes.tws.adapter import HIGHEST_SERVER_VERSION, Codec
from twsmq_nodes.tws.contracts import Contract
from twsmq_nodes.tws.framing import FrameSplitter, frame
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
            return text(
                59, 1, m.execId, m.commissionAndFees, m.currency, m.realizedPNL, m.bondYield,
                m.yieldRedemptionDate or 0,
            )  # fmt: skip
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
    bars = b"\0\0\0\xd9" + b"\0" * 3_000_000
    assert splitter.feed(frame(bars)) == [bars]
    splitter.feed(frame(b"\0\0\0\xcd" + b"\0" * 3_000_000))
    assert splitter.broken is not None
    assert "kind 5 " in splitter.broken
