"""`twsmq orders export`: the orders node's journal as a file for a spreadsheet or a script.

It reads the journal itself, read-only, so it works while the node trades and when nothing runs.
"""

from __future__ import annotations

import csv
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, TextIO

import click
import msgspec
from twsmq_protocol.data_files import ORDERS_JOURNAL

from .executions import executions
from .forget import forget
from .options import Unusable, config_option, require_no_file_of_the_clusters, settings_from
from .terminal import csv_cell, json_text

_HEADER = ("ts", "event_no", "strategy_no", "strategy", "client_order_id")
_NOT_KEPT = frozenset(("v", "src", "inc", "seq", "snapshot"))
_FIELDS = {
    "orders": (
        *_HEADER, "instrument", "side", "quantity", "order_type", "limit_price", "stop_price", "tif",
        "account", "status", "filled", "remaining", "avg_price", "order_id", "perm_id", "reason", "tws_code",
        "gateway_status",
    ),
    "executions": (
        *_HEADER, "exec_id", "account", "side", "quantity", "price", "time", "con_id", "leg", "recovered",
        "commission", "currency", "realized_pnl", "instrument",
    ),
    "audit": ("ts", "who", "what", "strategy", "client_order_id", "value", "event_no"),
}  # fmt: skip

Row = dict[str, Any]
_DAMAGE = (sqlite3.DatabaseError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError, TypeError)
_NOT_ASKED_FOR = ("Standing", "ChangeSettled")
"""Facts beside what the gateway has shown."""
_NAMES = {"type", "strategy", "client_order_id"}
_decode = msgspec.msgpack.Decoder(Row).decode


@click.group()
def orders() -> None:
    """Executions, and the journal of all orders."""


orders.add_command(executions)
orders.add_command(forget)


@orders.command(short_help="Write orders, executions or every event to a file.")
@config_option
@click.option(
    "--what",
    type=click.Choice(["orders", "executions", "events", "audit"]),
    default="orders",
    show_default=True,
    help="Orders as they stand, executions after corrections with their commissions, every event, or who "
    "(by key) placed, changed and cancelled what, halted, and set limits.",
)
@click.option("--format", "form", type=click.Choice(["csv", "jsonl"]), default="csv", show_default=True)
@click.option("--strategy", help="Only of this strategy.")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="[default: standard output]")
def export(config: Path | None, what: str, form: str, strategy: str | None, output: Path | None) -> None:
    """Write orders, executions or every event of the journal.

    Times are nanoseconds since 1970 UTC. `--what events` needs `--format jsonl`.
    """
    if what == "events" and form == "csv":
        raise Unusable("events differ in their fields: export them with --format jsonl")
    data_dir = settings_from(config).loaded.data_dir
    journal = data_dir / ORDERS_JOURNAL
    if output is not None:
        require_no_file_of_the_clusters(output, data_dir)
    if not journal.exists():
        raise Unusable(f"{journal} does not exist: no order was ever placed here, or --config names another")
    _require_plain(journal)
    rows = _audit(journal, strategy) if what == "audit" else _READ[what](events_of(journal, strategy))
    if output is None:
        _write(rows, what, form, sys.stdout)
        return
    try:
        with output.open("w", newline="", encoding="utf-8") as file:
            _write(rows, what, form, file)
    except OSError as error:
        raise Unusable(f"cannot write to {output}: {error.strerror}") from error


def events_of(journal: Path, strategy: str | None) -> Iterator[Row]:
    """Every event in the order of the numbers, without what only its publishing gave it."""
    _require_plain(journal)
    where, wanted = ("", ()) if strategy is None else ("WHERE strategy = ?", (strategy,))
    try:
        with closing(sqlite3.connect(f"{journal.absolute().as_uri()}?mode=ro", uri=True)) as database:
            query = f"SELECT event FROM entries {where} ORDER BY event_no"  # noqa: S608 - `where` is ours
            for (packed,) in database.execute(query, wanted):
                event = _decode(packed)
                if not event.keys() >= _NAMES:
                    raise Unusable(f"{journal} holds something that is no order event")
                yield {name: value for name, value in event.items() if name not in _NOT_KEPT}
    except (
        sqlite3.DatabaseError,
        msgspec.MsgspecError,
        UnicodeDecodeError,
        RecursionError,
        TypeError,
    ) as error:
        raise Unusable(f"{journal} cannot be read: {error}") from error


def _require_plain(journal: Path) -> None:
    """SQLite would wait for ever at a pipe."""
    if not journal.is_file():
        raise Unusable(f"{journal} is no plain file; restore the journal from a backup")


def _audit(journal: Path, strategy: str | None) -> Iterator[Row]:
    """What was asked for, oldest first: by whom, empty without keys."""
    _require_plain(journal)
    asked = (
        "SELECT ts, ifnull(who, '') AS who, 'order' AS what, strategy, client_order_id, event, fact "
        "FROM entries WHERE (who IS NOT NULL OR fact IS NOT NULL) UNION ALL "
        "SELECT ts, ifnull(who, ''), name, '', '', value, NULL FROM settings_log ORDER BY 1"
    )
    try:
        with closing(sqlite3.connect(f"{journal.absolute().as_uri()}?mode=ro", uri=True)) as database:
            for ts, who, what, of, client_order_id, value, fact in database.execute(asked):
                if fact is not None and _decode(fact).get("type") in _NOT_ASKED_FOR:
                    continue
                what_for = what.partition("/")[2].rpartition("/")[2]
                if strategy is not None and strategy not in (of, what_for):
                    continue
                row = {"ts": ts, "who": who, "what": what, "strategy": of, "client_order_id": client_order_id}
                if what == "order":
                    event = _decode(value)
                    asked_for = event.get("asked")
                    yield row | {
                        "what": event["type"],
                        "value": event.get("status") if asked_for is None else json_text(asked_for),
                        "event_no": event["event_no"],
                    }
                else:
                    yield row | {"value": value, "event_no": None}
    except _DAMAGE as error:
        raise Unusable(f"{journal} cannot be read: {error}") from error


def orders_of(events: Iterator[Row]) -> Iterator[Row]:
    last: dict[tuple[str, str], Row] = {}
    for event in events:
        if event.pop("type") == "order":
            last[event["strategy"], event["client_order_id"]] = event
    yield from last.values()


def executions_of(events: Iterator[Row]) -> Iterator[Row]:
    """With their order's instrument: of a combo's legs `con_id` is their own."""
    found: dict[str, Row] = {}
    instruments: dict[tuple[str, str], Any] = {}
    for event in events:
        kind, key = event.pop("type"), (event["strategy"], event["client_order_id"])
        if kind == "order":
            instruments[key] = event.get("instrument")
        elif kind == "fill":
            found.pop(event.pop("corrects", None) or "", None)
            found[str(event.get("exec_id"))] = event | {"instrument": instruments.get(key)}
        elif kind == "commission" and str(event.get("exec_id")) in found:
            found[str(event["exec_id"])] |= {
                name: event.get(name) for name in ("commission", "currency", "realized_pnl")
            }
    yield from (row for row in found.values() if row.get("quantity"))  # 0: taken back


_READ: dict[str, Callable[[Iterator[Row]], Iterator[Row]]] = {
    "orders": orders_of,
    "executions": executions_of,
    "events": iter,
}


def _write(rows: Iterator[Row], what: str, form: str, file: TextIO) -> None:
    if form == "jsonl":
        for row in rows:
            file.write(json_text(row) + "\n")
        return
    writer = csv.DictWriter(file, _FIELDS[what], extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: csv_cell(value) for name, value in row.items()} for row in rows)
