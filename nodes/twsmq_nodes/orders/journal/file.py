"""The journal's database file: its schema, how it is opened, and the lock that keeps it one process's."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import sys
from contextlib import suppress
from pathlib import Path
from typing import Literal

from twsmq_protocol.errors import ConfigError, Unmendable
from twsmq_protocol.plain_file import NoPlainFile, descriptor_of

from .watermark import CURE

_BUSY_S = 1.0
Durability = Literal["disk", "process"]
_OF_THE_DISK = (
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
)
"""Errors that say nothing of what is in the file."""
_MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE entries (
        event_no INTEGER PRIMARY KEY,
        strategy TEXT NOT NULL,
        strategy_no INTEGER NOT NULL,
        client_order_id TEXT NOT NULL,
        ts INTEGER NOT NULL,
        type TEXT NOT NULL,
        event BLOB NOT NULL,
        fact BLOB
    )
    """,
    "CREATE UNIQUE INDEX entries_by_strategy ON entries (strategy, strategy_no)",
    "CREATE TABLE kept (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE identity (id TEXT NOT NULL)",
    "ALTER TABLE entries ADD COLUMN who TEXT",
    "CREATE TABLE settings_log (ts INTEGER NOT NULL, name TEXT NOT NULL, value TEXT, who TEXT)",
)
"""Number n brings the schema from version n to n + 1. Never change one that was released: add another."""


def read_only(path: Path) -> sqlite3.Connection:
    """For exports, while a node may be writing."""
    return sqlite3.connect(f"file:{path}?mode=ro", uri=True)


def connect(path: Path, durability: Durability) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute(f"PRAGMA synchronous = {'FULL' if durability == 'disk' else 'NORMAL'}")
    if sys.platform == "darwin":
        database.execute("PRAGMA fullfsync = ON")  # fsync alone does not reach the platter there
    return database


def lay_out(database: sqlite3.Connection) -> None:
    """Make the log as long as it gets before a checkpoint (1,000 pages), if there is room. To flush what
    overwrites a file costs half of what it costs to extend one, and does not wait for the file system, which
    on a busy machine is eight times as much."""
    with suppress(sqlite3.OperationalError):
        database.execute("CREATE TABLE IF NOT EXISTS reserve (space BLOB)")
        database.execute("INSERT INTO reserve VALUES (zeroblob(4300000))")
        database.execute("DROP TABLE reserve")
        database.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()


def migrate(database: sqlite3.Connection, path: Path) -> None:
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version > len(_MIGRATIONS):
        raise Unmendable(f"{path} was written by a newer twsmq (schema {version}); use that version")
    for number in range(version, len(_MIGRATIONS)):
        database.execute("BEGIN IMMEDIATE")
        database.execute(_MIGRATIONS[number])
        database.execute(f"PRAGMA user_version = {number + 1}")
        database.execute("COMMIT")


def refusal(path: Path, error: sqlite3.Error | OSError) -> ConfigError:
    """Why it cannot be opened: for what it holds, or only for the disk as it is now. Who gave up what was
    placed because a disk was full could place it again."""
    if isinstance(error, NoPlainFile):
        return Unmendable(f"{path} is no plain file; remove what is there")
    number = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_IOERR)
    if isinstance(error, OSError) or number & 0xFF in _OF_THE_DISK:
        why = error.strerror if isinstance(error, OSError) else error
        return ConfigError(
            f"{path} cannot be opened at present: {why}; make room on that disk and let this user write to "
            "it. Nothing that is in it is lost"
        )
    return Unmendable(f"{path}: {error}; {CURE}")


def lock_file(path: Path) -> int:
    """A descriptor that holds the lock until it is closed. Raises `Unmendable`, and `ConfigError` while
    another process holds it or the disk takes nothing."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = descriptor_of(path, os.O_CREAT)
    except OSError as error:
        raise refusal(path, error) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise ConfigError(
            f"{path} is locked: another orders node uses this journal; end it or set another data_dir"
        ) from error
    return descriptor
