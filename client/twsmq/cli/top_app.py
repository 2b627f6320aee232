"""The terminal board at work: a textual application over the same copy of the board as the page's.

It asks and listens in its own loop; a cluster that ends leaves its last board where it is, and its age
grows.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any, ClassVar, cast

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import DataTable, Footer, Input, Label, Static
from twsmq_protocol.board import SECTIONS, Column
from twsmq_protocol.config import Config
from twsmq_protocol.counted import counted
from twsmq_protocol.errors import TwsmqError
from twsmq_protocol.processes import ORDERS

from ..aio import Client
from ..board import BoardFeed
from ..board_text import NUMERIC, age, text_of
from .terminal import printable

VIEWS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Desk", ("alerts", "orders", "accounts", "positions", "processes")),
    ("Orders", ("orders", "foreign")),
    ("Fills", ("fills",)),
    ("Positions", ("accounts", "positions", "strategies", "cash")),
    ("Market data", ("lines", "streams")),
    ("Processes", ("processes",)),
    ("Budget", ("budget",)),
    ("Alerts", ("alerts",)),
)
REFRESH_S = 0.5
MOST_ROWS = 500
"""Of a table: a terminal is not scrolled through thousands, and drawing them takes seconds."""
_AT_A_GLANCE: dict[str, Callable[[dict[str, Any]], bool]] = {
    "alerts": lambda row: row["state"] != "resolved",
    "orders": lambda row: row["rank"] < 2,  # what is not finished
}
"""What the first view leaves out, as the page's does."""
_SHORT = {"Positions": "Pos", "Market data": "Data", "Processes": "Procs"}
"""All names of views in 80 columns."""
WIDE, NARROW = 180, 120
_NARROW: dict[str, tuple[str, ...]] = {
    "orders": (
        "client_order_id",
        "status",
        "since",
        "side",
        "filled",
        "quantity",
        "limit_price",
        "stop_price",
    ),
    "fills": ("time", "client_order_id", "side", "quantity", "price", "slippage", "latency_s"),
    "positions": (
        "instrument",
        "quantity",
        "own",
        "difference",
        "daily",
        "unrealized",
        "currency",
        "updated",
    ),
    "accounts": ("account", "net_liquidation", "daily", "cushion", "excess_liquidity", "updated"),
    "processes": ("name", "ready", "beating", "heard", "since", "restarts", "cpu", "lag_s", "words"),
    "alerts": ("name", "state", "since", "text"),
}
OLD_NS = 5_000_000_000
_BAD = frozenset(("unknown", "failed", "hung", "silent", "rejected", "error", "disconnected", "live", "page",
                  "firing", "stopped", "lost", "gap"))  # fmt: skip
_GOOD = frozenset(("ready", "alive", "beating", "up", "connected", "filled", "active", "resumed", "submitted",
                   "paper", "resolved"))  # fmt: skip
_HELP = """[b]Keys[/b]

1 … 8   views          /   filter          esc   no filter
↑ ↓     rows           ← →  columns        tab   next table
?       this           q    quit
H       halt everybody and cancel all      (operator)
C       cancel the order of this row       (operator)

A dash is unknown, never zero. What is marked OLD has not been confirmed lately."""


def columns_of(section: str, width: int) -> list[Column]:
    """What a terminal of so many columns shows, in this order: a narrow one begins with what matters most."""
    columns = [column for column in SECTIONS[section].columns if width > WIDE or not column.wide]
    first = _NARROW.get(section, ()) if width < NARROW else ()
    return sorted(columns, key=lambda each: first.index(each.name) if each.name in first else len(first))


def cells(columns: Iterable[Column], row: dict[str, Any], now_ns: int) -> list[str]:
    """A row as text, in the order of the columns."""
    return [printable(text_of(column.kind, row.get(column.name), now_ns)) for column in columns]


def confirmed(as_of: int | None, now_ns: int) -> tuple[bool, str]:
    """Whether what a section shows is old, and since when it is as it is."""
    if as_of is None:
        return True, "never confirmed"
    if as_of - now_ns > OLD_NS:
        return True, "of before the clock was set back"
    return now_ns - as_of > OLD_NS, f"as of {age(now_ns - as_of)} ago"


class Confirm(ModalScreen[bool]):
    """Cancel is the default; a typed word where everybody is meant."""

    BINDINGS: ClassVar[list[Any]] = [Binding("escape", "dismiss(False)", "Cancel")]
    CSS = """
    Confirm { align: center middle; }
    Confirm Vertical { width: 64; height: auto; border: heavy red; padding: 1 2; background: $surface; }
    """

    def __init__(self, text: str, word: str) -> None:
        super().__init__()
        self._text = text
        self._word = word

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Label(self._text, markup=False)
            yield Label(f"Type {self._word} and Enter to go on; Esc cancels.", markup=False)
            yield Input()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.dismiss(event.value == self._word)


