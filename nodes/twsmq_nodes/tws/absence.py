"""What the gateway sends where it has no value: one table for all decoders, a row per field, with evidence.

Theory. "Not set" has many faces in this protocol. The largest double, int32, int64 or 2^127-1 are unset
whatever the field (ibapi's `UNSET_*`), as are NaN and infinities: `adapter_values.number` makes None of them,
as `ticks` does of the same in its frames.
All else depends on the field: -1 is a price of a spread and the volume of a bar of quotes, 0 a price beside a
size and none without. Those are here, and every event passes `cleaned` before anybody sees it; of plain
ticks, which go past it for speed, `marketdata.data.quotes` looks after, with these marks.

Evidence: D IBKR's API documentation, C seen on the wire, R reports of users, S ibapi's own decoder.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from .contracts import ContractInfo
from .events import (
    AccountSummary,
    AccountUpdateMulti,
    AccountValue,
    CommissionReport,
    Depth,
    OrderStatus,
    RealTimeBar,
    TickByTickBidAsk,
    TickByTickLast,
    TickByTickMidPoint,
    TickOptionComputation,
    TickReqParams,
)
from .reference_events import Bar, HistoricalTick

S = TypeVar("S", bound=Struct)

NOT_QUOTED = -1.0
"""The price of a side that nobody quotes: D "-1 with a size of 0", R ib_insync #221."""
PENCE = 100
"""The magnifier of prices in hundredths, which this mark has too: -100 (R bankroll #31)."""
NO_PRICE = frozenset((NOT_QUOTED, 0.0))
"""In place of a price that there is not: the same, or 0 (R Lean #3699)."""
MINUS_ONE = frozenset((-1.0,))
NOTHING = frozenset((0.0,))
LARGEST = (2**31 - 1, -(2**31), 2**63 - 1, -(2**63), 2**127 - 1)
"""Of each of its types of numbers, and what Java makes of one that is not there."""
UNSET_TEXTS = frozenset(map(str, LARGEST))
"""Largest numbers as texts, of fields that carry any value as text."""
UNSET_NUMBERS = frozenset(map(float, LARGEST))
"""The same where they are read as floats: ibapi takes the largest integer in a field of prices for one."""
MOMENTS = frozenset((45, 88))
"""String ticks that are a moment in seconds: C 0 of what never traded."""
NUMBERS = frozenset((*range(10), 14, 49, *range(66, 77), 90))
"""Ticks of a quote that are numbers: S no text says anything under these."""


class Absence(Struct, frozen=True):
    """`marks` in `field` say that there is no value, unless the field `beside` is more than 0. None for
    marks: whatever it says. `below`: so does whatever is below 0."""

    field: str
    marks: frozenset[float] | None
    evidence: str
    beside: str = ""
    below: bool = False


_QUOTE = "D of quotes with a size of 0, R as beside NOT_QUOTED and PENCE"
_BAR = "C bars of quotes: volume, average and count -1 (ib_async #29)"
_BARS = (
    Absence("wap", None, f"{_BAR}; of nothing traded there is no average", beside="volume"),
    Absence("wap", MINUS_ONE, _BAR),
    Absence("volume", MINUS_ONE, _BAR),
    Absence("count", MINUS_ONE, _BAR),
)
_COMPUTED = "S a price or volatility of -1, a derivative of -2 was not computed"

ABSENT: dict[type[Struct], tuple[Absence, ...]] = {
    TickByTickBidAsk: (
        Absence("bid_price", NO_PRICE, _QUOTE, beside="bid_size", below=True),
        Absence("ask_price", NO_PRICE, _QUOTE, beside="ask_size", below=True),
    ),
    TickByTickLast: (Absence("price", NO_PRICE, _QUOTE, beside="size", below=True),),
    TickByTickMidPoint: (
        Absence("mid_point", NO_PRICE, "R the middle of no quotes; there are none of combos"),
    ),
    Depth: (
        Absence(
            "price", NO_PRICE, f"{_QUOTE}; C a row deleted has price and size 0", beside="size", below=True
        ),
    ),
    RealTimeBar: _BARS,
    Bar: _BARS,
    HistoricalTick: (
        Absence("price", NO_PRICE, _QUOTE, beside="size"),
        Absence("bid_price", NO_PRICE, _QUOTE, beside="bid_size", below=True),
        Absence("ask_price", NO_PRICE, _QUOTE, beside="ask_size", below=True),
    ),
    TickOptionComputation: (
        *(
            Absence(name, MINUS_ONE, _COMPUTED, below=name != "und_price")
            for name in ("implied_vol", "opt_price", "pv_dividend", "und_price")
        ),
        *(Absence(name, frozenset((-2.0,)), _COMPUTED) for name in ("delta", "gamma", "vega", "theta")),
    ),
    TickReqParams: (Absence("min_tick", NOTHING, "R no step is none"),),
    ContractInfo: tuple(
        Absence(name, NO_PRICE, "R no step is none: bonds, combos")
        for name in ("min_tick", "min_size", "size_increment", "suggested_size_increment")
    ),
    OrderStatus: (
        Absence("avg_fill_price", NO_PRICE, "C 0 before the first fill", beside="filled"),
        Absence("last_fill_price", NO_PRICE, "C 0 before the first fill", beside="filled"),
        Absence("mkt_cap_price", NOTHING, "C 0 unless the order is capped"),
    ),
    CommissionReport: (Absence("yield_redemption_date", NOTHING, "C 0 of what is no bond"),),
}
"""A row per field that has a mark of its own, by the struct that carries it."""

_AS_TEXT = (AccountSummary, AccountValue, AccountUpdateMulti)
"""Events with a `value` that is a number as text."""


def cleaned(told: S) -> S:
    """The same without what only says that there is nothing."""
    rows = ABSENT.get(type(told))
    if rows is not None:
        changes = {row.field: None for row in rows if _is_absent(row, told)}
        return replace(told, **changes) if changes else told
    if isinstance(told, _AS_TEXT) and (value := said(told.value)) != told.value:
        return replace(told, value=value)
    return told


def sides_not_quoted(prices: Iterable[float | None], magnifier: int = PENCE) -> frozenset[float]:
    """Which of the prices in a bar of quotes stands for a side that nobody quotes, if any does: none beside
    other negative ones, where the market is below nought. By default of any `magnifier`."""
    below = frozenset(price for price in prices if price is not None and price < 0)
    marks = (NOT_QUOTED, NOT_QUOTED * magnifier)
    return below if len(below) == 1 and not below.isdisjoint(marks) else frozenset()


def tick_text(tick_type: int, value: str) -> str | None:
    """What a string tick says; None where it says that there is nothing."""
    nothing = not said(value) or (value == "0" and tick_type in MOMENTS) or tick_type in NUMBERS
    return None if nothing else value


def said(value: str) -> str:
    """A number as text, empty where it says that there is none."""
    if value in UNSET_TEXTS:
        return ""
    try:
        number = float(value)
    except ValueError:
        return value  # a word, like the type of an account
    return value if -1e300 < number < 1e300 and number not in UNSET_NUMBERS else ""


def _is_absent(row: Absence, told: Struct) -> bool:
    value = getattr(told, row.field)
    if value is None or (row.marks is not None and value not in row.marks and not (row.below and value < 0)):
        return False
    return not row.beside or not (getattr(told, row.beside) or 0) > 0
