"""Scenarios of orders: from acknowledgement to fill, cancel or refusal."""

from __future__ import annotations

import re

from .conversation import CLIENT_ID, Conversation, Observation
from .expectations import (
    AAPL,
    AAPL_CON_ID,
    FAR_ABOVE,
    FAR_BELOW,
    KO,
    MSFT,
    MSFT_CON_ID,
    UNKNOWN,
    limit,
    market,
    require,
    require_cancelled,
    require_equal,
    require_order,
    require_pairs,
)

EXEC_ID = re.compile(r"[0-9a-f]{8}\.[0-9a-f]{8}\.\d\d\.\d\d")  # captured from Gateway 10.40.1


def require_filled(c: Conversation, ref: str, quantity: float) -> Observation:
    """execDetails (without a request) before orderStatus Filled, the commission last; all agree. Returns the
    status."""
    filled = c.status(ref, "Filled", filled=quantity)
    executions = c.seen("execDetails", ref=ref, request=None)
    require(executions, f"{ref} was Filled before its execDetails")
    require_equal(sum(e["shares"] for e in executions), quantity, f"shares of {ref}")
    require_equal(executions[-1]["cumQty"], quantity, f"cumQty of {ref}")
    commission = c.wait("commissionReport", execId=executions[-1]["execId"])
    require_order(executions[-1], filled, commission)
    require_equal(filled["remaining"], 0, f"remaining of {ref}")
    require(filled["avgFillPrice"] > 0 and filled["lastFillPrice"] > 0, f"{filled}")
    require(abs(executions[-1]["avgPrice"] - filled["avgFillPrice"]) < 1e-6, "avgPrice and avgFillPrice")
    require_equal(executions[-1]["permId"], filled["permId"], "permId of execution and order")
    ids = [e["execId"] for e in executions]
    require(len(set(ids)) == len(ids) and all(EXEC_ID.fullmatch(id_) for id_ in ids), f"execution ids {ids}")
    require(commission["commission"] > 0 and commission["currency"] == "USD", f"{commission}")
    return filled


def market_order(c: Conversation) -> None:
    """openOrder and orderStatus in pairs, execDetails with request id -1, Filled, commissionReport (captured
    from Gateway 10.40.1); closing the position realizes a profit or loss."""
    c.place("buy", AAPL, market(orderRef="conformance"))
    filled = require_filled(c, "buy", 10)
    require_equal(filled["clientId"], CLIENT_ID, "clientId")
    require_pairs(c, "buy")
    execution = c.seen("execDetails", ref="buy")[0]
    require_equal((execution["side"], execution["orderRef"]), ("BOT", "conformance"), "side and orderRef")
    if c.raw:
        report = c.seen("openOrder", ref="buy")[0]
        require_order(report, execution)
        names = ("action", "totalQuantity", "orderType", "orderRef", "symbol", "clientId", "permId")
        wanted = ("BUY", 10, "MKT", "conformance", "AAPL", CLIENT_ID, filled["permId"])
        require_equal(tuple(report[name] for name in names), wanted, "openOrder")
    c.place("sell", AAPL, market("SELL"))
    require_filled(c, "sell", 10)
    sold = c.seen("execDetails", ref="sell")[-1]
    require_equal(sold["side"], "SLD", "side of a sale")
    require(c.wait("commissionReport", execId=sold["execId"])["realizedPNL"], "no realized profit or loss")


def limit_order(c: Conversation) -> None:
    """A marketable limit order fills at the market's price, not at its limit; good till cancelled is kept.
    What the order leaves open is filled in: ocaType 3, clearingIntent "IB", deltaNeutralOrderType "None",
    trailStopPrice one above the limit (captured)."""
    c.place("buy", MSFT, limit(FAR_ABOVE, quantity=5, tif="GTC"))
    filled = require_filled(c, "buy", 5)
    require(filled["avgFillPrice"] < FAR_ABOVE / 2, f"filled at {filled['avgFillPrice']}")
    require_pairs(c, "buy")
    if c.raw:
        report = c.seen("openOrder", ref="buy")[0]
        require_equal((report["lmtPrice"], report["tif"]), (FAR_ABOVE, "GTC"), "lmtPrice and tif")
        names = ("auxPrice", "ocaType", "clearingIntent", "deltaNeutralOrderType", "trailStopPrice")
        wanted = (0.0, 3, "IB", "None", FAR_ABOVE + 1)
        require_equal(tuple(report[name] for name in names), wanted, f"{names}")


