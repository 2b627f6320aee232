"""The journal: order events in SQLite, written by a thread that commits whatever is waiting.

Theory: under load a commit takes as long as a disk needs, meanwhile more arrives, so groups form by
themselves and a stalled disk stalls no heartbeat. What is appended together is committed together. Once it is
on disk (WAL, synchronous=FULL), `committed` is called on the thread and then `durable` on the loop, with the
highest number there; if the disk refuses, `stalled` is called and the same rows are tried again until it does
not: nothing is lost or overtaken.

With `durability = "process"` a commit reaches the operating system and not yet the disk: it outlives whatever
ends this process, but not a power loss. Halts and limits are on the disk all the same when they are reported:
no list of the gateway would bring them back, as it does orders.

One process at a time: a lock on a file beside the database is held until this process ends, however it ends.
Whether it is the journal that was written here, and whole, the file beside it shows (see `watermark`).
Nothing counts as durable once the database or its write-ahead log is not where it was: another process would
not find what is written there.
"""

from __future__ import annotations

import asyncio
import os
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from time import monotonic, time_ns
from typing import Any, Protocol
from uuid import uuid4

import msgspec
from msgspec import Struct
from msgspec.structs import astuple, replace
from twsmq_protocol.errors import ConfigError, Unmendable
from twsmq_protocol.metrics import METRICS
from twsmq_protocol.plain_file import NoPlainFile
from twsmq_transport.metrics import Histogram

from ..entries import Adopted, Entry, ExercisePlaced, Placed, Row, to_entry, to_row
from .checkpoints import Checkpoints
from .file import Durability, connect, lay_out, lock_file, migrate, refusal
from .watermark import CURE, Mark, WatermarkFile, boot_id, mark_path, require_fit

RETRY_S = 0.5
CLOSE_S = 5.0
PROGRESS = 20_000

_ROW = "(?, ?, ?, ?, ?, ?, ?, ?, ?)"
UNFLUSHED = 1_000_000
"""More events than a system keeps from its disk: Linux writes back what is 30 s old."""
UNREADABLE = (msgspec.MsgspecError, TypeError, ValueError, RecursionError)
"""What reading an entry raises that is none."""
_BEGINS = (b"SQLite format 3\0", b"\x37\x7f\x06")
"""Of the database and of its write-ahead log."""
_FULL = 2
"""Of `PRAGMA synchronous`: each commit is on the disk."""
MOST_ROWS = 256
"""In one statement: SQLite takes 32,766 values at most."""


class Setting(Struct, frozen=True):
    """A setting that outlives the node: `value` under `name`, None to forget it. Who asked for it when (ns)
    stays in `settings_log`."""

    name: str
    value: str | None
    ts: int
    who: str


def _ignore() -> None:
    """For whoever need not know at once."""


class _Appended(Struct, frozen=True):
    """`order_id`: the highest that these give out, 0 for none."""

    rows: list[Row]
    committed: Callable[[], None]
    order_id: int = 0


class Journal(Protocol):
    """What the node needs of a journal. A server database can stand in the place of SQLite."""

    def entries(self, progress: Callable[[int, int], None]) -> Iterator[Entry]: ...
    def append(self, entries: tuple[Entry, ...], committed: Callable[[], None]) -> None: ...
    def save_setting(self, name: str, value: str | None, who: str = "") -> None: ...
    def settings(self) -> dict[str, str]: ...
    def events(self, after: int, limit: int, strategy: str | None) -> list[tuple[int, bytes]]: ...
    def close(self) -> None: ...


