"""`twsmq report`: a day of the desk as a page and as tables.

It reads the journal of orders and the status node's records themselves, read-only: no process is needed.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from time import time_ns
from typing import Any

import click
from twsmq_protocol.data_files import ORDERS_JOURNAL

from ..records import NS, read_records
from ..report.day import DayReport, bounds, gather
from ..report.page import page
from ..report.tables import write_tables
from .options import Unusable, config_option, settings_from
from .orders import events_of, executions_of, orders_of
from .terminal import echo


@click.command()
@config_option
@click.option(
    "--day",
    is_flag=False,
    flag_value="today",
    default="today",
    metavar="[DATE]",
    help="YYYY-MM-DD (UTC), today or yesterday.  [default: today]",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["both", "html", "csv"]),
    default="both",
    show_default=True,
    help="A page, a file for each table, or both.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    help="The folder to write to; it is made.  [default: this one]",
)
def report(config: Path | None, day: str, form: str, output: Path) -> None:
    """Write what a day was: equity and results of each account, orders and fills of each strategy, slippage
    to the middle of the quote at placing, time to fill, gaps of market data.

    It reads files only, so it works while the cluster trades and when nothing runs.

    \b
    Examples:
      twsmq report
      twsmq report --day yesterday --format html
      twsmq report --day 2026-11-27 --output reports
    """
    found = _gathered(settings_from(config).loaded.data_dir, _day(day))
    stem = output / f"twsmq-{found.day.isoformat()}"
    written: list[Path] = []
    try:
        output.mkdir(parents=True, exist_ok=True)
        if form != "csv":
            path = stem.with_suffix(".html")
            path.write_text(page(found, time_ns()), encoding="utf-8")
            written.append(path)
        if form != "html":
            written += write_tables(found, stem)
    except OSError as error:
        raise Unusable(f"cannot write to {output}: {error.strerror}") from error
    for problem in found.problems:
        echo(f"twsmq: {problem}", err=True)
    for path in written:
        echo(str(path))


def _gathered(data_dir: Path, day: date) -> DayReport:
    recorded = read_records(data_dir, *bounds(day))
    journal = data_dir / ORDERS_JOURNAL
    problems: list[str] = []
    orders: list[dict[str, Any]] = []
    executions: list[dict[str, Any]] = []
    if journal.exists():
        end = bounds(day)[1] * NS
        orders = list(orders_of(event for event in events_of(journal, None) if int(event["ts"]) < end))
        executions = list(executions_of(events_of(journal, None)))
    else:
        problems.append(f"{journal} does not exist: no order was ever placed here, or --config names another")
    if recorded.problem is not None and problems:
        raise Unusable(f"nothing is recorded in {data_dir}: no cluster ran here, or --config names another")
    return gather(day, recorded, orders, executions, problems)


def _day(word: str) -> date:
    today = datetime.now(UTC).date()
    if word in ("today", "yesterday"):
        return today - timedelta(days=word == "yesterday")
    try:
        return date.fromisoformat(word)
    except ValueError:
        raise Unusable(f"--day {word}: write it as YYYY-MM-DD, today or yesterday") from None
