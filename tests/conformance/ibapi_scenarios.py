"""The conformance scenarios for any release of `ibapi`, run as a program of its own with that release first
on its path: `ibapi_scenarios.py HOST PORT SCENARIO…`. Prints one JSON line per scenario: name, ok, detail.

Nothing of the client is changed: callbacks are recorded as they come, by name and arguments, whatever the
release calls them.
"""

from __future__ import annotations

import inspect
import json
import logging
import sys
import threading
import time
import traceback

from ibapi.client import EClient
from ibapi.contract import ComboLeg, Contract
from ibapi.execution import ExecutionFilter
from ibapi.order import Order
from ibapi.wrapper import EWrapper

TIMEOUT = 20.0


class Callbacks(EWrapper):
    """Every callback, in order, as (name, args)."""

    def __init__(self):
        super().__init__()
        self.seen = []
        self.changed = threading.Condition()


def _recorder(name):
    def record(self, *args, **kwargs):
        with self.changed:
            self.seen.append((name, args + tuple(kwargs.values())))
            self.changed.notify_all()

    return record


for _name, _ in inspect.getmembers(EWrapper, inspect.isfunction):
    if not _name.startswith("_") and _name not in ("logAnswer",) and not _name.endswith("ProtoBuf"):
        setattr(Callbacks, _name, _recorder(_name))


class Client(Callbacks, EClient):
    def __init__(self):
        Callbacks.__init__(self)
        EClient.__init__(self, self)
        self.request_id = 1000

    def open(self, host, port, client_id):
        self.connect(host, port, client_id)
        threading.Thread(target=self.run, daemon=True).start()
        self.order_id = self.wait("nextValidId")[0]
        return self

    def close(self):
        self.disconnect()

    def new_id(self):
        self.request_id += 1
        return self.request_id

    def new_order_id(self):
        self.order_id += 1
        return self.order_id - 1

    def all(self, name):
        with self.changed:
            return [args for seen, args in self.seen if seen == name]

    def wait(self, name, match=lambda *_: True, count=1):
        """The arguments of the count-th callback of a name that matches."""
        deadline = time.monotonic() + TIMEOUT
        with self.changed:
            while True:
                found = [args for seen, args in self.seen if seen == name and match(*args)]
                if len(found) >= count:
                    return found[count - 1]
                left = deadline - time.monotonic()
                assert left > 0, f"no {name} within {TIMEOUT} s; last were {self.seen[-8:]}"
                self.changed.wait(left)

    def wait_error(self, reply_id, code):
        return self.wait("error", lambda request_id, *rest: request_id == reply_id and code in rest[:3])

    def wait_status(self, order_id, status):
        return self.wait("orderStatus", lambda oid, st, *_: oid == order_id and st == status)

    def order_events(self, order_id):
        """The story of one order as (callback, status) in the order it came."""
        story = []
        with self.changed:
            for name, args in self.seen:
                if name == "openOrder" and args[0] == order_id:
                    story.append((name, args[3].status))
                elif name == "orderStatus" and args[0] == order_id:
                    story.append((name, args[1]))
                elif name == "execDetails" and args[2].orderId == order_id:
                    story.append((name, ""))
                elif name in ("commissionReport", "commissionAndFeesReport"):
                    story.append(("commission", ""))
                elif name == "error" and args[0] == order_id:
                    story.append((name, str(next(a for a in args[1:3] if isinstance(a, int) and a < 100000))))
        return story

    def cancel(self, order_id):
        parameters = inspect.signature(EClient.cancelOrder).parameters
        if "manualCancelOrderTime" in parameters:
            self.cancelOrder(order_id, "")
        elif "orderCancel" in parameters:
            from ibapi.order_cancel import OrderCancel

            self.cancelOrder(order_id, OrderCancel())
        else:
            self.cancelOrder(order_id)


def contract(symbol="AAPL", sec_type="STK", exchange="SMART", currency="USD", **more):
    made = Contract()
    made.symbol, made.secType, made.exchange, made.currency = symbol, sec_type, exchange, currency
    for name, value in more.items():
        setattr(made, name, value)
    return made


