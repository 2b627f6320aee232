"""What went wrong on the way, as events of the client's own: losses, restarts, links. Pure.

`client.incidents()` hands out those that were noticed since it was asked last, oldest first.
"""

from __future__ import annotations

from collections import deque

from msgspec import Struct
from twsmq_protocol.system_events import Process

from .admission import Mistake
from .inbox import Inbox, Received

MOST = 10_000
"""Kept when nobody asks for them; then the oldest go."""


class EventsLost(Struct, frozen=True):
    """`count` events are known to be lost just before one on `topic`."""

    topic: str
    count: int


class Restarted(Struct, frozen=True):
    """The process that publishes `topic` came back anew: what it held for us is gone, mirrors come again."""

    process: str
    topic: str


class LinkChanged(Struct, frozen=True):
    """The connection to the events of a process, by its endpoint, is there (`up`) or gone."""

    endpoint: str
    up: bool


class NotLetIn(Struct, frozen=True):
    """The process behind an endpoint does not let this client in; `mistake` has the reason and the cure."""

    endpoint: str
    mistake: Mistake


Incident = EventsLost | Restarted | LinkChanged | NotLetIn


class Incidents:
    """`take` each event as it was received, `link` what the socket reports of its connections."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self._found: deque[Incident] = deque(maxlen=MOST)
        self._incs: dict[str, int] = {}  # by process, the newest incarnation seen
        self._links: dict[str, bool] = {}
        self._mistakes: dict[str, Mistake] = {}

    def take(self, received: Received) -> None:
        topic, event, lost = received
        before = self._incs.get(event.src, 0)
        if event.inc != before and not isinstance(event, Process):
            self._incs[event.src] = event.inc
            if before:
                self._found.append(Restarted(event.src, topic))
        if lost:
            self._found.append(EventsLost(topic, lost))

    def link(self, endpoint: str, *, up: bool) -> None:
        if self._links.get(endpoint, False) != up:
            self._links[endpoint] = up
            self._found.append(LinkChanged(endpoint, up))

    def admission(self, endpoint: str, mistake: Mistake | None) -> None:
        if mistake is None:
            self._mistakes.pop(endpoint, None)
        elif self._mistakes.get(endpoint) is not mistake:
            self._mistakes[endpoint] = mistake
            self._found.append(NotLetIn(endpoint, mistake))

    def drain(self) -> list[Incident]:
        found = list(self._found)
        self._found.clear()
        return found
