"""What the status node keeps on disk: equity minute by minute, what each fill cost, gaps, positions from
outside.

Bounded: minutes and fills are kept for `KEEP_DAYS`, a day's last figures for `KEEP_DAY_ROWS`. The orders
themselves are in the orders node's journal. Writing happens in one thread of its own: a stalled disk stops
no heartbeat; what was not written when the process died is lost, at most a minute of it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from time import monotonic, time_ns
from types import MappingProxyType
from typing import Any

import structlog
from msgspec import Struct
from twsmq_protocol.data_files import STATUS_RECORDS
from twsmq_protocol.envelope import NS
from twsmq_protocol.plain_file import NoPlainFile, require_plain

KEEP_DAYS = 35
KEEP_DAY_ROWS = 1000
FILE = STATUS_RECORDS.name
DAY_S = 86_400
AGAIN_S = 60.0
_FOR_NOW = (
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
)
"""Of the disk or of somebody who holds the file, not of what is in it."""
EMPTY: Mapping[str, int] = MappingProxyType({})

log = structlog.stdlib.get_logger()

_TABLES = (
    "CREATE TABLE IF NOT EXISTS equity (minute INTEGER, account TEXT, net_liquidation REAL, daily REAL,"
    " unrealized REAL, realized REAL, PRIMARY KEY (minute, account)) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS fills (exec_id TEXT PRIMARY KEY, time INTEGER, strategy TEXT, mid REAL,"
    " slippage REAL, latency_s REAL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS gaps (day INTEGER, topic TEXT, gaps INTEGER, PRIMARY KEY (day, topic))"
    " WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS gap_counts (stream TEXT PRIMARY KEY, gaps INTEGER, day INTEGER)"
    " WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS outside (account TEXT, con_id INTEGER, quantity REAL,"
    " PRIMARY KEY (account, con_id)) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID",
)
_COLUMNS = {
    "equity": "minute, account, net_liquidation, daily, unrealized, realized",
    "fills": "exec_id, time, strategy, mid, slippage, latency_s",
    "gaps": "day, topic, gaps",
    "gap_counts": "stream, gaps, day",
    "outside": "account, con_id, quantity",
    "settings": "name, value",
}


class EquityPoint(Struct, frozen=True):
    """An account at a minute (seconds since the epoch, a multiple of 60)."""

    minute: int
    account: str
    net_liquidation: float | None
    daily: float | None
    unrealized: float | None
    realized: float | None


class Records:
    """`folder` is made. A file that cannot be read is put aside whenever that shows, and said: nothing here
    is worth a halt. One that cannot be used for now (no room, locked, read-only) stays as it is, and what is
    to be kept is kept in memory until it can be.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="records")
        self._again_at = float("inf")
        self._database = self._opened()

    def outside(self) -> dict[tuple[str, int], float] | None:
        """What was kept of positions from outside; None if nothing ever was."""
        rows = self._read("SELECT account, con_id, quantity FROM outside")
        if not self._read("SELECT value FROM settings WHERE name = 'outside'"):
            return None
        return {
            (account, con_id): quantity
            for account, con_id, quantity in rows
            if isinstance(account, str) and isinstance(con_id, int) and isinstance(quantity, float)
        }

    def keep_outside(self, outside: dict[tuple[str, int], float]) -> None:
        rows = [(*key, quantity) for key, quantity in outside.items()]

        def write() -> None:
            self._database.execute("DELETE FROM outside")
            self._database.executemany("INSERT INTO outside VALUES (?, ?, ?)", rows)
            self._database.execute("INSERT OR REPLACE INTO settings VALUES ('outside', 'kept')")

        self._do(write)

    def setting(self, name: str) -> str | None:
        """A text that was kept under that name."""
        found = self._read("SELECT value FROM settings WHERE name = ?", (name,))
        return str(found[0][0]) if found else None

    def keep_setting(self, name: str, text: str) -> None:
        self._write_many("INSERT OR REPLACE INTO settings VALUES (?, ?)", [(name, text)])

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

    def gap_counts(self) -> dict[str, int]:
        """By stream: how many gaps its shard had counted when they were last kept."""
        rows = self._read("SELECT stream, gaps FROM gap_counts")
        return {stream: n for stream, n in rows if isinstance(stream, str) and isinstance(n, int)}

    def keep_gaps(self, day: int, gaps: Mapping[str, int], counts: Mapping[str, int] = EMPTY) -> None:
        """How many more gaps each topic had; `counts`: of each stream, as its shard counts them."""
        rows = [(day, topic, count) for topic, count in gaps.items() if count]
        streams = [(stream, count, day) for stream, count in counts.items()]

        def write() -> None:
            self._database.executemany(
                "INSERT INTO gaps VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET gaps = gaps + excluded.gaps",
                rows,
            )
            self._database.executemany("INSERT OR REPLACE INTO gap_counts VALUES (?, ?, ?)", streams)

        if rows or streams:
            self._do(write)

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
            self._database.execute("DELETE FROM fills WHERE time < ?", (oldest * NS,))
            self._database.execute("DELETE FROM gaps WHERE day < ?", (oldest // DAY_S,))
            self._database.execute("DELETE FROM gap_counts WHERE day < ?", (oldest // DAY_S,))

        self._do(write)

    def costs(self, ns: int) -> dict[str, float]:
        """By execution of the last two days: the middle of the quote at placing."""
        query = "SELECT exec_id, mid FROM fills WHERE time >= ? AND mid IS NOT NULL"
        rows = self._read(query, (ns - 2 * DAY_S * NS,))
        return {exec_id: mid for exec_id, mid in rows if isinstance(exec_id, str) and isinstance(mid, float)}

    def close(self) -> None:
        self._worker.shutdown(wait=True)
        self._database.close()

    def _opened(self) -> sqlite3.Connection:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            try:
                return self._open()
            except (sqlite3.DatabaseError, NoPlainFile) as error:
                if _is_for_now(error):
                    raise
                self._put_aside(error)
                return self._open()
        except (sqlite3.DatabaseError, OSError) as error:
            log.warning("nothing is recorded for now", file=str(self._path), problem=str(error))
            self._again_at = monotonic() + AGAIN_S
            return _laid_out(sqlite3.connect(":memory:", check_same_thread=False))

    def _open(self) -> sqlite3.Connection:
        require_plain(self._path)
        return _laid_out(sqlite3.connect(self._path, check_same_thread=False))

    def _put_aside(self, error: sqlite3.Error | NoPlainFile) -> None:
        aside = self._path.with_suffix(f".unreadable-{time_ns()}")
        log.warning("records could not be read; put aside", file=str(aside), problem=str(error))
        for ending in ("-wal", "-shm"):
            with suppress(OSError):
                self._path.with_name(self._path.name + ending).unlink()
        self._path.replace(aside)

    def _begin_anew(self, error: sqlite3.Error) -> None:
        self._database.close()
        with suppress(OSError):
            self._put_aside(error)
        self._database = self._opened()

    def _try_again(self) -> None:
        """After a time when the file could not be used."""
        if monotonic() >= self._again_at:
            self._again_at = float("inf")
            self._database.close()
            self._database = self._opened()

    def _read(self, query: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        try:
            return self._database.execute(query, values).fetchall()
        except sqlite3.DatabaseError as error:
            if _is_for_now(error):
                log.warning("records not read", problem=str(error))
            else:
                self._begin_anew(error)
            return []

    def _write_many(self, statement: str, rows: list[tuple[Any, ...]]) -> None:
        if rows:
            self._do(lambda: self._database.executemany(statement, rows))

    def _do(self, write: Callable[[], object]) -> None:
        def run() -> None:
            self._try_again()
            try:
                write()
                self._database.commit()
            except (sqlite3.OperationalError, OverflowError) as error:  # full, read-only, locked
                self._database.rollback()
                log.warning("records not written", problem=str(error))
            except sqlite3.DatabaseError as error:
                self._begin_anew(error)

        self._worker.submit(run)


def _laid_out(database: sqlite3.Connection) -> sqlite3.Connection:
    try:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=NORMAL")
        for table in _TABLES:
            database.execute(table)
        database.commit()
        for name, columns in _COLUMNS.items():
            database.execute(f"SELECT {columns} FROM {name} LIMIT 0")  # noqa: S608 - our own names
    except BaseException:
        database.close()
        raise
    return database


def _is_for_now(error: Exception) -> bool:
    return isinstance(error, sqlite3.Error) and (getattr(error, "sqlite_errorcode", 0) & 0xFF) in _FOR_NOW
