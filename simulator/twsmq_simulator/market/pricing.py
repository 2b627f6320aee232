"""Option values by Black and Scholes, without dividends and at one interest rate.

`OptionModel` gives what a subscriber to an option receives: the values at the model's own volatility, and
those at the volatility that a bid, ask or last price implies.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from math import erf, exp, log, pi, sqrt

import msgspec

RATE = 0.04
MODEL_VOLATILITY = 0.3
YEAR_NS = 365.25 * 86400 * 1e9


class Greeks(msgspec.Struct, frozen=True):
    price: float
    delta: float
    gamma: float
    vega: float  # per point of volatility, as the gateway reports it
    theta: float  # per day


def _cdf(x: float) -> float:
    return 0.5 * (1 + erf(x / sqrt(2)))


def years_left(expiry: str, now: int) -> float:
    end = datetime.strptime(expiry, "%Y%m%d").replace(hour=21, tzinfo=UTC).timestamp() * 1e9
    return max((end - now) / YEAR_NS, 1 / 365 / 24)


def value(under: float, strike: float, years: float, volatility: float, *, call: bool) -> Greeks:
    """Price and sensitivities of one option on one unit of the underlying."""
    volatility = max(volatility, 1e-4)
    root = volatility * sqrt(years)
    d1 = (log(under / strike) + (RATE + volatility * volatility / 2) * years) / root
    d2 = d1 - root
    discount = exp(-RATE * years)
    density = exp(-d1 * d1 / 2) / sqrt(2 * pi)
    sign = 1 if call else -1
    price = sign * (under * _cdf(sign * d1) - strike * discount * _cdf(sign * d2))
    delta = _cdf(d1) if call else _cdf(d1) - 1
    theta = -under * density * volatility / (2 * sqrt(years)) - sign * RATE * strike * discount * _cdf(
        sign * d2
    )
    return Greeks(price, delta, density / (under * root), under * density * sqrt(years) / 100, theta / 365)


def implied_volatility(
    price: float, under: float, strike: float, years: float, *, call: bool
) -> float | None:
    """The volatility at which the option is worth `price`, by bisection; None where no volatility is."""
    low, high = 1e-3, 5.0
    least = value(under, strike, years, low, call=call).price
    most = value(under, strike, years, high, call=call).price
    if not least <= price <= most:
        return None
    for _ in range(32):  # 5 halved 32 times is beyond any price's tick
        middle = (low + high) / 2
        if value(under, strike, years, middle, call=call).price < price:
            low = middle
        else:
            high = middle
    return (low + high) / 2


class Computation(msgspec.Struct, frozen=True):
    """`volatility` and `greeks` are None where no volatility gives `price`, as below the intrinsic value."""

    price: float
    volatility: float | None
    greeks: Greeks | None
    under_price: float


class OptionModel:
    """One option's values as they are now. `under` gives its underlying's price, `now` the time in ns."""

    def __init__(
        self, strike: float, expiry: str, *, call: bool, under: Callable[[], float], now: Callable[[], int]
    ) -> None:
        self._strike = strike
        self._expiry = expiry
        self._call = call
        self._under = under
        self._now = now

    def fair(self) -> Computation:
        """What the option is worth at the model's volatility."""
        under = self._under()
        greeks = value(under, self._strike, self._years(), MODEL_VOLATILITY, call=self._call)
        return Computation(greeks.price, MODEL_VOLATILITY, greeks, under)

    def at(self, price: float) -> Computation:
        """What a price of the option implies."""
        under, years = self._under(), self._years()
        volatility = implied_volatility(price, under, self._strike, years, call=self._call)
        if volatility is None:
            return Computation(price, None, None, under)
        return Computation(
            price, volatility, value(under, self._strike, years, volatility, call=self._call), under
        )

    def _years(self) -> float:
        return years_left(self._expiry, self._now())
