"""Who goes next when the message budget is short: cancels first, then orders, fairly among strategies.

Pure. Within a strategy the order of arrival is kept; among strategies they take turns, so that one that sends
a thousand orders delays another's only one by one message.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from twsmq_nodes.runtime.room import has_room

C = TypeVar("C")
T = TypeVar("T")


class Gate(Generic[C, T]):
    """`C`: what a cancel is, `T`: what an order or a modification is."""

    def __init__(self) -> None:
        self._cancels: deque[C] = deque()
        self._queues: dict[str, deque[T]] = {}  # never an empty one; the first is the next to go

    def __len__(self) -> int:
        return len(self._cancels) + sum(map(len, self._queues.values()))

    def __bool__(self) -> bool:
        return bool(self._cancels or self._queues)

    @property
    def has_cancels(self) -> bool:
        return bool(self._cancels)

    def waiting(self, strategy: str) -> int:
        return len(self._queues.get(strategy, ()))

    def has_room(self, strategy: str, most: int) -> bool:
        """Whether one more item of `strategy` may wait: see `room`."""
        own = self.waiting(strategy)
        parties = len(self._queues) + (not own)
        return has_room(sum(map(len, self._queues.values())), own, parties, most)

    def push_cancel(self, cancel: C) -> None:
        self._cancels.append(cancel)

    def push(self, strategy: str, item: T) -> None:
        self._queues.setdefault(strategy, deque()).append(item)

    def pop_cancel(self) -> C | None:
        return self._cancels.popleft() if self._cancels else None

    def pop(self) -> T | None:
        """The next item that is no cancel."""
        if not self._queues:
            return None
        strategy, queue = next(iter(self._queues.items()))
        del self._queues[strategy]
        item = queue.popleft()
        if queue:
            self._queues[strategy] = queue  # to the end: the others first
        return item

    def remove(self, strategy: str, unwanted: Callable[[T], bool]) -> list[T]:
        """Takes out every item of `strategy` that is `unwanted`."""
        queue = self._queues.pop(strategy, deque())
        removed = [item for item in queue if unwanted(item)]
        kept = deque(item for item in queue if not unwanted(item))
        if kept:
            self._queues[strategy] = kept
        return removed

    def drain(self, strategy: str | None = None) -> list[T]:
        """Takes out the items of one strategy, or all; cancels stay."""
        queues = list(self._queues) if strategy is None else [strategy]
        return [item for queue in queues for item in self._queues.pop(queue, ())]

    def clear_cancels(self) -> None:
        self._cancels.clear()
