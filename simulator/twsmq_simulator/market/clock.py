"""The simulator's clock, ns UTC: real, faster or slower than real, or moved by hand."""

import time

import msgspec


class ClockSettings(msgspec.Struct, frozen=True):
    """`speed` 0 is a stepped clock; `start` (ns) is where it starts, None for the real time now."""

    speed: float = 1.0
    start: int | None = None


class Clock:
    """`now()` is the market's time; `real_delay` is how long a timer has to wait for it, None if it never
    comes.
    """

    def __init__(self, settings: ClockSettings) -> None:
        self.speed = settings.speed
        self._base = time.time_ns() if settings.start is None else settings.start
        self._real_base = time.monotonic_ns()

    def now(self) -> int:
        if self.speed == 0:
            return self._base
        return self._base + int((time.monotonic_ns() - self._real_base) * self.speed)

    def real_delay(self, at: int) -> float | None:
        """Seconds of real time until the market's clock shows `at`."""
        if self.speed == 0:
            return None
        return max(0.0, (at - self.now()) / 1e9 / self.speed)

    def step(self, ns: int) -> None:
        """Moves the clock ahead; on a running clock it jumps."""
        self._base += ns