def transmit_false(c: Conversation) -> None:
    """Nothing at all is told about an order placed with transmit false, until the same id comes with transmit
    true (captured)."""
    c.place("held", AAPL, limit(FAR_BELOW, transmit=False))
    c.fence()
    told = [o for o in c.seen(ref="held") if o["event"] not in ("placed",)]
    require(not told, f"told about an order not transmitted: {told}")
    c.place("held", AAPL, limit(FAR_BELOW, transmit=True))
    c.status("held", "Submitted")
    require_pairs(c, "held")
    c.cancel("held")
    require_cancelled(c, "held")


def cancel(c: Conversation) -> None:
    """Submitted, then Cancelled with all remaining, then 202 "Order Canceled - reason:". Cancelled once more:
    10148; an id never used: 10147 (captured from Gateway 10.40.1)."""
    c.place("rest", AAPL, limit(FAR_BELOW))
    c.status("rest", "Submitted", filled=0, remaining=10)
    require_pairs(c, "rest")
    c.cancel("rest")
    require_cancelled(c, "rest")
    c.cancel("rest")
    id_ = c.seen("placed", ref="rest")[0]["id"]
    text = f"OrderId {id_} that needs to be cancelled cannot be cancelled, state: Cancelled."
    require_equal(c.error("rest", 10148)["text"], text, "the text of 10148")
    c.tell("cancelOrder", "never", orderId=987654)
    text = "OrderId 987654 that needs to be cancelled is not found."
    require_equal(c.error("never", 10147)["text"], text, "the text of 10147")


def modify(c: Conversation) -> None:
    """A new price or quantity under the same id keeps permId and clientId and is acknowledged (captured).
    Another time in force is 462 and changes nothing (captured); a filled order is 104 (captured)."""
    c.place("order", AAPL, limit(FAR_BELOW))
    before = c.status("order", "Submitted")
    c.place("order", AAPL, limit(2.5, quantity=7))
    if c.raw:
        c.wait("openOrder", ref="order", lmtPrice=2.5, totalQuantity=7)
    after = c.status("order", "Submitted", remaining=7)
    require_equal((after["permId"], after["clientId"]), (before["permId"], CLIENT_ID), "permId and clientId")
    require_pairs(c, "order")
    c.fence("modified")
    require_equal({o["permId"] for o in c.seen("orderStatus", ref="order")}, {before["permId"]}, "permIds")
    c.place("order", AAPL, limit(FAR_ABOVE, quantity=7))
    require_filled(c, "order", 7)
    c.place("order", AAPL, limit(FAR_BELOW, quantity=7))
    refused = c.error_or_refusal("order", 104)
    if refused is not None:
        require_equal(refused["text"], "Cannot modify a filled order.", "the text of 104")

    c.place("kept", KO, limit(FAR_BELOW))
    c.status("kept", "Submitted")
    c.place("kept", KO, limit(FAR_BELOW, tif="GTC"))
    refused = c.error("kept", 462)
    text = "Order modify failed. Cannot change to the new Time in Force.GTC"
    require_equal(refused["text"], text, "the text of 462")
    c.tell("reqOpenOrders")
    still = c.wait("openOrder", after=refused["n"], ref="kept")
    if c.raw:
        require_equal((still["status"], still["tif"]), ("Submitted", "DAY"), "the order after 462")
    c.cancel("kept")
    c.error("kept", 202)


def place_bracket(c: Conversation, name: str) -> tuple[str, str, str]:
    """Parent, target and stop, transmitted with the last; all acknowledged and held when it returns."""
    parent, target, stop = (f"{name} {role}" for role in ("parent", "target", "stop"))
    c.place(parent, AAPL, limit(FAR_BELOW, transmit=False))
    c.place(target, AAPL, limit(FAR_ABOVE, "SELL", transmit=False), parent=parent)
    c.place(stop, AAPL, market("SELL", orderType="STP", auxPrice=FAR_BELOW / 2), parent=parent)
    working = c.status(parent, "Submitted")
    for child, why_held in ((target, "child"), (stop, "child,trigger")):
        held = c.status(child, "PreSubmitted", whyHeld=why_held)
        require_equal(held["parentId"], working["orderId"], f"parentId of {child}")
        if c.raw:
            report = c.seen("openOrder", ref=child)[0]
            group = (report["ocaGroup"], report["ocaType"], report["parentId"])
            wanted = (str(working["permId"]), 3, working["orderId"])
            require_equal(group, wanted, f"ocaGroup, ocaType and parentId of {child}")
    for ref in (parent, target, stop):
        require_pairs(c, ref)
    return parent, target, stop


