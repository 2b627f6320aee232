"""What became of each process and how long it took: the memory behind `twsmq why` and `twsmq blame`. Pure.

A run begins with `starting`. Until it is ready the first time, the time it spends in each state for each
reason is summed up; after that only the last changes are kept. Times: `now` monotonic seconds, `ns` since
the epoch.
"""

from __future__ import annotations

from collections import deque

from twsmq_protocol.supervision import Change, Waited
from twsmq_protocol.system_events import ProcessState

KEPT = 12
"""Changes of one process."""
MOST_REASONS = 12
_LONGEST = 300


_Spell = tuple[ProcessState, str | None]


class Life:
    """Of one process."""

    def __init__(self) -> None:
        self.changes: deque[Change] = deque(maxlen=KEPT)
        self.ready_after_s: float | None = None
        self._began: float | None = None
        self._waited: dict[_Spell, float] = {}
        self._in: _Spell | None = None
        self._since = 0.0

    def became(self, state: ProcessState, reason: str | None, now: float, ns: int, *, anew: bool) -> None:
        """`anew`: another run than before."""
        reason = reason if reason is None else reason[:_LONGEST]
        if anew:
            self._began, self.ready_after_s, self._in = now, None, None
            self._waited.clear()
        self._sum_up(now)
        if state == "ready" and self._began is not None and self.ready_after_s is None:
            self.ready_after_s = now - self._began
        spell: _Spell = (state, reason)
        self._in, self._since = spell, now
        self.changes.append(Change(at=ns, state=state, reason=reason))

    def waited(self, now: float) -> list[Waited]:
        """What the time to being ready went into, also what still goes on."""
        self._sum_up(now)
        return [
            Waited(state=state, reason=reason, seconds=round(seconds, 3))
            for (state, reason), seconds in self._waited.items()
        ]

    def _sum_up(self, now: float) -> None:
        if self._in is None or self.ready_after_s is not None or self._began is None:
            return
        room = self._in in self._waited or len(self._waited) < MOST_REASONS
        key: _Spell = self._in if room else (self._in[0], None)
        self._waited[key] = self._waited.get(key, 0.0) + now - self._since
        self._since = now


class Diary:
    """Of all processes."""

    def __init__(self) -> None:
        self._lives: dict[str, Life] = {}
        self._spawns: dict[str, int] = {}

    def of(self, name: str) -> Life:
        return self._lives.setdefault(name, Life())

    def note(
        self, name: str, state: ProcessState, reason: str | None, spawns: int, now: float, ns: int
    ) -> None:
        """`spawns`: how often it has been started; a new number is a new run."""
        anew = spawns != self._spawns.get(name)
        self._spawns[name] = spawns
        self.of(name).became(state, reason, now, ns, anew=anew)
