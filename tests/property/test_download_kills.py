"""A download that is killed at any step of the disk, any number of times, ends with each bar once."""

from __future__ import annotations

import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given
from hypothesis import strategies as st
from support.history_of_a_desk import (
    AAPL,
    DAY,
    MSFT,
    NEW_YEARS_EVE,
    DyingDisk,
    Killed,
    Past,
    Run,
    no_space,
    order,
    refusal,
    unanswered,
)
from twsmq.download.planner import Covered, Interval, Plan, Session, spans_of, uncovered
from twsmq.download.store import instrument_folder
from twsmq.download.verify import verify

BEGIN, END = NEW_YEARS_EVE - 3 * DAY, NEW_YEARS_EVE + 6 * DAY  # over the end of a year
TROUBLES = st.lists(
    st.sampled_from(
        [refusal("not_ready", "the session is down"), refusal("throttled", "later"), unanswered(), "lie"]
    ),
    max_size=6,
)


def rows_of(folder: Path, instrument: str) -> list[dict[str, Any]]:
    files = sorted(instrument_folder(folder, instrument).rglob("*.parquet"))
    tables = [pq.read_table(file) for file in files]
    schemas = {str(table.schema.field("time").type) for table in tables}
    assert schemas <= {"timestamp[ns, tz=UTC]"}
    whole = [table.set_column(0, "time", table.column("time").cast(pa.int64())) for table in tables]
    return [row for table in whole for row in table.to_pylist()]


def require_whole(folder: Path, past: Past, begin: int, end: int, *instruments: str) -> None:
    report = verify(folder)
    assert report.complete, report
    for instrument in instruments:
        rows = rows_of(folder, instrument)
        wanted = [past.bar(instrument, time) for time in past.times(begin, end)]
        assert rows == [msgspec.structs.asdict(bar) for bar in wanted]
    leftovers = [file.name for file in (folder / ".twsmq" / "pieces").glob("*")]
    assert not leftovers


@given(
    kills=st.lists(st.integers(0, 60), min_size=1, max_size=12),
    full=st.booleans(),
    troubles=TROUBLES,
    limit=st.sampled_from([50, 300, 20_000]),
)
def test_every_bar_once_after_kills_at_any_step(
    kills: list[int], full: bool, troubles: list[Exception | str], limit: int
) -> None:
    past = Past()
    past.limit = limit
    past.troubles = list(troubles)
    past.absent = lambda time: time // past.step % 400 == 3
    wanted = order(BEGIN, END, AAPL, MSFT)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for kill in kills:
            Run(folder, past, wanted, DyingDisk(kill, no_space if full else Killed)).killed()
        assert Run(folder, past, wanted)()
        require_whole(folder, past, BEGIN, END, AAPL, MSFT)


def test_every_single_step_may_be_the_last(tmp_path: Path) -> None:
    """Every one, not some: the first run counts them. A second range is put onto files that are there."""
    past = Past(step_s=600)
    count = DyingDisk(-1)
    for begin, end in ((BEGIN, BEGIN + 2 * DAY), (BEGIN, END)):
        assert Run(tmp_path / "count", past, order(begin, end, size="10m"), count)()
    assert count.steps > 40
    for step in range(count.steps):
        folder = tmp_path / f"at{step}"
        disk = DyingDisk(step)
        died = Run(folder, past, order(BEGIN, BEGIN + 2 * DAY, size="10m"), disk).killed()
        if not died:
            died = Run(folder, past, order(BEGIN, END, size="10m"), disk).killed()
        assert died
        assert Run(folder, past, order(BEGIN, END, size="10m"))()
        require_whole(folder, past, BEGIN, END, AAPL)


def test_nor_is_any_lost_where_the_disk_has_a_thread_of_its_own(tmp_path: Path) -> None:
    past = Past()
    past.limit = 300
    wanted = order(BEGIN, END, AAPL, MSFT)
    died = 0
    for kill in range(3, 80, 6):
        disk = DyingDisk(kill, no_space if kill % 4 == 1 else Killed)
        died += Run(tmp_path, past, wanted, disk, threaded=True).killed()
    assert died > 3
    assert Run(tmp_path, past, wanted, threaded=True)()
    require_whole(tmp_path, past, BEGIN, END, AAPL, MSFT)


@given(
    begin=st.integers(0, 20 * 1440),
    length=st.integers(1, 15 * 1440),
    covered=st.lists(st.tuples(st.integers(0, 30 * 1440), st.integers(1, 2000)), max_size=5),
    most=st.integers(1, 5000),
    back=st.lists(st.booleans(), max_size=20),
)
def test_a_plan_covers_what_is_left_exactly(
    begin: int, length: int, covered: list[tuple[int, int]], most: int, back: list[bool]
) -> None:
    past, minute = Past(), DAY // 1440
    start = NEW_YEARS_EVE - 10 * DAY + begin * minute
    end = start + length * minute
    sessions = [Session(*pair, "20260101") for pair in past.sessions(start, end)]
    spans = spans_of(sessions, "1m", "US/Eastern", start, end, 0)
    done: list[Interval] = []
    for first, width in sorted(covered):
        low = NEW_YEARS_EVE - 10 * DAY + first * minute
        if not done or low >= done[-1][1]:
            done.append((low, low + width * minute))
    left = uncovered(spans, Covered(done))
    plan, pieces, returned = Plan(spans, Covered(done), "1m"), list[Interval](), list(back)
    while (piece := plan.take(most)) is not None:
        if returned and returned.pop():
            plan.give_back(piece)
            continue
        pieces.append((piece.begin, piece.end))
        assert piece.overlap is None or piece.overlap < piece.begin
    pieces.sort()
    assert all(one[1] <= two[0] for one, two in pairwise(pieces))
    assert all(one[1] <= two[0] or one[0] >= two[1] for one in pieces for two in done)
    fetched = {time for low, high in pieces for time in past.times(low, high)}
    assert fetched == {time for low, high in left for time in past.times(low, high)}
    assert {time for time in past.times(start, end) if not any(a <= time < b for a, b in done)} == fetched
