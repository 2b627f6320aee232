"""What the gateway gave before, on disk: bars by series and stretch of time, other answers by what was asked.

Theory: history is slow and paced, and the same for everybody, so what one program was given the next need
not ask for. It is not true for ever: the gateway corrects its bars for days and adjusts all of a past at a
split. So everything has an age; a stretch is confirmed every few hours by asking again for its last bar (a
split changes that one too, as does a symbol that has come to mean another company); what a job finds to
differ is forgotten, and so is a series of which the gateway, asked anew, gave other bars than were kept.
Whoever asks for a part of a stretch confirms it by the last bar of that part. Stretches that touch may have
been fetched on two sides of a split: they are joined only where bars of the one came again with the other
and were the same.

It is a cache: losing it costs requests and nothing else. So SQLite writes without waiting for the disk, a
file that is damaged is set aside and begun anew, one that cannot be written (a full disk) is left alone for a
while, and beyond its size the stretches that were used least lately go first. Each body carries its checksum.

Invariants: stretches of a series do not overlap; a stretch holds every bar the gateway has in it, adjusted
alike.

All methods block: they are for one thread of their own (`shell`).
"""

from __future__ import annotations

import sqlite3
import time
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import structlog
from msgspec import Struct
from twsmq_protocol.history_requests import PackedBars
from twsmq_protocol.packed_bars import between, joined, times
from twsmq_protocol.plain_file import require_plain

from .bars_job import Known
from .columns import common
from .plan import DAY_S, NS

T = TypeVar("T")

CONFIRM_EVERY_S = DAY_S / 4
"""Less than a market is closed over night, in which pasts are adjusted."""
MOST_TO_CONFIRM = 4
"""Stretches of one answer; were there more, asking for all of it is cheaper."""
LONGEST = 20_000
"""Bars of a stretch: adjacent ones are joined up to this, or a day of small requests would make thousands."""
_SHRINK_TO = 0.9
_BAR_BYTES = 64
_VERSION = 4
"""Of the bodies; what an older one wrote is forgotten."""
_LEFT_ALONE_S = 60.0
_FORGET = f"""
PRAGMA journal_mode = TRUNCATE;
DROP TABLE IF EXISTS stretch;
DROP TABLE IF EXISTS answer;
DROP TABLE IF EXISTS series;
PRAGMA page_size = 32768;
PRAGMA auto_vacuum = INCREMENTAL;
VACUUM;
PRAGMA user_version = {_VERSION};
"""
"""Bodies are long, and written by one connection: a rollback journal writes them once, a WAL twice, and in
small pages; a fifth of the time."""
_SCHEMA = """
PRAGMA journal_mode = TRUNCATE;
PRAGMA synchronous = OFF;
CREATE TABLE IF NOT EXISTS series (id INTEGER PRIMARY KEY, name TEXT UNIQUE);
CREATE TABLE IF NOT EXISTS stretch (
  series INTEGER, begins INTEGER, ends INTEGER, at INTEGER, confirmed INTEGER, used INTEGER,
  crc INTEGER, body BLOB,
  PRIMARY KEY (series, begins)
);
CREATE INDEX IF NOT EXISTS by_use ON stretch (used);
CREATE TABLE IF NOT EXISTS answer (
  name TEXT PRIMARY KEY, at INTEGER, used INTEGER, crc INTEGER, body BLOB
);
CREATE INDEX IF NOT EXISTS answer_by_use ON answer (used);
"""
_BARS = msgspec.msgpack.Decoder(PackedBars)

log = structlog.stdlib.get_logger()


class Answered(Struct, frozen=True):
    """`at`: when, ns."""

    result: Any
    at: int


