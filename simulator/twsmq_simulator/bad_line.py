"""A connection that delays, splits or collects what is sent through it, and never reorders it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from twsmq_simulator.faults import Line

CLEAN = Line()


class BadLine:
    def __init__(self, write: Callable[[bytes], None]) -> None:
        self._write = write
        self._free_at = 0.0  # loop time before which nothing more may be written
        self._collected = bytearray()

    @property
    def idle(self) -> bool:
        """Whether nothing is under way any more, so that a clean line may follow in order."""
        return not self._collected and self._free_at <= asyncio.get_running_loop().time()

    def send(self, data: bytes, line: Line) -> None:
        loop = asyncio.get_running_loop()
        if line.coalesce_ms:
            self._collected += data
            if len(self._collected) == len(data):
                loop.call_later(line.coalesce_ms / 1000, self._write_collected)
            return
        size = line.split_bytes or len(data)
        at = max(loop.time() + line.delay_ms / 1000, self._free_at)
        for start in range(0, len(data), size):
            loop.call_at(at, self._write, data[start : start + size])
            at += 0.001  # timers of the same instant have no order
        self._free_at = at

    def _write_collected(self) -> None:
        data, self._collected = bytes(self._collected), bytearray()
        self._write(data)
