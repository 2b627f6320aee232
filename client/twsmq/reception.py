"""Frames from the socket to whoever wants them: mirrors, incidents, and the client's own reader. Pure.

Topics that only a mirror listens to do not reach the reader. What the reader has not taken yet waits in
`backlog`, which is bounded: when it is full no more is taken from the socket, whose own queue then loses, and
shows it by `seq`.
"""

from __future__ import annotations

from collections import deque

from .inbox import BEATS, Inbox, Received, is_numbered
from .incidents import Incidents
from .mirrors import Mirrors

MOST_WAITING = 100_000


class Reception:
    def __init__(self) -> None:
        self.inbox = Inbox()
        self.mirrors = Mirrors()
        self.incidents = Incidents(self.inbox)
        self.backlog: deque[Received] = deque()
        self._wanted: set[str] = set()  # by the reader; the inbox has the mirrors' topics too
        self._prefixes: tuple[str, ...] = ()

    @property
    def full(self) -> bool:
        return len(self.backlog) >= MOST_WAITING

    @property
    def mirroring(self) -> bool:
        return bool(self.mirrors.quotes or self.mirrors.strategies)

    def subscribe(self, topic: str) -> list[str]:
        """For the reader. Prefixes that the socket must subscribe to now."""
        self._wanted.add(topic)
        self._prefixes = tuple(self._wanted)
        return self.inbox.subscribe(topic)

    def unsubscribe(self, topic: str) -> list[str]:
        """Prefixes that the socket must unsubscribe from now. A mirror keeps its topic."""
        self._wanted.discard(topic)
        self._prefixes = tuple(self._wanted)
        return [] if self.mirrors.listens(topic) else self.inbox.unsubscribe(topic)

    def mirror(self, topic: str) -> list[str]:
        """For a mirror. Prefixes that the socket must subscribe to now."""
        return self.inbox.subscribe(topic)

    def take(self, frame: bytes) -> Received | None:
        """The event if it is the reader's."""
        received = self.inbox.receive(frame)
        if received is None:
            return None
        self.incidents.take(received)
        if not self.mirroring:
            return received
        self.mirrors.take(received)
        beat_of_a_loss = received.lost and received.topic == BEATS and any(map(is_numbered, self._wanted))
        return received if received.topic.startswith(self._prefixes) or beat_of_a_loss else None
