"""`twsmq orders export`, from a journal as the orders node writes it."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from support.orders_desk import Desk
from support.orders_reports import EXEC, error, execution, open_order, order_status
from twsmq.cli import main
from twsmq.cli.orders import orders
from twsmq_nodes.orders.journal.thread import SqliteJournal
from twsmq_nodes.tws import events as tws

FORMULA = '=HYPERLINK("http://x")'


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Its journal holds an order with a corrected execution, and one of another strategy."""
    desk = Desk()
    desk.place("a")
    desk.accepted()
    desk.modify("a", limit_price=1.25)
    desk.says(open_order(1, limit_price=1.25))
    desk.says(execution(1, f"{EXEC}.01.01", 4.0), execution(1, f"{EXEC}.01.02", 3.0))
    desk.says(tws.CommissionReport(f"{EXEC}.01.02", 1.0, "USD", 5.5, None, None))
    desk.says(
        order_status(1, "Cancelled", filled=3.0, remaining=7.0), error(1, 202, "Order Canceled - reason:")
    )
    desk.place("b", strategy="t")
    desk.says(error(2, 201, FORMULA))

    async def write() -> None:
        journal = SqliteJournal(tmp_path / "var" / "orders.journal")
        journal.run(lambda _no: None, lambda _why: None)
        journal.append(tuple(desk.committed))
        journal.close()

    asyncio.run(write())
    path = tmp_path / "twsmq.toml"
    path.write_text("")
    return path


def export(config: Path, *options: str) -> Result:
    return CliRunner().invoke(orders, ["export", "--config", str(config), *options])


def table(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.output
    return list(csv.DictReader(io.StringIO(result.output)))


def test_orders_as_they_stand(config: Path) -> None:
    rows = table(export(config))
    assert [(row["strategy"], row["client_order_id"], row["status"], row["filled"]) for row in rows] == [
        ("s", "a", "cancelled", "3.0"),
        ("t", "b", "rejected", "0.0"),
    ]


def test_no_text_of_others_is_a_formula_for_a_spreadsheet(config: Path) -> None:
    _, row = table(export(config))
    assert row["reason"] == f"'{FORMULA}"
    written = json.loads(export(config, "--format", "jsonl").output.splitlines()[-1])
    assert written["reason"] == FORMULA, "for programs it is what it was"


def test_the_audit_has_what_was_asked_for_and_not_what_the_gateway_showed(config: Path) -> None:
    rows = table(export(config, "--what", "audit"))
    assert [(row["client_order_id"], row["what"], row["value"]) for row in rows] == [
        ("a", "order", "pending"),
        ("a", "change", '{"limit_price":1.25}'),
        ("b", "order", "pending"),
    ]


def test_executions_after_corrections_with_what_they_cost(config: Path) -> None:
    (row,) = table(export(config, "--what", "executions"))
    assert row["instrument"] == "STK:AAPL:SMART:USD"
    assert (row["exec_id"], row["quantity"], row["commission"], row["realized_pnl"]) == (
        f"{EXEC}.01.02",
        "3.0",
        "1.0",
        "5.5",
    )


def test_every_event_of_one_strategy_to_a_file(config: Path, tmp_path: Path) -> None:
    output = tmp_path / "events.jsonl"
    result = export(
        config, "--what", "events", "--format", "jsonl", "--strategy", "s", "--output", str(output)
    )
    assert result.exit_code == 0
    events = [json.loads(line) for line in output.read_text().splitlines()]
    assert [event["strategy_no"] for event in events] == list(range(1, len(events) + 1))
    assert {event["type"] for event in events} == {"order", "change", "fill", "commission"}


def test_events_as_a_table_and_a_journal_that_is_not_there_are_one_line(config: Path, tmp_path: Path) -> None:
    refused = export(config, "--what", "events")
    assert (refused.exit_code, refused.output.count("\n")) == (2, 1)
    nowhere = tmp_path / "nowhere" / "twsmq.toml"
    nowhere.parent.mkdir()
    nowhere.write_text("")
    missing = export(nowhere)
    assert missing.exit_code == 2
    assert "no order was ever placed" in missing.output


def test_a_file_that_cannot_be_written_is_one_line(config: Path, tmp_path: Path) -> None:
    result = export(config, "--output", str(tmp_path / "nowhere" / "orders.csv"))
    assert result.exit_code == 2
    assert result.output.startswith("twsmq: cannot write to ")
    assert result.output.count("\n") == 1


@pytest.mark.parametrize("name", ["orders.journal", "orders.journal-wal", "keys/local.key", "orders.mark"])
def test_nothing_is_written_over_a_file_of_the_clusters_own(config: Path, tmp_path: Path, name: str) -> None:
    mine = tmp_path / "var" / name
    mine.parent.mkdir(exist_ok=True)
    mine.touch()
    (tmp_path / "link").symlink_to(mine)
    before = mine.read_bytes()
    for output in (mine, tmp_path / "link"):
        for words in (("orders", "export"), ("record", "order/")):
            command = [*words, "--config", str(config), "--output", str(output)]
            result = CliRunner().invoke(main, command)
            assert (result.exit_code, mine.read_bytes()) == (2, before)
            assert "a file of the cluster's own" in result.output


def forgotten(config: Path, *options: str) -> Result:
    return CliRunner().invoke(orders, ["forget", "--config", str(config), *options])


def test_a_journal_is_moved_aside_only_when_asked_twice(config: Path, tmp_path: Path) -> None:
    journal = tmp_path / "var" / "orders.journal"
    before = journal.read_bytes()
    said = forgotten(config)
    assert (said.exit_code, journal.read_bytes()) == (2, before)
    assert "adopt_order" in said.output
    assert forgotten(config, "--yes").exit_code == 0
    (moved,) = (tmp_path / "var").glob("orders.journal.forgotten-*/orders.journal")
    assert moved.read_bytes() == before
    SqliteJournal(journal).close()
    assert forgotten(config, "--yes").exit_code == 0


def test_a_journal_in_use_or_none_at_all_is_not_forgotten(config: Path, tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "var" / "orders.journal")
    refused = forgotten(config, "--yes")
    assert refused.exit_code == 2
    assert "stop the cluster first" in refused.output
    journal.close()
    lock = tmp_path / "var" / "orders.journal.lock"
    lock.unlink()
    lock.symlink_to("elsewhere")
    refused = forgotten(config, "--yes")
    assert (refused.exit_code, "orders.journal.lock cannot be opened" in refused.output) == (2, True)
    nowhere = tmp_path / "nowhere" / "twsmq.toml"
    nowhere.parent.mkdir()
    nowhere.write_text("")
    assert "nothing to forget" in forgotten(nowhere, "--yes").output
