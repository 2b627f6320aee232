"""Downloads that would be called complete and are not: files that only look whole, sessions nobody told of,
bars dated where nothing trades, a past adjusted where nobody compared."""

from __future__ import annotations

import fcntl
from collections.abc import Callable
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from threading import Timer
from typing import Any

import pytest
from support.history_of_a_desk import (
    AAPL,
    DAY,
    HOUR,
    MSFT,
    NEW_YEARS_EVE,
    DyingDisk,
    Past,
    Run,
    order,
    refusal,
)
from twsmq.download.errors import NotOurs
from twsmq.download.ledger import State, read
from twsmq.download.lock import locked
from twsmq.download.planner import Session, Span, bar_times, spans_of
from twsmq.download.store import year_file
from twsmq.download.verify import verify

pa: Any = import_module("pyarrow")
pc: Any = import_module("pyarrow.compute")
pq: Any = import_module("pyarrow.parquet")
MINUTE = HOUR // 60
BEGIN, END = NEW_YEARS_EVE - 3 * DAY, NEW_YEARS_EVE + 6 * DAY


def file_of(folder: Path, suffix: str = "parquet") -> Path:
    return year_file(folder, AAPL, 2026, suffix)


def other_prices(file: Path) -> None:
    table = pq.read_table(file)
    dearer = pc.multiply(table.column("close"), 2.0)
    pq.write_table(table.set_column(table.column_names.index("close"), "close", dearer), file)


def page_of_prices_lost(file: Path) -> None:
    """The columns of times can be read, those of prices not."""
    metadata = pq.read_metadata(file).row_group(0).column(3)
    whole = bytearray(file.read_bytes())
    at = metadata.data_page_offset
    whole[at + 40 : at + 400] = bytes(360)
    file.write_bytes(whole)


def cut_in_its_last_price(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-25])


def with_a_line_of_nothing(file: Path) -> None:
    file.write_bytes(file.read_bytes() + b"\n")


def with_a_nul(file: Path) -> None:
    file.write_bytes(file.read_bytes() + b"\0\n")


@pytest.mark.parametrize(
    ("form", "damage"),
    [
        ("parquet", other_prices),
        ("parquet", page_of_prices_lost),
        ("csv", cut_in_its_last_price),
        ("csv", with_a_line_of_nothing),
        ("csv", with_a_nul),
    ],
)
def test_a_file_is_not_whole_because_its_times_are(
    tmp_path: Path, form: str, damage: Callable[[Path], None]
) -> None:
    past = Past()
    assert Run(tmp_path, past, order(BEGIN, END, form=form))()
    whole = file_of(tmp_path, form).read_bytes()
    damage(file_of(tmp_path, form))
    verdict = verify(tmp_path).instruments[0]
    assert not verdict.complete
    assert any(str(file_of(tmp_path, form)) in problem for problem in verdict.problems)
    assert Run(tmp_path, past, order(BEGIN, END, form=form))()
    assert verify(tmp_path).complete
    assert file_of(tmp_path, form).read_bytes() == whole


def test_a_file_of_something_else_among_them_is_named(tmp_path: Path) -> None:
    assert Run(tmp_path, Past(), order(BEGIN, END))()
    other = file_of(tmp_path).with_name("other.parquet")
    pq.write_table(pa.table({"number": [1]}), other)
    (problem,) = verify(tmp_path).instruments[0].problems
    assert str(other) in problem


class WithoutSome(Past):
    """Its schedule tells nothing of three weeks, nor of what comes after a moment."""

    def sessions(self, begin: int, end: int) -> list[tuple[int, int]]:
        every = super().sessions(begin, end)
        return [one for one in every if not self.silent(one[0])] if self.planning else every

    def silent(self, opens: int) -> bool:
        return (
            NEW_YEARS_EVE - 40 * DAY <= opens < NEW_YEARS_EVE - 19 * DAY or opens > NEW_YEARS_EVE - 15 * DAY
        )

    async def __call__(self, op: str, args: dict[str, Any], timeout: float) -> Any:  # noqa: ASYNC109
        self.planning = op == "schedule"
        return await super().__call__(op, args, timeout)

    planning = False


def test_sessions_that_the_schedule_does_not_tell_of_are_fetched_too(tmp_path: Path) -> None:
    past = WithoutSome()
    begin = NEW_YEARS_EVE - 60 * DAY
    assert Run(tmp_path, past, order(begin, NEW_YEARS_EVE))()
    verdict = verify(tmp_path).instruments[0]
    assert verdict.complete
    assert verdict.bars == len(past.times(begin, NEW_YEARS_EVE))


