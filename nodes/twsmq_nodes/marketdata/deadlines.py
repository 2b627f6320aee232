"""What is due when: one queue for all that the core waits for."""

from __future__ import annotations

import heapq
from itertools import count

from msgspec import Struct

from .feeds import Feed


class Deadline(Struct, frozen=True):
    """What is due: a topic left, a call, a look-up's answer (`req_id`), a line's next try (`feed`), a try for
    more lines than the gateway last granted, or the return of those who listened before a restart."""

    topic: str = ""
    call: int = 0
    req_id: int = 0
    feed: Feed | None = None
    grants: bool = False
    returned: bool = False


class Deadlines:
    """Entries are never taken back: whoever gets one that fell due looks whether it still means anything."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Deadline]] = []
        self._numbers = count()

    def add(self, at: float, deadline: Deadline) -> None:
        heapq.heappush(self._heap, (at, next(self._numbers), deadline))

    def next_at(self) -> float | None:
        return self._heap[0][0] if self._heap else None

    def take(self, now: float) -> Deadline | None:
        """The next that is due."""
        return heapq.heappop(self._heap)[2] if self._heap and self._heap[0][0] <= now else None

    def has_topic(self, topic: str) -> bool:
        return any(deadline.topic == topic for _, _, deadline in self._heap)