def order(action="BUY", quantity=10, kind="MKT", limit=None, **more):
    made = Order()
    made.action, made.totalQuantity, made.orderType = action, quantity, kind
    if limit is not None:
        made.lmtPrice = limit
    for name in ("eTradeOnly", "firmQuoteOnly"):  # ibapi 9.81 sets what no gateway takes any more
        if hasattr(made, name):
            setattr(made, name, False)
    for name, value in more.items():
        setattr(made, name, value)
    return made


def connect(c):
    assert c.all("managedAccounts")[0][0].startswith("DU")
    c.reqCurrentTime()
    assert abs(c.wait("currentTime")[0] - time.time()) < 5
    return f"version {c.serverVersion()}"


def details(c):
    wanted = [
        contract(),
        contract("ES", "FUT", "CME"),
        contract("EUR", "CASH", "IDEALPRO"),
        contract("SPX", "IND", "CBOE"),
        contract("BTC", "CRYPTO", "PAXOS"),
        contract("XAUUSD", "CMDTY", "SMART"),
        contract("IBUS500", "CFD", "SMART"),
        contract("VINIX", "FUND", "FUNDSERV"),
    ]
    for each in wanted:
        request = c.new_id()
        c.reqContractDetails(request, each)
        c.wait("contractDetailsEnd", lambda rid, request=request: rid == request)
        found = [d for rid, d in c.all("contractDetails") if rid == request]
        assert found, each.symbol
        assert found[0].contract.symbol == each.symbol
        assert found[0].minTick > 0
    request = c.new_id()
    c.reqContractDetails(request, contract("US-T", "BOND", "SMART"))
    bond = c.wait("bondContractDetails", lambda rid, _: rid == request)[1]
    assert bond.contract.conId == 267433416
    request = c.new_id()
    c.reqContractDetails(request, contract("NOSUCH"))
    c.wait_error(request, 200)
    return f"{len(c.all('contractDetails'))} contracts"


def chain(c):
    request = c.new_id()
    c.reqSecDefOptParams(request, "AAPL", "", "STK", 265598)
    c.wait("securityDefinitionOptionParameterEnd", lambda rid: rid == request)
    row = c.all("securityDefinitionOptionParameter")[0]
    assert len(row[5]) >= 4
    assert len(row[6]) >= 10
    return f"{len(row[5])} expirations, {len(row[6])} strikes"


def level1(c):
    request = c.new_id()
    c.reqMktData(request, contract(), "", False, False, [])
    c.wait("marketDataType", lambda rid, _: rid == request)
    c.wait("tickReqParams", lambda rid, *_: rid == request)
    for kind in (1, 2, 4):
        c.wait("tickPrice", lambda rid, t, p, *_, kind=kind: rid == request and t == kind and p > 0)
    c.wait("tickSize", lambda rid, t, s: rid == request and t == 0 and s > 0)
    c.wait("tickPrice", lambda rid, t, *_: rid == request and t in (1, 2, 4), count=8)
    c.cancelMktData(request)
    return f"{len([1 for a in c.all('tickPrice') if a[0] == request])} prices"


def snapshot(c):
    request = c.new_id()
    c.reqMktData(request, contract("MSFT"), "", True, False, [])
    c.wait("tickSnapshotEnd", lambda rid: rid == request)
    return "ended"


def tick_by_tick(c):
    names = {"Last": "tickByTickAllLast", "AllLast": "tickByTickAllLast"}
    names |= {"BidAsk": "tickByTickBidAsk", "MidPoint": "tickByTickMidPoint"}
    for kind, callback in names.items():
        request = c.new_id()
        c.reqTickByTickData(request, contract(), kind, 0, False)
        c.wait(callback, lambda rid, *_, request=request: rid == request, count=2)
        c.cancelTickByTickData(request)
    return "4 kinds"


def depth(c):
    request = c.new_id()
    c.reqMktDepth(request, contract(exchange="ISLAND"), 5, False, [])
    c.wait("updateMktDepth", lambda rid, *_: rid == request, count=10)
    c.cancelMktDepth(request, False)
    request = c.new_id()
    c.reqMktDepth(request, contract(), 5, True, [])
    c.wait("updateMktDepthL2", lambda rid, *_: rid == request, count=10)
    c.cancelMktDepth(request, True)
    return "plain and smart"


