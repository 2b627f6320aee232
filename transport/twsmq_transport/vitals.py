"""What a process says of its health with every heartbeat: age, processor, memory, how late its loop is."""

from __future__ import annotations

import os
import time

import psutil
from twsmq_protocol.system_events import Heartbeat, NodeState


class VitalSigns:
    """Of a process that begins now. Asked once a heartbeat."""

    def __init__(self, name: str, client_id: int | None = None) -> None:
        self._name = name
        self._client_id = client_id
        self._self = psutil.Process()
        self._born = self._at = time.monotonic()
        self._used = time.process_time()
        self._late = 0.0

    def timer_rang(self, late_s: float) -> None:
        self._late = max(self._late, late_s)

    def heartbeat(self, state: NodeState, detail: str | None = None) -> Heartbeat:
        """`cpu`: of one processor, since the last; `loop_lag_s`: the longest delay of its timer since."""
        used, at = time.process_time(), time.monotonic()
        passed = at - self._at
        cpu = (used - self._used) / passed if passed > 0 else 0.0
        beat = Heartbeat(
            name=self._name,
            pid=os.getpid(),
            state=state,
            client_id=self._client_id,
            uptime_s=round(at - self._born, 3),
            detail=detail,
            cpu=round(cpu, 4),
            memory_bytes=resident_bytes(self._self),
            loop_lag_s=round(self._late, 6),
        )
        if passed >= 0.1:  # a beat sent out of turn is no period of its own
            self._used, self._at, self._late = used, at, 0.0
        return beat


def resident_bytes(process: psutil.Process) -> int | None:
    """None where the system does not tell, as when no descriptor is left to read it by: that ends nobody."""
    try:
        return process.memory_info().rss
    except (OSError, psutil.Error):
        return None
