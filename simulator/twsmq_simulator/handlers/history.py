"""Requests about the past."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from twsmq_simulator.errors import RequestRefused
from twsmq_simulator.faults import HISTORY_TROUBLES
from twsmq_simulator.handlers.market_data import book_of
from twsmq_simulator.handlers.orders import client_id_of
from twsmq_simulator.handlers.table import Table, handles
from twsmq_simulator.long_answers import exhaust
from twsmq_simulator.market import heads, history
from twsmq_simulator.market.book import Book
from twsmq_simulator.market.instruments import Instrument
from twsmq_simulator.market.past import Past
from twsmq_simulator.market.tape import Look
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
LIVE = frozenset({"TRADES", "MIDPOINT", "BID", "ASK", "AGGTRADES"})  # what can be kept up to date (IBKR docs)
INSTEAD = {"CRYPTO": "AGGTRADES", "CFD": "MIDPOINT", "FUND": "BID_ASK"}  # of TRADES, which these have not
SERVICE_ERROR = "Historical Market Data Service error message:"
NO_DATA = SERVICE_ERROR + "HMDS query returned no data: {} {}"
NO_KIND = SERVICE_ERROR + "No historical market data for {}/{}@{} Last {}"
TICKS_FAILED = "Failed to request historical ticks:"
BAD_END = (
    "End Date/Time: The date, time, or time-zone entered is invalid. The correct format is yyyymmdd hh:mm:ss "
    "xx/xxxx where yyyymmdd and xx/xxxx are optional. E.g.: 20031126 15:59:00 US/Eastern  Note that there "
    "is a space between the date and time, and between the time and time-zone.  If no date is specified, "
    "current date is assumed. If no time-zone is specified, local time-zone is assumed(deprecated).  You can "
    "also provide yyyymmddd-hh:mm:ss time is in UTC. Note that there is a dash between the date and time in "
    "UTC notation."
)
MAX_TICKS = 1000
AT_ONCE = 2_000  # minutes, or seconds of bars below a minute: some ten milliseconds
DAY_NS = history.DAY * history.SECOND
SIX_MONTHS_NS = 183 * DAY_NS
THREE_YEARS_NS = 3 * 366 * DAY_NS


@handles(TABLE, r.HistoricalData)
def historical_data(gateway: Gateway, session: Session, request: r.HistoricalData) -> None:
    """Bars, or for SCHEDULE the trading sessions; with keepUpToDate the last bar goes on."""
    request_id, now = request.request_id, gateway.clock.now()
    book = book_of(gateway, request.contract, request_id)
    instrument = book.instrument
    seconds = history.bar_seconds(request.bar_size, request_id)
    end = _end(gateway, request)
    back = history.duration(request.duration, request_id)
    _check_kind(instrument, request, seconds)
    held = session.count(r.Cancel.HISTORY)
    trouble = _trouble(gateway, session, request, instrument)
    if trouble == "silent":
        return
    session.limits.check_history(request, instrument.con_id, seconds, now, held)
    if request.what != "SCHEDULE":
        _check_subscription(gateway, session, instrument, request)
    begin = end - int(back.total_seconds()) * history.SECOND
    if request.what == "SCHEDULE":
        spans = _sessions(gateway, instrument, request, begin, end)
        session.write(history_messages.schedule(request_id, instrument, spans, gateway.zones))
        return
    begin = max(begin, heads.head(instrument))
    if seconds < 60:
        begin = max(begin, now - SIX_MONTHS_NS)  # bars of up to 30 seconds go back so far (IBKR docs)
    past = gateway.exchange.past(instrument.con_id)
    kind = history.Kind(past, request.what, now)
    begin, spans = _window(gateway, instrument, request, begin, end)
    pieces = _answer(gateway, session, request, kind, spans, history.Span(begin, end), seconds, trouble)
    if not request.keep_up_to_date:
        _make(gateway, session, request_id, pieces, spans, min(seconds, 60))
        return
    exhaust(pieces)
    if request.what in LIVE:
        always = gateway.settings.hours == "always"
        stream = GrowingBars(
            session, request_id, book, seconds, kind, request.date_format, gateway.zones,
            always=always, regular=request.regular_hours and not always,
        )  # fmt: skip
        stream.disorder = instrument.con_id in gateway.faults.old_bars
        gateway.floor.follow(stream, r.Cancel.HISTORY)


def _answer(
    gateway: Gateway,
    session: Session,
    request: r.HistoricalData,
    kind: history.Kind,
    spans: list[history.Span],
    span: history.Span,
    seconds: int,
    trouble: str | None,
) -> Iterator[None]:
    """Makes the bars a session at a time, then writes them; from the beginning where prices have become
    others meanwhile, as by a split. Raises RequestRefused where there are none."""
    instrument, request_id = kind.past.instrument, request.request_id
    while True:
        made = kind.past.changed
        answer = history_messages.HistoricalData(
            session.version, request_id, instrument, seconds, request.date_format, span, gateway.zones
        )
        for bars in history.bars_in_pieces(kind, spans, span.opens, span.closes, seconds, kind.now):
            answer.add(bars)
            yield
            if made != kind.past.changed:
                break
        else:
            break
    if not answer:
        shown = "Trades" if request.what in ("TRADES", "ADJUSTED_LAST") else request.what.title()
        raise RequestRefused(
            162, NO_DATA.format(f"{instrument.local_symbol}@{_venue(request)}", shown), request_id
        )
    data = answer.message()
    rows = 4 + int.from_bytes(data[:4], "big")
    session.write(data[:rows] if trouble == "half" else data)


def _make(
    gateway: Gateway,
    session: Session,
    request_id: int,
    pieces: Iterator[None],
    spans: list[history.Span],
    unit: int,
) -> None:
    """At once what is soon made, else beside everything else. `unit`: seconds that are made at a time."""
    if sum(span.closes - span.opens for span in spans) <= AT_ONCE * unit * history.SECOND:
        exhaust(pieces)
    else:
        gateway.long_answers.add(session, request_id, pieces)


def _trouble(gateway: Gateway, session: Session, request: r.HistoricalData, i: Instrument) -> str | None:
    """What goes wrong with this query on command. Raises RequestRefused for what is refused."""
    trouble = gateway.faults.armed.take("history", client_id_of(session))
    if "history" in gateway.faults.broken_farms:
        return "silent"
    code, text = HISTORY_TROUBLES[trouble] if trouble is not None else (0, "")
    if code:
        where = f"{i.local_symbol}@{_venue(request)} {request.what.title()}"
        head = SERVICE_ERROR if code == 162 else ""
        raise RequestRefused(code, head + text.format(where), request.request_id)
    return trouble


def _venue(request: r.HistoricalData) -> str:
    return request.contract.exchange or "SMART"


def _end(gateway: Gateway, request: r.HistoricalData) -> int:
    """Where the query ends, ns UTC; empty is now. Raises RequestRefused(10314)."""
    end = gateway.clock.now() if not request.end else parse_time(request.end)
    if end is None:
        raise RequestRefused(10314, BAD_END, request.request_id)
    if request.end and request.contract.sec_type == "CONTFUT":
        text = "Setting end date/time for continuous future security type is not allowed"
        raise RequestRefused(10339, text, request.request_id)
    return end


def _check_kind(i: Instrument, request: r.HistoricalData, seconds: int) -> None:
    """Whether there are such data of such an instrument at all (IBKR docs 21.04)."""
    what, request_id = request.what, request.request_id
    if what not in WHAT_TO_SHOW:
        raise history.invalid("Invalid what to show", request_id)
    if what == "SCHEDULE":
        if seconds != history.DAY:
            raise RequestRefused(10295, "Only daily resolution supported for Schedule requests", request_id)
        return
    history.check_step_size(request.duration, seconds, request_id)
    if what == "ADJUSTED_LAST" and request.end:
        raise history.invalid("End Date not supported with adjusted last", request_id)
    if what == "TRADES" and i.sec_type in INSTEAD:
        text = f"Expected what to show is {INSTEAD[i.sec_type]}, please use that instead of {what}."
        raise RequestRefused(10299, text, request_id)
    none = (what == "TRADES" and i.sec_type == "CASH") or (
        not i.quoted and i.sec_type == "IND" and what in ("BID", "ASK", "MIDPOINT", "BID_ASK")
    )
    if none or (i.sec_type == "BAG" and what in ("TRADES", "AGGTRADES")):
        text = NO_KIND.format(i.symbol, i.sec_type, i.exchange, seconds)
        raise RequestRefused(162, text, request_id)


def _check_subscription(
    gateway: Gateway, session: Session, instrument: Instrument, request: r.HistoricalData
) -> None:
    """2188 for data up to now is a notice, and the bars follow (captured at 225, rust-ibapi issue 764); else
    162 (logs of users, 2022 to 2025).
    """
    if gateway.permissions.has_live(instrument):
        return
    if not request.end:
        text = "Up-to-the-second historical data requires additional subscription for the API."
        session.error(request.request_id, 2188, text)
        return
    gateway.permissions.check_live(instrument, 162, SERVICE_ERROR, request.request_id)


def _sessions(
    gateway: Gateway, instrument: Instrument, request: r.HistoricalData, begin: int, end: int
) -> list[history.Span]:
    always = gateway.settings.hours == "always"
    return history.sessions(instrument.hours, begin, end, regular=request.regular_hours, always=always)


def _window(
    gateway: Gateway, instrument: Instrument, request: r.HistoricalData, begin: int, end: int
) -> tuple[int, list[history.Span]]:
    """Where bars may begin, and the sessions. A duration in days counts trading days: on a Sunday "1 D" is
    Friday's session. Bars of a day and longer are as many as go into the duration.
    """
    if request.duration.strip().endswith("D"):
        wanted = max(1, round((end - begin) / DAY_NS))
        spans = _sessions(gateway, instrument, request, begin - (4 + wanted) * DAY_NS, end)[-wanted:]
        return (spans[0].opens if spans else begin), spans
    spans = _sessions(gateway, instrument, request, begin, end)
    if history.bar_seconds(request.bar_size, request.request_id) >= history.DAY:
        spans = [span for span in spans if span.opens >= begin]
    return begin, spans


@handles(TABLE, r.HeadTimestamp)
def head_timestamp(gateway: Gateway, session: Session, request: r.HeadTimestamp) -> None:
    """When the data begin. It stays open like a query until it is cancelled (IBKR docs 21.02)."""
    book = book_of(gateway, request.contract, request.request_id)
    held = session.count(r.Cancel.HISTORY)
    session.limits.check_head(request, book.instrument.con_id, gateway.clock.now(), held)
    begin = heads.head(book.instrument)
    session.write(
        history_messages.head_timestamp(request.request_id, book.instrument, begin, request.date_format)
    )


@handles(TABLE, r.Histogram)
def histogram(gateway: Gateway, session: Session, request: r.Histogram) -> None:
    """What traded at each price over a period: the volume of its minutes at their closes."""
    request_id, now = request.request_id, gateway.clock.now()
    book = book_of(gateway, request.contract, request_id)
    i = book.instrument
    begin = now - _period(request.period, request_id)
    always = gateway.settings.hours == "always"
    spans = history.sessions(i.hours, begin, now, regular=request.regular_hours, always=always)
    pieces = _volumes(gateway, session, request_id, book, spans, history.Span(begin, now))
    _make(gateway, session, request_id, pieces, spans, 60)


def _volumes(
    gateway: Gateway,
    session: Session,
    request_id: int,
    book: Book,
    spans: list[history.Span],
    of: history.Span,
) -> Iterator[None]:
    traded: dict[int, int] = {}
    past = gateway.exchange.past(book.instrument.con_id)
    for span in spans:
        first = max(of.opens, span.opens) // history.MINUTE
        last = -(-min(of.closes, span.closes) // history.MINUTE)
        for _, minute in past.minutes(first, last, of.closes):
            traded[minute[3]] = traded.get(minute[3], 0) + minute[4]
        yield
    points = [(book.price(ticks), size) for ticks, size in sorted(traded.items())]
    session.write(history_messages.histogram(request_id, points))


def _period(text: str, request_id: int) -> int:
    """ "3 days", "1 week", "2 months", ns. Raises RequestRefused(321)."""
    count, _, unit = text.strip().partition(" ")
    days = {"second": 1 / 86400, "minute": 1 / 1440, "hour": 1 / 24, "day": 1, "week": 7, "month": 30.4375}
    one = days.get(unit.rstrip("s"))
    if not count.isdigit() or one is None or not 0 < int(count) * one <= 370:
        raise history.invalid("Invalid time period", request_id)
    return int(int(count) * one * DAY_NS)


@handles(TABLE, r.HistoricalTicks)
def historical_ticks(gateway: Gateway, session: Session, request: r.HistoricalTicks) -> None:
    """As many ticks as asked for, at most 1000, and then those that complete the last second; from a start on
    or up to an end, of which exactly one has to be given; of the last three years, none for combos (IBKR docs
    21.06).
    """
    request_id = request.request_id
    book = book_of(gateway, request.contract, request_id)
    start, end = parse_time(request.start), parse_time(request.end)
    if (start is None) == (end is None) or request.what not in ("TRADES", "BID_ASK", "MIDPOINT"):
        raise RequestRefused(10187, f"{TICKS_FAILED}Invalid start, end or what to show", request_id)
    if not gateway.permissions.has_live(book.instrument):
        raise RequestRefused(10187, f"{TICKS_FAILED}No market data permissions", request_id)
    if book.instrument.sec_type == "BAG":
        raise RequestRefused(10187, f"{TICKS_FAILED}No historical ticks for combos", request_id)
    count = min(max(request.count, 1), MAX_TICKS)
    past = gateway.exchange.past(book.instrument.con_id)
    looks = _from(gateway, past, request, start, count) if start is not None else []
    if end is not None:
        looks = _up_to(gateway, past, request, end, count)
    _write_ticks(session, request, book.instrument, looks)


def _session_of(
    gateway: Gateway, past: Past, request: r.HistoricalTicks, ns: int, *, later: bool
) -> list[history.Span]:
    """One session's ticks at a time: that of a moment, else the next (or the last before it)."""
    always, now = gateway.settings.hours == "always", gateway.clock.now()
    week = 9 * DAY_NS
    begin, end = (ns, min(ns + week, now + 1)) if later else (ns - week, min(ns, now + 1))
    begin = max(begin, now - THREE_YEARS_NS)
    spans = history.sessions(past.instrument.hours, begin, end, regular=request.regular_hours, always=always)
    return spans[:1] if later else spans[-1:]


