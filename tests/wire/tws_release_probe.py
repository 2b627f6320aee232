"""Run in a process of its own with one ibapi release on the path: says what that release makes of the same
requests and frames, through our adapter and through its own stock client on a real socket. JSON on stdout."""

from __future__ import annotations

import json
import socket
import sys
import threading
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
from ibapi import order_condition
from ibapi.client import EClient
from ibapi.contract import ComboLeg, Contract
from ibapi.execution import ExecutionFilter
from ibapi.order import Order
from ibapi.scanner import ScannerSubscription
from ibapi.server_versions import MAX_CLIENT_VER
from ibapi.tag_value import TagValue
from ibapi.wrapper import EWrapper
from twsmq_nodes.tws import reference_requests as ref
from twsmq_nodes.tws import requests as rq
from twsmq_nodes.tws import stream_requests as streams
from twsmq_nodes.tws.adapter import Codec
from twsmq_nodes.tws.contracts import ComboLeg as OurLeg
from twsmq_nodes.tws.contracts import Contract as OurContract
from twsmq_nodes.tws.framing import FrameSplitter, frame
from twsmq_nodes.tws.orders import Condition, OrderFields
from twsmq_nodes.tws.orders import ExecutionFilter as OurFilter

try:
    from ibapi.order_cancel import OrderCancel
except ImportError:
    OrderCancel = None


def stock(symbol: str = "AAPL") -> Contract:
    contract = Contract()
    contract.symbol, contract.secType, contract.exchange, contract.currency = symbol, "STK", "SMART", "USD"
    contract.primaryExchange = "NASDAQ"
    return contract


def option() -> Contract:
    contract = Contract()
    contract.symbol, contract.secType, contract.exchange, contract.currency = "SPX", "OPT", "CBOE", "USD"
    contract.lastTradeDateOrContractMonth, contract.strike, contract.right = "20261218", 5000.0, "C"
    contract.multiplier, contract.tradingClass = "100", "SPXW"
    return contract


def spread() -> Contract:
    contract = Contract()
    contract.symbol, contract.secType, contract.exchange, contract.currency = "SPX", "BAG", "SMART", "USD"
    contract.comboLegs = []
    for con_id, action in ((11, "BUY"), (12, "SELL")):
        leg = ComboLeg()
        leg.conId, leg.ratio, leg.action, leg.exchange = con_id, 1, action, "SMART"
        contract.comboLegs.append(leg)
    return contract


def order(kind: str, quantity: int, **more: Any) -> Order:
    wanted: Any = Order()
    wanted.action, wanted.totalQuantity, wanted.orderType = "BUY", quantity, kind
    wanted.tif, wanted.account, wanted.orderRef = "DAY", "DU1", "alpha/alpha-1"
    for retired in ("eTradeOnly", "firmQuoteOnly"):  # 9.81: the gateway refuses orders with its defaults
        if hasattr(wanted, retired):
            setattr(wanted, retired, False)
    for name, value in more.items():
        setattr(wanted, name, value)
    return wanted


def at_price() -> Any:
    condition: Any = order_condition.Create(1)
    condition.isMore, condition.conId, condition.exchange = True, 265598, "SMART"
    condition.price, condition.triggerMethod, condition.isConjunctionConnection = 200.0, 2, False
    return condition


def cancel(client: Any) -> None:
    try:
        client.cancelOrder(7, OrderCancel() if OrderCancel else "")
    except TypeError:
        client.cancelOrder(7)


def global_cancel(client: Any) -> None:
    try:
        client.reqGlobalCancel(OrderCancel() if OrderCancel else None)
    except TypeError:
        client.reqGlobalCancel()


def filtered() -> ExecutionFilter:
    wanted = ExecutionFilter()
    wanted.clientId, wanted.acctCode, wanted.time = 101, "DU1", "20260105-09:30:00"
    return wanted


def gainers() -> ScannerSubscription:
    scan = ScannerSubscription()
    scan.instrument, scan.locationCode, scan.scanCode = "STK", "STK.US.MAJOR", "TOP_PERC_GAIN"
    scan.numberOfRows, scan.abovePrice, scan.aboveVolume = 10, 5.0, 1000
    return scan


OUR_STOCK = OurContract(
    symbol="AAPL", sec_type="STK", exchange="SMART", currency="USD", primary_exchange="NASDAQ"
)
OUR_OPTION = OurContract(
    symbol="SPX", sec_type="OPT", exchange="CBOE", currency="USD", expiry="20261218", strike=5000.0,
    right="C", multiplier="100", trading_class="SPXW",
)  # fmt: skip
OUR_SPREAD = OurContract(
    symbol="SPX", sec_type="BAG", exchange="SMART", currency="USD",
    combo_legs=(OurLeg(11, 1, "BUY", "SMART"), OurLeg(12, 1, "SELL", "SMART")),
)  # fmt: skip


