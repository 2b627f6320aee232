"""Where a price was, is and will be, from the seed alone: the walk behind history and live books.

A walk has three levels: days, hours and minutes. Every level's steps come from a hash of seed, conId and time
and are bent so that they end where the step of the level above ends. So any hour of any year is made by
itself, in some microseconds, and always alike. At the anchor, when the market began, the price is that of the
listing.

A minute is a tuple of whole numbers, prices in ticks: (open, high, low, close, volume, trades, turnover),
where turnover is the sum of price times size. A minute opens where the one before closed.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import shake_128
from math import exp, log
from typing import Final

from twsmq_simulator.market.instruments import Instrument

Minute = tuple[int, int, int, int, int, int, int]

SECOND: Final = 1_000_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 3600 * SECOND
DAY_HOURS: Final = 24
TRADING_DAYS: Final = 252
DRIFT: Final = 0.07  # a year
QUIET: Final = 0.25  # of the volatility outside liquid hours
LIQUID_HOURS: Final = {"us_equity": range(13, 21), "xetra": range(7, 17)}  # of the UTC day
MAX_TRADES: Final = 240  # in one minute, but for bursts
BURST: Final = 1 << 12  # one liquid minute in so many has a burst: more than 1,000 trades within a second
LEAST_TICKS: Final = 40
KEPT_HOURS: Final = 64


def _uniform(key: str, count: int) -> memoryview:
    """`count` numbers of 16 bits that depend on nothing but the key."""
    return memoryview(shake_128(key.encode()).digest(2 * count)).cast("H")


class Path:
    """One instrument's walk. `value` gives a derived price (an option's, a combo's) at a moment in ns; such a
    path has no walk of its own beyond the minutes.
    """

    def __init__(
        self, seed: int, i: Instrument, anchor: int, value: Callable[[int], float] | None = None
    ) -> None:
        self._key = f"{seed}/{i.con_id}"
        self._instrument = i
        self._value = value
        self._tick = i.min_tick
        self._liquid = LIQUID_HOURS.get(i.hours)
        self._daily = i.volatility / TRADING_DAYS**0.5
        self._first = anchor // HOUR // DAY_HOURS  # the day that `_later` and `_earlier` start from
        self._later: list[float] = [0.0]  # log price at the start of day first + n
        self._earlier: list[float] = [0.0]  # … of day first - n
        self._days: dict[int, list[float]] = {}
        self._hours: dict[int, list[Minute]] = {}
        self._level = 0.0
        if value is None:
            self._level = log(i.price) - self._log(anchor)
            self._level += log(i.price / self.price(anchor))  # the minutes' own steps
            self._hours.clear()

    # ---- levels

    def _step(self, day: int) -> float:
        """How far the log price moves on a day."""
        drawn = sum(_uniform(f"{self._key}/d{day}", 4)) / 131_070 - 1  # of -1 to 1, about normal
        return drawn * 1.73 * self._daily + DRIFT / 365

    def _start_of(self, day: int) -> float:
        away = day - self._first
        if away >= 0:
            while len(self._later) <= away:
                self._later.append(self._later[-1] + self._step(self._first + len(self._later) - 1))
            return self._later[away]
        while len(self._earlier) <= -away:
            self._earlier.append(self._earlier[-1] - self._step(self._first - len(self._earlier)))
        return self._earlier[-away]

    def _day(self, day: int) -> list[float]:
        """The log price at each hour of a UTC day, and at its end."""
        known = self._days.get(day)
        if known is not None:
            return known
        begin, end = self._start_of(day), self._start_of(day + 1)
        drawn = _uniform(f"{self._key}/h{day}", DAY_HOURS)
        steps = [(r / 32_767.5 - 1) * 1.73 * self._hourly(h) for h, r in enumerate(drawn)]
        bend = (end - begin - sum(steps)) / DAY_HOURS
        found = [begin]
        for step in steps:
            found.append(found[-1] + step + bend)
        if len(self._days) > KEPT_HOURS:
            self._days.clear()
        self._days[day] = found
        return found

    def _hourly(self, hour_of_day: int) -> float:
        if self._liquid is None:
            return self._daily / DAY_HOURS**0.5
        share = 1.0 if hour_of_day in self._liquid else QUIET
        return share * self._daily / len(self._liquid) ** 0.5

    def _log(self, ns: int) -> float:
        """Within an hour the log price goes straight; the minutes put their own steps on top."""
        hour, within = divmod(ns, HOUR)
        day, of_day = divmod(hour, DAY_HOURS)
        prices = self._day(day)
        return prices[of_day] + (prices[of_day + 1] - prices[of_day]) * within / HOUR

    def _boundary(self, hour: int) -> float:
        if self._value is not None:
            return self._value(hour * HOUR)
        day, of_day = divmod(hour, DAY_HOURS)
        return exp(self._day(day)[of_day] + self._level)

    # ---- what others ask

    def forget(self) -> None:
        """A derived price has changed."""
        if self._value is not None:
            self._hours.clear()

    def hour(self, hour: int) -> list[Minute]:
        """The sixty minutes of an hour since 1970."""
        known = self._hours.get(hour)
        if known is not None:
            return known
        if len(self._hours) >= KEPT_HOURS:
            del self._hours[next(iter(self._hours))]
        found = self._hours[hour] = self._minutes(hour)
        return found

    def minute(self, minute: int) -> Minute:
        hour, within = divmod(minute, 60)
        return self.hour(hour)[within]

    def price(self, ns: int) -> float:
        """The fair price at a moment: from a minute's open straight to its close. At the anchor the listing's
        price.
        """
        minute, within = divmod(ns, MINUTE)
        opened, _, _, closed, *_ = self.minute(minute)
        return (opened + (closed - opened) * within / MINUTE) * self._tick

    def _minutes(self, hour: int) -> list[Minute]:
        i, tick = self._instrument, self._tick
        begin, end = self._boundary(hour), self._boundary(hour + 1)
        of_day = hour % DAY_HOURS
        liquid = self._liquid is None or of_day in self._liquid
        sigma = abs(begin) * self._hourly(of_day) / 7.75 / tick  # of a minute, in ticks
        drawn = _uniform(f"{self._key}/m{hour}", 240)
        scale = sigma * 1.73 / 32_767.5
        mean = sum(drawn[:60]) / 60
        price, drift = begin / tick, (end - begin) / tick / 60
        wick = int(sigma * 1.2) + 2
        trades = MAX_TRADES if liquid else MAX_TRADES // 8
        unit = max(1, i.lot // 20) if i.lot > 1 else 1
        least = -(10**12) if i.sec_type == "BAG" else (LEAST_TICKS if self._value is None else 1)
        before = max(least, round(price))
        found: list[Minute] = []
        for nth in range(60):
            price += drift + (drawn[nth] - mean) * scale
            close = max(least, round(price))
            above, below = (before, close) if before > close else (close, before)
            busy = drawn[180 + nth]
            high = above + (drawn[60 + nth] * wick >> 16)
            low = max(least, below - (drawn[120 + nth] * wick >> 16))
            count = 4 + (busy * trades >> 16)
            if liquid and busy % BURST == 7:
                count += 1400
            volume = count * unit * (1 + (drawn[60 + nth] & 7))
            found.append(
                (before, high, low, close, volume, count, volume * (high + low + before + close) >> 2)
            )
            before = close
        return found
