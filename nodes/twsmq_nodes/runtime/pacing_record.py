"""One record of what all processes of a cluster asked the gateway for, as far as its pacing rules count it.

The rules of `tws.ledger` count for everybody, and the gateway remembers while we do not: a process that was
killed and restarted, or that shares a rule with another, must know what was asked before. So whatever a
ledger notes is appended to one file, and whoever is about to decide reads what is new there first. The lock
is held from that look until the own notes are written: no two decide at once.

Invariants: a lock is never waited for longer than `WAIT_S` and a file that cannot be read or written costs
nothing but this knowledge: then each process keeps the rules by itself. A line that cannot be read is passed
over. A file that has grown is begun anew with what still counts.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec
import structlog
from twsmq_protocol.plain_file import descriptor_of, write_anew

from twsmq_nodes.tws.ledger import LONGEST_S, Note, PacingLedger

log = structlog.stdlib.get_logger()

NAME = "pacing.jsonl"
MOST_BYTES = 1_000_000
WAIT_S = 0.05
"""Others hold the lock for some microseconds."""
_decoder = msgspec.json.Decoder(Note)


class PacingRecord:
    """`clock`: the clock of the ledgers, one for all processes of the machine."""

    def __init__(
        self, folder: Path, ledger: PacingLedger, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._path = folder / NAME
        self._ledger = ledger
        self._clock = clock
        self._file = -1
        self._read_to = 0
        self._troubled = False

    @contextmanager
    def shared(self) -> Generator[bool, None, None]:
        """While something is decided: the ledger knows what others asked, and they will know of it. Whether
        nobody else decides meanwhile."""
        locked = self._begin()
        try:
            yield locked
        finally:
            self._end(self._ledger.take_news(), locked=locked)

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _begin(self) -> bool:
        try:
            locked = self._opened_and_locked()
            self._learn()
            return locked
        except OSError as error:
            self._trouble(error)
            return False

    def _end(self, news: list[Note], *, locked: bool) -> None:
        try:
            if news and self._file >= 0:
                self._append(news)
            if locked:
                fcntl.flock(self._file, fcntl.LOCK_UN)
        except OSError as error:
            self._trouble(error)

    def _opened_and_locked(self) -> bool:
        """Of the file that is there now: another process may have begun it anew while we waited."""
        while True:
            if self._file < 0:
                self._open()
            locked = self._lock()
            if self._is_current():
                return locked
            self.close()

    def _is_current(self) -> bool:
        try:
            return self._path.stat().st_ino == os.fstat(self._file).st_ino
        except FileNotFoundError:
            return False

    def _open(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = descriptor_of(self._path, os.O_CREAT | os.O_APPEND)
        self._read_to = 0

    def _lock(self) -> bool:
        until = time.monotonic() + WAIT_S
        while True:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > until:
                    return False  # whoever holds it hangs
                time.sleep(0.001)
            else:
                return True

    def _learn(self) -> None:
        size = os.fstat(self._file).st_size
        if size < self._read_to:
            self._read_to = 0
        if size > self._read_to:
            data = os.pread(self._file, size - self._read_to, self._read_to)
            whole = data.rpartition(b"\n")[0]
            self._read_to += len(whole) + 1 if whole else 0
            self._ledger.learn(self._of_others(whole.splitlines()), self._clock())

    def _of_others(self, lines: Iterable[bytes]) -> Iterator[Note]:
        for line in lines:
            with suppress(msgspec.MsgspecError, ValueError, RecursionError):
                note = _decoder.decode(line)
                if not self._ledger.owns(note):
                    yield note

    def _append(self, news: list[Note]) -> None:
        lines = b"".join(msgspec.json.encode(note) + b"\n" for note in news)
        if self._read_to + len(lines) > MOST_BYTES:
            self._begin_anew(lines)
            return
        os.write(self._file, lines)

    def _begin_anew(self, lines: bytes) -> None:
        """Only what still counts is kept."""
        now = self._clock()
        kept: dict[str, bytes] = {}
        size = os.fstat(self._file).st_size
        for line in os.pread(self._file, size, 0).splitlines():
            with suppress(msgspec.MsgspecError, ValueError, RecursionError):
                note = _decoder.decode(line)
                if now - LONGEST_S < note.at <= now + LONGEST_S:
                    kept[note.id] = line + b"\n"
        write_anew(self._path, b"".join(kept.values()) + lines)

    def _trouble(self, error: OSError) -> None:
        if not self._troubled:
            self._troubled = True
            log.warning(
                "pacing rules are kept by each process alone: their record cannot be used",
                path=str(self._path),
                problem=str(error),
            )
