"""What a shard remembers across restarts: contracts by spelling, the topics that had listeners, and when it
was last alive, which is when its file of topics was last touched.

Two append-only files of JSON lines, written unbuffered (what the system call has taken survives this process)
and rewritten without their dead lines at each start. They are a convenience, not a record: a line that cannot
be read is skipped, a write that fails costs a look-up or an unannounced gap and nothing else.

A remembered contract is believed for a day: expiries roll, symbols are given to others.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Generic, TypeVar

import msgspec
import structlog
from msgspec import Struct

from .data.quotes import NS
from .listings import Listing

log = structlog.stdlib.get_logger()

BELIEVED_S = 86_400.0


class ListingLine(Struct, frozen=True, omit_defaults=True):
    """`listing` is None when the spelling was forgotten; `at` in seconds since the epoch."""

    spelling: str
    at: float
    listing: Listing | None = None


class TopicLine(Struct, frozen=True, omit_defaults=True):
    """`missed_since`: ns since the epoch; its listeners have had no data since then, in an earlier life."""

    topic: str
    wanted: bool
    missed_since: int | None = None


L = TypeVar("L", bound=Struct)


class LineFile(Generic[L]):
    """A file of JSON lines of one type."""

    def __init__(self, path: Path, kind: type[L]) -> None:
        self._path = path
        self._decoder = msgspec.json.Decoder(kind)

    def read(self) -> list[L]:
        try:
            lines = self._path.read_bytes().splitlines()
        except FileNotFoundError:
            return []
        except OSError as error:
            log.warning("file not read", path=str(self._path), problem=str(error))
            return []
        read: list[L] = []
        for line in lines:
            try:
                read.append(self._decoder.decode(line))
            except (msgspec.MsgspecError, UnicodeDecodeError):
                log.warning("line skipped", path=str(self._path))
        return read

    def rewrite(self, lines: Iterable[L]) -> None:
        """Replace the file in one step and keep it open for `append`."""
        fresh = self._path.with_suffix(".new")
        self._guard(lambda: self._replace(fresh, lines))

    def append(self, line: L) -> None:
        def write() -> None:
            with self._path.open("ab", buffering=0) as file:
                file.write(msgspec.json.encode(line) + b"\n")

        self._guard(write)

    def touched_at(self) -> int | None:
        """When it was last written or touched, in ns since the epoch; None if there is no such file."""
        try:
            return self._path.stat().st_mtime_ns
        except OSError:
            return None

    def touch(self) -> None:
        with suppress(OSError):  # whoever cannot write has been told so by `append`
            os.utime(self._path)

    def _replace(self, fresh: Path, lines: Iterable[L]) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
        fresh.replace(self._path)

    def _guard(self, write: Callable[[], None]) -> None:
        try:
            write()
        except OSError as error:
            log.warning("file not written", path=str(self._path), problem=str(error))


class Store:
    """One shard's memory in `folder`, read at once.

    `missed`: the topics that had listeners when the earlier life ended, and since when (ns since the epoch)
    they are without data, None if that is not known.
    """

    def __init__(self, folder: Path, name: str, now: float) -> None:
        """`now`: seconds since the epoch."""
        self._listings = LineFile(folder / f"{name}.contracts.jsonl", ListingLine)
        self._topics = LineFile(folder / f"{name}.topics.jsonl", TopicLine)
        known: dict[str, ListingLine] = {}
        for line in self._listings.read():
            known[line.spelling] = line
        believed = [line for line in known.values() if line.listing and now - BELIEVED_S < line.at <= now]
        topics = {line.topic: line for line in self._topics.read()}
        alive_at = self._topics.touched_at()
        self.listings = {line.spelling: line.listing for line in believed if line.listing}
        missed = {line.topic: line.missed_since or alive_at for line in topics.values() if line.wanted}
        # Where the clock was set back nobody knows.
        self.missed = {topic: at if at and at <= now * NS else None for topic, at in missed.items()}
        self._listings.rewrite(believed)
        self._topics.rewrite(TopicLine(topic, True, since) for topic, since in self.missed.items())

    def remember_listing(self, spelling: str, listing: Listing | None, now: float) -> None:
        """None forgets it."""
        self._listings.append(ListingLine(spelling, now, listing))

    def remember_topic(self, topic: str, wanted: bool, missed_since: int | None) -> None:
        """`missed_since` as in `TopicLine`."""
        self._topics.append(TopicLine(topic, wanted, missed_since))

    def remember_alive(self) -> None:
        """To be called often, and last of all: whatever is missed is missed since then."""
        self._topics.touch()
