"""What is gathered for one answer: which piece of history is asked for next, and what came of it. Pure.

A job has at most one request at the gateway. It says what to ask (`request`), takes what comes (`received`),
learns that a piece was empty (`empty`) or must be smaller (`shrink`), and is over when `result` is there.

Invariants: pieces follow each other without a gap or an overlap; a row is in the answer once, whatever the
gateway sends beyond the piece; a piece counts as done only when its end came or it was proved empty.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from msgspec import Struct
from twsmq_protocol.history_requests import (
    HISTORY_SIZES,
    BarPage,
    Head,
    Histogram,
    Schedule,
    SessionRow,
    TickPage,
    TickRow,
)
from twsmq_protocol.market_events import BarRow

from twsmq_nodes.tws import requests
from twsmq_nodes.tws.contracts import Contract
from twsmq_nodes.tws.events import Event
from twsmq_nodes.tws.gateway_times import execution_time_ns
from twsmq_nodes.tws.reference_events import (
    Bar,
    HeadTimestamp,
    HistoricalBars,
    HistoricalBarsEnd,
    HistoricalSchedule,
    HistoricalTick,
    HistoricalTicks,
)
from twsmq_nodes.tws.reference_events import Histogram as HistogramReceived

from .plan import DAY_S, NS, SIZES_S, SPANS_S, bar_time, duration, head_time, next_day, utc

TICKS_PER_REQUEST = 1000
SMALLEST_SPAN_S = 60


class Job(ABC):
    """One answer in the making: of one contract and one `what`. `result` is there once it is over."""

    def __init__(self, key: object, contract: Contract, what: str, *, rth: bool) -> None:
        self.key = key
        self.contract = contract
        self.what: str = what
        self.rth = rth
        self.result: Struct | None = None
        self._changed = False

    @abstractmethod
    def request(self, req_id: int) -> requests.Request:
        """What asks for the next piece."""

    @abstractmethod
    def received(self, event: Event) -> bool:
        """Take what came; whether the piece is done."""

    @abstractmethod
    def empty(self) -> None:
        """The piece was proved empty."""

    def other_what(self, what: str) -> bool:
        """False: it has been changed once already."""
        if self._changed or what == self.what:
            return False
        self._changed = True
        self.what = what
        return True

    def shrink(self) -> bool:
        """Ask for smaller pieces from now on. False: they cannot be smaller."""
        return False

    def cancel(self, req_id: int) -> requests.Request | None:
        return requests.CancelHistoricalData(req_id)


class BarsJob(Job):
    """Bars from `begin` to `end`, oldest first, at most `limit` of them."""

    def __init__(
        self,
        key: object,
        contract: Contract,
        what: str,
        size: str,
        begin: int,
        end: int,
        now: int,
        limit: int,
        *,
        rth: bool,
    ) -> None:
        super().__init__(key, contract, what, rth=rth)
        self._size = size
        self._at, self._end, self._now, self._limit = begin, end, now, limit
        self._span = SPANS_S[size] * NS
        self._rows: dict[int, BarRow] = {}
        self._piece: dict[int, BarRow] = {}
        if begin >= end:
            self._finish(None)

    @property
    def _stop(self) -> int:
        return min(self._at + self._span, self._end)

    def request(self, req_id: int) -> requests.Request:
        self._piece = {}
        up_to_now = self.what == "ADJUSTED_LAST"
        return requests.ReqHistoricalData(
            req_id,
            self.contract,
            end="" if up_to_now else utc(-(-self._stop // NS) * NS),
            duration=duration(self._size, self._at, self._now if up_to_now else self._stop),
            bar_size=HISTORY_SIZES[self._size],
            what_to_show=self.what,
            use_rth=int(self.rth),
            format_date=2,
        )

    def received(self, event: Event) -> bool:
        match event:
            case HistoricalBars(bars=bars):
                self._piece |= {row.time: row for row in map(_bar_row, bars) if row is not None}
                return False
            case HistoricalBarsEnd():
                self._take()
                return True
            case _:
                return False

    def empty(self) -> None:
        self._piece = {}
        self._take()

    def shrink(self) -> bool:
        if self._span <= SMALLEST_SPAN_S * NS:
            return False
        self._span //= 2
        return True

    def _take(self) -> None:
        stop = self._end if self.what == "ADJUSTED_LAST" else self._stop
        unfinished = self._now - SIZES_S[self._size] * NS
        inside = [time for time in self._piece if self._at <= time < stop and time <= unfinished]
        self._rows |= {time: self._piece[time] for time in sorted(inside)}
        self._piece = {}
        self._at = stop
        if len(self._rows) > self._limit:
            self._finish(sorted(self._rows)[self._limit])
        elif stop >= self._end:
            self._finish(None)
        elif len(self._rows) == self._limit:
            self._finish(stop)

    def _finish(self, following: int | None) -> None:
        rows = [self._rows[time] for time in sorted(self._rows)[: self._limit]]
        con_id = self.contract.con_id or None
        self.result = BarPage(bars=rows, con_id=con_id, what=self.what, next=following)


class TicksJob(Job):
    """Ticks from `begin` to `end`, whole seconds, until there are `limit` or more.

    A request gives a thousand and what it takes to complete the last second, of one session (IBKR's
    documentation 21.06): after a second that came whole the next request begins one second later, after an
    answer without any on the next day.
    """

    def __init__(
        self,
        key: object,
        contract: Contract,
        what: str,
        begin: int,
        end: int,
        limit: int,
        *,
        rth: bool,
        ignore_size: bool,
    ) -> None:
        super().__init__(key, contract, what, rth=rth)
        self._at, self._end, self._limit = begin // NS * NS, end, limit
        self._begin = begin
        self._ignore_size = ignore_size
        self._rows: list[TickRow] = []
        self._piece: list[TickRow] = []
        if begin >= end:
            self._finish(None)

    def request(self, req_id: int) -> requests.Request:
        self._piece = []
        return requests.ReqHistoricalTicks(
            req_id,
            self.contract,
            start=utc(self._at),
            end="",
            number_of_ticks=TICKS_PER_REQUEST,
            what_to_show=self.what,
            use_rth=int(self.rth),
            ignore_size=self._ignore_size,
        )

    def cancel(self, req_id: int) -> requests.Request | None:
        return None  # there is no cancel for ticks of the past

    def received(self, event: Event) -> bool:
        if not isinstance(event, HistoricalTicks):
            return False
        self._piece += map(_tick_row, event.ticks)
        if event.done:
            self._take()
        return event.done

    def empty(self) -> None:
        self._piece = []
        self._take()

    def _take(self) -> None:
        inside = [row for row in self._piece if self._at <= row.time < self._end and row.time >= self._begin]
        last = max((row.time for row in self._piece), default=None)
        self._rows += sorted(inside, key=lambda row: row.time)
        self._piece = []
        self._at = next_day(self._at) if last is None or last < self._at else last + NS
        if self._at >= self._end:
            self._finish(None)
        elif len(self._rows) >= self._limit:
            self._finish(self._at)

    def _finish(self, following: int | None) -> None:
        self.result = TickPage(ticks=self._rows, con_id=self.contract.con_id or None, next=following)


class HeadJob(Job):
    """When history begins. The request stays open until it is cancelled (documentation 21.02)."""

    def request(self, req_id: int) -> requests.Request:
        return requests.ReqHeadTimestamp(req_id, self.contract, self.what, int(self.rth), format_date=2)

    def cancel(self, req_id: int) -> requests.Request | None:
        return requests.CancelHeadTimestamp(req_id)

    def received(self, event: Event) -> bool:
        if not isinstance(event, HeadTimestamp):
            return False
        time = head_time(event.timestamp)
        if time is not None:
            self.result = Head(time=time, what=self.what)
        return time is not None

    def empty(self) -> None:
        """Nothing begins: left without a result, which is a refusal."""


class ScheduleJob(Job):
    """Sessions, by SCHEDULE of days."""

    def __init__(self, key: object, contract: Contract, begin: int, end: int, *, rth: bool) -> None:
        super().__init__(key, contract, "SCHEDULE", rth=rth)
        self._begin, self._end = begin, end

    def request(self, req_id: int) -> requests.Request:
        days = max(1, -(-(self._end - self._begin) // (DAY_S * NS)) + 1)
        return requests.ReqHistoricalData(
            req_id,
            self.contract,
            end=utc(self._end),
            duration=f"{days} D" if days <= 365 else f"{-(-days // 365)} Y",
            bar_size="1 day",
            what_to_show="SCHEDULE",
            use_rth=int(self.rth),
            format_date=1,
        )

    def received(self, event: Event) -> bool:
        if not isinstance(event, HistoricalSchedule):
            return False
        rows: list[SessionRow] = []
        for opens, closes, date in event.sessions:
            start = execution_time_ns(f"{opens.replace('-', ' ')} {event.time_zone}")
            stop = execution_time_ns(f"{closes.replace('-', ' ')} {event.time_zone}")
            if start is not None and stop is not None and stop > self._begin and start < self._end:
                rows.append(SessionRow(open=start, close=stop, date=date))
        self.result = Schedule(sessions=sorted(rows, key=lambda row: row.open), time_zone=event.time_zone)
        return True

    def empty(self) -> None:
        self.result = Schedule(sessions=[], time_zone="")


class HistogramJob(Job):
    """How much was traded at which price."""

    def __init__(self, key: object, contract: Contract, period: str, *, rth: bool) -> None:
        super().__init__(key, contract, "TRADES", rth=rth)
        unit = {"S": "seconds", "D": "days", "W": "weeks", "M": "months", "Y": "years"}[period[-1]]
        self._period = f"{period[:-1]} {unit}"

    def request(self, req_id: int) -> requests.Request:
        return requests.ReqHistogram(req_id, self.contract, self.rth, self._period)

    def cancel(self, req_id: int) -> requests.Request | None:
        return requests.CancelHistogram(req_id)

    def received(self, event: Event) -> bool:
        if not isinstance(event, HistogramReceived):
            return False
        self.result = Histogram(prices=list(event.items))
        return True

    def empty(self) -> None:
        self.result = Histogram(prices=[])


def _bar_row(bar: Bar) -> BarRow | None:
    time = bar_time(bar.date)
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


def _tick_row(tick: HistoricalTick) -> TickRow:
    return TickRow(
        time=tick.time_s * NS,
        price=tick.price,
        size=tick.size,
        bid=tick.bid_price,
        ask=tick.ask_price,
        bid_size=tick.bid_size,
        ask_size=tick.ask_size,
        exchange=tick.exchange,
        conditions=tick.special_conditions,
        attributes=tick.attribs,
    )
