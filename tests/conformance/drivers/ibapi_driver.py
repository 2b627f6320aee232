"""Driver for every release of IBKR's own `ibapi`; what drivers do is said in `conversation.py`.

Nothing of the client is changed: it connects, its reader thread runs, and each callback is one observation.
What differs between the releases is asked of their signatures, as a program meant for all of them has to.
"""

# ruff: noqa: N802, N803, BLE001 - commands are named as in the API; whatever fails is an observation

from __future__ import annotations

import importlib.metadata
import inspect
import json
import logging
import os
import sys
import threading
import traceback
from decimal import Decimal
from typing import Any

from ibapi.client import EClient
from ibapi.contract import ComboLeg, Contract
from ibapi.execution import ExecutionFilter
from ibapi.order import Order
from ibapi.wrapper import EWrapper

UNSET = (1.7976931348623157e308, 2147483647, 9223372036854775807, float(2**127 - 1))
FIRST_REQUEST_ID = 9001
LOCK = threading.Lock()


class Ids:
    """Ids of requests and orders, and the judge's names for them."""

    def __init__(self):
        self.of = {}
        self.refs = {}
        self.next_order_id = 1

    def name(self, id_, ref):
        self.of[ref], self.refs[id_] = id_, ref
        return id_

    def request(self, ref):
        return self.of[ref] if ref in self.of else self.name(FIRST_REQUEST_ID + len(self.of), ref)

    def order(self, ref, wanted):
        if ref not in self.of:
            id_ = self.name(wanted or self.next_order_id, ref)
            self.next_order_id = max(id_ + 1, self.next_order_id)
        return self.of[ref]


IDS = Ids()


def emit(event, **fields):
    if event == "nextValidId":
        IDS.next_order_id = fields["orderId"]
    if "id" in fields:
        fields["ref"] = IDS.refs.get(fields["id"])
    line = json.dumps({"event": event, **{name: plain(value) for name, value in fields.items()}})
    with LOCK:
        print(line, flush=True)


def plain(value):
    if isinstance(value, Decimal):
        value = float(value)
    if isinstance(value, (int, float)) and not isinstance(value, bool) and value in UNSET:
        return None
    return sorted(value) if isinstance(value, set) else value


def number(text):
    return None if text in ("", None) else plain(float(text))


def contract_fields(contract):
    names = ("conId", "symbol", "secType", "exchange", "currency", "localSymbol", "multiplier")
    return {name: getattr(contract, name) for name in names}


def details(id_, found):
    more = {"minTick": found.minTick, "longName": found.longName, "marketName": found.marketName}
    if hasattr(found, "validExchanges"):
        more["validExchanges"] = found.validExchanges
    return {"id": id_, **contract_fields(found.contract), **more}


def open_order(id_, contract, order, state):
    names = ("permId", "clientId", "parentId", "action", "totalQuantity", "orderType", "lmtPrice", "auxPrice")
    names += ("tif", "ocaGroup", "ocaType", "orderRef", "account", "whatIf")
    names += ("clearingIntent", "deltaNeutralOrderType", "trailStopPrice")
    commission = "commissionAndFees" if hasattr(state, "commissionAndFees") else "commission"
    margins = ("initMarginChange", "maintMarginChange", "equityWithLoanAfter")
    return {
        "id": id_,
        "orderId": id_,
        **contract_fields(contract),
        **{name: getattr(order, name) for name in names},
        "status": state.status,
        **{name: number(getattr(state, name)) for name in margins},
        "commission": getattr(state, commission),
    }


def completed_order(contract, order, state):
    names = ("permId", "action", "totalQuantity", "filledQuantity", "orderType", "lmtPrice")
    states = ("status", "completedTime", "completedStatus")
    return {
        "symbol": contract.symbol,
        **{name: getattr(order, name) for name in names},
        **{name: getattr(state, name) for name in states},
    }


def execution(request, contract, found):
    names = ("execId", "time", "acctNumber", "side", "shares", "price", "permId", "clientId", "orderId")
    names += ("cumQty", "avgPrice", "orderRef")
    more = {name: getattr(found, name) for name in names}
    return {"id": found.orderId, "request": IDS.refs.get(request), **contract_fields(contract), **more}


def commission_report(report):
    amount = report.commissionAndFees if hasattr(report, "commissionAndFees") else report.commission
    names = ("execId", "currency", "realizedPNL")
    return {"commission": amount, **{name: getattr(report, name) for name in names}}


def bar(id_, found):
    names = ("date", "open", "high", "low", "close", "volume")
    return {"id": id_, **{name: getattr(found, name) for name in names}}


def trade_tick(id_, kind, time, price, size, _attributes, exchange, _conditions):
    name = "Last" if kind == 1 else "AllLast"
    return {"id": id_, "kind": name, "time": time, "price": price, "size": size, "exchange": exchange}


def depth_row(id_, position, operation, side, price, size, market_maker="", smart=False):
    row = {"id": id_, "position": position, "operation": operation, "side": side, "price": price}
    return {**row, "size": size, "marketMaker": market_maker, "smart": smart}


