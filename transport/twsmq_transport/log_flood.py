"""Bounds what one kind of line may add to a log: a flood is counted, not written.

Each kind (level and event text) may write `BURST` lines at once and `PER_MINUTE` on average; what is left out
is written with the next line of the kind that is written, as `left_out`. Kinds themselves are bounded: beyond
`KINDS` new ones share one allowance. Errors are never left out. A structlog processor.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

import structlog
from structlog.typing import EventDict, WrappedLogger

BURST, PER_MINUTE, KINDS = 30.0, 6.0, 500


class _Allowance:
    __slots__ = ("at", "left", "left_out")

    def __init__(self, now: float) -> None:
        self.at, self.left, self.left_out = now, BURST, 0


class FloodGate:
    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._kinds: dict[tuple[str, str], _Allowance] = {}

    def __call__(self, _logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        """Raises structlog's DropEvent for what is left out."""
        if method in ("error", "critical", "exception"):
            return event
        now, key = self._clock(), (method, str(event.get("event"))[:100])
        if key not in self._kinds and len(self._kinds) >= KINDS:
            key = (method, "")
        allowance = self._kinds.get(key)
        if allowance is None:
            allowance = self._kinds[key] = _Allowance(now)
        allowance.left = min(BURST, allowance.left + (now - allowance.at) * PER_MINUTE / 60.0)
        allowance.at = now
        if allowance.left < 1.0:
            allowance.left_out += 1
            raise structlog.DropEvent
        allowance.left -= 1.0
        if allowance.left_out:
            event["left_out"], allowance.left_out = allowance.left_out, 0
        return event