def test_days_stand_where_no_session_does_for_longer_than_a_market_closes() -> None:
    opens = [NEW_YEARS_EVE + nth * DAY + 14 * HOUR for nth in (0, 30)]
    sessions = [Session(one, one + 7 * HOUR, "20261231") for one in opens]
    spans = spans_of(sessions, "1m", "UTC", opens[0], opens[1] + 8 * DAY, 0)
    assert [span.bars for span in spans] == [420, *[None] * 31, 420]
    assert all(before.end <= after.begin for before, after in pairwise(spans))
    assert spans[-1] == Span(opens[1], opens[1] + 7 * HOUR, 420)


class Months(Past):
    """Of the first of each month; New Year's Day is a holiday."""

    firsts = tuple(NEW_YEARS_EVE + days * DAY for days in (-60, -30, 1, 32))

    def sessions(self, begin: int, end: int) -> list[tuple[int, int]]:
        holiday = NEW_YEARS_EVE + DAY
        return [one for one in super().sessions(begin, end) if not holiday <= one[0] < holiday + DAY]

    def times(self, begin: int, end: int) -> list[int]:
        return [first for first in self.firsts if begin <= first < end]


def test_a_bar_of_a_month_that_begins_with_a_holiday_is_not_lost(tmp_path: Path) -> None:
    past = Months(31 * 86_400)
    past.head = past.firsts[0] + 3 * DAY  # in the middle of its first month
    assert Run(tmp_path, past, order(NEW_YEARS_EVE - 70 * DAY, NEW_YEARS_EVE + 40 * DAY, size="1mo"))()
    verdict = verify(tmp_path).instruments[0]
    assert (verdict.bars, verdict.complete) == (4, True)