def names(*fields):
    """A callback whose first arguments are just these fields."""
    return lambda *arguments: dict(zip(fields, arguments, strict=False))


STATUS = ("id", "status", "filled", "remaining", "avgFillPrice", "permId", "parentId", "lastFillPrice")
# callback -> (name of the observation, its fields from the arguments)
CALLBACKS = {
    "managedAccounts": ("managedAccounts", names("accounts")),
    "nextValidId": ("nextValidId", names("orderId")),
    "connectionClosed": ("connectionClosed", names()),
    "currentTime": ("currentTime", names("time")),
    "contractDetails": ("contractDetails", details),
    "bondContractDetails": ("contractDetails", details),
    "contractDetailsEnd": ("contractDetailsEnd", names("id")),
    "securityDefinitionOptionParameter": (
        "securityDefinitionOptionParameter",
        names("id", "exchange", "underlyingConId", "tradingClass", "multiplier", "expirations", "strikes"),
    ),
    "securityDefinitionOptionParameterEnd": ("securityDefinitionOptionParameterEnd", names("id")),
    "marketDataType": ("marketDataType", names("id", "type")),
    "tickReqParams": ("tickReqParams", names("id", "minTick")),
    "tickPrice": ("tickPrice", names("id", "tickType", "price")),
    "tickSize": ("tickSize", names("id", "tickType", "size")),
    "tickString": ("tickString", names("id", "tickType", "value")),
    "tickSnapshotEnd": ("tickSnapshotEnd", names("id")),
    "tickByTickAllLast": ("tickByTick", trade_tick),
    "tickByTickBidAsk": (
        "tickByTick",
        lambda *a: {
            **names("id", "time", "bidPrice", "askPrice", "bidSize", "askSize")(*a),
            "kind": "BidAsk",
        },
    ),
    "tickByTickMidPoint": (
        "tickByTick",
        lambda *a: {**names("id", "time", "midPoint")(*a), "kind": "MidPoint"},
    ),
    "updateMktDepth": ("updateMktDepth", depth_row),
    "updateMktDepthL2": (
        "updateMktDepth",
        lambda id_, position, market_maker, operation, side, price, size, smart: depth_row(
            id_, position, operation, side, price, size, market_maker, smart
        ),
    ),
    "historicalData": ("historicalData", bar),
    "historicalDataUpdate": ("historicalDataUpdate", bar),
    "historicalDataEnd": ("historicalDataEnd", names("id", "start", "end")),
    "headTimestamp": ("headTimestamp", names("id", "time")),
    "openOrder": ("openOrder", open_order),
    "openOrderEnd": ("openOrderEnd", names()),
    "orderStatus": (
        "orderStatus",
        lambda *a: {"orderId": a[0], **names(*STATUS, "clientId", "whyHeld")(*a)},
    ),
    "execDetails": ("execDetails", execution),
    "execDetailsEnd": ("execDetailsEnd", names("id")),
    "commissionReport": ("commissionReport", commission_report),
    "commissionAndFeesReport": ("commissionReport", commission_report),
    "completedOrder": ("completedOrder", completed_order),
    "completedOrdersEnd": ("completedOrdersEnd", names()),
    "accountSummary": ("accountSummary", names("id", "account", "tag", "value", "currency")),
    "accountSummaryEnd": ("accountSummaryEnd", names("id")),
    "position": (
        "position",
        lambda account, contract, position, cost: {
            **contract_fields(contract),
            "account": account,
            "position": position,
            "avgCost": cost,
        },
    ),
    "positionEnd": ("positionEnd", names()),
    "updateAccountValue": ("updateAccountValue", names("tag", "value", "currency", "account")),
    "updatePortfolio": (
        "updatePortfolio",
        lambda contract, *a: {**contract_fields(contract), **names("position", "marketPrice")(*a)},
    ),
    "updateAccountTime": ("updateAccountTime", names("time")),
    "accountDownloadEnd": ("accountDownloadEnd", names("account")),
    "error": ("error", names("id", "code", "text")),
}
if "errorTime" in inspect.signature(EWrapper.error).parameters:  # from 10.37 on
    CALLBACKS["error"] = ("error", names("id", "time", "code", "text"))


class Wrapper(EWrapper):
    """Every callback of CALLBACKS as an observation."""


def observed(callback):
    event, fields = CALLBACKS[callback]

    def observe(self, *arguments, **named):
        emit(event, **fields(*arguments, *named.values()))

    return observe


for _callback in CALLBACKS:
    if hasattr(EWrapper, _callback):
        setattr(Wrapper, _callback, observed(_callback))


class Client(EClient):
    def run(self):
        try:
            super().run()
        except Exception:
            emit("crashed", text=traceback.format_exc()[-1500:])


def made(kind, fields):
    thing = kind()
    for field, value in fields.items():
        assert hasattr(thing, field), f"{kind.__name__} has no {field}"
        setattr(thing, field, value)
    return thing