class Store:
    """`most_bytes` bounds all bodies together; `wall`: ns since the epoch."""

    def __init__(self, path: Path, most_bytes: int, wall: Callable[[], int] = time.time_ns) -> None:
        self._path = path
        self._most = most_bytes
        self._wall = wall
        self._database: sqlite3.Connection | None = None
        self._bytes = 0
        self._left_alone_until = 0.0
        self.set_aside = 0

    def close(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None

    # --- what is asked of it -------------------------------------------------------------------------------

    def bars(self, series: str, begin: int, end: int, max_age_s: float) -> list[Known]:
        """Stretches that touch [begin, end), in order. One that was not confirmed lately ends with its last
        bar before `end`, so that this is asked for again and compared."""
        return self._guarded(lambda database: self._bars(database, series, begin, end, max_age_s), [])

    def keep(
        self, series: str, begin: int, end: int, bars: PackedBars, confirmed: Sequence[int] = ()
    ) -> None:
        """In the place of whatever was there between `begin` and `end`. `confirmed`: when bars begin that are
        here and that the gateway just gave again, one of each stretch."""
        self._guarded(lambda database: self._keep(database, series, begin, end, bars, confirmed), None)

    def forget(self, series: str) -> None:
        def drop(database: sqlite3.Connection) -> None:
            self._forget(database, self._number(database, series))

        self._guarded(drop, None)

    def answer(self, name: str, kind: type[Any], max_age_s: float) -> Answered | None:
        return self._guarded(lambda database: self._answer(database, name, kind, max_age_s), None)

    def keep_answer(self, name: str, result: Struct) -> None:
        def keep(database: sqlite3.Connection) -> None:
            body, now = msgspec.msgpack.encode(result), self._wall()
            database.execute(
                "INSERT OR REPLACE INTO answer VALUES (?, ?, ?, ?, ?)",
                (name, now, now, zlib.crc32(body), body),
            )
            self._bytes += len(body)
            self._shrink(database)

        self._guarded(keep, None)

    # --- stretches -----------------------------------------------------------------------------------------

    def _bars(
        self, database: sqlite3.Connection, series: str, begin: int, end: int, max_age_s: float
    ) -> list[Known]:
        number, now = self._number(database, series), self._wall()
        oldest = now - int(min(max_age_s, 1e9) * NS)
        rows = database.execute(
            "SELECT begins, ends, at, confirmed, crc, body FROM stretch"
            " WHERE series = ? AND begins <= ? AND ends >= ? AND at >= ? ORDER BY begins",
            (number, end, begin, oldest),
        ).fetchall()
        database.execute(
            "UPDATE stretch SET used = ? WHERE series = ? AND begins <= ? AND ends >= ?",
            (now, number, end, begin),
        )
        stale = now - int(CONFIRM_EVERY_S * NS)
        believed = sum(confirmed < stale for _, _, _, confirmed, _, _ in rows) <= MOST_TO_CONFIRM
        found: list[Known] = []
        for first, last, at, confirmed, crc, body in rows:
            if confirmed < stale and not believed:
                continue
            bars = self._read(database, number, first, crc, body)
            if bars is None:
                continue
            wanted = between(bars, begin, end)
            doubted = confirmed < stale and wanted.time
            found.append(Known(first, times(wanted)[-1] if doubted else last, bars, at))
        return found

    def _read(
        self, database: sqlite3.Connection, number: int, begin: int, crc: int, body: bytes
    ) -> PackedBars | None:
        try:
            if zlib.crc32(body) == crc and (bars := _BARS.decode(body)).time:
                return bars
        except (msgspec.MsgspecError, ValueError, RecursionError):
            pass
        log.warning("a kept stretch of bars is damaged; it is asked for again", path=str(self._path))
        database.execute("DELETE FROM stretch WHERE series = ? AND begins = ?", (number, begin))
        return None

    def _keep(
        self,
        database: sqlite3.Connection,
        series: str,
        begin: int,
        end: int,
        bars: PackedBars,
        confirmed: Sequence[int],
    ) -> None:
        number, now = self._number(database, series), self._wall()
        at = now
        for moment in confirmed:
            database.execute(
                "UPDATE stretch SET confirmed = ? WHERE series = ? AND begins <= ? AND ends > ?",
                (now, number, moment, moment),
            )
        touching = database.execute(
            "SELECT begins, ends, at, confirmed, crc, body FROM stretch"
            " WHERE series = ? AND begins <= ? AND ends >= ? ORDER BY begins",
            (number, end, begin),
        ).fetchall()
        adjusted = False
        for first, last, kept_at, confirmed_at, crc, body in touching:
            same = any(first <= moment < last for moment in confirmed)
            joins = same and len(body) // _BAR_BYTES + len(bars) <= LONGEST
            if (last == begin or first == end) and not joins:
                continue
            kept = self._read(database, number, first, crc, body)
            if kept is None:
                continue  # whatever it held, nobody knows any more
            database.execute("DELETE FROM stretch WHERE series = ? AND begins = ?", (number, first))
            self._bytes -= len(body)
            before, after = between(kept, first, begin), between(kept, end, last)
            again = common(bars, kept)
            adjusted = adjusted or again.differing * 2 > again.both
            if joins:
                bars, at = joined([before, bars, after]), min(at, kept_at)
                begin, end = min(begin, first), max(end, last)
                continue
            if first < begin:
                self._put(database, number, first, begin, before, kept_at, confirmed_at)
            if last > end:
                self._put(database, number, end, last, after, kept_at, confirmed_at)
        if adjusted:
            self._forget(database, number)
        self._put(database, number, begin, end, bars, at, now)
        self._shrink(database)

    def _forget(self, database: sqlite3.Connection, number: int) -> None:
        database.execute("DELETE FROM stretch WHERE series = ?", (number,))
        self._measure(database)

    def _put(
        self,
        database: sqlite3.Connection,
        number: int,
        begin: int,
        end: int,
        bars: PackedBars,
        at: int,
        confirmed: int,
    ) -> None:
        if not bars.time:
            return
        body = msgspec.msgpack.encode(bars)
        values = (number, begin, end, at, confirmed, self._wall(), zlib.crc32(body), body)
        database.execute("INSERT OR REPLACE INTO stretch VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)
        self._bytes += len(body)

    def _number(self, database: sqlite3.Connection, series: str) -> int:
        database.execute("INSERT OR IGNORE INTO series (name) VALUES (?)", (series,))
        return database.execute("SELECT id FROM series WHERE name = ?", (series,)).fetchone()[0]

    # --- answers -------------------------------------------------------------------------------------------

    def _answer(
        self, database: sqlite3.Connection, name: str, kind: type[Any], max_age_s: float
    ) -> Answered | None:
        row = database.execute("SELECT at, crc, body FROM answer WHERE name = ?", (name,)).fetchone()
        if row is None or row[0] < self._wall() - int(min(max_age_s, 1e9) * NS):
            return None
        at, crc, body = row
        with suppress(msgspec.MsgspecError, RecursionError):
            if zlib.crc32(body) == crc:
                result = msgspec.msgpack.decode(body, type=kind)
                database.execute("UPDATE answer SET used = ? WHERE name = ?", (self._wall(), name))
                return Answered(result, at)
        database.execute("DELETE FROM answer WHERE name = ?", (name,))
        return None

    # --- the file ------------------------------------------------------------------------------------------

    def _guarded(self, work: Callable[[sqlite3.Connection], T], otherwise: T) -> T:
        """What goes wrong with the file costs what was asked of it and nothing else."""
        if self._most <= 0 or time.monotonic() < self._left_alone_until:
            return otherwise
        try:
            database = self._open()
            with database:
                return work(database)
        except (sqlite3.OperationalError, OSError) as error:  # full, read-only, locked: it may be well again
            self._left_alone_until = time.monotonic() + _LEFT_ALONE_S
            log.warning("what was fetched is not kept for now", path=str(self._path), problem=str(error))
        except sqlite3.DatabaseError as error:
            self._begin_anew(str(error))
        return otherwise

    def _open(self) -> sqlite3.Connection:
        if self._database is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            require_plain(self._path)
            database = sqlite3.connect(self._path, timeout=1.0, check_same_thread=False)
            try:
                if database.execute("PRAGMA user_version").fetchone() != (_VERSION,):
                    database.executescript(_FORGET)
                database.executescript(_SCHEMA)
                self._path.chmod(0o600)
                self._measure(database)
                if database.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
                    raise sqlite3.DatabaseError("its pages do not fit together")
                self._shrink(database)  # it may have been allowed more before
                database.executescript("PRAGMA incremental_vacuum")  # `execute` frees one page
            except BaseException:
                database.close()
                raise
            self._database = database
        return self._database

    def _begin_anew(self, problem: str) -> None:
        self.close()
        aside = self._path.with_suffix(".damaged")
        for ending in ("-wal", "-shm", "-journal"):
            with suppress(OSError):
                self._path.with_name(self._path.name + ending).unlink()
        with suppress(OSError):
            self._path.replace(aside)
        self.set_aside += 1
        log.warning("file set aside", path=str(self._path), aside=str(aside), problem=problem)

    def _measure(self, database: sqlite3.Connection) -> None:
        (stretches,) = database.execute("SELECT coalesce(sum(length(body)), 0) FROM stretch").fetchone()
        (answers,) = database.execute("SELECT coalesce(sum(length(body)), 0) FROM answer").fetchone()
        self._bytes = stretches + answers

    def _shrink(self, database: sqlite3.Connection) -> None:
        """Least lately used first, down to a tenth below what is allowed. The room they leave in the file is
        for what comes next."""
        if self._bytes <= self._most:
            return
        self._measure(database)
        for table, key in (("answer", "name"), ("stretch", "rowid")):
            rows = database.execute(f"SELECT {key}, length(body) FROM {table} ORDER BY used").fetchall()  # noqa: S608 - our own names
            for one, length in rows:
                if self._bytes <= self._most * _SHRINK_TO:
                    break
                database.execute(f"DELETE FROM {table} WHERE {key} = ?", (one,))  # noqa: S608 - our own names
                self._bytes -= length
