"""The health of every process: what each last said of itself, beside what the supervisor sees.

Alive, beating and ready are three things: heartbeats show that a loop turns and whether it is ready; that a
process is alive only the supervisor knows. Silence is shown as such and never guessed to be a death.
"""

from __future__ import annotations

from collections.abc import Iterable

from twsmq_protocol.requests import Health, HealthRow
from twsmq_protocol.system_events import Heartbeat, Process

SILENT_AFTER_S = 2.0


class HealthBoard:
    """`nodes`: the processes that must beat. Times in seconds, monotonic."""

    def __init__(self, nodes: Iterable[str]) -> None:
        self._nodes = tuple(nodes)
        self._beats: dict[str, tuple[float, Heartbeat]] = {}
        self._supervised: dict[str, Process] = {}

    def received(self, event: Heartbeat | Process, now: float) -> None:
        if isinstance(event, Heartbeat):
            self._beats[event.name] = (now, event)
        else:
            self._supervised[event.name] = event

    def health(self, now: float) -> Health:
        """A row per node, then one for each other process that the supervisor lists."""
        others = sorted(self._supervised.keys() - set(self._nodes))
        rows = [self._row(name, now) for name in (*self._nodes, *others)]
        ready = all(row.state == "ready" for row in rows[: len(self._nodes)])
        return Health(ready=ready, processes=rows)

    def _row(self, name: str, now: float) -> HealthRow:
        process = self._supervised.get(name)
        supervised, restarts = (process.state, process.restarts) if process else (None, None)
        at, beat = self._beats.get(name, (0.0, None))
        if beat is None:
            silent = "silent" if name in self._nodes else None
            pid = process.pid if process else None
            return HealthRow(name=name, state=silent, pid=pid, supervised=supervised, restarts=restarts)
        return HealthRow(
            name=name,
            state=beat.state if now - at < SILENT_AFTER_S else "silent",
            detail=beat.detail,
            pid=beat.pid,
            client_id=beat.client_id,
            uptime_s=beat.uptime_s,
            heard_s=round(now - at, 3),
            supervised=supervised,
            restarts=restarts,
        )
