"""The broker's records on disk: one SQLite file in WAL mode, written before anything is acknowledged.

A commit reaches the operating system before it returns, so it survives the process being killed; it is not
synced to the disk each time (`synchronous=NORMAL`), which a power cut could undo. Records are (kind, key) ->
JSON.
"""

import sqlite3
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import msgspec
from twsmq_protocol.plain_file import require_plain

from twsmq_simulator.errors import StoreFailed

T = TypeVar("T")


class Store:
    """Raises `StoreFailed`. After a failed `write` the process must end: it knows more than the disk."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._failing("opened"):
            path.parent.mkdir(parents=True, exist_ok=True)
            require_plain(path)
            self._db = sqlite3.connect(path, isolation_level=None)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.execute(
                "CREATE TABLE IF NOT EXISTS record"
                "(kind TEXT, key TEXT, body BLOB NOT NULL, PRIMARY KEY (kind, key)) WITHOUT ROWID"
            )
        self._encoder = msgspec.json.Encoder(decimal_format="string")

    def write(self, changes: Mapping[tuple[str, str], object]) -> None:
        """One transaction: every record replaced, None removed. Returns when it is safe."""
        if not changes:
            return
        with self._failing("written"):
            self._db.execute("BEGIN IMMEDIATE")
            for (kind, key), record in changes.items():
                if record is None:
                    self._db.execute("DELETE FROM record WHERE kind=? AND key=?", (kind, key))
                else:
                    body = self._encoder.encode(record)
                    self._db.execute("INSERT OR REPLACE INTO record VALUES (?,?,?)", (kind, key, body))
            self._db.execute("COMMIT")

    def read(self, kind: str, type_: type[T]) -> dict[str, T]:
        """All records of a kind, decoded, in the order of their keys."""
        with self._failing("read"):
            rows = self._db.execute("SELECT key, body FROM record WHERE kind=? ORDER BY key", (kind,))
            return {key: msgspec.json.decode(body, type=type_) for key, body in rows}

    def close(self) -> None:
        self._db.close()

    @contextmanager
    def _failing(self, done: str) -> Generator[None]:
        try:
            yield
        except (OSError, sqlite3.Error, msgspec.DecodeError) as error:
            cure = "make room there, or move the file away for a fresh account"
            raise StoreFailed(f"{self._path} cannot be {done}: {error}; {cure}") from error
