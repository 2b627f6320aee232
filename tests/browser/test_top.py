"""`twsmq top` shows what the page shows: the same rows of the same board, cell by cell."""

from __future__ import annotations

import asyncio
import json
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from support.page import place
from support.patience import patient
from twsmq.board_text import text_of
from twsmq.cli.terminal import printable
from twsmq_protocol.board import SECTIONS
from twsmq_protocol.config_file import load_config

STATIC = Path(__file__).parents[2] / "web" / "twsmq_web" / "static"
NOW = 1_795_755_600_000_000_000 + 43_200_000_000_000
VALUES: dict[str, list[Any]] = {
    "text": [
        "a",
        "",
        None,
        "ü €",
        "\u202etxet",
        "bell\x07 esc\x1b[2J",
        "two\nlines\t",
        "\u00a0\U000e0041\x9b",
    ],
    "integer": [0, 1234567, None],
    "id": [21233],
    "quantity": [0, 5, 1234.5, 0.00012345, -3],
    "price": [0, 187.3, 187.345678, 12345.5, -1.25],
    "money": [0, -2.2, 1000005.5, 0.004],
    "percent": [0.1, 0.99905, 1, 0],
    "bytes": [50_331_648, 0],
    "seconds": [0.0001, 0.0009, 0.012, 0.25, 1.0, 12.34],
    "time": [NOW - 5_000_000_000, NOW - 3 * 86_400_000_000_000],
    "age": [NOW - n * 1_000_000_000 for n in (0, 59, 60, 3599, 3600, 172_799, 172_800)],
    "flag": [True, False],
}


def test_both_write_every_kind_of_value_alike() -> None:
    program = (
        "const {format} = await import(process.argv[1]);"
        "const [values, now] = JSON.parse(process.argv[2]);"
        "console.log(JSON.stringify(Object.fromEntries(Object.entries(values)"
        ".map(([kind, list]) => [kind, list.map(value => format(kind, value, now))]))));"
    )
    try:
        done = subprocess.run(
            ["node", "--input-type=module", "-e", program, (STATIC / "format.js").as_uri(),
             json.dumps([VALUES, NOW / 1e6])],
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip
    except FileNotFoundError:
        pytest.skip("node is not installed")
    assert done.returncode == 0, done.stderr
    page = json.loads(done.stdout)
    kinds: Any
    for kinds, values in VALUES.items():
        assert page[kinds] == [printable(text_of(kinds, value, NOW)) for value in values], kinds


def test_it_shows_the_board_filters_and_is_read_only(cluster: Any) -> None:
    pytest.importorskip("textual", reason="textual is not installed (extra tui)")
    from textual.widgets import DataTable, Static
    from twsmq.cli.top_app import Board, cells, columns_of

    async def look() -> None:
        app = Board(load_config(cluster.config).config)
        async with app.run_test(size=(160, 50)) as pilot:
            deadline = time.monotonic() + 15
            while not app.feed.rows("processes") or not app.feed.status_alive:
                assert time.monotonic() < deadline
                await pilot.pause(0.1)
            await pilot.press("6")
            await pilot.pause(0.6)
            table: DataTable[Any] = app.query_one("#t-processes", DataTable)
            assert [key.value for key in table.rows] == [row["key"] for row in app.feed.rows("processes")]
            shown = [str(cell) for cell in table.get_row("orders")]
            row = next(row for row in app.feed.rows("processes") if row["key"] == "orders")
            columns = columns_of("processes", 160)
            assert columns == [column for column in SECTIONS["processes"].columns if not column.wide]
            fixed = [n for n, column in enumerate(columns) if column.kind in ("text", "state", "id")]
            expected = cells(columns, row, time.time_ns())
            assert [shown[n] for n in fixed] == [expected[n] for n in fixed]
            await pilot.press("slash", *"orders", "enter")
            deadline = time.monotonic() + 15
            while [key.value for key in table.rows] != ["orders"]:
                assert time.monotonic() < deadline
                await pilot.pause(0.1)
            await pilot.press("H")
            await pilot.pause(0.2)
            assert "read-only" in str(app.query_one("#desk", Static).render())
            assert len(app.screen_stack) == 1

    asyncio.run(look())


def test_eighty_columns_show_what_tells_most(cluster: Any) -> None:
    """The state of an order and of a process without scrolling, every view, and the way to help."""
    pytest.importorskip("textual", reason="textual is not installed (extra tui)")
    from textual.widgets import DataTable
    from twsmq.cli.top_app import VIEWS, Board

    place(cluster, "narrow", order_type="LMT", limit_price=1.0)

    async def look() -> None:
        app = Board(load_config(cluster.config).config)
        async with app.run_test(size=(80, 24)) as pilot:
            deadline = time.monotonic() + patient(15)
            while not app.feed.status_alive or not app.feed.rows("orders"):
                assert time.monotonic() < deadline
                await pilot.pause(0.1)
            for number, view in enumerate(VIEWS, 1):
                await pilot.press(str(number))
                await pilot.pause(0.6)
                for name in view[1]:
                    table: DataTable[Any] = app.query_one(f"#t-{name}", DataTable)
                    assert table.display == bool(table.row_count), name
            for number, section, column in (("2", "orders", "status"), ("6", "processes", "ready")):
                await pilot.press(number)
                await pilot.pause(0.6)
                table = app.query_one(f"#t-{section}", DataTable)
                reach = 0
                for each in table.ordered_columns:
                    reach += each.get_render_width(table)
                    if each.key.value == column:
                        break
                assert reach <= 80, (section, reach)
            said = app.export_screenshot()
            for word in ("Desk", "Alerts", "Help"):
                assert word in said

    asyncio.run(look())


def test_keys_work_while_there_is_nothing_to_show(config_file: Path) -> None:
    """The hidden filter took them once: it was the only thing that could be focused."""
    pytest.importorskip("textual", reason="textual is not installed (extra tui)")
    from textual.widgets import DataTable
    from twsmq.cli.top_app import VIEWS, Board

    async def look() -> None:
        app = Board(load_config(config_file).config)
        async with app.run_test(size=(80, 24)) as pilot:
            for number, (_, names) in enumerate(VIEWS, 1):
                await pilot.press(str(number))
                await pilot.pause()
                assert [table.id for table in app.query(DataTable)] == [f"t-{name}" for name in names]

    asyncio.run(look())


def test_a_view_that_is_being_made_is_not_filled(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """However often it is refreshed while views change: rows came before their columns once."""
    pytest.importorskip("textual", reason="textual is not installed (extra tui)")
    from twsmq.cli import top_app

    monkeypatch.setattr(top_app, "REFRESH_S", 0.005)

    async def turn_over() -> None:
        app = top_app.Board(load_config(cluster.config).config)
        async with app.run_test(size=(160, 50)) as pilot:
            deadline = time.monotonic() + 30
            while not app.feed.rows("processes") or not app.feed.status_alive:
                assert time.monotonic() < deadline
                await pilot.pause(0.1)
            for number in range(1, len(top_app.VIEWS) + 1):
                await pilot.press(str(number))
            assert app.is_running

    asyncio.run(turn_over())
