"""What IBKR's client writes is read to its end at every version; anything else is an error, no crash."""

from __future__ import annotations

import contextlib
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ibapi.client import EClient
from ibapi.contract import ComboLeg, Contract, DeltaNeutralContract
from ibapi.execution import ExecutionFilter
from ibapi.order import Order, OrderComboLeg
from ibapi.order_cancel import OrderCancel
from ibapi.order_condition import ExecutionCondition, PriceCondition, TimeCondition
from ibapi.scanner import ScannerSubscription
from ibapi.tag_value import TagValue
from ibapi.wrapper import EWrapper
from twsmq_simulator.errors import MalformedRequest
from twsmq_simulator.wire import requests as r
from twsmq_simulator.wire import versions as layout
from twsmq_simulator.wire.decode import READERS, decode
from twsmq_simulator.wire.fields import FieldReader
from twsmq_simulator.wire.framing import FrameSplitter

ODD = ["", "0", "1", "-1", "x", "nan", "inf", "1e308", "99999999999", "BAG", "LMT"]
VERSIONS = sorted({157, 200, *(v for v in vars(layout).values() if isinstance(v, int))})


class Capture:
    """Stands where the client's socket is and keeps what is sent."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def isConnected(self) -> bool:  # noqa: N802
        return True

    def sendMsg(self, message: bytes) -> None:  # noqa: N802
        self.sent.append(message)


def written(version: int, call: str, *arguments: Any) -> bytes:
    """The payload a client sends for a call at a version."""
    client: Any = EClient(EWrapper())
    capture = Capture()
    client.conn = capture
    client.setConnState(EClient.CONNECTED)
    client.serverVersion_ = version
    getattr(client, call)(*arguments)
    assert capture.sent, f"{call} was refused by the client at {version}"
    [message] = capture.sent
    return message[4:]


def read_completely(payload: bytes, version: int) -> r.Request:
    fields = FieldReader(payload, version)
    request = READERS[fields.integer()](fields)
    assert fields.remaining() == 0, (version, payload)
    return request


def contract(**more: Any) -> Contract:
    made = Contract()
    values = {"conId": 265598, "symbol": "AAPL", "secType": "STK", "exchange": "SMART", "currency": "USD"}
    for name, value in (values | more).items():
        setattr(made, name, value)
    return made


def bag() -> Contract:
    leg = ComboLeg()
    leg.conId, leg.ratio, leg.action, leg.exchange = 265598, 2, "SELL", "SMART"
    neutral = DeltaNeutralContract()
    neutral.conId, neutral.delta, neutral.price = 1, 0.5, 100.0
    return contract(secType="BAG", comboLegs=[leg, leg], deltaNeutralContract=neutral)


def everything() -> Order:
    """An order with every block of the message that has a condition of its own."""
    order: Any = Order()
    order.action, order.totalQuantity, order.orderType, order.lmtPrice = (
        "BUY",
        Decimal("1.5"),
        "PEG BENCH",
        10.5,
    )
    order.deltaNeutralOrderType = "MKT"
    order.scalePriceIncrement = 0.5
    order.hedgeType, order.hedgeParam = "P", "2"
    order.algoStrategy, order.algoParams = "Adaptive", [TagValue("adaptivePriority", "Normal")]
    leg = OrderComboLeg()
    leg.price = 1.25
    order.orderComboLegs = [leg, leg]
    order.smartComboRoutingParams = [TagValue("NonGuaranteed", "1")]
    price, time, execution = PriceCondition(), TimeCondition(), ExecutionCondition()
    price.conId, price.exchange, price.price, price.isMore = 265598, "SMART", 300.0, True
    price.triggerMethod, time.isMore = 0, True
    time.time = "20260415 12:00:00 US/Eastern"
    execution.secType, execution.exchange, execution.symbol = "STK", "SMART", "AAPL"
    order.conditions = [price, time, execution]
    order.referenceExchangeId, order.peggedChangeAmount, order.referenceChangeAmount = "ISLAND", 0.1, 0.2
    order.referenceContractId, order.isPeggedChangeAmountDecrease = 265598, True
    return order


PEG_BEST = Order()
PEG_BEST.action, PEG_BEST.totalQuantity, PEG_BEST.orderType = "BUY", Decimal(1), "PEG BEST"
PEG_BEST.competeAgainstBestOffset = float("inf")
PEG_BEST.midOffsetAtWhole, PEG_BEST.midOffsetAtHalf = 0.5, 0.25

CALLS: dict[str, tuple[Any, ...]] = {
    "placeOrder": (7, contract(), Order()),
    "cancelOrder": (7, OrderCancel()),
    "reqGlobalCancel": (OrderCancel(),),
    "reqOpenOrders": (),
    "reqAllOpenOrders": (),
    "reqAutoOpenOrders": (True,),
    "reqCompletedOrders": (True,),
    "reqExecutions": (1, ExecutionFilter()),
    "reqIds": (1,),
    "reqManagedAccts": (),
    "reqCurrentTime": (),
    "setServerLogLevel": (5,),
    "reqAccountUpdates": (True, "DU1"),
    "reqAccountUpdatesMulti": (1, "DU1", "", True),
    "reqAccountSummary": (1, "All", "NetLiquidation"),
    "reqPositions": (),
    "reqPositionsMulti": (1, "DU1", ""),
    "reqPnL": (1, "DU1", ""),
    "reqPnLSingle": (1, "DU1", "", 265598),
    "reqContractDetails": (1, contract()),
    "reqSecDefOptParams": (1, "AAPL", "", "STK", 265598),
    "reqMatchingSymbols": (1, "AA"),
    "reqMarketRule": (26,),
    "reqSmartComponents": (1, "9c0001"),
    "reqMktDepthExchanges": (),
    "reqMarketDataType": (3,),
    "reqMktData": (1, contract(), "233", False, False, []),
    "cancelMktData": (1,),
    "reqTickByTickData": (1, contract(), "BidAsk", 0, True),
    "reqHistoricalData": (1, contract(), "", "1 D", "1 min", "TRADES", 1, 1, True, []),
    "cancelHistoricalData": (1,),
    "reqHeadTimeStamp": (1, contract(), "TRADES", 1, 1),
    "reqHistogramData": (1, contract(), True, "1 week"),
    "calculateOptionPrice": (1, contract(), 0.3, 100.0, []),
    "reqScannerParameters": (),
    "reqNewsProviders": (),
    "requestFA": (1,),
    "reqSoftDollarTiers": (1,),
    "reqFamilyCodes": (),
    "queryDisplayGroups": (1,),
    "subscribeToGroupEvents": (1, 2),
}
# Fields after the last one that matters: message versions, tagging, options nobody sets.
IGNORED = {
    "cancelOrder": 3,
    "reqGlobalCancel": 2,
    "reqOpenOrders": 1,
    "reqAllOpenOrders": 1,
    "reqIds": 2,
    "reqManagedAccts": 1,
    "reqCurrentTime": 1,
    "reqPositions": 1,
    "reqMktData": 1,
    "reqHistoricalData": 1,
    "calculateOptionPrice": 1,
    "reqScannerParameters": 1,
}
# The readers below stop at the last field that matters; what follows is options nobody sets.
WITH_OPTIONS: dict[str, tuple[Any, ...]] = {
    "reqMktDepth": (1, contract(), 5, True, []),
    "cancelMktDepth": (1, True),
    "reqRealTimeBars": (1, contract(), 5, "TRADES", True, []),
    "reqHistoricalTicks": (1, contract(), "", "20260415 12:00:00", 10, "TRADES", 1, True, []),
    "reqScannerSubscription": (1, ScannerSubscription(), [], []),
    "reqNewsArticle": (1, "BRFG", "BRFG$1", []),
    "reqHistoricalNews": (1, 265598, "BRFG", "", "", 10, []),
}


@pytest.mark.parametrize("call", [*CALLS, *WITH_OPTIONS])
def test_a_request_is_read_to_its_end(call: str) -> None:
    for version in VERSIONS:
        if call in WITH_OPTIONS:
            decode(written(version, call, *WITH_OPTIONS[call]), version)
            continue
        fields = FieldReader(written(version, call, *CALLS[call]), version)
        assert isinstance(READERS[fields.integer()](fields), r.Request)
        left = [fields.text() for _ in range(fields.remaining())]
        assert len(left) <= IGNORED.get(call, 0), (version, left)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_longest_order_is_read_to_its_end(version: int) -> None:
    for made in (everything(), *([PEG_BEST] if version >= layout.PEG_OFFSETS else [])):
        request = read_completely(written(version, "placeOrder", 42, bag(), made), version)
        assert isinstance(request, r.PlaceOrder)
        ticket = request.ticket
        assert (ticket.order_id, ticket.order_type) == (42, made.orderType)
        assert [leg.action for leg in ticket.contract.legs] == ["SELL", "SELL"]
        assert ticket.contract.delta_neutral is not None
    request = read_completely(written(version, "placeOrder", 42, bag(), everything()), version)
    assert isinstance(request, r.PlaceOrder)
    ticket = request.ticket
    assert ticket.quantity == Decimal("1.5")
    assert ticket.leg_prices == (1.25, 1.25)
    assert ticket.algo_params == (("adaptivePriority", "Normal"),)
    assert [c.kind for c in ticket.conditions] == [1, 3, 5]
    assert ticket.conditions[0].value == "300.0"
    assert ticket.hedge_param == "2"


@settings(max_examples=300, deadline=None)
@given(payload=st.binary(max_size=200), version=st.sampled_from(VERSIONS))
def test_any_bytes_are_a_request_or_an_error(payload: bytes, version: int) -> None:
    with contextlib.suppress(MalformedRequest):
        assert isinstance(decode(payload, version), r.Request)


@settings(max_examples=500, deadline=None)
@given(
    kind=st.sampled_from(sorted(READERS)),
    fields=st.lists(st.sampled_from(ODD), max_size=130),
    version=st.sampled_from(VERSIONS),
)
def test_any_fields_are_a_request_or_an_error(kind: int, fields: list[str], version: int) -> None:
    with contextlib.suppress(MalformedRequest):
        decode("\0".join([str(kind), *fields, ""]).encode(), version)


@settings(deadline=None)
@given(data=st.lists(st.binary(max_size=40), max_size=20))
def test_any_bytes_in_any_pieces_are_framed_or_refused(data: list[bytes]) -> None:
    splitter = FrameSplitter()
    greeted = False
    try:
        for piece in data:
            splitter.feed(piece)
            greeted = greeted or splitter.version_range() is not None
            while greeted and splitter.payload() is not None:
                pass
    except MalformedRequest:
        pass


@given(cuts=st.lists(st.integers(1, 60), max_size=8))
def test_frames_do_not_depend_on_the_pieces(cuts: list[int]) -> None:
    stream = b"API\0\x00\x00\x00\x09v157..200" + b"\x00\x00\x00\x05" + b"49\x001\x00" + b"\x00\x00\x00\x00"
    splitter = FrameSplitter()
    found: list[object] = []
    rest = stream
    for cut in [*cuts, len(stream)]:
        splitter.feed(rest[:cut])
        rest = rest[cut:]
        if not found and (offered := splitter.version_range()) is not None:
            found.append((offered.lowest, offered.highest))
        while found and (payload := splitter.payload()) is not None:
            found.append(payload)
    assert found == [(157, 200), b"49\x001\x00", b""]