def contract_of(fields):
    legs = fields.pop("comboLegs", None)
    contract = made(Contract, fields)
    if legs:
        contract.comboLegs = [made(ComboLeg, leg) for leg in legs]
    return contract


class Commands:
    """One method per command, its arguments are the command's."""

    def __init__(self):
        self.client = Client(Wrapper())

    def connect(self, host, port, clientId):
        self.client = Client(Wrapper())
        self.client.connect(host, port, clientId)
        if self.client.serverVersion():
            emit("connected", serverVersion=self.client.serverVersion())
        threading.Thread(target=self.client.run, daemon=True).start()

    def disconnect(self):
        self.client.disconnect()

    def reqCurrentTime(self):
        self.client.reqCurrentTime()

    def reqContractDetails(self, ref, contract):
        self.client.reqContractDetails(IDS.request(ref), contract_of(contract))

    def reqSecDefOptParams(self, ref, symbol, secType, conId):
        self.client.reqSecDefOptParams(IDS.request(ref), symbol, "", secType, conId)

    def reqMktData(self, ref, contract, snapshot=False, genericTicks=""):
        self.client.reqMktData(IDS.request(ref), contract_of(contract), genericTicks, snapshot, False, [])

    def cancelMktData(self, ref):
        self.client.cancelMktData(IDS.request(ref))

    def reqTickByTickData(self, ref, contract, kind):
        self.client.reqTickByTickData(IDS.request(ref), contract_of(contract), kind, 0, False)

    def cancelTickByTickData(self, ref):
        self.client.cancelTickByTickData(IDS.request(ref))

    def reqMktDepth(self, ref, contract, rows, smart):
        self.client.reqMktDepth(IDS.request(ref), contract_of(contract), rows, smart, [])

    def cancelMktDepth(self, ref, smart):
        self.client.cancelMktDepth(IDS.request(ref), smart)

    def reqHistoricalData(self, ref, contract, duration, barSize, whatToShow, keepUpToDate=False):
        self.client.reqHistoricalData(
            IDS.request(ref), contract_of(contract), "", duration, barSize, whatToShow, 1, 1, keepUpToDate, []
        )

    def cancelHistoricalData(self, ref):
        self.client.cancelHistoricalData(IDS.request(ref))

    def reqHeadTimeStamp(self, ref, contract, whatToShow):
        self.client.reqHeadTimeStamp(IDS.request(ref), contract_of(contract), whatToShow, 1, 1)

    def placeOrder(self, ref, contract, order, parent=None, orderId=None):
        id_ = IDS.order(ref, orderId)
        wanted = made(Order, order)
        for attribute in ("eTradeOnly", "firmQuoteOnly"):  # 9.81 sets what no gateway takes any more
            if hasattr(wanted, attribute):
                setattr(wanted, attribute, False)
        if parent:
            wanted.parentId = IDS.of[parent]
        emit("placed", id=id_)
        self.client.placeOrder(id_, contract_of(contract), wanted)

    def cancelOrder(self, ref, orderId=None):
        id_ = IDS.order(ref, orderId)
        cancel: Any = self.client.cancelOrder  # its parameters changed twice
        parameters = inspect.signature(EClient.cancelOrder).parameters
        if "manualCancelOrderTime" in parameters:
            cancel(id_, "")
        elif "orderCancel" in parameters:
            from ibapi.order_cancel import OrderCancel

            cancel(id_, OrderCancel())
        else:
            cancel(id_)

    def reqOpenOrders(self):
        self.client.reqOpenOrders()

    def reqAllOpenOrders(self):
        self.client.reqAllOpenOrders()

    def reqExecutions(self, ref, symbol=""):
        self.client.reqExecutions(IDS.request(ref), made(ExecutionFilter, {"symbol": symbol}))

    def reqCompletedOrders(self):
        self.client.reqCompletedOrders(False)

    def reqAccountSummary(self, ref, tags):
        self.client.reqAccountSummary(IDS.request(ref), "All", tags)

    def reqPositions(self):
        self.client.reqPositions()

    def reqAccountUpdates(self, account):
        self.client.reqAccountUpdates(True, account)


def main():
    logging.disable(logging.CRITICAL)
    found = [d for d in importlib.metadata.distributions() if d.name.replace("-", "_").endswith(LIBRARIES)]
    emit("hello", library=found[0].name, version=found[0].version, callbacks="raw")
    commands = Commands()
    for line in sys.stdin:
        command = json.loads(line)
        do, ref = command.pop("do"), command.pop("ref")
        if ref:
            command["ref"] = ref
        try:
            getattr(commands, do)(**command)
        except Exception as error:
            missing = isinstance(error, AttributeError) and error.obj is commands.client
            reason = f"{type(error).__name__}: {error}"
            emit("unsupported" if missing else "refused", ref=ref, reason=reason)
    os._exit(0)  # the client's reader thread is no daemon


LIBRARIES = ("ibapi", "ibapi_stable")

if __name__ == "__main__":
    main()
