"""State that whoever subscribes gets again: events by topic, found by the beginning of their topic. Pure.

A client may subscribe to very many prefixes, and a node may retain very many topics: what is not below a
prefix must not be looked at for it.

Invariant: the topics in order are those of the events.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator

from twsmq_protocol.envelope import Event


class Retained:
    def __init__(self) -> None:
        self._events: dict[str, tuple[Event, float]] = {}
        self._ordered: list[str] = []

    def keep(self, topic: str, event: Event, now: float) -> None:
        """In place of what was kept of the topic. `now`: monotonic seconds."""
        if topic not in self._events:
            insort(self._ordered, topic)
        self._events[topic] = event, now

    def forget(self, topic: str) -> None:
        if self._events.pop(topic, None) is not None:
            del self._ordered[bisect_left(self._ordered, topic)]

    def get(self, topic: str, now: float) -> Event | None:
        """As it reads now."""
        found = self._events.get(topic)
        return None if found is None else found[0].later(now - found[1])

    def below(self, prefix: str) -> Iterator[str]:
        """The topics that begin with `prefix`, to be read before anything changes."""
        for place in range(bisect_left(self._ordered, prefix), len(self._ordered)):
            topic = self._ordered[place]
            if not topic.startswith(prefix):
                return
            yield topic

    def validate(self) -> None:
        """Raise AssertionError if the invariant is broken. For tests."""
        assert self._ordered == sorted(self._events)