def bracket(c: Conversation) -> None:
    """Three orders acknowledged, the children held with whyHeld "child" and "child,trigger" in an OCA group
    named after the parent's permId, of type 3 (captured from Gateway 10.40.1). The parent filled, the target
    is live and the stop waits for its trigger; cancelling one cancels the other. Cancelling a parent that has
    not filled cancels both children, each with Cancelled and 202."""
    parent, target, stop = place_bracket(c, "first")
    c.place(parent, AAPL, limit(FAR_ABOVE))
    require_filled(c, parent, 10)
    c.status(target, "Submitted", whyHeld="")
    c.status(stop, "PreSubmitted", whyHeld="trigger")
    c.cancel(target)
    require_cancelled(c, target)
    require_cancelled(c, stop)
    refs = place_bracket(c, "second")
    c.cancel(refs[0])
    for ref in refs:
        require_cancelled(c, ref)


def oca(c: Conversation) -> None:
    """In a group of type 1 a fill cancels the other order; cancelling one member cancels the group, each with
    Cancelled and 202 (captured)."""
    group = {"ocaGroup": "conformance filled", "ocaType": 1}
    c.place("rests", AAPL, limit(FAR_BELOW, **group))
    working = c.status("rests", "Submitted")
    c.place("fills", KO, limit(FAR_ABOVE, **group))
    require_filled(c, "fills", 10)
    require_cancelled(c, "rests")
    if c.raw:
        report = c.seen("openOrder", ref="rests")[0]
        require_equal((report["ocaGroup"], report["ocaType"]), ("conformance filled", 1), "ocaGroup, ocaType")
        require_equal(report["permId"], working["permId"], "permId")
    group = {"ocaGroup": "conformance cancelled", "ocaType": 1}
    for ref, contract in (("one", AAPL), ("two", KO)):
        c.place(ref, contract, limit(FAR_BELOW, **group))
        c.status(ref, "Submitted")
    c.cancel("one")
    require_cancelled(c, "one")
    require_cancelled(c, "two")


def reject(c: Conversation) -> None:
    """A request that does not validate is one error and neither openOrder nor orderStatus: 321 "Invalid order
    type was entered", 200 for an unknown contract (captured at server version 225), 110 for a price between
    ticks. An order the broker discards is Cancelled without openOrder, then 201 (captured). An id below the
    highest used is 103 (captured)."""
    causes = {
        "type": (AAPL, market(orderType="FEELINGS"), 321, "cause - Invalid order type was entered"),
        "contract": (UNKNOWN, market(), 200, "No security definition has been found for the request"),
        "price": (AAPL, limit(1.00001), 110, "does not conform to the minimum price variation"),
    }
    for ref, (contract, order, code, text) in causes.items():
        c.place(ref, contract, order)
        told = c.error(ref, code)
        require(text in told["text"], f"the text of {code}: {told['text']}")
        c.fence(f"after {ref}")
        if c.raw:
            require(
                not c.seen("openOrder", ref=ref) and not c.seen("orderStatus", ref=ref), f"{code} and more"
            )
    c.place("unaffordable", AAPL, limit(FAR_ABOVE, quantity=1_000_000))
    discarded = c.error("unaffordable", 201)
    require(discarded["text"].startswith("Order rejected - reason:"), discarded["text"])
    require(not c.seen("openOrder", ref="unaffordable"), "openOrder of a discarded order")
    cancelled = c.status("unaffordable", "Cancelled")
    if c.raw:
        require_order(cancelled, discarded)
    used = c.seen("placed")[-1]["id"]
    c.place("high", AAPL, limit(FAR_BELOW), orderId=used + 20)
    c.status("high", "Submitted")
    c.place("low", AAPL, limit(FAR_BELOW), orderId=used + 10)
    require_equal(c.error("low", 103)["text"], "Duplicate order id", "the text of 103")


