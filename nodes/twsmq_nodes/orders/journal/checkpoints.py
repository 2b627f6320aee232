"""What the journal's write-ahead log holds goes into its database on a thread of its own: no commit waits.

Theory: a checkpoint flushes two files, milliseconds on most disks, and SQLite makes one inside a commit
whenever 1,000 pages have gathered: one order in a hundred would wait. SQLite lets another connection do
it while the writer goes on. The next commit begins the log anew once all of it has been moved; where commits
come too fast for that, they move it themselves, at `LONGEST_LOG` pages, so that the log is bounded.
"""

from __future__ import annotations

import sqlite3
import threading
from contextlib import suppress
from pathlib import Path

from .file import Durability, connect

ROWS = 150
"""Of the journal, some 400 pages: well before the log outgrows the room that `lay_out` made for it."""
LONGEST_LOG = 4000
TIMES = 2
"""The second moves what was committed during the first."""


class Checkpoints:
    """`writer` is the connection that commits."""

    def __init__(self, path: Path, durability: Durability, writer: sqlite3.Connection) -> None:
        writer.execute(f"PRAGMA wal_autocheckpoint = {LONGEST_LOG}")
        self._database = connect(path, durability)
        self._thread = threading.Thread(target=self._run, name="checkpoints", daemon=True)
        self._due = threading.Event()
        self._ended = False
        self._rows = 0

    def start(self) -> None:
        self._thread.start()

    def committed(self, rows: int) -> None:
        """So many more are in the log."""
        self._rows += rows
        if self._rows >= ROWS:
            self._rows = 0
            self._due.set()

    def close(self) -> None:
        """Waits for the one that is under way."""
        self._ended = True
        self._due.set()
        if self._thread.is_alive():
            self._thread.join()
        self._database.close()

    def _run(self) -> None:
        while not self._ended:
            self._due.wait()
            self._due.clear()
            with suppress(sqlite3.DatabaseError):  # what is refused here is refused to the next commit too
                for _ in range(TIMES):
                    self._database.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
