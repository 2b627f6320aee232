"""Bars: five-second ones as they close, and history kept up to date.

A history comes as all bars up to now; then the newest is sent again and again while it is being formed.
When one with a later time comes, the one before is final and is published once more as such.
"""

from __future__ import annotations

from calendar import timegm
from time import strptime

from msgspec import structs
from twsmq_protocol.market_events import Bar, BarRow, Bars

from twsmq_nodes.tws.events import Event, RealTimeBar
from twsmq_nodes.tws.reference_events import Bar as HistoryBar
from twsmq_nodes.tws.reference_events import (
    HistoricalBarColumns,
    HistoricalBars,
    HistoricalBarsEnd,
    HistoricalBarUpdate,
)
from twsmq_nodes.tws.whole_bars import bars_of

from ..listings import Listing
from .channels import Channel, LastEventChannel
from .publisher import Outlet, Publisher
from .quotes import NS

MOST_KEPT = 20_000
"""Bars kept for newcomers; the oldest go first. A history as it was asked for may be longer: then no more
than it had are kept."""


class RealTimeBarChannel(LastEventChannel):
    """Serves `bar5s/`."""

    __slots__ = ()

    def on_event(self, event: Event) -> None:
        if not isinstance(event, RealTimeBar):
            return
        bar = Bar(
            con_id=self.con_id,
            time=event.time_s * NS,
            open=event.open,
            high=event.high,
            low=event.low,
            close=event.close,
            volume=event.volume,
            wap=event.wap,
            count=event.count,
        )
        self.publish_last(bar)


class HistoryChannel(Channel):
    """Serves `bars/`. `_complete`: the history up to now has come."""

    repeats_value = False
    __slots__ = ("_bars", "_complete", "_most")

    def __init__(self, publisher: Publisher, listing: Listing) -> None:
        super().__init__(publisher, listing)
        self._bars: list[BarRow] = []
        self._complete = False
        self._most = MOST_KEPT

    def renew(self) -> None:
        self._bars = []
        self._complete = False

    def on_event(self, event: Event) -> None:
        match event:
            case HistoricalBars(bars=bars):
                self._bars += filter(None, map(_row, bars))
            case HistoricalBarColumns():
                self._bars += filter(None, map(_row, bars_of(event)))
            case HistoricalBarsEnd():
                self._complete = True
                self._most = max(MOST_KEPT, len(self._bars))
                self.publish(Bars(con_id=self.con_id, bars=list(self._bars)))
            case HistoricalBarUpdate(bar=bar):
                row = _row(bar)
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

    def _bar(self, row: BarRow, *, final: bool) -> Bar:
        return Bar(con_id=self.con_id, final=final, **structs.asdict(row))


def _row(bar: HistoryBar) -> BarRow | None:
    time = _time(bar.date)
    if time is None:
        return None
    return BarRow(
        time=time,
        open=bar.open,
        high=bar.high,
        low=bar.low,
        close=bar.close,
        volume=bar.volume,
        wap=bar.wap,
        count=bar.count,
    )


def _time(date: str) -> int | None:
    """Seconds since the epoch as asked for; a day or longer comes as its date (captured)."""
    try:
        return timegm(strptime(date, "%Y%m%d")) * NS if len(date) == 8 else int(date) * NS
    except ValueError:
        return None
