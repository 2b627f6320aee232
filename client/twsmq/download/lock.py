"""One download at a time in a folder. The lock goes with the process, whatever ends it: Ctrl-C leaves it held
until then, because a thread may be in the midst of a write."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from twsmq_protocol.plain_file import descriptor_of, open_plain

from .errors import FolderGone, InUse, NoFolder

LOCK = Path(".twsmq") / "lock"
_TRIES, _PAUSE_S = 5, 0.05
"""Whoever looks whether a download runs holds the lock for a moment."""


class Held:
    """The lock of a folder, and with it which folder that is."""

    def __init__(self, folder: Path, descriptor: int) -> None:
        self._folder, self._descriptor = folder, descriptor

    def require(self) -> None:
        """Raises `FolderGone` where the folder is another by now: what would be written into it belongs to
        none, or to somebody else's download."""
        ours = os.fstat(self._descriptor)
        try:
            there = (self._folder / LOCK).lstat()
        except OSError as error:
            raise FolderGone(self._folder) from error
        if not os.path.samestat(ours, there):
            raise FolderGone(self._folder)


@contextmanager
def locked(folder: Path) -> Generator[Held]:
    """Raises `InUse`, `NoFolder`."""
    path = folder / LOCK
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = descriptor_of(path, os.O_CREAT, 0o644)
    except OSError as error:
        raise NoFolder(path, error) from error
    try:
        try:
            if not _acquired(descriptor):
                raise InUse(folder, os.read(descriptor, 20).decode(errors="replace").strip())
            os.ftruncate(descriptor, 0)
            os.write(descriptor, f"{os.getpid()}\n".encode())
        except OSError as error:
            raise NoFolder(path, error) from error
        yield Held(folder, descriptor)
    except KeyboardInterrupt:
        descriptor = -1
        raise
    finally:
        if descriptor >= 0:
            os.close(descriptor)


def running(folder: Path) -> bool:
    """Whether a download works in the folder. Never waits, and changes nothing."""
    try:
        with open_plain(folder / LOCK) as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        pass  # there never was one here, or nobody may know
    return False


def _acquired(descriptor: int) -> bool:
    for attempt in range(_TRIES):
        if attempt:
            time.sleep(_PAUSE_S)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        return True
    return False
