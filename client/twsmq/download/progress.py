"""What a person sees while a download runs: how far it is, how fast, and how long it will take. Pure."""

from __future__ import annotations

from collections import deque

from twsmq_protocol.counted import counted

from ..board_text import duration

_RECENT_S, _PACED_S = 60.0, 1_200.0
_WINDOW_S = 600.0


class Progress:
    """`now` in seconds, monotonic. Bars that were there before this run count as done, not for the rate.
    `total` is what was planned so far, of the part `planned` of all instruments; `done`, the room of what
    came. `paced`: they come in bursts, whenever IBKR's ten minutes are over."""

    def __init__(self, *, paced: bool = False) -> None:
        self.done = 0
        self.total = 0
        self.planned = 1.0
        self.fetched = 0
        self.current = ""
        self.paused = ""
        self._paced = paced
        self._marks: deque[tuple[float, int, int]] = deque()

    def advance(self, bars: int, room: int, now: float) -> None:
        """So many bars came where there was room for `room` of them."""
        self.fetched += bars
        self.done += room
        self._marks.append((now, self.fetched, self.done))
        recent = _PACED_S if self._paced else _RECENT_S
        while now - self._marks[0][0] > recent and len(self._marks) > 2:
            self._marks.popleft()

    def line(self, now: float) -> str:
        total = int(self.total / self.planned) if self.planned else 0
        percent = 100 * self.done // total if total else 0
        parts = [f"{counted(self.fetched, 'bar')} fetched", f"{min(percent, 100)} % of the plan"]
        took, bars, room = self._lately(now)
        if took and bars:
            parts.append(f"{bars / took:,.0f} bars/s")
        if self._paced and took < _WINDOW_S:
            parts.append("IBKR allows 60 requests for bars this small in ten minutes")
        elif took and room:
            parts.append(f"{duration(max(0, total - self.done) * took / room)} left")
        if self.current:
            parts.append(self.current)
        if self.paused:
            parts.append(f"paused: {self.paused}")
        return ", ".join(parts)

    def _lately(self, now: float) -> tuple[float, int, int]:
        """Seconds until now, and the bars and their room that came meanwhile."""
        if len(self._marks) < 2:
            return 0.0, 0, 0
        began, fetched, done = self._marks[0]
        return max(0.0, now - began), self.fetched - fetched, self.done - done
