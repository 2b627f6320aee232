"""The file in which the shards of a cluster state what lines they hold (`shared_lines`).

One row of fixed length per shard, JSON that a person can read. It is read and written only by who holds the
lock of the pacing record, so a row is never half written. A row that cannot be read is passed over; a file
that cannot be used costs nothing but sharing: each shard keeps to its part then.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import msgspec
import structlog
from twsmq_protocol.plain_file import descriptor_of

from .shared_lines import SharedLines, Statement

log = structlog.stdlib.get_logger()

NAME = "lines.jsonl"
ROW = 512
REFRESH_S = 2.0
_decoder = msgspec.json.Decoder(Statement)


class LinesRecord:
    def __init__(self, folder: Path, lines: SharedLines, shard: int, shards: int) -> None:
        self._path = folder / NAME
        self._lines = lines
        self._shard, self._shards = shard, shards
        self._file = -1
        self._seen = b""
        self._stated: Statement | None = None
        self._began = False
        self._troubled = False

    def read(self, now: float, *, locked: bool) -> None:
        """What the others state goes into the shared lines."""
        if self._shards == 1:
            return
        if not locked:
            self._lines.forget_others()
            return
        try:
            self._open()
            data = os.pread(self._file, ROW * self._shards, 0)
        except OSError as error:
            self._trouble(error)
            return
        if data == self._seen and self._began:
            self._lines.learn((), now)
            return
        rows = list(_rows(data))
        if not self._began:
            self._began = True
            for row in rows:
                self._lines.remember(row, now)
        self._seen = data
        self._lines.learn(rows, now)

    def write(self, state: Callable[[], Statement], *, locked: bool) -> None:
        """State what this shard holds, if that has changed or was stated long ago."""
        if self._shards == 1 or not locked or self._file < 0:
            return
        said, known = state(), self._stated
        same = known is not None and (known.claimed, known.granted) == (said.claimed, said.granted)
        if same and known is not None and said.at < known.at + REFRESH_S:
            return
        try:
            os.pwrite(self._file, msgspec.json.encode(said).ljust(ROW - 1) + b"\n", self._shard * ROW)
        except OSError as error:
            self._trouble(error)
        else:
            self._stated = said

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _open(self) -> None:
        if self._file < 0:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = descriptor_of(self._path, os.O_CREAT)

    def _trouble(self, error: OSError) -> None:
        self._lines.forget_others()
        if not self._troubled:
            self._troubled = True
            log.warning(
                "lines are not shared with other shards: their record cannot be used",
                path=str(self._path),
                problem=str(error),
            )


def _rows(data: bytes) -> Iterator[Statement]:
    for begin in range(0, len(data), ROW):
        with suppress(msgspec.MsgspecError, ValueError, RecursionError):
            yield _decoder.decode(data[begin : begin + ROW].strip(b"\0 \n"))
