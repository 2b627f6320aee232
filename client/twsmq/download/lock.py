"""One download at a time in a folder. The lock goes with the process, whatever ends it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from .errors import InUse, Unwritable

LOCK = Path(".twsmq") / "lock"


@contextmanager
def locked(folder: Path) -> Generator[None]:
    """Raises `InUse`, `Unwritable`."""
    path = folder / LOCK
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise Unwritable(path, error) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InUse(folder, os.read(descriptor, 20).decode(errors="replace").strip()) from None
        try:
            os.ftruncate(descriptor, 0)
            os.write(descriptor, f"{os.getpid()}\n".encode())
        except OSError as error:
            raise Unwritable(path, error) from error
        yield
    finally:
        os.close(descriptor)
