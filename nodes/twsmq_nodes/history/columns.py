"""The gateway's bars as columns of bytes, from its message to the reply. Pure."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from math import isnan
from operator import ne

from msgspec.structs import astuple
from twsmq_protocol.history_requests import PackedBars
from twsmq_protocol.packed_bars import EMPTY, between, floats, ordered, packed, rising, times

from twsmq_nodes.tws.reference_events import Bar, HistoricalBarColumns
from twsmq_nodes.tws.whole_bars import bars_of

from .plan import NS, bar_time

_DAYS_BELOW = 100_000_000
"""As a number a date like 20260105 is less; as seconds that was 1973, of which nobody has minutes."""


def of_message(event: HistoricalBarColumns) -> PackedBars:
    when = [date * NS for date in event.dates]
    prices = (event.open, event.high, event.low, event.close, event.volume, event.wap, event.count)
    in_order = rising(when)
    if (when[0] if in_order else min(when)) < _DAYS_BELOW * NS:
        return of_bars(bars_of(event))
    columns = PackedBars(array("q", when).tobytes(), *(column.tobytes() for column in prices))
    return columns if in_order else ordered(columns)


def of_bars(bars: Sequence[Bar]) -> PackedBars:
    """Bars without a readable date are left out."""
    rows = [(time, *astuple(bar)[1:]) for bar in bars if (time := bar_time(bar.date)) is not None]
    return ordered(packed(*zip(*rows, strict=True))) if rows else EMPTY


def disagreements(one: PackedBars, other: PackedBars) -> tuple[int, int]:
    """How many bars both have, and in how many of them the close is not the same."""
    if not one.time or not other.time:
        return 0, 0
    begin, end = max(times(one)[0], times(other)[0]), min(times(one)[-1], times(other)[-1]) + 1
    one, other = between(one, begin, end), between(other, begin, end)
    if one.time == other.time:
        # By their bytes: nothing is nothing again.
        pairs = memoryview(one.close).cast("q"), memoryview(other.close).cast("q")
        return len(one), 0 if one.close == other.close else sum(map(ne, *pairs))
    closes = dict(zip(times(other), floats(other.close), strict=True))
    common = [
        (close, closes[time])
        for time, close in zip(times(one), floats(one.close), strict=True)
        if time in closes
    ]
    return len(common), sum(a != b and not (isnan(a) and isnan(b)) for a, b in common)