def what_if(c: Conversation) -> None:
    """One openOrder, PreSubmitted, with margins and commission; no orderStatus, and no order afterwards
    (captured at server version 225)."""
    c.place("preview", AAPL, market(quantity=100, whatIf=True))
    previewed = c.wait("openOrder", ref="preview")
    require_equal(previewed["status"], "PreSubmitted", "status")
    require(previewed["initMarginChange"] > 0 and previewed["maintMarginChange"] > 0, f"{previewed}")
    require(previewed["equityWithLoanAfter"] > 0 and previewed["commission"] > 0, f"{previewed}")
    c.tell("reqOpenOrders")
    c.wait("openOrderEnd", after=previewed["n"])
    require_equal(len(c.seen("openOrder")), 1, "number of openOrder")
    require(not c.seen("orderStatus") and not c.seen("execDetails"), "a preview was worked")


def combo(c: Conversation) -> None:
    """An order for a pair of stocks fills as one: an execution of the combo and one of each leg."""
    legs = [
        {"conId": AAPL_CON_ID, "ratio": 1, "action": "BUY", "exchange": "SMART"},
        {"conId": MSFT_CON_ID, "ratio": 1, "action": "SELL", "exchange": "SMART"},
    ]
    c.place("pair", AAPL | {"secType": "BAG", "comboLegs": legs}, market(quantity=2))
    c.status("pair", "Filled", filled=2, remaining=0)
    for con_id, side in ((AAPL_CON_ID, "BOT"), (MSFT_CON_ID, "SLD")):
        leg = c.wait("execDetails", ref="pair", conId=con_id)
        require_equal((leg["secType"], leg["side"], leg["shares"]), ("STK", side, 2), f"leg {con_id}")
    require(c.seen("execDetails", ref="pair", secType="BAG"), "no execution of the combo itself")


def executions(c: Conversation) -> None:
    """reqExecutions: each execution under the request's id with its commission report, ids all different and
    those of the live reports, then the end; the filter's symbol is kept to (captured)."""
    for ref, contract in (("apple", AAPL), ("coke", KO)):
        c.place(ref, contract, market())
        require_filled(c, ref, 10)
    live = [e["execId"] for e in c.seen("execDetails", request=None)]
    began = len(c.observations)
    c.tell("reqExecutions", "all")
    c.wait("execDetailsEnd", ref="all")
    found = c.seen("execDetails", request="all")
    require_equal([e["execId"] for e in found], live, "execution ids")
    require_equal(len(set(live)), len(live), "different execution ids")
    for execution in found:
        c.wait("commissionReport", after=began, execId=execution["execId"])
        require_equal(execution["acctNumber"], c.wait("managedAccounts")["accounts"], "account")
    c.tell("reqExecutions", "some", symbol="KO")
    c.wait("execDetailsEnd", ref="some")
    require_equal({e["symbol"] for e in c.seen("execDetails", request="some")}, {"KO"}, "filtered symbols")


def completed_orders(c: Conversation) -> None:
    """A filled order has filledQuantity and totalQuantity 0 and "Filled Size: 10"; a cancelled one "Cancelled
    by Trader"; both the time they ended (captured); an open order is not among them."""
    c.place("fills", KO, market())
    c.status("fills", "Filled")
    c.place("ends", AAPL, limit(FAR_BELOW))
    c.status("ends", "Submitted")
    c.cancel("ends")
    require_cancelled(c, "ends")
    c.place("open", MSFT, limit(FAR_BELOW))
    c.status("open", "Submitted")
    c.tell("reqCompletedOrders")
    c.wait("completedOrdersEnd")
    found = {o["symbol"]: o for o in c.seen("completedOrder")}
    require_equal(set(found), {"KO", "AAPL"}, "symbols of completed orders")
    filled, cancelled = found["KO"], found["AAPL"]
    require_equal((filled["status"], cancelled["status"]), ("Filled", "Cancelled"), "status")
    require_equal((filled["filledQuantity"], filled["totalQuantity"]), (10, 0), "filled and total quantity")
    require_equal(filled["permId"], c.status("fills", "Filled")["permId"], "permId")
    if c.reads("completedOrder", "completedStatus"):
        texts = (filled["completedStatus"], cancelled["completedStatus"])
        require_equal(texts, ("Filled Size: 10", "Cancelled by Trader"), "completedStatus")
        require(all(order["completedTime"][:8].isdigit() for order in found.values()), "completedTime")
