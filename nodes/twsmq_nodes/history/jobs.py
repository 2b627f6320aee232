"""What is gathered for one answer: which piece of history is asked for next, and what came of it. Pure.

A job has at most one request at the gateway. It says what to ask (`request`), takes what comes (`received`),
learns that a piece was empty (`empty`) or must be smaller (`shrink`), and is over when `result` is there.
Those of bars and ticks are in `bars_job` and `ticks_job`.

Invariants: pieces follow each other without a gap or an overlap; a row is in the answer once, whatever the
gateway sends beyond the piece; a piece counts as done only when its end came or it was proved empty.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import lru_cache

from msgspec import Struct
from twsmq_protocol.history_requests import Head, Histogram, PackedBars, Schedule, SessionRow, up_to_now

from twsmq_nodes.tws import reference_requests, requests
from twsmq_nodes.tws.contracts import Contract
from twsmq_nodes.tws.events import Event
from twsmq_nodes.tws.gateway_times import execution_time_ns
from twsmq_nodes.tws.reference_events import HeadTimestamp, HistoricalSchedule
from twsmq_nodes.tws.reference_events import Histogram as HistogramReceived

from .plan import DAY_S, NS, head_time, utc


class Keep(Struct, frozen=True):
    """All bars of a series that begin from `begin` to, not including, `end`. `confirmed`: when bars begin
    that were known before, one of each stretch, and came again with these and were the same."""

    series: object
    begin: int
    end: int
    bars: PackedBars
    confirmed: tuple[int, ...] = ()


class Forget(Struct, frozen=True):
    """What is kept of a series is not what the gateway says any more: its past was adjusted."""

    series: object


Taken = Keep | Forget


class Job(ABC):
    """One answer in the making: of one contract and one `what`. `result` is there once it is over;
    `unreadable`: what of the gateway's answer nobody can make anything of, which is no answer then."""

    may_be_empty = True
    """Whether "no data" is an answer."""
    stays_open = False
    """Whether it counts as an open history until it is cancelled."""

    def __init__(self, key: object, contract: Contract, what: str, *, rth: bool) -> None:
        self.key = key
        self.contract = contract
        self.what: str = what
        self.rth = rth
        self.result: Struct | None = None
        self.unreadable = ""
        self._changed = False

    @property
    def lesson(self) -> object:
        """What the answer to the next piece will teach (`answered`) all jobs that name the same; None:
        nothing."""
        return None

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
        """No answer came: ask for smaller pieces from now on. False: there are none."""
        return False

    def spares(self) -> bool:
        """What was asked for last is refused for good: whether it goes on without."""
        return False

    def answered(self, within_s: float) -> None:
        """A piece came whole, so long after it was asked for."""
        del within_s  # not everybody learns from it

    def taken(self) -> list[Taken]:
        """What came with the last piece and may be kept for others, and what must not be any more."""
        return []

    def cancel(self, req_id: int) -> requests.Request | None:
        return reference_requests.CancelHistoricalData(req_id)


class HeadJob(Job):
    """When history begins. The request stays open until it is cancelled (documentation 21.02)."""

    may_be_empty, stays_open = False, True

    def request(self, req_id: int) -> requests.Request:
        return reference_requests.ReqHeadTimestamp(
            req_id, self.contract, self.what, int(self.rth), format_date=2
        )

    def cancel(self, req_id: int) -> requests.Request | None:
        return reference_requests.CancelHeadTimestamp(req_id)

    def received(self, event: Event) -> bool:
        if not isinstance(event, HeadTimestamp):
            return False
        time = head_time(event.timestamp)
        if time is None:
            self.unreadable = repr(event.timestamp)  # also of an empty one
        else:
            self.result = Head(time=time, what=self.what)
        return True

    def empty(self) -> None:
        """Nothing begins: left without a result, which is a refusal."""


class Sessions(Struct, frozen=True):
    """The question which sessions touch a stretch: by SCHEDULE of days."""

    contract: Contract
    begin: int
    end: int
    now: int
    rth: bool

    def request(self, req_id: int) -> requests.Request:
        no_end = up_to_now(None, self.contract.sec_type)
        last = self.now if no_end else self.end
        days = max(1, -(-(last - self.begin) // (DAY_S * NS)) + 1)
        return reference_requests.ReqHistoricalData(
            req_id,
            self.contract,
            end="" if no_end else utc(last),
            duration=f"{days} D" if days <= 365 else f"{-(-days // 365)} Y",
            bar_size="1 day",
            what_to_show="SCHEDULE",
            use_rth=int(self.rth),
            format_date=1,
        )

    def read(self, event: HistoricalSchedule) -> tuple[list[SessionRow], str]:
        """In their order, and the last one that cannot be read: that is no day off."""
        rows: list[SessionRow] = []
        unreadable = ""
        for opens, closes, date in event.sessions:
            start, stop = (_session_time(text, event.time_zone) for text in (opens, closes))
            day = _session_time(f"{date}-00:00:00", "UTC")
            if start is None or stop is None or day is None or stop < start:
                unreadable = f"{opens} to {closes} {event.time_zone} of {date}"
            elif stop > self.begin and start < self.end:
                rows.append(SessionRow(open=start, close=stop, date=date))
        return sorted(rows, key=lambda row: row.open), unreadable


class ScheduleJob(Job):
    """Sessions as an answer."""

    def __init__(self, key: object, contract: Contract, begin: int, end: int, now: int, *, rth: bool) -> None:
        super().__init__(key, contract, "SCHEDULE", rth=rth)
        self._begin, self._end, self._now = begin, end, now

    @property
    def _question(self) -> Sessions:
        return Sessions(self.contract, self._begin, self._end, self._now, self.rth)

    def request(self, req_id: int) -> requests.Request:
        return self._question.request(req_id)

    def received(self, event: Event) -> bool:
        if not isinstance(event, HistoricalSchedule):
            return False
        rows, self.unreadable = self._question.read(event)
        self.result = Schedule(sessions=rows, time_zone=event.time_zone)
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
        return reference_requests.ReqHistogram(req_id, self.contract, self.rth, self._period)

    def cancel(self, req_id: int) -> requests.Request | None:
        return reference_requests.CancelHistogram(req_id)

    def received(self, event: Event) -> bool:
        if not isinstance(event, HistogramReceived):
            return False
        self.result = Histogram(prices=list(event.items))
        return True

    def empty(self) -> None:
        self.result = Histogram(prices=[])


@lru_cache(8_192)
def _session_time(text: str, zone: str) -> int | None:
    """Ns; 24:00:00 ends a day. Instruments of one exchange have the same sessions, years of them."""
    day, _, clock = text.replace(" ", "-").partition("-")
    late = DAY_S * NS if clock == "24:00:00" else 0
    found = execution_time_ns(f"{day} {'00:00:00' if late else clock} {zone}")
    return None if found is None else found + late
