"""Driver for `ib_async` and its forerunner `ib_insync`, whichever is installed; what drivers do is said in
`conversation.py`.

These libraries keep books of their own and tell their user about changes in them, so the observations are
their events and the results of their requests: a report that changes nothing is not seen, and what an error
means for an order is the library's own opinion.
"""

# ruff: noqa: N802, N803, BLE001 - commands are named as in the API; whatever fails is an observation

from __future__ import annotations

import asyncio
import importlib
import json
import logging
import sys

asyncio.set_event_loop(asyncio.new_event_loop())  # ib_insync looks for one while it is imported
try:
    import ib_async as api
except ImportError:
    api = importlib.import_module("ib_insync")  # the same interface under the older name

MISREAD = {"completedOrder.completedStatus": "the library drops the order state it comes in"}
UNSET = (1.7976931348623157e308, 2147483647)


class Names:
    """The judge's names: of orders by id, of requests by the contract object they were made with, of streams
    by kind and contract, of bars by the id that they carry."""

    def __init__(self):
        self.orders = {}
        self.bars = {}
        self.contracts = {}
        self.streams = {}

    def of(self, id_, contract=None):
        for ref, (known, _) in self.contracts.items():
            if known is contract:
                return ref
        for ref, order in self.orders.items():
            if order.orderId == id_:
                return ref
        return next((ref for ref, bars in self.bars.items() if bars.reqId == id_), None)


NAMES = Names()


def emit(event, **fields):
    line = json.dumps({"event": event, **{name: plain(value) for name, value in fields.items()}})
    print(line, flush=True)


def plain(value):
    if isinstance(value, (int, float)) and not isinstance(value, bool) and (value in UNSET or value != value):
        return None
    return value if isinstance(value, (str, int, float, bool, list, dict, type(None))) else str(value)


def number(text):
    return None if text in ("", None) else plain(float(text))


def contract_fields(contract):
    names = ("conId", "symbol", "secType", "exchange", "currency", "localSymbol", "multiplier")
    return {name: getattr(contract, name) for name in names}


def emit_trade(event, trade):
    order, status = trade.order, trade.orderStatus
    common = {"ref": NAMES.of(order.orderId), "id": order.orderId, "orderId": order.orderId}
    if event == "orderStatus":
        names = ("status", "filled", "remaining", "avgFillPrice", "permId", "parentId", "lastFillPrice")
        emit(event, **common, **{name: getattr(status, name) for name in (*names, "clientId", "whyHeld")})
        return
    names = ("permId", "clientId", "parentId", "action", "totalQuantity", "orderType", "lmtPrice", "auxPrice")
    names += ("tif", "ocaGroup", "ocaType", "orderRef", "account", "whatIf")
    fields = {name: getattr(order, name) for name in names}
    emit(event, **common, **contract_fields(trade.contract), **fields, status=status.status)


def emit_execution(trade, fill, request=None):
    found = fill.execution
    names = ("execId", "acctNumber", "side", "shares", "price", "permId", "clientId", "orderId", "cumQty")
    fields = {name: getattr(found, name) for name in (*names, "avgPrice", "orderRef")}
    fields["ref"] = NAMES.of(found.orderId)
    emit("execDetails", request=request, **contract_fields(fill.contract), **fields)


def emit_commission(trade, fill, report):
    names = ("execId", "commission", "currency", "realizedPNL")
    emit("commissionReport", **{name: getattr(report, name) for name in names})


def emit_error(id_, code, text, contract):
    emit("error", id=id_, ref=NAMES.of(id_, contract), code=code, text=text)


def emit_tickers(tickers):
    for ticker in tickers:
        emit_level1(ticker, NAMES.streams.get(("mktData", ticker.contract.conId)))
        for tick in ticker.tickByTicks:
            emit_tick_by_tick(ticker, tick)
        for row in ticker.domTicks:
            names = ("position", "operation", "side", "price", "size", "marketMaker")
            fields = {name: getattr(row, name) for name in names}
            emit("updateMktDepth", ref=NAMES.streams.get(("depth", ticker.contract.conId)), **fields)


def emit_level1(ticker, ref):
    for tick in ticker.ticks:
        if tick.price is not None and tick.price == tick.price and tick.tickType not in (0, 3, 5, 8):
            emit("tickPrice", ref=ref, tickType=tick.tickType, price=tick.price)
        emit(
            "tickSize", ref=ref, tickType={1: 0, 2: 3, 4: 5}.get(tick.tickType, tick.tickType), size=tick.size
        )
    if ref and ticker.ticks:
        emit("marketDataType", ref=ref, type=ticker.marketDataType)
        emit("tickReqParams", ref=ref, minTick=ticker.minTick)


