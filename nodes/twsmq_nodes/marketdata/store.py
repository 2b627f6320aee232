"""What a shard remembers across restarts: contracts by spelling, and the topics that had listeners.

Two append-only files of JSON lines, written unbuffered (what the system call has taken survives this process)
and rewritten without their dead lines at each start. They are a convenience, not a record: a line that cannot
be read is skipped, a write that fails costs a look-up or an unannounced gap and nothing else.

A remembered contract is believed for a day: expiries roll, symbols are given to others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Generic, TypeVar

import msgspec
import structlog
from msgspec import Struct

from .contracts import Listing

log = structlog.stdlib.get_logger()

BELIEVED_S = 86_400.0


class ListingLine(Struct, frozen=True, omit_defaults=True):
    """`listing` is None when the spelling was forgotten; `at` in seconds since the epoch."""

    spelling: str
    at: float
    listing: Listing | None = None


class TopicLine(Struct, frozen=True):
    topic: str
    wanted: bool


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
    """One shard's memory in `folder`, read at once."""

    def __init__(self, folder: Path, name: str, now: float) -> None:
        """`now`: seconds since the epoch."""
        self._listings = LineFile(folder / f"{name}.contracts.jsonl", ListingLine)
        self._topics = LineFile(folder / f"{name}.topics.jsonl", TopicLine)
        known: dict[str, ListingLine] = {}
        for line in self._listings.read():
            known[line.spelling] = line
        believed = [line for line in known.values() if line.listing and now - BELIEVED_S < line.at <= now]
        wanted: dict[str, bool] = {}
        for line in self._topics.read():
            wanted[line.topic] = line.wanted
        self.listings = {line.spelling: line.listing for line in believed if line.listing}
        self.missed = [topic for topic, had in wanted.items() if had]
        self._listings.rewrite(believed)
        self._topics.rewrite(TopicLine(topic, True) for topic in self.missed)

    def remember_listing(self, spelling: str, listing: Listing | None, now: float) -> None:
        """None forgets it."""
        self._listings.append(ListingLine(spelling, now, listing))

    def remember_topic(self, topic: str, wanted: bool) -> None:
        self._topics.append(TopicLine(topic, wanted))
