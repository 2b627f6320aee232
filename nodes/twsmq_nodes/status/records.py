"""What the status node keeps on disk: equity minute by minute, what each fill cost, gaps, positions from
outside.

Bounded: minutes and fills are kept for `KEEP_DAYS`, a day's last figures for `KEEP_DAY_ROWS`. The orders
themselves are in the orders node's journal. Writing happens in one thread of its own: a stalled disk stops
no heartbeat; what was not written when the process died is lost, at most a minute of it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import structlog
from msgspec import Struct

KEEP_DAYS = 35
KEEP_DAY_ROWS = 1000
FILE = "records.sqlite"
DAY_S = 86_400

log = structlog.stdlib.get_logger()

_TABLES = (
    "CREATE TABLE IF NOT EXISTS equity (minute INTEGER, account TEXT, net_liquidation REAL, daily REAL,"
    " unrealized REAL, realized REAL, PRIMARY KEY (minute, account)) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS fills (exec_id TEXT PRIMARY KEY, time INTEGER, strategy TEXT, mid REAL,"
    " slippage REAL, latency_s REAL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS gaps (day INTEGER, topic TEXT, gaps INTEGER, PRIMARY KEY (day, topic))"
    " WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS outside (account TEXT, con_id INTEGER, quantity REAL,"
    " PRIMARY KEY (account, con_id)) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID",
)


class EquityPoint(Struct, frozen=True):
    """An account at a minute (seconds since the epoch, a multiple of 60)."""

    minute: int
    account: str
    net_liquidation: float | None
    daily: float | None
    unrealized: float | None
    realized: float | None


class Records:
    """`folder` is made. A file that cannot be read is put aside, and said: nothing here is worth a halt."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / FILE
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="records")
        try:
            self._database = self._open()
        except sqlite3.DatabaseError as error:
            aside = self._path.with_suffix(".unreadable")
            log.warning("records could not be read; put aside", file=str(aside), problem=str(error))
            self._path.replace(aside)
            self._database = self._open()

    def outside(self) -> dict[tuple[str, int], float] | None:
        """What was kept of positions from outside; None if nothing ever was."""
        kept = self._database.execute("SELECT value FROM settings WHERE name = 'outside'").fetchone()
        if kept is None:
            return None
        rows = self._database.execute("SELECT account, con_id, quantity FROM outside")
        return {(account, con_id): quantity for account, con_id, quantity in rows}

    def keep_outside(self, outside: dict[tuple[str, int], float]) -> None:
        rows = [(*key, quantity) for key, quantity in outside.items()]

        def write() -> None:
            self._database.execute("DELETE FROM outside")
            self._database.executemany("INSERT INTO outside VALUES (?, ?, ?)", rows)
            self._database.execute("INSERT OR REPLACE INTO settings VALUES ('outside', 'kept')")

        self._do(write)

    def keep_equity(self, points: Iterable[EquityPoint]) -> None:
        rows = [
            (each.minute, each.account, each.net_liquidation, each.daily, each.unrealized, each.realized)
            for each in points
        ]
        self._write_many("INSERT OR REPLACE INTO equity VALUES (?, ?, ?, ?, ?, ?)", rows)

    def keep_fills(self, fills: Iterable[dict[str, Any]]) -> None:
        """Rows of the section `fills`."""
        names = ("exec_id", "time", "strategy", "mid", "slippage", "latency_s")
        rows = [tuple(each[name] for name in names) for each in fills]
        # What is not known of it any more (the journal was read anew) is not to replace what was.
        self._write_many(
            "INSERT INTO fills VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET mid = coalesce(mid,"
            " excluded.mid), slippage = coalesce(slippage, excluded.slippage), latency_s ="
            " coalesce(latency_s, excluded.latency_s)",
            rows,
        )

    def keep_gaps(self, day: int, gaps: dict[str, int]) -> None:
        """How many more gaps each topic had."""
        rows = [(day, topic, count) for topic, count in gaps.items() if count]
        self._do(
            lambda: self._database.executemany(
                "INSERT INTO gaps VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET gaps = gaps + excluded.gaps",
                rows,
            )
        )

    def forget_old(self, now_s: int) -> None:
        """Keep the file bounded."""
        oldest = now_s - KEEP_DAYS * DAY_S

        def write() -> None:
            # Of days long gone the last minute stays, of days beyond those nothing.
            self._database.execute(
                "DELETE FROM equity WHERE minute < ? AND (minute < ? OR (minute, account) NOT IN"
                " (SELECT max(minute), account FROM equity GROUP BY minute / 86400, account))",
                (oldest, now_s - KEEP_DAY_ROWS * DAY_S),
            )
            self._database.execute("DELETE FROM fills WHERE time < ?", (oldest * 1_000_000_000,))
            self._database.execute("DELETE FROM gaps WHERE day < ?", (oldest // DAY_S,))

        self._do(write)

    def costs(self, ns: int) -> dict[str, float]:
        """By execution of the last two days: the middle of the quote at placing."""
        query = "SELECT exec_id, mid FROM fills WHERE time >= ? AND mid IS NOT NULL"
        return dict(self._database.execute(query, (ns - 2 * DAY_S * 1_000_000_000,)).fetchall())

    def close(self) -> None:
        self._worker.shutdown(wait=True)
        self._database.close()

    def _open(self) -> sqlite3.Connection:
        database = sqlite3.connect(self._path, check_same_thread=False)
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=NORMAL")
        for table in _TABLES:
            database.execute(table)
        database.commit()
        return database

    def _write_many(self, statement: str, rows: list[tuple[Any, ...]]) -> None:
        if rows:
            self._do(lambda: self._database.executemany(statement, rows))

    def _do(self, write: Callable[[], object]) -> None:
        def run() -> None:
            try:
                write()
                self._database.commit()
            except sqlite3.Error as error:
                self._database.rollback()
                log.warning("records not written", problem=str(error))

        self._worker.submit(run)
