"""What a process writes is its owner's alone: 0600 files in 0700 folders, older ones tightened at start.

Journals, logs and recordings hold accounts, positions and orders. Only what a cluster writes is touched, by
name, because a data folder may be one that its owner uses for other things too. Not the keys: a secret that
others could read is refused with its cure (`key_folder`), not covered up.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from twsmq_protocol.data_files import WRITTEN


def keep_private(data_dir: Path) -> None:
    """From now on this process creates files for its owner alone; those of earlier versions become so too.

    What cannot be changed (another owner's, a read-only disk) stays as it is.
    """
    os.umask(0o077)
    data_dir = data_dir.resolve()
    if not data_dir.is_dir():
        return
    if not _is_home_or_above(data_dir):
        _tighten(data_dir)
    for path in _ours(data_dir):
        _tighten(path)


def _ours(data_dir: Path) -> Iterator[Path]:
    for pattern in WRITTEN:
        for found in data_dir.glob(pattern):
            yield found
            if found.is_dir() and not found.is_symlink():
                for folder, folders, files in os.walk(found):
                    yield from (Path(folder, name) for name in (*folders, *files))


def _is_home_or_above(folder: Path) -> bool:
    """A folder that somebody works in: that the others may not enter it is not ours to decide."""
    try:
        home = Path.home()
    except RuntimeError:  # a user without one, as in a container
        return Path.cwd().is_relative_to(folder)
    return Path.cwd().is_relative_to(folder) or home.is_relative_to(folder)


def _tighten(path: Path) -> None:
    try:
        found = path.lstat()
        if found.st_uid != os.geteuid() or not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)):
            return
        if found.st_mode & 0o077:
            path.chmod(stat.S_IMODE(found.st_mode) & ~0o077)
    except OSError:
        return
