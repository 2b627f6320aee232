"""How processes and quotes look on a terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.segment import Segment
from rich.table import Table
from rich.text import Text
from twsmq_protocol.market_events import Quote
from twsmq_protocol.requests import ProcessRow
from twsmq_protocol.system_events import Process

from ..board_text import duration
from .terminal import number, printable
from .trouble import in_short

_STYLES = {"ready": "green", "failed": "bold red", "hung": "bold red", "backoff": "red", "stopped": "dim"}


_WIDE = 200


class Escaped:
    """What a renderable shows, with the texts in it made harmless (see `terminal`)."""

    def __init__(self, shown: RenderableType) -> None:
        self._shown = shown

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for segment in console.render(self._shown, options):
            yield segment if segment.control else Segment(printable(segment.text, "\n"), segment.style)


class _Reader(Console):
    """Who reads no further has seen enough, which is no failure; rich would exit with 1."""

    def on_broken_pipe(self) -> None:
        raise  # noqa: PLE0704 - it is called where the error is handled


def show(shown: RenderableType) -> None:
    """On stdout; as wide as the terminal, or wide enough for a line a row where there is none."""
    told = sys.stdout.isatty() or "COLUMNS" in os.environ
    _Reader(width=None if told else _WIDE).print(Escaped(shown))


def process_table(rows: Iterable[tuple[ProcessRow | Process, float]]) -> Table:
    """A line per process; the number is its uptime in seconds by now."""
    table = Table(box=None, pad_edge=False)
    table.add_column("process", no_wrap=True)
    table.add_column("state", no_wrap=True)
    for heading in ("client ID", "pid", "restarts", "uptime"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("")  # the one that gives way where the terminal is narrow
    for row, uptime_s in rows:
        table.add_row(
            Text(printable(row.name)),
            Text(row.state, style=_STYLES.get(row.state, "yellow")),
            optional(row.client_id),
            optional(row.pid),
            str(row.restarts),
            duration(uptime_s) if row.pid is not None else "",
            Text(printable(in_short(row.reason)), no_wrap=True, overflow="ellipsis"),
        )
    return table


def quote_table(quotes: Iterable[tuple[str, Quote | None]]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("quote", no_wrap=True)
    for heading in ("bid size", "bid", "ask", "ask size", "last"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, quote in quotes:
        if quote is None:
            table.add_row(Text(name), *[""] * 4, "[dim]waiting[/]")
        else:
            numbers = (quote.bid_size, quote.bid, quote.ask, quote.ask_size, quote.last)
            table.add_row(Text(name), *map(optional, numbers))
    return table


def quote_line(quote: Quote) -> str:
    bid, ask, last = map(optional, (quote.bid, quote.ask, quote.last))
    return f"bid {bid or '-'}  ask {ask or '-'}  last {last or '-'}"


optional = number


def narrow_table(headings: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[int] = ()) -> Table:
    """Folds its cells rather than leave the terminal's width, so 80 columns show all of it."""
    table = Table(box=None, pad_edge=False)
    for index, heading in enumerate(headings):
        table.add_column(heading, justify="right" if index in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    return table
