"""What the status node asks the gateway for and makes of the answers: positions, account values, results.

It is the only subscriber to account streams. Each book keeps its own invariants; this one hands every event
and event to all and says when to wake up. `health` stands apart: it asks the gateway nothing.
"""

from __future__ import annotations

from collections.abc import Callable

from twsmq_nodes.runtime.timer import TimerFired
from twsmq_nodes.tws.events import AccountSummary, AccountUpdateMulti, Event, PnL, PnLSingle, Position
from twsmq_nodes.tws.session_events import SessionEvent, SessionLost, SessionUp

from .accounts import AccountBook
from .actions import Action
from .positions import PositionBook
from .results import PositionResults

QUIET_S = 300.0
"""After so long without a row of the summary all figures are asked for anew: a gateway sends what changed,
and on a weekend nothing does."""


class StatusCore:
    """`next_req_id` gives an id the session has not used. Times in seconds, monotonic."""

    def __init__(self, next_req_id: Callable[[], int]) -> None:
        self.positions = PositionBook(next_req_id)
        self.accounts = AccountBook(next_req_id)
        self.results = PositionResults(next_req_id)
        self._quiet_at: float | None = None

    def handle(self, happened: SessionEvent | Event | TimerFired, now: float) -> list[Action]:
        if isinstance(happened, TimerFired):
            actions = self.positions.expire(now)
            if self._quiet_at is not None and self._quiet_at <= now:
                actions += self.accounts.ask_again()
                self._quiet_at = now + QUIET_S
        elif isinstance(happened, SessionEvent):
            actions = self.positions.on_session_event(happened, now) + self.accounts.on_session_event(
                happened
            )
            actions += self.results.on_session_event(happened)
            if isinstance(happened, SessionUp):
                self._quiet_at = now + QUIET_S
            elif isinstance(happened, SessionLost):
                self._quiet_at = None
        else:
            if isinstance(happened, AccountSummary) and self._quiet_at is not None:
                self._quiet_at = now + QUIET_S
            actions = self.positions.event(happened, now) + self.accounts.event(happened)
            actions += self.results.event(happened)
        return actions + self.results.follow(self.positions.named())

    @property
    def wake_at(self) -> float | None:
        """When TimerFired must come; None for never."""
        return min((at for at in (self.positions.deadline, self._quiet_at) if at is not None), default=None)

    def account_of(self, event: Event) -> str | None:
        """Whose figures or position it is; None where it is nobody's."""
        match event:
            case AccountSummary() | AccountUpdateMulti() | PnL():
                return self.accounts.account_of(event)
            case PnLSingle(req_id=req_id):
                return self.results.account_of(req_id)
            case Position(account=account):
                return account
            case _:
                return None
