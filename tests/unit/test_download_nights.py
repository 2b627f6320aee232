"""Bars where a plan does not expect them: nights on which clocks are changed, sessions that open on the day
before, half days, days without any bar, bars that are counted from another midnight.

What a gateway has is computed here, from the exchange's own clock; what is downloaded must be that.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from msgspec.structs import astuple, replace
from support.history_of_a_desk import AAPL, DAY, HOUR, NEW_YEARS_EVE, NS, Past, Run, order
from twsmq.download.store import instrument_folder
from twsmq.download.verify import verify
from twsmq_protocol.history_requests import BarPage, GetBars
from twsmq_protocol.market_events import BarRow
from twsmq_protocol.packed_bars import packed

pa: Any = import_module("pyarrow")
pq: Any = import_module("pyarrow.parquet")


def ns(moment: datetime) -> int:
    return round(moment.timestamp()) * NS


class Exchange(Past):
    """Weekdays from `opens` to `closes` by the clock of `zone`, from the evening before where it opens later
    than it closes. Its bars are counted by that clock, or from `origin`, ns."""

    def __init__(self, step_s: int, zone: str, opens: time, closes: time, origin: int | None = None) -> None:
        super().__init__(step_s)
        self.zone, self.opens, self.closes, self.origin = zone, opens, closes, origin
        self.half: dict[date, time] = {}

    def days(self, begin: int, end: int) -> list[tuple[int, int, date]]:
        first = datetime.fromtimestamp(begin // NS, UTC).date() - timedelta(days=2)
        count = (end - begin) // DAY + 5
        days = [day for nth in range(count) if (day := first + timedelta(days=nth)).weekday() < 5]
        zone, evening = ZoneInfo(self.zone), timedelta(days=self.opens > self.closes)
        every = [
            (
                ns(datetime.combine(day - evening, self.opens, zone)),
                ns(datetime.combine(day, self.half.get(day, self.closes), zone)),
                day,
            )
            for day in days
        ]
        return [one for one in every if one[1] > begin and one[0] < end]

    def times(self, begin: int, end: int) -> list[int]:
        found: list[int] = []
        for opens, closes, _ in self.days(begin, end):
            at = opens
            while at < closes:
                found.append(at)
                at += self.step - self.counted(at) % self.step
        return [at for at in found if begin <= at < end and not self.absent(at)]

    def counted(self, at: int) -> int:
        if self.origin is not None:
            return at - self.origin
        local = datetime.fromtimestamp(at // NS, ZoneInfo(self.zone))
        return ((local.hour * 60 + local.minute) * 60 + local.second) * NS

    async def __call__(self, op: str, args: dict[str, Any], timeout: float) -> Any:  # noqa: ASYNC109
        if op != "schedule":
            return await super().__call__(op, args, timeout)
        rows = [
            {"open": opens, "close": closes, "date": f"{day:%Y%m%d}"}
            for opens, closes, day in self.days(args["from"], args["to"])
        ]
        return {"sessions": rows, "time_zone": self.zone}


def times_in(folder: Path, instrument: str = AAPL) -> list[int]:
    files = sorted(instrument_folder(folder, instrument).rglob("*.parquet"))
    found = [pq.read_table(file, partitioning=None).column("time").cast(pa.int64()) for file in files]
    return [at for column in found for at in column.to_pylist()]


def require_downloaded(folder: Path, past: Past, *parts: tuple[int, int], size: str) -> None:
    """Part by part, as somebody who goes on asks for it."""
    for begin, end in parts:
        assert Run(folder, past, order(begin, end, size=size))()
    wanted = past.times(parts[0][0], parts[-1][1])
    assert times_in(folder) == wanted
    verdict = verify(folder).instruments[0]
    assert (verdict.complete, verdict.bars, verdict.doubled) == (True, len(wanted), 0)


def around(day: date) -> list[tuple[int, int]]:
    """Three parts of nine days, of which a night is cut in two."""
    cuts = [ns(datetime.combine(day + timedelta(days=off), time(), UTC)) for off in (-4, 0, 1, 5)]
    return list(pairwise(cuts))


NIGHTS = [
    ("America/New_York", time(4), time(20)),
    ("America/Chicago", time(17), time(16)),
    ("America/New_York", time(17, 15), time(17)),
    ("Europe/Berlin", time(1, 10), time(22)),
    ("Australia/Sydney", time(17, 10), time(16, 30)),
    ("Asia/Tokyo", time(16, 30), time(15, 45)),
    ("Asia/Kolkata", time(9, 15), time(15, 30)),
    ("Australia/Lord_Howe", time(10), time(16)),
]
CHANGES = [date(2026, 3, 8), date(2026, 3, 29), date(2026, 4, 5), date(2026, 10, 4), date(2026, 10, 25),
           date(2026, 11, 1)]  # fmt: skip


@pytest.mark.parametrize(("size", "step_s"), [("15m", 900), ("1h", 3_600), ("4h", 14_400)])
@pytest.mark.parametrize(("zone", "opens", "closes"), NIGHTS)
def test_nights_on_which_clocks_are_changed(
    tmp_path: Path, zone: str, opens: time, closes: time, size: str, step_s: int
) -> None:
    for day in CHANGES:
        past = Exchange(step_s, zone, opens, closes)
        require_downloaded(tmp_path / f"{day}", past, *around(day), size=size)


@pytest.mark.parametrize("origin", [0, -5 * HOUR // 2, 3 * HOUR])
def test_bars_that_are_counted_from_another_midnight(tmp_path: Path, origin: int) -> None:
    """Of coins, in a zone that is not the schedule's: none is lost at the edges, none beyond them comes."""
    past = Exchange(14_400, "America/New_York", time(17), time(16, 59), origin)
    for nth, day in enumerate((date(2026, 2, 18), date(2027, 1, 1))):
        require_downloaded(tmp_path / f"{nth}", past, *around(day), size="4h")


