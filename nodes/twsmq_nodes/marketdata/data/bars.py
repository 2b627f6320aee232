"""Bars: five-second ones as they close, and history kept up to date.

A history comes as all bars up to now; then the newest is sent again and again while it is being formed.
When one with a later time comes, the one before is final and is published once more as such.
"""

from __future__ import annotations

from itertools import pairwise

from msgspec import structs
from twsmq_protocol.market_events import Bar, BarRow, Bars

from twsmq_nodes.tws.absence import sides_not_quoted
from twsmq_nodes.tws.events import RealTimeBar
from twsmq_nodes.tws.gateway_times import bar_time, period_begins
from twsmq_nodes.tws.reference_events import Bar as HistoryBar
from twsmq_nodes.tws.reference_events import (
    HistoricalBarColumns,
    HistoricalBars,
    HistoricalBarsEnd,
    HistoricalBarUpdate,
)
from twsmq_nodes.tws.whole_bars import bars_of

from ..listings import Listing
from .channels import Channel, DataEvent, LastEventChannel
from .publisher import Outlet, Publisher
from .quotes import NS

MOST_KEPT = 20_000
"""Bars kept for newcomers; the oldest go first. A history as it was asked for may be longer: then no more
than it had are kept."""


class RealTimeBarChannel(LastEventChannel):
    """Serves `bar5s/`."""

    takes = (RealTimeBar,)
    __slots__ = ()

    def on_event(self, event: DataEvent) -> None:
        if isinstance(event, RealTimeBar):
            row = _row(event, event.time_s * NS, self.listing)
            self.publish_last(Bar(con_id=self.con_id, **structs.asdict(row)))


class HistoryChannel(Channel):
    """Serves `bars/`. `_complete`: the history up to now has come; `_size`: as topics have it."""

    takes = (HistoricalBars, HistoricalBarColumns, HistoricalBarsEnd, HistoricalBarUpdate)
    repeats_value = False
    __slots__ = ("_bars", "_complete", "_most", "_size")

    def __init__(self, publisher: Publisher, listing: Listing) -> None:
        super().__init__(publisher, listing)
        self._bars: list[BarRow] = []
        self._complete = False
        self._most = MOST_KEPT
        self._size = ""

    def join(self, outlet: Outlet) -> None:
        super().join(outlet)
        self._size = outlet.topic.split("/", 2)[1]  # one for all: it is the feed's

    def renew(self) -> None:
        self._bars = []
        self._complete = False

    def on_event(self, event: DataEvent) -> None:
        match event:
            case HistoricalBars(bars=bars):
                self._bars += filter(None, map(self._row, bars))
            case HistoricalBarColumns():
                self._bars += filter(None, map(self._row, bars_of(event)))
            case HistoricalBarsEnd():
                self._complete = True
                self._bars = _in_order(self._bars)
                self._most = max(MOST_KEPT, len(self._bars))
                self.publish(Bars(con_id=self.con_id, bars=list(self._bars)))
            case HistoricalBarUpdate(bar=bar):
                row = self._row(bar)
                if row is not None:
                    self._update(row)
            case _:
                pass

    def _update(self, row: BarRow) -> None:
        bars = self._bars
        if bars and row.time < bars[-1].time:
            return  # what is final stays so
        if bars and row.time == bars[-1].time:
            bars[-1] = row
        else:
            if bars:
                self.publish(self._bar(bars[-1], final=True))
            bars.append(row)
            del bars[: -self._most]
        self.publish(self._bar(row, final=False))

    def greet(self, outlet: Outlet) -> bool:
        if self._complete:
            self.publisher.repost(outlet, Bars(con_id=self.con_id, bars=list(self._bars)))
        return self._complete

    def _row(self, bar: HistoryBar) -> BarRow | None:
        time = bar_time(bar.date)
        return None if time is None else _row(bar, period_begins(self._size, time), self.listing)

    def _bar(self, row: BarRow, *, final: bool) -> Bar:
        return Bar(con_id=self.con_id, final=final, **structs.asdict(row))


def _in_order(bars: list[BarRow]) -> list[BarRow]:
    """Each time once, as what came last: an update may come before the past that it belongs to."""
    if all(bar.time < after.time for bar, after in pairwise(bars)):
        return bars
    by_time = {bar.time: bar for bar in bars}
    return [by_time[time] for time in sorted(by_time)]


def _row(bar: HistoryBar | RealTimeBar, time: int, listing: Listing) -> BarRow:
    open_, high, low, close = _prices(bar, listing)
    return BarRow(
        time=time,
        open=open_,
        high=high,
        low=low,
        close=close,
        volume=bar.volume,
        wap=bar.wap,
        count=bar.count,
    )


def _prices(bar: HistoryBar | RealTimeBar, listing: Listing) -> tuple[float | None, ...]:
    """Of quotes, whose bars count no volume, without those of sides that nobody quotes; of a spread as they
    are, which may cost that.
    """
    prices = (bar.open, bar.high, bar.low, bar.close)
    if bar.volume is not None or listing.sec_type == "BAG":
        return prices
    nobody = sides_not_quoted(prices, listing.magnifier)
    return tuple(None if price in nobody else price for price in prices)