def seldom(past: Past) -> Callable[[int], bool]:
    """Nothing trades in the last quarter of an hour."""
    return lambda time: (time - 29 * HOUR // 2) % DAY >= 6 * HOUR + HOUR // 4


def test_an_adjusted_past_is_noticed_where_the_last_minute_has_no_bar(tmp_path: Path) -> None:
    past = Past()
    past.absent = seldom(past)
    assert Run(tmp_path, past, order(BEGIN, NEW_YEARS_EVE))()
    past.price = 0.25
    run = Run(tmp_path, past, order(BEGIN, END))
    assert run()
    assert any("its past was adjusted" in note for note in run.notes)
    closes = pq.read_table(file_of(tmp_path)).column("close").to_pylist()
    assert closes == [past.bar(AAPL, time).close for time in past.times(BEGIN, NEW_YEARS_EVE + DAY)]


def test_an_adjusted_past_is_noticed_on_another_day_wherever_the_new_range_lies(tmp_path: Path) -> None:
    past = Past()
    assert Run(tmp_path, past, order(BEGIN, BEGIN + DAY))()
    before = len(past.asked)
    later = Run(tmp_path, past, order(NEW_YEARS_EVE + 4 * DAY, END))
    later.wall += 2 * DAY
    past.price = 0.25
    assert later()
    assert any("its past was adjusted" in note for note in later.notes)
    assert len(past.asked) - before <= 6
    closes = pq.read_table(file_of(tmp_path)).column("close").to_pylist()
    assert closes == [past.bar(AAPL, time).close for time in past.times(BEGIN, BEGIN + DAY)]


@pytest.mark.parametrize("scheduled", [True, False])
@pytest.mark.parametrize(
    ("size", "first"),
    [("1d", 0), ("1h", 16 * HOUR), ("1m", 16 * HOUR + 47 * MINUTE), ("1w", 0)],
)
def test_the_bar_in_which_history_begins_is_fetched(size: str, first: int, *, scheduled: bool) -> None:
    """Of a stock that is listed at 16:47:20 of a day."""
    days = [NEW_YEARS_EVE + nth * DAY for nth in range(3)]
    dates = ["20261231", "20270101", "20270102"]
    sessions = [
        Session(day + 29 * HOUR // 2, day + 21 * HOUR, date) for day, date in zip(days, dates, strict=True)
    ]
    head = NEW_YEARS_EVE + 16 * HOUR + 47 * MINUTE + 20 * 10**9
    begin, end = NEW_YEARS_EVE - 90 * DAY, NEW_YEARS_EVE + 3 * DAY
    spans = spans_of(sessions if scheduled else [], size, "US/Eastern", begin, end, head)
    assert any(span.begin <= NEW_YEARS_EVE + first < span.end for span in spans)
    assert all(span.end > NEW_YEARS_EVE - 8 * DAY for span in spans)


def test_hours_are_counted_by_a_clock_that_was_changed_that_day() -> None:
    """On 2026-03-08 New York's goes from 2 to 3; a future opens at 18:00, and its four hours at 20:00."""
    opens = 1_773_007_200 * 10**9
    times = bar_times(Session(opens, opens + 23 * HOUR, "20260309"), "4h", "US/Eastern")
    assert [time - opens for time in times[:3]] == [0, 2 * HOUR, 6 * HOUR]


class WatchedDisk(DyingDisk):
    """Somebody verifies the folder before each thing that is done to it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(-1)
        self._folder = folder
        self.said: list[str] = []

    def step(self, doing: str, path: Path) -> None:
        try:
            report = verify(self._folder)
        except NotOurs:  # before its first line is whole
            return
        assert report.running
        for one in report.instruments:
            self.said += [*one.problems, *(hole.why for hole in one.holes)]
            assert not one.doubled


def test_verify_beside_a_running_download_calls_nothing_lost_or_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("twsmq.download.verify._PAUSE_S", 0.0)
    past = Past()
    with locked(tmp_path):
        for end in (NEW_YEARS_EVE, END):
            disk = WatchedDisk(tmp_path)
            assert Run(tmp_path, past, order(BEGIN, end), disk)()
            ours = {said for said in disk.said if not said.endswith("download again")}
            assert disk.said
            assert ours <= {
                "nothing was fetched yet",
                "not fetched yet",
                "fetched, not yet in a data file",
                "the download that is running changes it: verify again when that is over",
            }
            planned = {said for said in disk.said if said not in ours}
            assert all("is not planned yet" in said for said in planned), planned
    report = verify(tmp_path)
    assert (report.complete, report.running) == (True, False)


def test_verify_beside_a_running_download_reads_the_ledger_once_for_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[Path] = []

    def counted(folder: Path) -> State:
        reads.append(folder)
        return read(folder)

    names = [AAPL, MSFT, "STK:IBM:SMART:USD", "STK:KO:SMART:USD"]
    assert Run(tmp_path, Past(), order(NEW_YEARS_EVE, END, *names))()
    monkeypatch.setattr("twsmq.download.verify.read", counted)
    with locked(tmp_path):
        report = verify(tmp_path)
    assert (report.complete, report.running, len(report.instruments)) == (True, True, 4)
    assert len(reads) == 2, "before and after"


def test_one_that_looks_does_not_keep_a_download_from_starting(tmp_path: Path) -> None:
    with locked(tmp_path):
        pass
    with (tmp_path / ".twsmq" / "lock").open() as looked_at:
        fcntl.flock(looked_at, fcntl.LOCK_SH)
        Timer(0.05, lambda: fcntl.flock(looked_at, fcntl.LOCK_UN)).start()
        with locked(tmp_path):
            pass


def test_where_nothing_can_be_had_no_rest_is_spoken_of(tmp_path: Path) -> None:
    past = Past()
    past.troubles = [refusal("forbidden", "this key may not ask for history")]
    run = Run(tmp_path, past, order(BEGIN, END))
    assert not run()
    assert run.download is not None
    assert run.download.outcome.endswith("(see above): correct or leave out")


def test_what_to_do_after_a_refusal_is_said(tmp_path: Path) -> None:
    """And a name that was mistyped once does not keep the folder incomplete."""
    past, none = Past(), "STK:NONE:SMART:USD"
    past.troubles = [refusal("gateway_rejected", "No security definition has been found", 200)]
    first = Run(tmp_path, past, order(BEGIN, END, none, AAPL))
    assert not first()
    assert first.download is not None
    assert first.download.outcome == (
        f"not complete: {none} cannot be had as given (see above): correct or leave out; "
        "all the rest is there"
    )
    (said,) = (one.problems for one in verify(tmp_path).instruments if one.instrument == none)
    why = "refused: No security definition has been found"
    assert said == [f"{why}; correct it, or leave it out of the next download"]
    past.troubles = [refusal("gateway_rejected", "of the moment", 162)] * 3
    second = Run(tmp_path, past, order(BEGIN, END, AAPL, MSFT))
    assert not second()
    assert second.download is not None
    assert second.download.outcome == "not complete; run it again to go on"
    assert [one.instrument for one in verify(tmp_path).instruments] == [AAPL, MSFT]
    third = Run(tmp_path, past, order(BEGIN, END, AAPL, MSFT))
    assert third()
    assert third.download is not None
    assert third.download.outcome == "complete"
    assert verify(tmp_path).complete
