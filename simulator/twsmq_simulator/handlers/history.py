"""Requests about the past."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from twsmq_simulator.errors import RequestRefused
from twsmq_simulator.handlers.market_data import book_of
from twsmq_simulator.handlers.table import Table, handles
from twsmq_simulator.market import history
from twsmq_simulator.market.instruments import Instrument
from twsmq_simulator.market.times import parse_time
from twsmq_simulator.streams import GrowingBars
from twsmq_simulator.wire import history_messages
from twsmq_simulator.wire import requests as r

if TYPE_CHECKING:
    from twsmq_simulator.gateway import Gateway
    from twsmq_simulator.session import Session

TABLE: Table = {}
WHAT_TO_SHOW = frozenset(
    {"TRADES", "MIDPOINT", "BID", "ASK", "BID_ASK", "ADJUSTED_LAST", "HISTORICAL_VOLATILITY", "AGGTRADES",
     "OPTION_IMPLIED_VOLATILITY", "FEE_RATE", "YIELD_BID", "YIELD_ASK", "YIELD_BID_ASK", "YIELD_LAST",
     "SCHEDULE"}
)  # fmt: skip
LIVE = frozenset({"TRADES", "MIDPOINT", "BID", "ASK"})  # what can be kept up to date (IBKR docs)
SERVICE_ERROR = "Historical Market Data Service error message:"
NO_DATA = SERVICE_ERROR + "HMDS query returned no data: {} {}"
TICKS_FAILED = "Failed to request historical ticks:"
HEAD_YEARS_NS = int(10 * 365.25 * 86400 * 1e9)
MAX_TICKS = 1000


@handles(TABLE, r.HistoricalData)
def historical_data(gateway: Gateway, session: Session, request: r.HistoricalData) -> None:
    """Bars, or for SCHEDULE the trading sessions; with keepUpToDate the last bar goes on."""
    request_id = request.request_id
    book = book_of(gateway, request.contract, request_id)
    instrument = book.instrument
    if request.what not in WHAT_TO_SHOW:
        raise RequestRefused(321, "Error validating request.-'bN' : cause - Invalid what to show", request_id)
    seconds = history.bar_seconds(request.bar_size, request_id)
    end = gateway.clock.now() if not request.end else parse_time(request.end)
    if end is None:
        cause = "Historical data query end date/time string is invalid"
        raise RequestRefused(321, f"Error validating request.-'bN' : cause - {cause}", request_id)
    session.limits.check_history(request, gateway.clock.now())
    if request.what != "SCHEDULE":
        _check_subscription(gateway, instrument, request)
    begin = end - int(history.duration(request.duration, request_id).total_seconds() * 1e9)
    if request.what == "SCHEDULE":
        spans = _sessions(gateway, instrument, request, begin, end)
        session.write(history_messages.schedule(request_id, instrument, spans))
        return
    if request.what == "TRADES" and instrument.sec_type == "CASH":
        text = NO_DATA.format(f"{instrument.local_symbol}@{instrument.exchange}", "Trades")
        raise RequestRefused(162, text, request_id)
    moments = _moments(gateway, instrument, request, begin, end, seconds)
    if not moments:
        text = NO_DATA.format(f"{instrument.local_symbol}@{instrument.exchange}", request.what.title())
        raise RequestRefused(162, text, request_id)
    trades = request.what in ("TRADES", "ADJUSTED_LAST", "AGGTRADES")
    walk = history.bars(book, gateway.settings.seed, moments, seconds, trades=trades)
    found = [history.shown_as(bar, request.what, book) for bar in walk]
    span = history.Span(begin, end)
    session.write(
        history_messages.historical_data(
            session.version, request_id, instrument, found, seconds, request.date_format, span
        )
    )
    if request.keep_up_to_date and request.what in LIVE:
        always = gateway.settings.hours == "always"
        stream = GrowingBars(
            session, request_id, book, seconds, request.what, request.date_format, always=always
        )
        stream.go_on(found[-1], book, gateway.clock.now())
        gateway.follow(stream, r.Cancel.HISTORY)


def _check_subscription(gateway: Gateway, instrument: Instrument, request: r.HistoricalData) -> None:
    """2188 for data up to now (captured at 225), else 162 (logs of users, 2022 to 2025)."""
    if not request.end and not gateway.permissions.has_live(instrument):
        text = "Up-to-the-second historical data requires additional subscription for the API."
        raise RequestRefused(2188, text, request.request_id)
    gateway.permissions.check_live(instrument, 162, SERVICE_ERROR, request.request_id)


def _sessions(
    gateway: Gateway, instrument: Instrument, request: r.HistoricalData, begin: int, end: int
) -> list[history.Span]:
    always = gateway.settings.hours == "always"
    return history.sessions(instrument.hours, begin, end, regular=request.regular_hours, always=always)


def _moments(
    gateway: Gateway, instrument: Instrument, request: r.HistoricalData, begin: int, end: int, seconds: int
) -> list[int]:
    """Where bars start. A duration in days counts trading days: on a Sunday "1 D" is Friday's session."""
    if request.duration.strip().endswith("D"):
        wanted = max(1, round((end - begin) / history.DAY / 1e9))
        earlier = begin - (4 + wanted) * history.DAY * 1_000_000_000
        begin = _sessions(gateway, instrument, request, earlier, end)[-wanted:][0].opens
    return history.starts(_sessions(gateway, instrument, request, begin, end), begin, end, seconds)


