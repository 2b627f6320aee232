"""A connection that delays, splits or collects what is sent through it, and never reorders it.

Everything goes through one queue of pieces with the time each is due, however the line changes meanwhile: a
message cut in two by one fault is not torn apart by the next.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from twsmq_simulator.faults import Line

CLEAN = Line()
BETWEEN_PIECES = 0.001  # seconds


class BadLine:
    def __init__(self, write: Callable[[bytes], None]) -> None:
        self._write = write
        self._queue: deque[tuple[float, bytes]] = deque()

    @property
    def idle(self) -> bool:
        """Whether nothing is under way any more, so that a clean line may follow in order."""
        return not self._queue

    def send(self, data: bytes, line: Line) -> None:
        loop = asyncio.get_running_loop()
        last = self._queue[-1][0] if self._queue else 0.0
        due = max(last, loop.time() + (line.delay_ms + (0.0 if self._queue else line.coalesce_ms)) / 1000)
        waiting = bool(self._queue)
        size = line.split_bytes or len(data)
        for start in range(0, len(data), size):
            self._queue.append((due, data[start : start + size]))
            due += BETWEEN_PIECES if line.split_bytes else 0.0
        if not waiting:
            loop.call_at(self._queue[0][0], self._pump)

    def _pump(self) -> None:
        """Writes what is due, and comes back for the rest."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        ready: list[bytes] = []
        while self._queue and self._queue[0][0] <= now:
            ready.append(self._queue.popleft()[1])
        if ready:
            self._write(b"".join(ready))
        if self._queue:
            loop.call_at(self._queue[0][0], self._pump)