def our_order(kind: str, quantity: float, **more: Any) -> OrderFields:
    return OrderFields("BUY", quantity, kind, tif="DAY", account="DU1", order_ref="alpha/alpha-1", **more)


PRICE = Condition(
    1, False, {"isMore": True, "conId": 265598, "exchange": "SMART", "price": 200.0, "triggerMethod": 2}
)
URGENT = ("adaptivePriority", "Urgent")
LOOSE = ("NonGuaranteed", "1")
EXTRA = {"blockOrder": True, "delta": 0.5}
CASES: dict[str, tuple[rq.Request, Callable[[Any], None]]] = {
    "current time": (rq.ReqCurrentTime(), lambda c: c.reqCurrentTime()),
    "ids": (rq.ReqIds(), lambda c: c.reqIds(1)),
    "contract details": (ref.ReqContractDetails(3, OUR_STOCK), lambda c: c.reqContractDetails(3, stock())),
    "option details": (ref.ReqContractDetails(3, OUR_OPTION), lambda c: c.reqContractDetails(3, option())),
    "market data": (
        streams.ReqMktData(4, OUR_STOCK, "233,236"),
        lambda c: c.reqMktData(4, stock(), "233,236", False, False, []),
    ),
    "combo market data": (
        streams.ReqMktData(4, OUR_SPREAD),
        lambda c: c.reqMktData(4, spread(), "", False, False, []),
    ),
    "cancel market data": (streams.CancelMktData(4), lambda c: c.cancelMktData(4)),
    "tick by tick": (
        streams.ReqTickByTick(5, OUR_STOCK, "BidAsk"),
        lambda c: c.reqTickByTickData(5, stock(), "BidAsk", 0, False),
    ),
    "depth": (streams.ReqDepth(6, OUR_STOCK, 5, True), lambda c: c.reqMktDepth(6, stock(), 5, True, [])),
    "cancel depth": (streams.CancelDepth(6, True), lambda c: c.cancelMktDepth(6, True)),
    "real-time bars": (
        streams.ReqRealTimeBars(8, OUR_STOCK, 5, "TRADES", True),
        lambda c: c.reqRealTimeBars(8, stock(), 5, "TRADES", True, []),
    ),
    "history": (
        ref.ReqHistoricalData(9, OUR_OPTION, "20260105-09:30:00", "1 D", "1 min", "TRADES", 1, 2, False),
        lambda c: c.reqHistoricalData(
            9, option(), "20260105-09:30:00", "1 D", "1 min", "TRADES", 1, 2, False, []
        ),
    ),
    "limit order": (
        rq.PlaceOrder(7, OUR_STOCK, our_order("LMT", 100, limit_price=187.25)),
        lambda c: c.placeOrder(7, stock(), order("LMT", 100, lmtPrice=187.25)),
    ),
    "market order": (
        rq.PlaceOrder(8, OUR_OPTION, our_order("MKT", 1.0)),
        lambda c: c.placeOrder(8, option(), order("MKT", 1)),
    ),
    "child stop": (
        rq.PlaceOrder(9, OUR_STOCK, our_order("STP", 100, aux_price=180.0, parent_id=7, transmit=False)),
        lambda c: c.placeOrder(9, stock(), order("STP", 100, auxPrice=180.0, parentId=7, transmit=False)),
    ),
    "algo order": (
        rq.PlaceOrder(
            7, OUR_STOCK,
            our_order("LMT", 5, limit_price=1.5, algo_strategy="Adaptive", algo_params=(URGENT,)),
        ),
        lambda c: c.placeOrder(
            7, stock(),
            order("LMT", 5, lmtPrice=1.5, algoStrategy="Adaptive", algoParams=[TagValue(*URGENT)]),
        ),
    ),
    "conditional order": (
        rq.PlaceOrder(7, OUR_STOCK, our_order("LMT", 5, limit_price=1.5, conditions=(PRICE,))),
        lambda c: c.placeOrder(7, stock(), order("LMT", 5, lmtPrice=1.5, conditions=[at_price()])),
    ),
    "order with an extra": (
        rq.PlaceOrder(7, OUR_STOCK, our_order("LMT", 5, limit_price=1.5, extra=EXTRA)),
        lambda c: c.placeOrder(7, stock(), order("LMT", 5, lmtPrice=1.5, blockOrder=True, delta=0.5)),
    ),
    "combo order": (
        rq.PlaceOrder(
            7, OUR_SPREAD,
            our_order("LMT", 1, limit_price=-1.5, smart_combo_routing_params=(LOOSE,)),
        ),
        lambda c: c.placeOrder(
            7, spread(), order("LMT", 1, lmtPrice=-1.5, smartComboRoutingParams=[TagValue(*LOOSE)])
        ),
    ),
    "cancel order": (rq.CancelOrder(7), cancel),
    "global cancel": (rq.GlobalCancel(), global_cancel),
    "open orders": (rq.ReqAllOpenOrders(), lambda c: c.reqAllOpenOrders()),
    "executions": (rq.ReqExecutions(3), lambda c: c.reqExecutions(3, ExecutionFilter())),
    "filtered executions": (
        rq.ReqExecutions(3, OurFilter(client_id=101, acct_code="DU1", time="20260105-09:30:00")),
        lambda c: c.reqExecutions(3, filtered()),
    ),
    "completed orders": (rq.ReqCompletedOrders(), lambda c: c.reqCompletedOrders(False)),
    "positions": (rq.ReqPositions(), lambda c: c.reqPositions()),
    "account summary": (
        rq.ReqAccountSummary(3, "All", "NetLiquidation,BuyingPower"),
        lambda c: c.reqAccountSummary(3, "All", "NetLiquidation,BuyingPower"),
    ),
    "account updates": (rq.ReqAccountUpdates(True, "DU1"), lambda c: c.reqAccountUpdates(True, "DU1")),
    "pnl single": (rq.ReqPnLSingle(3, "DU1", "", 265598), lambda c: c.reqPnLSingle(3, "DU1", "", 265598)),
    "option chain": (
        ref.ReqSecDefOptParams(3, "SPX", "", "IND", 416904),
        lambda c: c.reqSecDefOptParams(3, "SPX", "", "IND", 416904),
    ),
    "matching symbols": (ref.ReqMatchingSymbols(3, "app"), lambda c: c.reqMatchingSymbols(3, "app")),
    "head timestamp": (
        ref.ReqHeadTimestamp(3, OUR_STOCK, "TRADES"),
        lambda c: c.reqHeadTimeStamp(3, stock(), "TRADES", 1, 1),
    ),
    "scanner": (
        ref.ReqScanner(3, "STK", "STK.US.MAJOR", "TOP_PERC_GAIN", 10, above_price=5.0, above_volume=1000),
        lambda c: c.reqScannerSubscription(3, gainers(), [], []),
    ),
    "news": (
        ref.ReqHistoricalNews(3, 265598, "BRFG", "", "", 10),
        lambda c: c.reqHistoricalNews(3, 265598, "BRFG", "", "", 10, []),
    ),
}  # fmt: skip


