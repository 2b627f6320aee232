"""What a shard remembers across restarts: contracts by spelling, the topics that had listeners, and when it
was last alive, which is when its file of topics was last touched.

Two append-only files of JSON lines, written unbuffered (what the system call has taken survives this process)
and rewritten without their dead lines at each start. They are a convenience, not a record: a file with a line
that cannot be read is set aside and its other lines are used, a write that fails costs a look-up or an
unannounced gap and nothing else.

A remembered contract is believed as long as its listing says.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from time import time_ns
from typing import Annotated, Generic, TypeVar

import msgspec
import structlog
from msgspec import Meta, Struct
from twsmq_protocol.instruments import parse_instrument
from twsmq_protocol.plain_file import read_plain, write_anew, write_plain

from .data.quotes import NS
from .listings import Listing

log = structlog.stdlib.get_logger()

LONGEST = 256 << 20
"""Bytes of a file; a thousand times what a busy day leaves."""

Moment = Annotated[int, Meta(ge=0, le=2**63 - 1)]
"""ns since the epoch."""


class ListingLine(Struct, frozen=True, omit_defaults=True):
    """`listing` is None when the spelling was forgotten; `at` in seconds since the epoch."""

    spelling: Annotated[str, Meta(max_length=600)]
    at: Annotated[float, Meta(ge=0, le=1e11)]
    listing: Listing | None = None

    def __post_init__(self) -> None:
        parse_instrument(self.spelling)
        listing = self.listing
        if listing is not None and not _plausible(listing):
            raise ValueError(f"no listing of {self.spelling} can be like this")


class TopicLine(Struct, frozen=True, omit_defaults=True):
    """`missed_since`: ns since the epoch; its listeners have had no data since then, in an earlier life."""

    topic: Annotated[str, Meta(max_length=1000)]
    wanted: bool
    missed_since: Moment | None = None


def _plausible(listing: Listing) -> bool:
    numbers = (listing.contract.con_id, listing.magnifier, listing.volume_unit or 0, listing.hours_until or 0)
    sessions = (*listing.hours, *listing.regular, (listing.regular_until or 0, 0))
    moments = [moment for session in sessions for moment in session]
    return all(0 <= number < 2**53 for number in (*numbers, *moments)) and listing.due_s <= listing.expires_s


L = TypeVar("L", bound=Struct)


class LineFile(Generic[L]):
    """A file of JSON lines of one type."""

    def __init__(self, path: Path, kind: type[L]) -> None:
        self._path = path
        self._decoder = msgspec.json.Decoder(kind)

    def read(self) -> list[L]:
        """What can be read. With a line that cannot, the file is set aside and the others are used."""
        try:
            lines = read_plain(self._path, LONGEST).splitlines()
        except FileNotFoundError:
            return []
        except OSError as error:
            self._set_aside(str(error))
            return []
        read: list[L] = []
        damaged = 0
        for line in lines:
            try:
                read.append(self._decoder.decode(line))
            except (msgspec.MsgspecError, ValueError, RecursionError):
                damaged += 1
        if damaged:
            self._set_aside(f"{damaged} of {len(lines)} lines cannot be read")
        return read

    def _set_aside(self, problem: str) -> None:
        aside = self._path.with_suffix(f".damaged-{time_ns()}")
        with suppress(OSError):
            self._path.rename(aside)
        log.warning("file set aside", path=str(self._path), aside=str(aside), problem=problem)

    def rewrite(self, lines: Iterable[L]) -> None:
        """Replace the file in one step and keep it open for `append`."""
        self._guard(lambda: self._replace(lines))

    def append(self, line: L) -> None:
        def write() -> None:
            with write_plain(self._path, os.O_APPEND) as file:
                file.write(msgspec.json.encode(line) + b"\n")

        self._guard(write)

    def touched_at(self) -> int | None:
        """When it was last written or touched, in ns since the epoch; None if there is no such file."""
        try:
            return self._path.stat().st_mtime_ns
        except OSError:
            return None

    def touch(self) -> None:
        with suppress(OSError):  # `append` has reported it already
            os.utime(self._path)

    def _replace(self, lines: Iterable[L]) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        write_anew(self._path, b"".join(msgspec.json.encode(line) + b"\n" for line in lines))

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
        believed = [
            line for line in known.values() if line.listing and line.at <= now < line.listing.expires_s
        ]
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