@handles(TABLE, r.HeadTimestamp)
def head_timestamp(gateway: Gateway, session: Session, request: r.HeadTimestamp) -> None:
    book = book_of(gateway, request.contract, request.request_id)
    begin = gateway.clock.now() - HEAD_YEARS_NS
    session.write(
        history_messages.head_timestamp(request.request_id, book.instrument, begin, request.date_format)
    )


@handles(TABLE, r.Histogram)
def histogram(gateway: Gateway, session: Session, request: r.Histogram) -> None:
    book = book_of(gateway, request.contract, request.request_id)
    rng = Random(f"{gateway.settings.seed}/{book.instrument.con_id}/histogram")
    points = [
        (book.price(book.last_ticks + n), rng.randint(1, 500) * book.instrument.lot) for n in range(-20, 21)
    ]
    session.write(history_messages.histogram(request.request_id, points))


@handles(TABLE, r.HistoricalTicks)
def historical_ticks(gateway: Gateway, session: Session, request: r.HistoricalTicks) -> None:
    """Up to 1000 ticks from a start on or up to an end; exactly one of the two has to be given (IBKR
    docs).
    """
    request_id = request.request_id
    book = book_of(gateway, request.contract, request_id)
    start, end = parse_time(request.start), parse_time(request.end)
    if (start is None) == (end is None) or request.what not in ("TRADES", "BID_ASK", "MIDPOINT"):
        text = f"{TICKS_FAILED}Invalid start, end or what to show"
        raise RequestRefused(10187, text, request_id)
    if not gateway.permissions.has_live(book.instrument):
        raise RequestRefused(10187, f"{TICKS_FAILED}No market data permissions", request_id)
    count = min(max(request.count, 1), MAX_TICKS)
    first = (start if start is not None else (end or 0) - count * 1_000_000_000) // 1_000_000_000
    rng = Random(f"{gateway.settings.seed}/{book.instrument.con_id}/{first}")
    lot = book.instrument.lot
    moves = [book.last_ticks + rng.randint(-10, 10) for _ in range(count)]
    prices = [book.price(ticks) for ticks in moves]
    if request.what == "TRADES":
        exchange = book.instrument.exchange
        rows = [(first + n, price, rng.randint(1, 5) * lot, exchange) for n, price in enumerate(prices)]
        session.write(history_messages.ticks_last(request_id, rows))
    elif request.what == "BID_ASK":
        spread = book.price(book.instrument.spread)
        quotes = [(first + n, p, round(p + spread, 8), lot, lot) for n, p in enumerate(prices)]
        session.write(history_messages.ticks_bid_ask(request_id, quotes))
    else:
        session.write(
            history_messages.ticks_midpoint(request_id, [(first + n, p) for n, p in enumerate(prices)])
        )
