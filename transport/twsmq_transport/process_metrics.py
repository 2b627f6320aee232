"""What every process counts of itself, whatever it does: version, memory, processor time, events
published."""

from __future__ import annotations

import time
from collections.abc import Iterable

import psutil
from twsmq_protocol.metrics import Metrics

from .metrics import Reading, Registry
from .outbox import Outbox
from .release import release
from .vitals import resident_bytes


class ProcessMetrics:
    """Gives the answer to `metrics`. `outbox`: where the process publishes."""

    def __init__(self, registry: Registry, outbox: Outbox, name: str, incarnation: int) -> None:
        self._registry = registry
        self._outbox = outbox
        self._name = name
        self._incarnation = incarnation
        self._self = psutil.Process()
        self._lag = registry.histogram("loop_lag_seconds")
        registry.collect(self._collect)

    def timer_rang(self, late_s: float) -> None:
        """A timer of the loop rang so many seconds after its time."""
        self._lag.observe(max(0.0, late_s))

    def answer(self) -> Metrics:
        return Metrics(name=self._name, incarnation=self._incarnation, metrics=self._registry.gather())

    def _collect(self) -> Iterable[Reading]:
        yield "build_info", (release(),), 1
        if (held := resident_bytes(self._self)) is not None:
            yield "resident_memory_bytes", (), held
        yield "cpu_seconds_total", (), time.process_time()
        for level, count in self._outbox.published().items():
            yield "events_published_total", (level,), count
