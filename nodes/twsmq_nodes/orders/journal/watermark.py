"""What the data folder remembers of the journal, apart from the journal.

"One client order id is at most one order" rests on the journal being the one that was written here, whole.
So a small file beside it remembers which journal that was and the highest numbers it had given out. A journal
that was emptied, removed, restored from an old copy, brought from elsewhere, or that lost the end of its
write-ahead log no longer fits, and the node must not begin anew on it: it would send again what it has
forgotten.

It is not called like the journal, so that who removes the journal and what SQLite keeps beside it by one
pattern does not remove this too. Removed while the node runs, it is written anew.

The file is rewritten after each commit, in one write of one block, so that it survives whatever ends the
process. It never runs ahead of what was committed; with `durability = "process"` a power loss may take the
journal's end and leave the file: `boot` tells such a loss from a copy that was exchanged.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec import Struct
from twsmq_protocol.errors import Unmendable
from twsmq_protocol.plain_file import NoPlainFile, descriptor_of

BLOCK = 512
_LINUX_BOOT = Path("/proc/sys/kernel/random/boot_id")


class Mark(Struct, frozen=True):
    """`journal`: the identity of the journal. `event_no`, `order_id`: the highest it holds. `boot`: of the
    machine, when this was written; empty where it cannot be known. `skipped`: event numbers up to this one
    may have been given out before a power loss."""

    journal: str
    event_no: int = 0
    order_id: int = 0
    boot: str = ""
    skipped: int = 0

    @property
    def end_is_lost(self) -> bool:
        """A power loss may have taken the end of the journal, and nothing was recorded since."""
        return self.event_no < self.skipped


class WatermarkFile:
    """The file at `path`. `read` before `write`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def read(self) -> Mark | None:
        """None if there is none yet. Raises Unmendable for a file that is no mark, OSError for a disk that
        does not give it."""
        try:
            descriptor = self._descriptor = descriptor_of(self.path, 0)
        except FileNotFoundError:
            return None
        except NoPlainFile as error:
            raise Unmendable(f"{self.path} cannot be opened: {error.strerror}; {CURE}") from error
        try:
            return msgspec.json.decode(os.pread(descriptor, BLOCK, 0), type=Mark)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise Unmendable(f"{self.path} cannot be read ({error}); {CURE}") from error

    def write(self, mark: Mark) -> None:
        """In place of what was there. Raises OSError."""
        if self._descriptor is not None and not self._is_there(self._descriptor):
            self.close()
        if self._descriptor is None:
            self._descriptor = descriptor_of(self.path, os.O_CREAT)
        os.pwrite(self._descriptor, msgspec.json.encode(mark).ljust(BLOCK - 1) + b"\n", 0)

    def _is_there(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(self.path.lstat(), os.fstat(descriptor))
        except FileNotFoundError:
            return False

    def settle(self) -> None:
        """Have the file itself survive a power loss. Raises OSError."""
        assert self._descriptor is not None
        os.fsync(self._descriptor)
        folder = os.open(self.path.parent, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def mark_path(journal: Path) -> Path:
    """Where the mark of a journal is: `orders.mark` beside `orders.journal`. One that an earlier version
    called `orders.journal.mark` is renamed."""
    path, before = journal.with_suffix(".mark"), journal.with_name(journal.name + ".mark")
    if path != before and not os.path.lexists(path):
        with suppress(FileNotFoundError):
            before.rename(path)
    return path


CURE = "restore the journal from a backup, or give up what was placed: twsmq orders forget --yes"


def require_fit(path: Path, mark: Mark, journal: str | None, last: int, *, power_lost: bool = False) -> None:
    """Raise Unmendable unless the journal at `path`, with its identity and last event number, is the one that
    `mark` remembers, and whole. `power_lost`: its end may be missing."""
    if not mark.event_no:
        return  # nothing was ever placed here
    if not last and not power_lost:
        raise Unmendable(
            f"{path} is empty, but {mark.event_no:,} order events were recorded in this folder: it was "
            f"emptied or removed, and beginning anew could place orders twice; {CURE}"
        )
    if journal != mark.journal:
        raise Unmendable(f"{path} is another journal than the one this folder was used with; {CURE}")
    if last < mark.event_no and not power_lost:
        raise Unmendable(
            f"{path} ends at order event {last:,}, but {mark.event_no:,} were recorded in this folder: it is "
            f"an older copy, or its -wal file was removed; {CURE}"
        )


def boot_id() -> str:
    """Of this run of the machine; empty where the system does not show it."""
    try:
        return _LINUX_BOOT.read_text().strip()
    except OSError:
        pass
    if sys.platform == "darwin":
        import psutil

        return str(int(psutil.boot_time()))
    return ""