def history(c):
    request = c.new_id()
    c.reqHistoricalData(request, contract(), "", "1 D", "5 mins", "TRADES", 1, 1, False, [])
    c.wait("historicalDataEnd", lambda rid, *_: rid == request)
    bars = [b for rid, b in c.all("historicalData") if rid == request]
    assert len(bars) > 20
    assert all(b.low <= b.open <= b.high and b.low <= b.close <= b.high for b in bars)
    request = c.new_id()
    c.reqHeadTimeStamp(request, contract(), "TRADES", 1, 1)
    c.wait("headTimestamp", lambda rid, _: rid == request)
    return f"{len(bars)} bars"


def market_order(c):
    oid = c.new_order_id()
    c.placeOrder(oid, contract(), order())
    c.wait_status(oid, "Filled")
    c.wait("execDetails", lambda _, __, e: e.orderId == oid)
    story = c.order_events(oid)
    names = [name for name, _ in story]
    assert names.index("execDetails") > names.index("openOrder")
    assert ("orderStatus", "Filled") in story
    return " ".join(f"{name}:{status}" for name, status in story)


def limit_order(c):
    oid = c.new_order_id()
    c.placeOrder(oid, contract("MSFT"), order(kind="LMT", limit=10000.0, quantity=5, tif="GTC"))
    filled = c.wait_status(oid, "Filled")
    assert float(filled[2]) == 5
    assert 0 < filled[4] < 10000
    return f"at {filled[4]}"


def rest_and_cancel(c):
    oid = c.new_order_id()
    c.placeOrder(oid, contract(), order(kind="LMT", limit=1.0))
    c.wait_status(oid, "Submitted")
    c.cancel(oid)
    c.wait_status(oid, "Cancelled")
    c.wait_error(oid, 202)
    c.cancel(oid)
    c.wait_error(oid, 10148)
    return "202, then 10148"


def modify(c):
    oid = c.new_order_id()
    c.placeOrder(oid, contract(), order(kind="LMT", limit=1.0))
    first = c.wait_status(oid, "Submitted")
    c.placeOrder(oid, contract(), order(kind="LMT", limit=2.0))
    c.wait("openOrder", lambda i, _, o, __: i == oid and o.lmtPrice == 2.0)
    last = c.wait_status(oid, "Submitted")
    assert first[5] == last[5], "the permId stays"
    c.cancel(oid)
    c.wait_status(oid, "Cancelled")
    return "permId kept"


def bracket(c):
    parent, take, stop = c.new_order_id(), c.new_order_id(), c.new_order_id()
    aapl = contract()
    c.placeOrder(parent, aapl, order(kind="LMT", limit=1.0, transmit=False))
    c.placeOrder(take, aapl, order("SELL", kind="LMT", limit=900.0, parentId=parent, transmit=False))
    c.placeOrder(stop, aapl, order("SELL", kind="STP", auxPrice=0.5, parentId=parent, transmit=True))
    c.wait_status(parent, "Submitted")
    held = c.wait("orderStatus", lambda i, st, *_: i == stop and st == "PreSubmitted")
    assert held[9] == "child,trigger", held
    assert held[6] == parent
    c.cancel(parent)
    for oid in (parent, take, stop):
        c.wait_status(oid, "Cancelled")
    return "children cancelled with the parent"


def oca(c):
    group = f"group{time.time_ns()}"
    first, second = c.new_order_id(), c.new_order_id()
    c.placeOrder(first, contract(), order(kind="LMT", limit=1.0, ocaGroup=group, ocaType=1))
    c.placeOrder(second, contract("KO"), order(kind="LMT", limit=500.0, ocaGroup=group, ocaType=1))
    c.wait_status(second, "Filled")
    c.wait_status(first, "Cancelled")
    return "one filled, the other cancelled"


def reject(c):
    oid = c.new_order_id()
    c.placeOrder(oid, contract(), order(kind="FEELINGS", limit=10.0))
    c.wait_error(oid, 321)
    oid = c.new_order_id()
    c.placeOrder(oid, contract("NOSUCH"), order())
    c.wait_error(oid, 200)
    c.cancel(987654)
    c.wait_error(987654, 10147)
    assert not [a for a in c.all("openOrder") if a[0] == oid]
    return "321, 200, 10147"


