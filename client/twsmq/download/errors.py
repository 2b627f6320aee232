"""What can stop a download, or keep it from starting. `str()` is one line that says what to do."""

from __future__ import annotations

from pathlib import Path

from twsmq_protocol.errors import LocalError


class DownloadError(LocalError):
    """Base of the errors of this package."""


class InUse(DownloadError):
    """Another download works in the folder."""

    def __init__(self, folder: Path, holder: str) -> None:
        self.folder = folder
        by = f" (process {holder})" if holder else ""
        super().__init__(f"another download works in {folder}{by}: wait for it, or give another -o")


class Unwritable(DownloadError):
    """The disk is full or does not take what is written."""

    def __init__(self, path: Path, error: OSError) -> None:
        self.path = path
        self.errno = error.errno
        super().__init__(
            f"cannot write {path}: {error.strerror or error}; what was fetched is safe, "
            "mend that and run the same command again to go on"
        )


class NoFolder(DownloadError):
    """Nothing can be written there, and nothing was."""

    def __init__(self, path: Path, error: OSError) -> None:
        self.path = path
        self.errno = error.errno
        super().__init__(f"cannot write {path}: {error.strerror or error}; mend that, or give another -o")


class FolderGone(DownloadError):
    """It was moved or removed while a download worked in it, or another is in its place."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        super().__init__(
            f"{folder} was moved, removed or replaced while this ran, and nothing more is written; "
            "put it back and run the same command again to go on"
        )


class Changed(DownloadError):
    """A file of ours is not what it was a moment ago."""

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(
            f"{path} was changed or removed while this ran; run the same command again: it is fetched anew"
        )


class Unreadable(DownloadError):
    """What is in a folder cannot be looked at."""

    def __init__(self, path: Path, error: OSError) -> None:
        self.path = path
        super().__init__(f"cannot read {path}: {error.strerror or error}")


class LedgerDamaged(DownloadError):
    """A line in the midst of the ledger is none of ours."""

    def __init__(self, path: Path, line: int, problem: str) -> None:
        self.path, self.line = path, line
        super().__init__(f"{path}:{line}: {problem}; take the folder from a backup, or give another -o")


class NotOurs(DownloadError):
    """The folder holds a download of something else, or none."""


class ParquetMissing(DownloadError):
    """The extra is not installed."""

    def __init__(self) -> None:
        super().__init__("Parquet needs pyarrow: pip install 'twsmq[parquet]' (or give --format csv)")
