"""Scenarios of connections, accounts and what is reported about them."""

from __future__ import annotations

import time

from .conversation import CLIENT_ID, Conversation
from .expectations import AAPL, FAR_BELOW, KO, limit, market, require, require_equal, require_order

FARM_CODES = {2104, 2106, 2158}


def connect(c: Conversation) -> None:
    """managedAccounts names the paper account, then nextValidId is 1 for a client id never used, then come
    the farm notices 2104, 2106 and 2158 under id -1 (captured); the gateway tells the current time."""
    accounts = c.wait("managedAccounts")
    require(accounts["accounts"].startswith("DU"), f"accounts {accounts['accounts']}")
    first_id = c.wait("nextValidId")
    for code in FARM_CODES:
        c.wait("error", id=-1, code=code)
    if c.raw:
        require_equal(first_id["orderId"], 1, "nextValidId")
        require_order(accounts, first_id, c.seen("error", code=lambda code: code in FARM_CODES)[0])
        require(not c.seen("openOrderEnd"), "openOrderEnd although there was no order")
    c.tell("reqCurrentTime")
    told = c.wait("currentTime")["time"]
    require(abs(told - time.time()) < 5, f"current time {told}")
    c.tell("disconnect")
    c.wait("connectionClosed")


def client_id_in_use(c: Conversation) -> None:
    """A second connection with the same client id is told 326 under id -1 and closed; the first one goes on
    (logged by users of several releases)."""
    other = c.another()
    other.tell("connect", host="127.0.0.1", port=c.gateway_port, clientId=CLIENT_ID)
    refused = other.wait("error", id=-1, code=326)
    require("client id is already in use" in refused["text"], refused["text"])
    other.wait_any(("connectionClosed", {}), ("refused", {}))
    require(not other.seen("nextValidId"), "an order id was given all the same")
    c.fence()


def reconnect(c: Conversation) -> None:
    """An order outlives its connection. On the next one with that client id it is reported before
    managedAccounts, ended by openOrderEnd, with its permId; nextValidId is one above it (captured)."""
    c.place("stays", AAPL, limit(FAR_BELOW, tif="GTC"))
    before = c.status("stays", "Submitted")
    c.tell("disconnect")
    c.wait("connectionClosed")
    began = c.connect_again()
    again = c.wait("openOrder", after=began, ref="stays")
    require_equal(again["permId"], before["permId"], "permId")
    require_equal(again["status"], "Submitted", "status")
    if c.raw:
        ended = c.wait("openOrderEnd", after=began)
        next_id = c.wait("nextValidId", after=began)
        require_order(again, ended, c.wait("managedAccounts", after=began), next_id)
        require_equal(next_id["orderId"], before["orderId"] + 1, "nextValidId")
    c.cancel("stays")
    c.error("stays", 202)


def two_clients(c: Conversation) -> None:
    """Another client sees the order through reqAllOpenOrders only, under its owner's clientId and orderId,
    and cannot cancel it: 10147 (captured from a Gateway of server version 225)."""
    other = c.another()
    other.connect(CLIENT_ID + 1)
    c.place("mine", AAPL, limit(FAR_BELOW))
    owned = c.status("mine", "Submitted")
    other.fence()
    require(not other.seen("openOrder") and not other.seen("orderStatus"), "the order was shown unasked")
    other.tell("reqAllOpenOrders")
    shown = other.wait("openOrder")
    other.wait("openOrderEnd")
    identity = (shown["clientId"], shown["orderId"], shown["permId"])
    require_equal(identity, (CLIENT_ID, owned["orderId"], owned["permId"]), "whose order it is")
    theirs = owned["orderId"] + 40  # an id of the owner that the other client never used
    c.place("high", KO, limit(FAR_BELOW), orderId=theirs)
    c.status("high", "Submitted")
    other.tell("cancelOrder", "theirs", orderId=theirs)
    refused = other.error("theirs", 10147)
    require_equal(
        refused["text"], f"OrderId {theirs} that needs to be cancelled is not found.", "the text of 10147"
    )
    c.tell("reqOpenOrders")
    c.wait("openOrder", ref="high", after=refused["n"])


def account(c: Conversation) -> None:
    """Account summary: the tags asked for, in alphabetical order, then its end. Positions with their cost.
    Account updates: keys in alphabetical order, each portfolio row followed by the time, accountDownloadEnd
    last (captured)."""
    c.place("buy", AAPL, market())
    c.status("buy", "Filled")
    c.tell("reqAccountSummary", "summary", tags="NetLiquidation,TotalCashValue,BuyingPower")
    c.wait("accountSummaryEnd", ref="summary")
    rows = c.seen("accountSummary", ref="summary")
    tags = [row["tag"] for row in rows]
    require_equal(sorted(tags), ["BuyingPower", "NetLiquidation", "TotalCashValue"], "tags")
    require(all(float(row["value"]) > 0 for row in rows), f"values {rows}")
    c.tell("reqPositions")
    end = c.wait("positionEnd")
    held = [o for o in c.seen("position", symbol="AAPL") if o["n"] < end["n"]]
    require(held and held[-1]["position"] == 10 and held[-1]["avgCost"] > 0, f"positions {held}")
    began = len(c.observations)
    name = c.wait("managedAccounts")["accounts"]
    c.tell("reqAccountUpdates", account=name)
    end = c.wait("accountDownloadEnd", after=began)
    updates = [o for o in c.seen(after=began) if o["n"] < end["n"]]
    require([o for o in updates if o["event"] == "updatePortfolio" and o["position"] == 10], "no AAPL row")
    keys = [o["tag"] for o in updates if o["event"] == "updateAccountValue"]
    require({"NetLiquidation", "BuyingPower"} <= set(keys), f"keys {keys}")
    if c.raw:
        require_equal(tags, sorted(tags), "order of the summary's tags")
        require_equal(keys, sorted(keys), "order of the account's keys")
        for row in [o for o in updates if o["event"] == "updatePortfolio"]:
            require_equal(c.following(row)["event"], "updateAccountTime", "after updatePortfolio")
