"""What the data folder remembers of the journal, apart from the journal.

"One client order id is at most one order" rests on the journal being the one that was written here, whole.
So a small file beside it remembers which journal that was and the highest numbers it had given out. A journal
that was emptied, removed, restored from an old copy, brought from elsewhere, or that lost the end of its
write-ahead log no longer fits, and the node must not begin anew on it: it would send again what it has
forgotten.

The file is rewritten after each commit, in one write of one block, so that it survives whatever ends the
process. It never runs ahead of what was committed; with `durability = "process"` a power loss may take the
journal's end and leave the file: `boot` tells such a loss from a copy that was exchanged.
"""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import msgspec
from msgspec import Struct
from twsmq_protocol.errors import Unmendable

BLOCK = 512
_LINUX_BOOT = Path("/proc/sys/kernel/random/boot_id")


class Mark(Struct, frozen=True):
    """`journal`: the identity of the journal. `event_no`, `order_id`: the highest it holds. `boot`: of the
    machine, when this was written; empty where it cannot be known."""

    journal: str
    event_no: int = 0
    order_id: int = 0
    boot: str = ""


class WatermarkFile:
    """The file at `path`. `read` before `write`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def read(self) -> Mark | None:
        """None if there is none yet. Raises Unmendable for a file that is no mark."""
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Unmendable(f"{self.path} cannot be opened ({error}); {CURE}") from error
        self._descriptor = descriptor
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise Unmendable(f"{self.path} is no plain file; {CURE}")
        try:
            return msgspec.json.decode(os.pread(descriptor, BLOCK, 0), type=Mark)
        except msgspec.MsgspecError as error:
            raise Unmendable(f"{self.path} cannot be read ({error}); {CURE}") from error

    def write(self, mark: Mark) -> None:
        """In place of what was there. Raises OSError."""
        if self._descriptor is None:
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            self._descriptor = os.open(self.path, flags, 0o600)
        os.pwrite(self._descriptor, msgspec.json.encode(mark).ljust(BLOCK - 1) + b"\n", 0)

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


CURE = "restore the journal from a backup, or give up what was placed: twsmq orders forget --yes"


def require_fit(path: Path, mark: Mark, journal: str | None, last: int, *, power_lost: bool = False) -> None:
    """Raise Unmendable unless the journal at `path`, with its identity and last event number, is the one that
    `mark` remembers, and whole. `power_lost`: its end may be missing."""
    if not mark.event_no:
        return  # nothing was ever placed here
    if not last:
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
