"""Option values by Black and Scholes, without dividends and at one interest rate."""

from datetime import UTC, datetime
from math import erf, exp, log, pi, sqrt

import msgspec

RATE = 0.04
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
    if (
        not value(under, strike, years, low, call=call).price
        <= price
        <= value(under, strike, years, high, call=call).price
    ):
        return None
    for _ in range(60):
        middle = (low + high) / 2
        if value(under, strike, years, middle, call=call).price < price:
            low = middle
        else:
            high = middle
    return (low + high) / 2
