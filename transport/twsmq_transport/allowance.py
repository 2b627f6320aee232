"""How much of a process one key may use: token buckets by name. Pure; `now` is passed in.

A bucket holds at most `burst` and gains `rate` a second. The cluster's own keys are not limited: without its
processes nobody could stop anything.
"""

from __future__ import annotations

REQUESTS_PER_SECOND, REQUESTS_AT_ONCE = 1_000.0, 2_000
"""Of one key at one process. A gateway takes some 50 messages a second from everybody together."""
CONNECTIONS_PER_SECOND, CONNECTIONS_AT_ONCE = 4.0, 64
"""New ones, of one key at one process; a client opens two. Those beyond must come again later."""
TOPICS_PER_KEY = 2_000
"""Subscriptions of one key at one process, where each is granted by name."""


class Allowance:
    def __init__(self, rate: float, burst: int) -> None:
        self._rate = rate
        self._burst = float(burst)
        self._left: dict[str, tuple[float, float]] = {}  # by name: tokens, and when they were counted

    def take(self, name: str, now: float) -> bool:
        """Whether `name` may do one more thing at `now`, on the monotonic clock; it counts as done then."""
        if is_own(name):
            return True
        tokens, at = self._left.get(name, (self._burst, now))
        tokens = min(self._burst, tokens + (now - at) * self._rate)
        allowed = tokens >= 1.0
        self._left[name] = (tokens - 1.0 if allowed else tokens), now
        return allowed


OWN = "node/"
"""Keys of the cluster's own processes are called so."""


def is_own(name: str) -> bool:
    """A process of the cluster, or this machine's own commands."""
    return name == "local" or name.startswith(OWN)
