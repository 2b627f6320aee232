"""The past of the simulated market, made up backwards from where the price is now.

Every bar's return comes from a generator seeded with the market's seed, the conId and the bar's time, so the
same question at the same price has the same answer. Bars lie in the market's regular or extended hours; where
it is `always` open they lie round the clock instead of in the extended hours.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from math import exp
from random import Random
from typing import Final

import msgspec
from msgspec.structs import replace

from twsmq_simulator.errors import RequestRefused
from twsmq_simulator.market.book import SECONDS_PER_YEAR, Book
from twsmq_simulator.market.hours import session_span, whole_day
from twsmq_simulator.market.pricing import MODEL_VOLATILITY

BAR_SECONDS: Final = {
    "1 secs": 1, "5 secs": 5, "10 secs": 10, "15 secs": 15, "30 secs": 30, "1 min": 60, "2 mins": 120,
    "3 mins": 180, "5 mins": 300, "10 mins": 600, "15 mins": 900, "20 mins": 1200, "30 mins": 1800,
    "1 hour": 3600, "2 hours": 7200, "3 hours": 10800, "4 hours": 14400, "8 hours": 28800, "1 day": 86400,
    "1 week": 604800, "1 month": 2592000, "1 secs.": 1, "1 sec": 1, "1 W": 604800, "1 M": 2592000,
}  # fmt: skip
UNIT_DAYS: Final = {"D": 1.0, "W": 7.0, "M": 30.4375, "Y": 365.25}
MAX_BARS: Final = 20_000
DAY: Final = 86400


class Bar(msgspec.Struct, frozen=True):
    """`start` is ns UTC; volume and count are 0 where the data has none."""

    start: int
    open: float
    high: float
    low: float
    close: float
    volume: int
    average: float
    count: int


class Span(msgspec.Struct, frozen=True):
    opens: int
    closes: int


def duration(text: str, request_id: int) -> timedelta:
    """ "3600 S", "1 D", "2 W", "1 M", "1 Y". Raises RequestRefused(321)."""
    matched = re.fullmatch(r"(\d{1,6}) ([SDWMY])", text.strip())
    if matched is None:
        raise RequestRefused(
            321,
            "Error validating request.-'bN' : cause - Historical data query end date/time string is invalid",
            request_id,
        )
    count = int(matched[1])
    if matched[2] == "S":
        return timedelta(seconds=count)
    return timedelta(days=count * UNIT_DAYS[matched[2]])


def bar_seconds(text: str, request_id: int) -> int:
    seconds = BAR_SECONDS.get(text.strip())
    if seconds is None:
        cause = f"Historical data bar size setting is invalid. Legal ones are: {', '.join(BAR_SECONDS)}"
        raise RequestRefused(321, f"Error validating request.-'bN' : cause - {cause}", request_id)
    return seconds


def sessions(kind: str, start: int, end: int, *, regular: bool, always: bool) -> list[Span]:
    """The trading sessions that touch [start, end), oldest first. ns UTC."""
    found: list[Span] = []
    day = datetime.fromtimestamp(start / 1e9, UTC).date() - timedelta(days=1)
    last = datetime.fromtimestamp(end / 1e9, UTC).date() + timedelta(days=1)
    while day <= last:
        round_the_clock = always and not regular
        span = whole_day(kind, day) if round_the_clock else session_span(kind, day, regular=regular)
        if span is not None:
            opens, closes = (round(moment.timestamp() * 1e9) for moment in span)
            if closes > start and opens < end:
                found.append(Span(opens, closes))
        day += timedelta(days=1)
    return found


def starts(spans: list[Span], begin: int, end: int, seconds: int) -> list[int]:
    """Where bars start, oldest first; bars of a day and longer start with a session, that before a holiday
    where they are due on one.
    """
    found: list[int] = []
    step = seconds * 1_000_000_000
    if seconds >= DAY:
        slack = DAY // 2 * 1_000_000_000  # an hour less at a change of the clocks is a day too
        due = end
        for span in reversed(spans):
            if not found or span.opens <= due + slack:
                due = (due if found else span.opens) - step
                found.append(span.opens)
        return found[::-1]
    for span in reversed(spans):
        last = min(span.closes, end)
        at = span.opens + (last - 1 - span.opens) // step * step
        while at >= max(span.opens, begin) and len(found) < MAX_BARS:
            found.append(at)
            at -= step
    return found[::-1]


def bars(book: Book, seed: int, moments: list[int], seconds: int, *, trades: bool) -> list[Bar]:
    """One bar for each start, the last one closing at the present price."""
    instrument = book.instrument
    sigma = instrument.volatility * (min(seconds, DAY) / SECONDS_PER_YEAR) ** 0.5
    close = book.last
    found: list[Bar] = []
    for start in reversed(moments):
        rng = Random(f"{seed}/{instrument.con_id}/{start}/{seconds}")
        opened = close / exp(rng.gauss(0, sigma))
        high = max(opened, close) * (1 + abs(rng.gauss(0, sigma / 3)))
        low = min(opened, close) * (1 - abs(rng.gauss(0, sigma / 3)))
        prices = [_on_tick(book, price) for price in (opened, high, low, close)]
        prices[1], prices[2] = max(prices), min(prices)
        volume = rng.randint(1, 40) * instrument.lot * max(1, seconds // 60) if trades else 0
        average = round(sum(prices) / 4, 5)
        count = rng.randint(1, 400) if trades else 0
        found.append(Bar(start, prices[0], prices[1], prices[2], prices[3], volume, average, count))
        close = opened
    return found[::-1]


def shown_as(bar: Bar, what: str, book: Book) -> Bar:
    """A bar of trades as another kind of data has it. BID_ASK is open and low of the bid, high and close of
    the ask (IBKR docs); volatilities wander about the usual one as the price does about the present one.
    """
    i = book.instrument
    if what in ("HISTORICAL_VOLATILITY", "OPTION_IMPLIED_VOLATILITY"):
        usual = i.volatility if what == "HISTORICAL_VOLATILITY" else MODEL_VOLATILITY
        return _each_price(bar, lambda price: round(usual * price / book.last, 6))
    if not i.quoted or what not in ("BID", "ASK", "MIDPOINT", "BID_ASK"):
        return bar
    below = i.spread // 2 * i.min_tick
    bid = _each_price(bar, lambda price: round(price - below, 8) if price > below else price)
    ask = _each_price(bid, lambda price: round(price + i.spread * i.min_tick, 8))
    match what:
        case "BID":
            return bid
        case "ASK":
            return ask
        case "MIDPOINT":
            return _each_price(bid, lambda price: round(price + i.spread * i.min_tick / 2, 8))
        case _:
            return replace(ask, open=bid.open, low=bid.low)


def _each_price(bar: Bar, change: Callable[[float], float]) -> Bar:
    prices = {name: change(getattr(bar, name)) for name in ("open", "high", "low", "close", "average")}
    return replace(bar, **prices)


def _on_tick(book: Book, price: float) -> float:
    return book.price(round(price / book.instrument.min_tick))
