"""The only way to the disk. A file is written whole or not at all; an appended line that is cut off
shows.

`step` is called before each thing that changes the disk, with what is about to be done: a test that raises
there sees what a kill at that moment leaves behind. Errors of the disk become `Unwritable`.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock

from twsmq_protocol.plain_file import open_plain, write_plain

from .errors import DownloadError, FolderGone, Unwritable

TEMPORARY = ".tmp"


class Disk:
    """After the first thing that it could not write it writes nothing more: what would come after a line that
    is half there would make it a line of its own. For several threads: lines are appended one at a time.

    `require` raises `FolderGone` where the folder is not the one any more in which all this began: it would
    be made anew, and hold the end of a download without its beginning."""

    def __init__(self, require: Callable[[], None] = lambda: None) -> None:
        self._require = require
        self._failed: DownloadError | None = None
        self._appending = Lock()

    def step(self, doing: str, path: Path) -> None:
        """A seam for tests."""

    def put(self, path: Path, content: bytes) -> None:
        """After it returns the file is there, whole, whatever dies. Before, the old one is (or none)."""
        self.commit(self.stage(path, content), path)

    def stage(self, path: Path, content: bytes) -> Path:
        """Write it beside its place. Returns where."""
        temporary = path.with_name(path.name + TEMPORARY)
        with self._errors(path):
            self._make_folder(path.parent)
            self.step("create", temporary)
            temporary.unlink(missing_ok=True)
            with write_plain(temporary, os.O_EXCL, 0o666) as file:
                half = len(content) // 2
                file.write(content[:half])
                file.flush()
                self.step("write", temporary)
                file.write(content[half:])
                file.flush()
                self.step("sync", temporary)
                os.fsync(file.fileno())
        return temporary

    def commit(self, temporary: Path, path: Path) -> None:
        """Put what was staged into its place."""
        with self._errors(path):
            self.step("rename", path)
            temporary.replace(path)
            self.step("sync folder", path.parent)
            _sync_folder(path.parent)

    def append(self, path: Path, line: bytes) -> None:
        """After it returns the line is there, whatever dies. Where the disk refuses it, nothing is left."""
        with self._appending, self._errors(path):
            self._make_folder(path.parent)
            new = not path.exists()
            with write_plain(path, os.O_APPEND, 0o666) as file:
                before = file.seek(0, os.SEEK_END)
                try:
                    half = len(line) // 2
                    self.step("append", path)
                    file.write(line[:half])
                    file.flush()
                    self.step("append on", path)
                    file.write(line[half:])
                    file.flush()
                    self.step("sync", path)
                    os.fsync(file.fileno())
                except OSError:
                    with suppress(OSError):
                        os.ftruncate(file.fileno(), before)
                    raise
            if new:
                _sync_folder(path.parent)

    def truncate(self, path: Path, length: int) -> None:
        with self._errors(path):
            self.step("truncate", path)
            with path.open("r+b") as file:
                file.truncate(length)
                os.fsync(file.fileno())

    def remove(self, path: Path) -> None:
        with self._errors(path):
            self.step("remove", path)
            path.unlink(missing_ok=True)

    def move(self, path: Path, to: Path) -> None:
        """A folder or file, to where nothing is."""
        with self._errors(to):
            self._make_folder(to.parent)
            self.step("move", path)
            path.rename(to)
            _sync_folder(to.parent)
            _sync_folder(path.parent)

    def _make_folder(self, folder: Path) -> None:
        missing: list[Path] = []
        while not folder.exists():
            missing.append(folder)
            folder = folder.parent
        for one in reversed(missing):
            self.step("make folder", one)
            one.mkdir(exist_ok=True)
            _sync_folder(one.parent)

    @contextmanager
    def _errors(self, path: Path) -> Generator[None]:
        if self._failed is not None:
            raise self._failed
        try:
            self._require()
            yield
        except FolderGone as error:
            self._failed = error
            raise
        except OSError as error:
            self._failed = Unwritable(path, error)
            raise self._failed from error


def digest_of(path: Path) -> str | None:
    """None where there is no such file, or none that can be read."""
    try:
        with open_plain(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
