"""What a person sees while a download runs: how far it is, how fast, and how long it will take. Pure."""

from __future__ import annotations

from collections import deque

from twsmq_protocol.counted import counted

from ..board_text import duration

_RECENT_S = 60.0


class Progress:
    """`now` in seconds, monotonic. Bars that were there before this run count as done, not for the rate.
    `total` is what was planned so far, of the part `planned` of all instruments."""

    def __init__(self) -> None:
        self.done = 0
        self.total = 0
        self.planned = 1.0
        self.fetched = 0
        self.current = ""
        self.paused = ""
        self._marks: deque[tuple[float, int]] = deque()

    def advance(self, bars: int, room: int, now: float) -> None:
        """So many bars came where there was room for `room` of them."""
        self.fetched += bars
        self.done += room
        self._marks.append((now, self.fetched))
        while now - self._marks[0][0] > _RECENT_S and len(self._marks) > 2:
            self._marks.popleft()

    def rate(self) -> float:
        """Bars per second, of the last minute."""
        if len(self._marks) < 2:
            return 0.0
        (first, before), (last, after) = self._marks[0], self._marks[-1]
        return (after - before) / (last - first) if last > first else 0.0

    def line(self) -> str:
        total = int(self.total / self.planned) if self.planned else 0
        percent = 100 * self.done // total if total else 0
        parts = [f"{counted(self.fetched, 'bar')} fetched", f"{min(percent, 100)} % of the plan"]
        rate = self.rate()
        if rate:
            parts.append(f"{rate:,.0f} bars/s")
            parts.append(f"{duration(max(0, total - self.done) / rate)} left")
        if self.current:
            parts.append(self.current)
        if self.paused:
            parts.append(f"paused: {self.paused}")
        return ", ".join(parts)
