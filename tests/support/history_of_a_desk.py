"""A history node made of arithmetic, and a disk that dies at a step, for tests of downloads."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import astuple
from twsmq.download.asking import Order
from twsmq.download.disk import Disk
from twsmq.download.errors import Unwritable
from twsmq.download.run import Download, at_once
from twsmq.download.store import format_named
from twsmq.errors import OutcomeUnknown, RequestRefused
from twsmq_protocol.history_requests import BarPage, GetBars
from twsmq_protocol.market_events import BarRow
from twsmq_protocol.packed_bars import EMPTY, packed

from support.jumping_loop import run_jumping

NS = 1_000_000_000
HOUR, DAY = 3_600 * NS, 86_400 * NS
AAPL, MSFT = "STK:AAPL:SMART:USD", "STK:MSFT:SMART:USD"
NEW_YEARS_EVE = 1_798_675_200 * NS
"""2026-12-31, midnight UTC."""


class Killed(BaseException):
    """The process is no more."""


class DyingDisk(Disk):
    """Dies at the step of that number, 0 the first; never, where it is negative."""

    def __init__(self, at: int, make: Callable[[], BaseException] = Killed) -> None:
        super().__init__()
        self.left = at if at >= 0 else 1_000_000
        self.steps = 0
        self._make = make

    def step(self, doing: str, path: Path) -> None:
        self.steps += 1
        self.left -= 1
        if self.left < 0:
            raise self._make()


def no_space() -> OSError:
    return OSError(errno.ENOSPC, "No space left on device")


class Past:
    """Sessions from 14:30 to 21:00 UTC on weekdays; a bar of each minute but those that `absent` names.

    `troubles`: what the next answers are instead, oldest first: an error, or `lie` for one without bars.
    `price`: what all prices are multiplied with, which a split changes.
    """

    def __init__(self, step_s: int = 60) -> None:
        self.step = step_s * NS
        self.price = 1.0
        self.troubles: list[Exception | str] = []
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.absent: Callable[[int], bool] = lambda time: False
        self.has_schedule = True
        self.limit = 20_000
        self.head: int | None = None

    def sessions(self, begin: int, end: int) -> list[tuple[int, int]]:
        days = range(begin // DAY, end // DAY + 1)
        spans = [(day * DAY + 29 * HOUR // 2, day * DAY + 21 * HOUR) for day in days if (day + 3) % 7 < 5]
        return [(opens, closes) for opens, closes in spans if closes > begin and opens < end]

    def times(self, begin: int, end: int) -> list[int]:
        begin = max(begin, self.head or 0)
        return [
            time
            for opens, closes in self.sessions(begin, end)
            for time in range(opens, closes, self.step)
            if begin <= time < end and not self.absent(time)
        ]

    def bar(self, instrument: str, time: int) -> BarRow:
        price = self.price * (100 + (time // self.step) % 977 / 10 + len(instrument))
        return BarRow(
            time=time, open=price, high=price + 1, low=price - 1, close=price, volume=7.0,
            wap=None if time % 5 == 0 else price, count=time // self.step % 50,
        )  # fmt: skip

    async def __call__(self, op: str, args: dict[str, Any], timeout: float) -> Any:  # noqa: ASYNC109
        self.asked.append((op, args))
        trouble = self.troubles.pop(0) if self.troubles else None
        if isinstance(trouble, Exception):
            raise trouble
        if op == "schedule":
            if not self.has_schedule:
                raise refusal("gateway_rejected", "Only daily resolution", 10295)
            rows = [
                {"open": opens, "close": closes, "date": "20260101"}
                for opens, closes in self.sessions(args["from"], args["to"])
            ]
            return {"sessions": rows, "time_zone": "US/Eastern"}
        if op == "head_timestamp":
            if self.head is None:
                raise refusal("gateway_rejected", "no head", 162)
            return {"time": self.head, "what": "TRADES"}
        asked = msgspec.convert(args, GetBars)
        assert asked.from_ is not None
        assert asked.to is not None
        times = [] if trouble == "lie" else self.times(asked.from_, asked.to)
        assert asked.packed
        rows = [astuple(self.bar(asked.instrument, time)) for time in times[: self.limit]]
        bars = packed(*zip(*rows, strict=True)) if rows else EMPTY
        following = times[self.limit] if len(times) > self.limit else None
        page = BarPage(bars=[], packed=bars, con_id=1, what="TRADES", next=following)
        return msgspec.to_builtins(page, builtin_types=(bytes,))


def refusal(code: str, text: str, tws_code: int | None = None) -> RequestRefused:
    return RequestRefused("history", "bars", code, text, None, tws_code)


def unanswered() -> OutcomeUnknown:
    return OutcomeUnknown("history", "bars", 180.0)


def order(begin: int, end: int, *instruments: str, form: str = "parquet", size: str = "1m") -> Order:
    return Order(
        instruments=instruments or (AAPL,), begin=begin, end=end, size=size, what=None, rth=True, format=form
    )


class Run:
    """One start of the download in a folder; `threaded`: its files are written in another thread, as the
    command does, and the clock does not jump."""

    def __init__(
        self, folder: Path, past: Past, wanted: Order, disk: Disk | None = None, *, threaded: bool = False
    ) -> None:
        self._threaded = threaded
        self.notes: list[str] = []
        self.disk = disk or Disk()
        self.download: Download | None = None
        self.wall = NEW_YEARS_EVE + 60 * DAY
        self._arguments = (folder, past, wanted)

    def __call__(self) -> bool:
        """Raises what stopped it."""
        folder, past, wanted = self._arguments

        async def work(background: Callable[[Callable[[], Any]], Awaitable[Any]]) -> bool:
            form = format_named(wanted.format)
            self.download = Download(
                folder, wanted, form, past, disk=self.disk, wall=lambda: self.wall,
                note=self.notes.append, background=background,
            )  # fmt: skip
            return await self.download.run()

        async def with_a_thread() -> bool:
            with ThreadPoolExecutor(1) as thread:
                loop = asyncio.get_running_loop()
                return await work(lambda task: loop.run_in_executor(thread, task))

        return asyncio.run(with_a_thread()) if self._threaded else run_jumping(work(at_once))

    def killed(self) -> bool:
        """Whether the disk killed it, or stopped it because it is full."""
        try:
            assert self()
        except (Killed, Unwritable):
            return True
        return False