class SqliteJournal:
    """Opens (or makes) the journal at `path`. Call `run` before the first `append`.

    `opened`: its mark at the start. With the durability "process" a power loss may have taken the end of it.
    """

    def __init__(self, path: Path, durability: Durability = "disk") -> None:
        self._lock = lock_file(path.with_name(path.name + ".lock"))
        self._path = path
        self._durability: Durability = durability
        self._mark_file = WatermarkFile(mark_path(path))
        self._queue: queue.SimpleQueue[_Appended | Setting | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._given_up = threading.Event()
        self.commits = Histogram(METRICS["journal_commit_seconds"].bounds)
        try:
            if path.exists() and not path.is_file():
                raise NoPlainFile(path)
            mark = self._mark_file.read()
            if mark is not None and (not path.exists() or not path.stat().st_size):
                require_fit(path, mark, None, 0)  # before SQLite makes a new one there
            self._reader = connect(path, durability)
            migrate(self._reader, path)
            self.opened = self._mark = self._fitting(mark)
            lay_out(self._reader)
            self._writer = connect(path, durability)  # now: later another file might stand there
            self._checkpoints = Checkpoints(path, durability, self._writer)
            self._files = tuple(os.open(each, os.O_RDONLY | os.O_CLOEXEC) for each in self._paths)
            self._sizes = [os.fstat(file).st_size for file in self._files]
            self._places = [
                (str(each), _identity(os.fstat(file)))
                for each, file in zip(self._paths, self._files, strict=True)
            ]
        except ConfigError:
            self._give_way()
            raise
        except (sqlite3.DatabaseError, OSError) as error:
            self._give_way()
            raise refusal(path, error) from error

    @property
    def _paths(self) -> tuple[Path, Path]:
        return self._path, self._path.with_name(self._path.name + "-wal")

    def _give_way(self) -> None:
        """What was opened before the start was refused."""
        self._mark_file.close()
        os.close(self._lock)

    def _fitting(self, mark: Mark | None) -> Mark:
        """The mark of this journal from now on. Raises Unmendable if `mark` remembers another one."""
        (last,) = self._reader.execute("SELECT ifnull(max(event_no), 0) FROM entries").fetchone()
        row = self._reader.execute("SELECT id FROM identity").fetchone()
        own: str | None = None if row is None else row[0]
        boot = boot_id()
        order_id = skipped = 0
        if mark is not None:
            power_lost = self._durability == "process" and bool(boot) and mark.boot != boot
            require_fit(self._path, mark, own, last, power_lost=power_lost)
            order_id = mark.order_id
            # What was not flushed of the mark is lost as well: the numbers that were given out are not known.
            skipped = max(last, mark.event_no) + UNFLUSHED if power_lost else mark.skipped
        if own is None:
            own = uuid4().hex
            self._reader.execute("INSERT INTO identity VALUES (?)", (own,))
        fitting = Mark(own, last, order_id, boot, skipped)
        self._mark_file.write(fitting)
        self._mark_file.settle()
        return fitting

    def entries(self, progress: Callable[[int, int], None] = lambda _no, _last: None) -> Iterator[Entry]:
        """Everything, in the order of the event numbers. `progress(event_no, last)` every `PROGRESS` entries:
        years of trading take longer to read than a process is given to show that it lives. Raises
        ConfigError with the number of the first one that cannot be read.
        """
        number = 0
        try:
            (last,) = self._reader.execute("SELECT max(event_no) FROM entries").fetchone()
            rows = self._reader.execute("SELECT event_no, event, fact, who FROM entries ORDER BY event_no")
            for key, event, fact, who in rows:
                entry = to_entry(event, fact, who)
                if entry.event.event_no != key:
                    raise ValueError(f"number {key} has event {entry.event.event_no}")
                number = key
                yield entry
                if number % PROGRESS == 0:
                    progress(number, last)
        except (sqlite3.DatabaseError, *UNREADABLE) as error:
            raise Unmendable(
                f"{self._path}: the entry after event {number} cannot be read ({error}); restore it from a "
                "backup, or use the version of twsmq that wrote it"
            ) from error

    def events(self, after: int, limit: int, strategy: str | None = None) -> list[tuple[int, bytes]]:
        """Up to `limit` durable events numbered above `after`: (event_no, msgpack). Of one strategy, numbers
        are that strategy's own."""
        number, where = ("event_no", "") if strategy is None else ("strategy_no", "AND strategy = ?")
        found = self._reader.execute(
            f"SELECT {number}, event FROM entries WHERE {number} > ? {where} ORDER BY {number} LIMIT ?",  # noqa: S608
            (after, *(() if strategy is None else (strategy,)), limit),
        )
        return found.fetchall()

    def run(
        self,
        durable: Callable[[int], None],
        stalled: Callable[[str | None], None],
        on_saved: Callable[[str], None] = lambda _name: None,
    ) -> None:
        """Start the thread. All are called on the running loop; `stalled(None)` when it goes on."""
        loop = asyncio.get_running_loop()

        def on_loop(call: Callable[[Any], None]) -> Callable[[Any], None]:
            def from_thread(value: Any) -> None:
                if not loop.is_closed():
                    loop.call_soon_threadsafe(call, value)

            return from_thread

        self._thread = threading.Thread(
            target=self._commit_all,
            args=(on_loop(durable), on_loop(stalled), on_loop(on_saved)),
            name="journal",
            daemon=True,
        )
        self._thread.start()
        self._checkpoints.start()

    def append(self, entries: tuple[Entry, ...], committed: Callable[[], None] = _ignore) -> None:
        """Have these committed, all or none. `committed` is called on the journal's thread."""
        ids = [
            entry.fact.order_id
            for entry in entries
            if isinstance(entry.fact, Placed | ExercisePlaced | Adopted)
        ]
        self._queue.put(_Appended([to_row(entry) for entry in entries], committed, max(ids, default=0)))

    def save_setting(self, name: str, value: str | None, who: str = "") -> None:
        """Have a setting committed, and that `who` asked for it, after what was appended before it."""
        self._queue.put(Setting(name, value, time_ns(), who))

    def settings(self) -> dict[str, str]:
        try:
            return dict(self._reader.execute("SELECT name, value FROM kept"))
        except sqlite3.DatabaseError as error:
            raise Unmendable(f"{self._path}: halts and limits cannot be read ({error}); {CURE}") from error

    def close(self) -> None:
        """Commits what is waiting, if that can be done within `CLOSE_S`."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join(CLOSE_S)
            self._given_up.set()
            self._thread.join(CLOSE_S)
        self._checkpoints.close()
        if self._thread is None or not self._thread.is_alive():
            self._writer.close()
        self._reader.close()
        for file in self._files:  # last: it would give up SQLite's own locks on the file
            os.close(file)
        self._mark_file.close()
        os.close(self._lock)

    def _commit_all(
        self,
        durable: Callable[[int], None],
        stalled: Callable[[str | None], None],
        on_saved: Callable[[str], None],
    ) -> None:
        database = self._writer
        closing = False
        while not closing:
            rows: list[Row] = []
            committed: list[Callable[[], None]] = []
            settings: list[Setting] = []
            order_id = self._mark.order_id
            waiting = self._queue.get()
            while waiting is not None:
                if isinstance(waiting, Setting):
                    settings.append(waiting)
                else:
                    rows += waiting.rows
                    committed.append(waiting.committed)
                    order_id = max(order_id, waiting.order_id)
                try:
                    waiting = self._queue.get_nowait()
                except queue.Empty:
                    break
            else:
                closing = True
            if rows:
                self._mark = replace(self._mark, event_no=rows[-1].event_no, order_id=order_id)
            if rows or settings:
                began = monotonic()
                if not (
                    self._until_done(partial(_insert_all, database, rows, settings), stalled)
                    and self._until_done(self._require_in_place, stalled)
                ):
                    break
                self.commits.observe(monotonic() - began)
            for call in committed:
                call()
            if rows:
                # After `committed`, which hands an order to the gateway; before anybody is answered.
                if not self._until_done(partial(self._mark_file.write, self._mark), stalled):
                    break
                durable(rows[-1].event_no)
                self._checkpoints.committed(len(rows))
            for setting in settings:
                on_saved(setting.name)

    def _until_done(self, do: Callable[[], None], stalled: Callable[[str | None], None]) -> bool:
        """Tries until it is done; False if it was given up, with the node."""
        refused = False
        while True:
            try:
                do()
            except (sqlite3.OperationalError, OSError) as error:  # full, locked by a backup, gone
                refused = True
                stalled(str(error))
                if self._given_up.wait(RETRY_S):
                    return False
            else:
                break
        if refused:
            stalled(None)
        return True

    def _require_in_place(self) -> None:
        """Raises OSError once a file was removed, renamed, replaced or cut short: nobody would find what is
        written."""
        for number, (path, identity) in enumerate(self._places):
            try:
                status = os.stat(path)  # noqa: PTH116  three times as fast, before each order
            except FileNotFoundError:
                status = None
            if status is None or _identity(status) != identity:
                what = "was removed or renamed" if status is None else "was replaced by another file"
            elif status.st_size < self._sizes[number] and not self._is_begun_anew(number):
                what = "was cut short"
            else:
                self._sizes[number] = status.st_size
                continue
            raise OSError(f"{path} {what}; no order is safe any more: stop the node, put the file back")

    def _is_begun_anew(self, number: int) -> bool:
        """By SQLite itself, for another program (a checkpoint, a vacuum), and not by whoever emptied it."""
        return os.pread(self._files[number], 16, 0).startswith(_BEGINS[number])


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _insert_all(database: sqlite3.Connection, rows: list[Row], settings: list[Setting]) -> None:
    """All or none."""
    flushes = bool(settings) and database.execute("PRAGMA synchronous").fetchone() != (_FULL,)
    try:
        if flushes:
            database.execute(f"PRAGMA synchronous = {_FULL}")
        if settings or len(rows) > MOST_ROWS:
            database.execute("BEGIN IMMEDIATE")
        for at in range(0, len(rows), MOST_ROWS):
            _insert(database, rows[at : at + MOST_ROWS])
        for setting in settings:
            _save(database, setting)
        if database.in_transaction:
            database.execute("COMMIT")
    except BaseException:
        if database.in_transaction:
            database.execute("ROLLBACK")
        raise
    finally:
        if flushes:
            database.execute("PRAGMA synchronous = NORMAL")


def _insert(database: sqlite3.Connection, rows: list[Row]) -> None:
    """One statement, without BEGIN a transaction of its own: `sqlite3` gives the interpreter lock away at
    each step and waits for it up to 5 ms if the loop is busy, once for each statement and row. Measured
    beside a busy thread: 12 ms for one row between BEGIN and COMMIT, 0.5 ms for this.
    """
    values = [value for row in rows for value in astuple(row)]
    database.execute(f"INSERT INTO entries VALUES {', '.join([_ROW] * len(rows))}", values)  # noqa: S608


def _save(database: sqlite3.Connection, setting: Setting) -> None:
    if setting.value is None:
        database.execute("DELETE FROM kept WHERE name = ?", (setting.name,))
    else:
        database.execute("INSERT OR REPLACE INTO kept VALUES (?, ?)", (setting.name, setting.value))
    logged = (setting.ts, setting.name, setting.value, setting.who or None)
    database.execute("INSERT INTO settings_log VALUES (?, ?, ?, ?)", logged)
