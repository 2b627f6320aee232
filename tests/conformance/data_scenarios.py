"""Scenarios of contracts, streams and history."""

from __future__ import annotations

import re
from typing import Any

from .conversation import Conversation, Deviation, Observation
from .expectations import (
    AAPL,
    AAPL_CON_ID,
    MSFT,
    UNKNOWN,
    require,
    require_equal,
    require_order,
)

BID, ASK, LAST = 1, 2, 4
EXCHANGES_AND_TIME = (32, 33, 45)
SIZE_OF = {BID: 0, ASK: 3, LAST: 5}
NO_ZONE = re.compile(r"\d{8} {1,2}\d\d:\d\d:\d\d")
WITH_ZONE = re.compile(r"\d{8} \d\d:\d\d:\d\d [A-Z][A-Za-z]+/[A-Za-z_]+")
INSTRUMENT_TIMEZONE = 174  # the server version that writes times with their zone
KINDS = [
    AAPL,
    {"symbol": "ES", "secType": "FUT", "exchange": "CME", "currency": "USD"},
    {"symbol": "EUR", "secType": "CASH", "exchange": "IDEALPRO", "currency": "USD"},
    {"symbol": "SPX", "secType": "IND", "exchange": "CBOE", "currency": "USD"},
    {"symbol": "BTC", "secType": "CRYPTO", "exchange": "PAXOS", "currency": "USD"},
    {"symbol": "XAUUSD", "secType": "CMDTY", "exchange": "SMART", "currency": "USD"},
    {"symbol": "IBUS500", "secType": "CFD", "exchange": "SMART", "currency": "USD"},
    {"symbol": "US-T", "secType": "BOND", "exchange": "SMART", "currency": "USD"},
    {"symbol": "VINIX", "secType": "FUND", "exchange": "FUNDSERV", "currency": "USD"},
]


def contract_details(c: Conversation) -> None:
    """Every kind of instrument has details, bonds by their own message, each answer ended; an unknown symbol
    is error 200 under the request's id (captured), and nothing else."""
    for contract in KINDS:
        ref = contract["symbol"]
        c.tell("reqContractDetails", ref, contract=contract)
        c.wait("contractDetailsEnd", ref=ref)
        found = c.seen("contractDetails", ref=ref)
        require(found, f"no details of {contract}")
        for row in found:
            require_equal((row["symbol"], row["secType"]), (ref, contract["secType"]), "what was found")
            require(row["conId"] > 0 and row["currency"] == "USD", f"{row}")
            require(row["minTick"] > 0, f"minTick {row['minTick']} of {ref}")
    apple = c.seen("contractDetails", ref="AAPL")[0]
    require_equal((apple["conId"], apple["minTick"]), (AAPL_CON_ID, 0.01), "conId and minTick of AAPL")
    require("SMART" in apple["validExchanges"].split(","), "AAPL trades at SMART")
    multipliers = {str(row["multiplier"]) for row in c.seen("contractDetails", ref="ES")}
    require_equal(multipliers, {"50"}, "multiplier of ES")
    c.tell("reqContractDetails", "unknown", contract=UNKNOWN)
    told = c.error("unknown", 200)
    require_equal(told["text"], "No security definition has been found for the request", "the text of 200")
    require(not c.seen("contractDetails", ref="unknown"), "details of an unknown symbol")


def option_chain(c: Conversation) -> None:
    """Expirations and strikes of AAPL for each exchange and trading class, then the end (IBKR API docs)."""
    c.tell("reqSecDefOptParams", "chain", symbol="AAPL", secType="STK", conId=AAPL_CON_ID)
    c.wait("securityDefinitionOptionParameterEnd", ref="chain")
    rows = c.seen("securityDefinitionOptionParameter", ref="chain")
    require(rows, "no chain")
    for row in rows:
        terms = (int(row["underlyingConId"]), int(row["multiplier"]))  # text in some, a number in others
        require_equal(terms, (AAPL_CON_ID, 100), "underlying and multiplier")
        require(len(row["expirations"]) >= 4 and len(row["strikes"]) >= 10, f"{row}")
        require(all(re.fullmatch(r"\d{8}", day) for day in row["expirations"]), f"{row['expirations']}")


