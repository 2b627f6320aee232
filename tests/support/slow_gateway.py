"""A history process's own core and store before a gateway that takes its time, on a clock that jumps: years
are over in minutes. Nothing of the simulated gateway is in it.

Every instrument has the same bars: a minute each from 14:30 to 21:00 UTC of weekdays that are no holidays.
"""

from __future__ import annotations

import asyncio
import random
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct
from twsmq_nodes.history.bars_job import BarsJob
from twsmq_nodes.history.core import HistoryCore
from twsmq_nodes.history.events import Asked, Input
from twsmq_nodes.history.jobs import Forget, HeadJob, Job, Keep, ScheduleJob
from twsmq_nodes.history.plan import Spans
from twsmq_nodes.history.store import Store
from twsmq_nodes.runtime.timer import TimerFired
from twsmq_nodes.tws.calls import Answer, Cancel, Fail, Send, Written
from twsmq_nodes.tws.contracts import Contract
from twsmq_nodes.tws.events import Event
from twsmq_nodes.tws.ledger import PacingLedger
from twsmq_nodes.tws.reference_events import (
    HeadTimestamp,
    HistoricalBarColumns,
    HistoricalBarsEnd,
    HistoricalSchedule,
)
from twsmq_nodes.tws.reference_requests import ReqHeadTimestamp, ReqHistoricalData
from twsmq_protocol.data_files import HISTORY_STORE
from twsmq_protocol.errors import RequestError
from twsmq_protocol.history_requests import GetBars

from support.history_desk import UP
from support.history_of_a_desk import DAY, NS, refusal

DAY_S = DAY // NS
OPENS_S, MINUTES = 52_200, 390
STORE_MB, STORE_DAYS = 2_000, 30
UNITS_S = {"S": 1, "W": 7 * DAY_S, "M": 30 * DAY_S, "Y": 365 * DAY_S}


