"""Requests for streaming market data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twsmq_simulator.errors import RequestRefused
from twsmq_simulator.feeds import TopOfBook
from twsmq_simulator.generic_ticks import GenericTicks
from twsmq_simulator.handlers import news
from twsmq_simulator.handlers.table import Table, handles
from twsmq_simulator.market import permissions
from twsmq_simulator.market.book import BID, DEPTH, Book
from twsmq_simulator.market.contracts import ContractSpec
from twsmq_simulator.market.instruments import NO_DEFINITION
from twsmq_simulator.streams import Depth, MidpointTicks, QuoteTicks, RealTimeBars, TradeTicks
from twsmq_simulator.wire import requests as r
from twsmq_simulator.wire import tick_messages

if TYPE_CHECKING:
    from twsmq_simulator.gateway import Gateway
    from twsmq_simulator.session import Session

TABLE: Table = {}
MADE_IN_PIECES = (r.Cancel.HISTORY, r.Cancel.HISTOGRAM)
QUERY_CANCELLED = "Historical Market Data Service error message:API historical data query cancelled: "
TICKS_NOT_ALLOWED = "Failed to request tick-by-tick data."  # a full stop where others have a colon (captured)
BBO_EXCHANGE = "9c0001"  # captured


def book_of(gateway: Gateway, contract: ContractSpec, request_id: int) -> Book:
    """The book of the one instrument a request describes. Raises RequestRefused(200)."""
    if gateway.faults.finds_nothing:
        raise RequestRefused(200, NO_DEFINITION, request_id)
    instrument = gateway.catalogue.one(contract, request_id)
    return gateway.exchange.required(instrument.con_id)


@handles(TABLE, r.MarketDataType)
def market_data_type(gateway: Gateway, session: Session, request: r.MarketDataType) -> None:
    """Never answered, whatever the number (captured); it applies to requests that follow."""
    del gateway
    if request.kind in (1, 2, 3, 4):
        session.market_data_type = request.kind


@handles(TABLE, r.MarketData)
def market_data(gateway: Gateway, session: Session, request: r.MarketData) -> None:
    """marketDataType, tickReqParams, then what is known and every change (captured); a snapshot ends with
    57. A delayed stream has the two the other way round and is announced by 10167 (captured at 225).
    """
    request_id = request.request_id
    key = (r.Cancel.MARKET_DATA, request_id)
    if key in session.subscriptions or key in session.repeats:
        raise RequestRefused(322, "Error processing request.-'bW' : cause - Duplicate ticker id", request_id)
    session.limits.check_count("ticker", session.count(r.Cancel.MARKET_DATA), request)
    if request.contract.sec_type == "NEWS":
        provider = news.provider_of(request)
        news.follow_headlines(gateway, session, request_id, provider, provider)
        return
    book = book_of(gateway, request.contract, request_id)
    if gateway.faults.competing:
        raise RequestRefused(10197, "No market data during competing live session", request_id)
    snapshots = 3 if gateway.permissions.has_live(book.instrument) else 4  # captured
    min_tick = book.instrument.min_tick
    parameters = tick_messages.tick_request_params(request_id, min_tick, BBO_EXCHANGE, snapshots)
    try:
        kind = gateway.permissions.kind(book.instrument, session.market_data_type, request_id)
    except RequestRefused:
        session.write(parameters)  # they come before the refusal (captured)
        raise
    wanted = frozenset(request.generic_ticks.replace(" ", "").split(","))
    subscription = TopOfBook(
        session,
        request_id,
        book,
        kind=kind,
        asked=session.market_data_type,
        is_open=gateway.floor.follow_hours(book, gateway.clock.now()),
        generic=GenericTicks(request_id, session.version, wanted, book, gateway.exchange),
        model=gateway.exchange.model(book.instrument),
    )
    subscription.absent = gateway.faults.no_quotes.get(book.instrument.con_id)
    once = request.snapshot or request.regulatory_snapshot
    told = tick_messages.market_data_type(request_id, subscription.kind_now)
    if subscription.delayed and not once:
        session.write(parameters + told)  # in this order (captured at 225)
        session.error(request_id, 10167, permissions.SHOWN_DELAYED)
        session.write(subscription.open_delayed(book, gateway.clock.now()))
    else:
        session.write(told + parameters + subscription.snapshot(book, gateway.clock.now()))
    if once:
        session.write(tick_messages.snapshot_end(request_id))
        return
    gateway.floor.follow(subscription, r.Cancel.MARKET_DATA)
    if news.HEADLINES in wanted:
        about = book.instrument.long_name
        news.follow_headlines(gateway, session, request_id, news.NEWS_PROVIDERS[0][0], about)


@handles(TABLE, r.TickByTick)
def tick_by_tick(gateway: Gateway, session: Session, request: r.TickByTick) -> None:
    """Last, AllLast, BidAsk or MidPoint; the present quote comes at once. Without a subscription the first is
    refused in other words than the rest (captured at 207).
    """
    request_id = request.request_id
    session.limits.check_count("tick", session.count(r.Cancel.TICK_BY_TICK), request)
    book = book_of(gateway, request.contract, request_id)
    if request.kind == "Last":
        gateway.permissions.check_live(book.instrument, 10189, TICKS_NOT_ALLOWED, request_id)
    elif not gateway.permissions.has_live(book.instrument):
        raise RequestRefused(10089, permissions.SUBSCRIBE, request_id)
    now = gateway.clock.now()
    session.limits.check_tick_pace(book.instrument.con_id, request.kind, now, request_id)
    match request.kind:
        case "Last" | "AllLast":
            stream = TradeTicks(session, request_id, book, 1 if request.kind == "Last" else 2)
        case "BidAsk":
            stream = QuoteTicks(session, request_id, book)
            session.write(stream.current(book, now))
        case "MidPoint":
            stream = MidpointTicks(session, request_id, book)
            stream.on_step(book, BID, now)
        case _:
            text = "Failed to request tick-by-tick data:Invalid tick type"
            raise RequestRefused(10189, text, request_id)
    gateway.floor.follow(stream, r.Cancel.TICK_BY_TICK)


@handles(TABLE, r.MarketDepth)
def market_depth(gateway: Gateway, session: Session, request: r.MarketDepth) -> None:
    """Rows are inserted once, then updated. SMART needs the smart flag."""
    request_id = request.request_id
    session.limits.check_count("depth", session.count(r.Cancel.DEPTH), request)
    book = book_of(gateway, request.contract, request_id)
    direct = request.contract.exchange not in ("", "SMART")
    if not book.instrument.quoted or not (direct or request.smart):
        text = "Deep market data is not supported for this combination of security type/exchange"
        raise RequestRefused(10092, text, request_id)
    if not gateway.permissions.has_live(book.instrument):
        raise RequestRefused(354, permissions.NOT_SUBSCRIBED, request_id)
    rows = min(max(request.rows, 1), DEPTH)
    stream = Depth(session, request_id, book, rows, smart=request.smart)
    stream.on_step(book, 0, gateway.clock.now())
    gateway.floor.follow(stream, r.Cancel.DEPTH)


@handles(TABLE, r.RealTimeBars)
def real_time_bars(gateway: Gateway, session: Session, request: r.RealTimeBars) -> None:
    """Bars of five seconds, whatever size was asked for (IBKR docs)."""
    book = book_of(gateway, request.contract, request.request_id)
    gateway.permissions.check_live(book.instrument, 420, "Invalid Real-time Query:", request.request_id)
    past = gateway.exchange.past(book.instrument.con_id)
    stream = RealTimeBars(session, request.request_id, book, past, request.what, gateway.clock.now())
    gateway.floor.follow(stream, r.Cancel.REAL_TIME_BARS)


@handles(TABLE, r.Cancel)
def cancel(gateway: Gateway, session: Session, request: r.Cancel) -> None:
    """The end of a subscription; an unknown one is an error for market data only."""
    session.limits.heads.pop(request.request_id, None)
    repeated = gateway.stop_repeating(session, (request.what, request.request_id))
    subscription = session.subscriptions.pop((request.what, request.request_id), None)
    if subscription is not None:
        gateway.floor.unfollow(subscription)
        if isinstance(subscription, TopOfBook) and subscription.delayed:
            book = gateway.exchange.required(subscription.con_id)
            left = subscription.rest() or subscription.standing(book, gateway.clock.now())
            session.write(left)  # ticks under way when the cancel arrives (captured at 225)
        if request.what == r.Cancel.HISTORY:
            raise RequestRefused(162, QUERY_CANCELLED + str(request.request_id))
        return
    if repeated:
        return
    if request.what in MADE_IN_PIECES and gateway.long_answers.withdraw(session, request.request_id):
        if request.what == r.Cancel.HISTORY:
            raise RequestRefused(162, QUERY_CANCELLED + str(request.request_id))
        return
    match request.what:
        case r.Cancel.MARKET_DATA:
            raise RequestRefused(300, f"Can't find EId with tickerId:{request.request_id}")
        case r.Cancel.DEPTH:
            text = f"Can't find the subscribed market depth with tickerId:{request.request_id}"
            raise RequestRefused(310, text)
        case r.Cancel.HISTORY:
            raise RequestRefused(366, f"No historical data query found for ticker id:{request.request_id}")
        case r.Cancel.SCANNER:
            raise RequestRefused(365, f"No scanner subscription found for ticker id:{request.request_id}")
        case r.Cancel.PNL_SINGLE:
            raise RequestRefused(10186, "Failed to cancel PNL single (not subscribed)")
        case _:
            return
