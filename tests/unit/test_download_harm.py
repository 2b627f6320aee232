"""What is done to a folder while a download works in it, or before somebody verifies it; what a gateway has
not given yet. Nothing may be called complete that is not."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from support.history_of_a_desk import AAPL, DAY, HOUR, MSFT, NEW_YEARS_EVE, DyingDisk, Past, Run, order
from twsmq.download.disk import Disk
from twsmq.download.errors import Changed, DownloadError, FolderGone, NoFolder, Unreadable
from twsmq.download.lock import Held, locked, running
from twsmq.download.store import instrument_folder, year_file
from twsmq.download.verify import verify
from twsmq_protocol.market_events import BarRow

pa: Any = import_module("pyarrow")
pq: Any = import_module("pyarrow.parquet")
MINUTE = HOUR // 60
BEGIN, END = NEW_YEARS_EVE - 3 * DAY, NEW_YEARS_EVE + 6 * DAY


def file_of(folder: Path, year: int = 2026) -> Path:
    return year_file(folder, AAPL, year, "parquet")


def times_in(folder: Path) -> list[int]:
    files = sorted(instrument_folder(folder, AAPL).rglob("*.parquet"))
    found = [pq.read_table(file, partitioning=None).column("time").cast(pa.int64()) for file in files]
    return [at for column in found for at in column.to_pylist()]


# --- while it runs -----------------------------------------------------------------------------------------


class MovingDisk(Disk):
    """At that step somebody moves the folder away; `then` is what they do next."""

    def __init__(self, held: Held, at: int, folder: Path, away: Path, then: Callable[[Path], None]) -> None:
        super().__init__(held.require)
        self._left, self._folder, self._away, self._then = at, folder, away, then

    def step(self, doing: str, path: Path) -> None:
        self._left -= 1
        assert self._left >= 0 or doing not in ("append", "rename"), "what counts is done with another folder"
        if self._left == 0:
            self._folder.rename(self._away)
            self._then(self._folder)


def nothing(folder: Path) -> None:
    del folder


def another_in_its_place(folder: Path) -> None:
    with locked(folder):
        pass


@pytest.mark.parametrize("then", [nothing, another_in_its_place])
def test_a_folder_that_is_moved_away_is_not_begun_anew_without_its_beginning(
    tmp_path: Path, then: Callable[[Path], None]
) -> None:
    past, wanted = Past(step_s=600), order(BEGIN, END, size="10m")
    count = DyingDisk(-1)
    with locked(tmp_path / "count"):
        assert Run(tmp_path / "count", past, wanted, count)()
    folder, away = tmp_path / "bars", tmp_path / "away"
    gone = 0
    for at in range(1, count.steps + 1, 3):
        with locked(folder) as held:
            disk = MovingDisk(held, at, folder, away, then)
            try:
                Run(folder, past, wanted, disk)()
            except DownloadError as error:
                gone += isinstance(error, FolderGone)
        assert folder.exists() == (then is another_in_its_place)
        shutil.rmtree(folder, ignore_errors=True)
        away.rename(folder)
        assert Run(folder, past, wanted)()
        assert verify(folder).complete
        shutil.rmtree(folder)
    assert gone > count.steps // 9


class HarmingDisk(Disk):
    """Does harm before each line of the ledger."""

    def __init__(self, harm: Callable[[], None]) -> None:
        super().__init__()
        self._harm = harm

    def step(self, doing: str, path: Path) -> None:
        if doing == "append":
            self._harm()


@pytest.mark.parametrize("form", ["parquet", "csv"])
@pytest.mark.parametrize("cut", [False, True])
@pytest.mark.parametrize("of_year", [False, True])
def test_a_file_that_is_harmed_while_it_runs_is_not_put_into_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str, *, cut: bool, of_year: bool
) -> None:
    monkeypatch.setattr("twsmq.download.years.MOST_AT_HAND", 0)
    past = Past()
    assert Run(tmp_path, past, order(BEGIN, BEGIN + DAY, form=form))()
    year = year_file(tmp_path, AAPL, 2026, form)

    def harm() -> None:
        files = [year] if of_year else sorted((tmp_path / ".twsmq" / "pieces").glob("*-*"))
        for file in files:
            if cut and file.exists():
                file.write_bytes(file.read_bytes()[:100])
            file.unlink(missing_ok=not cut) if not cut else None

    with pytest.raises(Changed, match="run the same command again"):
        Run(tmp_path, past, order(BEGIN, END, form=form), HarmingDisk(harm))()
    assert not verify(tmp_path).complete
    assert Run(tmp_path, past, order(BEGIN, END, form=form))()
    report = verify(tmp_path)
    assert (report.complete, report.instruments[0].bars) == (True, len(past.times(BEGIN, END)))


def test_a_second_ctrl_c_does_not_let_another_in_while_the_first_still_writes(tmp_path: Path) -> None:
    """It ends `asyncio.run` while the thread of the disk is at its last file: the process waits for it, and
    whoever came meanwhile would have taken that file away as one that nobody names."""
    with suppress(KeyboardInterrupt), locked(tmp_path):
        raise KeyboardInterrupt
    assert running(tmp_path)
    with suppress(ValueError), locked(tmp_path / "other"):
        raise ValueError
    assert not running(tmp_path / "other")


def test_a_file_system_without_locks_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr("fcntl.flock", refuse)
    with pytest.raises(NoFolder, match="No locks available"), locked(tmp_path):
        pass


# --- what is not there yet ---------------------------------------------------------------------------------


def as_of(folder: Path, past: Past, now: int, begin: int = NEW_YEARS_EVE) -> Run:
    """The command at a moment of a session, up to then."""
    run = Run(folder, past, order(begin, now - 2 * MINUTE))
    run.wall = now
    return run


@pytest.mark.parametrize("begin", [NEW_YEARS_EVE, NEW_YEARS_EVE + 16 * HOUR - 12 * MINUTE])
def test_the_newest_bars_that_a_gateway_delays_are_not_taken_for_none(tmp_path: Path, begin: int) -> None:
    """2188: "Up-to-the-second historical data requires additional subscription": bars come, the newest not.
    They were counted as minutes without a trade, and never asked for again."""
    past, now = Past(), NEW_YEARS_EVE + 16 * HOUR
    past.absent = lambda time: time >= now - 15 * MINUTE
    run = as_of(tmp_path, past, now, begin)
    assert not run()
    assert any("has not given its newest bars" in note for note in run.notes)
    assert run.download is not None
    assert run.download.outcome == "not complete; run it again to go on"
    assert not verify(tmp_path).complete
    past.absent = lambda time: False
    later = Run(tmp_path, past, order(begin, now - 2 * MINUTE))
    later.wall = now + HOUR
    assert later()
    assert verify(tmp_path).complete
    assert times_in(tmp_path) == past.times(begin, now - 2 * MINUTE)


def test_a_stock_that_does_not_trade_is_complete_once_nothing_can_be_late(tmp_path: Path) -> None:
    past, now = Past(), NEW_YEARS_EVE + 16 * HOUR
    past.absent = lambda time: time >= now - 40 * MINUTE
    assert not as_of(tmp_path, past, now)()
    asked = len(past.asked)
    again = Run(tmp_path, past, order(NEW_YEARS_EVE, now - 2 * MINUTE))
    again.wall = now + 20 * MINUTE
    assert again()
    assert verify(tmp_path).complete
    bars = [args for op, args in past.asked[asked:] if op == "bars"]
    assert all(args["from"] >= now - 41 * MINUTE for args in bars)


# --- what verify looks at ----------------------------------------------------------------------------------


def written(folder: Path, *instruments: str) -> Past:
    past = Past()
    assert Run(folder, past, order(BEGIN, END, *instruments))()
    return past


def swapped(folder: Path) -> None:
    one, other = (year_file(folder, name, 2026, "parquet") for name in (AAPL, MSFT))
    content = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(content)


def zeroed(folder: Path) -> None:
    file_of(folder).write_bytes(bytes(file_of(folder).stat().st_size))


def a_folder_instead(folder: Path) -> None:
    file_of(folder).unlink()
    file_of(folder).mkdir()
    shutil.copy(file_of(folder, 2027), file_of(folder) / "part.parquet")


def a_year_of_another_time(folder: Path) -> None:
    stray = year_file(folder, AAPL, 2019, "parquet")
    stray.parent.mkdir()
    shutil.copy(file_of(folder), stray)


def an_instrument_of_nobody(folder: Path) -> None:
    shutil.copytree(instrument_folder(folder, AAPL), instrument_folder(folder, "STK:KO:SMART:USD"))


def the_ledger_of_another(folder: Path) -> None:
    other = folder.with_name("other")
    assert Run(other, Past(), order(BEGIN, END, "STK:KO:SMART:USD"))()
    shutil.copy(other / ".twsmq" / "ledger.jsonl", folder / ".twsmq" / "ledger.jsonl")


def a_link_to_nowhere(folder: Path) -> None:
    file_of(folder).unlink()
    file_of(folder).symlink_to(folder / "nowhere")


HARMS = [
    swapped,
    zeroed,
    a_folder_instead,
    a_year_of_another_time,
    an_instrument_of_nobody,
    the_ledger_of_another,
    a_link_to_nowhere,
]


@pytest.mark.parametrize("harm", HARMS)
def test_harm_of_every_kind_is_named(tmp_path: Path, harm: Callable[[Path], None]) -> None:
    folder = tmp_path / "bars"
    written(folder, AAPL, MSFT)
    harm(folder)
    report = verify(folder)
    assert not report.complete
    said = [text for one in report.instruments for text in [*one.problems, *(hole.why for hole in one.holes)]]
    assert said


def test_a_folder_of_nobody_is_named_once_and_no_other_is_blamed(tmp_path: Path) -> None:
    written(tmp_path)
    an_instrument_of_nobody(tmp_path)
    ours, stray = verify(tmp_path).instruments
    assert (ours.instrument, ours.complete) == (AAPL, True)
    assert (stray.instrument, stray.complete) == ("STK:KO:SMART:USD", False)
    assert "move it away" in stray.problems[0]


@pytest.mark.parametrize("harm", [swapped, zeroed, a_year_of_another_time, a_link_to_nowhere])
def test_a_download_mends_what_it_can(tmp_path: Path, harm: Callable[[Path], None]) -> None:
    past = written(tmp_path, AAPL, MSFT)
    harm(tmp_path)
    assert Run(tmp_path, past, order(BEGIN, END, AAPL, MSFT))()
    assert verify(tmp_path).complete
    assert times_in(tmp_path) == past.times(BEGIN, END)


def test_a_name_that_no_folder_can_have_is_no_traceback(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="File name too long"):
        verify(tmp_path / ("x" * 300))
    with pytest.raises(NoFolder, match="File name too long"), locked(tmp_path / ("x" * 300)):
        pass


# --- what is not settled yet -------------------------------------------------------------------------------


class Days(Past):
    """A bar of each weekday, dated by it; its close is another until thirty hours after."""

    def __init__(self, now: int) -> None:
        super().__init__(86_400)
        self.now = now

    def times(self, begin: int, end: int) -> list[int]:
        first = -(-begin // DAY)
        return [day * DAY for day in range(first, -(-end // DAY)) if (day + 3) % 7 < 5]

    def bar(self, instrument: str, time: int) -> BarRow:
        row = super().bar(instrument, time)
        settled = self.now >= time + DAY + 30 * HOUR
        return row if settled else replace(row, close=row.close + 0.25 if row.close is not None else None)


def test_the_day_of_a_future_is_fetched_once_it_is_settled(tmp_path: Path) -> None:
    """IBKR: the settlement price comes "several hours after", of a Friday sometimes on Saturday."""
    future, last = "FUT:ES:CME:USD:20270319", NEW_YEARS_EVE + DAY  # a Friday
    now = last + DAY + 7 * HOUR
    past = Days(now)
    run = Run(tmp_path, past, order(NEW_YEARS_EVE - 7 * DAY, last + DAY, future, AAPL, size="1d"))
    run.wall = now
    assert run()
    bars = {one.instrument: one.bars for one in verify(tmp_path).instruments}
    assert bars == {future: 6, AAPL: 7}
    past.now = run.wall = last + DAY + 31 * HOUR
    assert run()
    assert run.notes == [], "what was fetched is as it was"
    assert {one.bars for one in verify(tmp_path).instruments} == {7}


def test_of_a_future_of_which_nothing_is_settled_nothing_is_fetched(tmp_path: Path) -> None:
    begin = NEW_YEARS_EVE + DAY
    run = Run(tmp_path, Days(begin + DAY), order(begin, begin + DAY, "CONTFUT:ES:CME:USD", size="1d"))
    run.wall = begin + DAY + 7 * HOUR
    assert not run()
    assert "no bar since then has its settlement price yet" in run.notes[0]
