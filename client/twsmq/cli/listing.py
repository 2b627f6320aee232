"""Rows of one kind: a table that fits a terminal for people, JSON lines or CSV for programs.

A program gets every field of a row under the protocol's name: JSON as it came (times in ns), CSV with a head
line, times as `2026-01-05T14:30:00Z` (with a fraction where there is one), nothing where there is nothing,
JSON text where a field is a list or a map. A person gets the columns that a command names.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, NamedTuple, TypeAlias, TypeVar

import click
from msgspec import Struct

from ..table import Table
from .options import Seconds
from .rendering import narrow_table, show
from .terminal import csv_cell, echo, echo_json, json_text, number

F = TypeVar("F", bound=Callable[..., Any])
Form: TypeAlias = Literal["table", "json", "csv"]
Row: TypeAlias = dict[str, Any]
Kind: TypeAlias = type[Struct] | Mapping[str, str]
"""The struct of the rows, or their fields and what is in them (`time`, `float`, `text` …, as in `Table`)."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST_NS = 253_402_300_799 * 10**9  # of the year 9999, after which datetime has nothing


class Column(NamedTuple):
    """`cell`: the field of a row, or what makes its text."""

    heading: str
    cell: str | Callable[[Row], str]
    right: bool = False


def form_option(command: F) -> F:
    """`form`: how rows are printed."""
    command = click.option(
        "--csv", "form", flag_value="csv", help="A head line, then a line a row, every field."
    )(command)
    return click.option(
        "--json", "form", flag_value="json", help="One JSON object a line, every field; times in ns."
    )(command)


def put(kind: Kind, rows: Sequence[Row], columns: Sequence[Column], form: Form | None, none: str) -> None:
    """`none`: what a person reads where there are no rows."""
    if form == "json":
        for row in rows:
            echo_json(row)
    elif form == "csv":
        put_csv(kind, rows)
    elif not rows:
        echo(none)
    else:
        right = [nth for nth, column in enumerate(columns) if column.right]
        cells = [[_cell(row, column) for column in columns] for row in rows]
        show(narrow_table([column.heading for column in columns], cells, right))


def put_csv(kind: Kind, rows: Iterable[Row]) -> None:
    columns = kind if isinstance(kind, Mapping) else Table(kind).columns
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_field(row.get(name), of) for name, of in columns.items()])
    echo(out.getvalue().removesuffix("\n"), lines=True)


def _field(value: Any, of: str) -> Any:
    if value is None:
        return ""
    if of == "time":
        return iso(value)
    if of == "json":
        return json_text(value)
    return csv_cell(value)


def _cell(row: Row, column: Column) -> str:
    value = row.get(column.cell) if isinstance(column.cell, str) else column.cell(row)
    if value is None:
        return ""
    return number(value) if isinstance(value, float) else str(value)


def iso(ns: int) -> str:
    """`2026-01-05T14:30:00Z`; of a moment that no calendar has, its ns."""
    if not 0 <= ns <= _LATEST_NS:
        return str(ns)
    fraction = f".{ns % 10**9:09}".rstrip("0") if ns % 10**9 else ""
    return f"{_EPOCH + timedelta(seconds=ns // 10**9):%Y-%m-%dT%H:%M:%S}{fraction}Z"


def moment(ns: int | None) -> str:
    """For people, who read in the heading that it is UTC: `2026-01-05 14:30`, seconds where there are any."""
    if ns is None:
        return ""
    text = iso(ns)
    day, _, clock = text.partition("T")
    clock = clock[:8].removesuffix(":00") if clock else ""
    return f"{day} {clock}".rstrip()


def at(name: str) -> Callable[[Row], str]:
    """The cell of a time."""
    return lambda row: moment(row[name])


def first_of(*names: str) -> Callable[[Row], str]:
    """The cell of the first of these fields that has a value."""
    return lambda row: next((str(row[name]) for name in names if row.get(name)), "")


class Moment(click.ParamType[int]):
    """`2026-01-05` or `2026-01-05T14:30[:00]`, UTC; with a zone where it ends in one (`+01:00`). ns."""

    name = "TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            at = datetime.fromisoformat(value)
            ns = (at.replace(tzinfo=at.tzinfo or UTC) - _EPOCH) // timedelta(microseconds=1) * 1000
        except (ValueError, OverflowError):
            ns = -1
        if not 0 <= ns < 2**63:
            told = f"{str(value)[:40]!r} is no time like 2026-01-05 or 2026-01-05T14:30 (UTC)"
            self.fail(told, param, ctx)
        return ns


def parse_fields(ctx: click.Context, param: click.Parameter, value: Sequence[str]) -> dict[str, str]:
    """`NAME=VALUE`, any number of times."""
    found: dict[str, str] = {}
    for text in value:
        name, sign, rest = text.partition("=")
        if not (name and sign and rest):
            raise click.BadParameter(f"{text[:40]!r} is not like NAME=VALUE", ctx, param)
        found[name] = rest
    return found


def timeout_option(seconds: float) -> Callable[[F], F]:
    return click.option(
        "--timeout", type=Seconds(min=0.1, max=3600), default=seconds, show_default=True,
        metavar="SECONDS", help="For each request.",
    )  # fmt: skip
