"""The gateway's bars as columns of bytes, from its message to the reply. Pure."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from math import isnan
from operator import ne
from typing import NamedTuple

from msgspec.structs import astuple, replace
from twsmq_protocol.history_requests import PackedBars
from twsmq_protocol.packed_bars import EMPTY, between, floats, ordered, packed, rising, times

from twsmq_nodes.tws.absence import NOT_QUOTED, PENCE, sides_not_quoted
from twsmq_nodes.tws.gateway_times import MOST_S, bar_time, period_begins
from twsmq_nodes.tws.reference_events import Bar, HistoricalBarColumns
from twsmq_nodes.tws.whole_bars import bars_of

from .plan import LONG, NS

_MARKS = tuple(array("d", (price,)).tobytes() for price in (NOT_QUOTED, NOT_QUOTED * PENCE))
_NAN = float("nan")
_DAYS_BELOW = 100_000_000
"""As a number a date like 20260105 is less; as seconds that was 1973, of which nobody has minutes."""


def of_message(event: HistoricalBarColumns) -> PackedBars:
    when = event.dates.tolist()
    prices = (event.open, event.high, event.low, event.close, event.volume, event.wap, event.count)
    in_order = rising(when)
    first, last = (when[0], when[-1]) if in_order else (min(when), max(when))
    if first < _DAYS_BELOW or last >= MOST_S:
        return of_bars(bars_of(event))
    columns = PackedBars(_ns(event.dates), *(column.tobytes() for column in prices))
    return columns if in_order else ordered(columns)


def _ns(seconds: array[int]) -> bytes:
    """All at once, as one long number: none is negative, and no product needs more than its 64 bits."""
    eights = seconds.tobytes()
    return (int.from_bytes(eights, "little") * NS).to_bytes(len(eights), "little")


def of_bars(bars: Sequence[Bar]) -> PackedBars:
    """Bars without a readable date are left out."""
    rows = [(time, *astuple(bar)[1:]) for bar in bars if (time := bar_time(bar.date)) is not None]
    return ordered(packed(*zip(*rows, strict=True))) if rows else EMPTY


def begun(bars: PackedBars, size: str) -> PackedBars:
    """Bars of weeks and months by when they begin, whatever day the gateway dates them by."""
    if size not in LONG:
        return bars
    begins = array("q", [period_begins(size, time) for time in times(bars)])
    return ordered(replace(bars, time=begins.tobytes()))


class Common(NamedTuple):
    """`both` have so many bars, the last of them at `last`; in `differing` the close is not the same."""

    both: int = 0
    differing: int = 0
    last: int = 0


def common(one: PackedBars, other: PackedBars) -> Common:
    if not one.time or not other.time:
        return Common()
    begin, end = max(times(one)[0], times(other)[0]), min(times(one)[-1], times(other)[-1]) + 1
    if begin >= end:
        return Common()
    one, other = between(one, begin, end), between(other, begin, end)
    if one.time == other.time:
        # By their bytes: nothing is nothing again.
        pairs = memoryview(one.close).cast("q"), memoryview(other.close).cast("q")
        differing = 0 if one.close == other.close else sum(map(ne, *pairs))
        return Common(len(one), differing, times(one)[-1]) if len(one) else Common()
    closes = dict(zip(times(other), floats(other.close), strict=True))
    pairs_of = {
        time: (close, closes[time])
        for time, close in zip(times(one), floats(one.close), strict=True)
        if time in closes
    }
    differing = sum(a != b and not (isnan(a) and isnan(b)) for a, b in pairs_of.values())
    return Common(len(pairs_of), differing, max(pairs_of, default=0))


def without_marks(bars: PackedBars) -> PackedBars:
    """Of bars of quotes: sides that nobody quotes have no price."""
    sides = (bars.open, bars.high, bars.low, bars.close)
    if not any(mark in side for side in sides for mark in _MARKS):
        return bars
    columns = [array("d", side) for side in sides]
    for nth, prices in enumerate(zip(*columns, strict=True)):
        if below := sides_not_quoted(prices):
            for column in columns:
                if column[nth] in below:
                    column[nth] = _NAN
    names = ("open", "high", "low", "close")
    return replace(bars, **{name: column.tobytes() for name, column in zip(names, columns, strict=True)})
