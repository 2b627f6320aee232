"""The conformance scenarios for `ib_async` and its forerunner `ib_insync`, whichever is installed:
`ib_async_scenarios.py HOST PORT SCENARIO…`. Prints one JSON line per scenario: name, ok, detail."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
import traceback

try:
    import ib_async as api
except ImportError:
    import ib_insync as api

TIMEOUT = 20.0


async def until(condition, what):
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < deadline, f"not within {TIMEOUT} s: {what}"
        await asyncio.sleep(0.01)


async def opened(host, port, client_id):
    ib = api.IB()
    await ib.connectAsync(host, port, clientId=client_id, timeout=TIMEOUT)
    return ib


def stock(symbol="AAPL"):
    return api.Stock(symbol, "SMART", "USD")


async def status(trade, wanted):
    await until(lambda: trade.orderStatus.status == wanted, f"{wanted}, it is {trade.orderStatus.status}")


async def connect(ib):
    assert ib.managedAccounts()[0].startswith("DU")
    now = await ib.reqCurrentTimeAsync()
    assert abs(now.timestamp() - time.time()) < 5
    return f"version {ib.client.serverVersion()}"


async def details(ib):
    contracts = [
        stock(),
        api.Future("ES", exchange="CME"),
        api.Forex("EURUSD"),
        api.Index("SPX", "CBOE"),
        api.Crypto("BTC", "PAXOS", "USD"),
        api.Commodity("XAUUSD", "SMART", "USD"),
        api.CFD("IBUS500"),
        api.Bond(symbol="US-T", exchange="SMART", currency="USD"),
        api.Contract(secType="FUND", symbol="VINIX", exchange="FUNDSERV"),
    ]
    for contract in contracts:
        found = await ib.reqContractDetailsAsync(contract)
        assert found, contract
        assert found[0].minTick > 0
    assert await ib.reqContractDetailsAsync(stock("NOSUCH")) == []
    return f"{len(contracts)} kinds"


async def chain(ib):
    found = await ib.reqSecDefOptParamsAsync("AAPL", "", "STK", 265598)
    assert len(found[0].expirations) >= 4
    return f"{len(found[0].expirations)} expirations, {len(found[0].strikes)} strikes"


async def level1(ib):
    contract = stock()
    await ib.qualifyContractsAsync(contract)
    ticker = ib.reqMktData(contract)
    await until(lambda: ticker.bid > 0 and ticker.ask > ticker.bid and ticker.last > 0, "quotes")
    updates = []
    ticker.updateEvent += updates.append
    await until(lambda: len(updates) > 3, "updates")
    ib.cancelMktData(contract)
    return f"bid {ticker.bid} ask {ticker.ask}"


async def snapshot(ib):
    contract = stock("MSFT")
    await ib.qualifyContractsAsync(contract)
    found = await ib.reqTickersAsync(contract)
    assert found[0].bid > 0
    return "ended"


async def tick_by_tick(ib):
    for kind in ("Last", "AllLast", "BidAsk", "MidPoint"):
        contract = stock()
        await ib.qualifyContractsAsync(contract)
        ticker = ib.reqTickByTickData(contract, kind)
        await until(lambda ticker=ticker: ticker.tickByTicks, kind)
        ib.cancelTickByTickData(contract, kind)
    return "4 kinds"


async def depth(ib):
    contract = stock()
    await ib.qualifyContractsAsync(contract)
    ticker = ib.reqMktDepth(contract, 5, isSmartDepth=True)
    await until(lambda: len(ticker.domBids) >= 5 and len(ticker.domAsks) >= 5, "a filled book")
    assert ticker.domBids[0].price < ticker.domAsks[0].price
    ib.cancelMktDepth(contract, isSmartDepth=True)
    return "smart"


async def history(ib):
    bars = await ib.reqHistoricalDataAsync(stock(), "", "1 D", "5 mins", "TRADES", True)
    assert len(bars) > 20
    assert all(b.low <= b.open <= b.high for b in bars)
    assert await ib.reqHeadTimeStampAsync(stock(), "TRADES", True, 1)
    return f"{len(bars)} bars"


async def market_order(ib):
    trade = ib.placeOrder(stock(), api.MarketOrder("BUY", 10))
    await status(trade, "Filled")
    await until(lambda: trade.fills and trade.fills[0].commissionReport.commission > 0, "a commission")
    return f"at {trade.orderStatus.avgFillPrice}"


async def limit_order(ib):
    trade = ib.placeOrder(stock("MSFT"), api.LimitOrder("BUY", 5, 10000, tif="GTC"))
    await status(trade, "Filled")
    return f"at {trade.orderStatus.avgFillPrice}"


async def rest_and_cancel(ib):
    errors = []
    ib.errorEvent += lambda *args: errors.append(args[:2])
    trade = ib.placeOrder(stock(), api.LimitOrder("BUY", 10, 1))
    await status(trade, "Submitted")
    ib.cancelOrder(trade.order)
    await status(trade, "Cancelled")
    await until(lambda: (trade.order.orderId, 202) in errors, "202")
    return "202"


async def modify(ib):
    trade = ib.placeOrder(stock(), api.LimitOrder("BUY", 10, 1))
    await status(trade, "Submitted")
    perm_id = trade.order.permId
    trade.order.lmtPrice = 2
    ib.placeOrder(stock(), trade.order)
    seen = []
    ib.openOrderEvent += seen.append
    await until(lambda: any(t.order.lmtPrice == 2 for t in seen), "the new price")
    assert trade.order.permId == perm_id
    ib.cancelOrder(trade.order)
    await status(trade, "Cancelled")
    return "permId kept"


async def bracket(ib):
    orders = ib.bracketOrder("BUY", 10, limitPrice=1, takeProfitPrice=900, stopLossPrice=0.5)
    trades = [ib.placeOrder(stock(), order) for order in orders]
    await status(trades[0], "Submitted")
    await until(lambda: trades[2].orderStatus.whyHeld == "child,trigger", "whyHeld")
    ib.cancelOrder(trades[0].order)
    for trade in trades:
        await status(trade, "Cancelled")
    return "children cancelled with the parent"


async def oca(ib):
    group = f"group{time.time_ns()}"
    orders = api.IB.oneCancelsAll([api.LimitOrder("BUY", 10, 1), api.LimitOrder("BUY", 10, 500)], group, 1)
    first = ib.placeOrder(stock(), orders[0])
    second = ib.placeOrder(stock("KO"), orders[1])
    await status(second, "Filled")
    await status(first, "Cancelled")
    return "one filled, the other cancelled"


async def reject(ib):
    errors = []
    ib.errorEvent += lambda *args: errors.append(args[:2])
    trade = ib.placeOrder(stock(), api.Order(action="BUY", totalQuantity=10, orderType="FEELINGS"))
    await until(lambda: (trade.order.orderId, 321) in errors, "321")
    trade = ib.placeOrder(stock("NOSUCH"), api.MarketOrder("BUY", 10))
    await until(lambda: (trade.order.orderId, 200) in errors, "200")
    return "321, 200"


async def what_if(ib):
    state = await ib.whatIfOrderAsync(stock(), api.MarketOrder("BUY", 100))
    assert float(state.initMarginChange) > 0
    return f"margin {state.initMarginChange}"


async def combo(ib):
    legs = [
        api.ComboLeg(conId=265598, ratio=1, action="BUY", exchange="SMART"),
        api.ComboLeg(conId=272093, ratio=1, action="SELL", exchange="SMART"),
    ]
    bag = api.Bag(symbol="AAPL", exchange="SMART", currency="USD", comboLegs=legs)
    trade = ib.placeOrder(bag, api.MarketOrder("BUY", 1))
    await status(trade, "Filled")
    await until(lambda: len(trade.fills) >= 3, "leg fills")
    return "a fill for the combo and one for each leg"


async def executions(ib):
    found = await ib.reqExecutionsAsync()
    assert found
    assert len({fill.execution.execId for fill in found}) == len(found)
    return f"{len(found)} executions"


async def completed(ib):
    found = await ib.reqCompletedOrdersAsync(False)
    states = {trade.orderStatus.status for trade in found}
    assert states >= {"Filled", "Cancelled"}, states
    return f"{len(found)} orders"


async def account(ib):
    rows = await ib.accountSummaryAsync()
    assert any(row.tag == "NetLiquidation" for row in rows)
    assert ib.positions()
    await until(ib.portfolio, "portfolio rows")
    return f"{len(ib.positions())} positions"


async def open_order_survives(ib):
    trade = ib.placeOrder(stock(), api.LimitOrder("BUY", 10, 1.5, tif="GTC"))
    await status(trade, "Submitted")
    host, port, client_id = ib.client.host, ib.client.port, ib.client.clientId
    ib.disconnect()
    again = await opened(host, port, client_id)
    open_trades = [t for t in again.openTrades() if t.order.orderId == trade.order.orderId]
    assert len(open_trades) == 1
    again.cancelOrder(open_trades[0].order)
    await status(open_trades[0], "Cancelled")
    again.disconnect()
    return "open on the next connection"


SCENARIOS = {
    function.__name__: function
    for function in (
        connect,
        details,
        chain,
        level1,
        snapshot,
        tick_by_tick,
        depth,
        history,
        market_order,
        limit_order,
        rest_and_cancel,
        modify,
        bracket,
        oca,
        reject,
        what_if,
        combo,
        executions,
        completed,
        account,
        open_order_survives,
    )
}


async def main():
    logging.disable(logging.CRITICAL)
    host, port = sys.argv[1], int(sys.argv[2])
    for nth, name in enumerate(sys.argv[3:] or SCENARIOS):
        ib = None
        try:
            ib = await opened(host, port, 70 + nth)
            result = {"scenario": name, "ok": True, "detail": await SCENARIOS[name](ib)}
        except Exception as error:  # noqa: BLE001 - a failed scenario is a result
            text = str(error) or traceback.format_exc()
            result = {"scenario": name, "ok": False, "detail": text[:2000]}
        finally:
            if ib is not None:
                ib.disconnect()
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
