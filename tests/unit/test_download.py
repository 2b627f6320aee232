"""What a download does about what it meets, and what `verify` says of a folder."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from support.history_of_a_desk import (
    AAPL,
    DAY,
    HOUR,
    MSFT,
    NEW_YEARS_EVE,
    NS,
    DyingDisk,
    Past,
    Run,
    no_space,
    order,
    refusal,
    unanswered,
)
from twsmq.download.errors import InUse, LedgerDamaged, NotOurs, ParquetMissing, Unwritable
from twsmq.download.lock import locked
from twsmq.download.planner import Session, Span, bar_times, spans_of
from twsmq.download.progress import Progress
from twsmq.download.store import format_named, time_of, year_file
from twsmq.download.verify import verify
from twsmq_protocol.market_events import BarRow

BEGIN, END = NEW_YEARS_EVE - 3 * DAY, NEW_YEARS_EVE + 6 * DAY
DAYS = 7  # of trading, New Year's Day among them: the calendar of these tests knows no holidays
BARS = DAYS * 390


def data_file(folder: Path, year: int = 2026, suffix: str = "parquet") -> Path:
    return year_file(folder, AAPL, year, suffix)


def test_a_file_for_each_year_with_types_and_where_it_is_from(tmp_path: Path) -> None:
    assert Run(tmp_path, Past(), order(BEGIN, END))()
    tables = [pq.read_table(data_file(tmp_path, year)) for year in (2026, 2027)]
    assert [table.num_rows for table in tables] == [4 * 390, 3 * 390]
    assert [f"{field.name} {field.type}" for field in tables[0].schema] == [
        "time timestamp[ns, tz=UTC]", "open double", "high double", "low double", "close double",
        "volume double", "wap double", "count int64",
    ]  # fmt: skip
    assert tables[0].column("wap").null_count == 4 * 390  # a minute's ns are a multiple of five
    metadata = tables[0].schema.metadata
    assert metadata[b"twsmq.instrument"] == AAPL.encode()
    assert metadata[b"twsmq.adjusted"] == b"splits"
    assert metadata[b"twsmq.time_zone"] == b"US/Eastern"
    assert metadata[b"twsmq.fetched_at"] == b"2027-03-01T00:00:00Z"


def test_what_is_there_is_not_asked_for_again(tmp_path: Path) -> None:
    past = Past()
    assert Run(tmp_path, past, order(BEGIN, NEW_YEARS_EVE))()
    before = len(past.asked)
    assert Run(tmp_path, past, order(BEGIN, NEW_YEARS_EVE))()
    assert len(past.asked) == before
    assert Run(tmp_path, past, order(BEGIN - 7 * DAY, END, AAPL, MSFT))()
    bars = [args for op, args in past.asked[before:] if op == "bars" and args["instrument"] == AAPL]
    assert all(args["to"] <= BEGIN or args["from"] >= NEW_YEARS_EVE - 4 * HOUR for args in bars)
    report = verify(tmp_path)
    assert report.complete
    assert [one.bars for one in report.instruments] == [BARS + 5 * 390] * 2


def test_csv_needs_no_parquet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ParquetMissing, match=r"pip install 'twsmq\[parquet\]'"):
        format_named("parquet")
    past = Past()
    assert Run(tmp_path, past, order(BEGIN, NEW_YEARS_EVE, form="csv"))()
    assert Run(tmp_path, past, order(BEGIN, END, form="csv"))()
    with data_file(tmp_path, suffix="csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4 * 390
    first = past.bar(AAPL, BEGIN + 29 * HOUR // 2)
    assert time_of(rows[0]["time"]) == first.time
    assert (float(rows[0]["open"]), rows[0]["wap"], int(rows[0]["count"])) == (first.open, "", first.count)
    assert json.loads(data_file(tmp_path, suffix="csv").with_suffix(".json").read_text())["rth"] == "true"
    assert verify(tmp_path).complete


@pytest.mark.parametrize("left", [0, 100, -1])
def test_a_file_that_was_cut_off_is_noticed_and_fetched_again(tmp_path: Path, left: int) -> None:
    past = Past()
    assert Run(tmp_path, past, order(BEGIN, END))()
    whole = data_file(tmp_path).read_bytes()
    data_file(tmp_path).write_bytes(whole[:left])
    report = verify(tmp_path)
    assert not report.complete
    assert report.instruments[0].missing == 4 * 390
    again = Run(tmp_path, past, order(BEGIN, END))
    assert again()
    assert any("not as it was written" in note for note in again.notes)
    assert verify(tmp_path).complete
    assert data_file(tmp_path).read_bytes() == whole


def test_a_file_that_was_changed_or_removed(tmp_path: Path) -> None:
    past = Past()
    assert Run(tmp_path, past, order(BEGIN, END))()
    file = data_file(tmp_path)
    table = pq.read_table(file)
    pq.write_table(table.slice(0, 1000), file)
    verdict = verify(tmp_path).instruments[0]
    assert (verdict.bars, verdict.missing, verdict.complete) == (BARS - 560, 560, False)
    assert [hole.bars for hole in verdict.holes] == [170, 390]
    pq.write_table(table, file.with_name("copy.parquet"))
    verdict = verify(tmp_path).instruments[0]
    assert (verdict.missing, verdict.doubled, verdict.complete) == (0, 1000, False)
    file.with_name("copy.parquet").unlink()
    file.unlink()
    assert verify(tmp_path).instruments[0].missing == 4 * 390
    assert Run(tmp_path, past, order(BEGIN, END))()
    assert verify(tmp_path).complete


def test_a_full_disk_stops_it_and_it_goes_on_later(tmp_path: Path) -> None:
    past = Past()
    for step in (3, 20, 31, 44):
        with pytest.raises(Unwritable, match=r"No space left on device.*run the same command again"):
            Run(tmp_path, past, order(BEGIN, END, AAPL, MSFT), DyingDisk(step, no_space))()
    assert Run(tmp_path, past, order(BEGIN, END, AAPL, MSFT))()
    assert verify(tmp_path).complete


def test_a_session_without_bars_is_proved_by_two_answers(tmp_path: Path) -> None:
    past = Past()
    past.troubles = [
        refusal("gateway_rejected", "none", 10295),
        "lie",
    ]
    past.has_schedule = False
    assert Run(tmp_path, past, order(BEGIN, END))(), "a single empty answer proves nothing"
    verdict = verify(tmp_path).instruments[0]
    assert (verdict.bars, verdict.complete) == (BARS, True)


def test_minutes_that_the_gateway_has_not_are_absent_not_missing(tmp_path: Path) -> None:
    past = Past()
    silent = BEGIN + DAY
    past.absent = lambda time: silent <= time < silent + DAY or time // past.step % 390 == 5
    assert Run(tmp_path, past, order(BEGIN, END))()
    verdict = verify(tmp_path).instruments[0]
    assert verdict.complete
    assert (verdict.missing, verdict.absent) == (0, BARS - verdict.bars)
    asked = [args for op, args in past.asked if op == "bars" and args["from"] == silent + 29 * HOUR // 2]
    assert len(asked) == 1  # the silent session alone, once more


def test_nothing_is_planned_before_history_begins(tmp_path: Path) -> None:
    past = Past()
    past.head = BEGIN + 2 * DAY
    assert Run(tmp_path, past, order(BEGIN - 400 * DAY, END))()
    assert min(args["from"] for op, args in past.asked if op == "bars") >= past.head
    assert verify(tmp_path).complete


def test_outages_pause_it_and_it_goes_on_by_itself(tmp_path: Path) -> None:
    past = Past()
    past.troubles = [*[refusal("not_ready", "the gateway restarts")] * 30, *[unanswered()] * 5]
    run = Run(tmp_path, past, order(BEGIN, END))
    assert run()
    assert any("paused: not_ready: the gateway restarts" in note for note in run.notes)
    assert verify(tmp_path).complete


def test_a_refusal_is_said_and_tried_again_by_the_next_run(tmp_path: Path) -> None:
    past = Past()
    words = "No market data permissions for ISLAND STK"
    schedules = [refusal("gateway_rejected", "none", 162)] * 2
    past.troubles = [*schedules, *[refusal("gateway_rejected", words, 162)] * 3]
    run = Run(tmp_path, past, order(BEGIN, END, AAPL, MSFT))
    assert not run()
    assert run.download is not None
    assert any(words in text for text in run.download.refused)
    verdict = verify(tmp_path).instruments[0]
    assert not verdict.complete
    assert any(words in hole.why for hole in verdict.holes)
    assert Run(tmp_path, past, order(BEGIN, END, AAPL, MSFT))()
    assert verify(tmp_path).complete


def test_no_such_contract_costs_one_request_and_stops_nothing_else(tmp_path: Path) -> None:
    past = Past()
    past.troubles = [refusal("gateway_rejected", "No security definition has been found", 200)]
    run = Run(tmp_path, past, order(BEGIN, END, "STK:NONE:SMART:USD", AAPL))
    assert not run()
    verdicts = {one.instrument: one for one in verify(tmp_path).instruments}
    assert verdicts[AAPL].complete
    assert not verdicts["STK:NONE:SMART:USD"].complete


def test_an_adjusted_past_is_noticed_and_fetched_anew(tmp_path: Path) -> None:
    past = Past()
    assert Run(tmp_path, past, order(BEGIN, NEW_YEARS_EVE))()
    past.price = 0.25  # a split
    run = Run(tmp_path, past, order(BEGIN, END))
    assert run()
    assert any("its past was adjusted; all of it is fetched anew" in note for note in run.notes)
    assert verify(tmp_path).complete
    opens = pq.read_table(data_file(tmp_path)).column("open").to_pylist()
    assert opens == [past.bar(AAPL, time).open for time in past.times(BEGIN, NEW_YEARS_EVE + DAY)]


def test_a_past_that_never_stands_still_ends_the_run(tmp_path: Path) -> None:
    class Drifting(Past):
        def bar(self, instrument: str, time: int) -> BarRow:
            self.price *= 1.0001
            return super().bar(instrument, time)

    past = Drifting()
    run = Run(tmp_path, past, order(NEW_YEARS_EVE - 40 * DAY, END))
    assert not run()
    assert run.download is not None
    assert any("changes while it is fetched" in text for text in run.download.refused)


def test_a_folder_of_something_else(tmp_path: Path) -> None:
    past = Past()
    assert Run(tmp_path, past, order(BEGIN, END))()
    for wanted, option in (
        (order(BEGIN, END, size="5m"), "--size 1m, not 5m"),
        (order(BEGIN, END, form="csv"), "--format parquet, not csv"),
    ):
        with pytest.raises(NotOurs, match=option):
            Run(tmp_path, past, wanted)()
    (tmp_path / ".twsmq" / "ledger.jsonl").unlink()
    with pytest.raises(NotOurs, match="data files of which no"):
        Run(tmp_path, past, order(BEGIN, END))()
    assert data_file(tmp_path).exists()
    with pytest.raises(NotOurs, match="holds no download"):
        verify(tmp_path / "elsewhere")


def test_two_spellings_of_one_instrument_are_one(tmp_path: Path) -> None:
    assert Run(tmp_path, Past(), order(BEGIN, NEW_YEARS_EVE, AAPL, f"{AAPL}:", AAPL))()
    assert Run(tmp_path, Past(), order(BEGIN, END, f"{AAPL}::"))()
    (verdict,) = verify(tmp_path).instruments
    assert (verdict.instrument, verdict.bars, verdict.complete) == (AAPL, BARS, True)


def test_a_damaged_ledger_names_its_line(tmp_path: Path) -> None:
    assert Run(tmp_path, Past(), order(BEGIN, END))()
    file = tmp_path / ".twsmq" / "ledger.jsonl"
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join([lines[0], b"{}\n", *lines[1:]]))
    with pytest.raises(LedgerDamaged, match=r"ledger\.jsonl:2:"):
        verify(tmp_path)


def test_one_download_at_a_time_in_a_folder(tmp_path: Path) -> None:
    refused = pytest.raises(InUse, match=r"another download works in .* \(process \d+\)")
    with locked(tmp_path), refused, locked(tmp_path):
        pass
    with locked(tmp_path):
        pass


def test_bars_are_counted_as_the_exchange_does() -> None:
    opens = 1_798_727_400 * NS  # 2026-12-31 09:30 in New York
    session = Session(opens, opens + 13 * HOUR // 2, "20261231")
    assert len(bar_times(session, "1m", "US/Eastern")) == 390
    hours = [(time - opens) // (60 * NS) for time in bar_times(session, "1h", "US/Eastern")]
    assert hours == [0, 30, 90, 150, 210, 270, 330]  # 09:30, 10:00, 11:00 … (captured)
    assert [*bar_times(session, "1d", "US/Eastern")] == [NEW_YEARS_EVE]


def test_a_span_ends_with_the_range_wherever_bars_are_believed_to_begin() -> None:
    opens = NEW_YEARS_EVE + 14 * HOUR
    spans = spans_of(
        [Session(opens, opens + 24 * HOUR, "20270101")], "4h", "UTC", opens + HOUR, opens + 9 * HOUR, 0
    )
    assert spans == [Span(opens + HOUR, opens + 9 * HOUR, 2)]
    assert spans_of([], "1d", "UTC", opens, opens + 5 * HOUR, 0) == []


def test_progress_has_a_rate_and_an_end() -> None:
    progress = Progress()
    progress.total = 1_000
    for second in range(11):
        progress.advance(10, 10, float(second))
    assert progress.line(10.0) == "110 bars fetched, 11 % of the plan, 10 bars/s, 1 min 29 s left"
