"""Opens files where somebody else may have put something else: at once, and to write never through a link.

A named pipe would keep whoever opens it waiting for ever, a device never ends, a link written through changes
a file that is none of ours.
"""

from __future__ import annotations

import errno
import io
import os
import stat
from pathlib import Path

LONGEST = 16 << 20
_REFUSED = (errno.ELOOP, errno.EMLINK, errno.ENXIO, errno.EISDIR)
"""What systems say of a link, of a pipe nobody reads and of a folder that are to be written."""


class NoPlainFile(OSError):
    """`strerror` says it without the path, as of any `OSError`."""

    def __init__(self, path: Path) -> None:
        super().__init__(errno.EINVAL, "it is no plain file", str(path))


def read_plain(path: Path, longest: int = LONGEST) -> bytes:
    """All of it. Raises `NoPlainFile`, and `OSError` also for what is longer than `longest` bytes."""
    return read_with_mode(path, longest)[0]


def read_with_mode(path: Path, longest: int = LONGEST) -> tuple[bytes, int]:
    """All of it, and who may read it: its permission bits. Raises as `read_plain`."""
    with open_plain(path) as file:
        content = file.read(longest + 1)
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
    if len(content) > longest:
        raise OSError(errno.EFBIG, f"it is longer than {longest:,} bytes", str(path))
    return content, mode


def open_plain(path: Path) -> io.BufferedReader:
    """To be read. Raises `NoPlainFile`, `OSError`."""
    return os.fdopen(_plain(path, os.O_RDONLY), "rb")


def write_plain(path: Path, flags: int, mode: int = 0o600) -> io.BufferedWriter:
    """To be written, made where it is not there; `flags` such as `os.O_APPEND`. Raises `OSError`,
    `NoPlainFile` for a link too."""
    return os.fdopen(_plain(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | flags, mode), "wb")


def write_anew(path: Path, content: bytes) -> None:
    """In the place of what was there, whole or not at all. Raises `OSError`."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)  # of a run that died, or a link that leads elsewhere
    with write_plain(fresh, os.O_EXCL) as file:
        file.write(content)
    fresh.replace(path)


def make_uncommitted(folder: Path) -> None:
    """A folder of ours, made where it is not there; it keeps itself out of a git repository around it. One
    that is there may be somebody's for other things too. Raises `OSError`."""
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        return
    write_anew(folder / ".gitignore", b"*\n")


def descriptor_of(path: Path, flags: int, mode: int = 0o600) -> int:
    """To be read and written; `flags` such as `os.O_CREAT`. Raises `OSError`, `NoPlainFile` for a link
    too."""
    return _plain(path, os.O_RDWR | os.O_NOFOLLOW | flags, mode)


def require_plain(path: Path) -> None:
    """Before something opens it by its path that would follow a link (SQLite). Raises `NoPlainFile`; what is
    not there may be made."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISREG(mode):
        raise NoPlainFile(path)


def _plain(path: Path, flags: int, mode: int = 0o600) -> int:
    """Raises `NoPlainFile`, and `OSError` for all else."""
    try:
        descriptor = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC, mode)
    except OSError as error:
        if error.errno in _REFUSED and os.path.lexists(path):
            raise NoPlainFile(path) from error
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NoPlainFile(path)
    return descriptor