class Days:
    """The sessions of a stretch (ns), and the bars of each by columns."""

    def __init__(self, begin: int, end: int) -> None:
        days = range(begin // DAY, end // DAY)
        self.opens = [day * DAY_S + OPENS_S for day in days if (day + 3) % 7 < 5 and day % 29]

    def back(self, end_s: int, duration: str) -> range:
        """Those of a duration before `end_s`. Days count sessions."""
        number, unit = int(duration.split()[0]), duration.split()[1]
        last = bisect_left(self.opens, end_s)
        if unit == "D":
            return range(max(0, last - number), last)
        return range(bisect_right(self.opens, end_s - number * UNITS_S[unit] - MINUTES * 60), last)

    def columns(self, chosen: range) -> list[array[Any]]:
        """Dates in seconds, four prices, volume, average and count."""
        found: list[array[Any]] = [array("q"), *(array("d") for _ in range(7))]
        for number in chosen:
            opens = self.opens[number]
            found[0].extend(range(opens, opens + 60 * MINUTES, 60))
            for column, values in zip(found[1:], self._session, strict=True):
                column.extend(values)
        return found

    @cached_property
    def _session(self) -> list[array[float]]:
        prices = array("d", [100 + minute % 97 / 8 for minute in range(MINUTES)])
        whole = array("d", [float(7 + minute % 50) for minute in range(MINUTES)])
        return [prices, prices, prices, prices, whole, prices, whole]


class SlowGateway:
    """`takes`: how long an answer of so many bars takes, s; None, and none comes. Requests leave the history
    process one every `message_s`, as a share of the message budget lets them. What was answered is kept in
    `folder`, as the process keeps it."""

    def __init__(
        self,
        days: Days,
        folder: Path,
        takes: Callable[[int], float | None],
        wall: Callable[[], int],
        *,
        message_s: float = 0.4,
        seed: int = 1,
    ) -> None:
        self._days, self._takes, self._wall, self._message_s = days, takes, wall, message_s
        self._chance = random.Random(seed)
        self._store = Store(folder / HISTORY_STORE, STORE_MB * 1_000_000, wall)
        self._loop = asyncio.get_running_loop()
        self._core = HistoryCore(count(1).__next__, PacingLedger())
        self._spans = Spans()
        self._calls: dict[int, asyncio.Future[Struct]] = {}
        self._call_ids = count(1)
        self._leaves_at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._open: set[int] = set()
        self.requests = 0
        self.unanswered = 0
        self._feed(UP)

    def close(self) -> None:
        self._store.close()

    # --- the op's side -------------------------------------------------------------------------------------

    async def __call__(self, op: str, args: dict[str, Any], timeout: float) -> Any:  # noqa: ASYNC109
        call = next(self._call_ids)
        answer = self._calls[call] = self._loop.create_future()
        job = self._job(op, args)
        self._feed(Asked(call, job.key, lambda: job, self._loop.time() + timeout, bulk=True))
        return msgspec.to_builtins(await answer, builtin_types=(bytes,))

    def _job(self, op: str, args: dict[str, Any]) -> Job:
        symbol = args["instrument"].split(":")[1]
        contract = Contract(symbol=symbol, sec_type="STK", exchange="SMART", currency="USD")
        if op == "schedule":
            begin, end = args["from"], args["to"]
            return ScheduleJob((symbol, begin, end), contract, begin, end, self._wall(), rth=args["rth"])
        if op == "head_timestamp":
            return HeadJob((symbol, "head"), contract, "TRADES", rth=args["rth"])
        asked = msgspec.convert(args, GetBars)
        assert asked.from_ is not None
        assert asked.to is not None
        key = (symbol, asked.from_, asked.to, asked.limit)
        age_s = STORE_DAYS * DAY_S if asked.max_age is None else asked.max_age
        known = self._store.bars(symbol, asked.from_, asked.to, age_s) if age_s > 0 else []
        return BarsJob(
            key, contract, "TRADES", asked.size, asked.from_, asked.to, self._wall(), asked.limit,
            rth=asked.rth, form="packed", spans=self._spans, series=symbol, known=known,
        )  # fmt: skip

    # --- the core ------------------------------------------------------------------------------------------

    def _feed(self, happened: Input) -> None:
        for action in self._core.handle(happened, self._loop.time()):
            match action:
                case Send():
                    self._leaves_at = max(self._leaves_at, self._loop.time()) + self._message_s
                    self._loop.call_at(self._leaves_at, self._arrived, action)
                case Cancel(request):
                    self._open.discard(getattr(request, "req_id", 0))
                case Answer(call, result):
                    self._end(call, lambda answer, result=result: answer.set_result(result))
                case Fail(call, error):
                    self._end(call, lambda answer, error=error: answer.set_exception(_told(error)))
                case Keep(series, begin, end, bars, confirmed):
                    self._store.keep(str(series), begin, end, bars, confirmed)
                case Forget(series):
                    self._store.forget(str(series))
        self._core.validate()
        if self._timer is not None:
            self._timer.cancel()
        wake_at = self._core.wake_at
        self._timer = None if wake_at is None else self._loop.call_at(wake_at, self._feed, TimerFired())

    def _end(self, call: int, how: Callable[[asyncio.Future[Struct]], None]) -> None:
        answer = self._calls.pop(call)
        if not answer.done():  # by whoever asked, and is killed
            how(answer)

    # --- the gateway ---------------------------------------------------------------------------------------

    def _arrived(self, send: Send) -> None:
        self._feed(Written(send.req_id))
        self.requests += 1
        self._open.add(send.req_id)
        request = send.request
        if isinstance(request, ReqHeadTimestamp):
            self._later(0.3, send.req_id, HeadTimestamp(send.req_id, str(self._days.opens[0])))
            return
        assert isinstance(request, ReqHistoricalData)
        end = datetime.strptime(request.end, "%Y%m%d-%H:%M:%S").replace(tzinfo=UTC)
        chosen = self._days.back(int(end.timestamp()), request.duration)
        if request.what_to_show == "SCHEDULE":
            rows = tuple(_session(self._days.opens[number]) for number in chosen)
            self._later(0.5, send.req_id, HistoricalSchedule(send.req_id, "", "", "UTC", rows))
            return
        seconds = self._takes(MINUTES * len(chosen))
        if seconds is None:
            self.unanswered += 1
            return
        columns = HistoricalBarColumns(send.req_id, *self._days.columns(chosen))
        takes = seconds * self._chance.uniform(0.5, 1.5)
        self._later(takes, send.req_id, columns, HistoricalBarsEnd(send.req_id, "", ""))

    def _later(self, seconds: float, req_id: int, *events: Event) -> None:
        def answer() -> None:
            if req_id in self._open:
                self._open.remove(req_id)
                for event in events:
                    self._feed(event)

        self._loop.call_later(seconds, answer)


def _session(opens_s: int) -> tuple[str, str, str]:
    opens, closes = (datetime.fromtimestamp(at, UTC) for at in (opens_s, opens_s + 60 * MINUTES))
    return f"{opens:%Y%m%d-%H:%M:%S}", f"{closes:%Y%m%d-%H:%M:%S}", f"{opens:%Y%m%d}"


def _told(error: RequestError) -> Exception:
    return refusal(error.code, error.message, error.tws_code)