class Help(ModalScreen[None]):
    BINDINGS: ClassVar[list[Any]] = [Binding("escape,question_mark,q", "dismiss", "Close")]
    CSS = "Help { align: center middle; } Help Static { width: 64; border: heavy $accent; padding: 1 2; }"

    def compose(self) -> ComposeResult:
        yield Static(_HELP)


class Board(App[None]):
    """`operator`: may act."""

    TITLE = "twsmq"
    ENABLE_COMMAND_PALETTE = False
    AUTO_FOCUS = None  # else the hidden filter takes the keys while every table is empty
    CSS = """
    DataTable { height: auto; max-height: 60%; scrollbar-size-horizontal: 0; }
    .title { margin-top: 1; text-style: bold; }
    #desk { height: auto; }
    #filter { display: none; }
    """
    BINDINGS: ClassVar[list[Any]] = [
        *[Binding(str(n), f"view({n - 1})", _SHORT.get(name, name)) for n, (name, _) in enumerate(VIEWS, 1)],
        Binding("slash", "filter", "Find"),
        Binding("escape", "no_filter", show=False),
        Binding("question_mark", "help", "Help"),
        Binding("H", "halt", show=False),
        Binding("C", "cancel", show=False),
        Binding("q", "quit", show=False),
    ]

    def __init__(self, config: Config, *, operator: bool = False) -> None:
        super().__init__()
        self._config = config
        self._operator = operator
        self._view = 0
        self._filter = ""
        self._note = ""
        self._making = False
        self._columns: dict[str, list[Column]] = {}

    def compose(self) -> ComposeResult:
        yield Static(id="desk")
        yield Input(placeholder="filter", id="filter")
        yield VerticalScroll(id="tables", can_focus=False)
        yield Footer(compact=True)

    async def on_mount(self) -> None:
        self._client = Client(self._config)
        self.feed = BoardFeed(self._client)
        self.run_worker(self.feed.run(), exclusive=False)
        await self._show_view()
        self.set_interval(REFRESH_S, self._refresh_board)

    async def on_unmount(self) -> None:
        self._client.close()

    async def action_view(self, number: int) -> None:
        self._view = number
        await self._show_view()

    def action_filter(self) -> None:
        box = self.query_one("#filter", Input)
        box.display = True
        box.focus()

    def action_no_filter(self) -> None:
        box = self.query_one("#filter", Input)
        box.value, box.display = "", False
        self._focus_table()

    def action_help(self) -> None:
        self.push_screen(Help())

    def on_input_changed(self, event: Input.Changed) -> None:
        if event.input.id == "filter":
            self._filter = event.value.lower()
            self._refresh_board()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if event.input.id == "filter":
            self._focus_table()

    def action_halt(self) -> None:
        if not self._may():
            return

        def confirmed(sure: bool | None) -> None:
            if sure:
                args = {"reason": "kill switch in twsmq top", "cancel": True}
                self.run_worker(self._act("halt", args), exclusive=False)

        self.push_screen(Confirm("Halt everybody and cancel all orders?", "CANCEL ALL"), confirmed)

    def action_cancel(self) -> None:
        table = self.focused
        if (
            not self._may()
            or not isinstance(table, DataTable)
            or table.id != "t-orders"
            or not table.row_count
        ):
            return
        key = table.coordinate_to_cell_key(table.cursor_coordinate).row_key.value or ""
        strategy, _, name = key.partition("/")

        def confirmed(sure: bool | None) -> None:
            if sure:
                args = {"strategy": strategy, "client_order_id": name}
                self.run_worker(self._act("cancel_order", args), exclusive=False)

        self.push_screen(Confirm(f"Cancel the order {key}?", "yes"), confirmed)

    def _may(self) -> bool:
        if not self._operator:
            self._note = "read-only: start `twsmq top --operator` to act"
            self._refresh_board()
        return self._operator

    async def _act(self, op: str, args: dict[str, Any]) -> None:
        try:
            result = await self._client.request(ORDERS, op, args, timeout=10.0)
            left = result.get("remaining")
            remain = "" if left is None else f", {counted(len(left), 'order remains', 'orders remain')}"
            self._note = f"{op}: done{remain}"
        except TwsmqError as error:
            self._note = f"{op}: {error}"

    async def _show_view(self) -> None:
        self._making = True  # the timer's callback runs beside this: it is not to find a view half made
        tables = self.query_one("#tables", VerticalScroll)
        await tables.remove_children()
        for name in VIEWS[self._view][1]:
            table: DataTable[Text] = DataTable(id=f"t-{name}", cursor_type="row", zebra_stripes=True)
            self._columns[name] = columns_of(name, self.size.width)
            for column in self._columns[name]:
                table.add_column(column.title, key=column.name)
            await tables.mount(Static(id=f"h-{name}", classes="title"), table)
        self._making = False
        self._refresh_board()
        self._focus_table()

    def _focus_table(self) -> None:
        for name in VIEWS[self._view][1]:
            if self.query(f"#t-{name}") and self.query_one(f"#t-{name}").display:
                self.query_one(f"#t-{name}").focus()
                return
        self.set_focus(None)

    def _refresh_board(self) -> None:
        if self._making or not self.is_running:
            return
        now = time.time_ns()
        self.query_one("#desk", Static).update(self._headline(now))
        for name in VIEWS[self._view][1]:
            if self.query(f"#t-{name}"):
                self._fill(name, now)
        if self.focused is None and len(self.screen_stack) == 1:
            self._focus_table()

    def _headline(self, now: int) -> Text:
        rows = self.feed.rows("desk")
        row: dict[str, Any] = rows[0] if rows else {}
        line = Text()
        for column in SECTIONS["desk"].columns:
            if column.wide or (
                column.name in ("halted", "reason", "next_restart") and not row.get(column.name)
            ):
                continue
            value = row.get(column.name)
            text = printable(text_of(column.kind, value, now))
            of_the_link = column.name in ("gateway", "upstream", "farms")
            if of_the_link and value and confirmed(self.feed.state.sections["desk"].as_of, now)[0]:
                text, value = f"{text} (OLD)", "unknown"
            line.append(f"{column.title} ", style="dim")
            line.append(text + "   ", style=_style(column.kind, value))
        if self.feed.awaited:
            line.append("\nlistening for the status node", style="dim")
        elif not self.feed.status_alive:
            silent = self.feed.heard.silent_s("status")
            since = "" if silent is None else f" for {silent:.0f} s"
            line.append(f"\nthe status node is silent{since}: below is its last report", style="bold red")
        if self._note:
            line.append("\n" + printable(self._note), style="yellow")
        return line

    def _fill(self, name: str, now: int) -> None:
        section, state = SECTIONS[name], self.feed.state.sections[name]
        rows = every = self.feed.rows(name)
        if self._view == 0 and name in _AT_A_GLANCE:
            rows = list(filter(_AT_A_GLANCE[name], rows))
        words = self._filter.split()
        if words:
            rows = [row for row in rows if all(w in " ".join(map(str, row.values())).lower() for w in words)]
        found, rows = len(rows), rows[:MOST_ROWS]
        table = cast("DataTable[Text]", self.query_one(f"#t-{name}"))
        columns = self._columns[name]
        keys = [row["key"] for row in rows]
        if keys != [key.value for key in table.rows]:
            at = table.cursor_row
            table.clear()
            for row in rows:
                table.add_row(*self._styled(columns, row, now), key=row["key"])
            table.move_cursor(row=min(at, max(0, len(rows) - 1)))
        else:
            for row in rows:
                for column, cell in zip(columns, self._styled(columns, row, now), strict=True):
                    if table.get_cell(row["key"], column.name) != cell:
                        table.update_cell(row["key"], column.name, cell, update_width=True)
        old, said = confirmed(state.as_of, now)
        title = "Working orders" if self._view == 0 and name == "orders" else section.title
        more = f" (the first {MOST_ROWS}; / finds others)" if found > len(rows) else ""
        heading = Text(f"{title}  {found}{more}  ")
        heading.append(("OLD: " if old else "") + said, style="red" if old else "dim")
        if not rows:
            elsewhere = "no row matches" if words else f"none at present, {len(every)} in their own view"
            heading.append(f"   {elsewhere if every else section.empty.replace('`', '')}", style="dim")
        table.display = bool(rows)
        self.query_one(f"#h-{name}", Static).update(heading)

    @staticmethod
    def _styled(columns: list[Column], row: dict[str, Any], now: int) -> list[Text]:
        texts = cells(columns, row, now)
        return [
            Text(
                text,
                style=_style(column.kind, row.get(column.name)),
                justify="right" if column.kind in NUMERIC else "left",
            )
            for column, text in zip(columns, texts, strict=True)
        ]


def _style(kind: str, value: Any) -> str:
    if kind != "state":
        return "dim" if value is None else ""
    word = str(value)
    if word in _BAD or word.startswith("halted"):
        return "bold red"
    return "green" if word in _GOOD else "yellow" if value else "dim"
