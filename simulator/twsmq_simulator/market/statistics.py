"""What follows from a market's past year: the figures of generic ticks 104, 165 and 411, from daily bars."""

from __future__ import annotations

from itertools import pairwise
from math import log, sqrt
from statistics import stdev
from typing import Final

import msgspec

from twsmq_simulator.market.history import DAY, Bar, Kind, bars, sessions
from twsmq_simulator.market.past import Past

YEAR_DAYS: Final = 252
QUARTER_WEEKS: Final = 13
VOLATILITY_DAYS: Final = 30
VOLUME_DAYS: Final = 90


class Statistics(msgspec.Struct, frozen=True):
    """(low, high) of 13, 26 and 52 weeks; volume a day over 90 days; volatility a year over 30 days."""

    ranges: tuple[tuple[float, float], ...]
    average_volume: int
    volatility: float


def of_past_year(past: Past, now: int) -> Statistics:
    """As the historical bars of regular hours have it, the day being formed included."""
    begin = now - 52 * 7 * DAY * 1_000_000_000
    spans = sessions(past.instrument.hours, begin, now, regular=True, always=False)
    year = bars(Kind(past, "TRADES", now), spans, begin, now, DAY, now)
    tick = past.instrument.min_tick
    weeks = (QUARTER_WEEKS, 2 * QUARTER_WEEKS, 4 * QUARTER_WEEKS)
    return Statistics(
        ranges=tuple(_range(year, now, count, tick) for count in weeks),
        average_volume=sum(bar.volume for bar in year[-VOLUME_DAYS:]) // len(year[-VOLUME_DAYS:]),
        volatility=_volatility(year[-VOLATILITY_DAYS - 1 :]),
    )


def _range(year: list[Bar], now: int, weeks: int, tick: float) -> tuple[float, float]:
    recent = [bar for bar in year if bar.start >= now - weeks * 7 * DAY * 1_000_000_000] or year[-1:]
    low, high = min(bar.low for bar in recent), max(bar.high for bar in recent)
    return round(low * tick, 8), round(high * tick, 8)


def _volatility(days: list[Bar]) -> float:
    returns = [log(later.close / earlier.close) for earlier, later in pairwise(days)]
    return round(stdev(returns) * sqrt(YEAR_DAYS), 6)
