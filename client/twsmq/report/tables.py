"""The report as CSV: one file for each table, times in ns since the epoch, absent values empty."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import astuple

from ..cli.terminal import csv_cell
from .day import AccountRow, DayReport, FillRow, StrategyRow


def tables(report: DayReport) -> dict[str, tuple[Sequence[str], list[Sequence[Any]]]]:
    """Each table's columns and rows by its name."""
    equity: list[Sequence[Any]] = [
        (minute, account, *figures)
        for account, series in report.series.items()
        for minute, *figures in zip(
            series.minute,
            series.net_liquidation,
            series.daily,
            series.unrealized,
            series.realized,
            strict=True,
        )
    ]
    return {
        "accounts": (AccountRow.__struct_fields__, [astuple(row) for row in report.accounts]),
        "equity": (("minute", "account", "net_liquidation", "daily", "unrealized", "realized"), equity),
        "strategies": (StrategyRow.__struct_fields__, [astuple(row) for row in report.strategies]),
        "fills": (FillRow.__struct_fields__, [astuple(row) for row in report.fills]),
        "gaps": (("topic", "gaps"), [*report.gaps]),
    }


def write_tables(report: DayReport, stem: Path) -> list[Path]:
    """Write `<stem>-<table>.csv` for each; raises OSError."""
    written: list[Path] = []
    for name, (columns, rows) in tables(report).items():
        path = stem.with_name(f"{stem.name}-{name}.csv")
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows(_cells(row) for row in rows)
        written.append(path)
    return written


def _cells(row: Iterable[Any]) -> list[Any]:
    return [csv_cell(value) for value in row]