@contextmanager
def stock_client(version: int) -> Iterator[tuple[EClient, Callable[[], bytes]]]:
    """IBKR's own client, connected over a socket, and what arrives there, one message at a time."""
    listener = socket.create_server(("127.0.0.1", 0))
    arrived: list[socket.socket] = []

    def accept() -> None:
        arrived.append(listener.accept()[0])
        arrived[0].sendall(frame(b"%d\x0020260105 09:30:00 UTC\x00" % version))

    accepting = threading.Thread(target=accept)
    accepting.start()
    client = EClient(EWrapper())
    client.connect("127.0.0.1", listener.getsockname()[1], 101)
    accepting.join(5)
    peer, splitter, waiting = arrived[0], FrameSplitter(), []
    peer.settimeout(5)
    greeting = b""
    while len(greeting) < 8 or len(greeting) < 8 + int.from_bytes(greeting[4:8], "big"):
        greeting += peer.recv(4096)
    waiting += splitter.feed(greeting[8 + int.from_bytes(greeting[4:8], "big") :])

    def next_message() -> bytes:
        while not waiting:
            data = peer.recv(65536)
            if not data:
                raise EOFError("the stock client hung up")
            waiting.extend(splitter.feed(data))
        return waiting.pop(0)

    try:
        yield client, next_message
    finally:
        client.disconnect()
        peer.close()
        listener.close()


def _plain(column: array[float] | array[int]) -> list[float | None]:
    return [None if value != value else value for value in column]  # NaN: absent


def main() -> None:
    wanted = json.load(sys.stdin)
    newest = min(200, MAX_CLIENT_VER)
    answer: dict[str, Any] = {"newest": newest, "requests": {}, "events": {}}
    for version in wanted["request_versions"]:
        if version > newest:
            continue
        codec = Codec(version)
        pairs = {}
        with stock_client(version) as (client, next_message):
            pairs["start"] = [codec.encode(rq.StartApi(101))[4:].hex(), next_message().hex()]
            for name, (request, call) in CASES.items():
                call(client)
                pairs[name] = [codec.encode(request)[4:].hex(), next_message().hex()]
        answer["requests"][version] = pairs
    for version, frames in wanted["frames"].items():
        if int(version) <= newest:
            codec = Codec(int(version))
            answer["events"][version] = [
                [
                    [type(event).__name__, msgspec.to_builtins(event, enc_hook=_plain)]
                    for event in codec.decode(bytes.fromhex(text))
                ]
                for text in frames
            ]
    sys.stdout.buffer.write(msgspec.json.encode(answer))


main()
