"""What a process says of its own health with every heartbeat: processor, memory, how late its loop is."""

from __future__ import annotations

import time

import psutil
from msgspec import Struct


class Vitals(Struct, frozen=True):
    """`cpu`: of one processor, since the last time. `loop_lag_s`: the longest delay of its timer since
    then."""

    cpu: float
    memory_bytes: int
    loop_lag_s: float


class VitalSigns:
    """Asked once a heartbeat."""

    def __init__(self) -> None:
        self._self = psutil.Process()
        self._used, self._at = time.process_time(), time.monotonic()
        self._late = 0.0

    def timer_rang(self, late_s: float) -> None:
        self._late = max(self._late, late_s)

    def take(self) -> Vitals:
        used, at = time.process_time(), time.monotonic()
        passed = at - self._at
        cpu = (used - self._used) / passed if passed > 0 else 0.0
        vitals = Vitals(round(cpu, 4), self._self.memory_info().rss, round(self._late, 6))
        if passed >= 0.1:  # a beat sent out of turn is no period of its own
            self._used, self._at, self._late = used, at, 0.0
        return vitals
