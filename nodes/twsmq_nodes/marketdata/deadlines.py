"""What is due when: one queue for all that the core waits for."""

from __future__ import annotations

import heapq
from itertools import count

from msgspec import Struct

from .feeds import Feed


class TopicLapsed(Struct, frozen=True):
    """The grace time after the last one left a topic is over."""

    topic: str


class CallOverdue(Struct, frozen=True):
    """A call has waited as long as it may."""

    call: int


class SnapshotDue(Struct, frozen=True):
    """A snapshot may be asked for where the gateway said that its quote comes from."""

    call: int


class LookupDue(Struct, frozen=True):
    """A look-up's answer is due, or its next try."""

    spelling: str


class TurnDue(Struct, frozen=True):
    """A slow look-up no longer counts: another may be asked."""


class LineDue(Struct, frozen=True):
    """A line's next try, or a look at whether what interrupted it is over."""

    feed: Feed


class GrantsDue(Struct, frozen=True):
    """A try for more lines than the gateway last granted, for all refused together."""


class ReturnsOver(Struct, frozen=True):
    """Who listened before a restart has had the time to come back."""


class OutageSettled(Struct, frozen=True):
    """Long enough after an outage for the gateway's words to be believed again."""


Deadline = (
    TopicLapsed
    | CallOverdue
    | SnapshotDue
    | LookupDue
    | TurnDue
    | LineDue
    | GrantsDue
    | ReturnsOver
    | OutageSettled
)


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

    def __contains__(self, deadline: Deadline) -> bool:
        return any(deadline == each for _, _, each in self._heap)
