"""What a market's past year says of it: the figures of generic ticks 104, 165 and 411, from daily bars."""

from __future__ import annotations

from itertools import pairwise
from math import log, sqrt
from statistics import stdev
from typing import Final

import msgspec

from twsmq_simulator.market.book import Book
from twsmq_simulator.market.history import DAY, Bar, bars, sessions, starts

YEAR_DAYS: Final = 252
QUARTER_WEEKS: Final = 13
VOLATILITY_DAYS: Final = 30
VOLUME_DAYS: Final = 90


class Statistics(msgspec.Struct, frozen=True):
    """(low, high) of 13, 26 and 52 weeks; volume a day over 90 days; volatility a year over 30 days."""

    ranges: tuple[tuple[float, float], ...]
    average_volume: int
    volatility: float


def of_past_year(book: Book, seed: int, now: int) -> Statistics:
    """As the historical bars of regular hours have it, the day being formed included."""
    begin = now - 52 * 7 * DAY * 1_000_000_000
    spans = sessions(book.instrument.hours, begin, now, regular=True, always=False)
    year = bars(book, seed, starts(spans, begin, now, DAY), DAY, trades=True)
    return Statistics(
        ranges=tuple(
            _range(year, now, weeks) for weeks in (QUARTER_WEEKS, 2 * QUARTER_WEEKS, 4 * QUARTER_WEEKS)
        ),
        average_volume=sum(bar.volume for bar in year[-VOLUME_DAYS:]) // len(year[-VOLUME_DAYS:]),
        volatility=_volatility(year[-VOLATILITY_DAYS - 1 :]),
    )


def _range(year: list[Bar], now: int, weeks: int) -> tuple[float, float]:
    recent = [bar for bar in year if bar.start >= now - weeks * 7 * DAY * 1_000_000_000] or year[-1:]
    return min(bar.low for bar in recent), max(bar.high for bar in recent)


def _volatility(days: list[Bar]) -> float:
    returns = [log(later.close / earlier.close) for earlier, later in pairwise(days)]
    return round(stdev(returns) * sqrt(YEAR_DAYS), 6)
