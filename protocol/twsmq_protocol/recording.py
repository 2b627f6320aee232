"""Recordings: events as they came, to be read back by any msgpack reader.

A recording is msgpack maps one after the other, so that `msgpack.Unpacker` reads it as a stream: first a
head `{"twsmq_recording": 1, "protocol", "started", "topics"}`, then `{"at", "topic", "event"}` for each
event, `at` in ns since the epoch when it was received and `event` the event as published. A recording that
was cut off in the middle of an event is whole up to there. A file whose name ends in `.zst` is compressed
with zstd, for which the package `zstandard` is needed: the extra `record`.

A file may come from anywhere, so reading one is bounded whatever it holds: no value is longer than an event
may be, nothing is decoded deeper than its own level, and what grows without end is refused.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, BinaryIO, Literal, cast

import msgspec
from msgspec import Struct

from .envelope import PROTOCOL_VERSION
from .errors import PeerError
from .plain_file import open_plain

FORMAT = 1
CHUNK = 1 << 20
LONGEST_VALUE = 8 << 20
"""Bytes of one msgpack value: as many as a frame of the sockets may have."""
_MOST_ITEMS = 1 << 20
"""Values inside one value."""
_LONGEST_TOPIC = 1024
_GROWS_BY, _SMALL = 1000, 64 << 20
"""A compressed file that becomes so many times as long, and more than this, is no recording of ours."""
_LONGEST_GAP_NS = 366 * 86_400 * 10**9


class BadRecording(PeerError):
    """Not a recording, or one of a later format. The message says what to do."""


class Head(Struct, frozen=True, kw_only=True):
    twsmq_recording: int
    protocol: int
    started: int
    topics: list[str]


class Recorded(Struct, frozen=True):
    """`event` is the msgpack map as it was published, undecoded."""

    at: int
    topic: str
    event: msgspec.Raw


class Recorder:
    """Writes a recording, in the place of what is there. Raises OSError, and BadRecording without zstd."""

    def __init__(self, path: Path, topics: list[str], now: int) -> None:
        self.events = 0
        self._encode = msgspec.msgpack.Encoder().encode
        self._file, _ = _opened(path, "wb")
        head = Head(twsmq_recording=FORMAT, protocol=PROTOCOL_VERSION, started=now, topics=topics)
        self._file.write(self._encode(head))

    def write(self, at: int, frame: bytes) -> None:
        """An event frame as it came from the SUB socket."""
        topic, _, body = frame.partition(b"\0")
        event = Recorded(at, topic.decode(errors="replace"), msgspec.Raw(body))
        self._file.write(self._encode(event))
        self.events += 1

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        self._file.close()


class Recording:
    """Reads a recording: its `head`, then its events once, in order."""

    def __init__(self, path: Path) -> None:
        """Raises OSError and BadRecording."""
        self._file, damage = _opened(path, "rb")
        self._maps = _maps(self._file, damage, max(_SMALL, _GROWS_BY * path.stat().st_size))
        try:
            self.head = self._read_head(path)
        except BaseException:
            self.close()
            raise

    def _read_head(self, path: Path) -> Head:
        try:
            head = msgspec.msgpack.decode(next(self._maps, b""), type=Head)
        except (msgspec.MsgspecError, RecursionError, BadRecording) as error:
            raise BadRecording(f"{path} is no recording; `twsmq record` makes one") from error
        if head.twsmq_recording != FORMAT:
            raise BadRecording(f"{path} has format {head.twsmq_recording}; this twsmq reads {FORMAT}")
        return head

    def __iter__(self) -> Iterator[Recorded]:
        """Raises BadRecording at the first thing that is no recorded event."""
        decode = msgspec.msgpack.Decoder(Recorded).decode
        before: int | None = None
        for body in self._maps:
            try:
                recorded = decode(body)
                _MAP.decode(recorded.event)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
                raise BadRecording(f"the recording holds something that is no event: {error}") from error
            if "\0" in recorded.topic or len(recorded.topic) > _LONGEST_TOPIC:
                raise BadRecording(f"the recording holds no topic of ours: {recorded.topic[:80]!r}")
            if before is not None and abs(recorded.at - before) > _LONGEST_GAP_NS:
                raise BadRecording(f"the recording holds a time, {recorded.at}, years from the one before it")
            before = recorded.at
            yield recorded

    def close(self) -> None:
        self._file.close()


_MAP = msgspec.msgpack.Decoder(dict[str, msgspec.Raw])


def _maps(file: IO[bytes], damage: tuple[type[Exception], ...], most: int) -> Iterator[bytes]:
    """The msgpack values of a stream; one that was cut off at the end is left out.

    `damage`: what reading raises besides OSError. `most`: bytes that the file may become.
    """
    pending = b""
    read = 0
    while True:
        try:
            chunk = file.read(CHUNK)
        except damage as error:
            raise BadRecording(f"the file is damaged: {error}") from error
        if not chunk:
            return
        read += len(chunk)
        if read > most:
            raise BadRecording(f"the file grows to more than {most:,} bytes: it is no recording")
        pending += chunk
        at = 0
        while (end := _end_of(pending, at)) is not None:
            yield pending[at:end]
            at = end
        pending = pending[at:]
        if len(pending) > LONGEST_VALUE:
            raise BadRecording(
                f"the file holds a value of more than {LONGEST_VALUE:,} bytes, which no event is"
            )


def _end_of(data: bytes, at: int) -> int | None:
    """Where the msgpack value that begins at `at` ends, None if that is not there yet."""
    left = 1
    size = len(data)
    passed = 0
    while left:
        if at >= size:
            return None
        passed += 1
        if passed > _MOST_ITEMS:
            raise BadRecording(
                f"the file holds a value of more than {_MOST_ITEMS:,} parts, which no event is"
            )
        kind = data[at]
        at, items = _step(data, at + 1, kind)
        if at > size:
            return None
        left += items - 1
    return at


_FIXED = {0xC0: 0, 0xC2: 0, 0xC3: 0, 0xCA: 4, 0xCB: 8, 0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8, 0xD0: 1, 0xD1: 2,
          0xD2: 4, 0xD3: 8, 0xD4: 2, 0xD5: 3, 0xD6: 5, 0xD7: 9, 0xD8: 17}  # fmt: skip
_COUNTED = {0xC4: (1, 0), 0xC5: (2, 0), 0xC6: (4, 0), 0xC7: (1, 1), 0xC8: (2, 1), 0xC9: (4, 1),
            0xD9: (1, 0), 0xDA: (2, 0), 0xDB: (4, 0)}  # fmt: skip
_HOLDERS = {0xDC: (2, 1), 0xDD: (4, 1), 0xDE: (2, 2), 0xDF: (4, 2)}


def _step(data: bytes, at: int, kind: int) -> tuple[int, int]:
    """Past one value's own bytes, and how many values it holds (msgpack's specification, "Formats")."""
    if kind < 0x80 or kind >= 0xE0:
        return at, 0
    if kind < 0x90:
        return at, 2 * (kind & 0x0F)
    if kind < 0xA0:
        return at, kind & 0x0F
    if kind < 0xC0:
        return at + (kind & 0x1F), 0
    if kind in _FIXED:
        return at + _FIXED[kind], 0
    if kind in _COUNTED:
        width, extra = _COUNTED[kind]
        return at + width + extra + int.from_bytes(data[at : at + width], "big"), 0
    if kind in _HOLDERS:
        width, each = _HOLDERS[kind]
        return at + width, each * int.from_bytes(data[at : at + width], "big")
    raise BadRecording("the file is no msgpack; `twsmq record` makes recordings")


def _opened(path: Path, mode: Literal["rb", "wb"]) -> tuple[IO[bytes], tuple[type[Exception], ...]]:
    """The file, and what reading it raises besides OSError."""
    if path.suffix != ".zst":
        return _file(path, mode), ()
    try:
        import zstandard
    except ImportError as error:
        raise BadRecording(
            "a .zst recording needs zstandard: pip install 'twsmq[record]', or leave .zst out"
        ) from error
    file = _file(path, mode)
    opened: Any = zstandard.open(file, mode, closefd=True)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return cast("IO[bytes]", opened), (zstandard.ZstdError,)


def _file(path: Path, mode: Literal["rb", "wb"]) -> BinaryIO:
    """At once: opening a pipe would wait for whoever is at its other end."""
    if mode == "rb":
        return open_plain(path)
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags, 0o666)
    except OSError as error:
        if error.errno != errno.ENXIO:
            raise
        raise OSError(errno.ENXIO, "it is a pipe that nobody reads", str(path)) from error
    os.set_blocking(descriptor, True)
    return os.fdopen(descriptor, mode)
