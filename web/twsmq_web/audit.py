"""The audit: who did what, when, and what came of it. Appended line by line, on disk before the answer goes
out.

A line is written before the command is sent (`result` null) and another when its outcome is known: a
command whose outcome nobody learnt still stands here.
"""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct
from twsmq_protocol.plain_file import open_plain, write_plain

_TAIL_BYTES = 512 * 1024


class Entry(Struct, frozen=True, kw_only=True):
    """`digest` is the start of the SHA-256 of the arguments as JSON; `result`: `ok`, an error's text, or null
    while it is not known."""

    time: int
    number: int
    who: str
    role: str
    op: str
    args: dict[str, Any]
    digest: str
    result: str | None = None


class Audit:
    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / "audit.jsonl"
        self._number = max((entry.number for entry in self.latest(1000)), default=0)

    def begin(self, who: str, role: str, op: str, args: dict[str, Any]) -> Entry:
        """Raises `OSError` when it cannot be written: then the command must not be sent."""
        self._number += 1
        digest = hashlib.sha256(msgspec.json.encode(args, order="sorted")).hexdigest()[:16]
        entry = Entry(
            time=time.time_ns(), number=self._number, who=who, role=role, op=op, args=args, digest=digest
        )
        self._append(entry)
        return entry

    def end(self, entry: Entry, result: str) -> None:
        self._append(msgspec.structs.replace(entry, time=time.time_ns(), result=result))

    def latest(self, most: int) -> list[Entry]:
        """The newest first, one for each command."""
        try:
            with open_plain(self._path) as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - _TAIL_BYTES))
                lines = file.read(_TAIL_BYTES).splitlines()
        except OSError:
            return []
        entries: dict[int, Entry] = {}
        for line in lines:
            try:
                entry = msgspec.json.decode(line, type=Entry)
            except (msgspec.MsgspecError, RecursionError):
                continue  # cut by the beginning of the tail, or by a crash
            entries[entry.number] = entry
        return list(entries.values())[::-1][:most]

    def _append(self, entry: Entry) -> None:
        with write_plain(self._path, os.O_APPEND) as file:
            file.write(msgspec.json.encode(entry) + b"\n")
            file.flush()
            os.fsync(file.fileno())