def level1(c: Conversation) -> None:
    """marketDataType 1, tickReqParams with the minTick, then bid, ask and last, each price followed by its
    size, and their exchanges and the time of the last trade as text (captured); the bid is below the ask;
    after cancelMktData nothing more comes."""
    c.tell("reqMktData", "quote", contract=AAPL)
    prices = {kind: c.wait("tickPrice", ref="quote", tickType=kind)["price"] for kind in (BID, ASK, LAST)}
    require(0 < prices[BID] < prices[ASK] and prices[LAST] > 0, f"prices {prices}")
    for size in SIZE_OF.values():
        c.wait("tickSize", ref="quote", tickType=size, size=lambda size: size > 0)
    kind = c.wait("marketDataType", ref="quote", type=1)
    parameters = c.wait("tickReqParams", ref="quote")
    if c.reads("tickReqParams", "minTick"):
        require_equal(parameters["minTick"], 0.01, "minTick")
    c.wait("tickPrice", ref="quote", tickType=lambda kind: kind in SIZE_OF, count=8)
    if c.raw:
        priced = c.seen("tickPrice", ref="quote", tickType=lambda kind: kind in SIZE_OF)
        require_order(kind, parameters, priced[0])
        for kind in EXCHANGES_AND_TIME:
            c.wait("tickString", ref="quote", tickType=kind, value=bool)
        for tick in priced[:8]:
            following = c.following(tick)
            found = (following["event"], following.get("tickType"))
            require_equal(found, ("tickSize", SIZE_OF[tick["tickType"]]), "after a price")
    c.tell("cancelMktData", "quote")
    c.fence("cancelled")
    last = len(c.observations)
    c.tell("reqMktData", "other", contract=MSFT)  # the market goes on while nothing of AAPL may come
    c.wait("tickPrice", ref="other", count=6)
    require(not c.seen("tickPrice", after=last, ref="quote"), "prices after cancelMktData")


def snapshot(c: Conversation) -> None:
    """Bid and ask once, then tickSnapshotEnd and nothing more (captured)."""
    c.tell("reqMktData", "snapshot", contract=MSFT, snapshot=True)
    end = c.wait("tickSnapshotEnd", ref="snapshot")
    for kind in (BID, ASK):
        require(c.seen("tickPrice", ref="snapshot", tickType=kind), f"no price of type {kind}")
    c.tell("reqMktData", "other", contract=AAPL)
    c.wait("tickPrice", ref="other", count=6)
    require(not c.seen("tickPrice", after=end["n"], ref="snapshot"), "prices after tickSnapshotEnd")


def tick_by_tick(c: Conversation) -> None:
    """Last, AllLast, BidAsk and MidPoint each stream under their own request, in the order of time, and end
    when cancelled (IBKR API docs)."""
    for kind in ("Last", "AllLast", "BidAsk", "MidPoint"):
        c.tell("reqTickByTickData", kind, contract=AAPL, kind=kind)
        c.wait("tickByTick", ref=kind, kind=kind, count=3)
        ticks = c.seen("tickByTick", ref=kind)
        require_equal({tick["kind"] for tick in ticks}, {kind}, "kinds under one request")
        times = [tick["time"] for tick in ticks]
        require_equal(times, sorted(times), f"times of {kind}")
        require(all(_is_sound(tick) for tick in ticks), f"{ticks}")
        c.tell("cancelTickByTickData", kind)
        c.fence(f"{kind} cancelled")
    last = c.wait("contractDetailsEnd", ref="Last cancelled")
    require(not c.seen("tickByTick", after=last["n"], ref="Last"), "ticks after cancelTickByTickData")


def _is_sound(tick: Observation) -> bool:
    match tick["kind"]:
        case "BidAsk":
            return 0 < tick["bidPrice"] < tick["askPrice"] and tick["bidSize"] > 0 and tick["askSize"] > 0
        case "MidPoint":
            return tick["midPoint"] > 0
        case _:
            return tick["price"] > 0 and tick["size"] > 0 and bool(tick["exchange"])