def _wanted(request: r.HistoricalTicks, looks: list[Look]) -> list[Look]:
    return [look for look in looks if look.size] if request.what == "TRADES" else looks


def _from(gateway: Gateway, past: Past, request: r.HistoricalTicks, start: int, count: int) -> list[Look]:
    now = gateway.clock.now()
    found: list[Look] = []
    for span in _session_of(gateway, past, request, start, later=True):
        at, stop = max(start, span.opens), min(span.closes, now + 1)
        while at < stop and len(found) <= count:
            until = min(stop, (at // history.MINUTE + 1) * history.MINUTE)
            found += _wanted(request, list(past.ticks(at, until - 1, now)))
            at = until
    if len(found) > count:
        second = found[count - 1].ns // history.SECOND
        found = [look for nth, look in enumerate(found) if nth < count or look.ns // history.SECOND == second]
    return found


def _up_to(gateway: Gateway, past: Past, request: r.HistoricalTicks, end: int, count: int) -> list[Look]:
    now = gateway.clock.now()
    found: list[Look] = []
    for span in _session_of(gateway, past, request, end, later=False):
        stop = min(end, span.closes, now + 1)
        while stop > span.opens and len(found) <= count:
            begin = max(span.opens, (stop - 1) // history.MINUTE * history.MINUTE)
            found = _wanted(request, list(past.ticks(begin, stop - 1, now))) + found
            stop = begin
    if len(found) > count:
        second = found[-count].ns // history.SECOND
        first = len(found) - count
        found = [
            look for nth, look in enumerate(found) if nth >= first or look.ns // history.SECOND == second
        ]
    return found


def _write_ticks(session: Session, request: r.HistoricalTicks, i: Instrument, looks: list[Look]) -> None:
    request_id, tick = request.request_id, i.min_tick

    def price(ticks: float) -> float:
        return round(ticks * tick, 8)

    if request.what == "TRADES":
        rows = [(look.ns // history.SECOND, price(look.last), look.size, i.exchange) for look in looks]
        session.write(history_messages.ticks_last(request_id, rows))
    elif request.what == "BID_ASK":
        quotes = [
            (look.ns // history.SECOND, price(look.bid), price(look.ask),
             look.bid_size or i.lot, look.ask_size or i.lot)
            for look in looks
        ]  # fmt: skip
        session.write(history_messages.ticks_bid_ask(request_id, quotes))
    else:
        middles = [(look.ns // history.SECOND, price((look.bid + look.ask) / 2)) for look in looks]
        session.write(history_messages.ticks_midpoint(request_id, middles))
