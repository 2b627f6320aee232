"""The report of a day: what the journal and the records say of it, and nothing of other days."""

from __future__ import annotations

import csv
import sqlite3
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from twsmq.cli import main
from twsmq.records import DAY_S, NS, FillCost, GapCount, Recorded, Series, read_records
from twsmq.report.day import DayReport, bounds, gather
from twsmq.report.page import page
from twsmq.report.plots import lines
from twsmq.report.tables import write_tables
from twsmq_nodes.status.records import EquityPoint, Records

DAY = date(2026, 11, 27)
BEGIN, END = bounds(DAY)
NOON = BEGIN + DAY_S // 2
EVIL = "<script>alert(1)</script>\x1b[2J"


def execution(exec_id: str, second: int, **more: Any) -> dict[str, Any]:
    return {
        "exec_id": exec_id,
        "time": second * NS,
        "strategy": "alpha",
        "client_order_id": "a",
        "account": "DU1",
        "side": "BUY",
        "quantity": 10.0,
        "price": 100.5,
        "commission": 1.0,
        **more,
    }


def order(status: str, second: int, **more: Any) -> dict[str, Any]:
    made = {"strategy": "alpha", "client_order_id": "a", "instrument": "STK:A:SMART:USD", "status": status}
    return made | {"ts": second * NS} | more