def depth(c: Conversation) -> None:
    """Rows of one exchange, then of all (smart): applied one after the other they give a book of five rows a
    side, in price order and not crossed, and no row is changed or deleted that is not there."""
    for ref, contract, smart in (("island", AAPL | {"exchange": "ISLAND"}, False), ("smart", AAPL, True)):
        c.tell("reqMktDepth", ref, contract=contract, rows=5, smart=smart)
        c.wait("updateMktDepth", ref=ref, side=0, position=4)
        c.wait("updateMktDepth", ref=ref, side=1, position=4)
        c.wait("updateMktDepth", ref=ref, count=30)
        rows = c.seen("updateMktDepth", ref=ref)
        if c.raw:
            require_equal({row["smart"] for row in rows}, {smart}, "isSmartDepth")
            require(not smart or all(row["marketMaker"] for row in rows), "a smart row names its exchange")
        _apply(rows)
        c.tell("cancelMktDepth", ref, smart=smart)
        c.fence(f"{ref} cancelled")


def _apply(rows: list[Observation]) -> None:
    """Plays the rows into a book; Deviation where one does not fit."""
    asks: list[float] = []
    bids: list[float] = []
    for row in rows:
        side, at = (bids if row["side"] == 1 else asks), row["position"]
        match row["operation"]:
            case 0 if at <= len(side):
                side.insert(at, row["price"])
                del side[5:]
            case 1 if at < len(side):
                side[at] = row["price"]
            case 2 if at < len(side):
                del side[at]
            case _:
                raise Deviation(f"{row} does not fit a book of {len(side)} rows")
    require(len(bids) == len(asks) == 5, f"rows at the end: {len(bids)} bids, {len(asks)} asks")
    require(bids == sorted(bids, reverse=True) and asks == sorted(asks), f"not in order: {bids} {asks}")
    require(bids[0] < asks[0], f"crossed: {bids[0]} {asks[0]}")


def history(c: Conversation) -> None:
    """Five-minute bars of two days in the order of time, then the end; times with the zone from server
    version 174 on and without it before (captured on both sides); a daily bar's date has eight digits; the
    head timestamp lies before."""
    c.tell("reqHistoricalData", "bars", contract=AAPL, duration="2 D", barSize="5 mins", whatToShow="TRADES")
    c.wait("historicalDataEnd", ref="bars")
    bars = c.seen("historicalData", ref="bars")
    require(len(bars) > 20, f"{len(bars)} bars")
    _require_sound(bars)
    c.tell("reqHistoricalData", "days", contract=AAPL, duration="5 D", barSize="1 day", whatToShow="TRADES")
    c.wait("historicalDataEnd", ref="days")
    days = c.seen("historicalData", ref="days")
    require_equal(len(days), 5, "daily bars of five days")
    _require_sound(days)
    if c.raw:
        version = c.wait("connected")["serverVersion"]
        form = WITH_ZONE if version >= INSTRUMENT_TIMEZONE else NO_ZONE
        require(all(form.fullmatch(bar["date"]) for bar in bars), f"date {bars[0]['date']} at {version}")
        require(all(re.fullmatch(r"\d{8}", day["date"]) for day in days), f"date {days[0]['date']}")
    c.tell("reqHeadTimeStamp", "head", contract=AAPL, whatToShow="TRADES")
    head = c.wait("headTimestamp", ref="head")["time"]
    require(str(head)[:4].isdigit() and str(head)[:4] < str(bars[0]["date"])[:4], f"head {head}")


def _require_sound(bars: list[dict[str, Any]]) -> None:
    dates = [bar["date"] for bar in bars]
    require(dates == sorted(set(dates)), "bars are not in the order of time")
    for bar in bars:
        inside = (
            bar["low"] <= min(bar["open"], bar["close"]) and max(bar["open"], bar["close"]) <= bar["high"]
        )
        require(inside and bar["low"] > 0, f"{bar}")


def history_kept_up_to_date(c: Conversation) -> None:
    """With keepUpToDate updates follow the bars; cancelHistoricalData is answered by 162 "API historical data
    query cancelled" with the request's id (captured)."""
    request = {"duration": "1 D", "barSize": "5 mins", "whatToShow": "TRADES", "keepUpToDate": True}
    c.tell("reqHistoricalData", "live", contract=AAPL, **request)
    end = c.wait("historicalDataEnd", ref="live")
    update = c.wait("historicalDataUpdate", ref="live")
    require_order(end, update)
    c.tell("cancelHistoricalData", "live")
    told = c.error("live", 162)
    wanted = f"Historical Market Data Service error message:API historical data query cancelled: {told['id']}"
    require_equal(told["text"], wanted, "the text of 162")
