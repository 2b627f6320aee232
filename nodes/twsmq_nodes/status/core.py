"""What the status node asks the gateway for and makes of the answers: positions, account values, results.

It is the only subscriber to account streams. Each book keeps its own invariants; this one hands every event
and event to all and says when to wake up. `health` stands apart: it asks the gateway nothing.
"""

from __future__ import annotations

from collections.abc import Callable

from twsmq_nodes.runtime.timer import TimerFired
from twsmq_nodes.tws.events import Event
from twsmq_nodes.tws.session_events import SessionEvent

from .accounts import AccountBook
from .actions import Action
from .positions import PositionBook
from .results import PositionResults


class StatusCore:
    """`next_req_id` gives an id the session has not used. Times in seconds, monotonic."""

    def __init__(self, next_req_id: Callable[[], int]) -> None:
        self.positions = PositionBook(next_req_id)
        self.accounts = AccountBook(next_req_id)
        self.results = PositionResults(next_req_id)

    def handle(self, happened: SessionEvent | Event | TimerFired, now: float) -> list[Action]:
        if isinstance(happened, TimerFired):
            actions = self.positions.expire(now)
        elif isinstance(happened, SessionEvent):
            actions = self.positions.on_session_event(happened, now) + self.accounts.on_session_event(
                happened
            )
            actions += self.results.on_session_event(happened)
        else:
            actions = self.positions.event(happened, now) + self.accounts.event(happened)
            actions += self.results.event(happened)
        return actions + self.results.follow(self.positions.named())

    @property
    def wake_at(self) -> float | None:
        """When TimerFired must come; None for never."""
        return self.positions.deadline
