"""What falls due when: a heap of (time, order of arrival), so that equal times keep their order."""

import heapq

import msgspec


class Due(msgspec.Struct, frozen=True, order=True):
    at: int
    nth: int
    what: str
    perm_id: int


class Schedule:
    def __init__(self) -> None:
        self._heap: list[Due] = []
        self._nth = 0

    def add(self, at: int, what: str, perm_id: int) -> None:
        self._nth += 1
        heapq.heappush(self._heap, Due(at, self._nth, what, perm_id))

    def pop(self, now: int) -> Due | None:
        """The earliest entry that is due, or None."""
        if self._heap and self._heap[0].at <= now:
            return heapq.heappop(self._heap)
        return None

    def next_at(self) -> int | None:
        return self._heap[0].at if self._heap else None
