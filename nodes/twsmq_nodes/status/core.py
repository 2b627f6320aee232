"""What the status node asks the gateway for and makes of the answers: positions, account values, results.

It is the only subscriber to account streams. Each book keeps its own invariants; this one hands every notice
and event to all and keeps the one timer. `health` stands apart: it asks the gateway nothing.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from twsmq_nodes.tws.events import Event
from twsmq_nodes.tws.notices import Notice

from .accounts import AccountBook
from .actions import Action, SetTimer
from .positions import PositionBook
from .results import PositionResults


class TimerFired(Struct, frozen=True):
    pass


class StatusCore:
    """`next_req_id` gives an id the session has not used. Times in seconds, monotonic."""

    def __init__(self, next_req_id: Callable[[], int]) -> None:
        self.positions = PositionBook(next_req_id)
        self.accounts = AccountBook(next_req_id)
        self.results = PositionResults(next_req_id)
        self._timer: float | None = None

    def handle(self, happened: Notice | Event | TimerFired, now: float) -> list[Action]:
        if isinstance(happened, TimerFired):
            self._timer = None
            actions = self.positions.expire(now)
        elif isinstance(happened, Notice):
            actions = self.positions.notice(happened, now) + self.accounts.notice(happened)
            actions += self.results.notice(happened)
        else:
            actions = self.positions.event(happened, now) + self.accounts.event(happened)
            actions += self.results.event(happened)
        actions += self.results.follow(self.positions.named())
        if self.positions.deadline == self._timer:
            return actions
        self._timer = self.positions.deadline
        return [*actions, SetTimer(self._timer)]
