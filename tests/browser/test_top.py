"""`twsmq top` shows what the page shows: the same rows of the same board, cell by cell."""

from __future__ import annotations

import asyncio
import json
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import running_cluster
from support.page import CHROMIUM, Page, chromium, place
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
    "age": [NOW - n * 1_000_000_000 for n in (-3600, -1, 0, 59, 60, 3599, 3600, 172_799, 172_800)],
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


def test_ten_thousand_orders_leave_it_at_hand(config_file: Path) -> None:
    """The unknown one among them stands first, and another is found by its name."""
    pytest.importorskip("textual", reason="textual is not installed (extra tui)")
    from textual.widgets import DataTable, Static
    from twsmq.cli.top_app import MOST_ROWS, Board

    async def look() -> None:
        app = Board(load_config(config_file).config)
        async with app.run_test(size=(160, 50)) as pilot:
            rows = app.feed.state.sections["orders"].rows
            for number in range(10_000):
                row: dict[str, Any] = {
                    "key": f"a/{number}",
                    "client_order_id": f"o-{number}",
                    "rank": 1,
                    "since": number,
                }
                rows[f"a/{number}"] = {**row, "status": "submitted"}
            rows["a/7"] |= {"rank": 0, "status": "unknown"}
            await pilot.press("2")
            table: DataTable[Any] = app.query_one("#t-orders", DataTable)
            assert table.row_count == MOST_ROWS
            assert [key.value for key in table.rows][:2] == ["a/7", "a/9999"]
            assert "10000 (the first 500" in str(app.query_one("#h-orders", Static).render())
            await pilot.press("slash", *"o-4321", "enter")
            assert [key.value for key in table.rows] == ["a/4321"]

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


def sample(section: str) -> list[dict[str, Any]]:
    """A row with a value in every column, and one with none."""
    given: dict[str, Any] = {
        "text": "ü \u202e",
        "state": "ready",
        "side": "BUY",
        "integer": 1000,
        "flag": True,
    }
    full: dict[str, Any] = {"key": "full", "rank": 0}
    for number, column in enumerate(SECTIONS[section].columns):
        moment = OLD if column.kind in ("age", "time") else 1234.5 + number
        full[column.name] = given.get(column.kind, moment)
    words = {"orders": {"status": "unknown"}, "alerts": {"state": "firing", "severity": "page"}}
    empty: dict[str, Any] = {**dict.fromkeys(full), "key": "empty", "rank": 1, "state": "firing"}
    return [full | words.get(section, {}), empty | {"name": "b", "topic": "b", "strategy": "b"}]


OLD = 1_700_000_000_000_000_000
"""Long ago: its age is in days, and the same for both."""


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium (Debian's package)")
def test_every_table_of_the_page_is_that_of_the_terminal(tmp_path_factory: pytest.TempPathFactory) -> None:
    """One board with something in every column: both show the same cells in the same order."""
    pytest.importorskip("playwright.sync_api", reason="playwright is not installed (extra dev)")
    pytest.importorskip("textual", reason="textual is not installed (extra tui)")
    board = {name: sample(name) for name in SECTIONS if name != "desk"}
    with running_cluster(tmp_path_factory.mktemp("equal"), "[web]\nenabled = true\n") as cluster:
        with chromium() as browser:
            page = Page(browser, cluster)
            shown = page.page.evaluate(ON_THE_PAGE, [board, OLD])
            page.close()
        in_the_terminal = asyncio.run(terminal(cluster, board))
    assert shown.keys() == in_the_terminal.keys() == board.keys()
    for name in board:
        assert shown[name] == in_the_terminal[name], name


ON_THE_PAGE = """async ([sections, as_of]) => {
  const copy = await import("/static/board.js"), { VIEWS } = await import("/static/views.js");
  copy.stop();
  copy.board.connected = true;
  for (const [name, rows] of Object.entries(sections)) {
    copy.board.sections[name] = { as_of, rows: new Map(rows.map((row) => [row.key, row])), list: null };
  }
  const shown = {};
  for (let n = 1; n <= VIEWS.length; n++) {
    document.dispatchEvent(new KeyboardEvent("keydown", { key: String(n), bubbles: true }));
    await new Promise((done) => setTimeout(done, 50));
    if (n === 1) continue;  // the first view shows parts
    for (const table of document.querySelectorAll("table[data-section]")) {
      const name = table.dataset.section;
      if (!(name in sections)) continue;
      const cells = (part) => [...part.querySelectorAll("th, td[data-column]")];
      const texts = (part) => cells(part).map((cell) => cell.textContent.trim());
      const rows = [...table.querySelectorAll("tr")].map(texts);
      shown[name] = rows.map((row) => row.filter((each) => each !== "actions"));
    }
  }
  return shown;
}"""


async def terminal(cluster: Any, board: dict[str, list[dict[str, Any]]]) -> dict[str, list[list[str]]]:
    from textual.widgets import DataTable
    from twsmq.cli.top_app import VIEWS, Board

    shown: dict[str, list[list[str]]] = {}
    app = Board(load_config(cluster.config).config)
    async with app.run_test(size=(400, 200)) as pilot:
        deadline = time.monotonic() + patient(30)
        while not app.feed.status_alive:
            assert time.monotonic() < deadline
            await pilot.pause(0.1)
        app.feed.state.apply = lambda change: True  # the board stands still
        for name, rows in board.items():
            app.feed.state.sections[name].rows = {row["key"]: row for row in rows}
        for number in range(2, len(VIEWS) + 1):
            await pilot.press(str(number))
            await pilot.pause(0.1)
            tables: list[DataTable[Any]] = list(app.query(DataTable))
            for table in tables:
                head = [column.label.plain for column in table.ordered_columns]
                body = [[str(cell) for cell in table.get_row_at(n)] for n in range(table.row_count)]
                shown[(table.id or "").removeprefix("t-")] = [head, *body]
    return shown