def test_half_days_and_days_without_any_bar(tmp_path: Path) -> None:
    past = Exchange(60, "America/New_York", time(9, 30), time(16))
    past.half[date(2026, 11, 27)] = time(13)
    dead = ns(datetime(2026, 11, 24, tzinfo=UTC))
    past.absent = lambda at: dead <= at < dead + DAY
    require_downloaded(tmp_path, past, *around(date(2026, 11, 24)), size="1m")
    assert verify(tmp_path).instruments[0].absent == 390


def test_a_volume_that_was_corrected_is_no_adjusted_past(tmp_path: Path) -> None:
    """The last bar of yesterday comes again with what is added today."""

    class Corrected(Past):
        volume = 7.0

        def bar(self, instrument: str, time: int) -> BarRow:
            return replace(super().bar(instrument, time), volume=self.volume, count=int(self.volume))

    past = Corrected()
    assert Run(tmp_path, past, order(NEW_YEARS_EVE - 5 * DAY, NEW_YEARS_EVE))()
    past.volume = 9.0
    run = Run(tmp_path, past, order(NEW_YEARS_EVE - 5 * DAY, NEW_YEARS_EVE + DAY))
    run.wall += DAY
    assert run()
    assert run.notes == []


def test_an_adjusted_past_is_noticed_over_night(tmp_path: Path) -> None:
    past = Past()
    assert Run(tmp_path, past, order(NEW_YEARS_EVE - 3 * DAY, NEW_YEARS_EVE - DAY))()
    past.price = 0.5
    run = Run(tmp_path, past, order(NEW_YEARS_EVE, NEW_YEARS_EVE + DAY))  # not beside what is there
    run.wall += 8 * HOUR
    assert run()
    assert any("its past was adjusted" in note for note in run.notes)


class UpToNow(Past):
    """What is asked for has no end; the gateway counts the bars that it sends."""

    sent = 0

    async def __call__(self, op: str, args: dict[str, Any], timeout: float) -> Any:  # noqa: ASYNC109
        if op != "bars":
            return await super().__call__(op, args, timeout)
        asked = msgspec.convert(args, GetBars)
        assert (asked.to, asked.from_ is None) == (None, False)
        rows = [self.bar(asked.instrument, at) for at in self.times(asked.from_ or 0, NEW_YEARS_EVE)]
        self.sent += len(rows)
        page = BarPage(
            bars=[], packed=packed(*zip(*map(astuple, rows), strict=True)), con_id=1, what="TRADES"
        )
        return msgspec.to_builtins(page, builtin_types=(bytes,))


@pytest.mark.parametrize("name", ["CONTFUT:ES:CME:USD"])
def test_of_what_is_given_up_to_now_only_a_year_is_asked_for_at_once(tmp_path: Path, name: str) -> None:
    past = UpToNow()
    begin = NEW_YEARS_EVE - 120 * DAY
    assert Run(tmp_path, past, order(begin, NEW_YEARS_EVE, name))()
    assert times_in(tmp_path, name) == past.times(begin, NEW_YEARS_EVE)
    assert past.sent == len(past.times(begin, NEW_YEARS_EVE))
