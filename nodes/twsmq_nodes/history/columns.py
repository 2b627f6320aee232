"""The gateway's bars as columns, from its message to the reply. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import astuple
from twsmq_protocol.bar_columns import EMPTY, ordered
from twsmq_protocol.history_requests import BarColumns

from twsmq_nodes.tws.reference_events import Bar, HistoricalBarColumns
from twsmq_nodes.tws.whole_bars import bars_of

from .plan import NS, bar_time

_DAYS_BELOW = 100_000_000
"""As a number a date like 20260105 is less; as seconds that was 1973, of which nobody has minutes."""


def of_message(event: HistoricalBarColumns) -> BarColumns:
    if min(event.dates) < _DAYS_BELOW:
        return of_bars(bars_of(event))
    times = [date * NS for date in event.dates]
    columns = BarColumns(
        times, event.open, event.high, event.low, event.close, event.volume, event.wap, event.count
    )
    return columns if all(map(int.__lt__, times, times[1:])) else ordered(columns)


def of_bars(bars: Sequence[Bar]) -> BarColumns:
    """Bars without a readable date are left out."""
    rows = [(time, *astuple(bar)[1:]) for bar in bars if (time := bar_time(bar.date)) is not None]
    if not rows:
        return EMPTY
    return ordered(BarColumns(*map(list, zip(*rows, strict=True))))


def disagreements(one: BarColumns, other: BarColumns) -> tuple[int, int]:
    """How many bars both have, and in how many of them the close is not the same."""
    closes = dict(zip(other.time, other.close, strict=True))
    common = [
        (close, closes[time]) for time, close in zip(one.time, one.close, strict=True) if time in closes
    ]
    return len(common), sum(a != b for a, b in common)