def what_if(c):
    oid = c.new_order_id()
    c.placeOrder(oid, contract(), order(quantity=100, whatIf=True))
    state = c.wait("openOrder", lambda i, *_: i == oid)[3]
    assert float(state.initMarginChange) > 0
    assert not [a for a in c.all("orderStatus") if a[0] == oid]
    return f"margin {state.initMarginChange}"


def combo(c):
    legs = []
    for con_id, action in ((265598, "BUY"), (272093, "SELL")):
        leg = ComboLeg()
        leg.conId, leg.ratio, leg.action, leg.exchange = con_id, 1, action, "SMART"
        legs.append(leg)
    oid = c.new_order_id()
    c.placeOrder(oid, contract("AAPL", "BAG", comboLegs=legs), order(quantity=1))
    c.wait_status(oid, "Filled")
    c.wait("execDetails", lambda _, con, e: e.orderId == oid and con.secType == "STK", count=2)
    return "a fill for the combo and one for each leg"


def executions(c):
    request = c.new_id()
    c.reqExecutions(request, ExecutionFilter())
    c.wait("execDetailsEnd", lambda rid: rid == request)
    found = [a for a in c.all("execDetails") if a[0] == request]
    assert found
    assert len({a[2].execId for a in found}) == len(found)
    return f"{len(found)} executions"


def completed(c):
    c.reqCompletedOrders(False)
    c.wait("completedOrdersEnd")
    found = c.all("completedOrder")
    assert {a[2].status for a in found} >= {"Filled", "Cancelled"}
    return f"{len(found)} orders"


def account(c):
    request = c.new_id()
    c.reqAccountSummary(request, "All", "NetLiquidation,TotalCashValue,BuyingPower")
    c.wait("accountSummaryEnd", lambda rid: rid == request)
    tags = [a[2] for a in c.all("accountSummary")]
    assert tags == ["BuyingPower", "NetLiquidation", "TotalCashValue"], tags
    c.reqPositions()
    c.wait("positionEnd")
    assert c.all("position")
    c.reqAccountUpdates(True, "")
    c.wait("accountDownloadEnd")
    assert c.all("updatePortfolio")
    c.reqAccountUpdates(False, "")
    return f"{len(c.all('position'))} positions"


def open_order_survives(c):
    oid = c.new_order_id()
    c.placeOrder(oid, contract(), order(kind="LMT", limit=1.5, tif="GTC"))
    c.wait_status(oid, "Submitted")
    host, port, client_id = c.host, c.port, c.clientId
    c.close()
    again = reopened(host, port, client_id)
    names = [name for name, _ in again.seen]
    assert names.index("openOrder") < names.index("managedAccounts") < names.index("nextValidId"), names
    again.wait_status(oid, "Submitted")
    again.wait("openOrderEnd")
    assert again.order_id == oid + 1
    again.cancel(oid)
    again.wait_status(oid, "Cancelled")
    again.close()
    return "sent before managedAccounts on the next connection"


def reopened(host, port, client_id):
    """A new connection under the same id. This client's socket lingers until its reader thread has noticed,
    and until then the gateway says 326 and hangs up, as a real one does."""
    while True:
        client = Client()
        client.connect(host, port, client_id)
        threading.Thread(target=client.run, daemon=True).start()
        deadline = time.monotonic() + TIMEOUT
        with client.changed:
            while not (answers := {n for n, _ in client.seen} & {"nextValidId", "connectionClosed"}):
                assert client.changed.wait(deadline - time.monotonic()), client.seen
        if "nextValidId" in answers:
            client.order_id = client.wait("nextValidId")[0]
            return client
        client.close()


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


def main():
    logging.getLogger("ibapi").setLevel(logging.CRITICAL)
    logging.disable(logging.CRITICAL)
    host, port = sys.argv[1], int(sys.argv[2])
    for nth, name in enumerate(sys.argv[3:] or SCENARIOS):
        client = Client()
        try:
            client.open(host, port, 40 + nth)
            result = {"scenario": name, "ok": True, "detail": SCENARIOS[name](client)}
        except Exception as error:  # noqa: BLE001 - a failed scenario is a result
            text = str(error) or traceback.format_exc()
            result = {"scenario": name, "ok": False, "detail": text[:2000]}
        finally:
            client.close()
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