def emit_tick_by_tick(ticker, tick):
    if isinstance(tick, api.TickByTickAllLast):
        kind = "Last" if tick.tickType == 1 else "AllLast"
        names = ("price", "size", "exchange")
    elif isinstance(tick, api.TickByTickBidAsk):
        kind, names = "BidAsk", ("bidPrice", "askPrice", "bidSize", "askSize")
    else:
        kind, names = "MidPoint", ("midPoint",)
    fields = {name: getattr(tick, name) for name in names}
    ref = NAMES.streams.get((kind, ticker.contract.conId))
    emit("tickByTick", ref=ref, kind=kind, time=int(tick.time.timestamp()), **fields)


def emit_bar(event, ref, bar):
    names = ("date", "open", "high", "low", "close", "volume")
    emit(event, ref=ref, **{name: getattr(bar, name) for name in names})


def made(kind, fields):
    legs = fields.pop("comboLegs", [])
    thing = kind(**fields)
    if legs:
        thing.comboLegs = [api.ComboLeg(**leg) for leg in legs]
    return thing


class Commands:
    """One method per command, its arguments are the command's."""

    def __init__(self):
        self.ib = api.IB()

    async def connect(self, host, port, clientId):
        self.ib = ib = api.IB()
        ib.errorEvent += emit_error
        ib.openOrderEvent += lambda trade: emit_trade("openOrder", trade)
        ib.orderStatusEvent += lambda trade: emit_trade("orderStatus", trade)
        ib.execDetailsEvent += emit_execution
        ib.commissionReportEvent += emit_commission
        ib.pendingTickersEvent += emit_tickers
        ib.disconnectedEvent += lambda: emit("connectionClosed")
        try:
            await ib.connectAsync(host, port, clientId=clientId, timeout=15)
        except Exception as error:
            emit("refused", ref="", reason=f"{type(error).__name__}: {error}")
            return
        emit("connected", serverVersion=ib.client.serverVersion())
        emit("managedAccounts", accounts=",".join(ib.managedAccounts()))
        emit("nextValidId")

    async def disconnect(self):
        self.ib.disconnect()

    async def contract(self, ref, fields, *kinds):
        """The contract with its conId, which the library asks for before it streams anything."""
        contract = made(api.Contract, fields)
        await self.ib.qualifyContractsAsync(contract)
        NAMES.contracts[ref] = (contract, kinds)
        for kind in kinds:
            NAMES.streams[kind, contract.conId] = ref
        return contract

    def plain_contract(self, ref, fields):
        contract = made(api.Contract, fields)
        NAMES.contracts[ref] = (contract, ())
        return contract

    async def reqCurrentTime(self):
        found = await self.ib.reqCurrentTimeAsync()
        emit("currentTime", time=found.timestamp())

    async def reqContractDetails(self, ref, contract):
        for found in await self.ib.reqContractDetailsAsync(self.plain_contract(ref, contract)):
            fields = {name: getattr(found, name) for name in ("minTick", "longName", "marketName")}
            fields["validExchanges"] = found.validExchanges
            emit("contractDetails", ref=ref, **contract_fields(found.contract), **fields)
        emit("contractDetailsEnd", ref=ref)

    async def reqSecDefOptParams(self, ref, symbol, secType, conId):
        for found in await self.ib.reqSecDefOptParamsAsync(symbol, "", secType, conId):
            names = ("exchange", "underlyingConId", "tradingClass", "multiplier", "expirations", "strikes")
            emit(
                "securityDefinitionOptionParameter", ref=ref, **{name: getattr(found, name) for name in names}
            )
        emit("securityDefinitionOptionParameterEnd", ref=ref)

    async def reqMktData(self, ref, contract, snapshot=False, genericTicks=""):
        made_of = await self.contract(ref, contract, "mktData")
        if snapshot:
            await self.ib.reqTickersAsync(made_of)
            emit("tickSnapshotEnd", ref=ref)
        else:
            self.ib.reqMktData(made_of, genericTicks)

    async def cancelMktData(self, ref):
        self.ib.cancelMktData(NAMES.contracts[ref][0])

    async def reqTickByTickData(self, ref, contract, kind):
        self.ib.reqTickByTickData(await self.contract(ref, contract, kind), kind)

    async def cancelTickByTickData(self, ref):
        contract, (kind,) = NAMES.contracts[ref]
        self.ib.cancelTickByTickData(contract, kind)

    async def reqMktDepth(self, ref, contract, rows, smart):
        self.ib.reqMktDepth(await self.contract(ref, contract, "depth"), rows, smart)

    async def cancelMktDepth(self, ref, smart):
        self.ib.cancelMktDepth(NAMES.contracts[ref][0], smart)

    async def reqHistoricalData(self, ref, contract, duration, barSize, whatToShow, keepUpToDate=False):
        arguments = ("", duration, barSize, whatToShow, True, 1, keepUpToDate)
        bars = await self.ib.reqHistoricalDataAsync(self.plain_contract(ref, contract), *arguments)
        NAMES.bars[ref] = bars
        for bar in bars:
            emit_bar("historicalData", ref, bar)
        emit("historicalDataEnd", ref=ref)
        bars.updateEvent += lambda updated, _is_new: emit_bar("historicalDataUpdate", ref, updated[-1])

    async def cancelHistoricalData(self, ref):
        self.ib.cancelHistoricalData(NAMES.bars[ref])

    async def reqHeadTimeStamp(self, ref, contract, whatToShow):
        found = await self.ib.reqHeadTimeStampAsync(self.plain_contract(ref, contract), whatToShow, True, 1)
        emit("headTimestamp", ref=ref, time=found)

    async def placeOrder(self, ref, contract, order, parent=None, orderId=None):
        if parent:
            order["parentId"] = NAMES.orders[parent].orderId
        if order.get("whatIf"):
            await self.preview(ref, made(api.Contract, contract), made(api.Order, order))
            return
        known = NAMES.orders.get(ref)
        if known is None:
            known = NAMES.orders[ref] = made(
                api.Order, order | {"orderId": orderId or self.ib.client.getReqId()}
            )
        else:
            for field, value in order.items():
                setattr(known, field, value)
        emit("placed", id=known.orderId, ref=ref)
        self.ib.placeOrder(made(api.Contract, contract), known)

    async def preview(self, ref, contract, order):
        state = await self.ib.whatIfOrderAsync(contract, order)
        names = ("initMarginChange", "maintMarginChange", "equityWithLoanAfter", "commission")
        emit(
            "openOrder",
            ref=ref,
            status=state.status,
            **{name: number(getattr(state, name)) for name in names},
        )

    async def cancelOrder(self, ref, orderId=None):
        if orderId:
            NAMES.orders[ref] = api.Order(orderId=orderId, clientId=self.ib.client.clientId)
        self.ib.cancelOrder(NAMES.orders[ref])

    async def reqOpenOrders(self):
        self.emit_open(await self.ib.reqOpenOrdersAsync())

    async def reqAllOpenOrders(self):
        self.emit_open(await self.ib.reqAllOpenOrdersAsync())

    def emit_open(self, trades):
        for trade in trades:
            emit_trade("openOrder", trade)
        emit("openOrderEnd")

    async def reqExecutions(self, ref, symbol=""):
        for fill in await self.ib.reqExecutionsAsync(api.ExecutionFilter(symbol=symbol)):
            emit_execution(None, fill, request=ref)
            emit_commission(None, fill, fill.commissionReport)
        emit("execDetailsEnd", ref=ref)

    async def reqCompletedOrders(self):
        for trade in await self.ib.reqCompletedOrdersAsync(False):
            names = ("permId", "action", "totalQuantity", "filledQuantity", "orderType", "lmtPrice")
            fields = {name: getattr(trade.order, name) for name in names}
            emit("completedOrder", symbol=trade.contract.symbol, status=trade.orderStatus.status, **fields)
        emit("completedOrdersEnd")

    async def reqAccountSummary(self, ref, tags):
        for row in await self.ib.accountSummaryAsync():
            if row.tag in tags.split(","):  # the library always asks for all tags
                emit("accountSummary", ref=ref, **{name: getattr(row, name) for name in row._fields[:4]})
        emit("accountSummaryEnd", ref=ref)

    async def reqPositions(self):
        for held in await self.ib.reqPositionsAsync():
            fields = {"account": held.account, "position": held.position, "avgCost": held.avgCost}
            emit("position", **contract_fields(held.contract), **fields)
        emit("positionEnd")

    async def reqAccountUpdates(self, account):
        await self.ib.reqAccountUpdatesAsync(account)
        for row in self.ib.accountValues(account):
            if not row.modelCode:
                emit("updateAccountValue", **{name: getattr(row, name) for name in row._fields[:4]})
        for row in self.ib.portfolio(account):
            fields = {"position": row.position, "marketPrice": row.marketPrice}
            emit("updatePortfolio", **contract_fields(row.contract), **fields)
        emit("accountDownloadEnd", account=account)


async def main():
    logging.disable(logging.CRITICAL)
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: emit("crashed", text=str(context)))
    reader = asyncio.StreamReader(limit=2**20)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    emit("hello", library=api.__name__, version=api.__version__, callbacks="derived", misread=MISREAD)
    commands = Commands()
    while line := await reader.readline():
        command = json.loads(line)
        do, ref = command.pop("do"), command.pop("ref")
        if ref:
            command["ref"] = ref
        try:
            await getattr(commands, do)(**command)
        except Exception as error:
            missing = isinstance(error, AttributeError) and error.obj is commands.ib
            reason = f"{type(error).__name__}: {error}".rstrip(": ")
            emit("unsupported" if missing else "refused", ref=ref, reason=reason)


if __name__ == "__main__":
    asyncio.get_event_loop_policy().get_event_loop().run_until_complete(main())