@pytest.fixture
def gathered() -> DayReport:
    series = Series(
        [NOON, NOON + 60, NOON + 120],
        [100.0, 90.0, 110.0],
        [0.0, -10.0, 10.0],
        [None, None, 4.0],
        [0.0, 0.0, None],
        "CHF",
    )
    recorded = Recorded(
        {"DU1": series},
        [
            FillCost("1", NOON * NS, "alpha", 100.0, 0.5, 0.2),
            FillCost("2", NOON * NS, "alpha", None, None, 0.4),
        ],
        [GapCount(BEGIN // DAY_S, "quote/A/", 2), GapCount(BEGIN // DAY_S, "quote/B/", 3)],
    )
    executions = [
        execution("2", NOON + 5, realized_pnl=7.0),
        execution("1", NOON),
        execution("0", BEGIN - 1),
        execution("3", END),
    ]
    orders = [
        order("filled", NOON),
        order("submitted", NOON, client_order_id="b", strategy=EVIL),
        order("filled", BEGIN - 1, client_order_id="c"),
    ]
    return gather(DAY, recorded, orders, executions, [])


def test_a_day_has_what_happened_on_it(gathered: DayReport) -> None:
    assert [(fill.exec_id, fill.slippage_bps, fill.instrument) for fill in gathered.fills] == [
        ("1", 50.0, "STK:A:SMART:USD"),
        ("2", None, "STK:A:SMART:USD"),
    ]
    (alpha,) = (row for row in gathered.strategies if row.strategy == "alpha")
    assert (alpha.orders, alpha.states, alpha.fills) == (1, "1 filled", 2)
    assert (alpha.commission, alpha.realized) == (2.0, 7.0)
    assert alpha.slippage_bps == 50.0
    assert alpha.latency_s == pytest.approx(0.3)
    (account,) = gathered.accounts
    assert (account.first, account.last, account.low, account.high) == (100.0, 110.0, 90.0, 110.0)
    assert (account.daily, account.unrealized, account.realized) == (10.0, 4.0, 0.0)
    assert gathered.gaps == [("quote/B/", 3), ("quote/A/", 2)]


def test_currencies_are_not_summed_and_unknown_costs_are_not_zero() -> None:
    executions = [
        execution("1", NOON, currency="USD", realized_pnl=5.0),
        execution("2", NOON, currency="USD"),
        execution("3", NOON, currency="JPY", commission=400.0, realized_pnl=-9000.0),
        execution("4", NOON, strategy="beta", commission=None, currency=None),
    ]
    report = gather(DAY, Recorded(), [order("filled", NOON)], executions, [])
    rows = [
        (row.strategy, row.currency, row.orders, row.fills, row.commission, row.realized)
        for row in report.strategies
    ]
    assert rows == [
        ("alpha", "JPY", 1, 1, 400.0, -9000.0),
        ("alpha", "USD", None, 2, 2.0, 5.0),
        ("beta", None, 0, 1, None, None),
    ]
    assert "JPY" in page(report, NOON * NS)


def test_the_page_needs_nothing_else_and_nothing_in_it_acts(gathered: DayReport) -> None:
    text = page(gathered, NOON * NS)
    assert "<script" not in text
    assert "http" not in text
    assert "\x1b" not in text
    assert text.count("<svg") == 4  # equity, result, slippage, latency
    assert "DU1: net liquidation, CHF" in text
    assert "<td>CHF</td>" in text
    assert "&lt;script&gt;" in text


def test_the_line_is_broken_where_nothing_was_recorded() -> None:
    """Hours of an outage were drawn as a straight line, which nobody had measured."""
    minutes = [NOON + 60 * minute for minute in (0, 1, 2, 300, 301, 600)]
    values = [1.0, 2.0, None, 3.0, 4.0, 5.0]
    assert lines("equity", minutes, values).count("<polyline") == 3
    assert lines("equity", minutes[:2], values[:2]).count("<polyline") == 1


def test_the_tables_can_be_read_again(gathered: DayReport, tmp_path: Path) -> None:
    written = write_tables(gathered, tmp_path / "day")
    assert [path.name for path in written] == [
        f"day-{name}.csv" for name in ("accounts", "equity", "strategies", "fills", "gaps")
    ]
    with (tmp_path / "day-fills.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["exec_id"], row["slippage_bps"]) for row in rows] == [("1", "50.0"), ("2", "")]


def test_text_is_no_formula(tmp_path: Path) -> None:
    names = ("=1+1", "+1", "-1", "@SUM(A1)", "\uff1d1+1")
    report = gather(DAY, Recorded(), [order("filled", NOON, strategy=name) for name in names], [], [])
    write_tables(report, tmp_path / "day")
    for name in names:
        assert f"\n'{name}," in (tmp_path / "day-strategies.csv").read_text(encoding="utf-8")


def test_a_day_without_anything_says_so() -> None:
    text = page(gather(DAY, Recorded(), [], [], []), NOON * NS)
    for words in ("no equity was recorded", "no strategy did anything", "no fills", "none was announced"):
        assert words in text


def test_what_the_status_node_keeps_is_read_as_it_was_kept(tmp_path: Path) -> None:
    records = Records(tmp_path / "status")
    records.keep_equity([EquityPoint(NOON, "DU1", 5.0, 1.0, None, 2.0), EquityPoint(END, "DU1", 6, 1, 1, 1)])
    fill = {
        "exec_id": "1",
        "time": NOON * NS,
        "strategy": "a",
        "mid": 10.0,
        "slippage": 0.1,
        "latency_s": 1.0,
    }
    records.keep_fills([fill])
    records.keep_setting("currency/DU1", "USD")
    records.keep_gaps(BEGIN // DAY_S, {"quote/A/": 2, "quote/B/": 0})
    records.keep_gaps(BEGIN // DAY_S, {"quote/A/": 1})
    forgotten = fill | {"mid": None, "slippage": None, "latency_s": None}  # the journal was read anew
    records.keep_fills([forgotten])
    records.close()
    found = read_records(tmp_path, BEGIN, END)
    assert found == Recorded(
        {"DU1": Series([NOON], [5.0], [1.0], [None], [2.0], "USD")},
        [FillCost("1", NOON * NS, "a", 10.0, 0.1, 1.0)],
        [GapCount(BEGIN // DAY_S, "quote/A/", 3)],
    )
    again = Records(tmp_path / "status")
    assert again.costs(NOON * NS) == {"1": 10.0}
    again.close()


def run(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(main, ["report", *words])
    return done.exit_code, done.output


def test_the_command_writes_both_and_says_where(tmp_path: Path) -> None:
    config = tmp_path / "twsmq.toml"
    config.write_text("")
    code, said = run("--config", str(config), "--output", str(tmp_path))
    assert code == 2
    assert "nothing is recorded" in said
    records = Records(tmp_path / "var" / "status")
    today = datetime.now(UTC).date()
    records.keep_equity([EquityPoint(bounds(today)[0], "DU1", 5.0, 1.0, None, 2.0)])
    records.close()
    code, said = run("--config", str(config), "--output", str(tmp_path / "out"), "--day")
    assert code == 0, said
    stem = tmp_path / "out" / f"twsmq-{today.isoformat()}"
    assert f"{stem}.html\n" in said
    assert f"{stem}-fills.csv\n" in said
    assert "DU1" in stem.with_suffix(".html").read_text()


@pytest.mark.parametrize("day", ["2026-13-01", "tomorrow", "27.11.2026"])
def test_a_day_that_is_none_is_refused(tmp_path: Path, day: str) -> None:
    (tmp_path / "twsmq.toml").write_text("")
    code, said = run("--config", str(tmp_path / "twsmq.toml"), "--day", day)
    assert (code, "YYYY-MM-DD" in said) == (2, True)


def test_records_that_cannot_be_read_are_a_problem_and_no_crash(tmp_path: Path) -> None:
    path = tmp_path / "status" / "records.sqlite"
    path.parent.mkdir()
    path.write_bytes(b"no database" * 100)
    assert "cannot be read" in (read_records(tmp_path, 0).problem or "")
    path.unlink()
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE equity (minute TEXT)")
    database.close()
    assert "cannot be read" in (read_records(tmp_path, 0).problem or "")
