"""When to look for orders and executions of others, which a gateway reports only if it is asked.

All open orders are listed every `FOREIGN_S`; executions and completed orders only when one of them is
missing, or when a position has moved without an execution that we know (`drift`).
"""

from __future__ import annotations

from twsmq_protocol.order_events import AccountExecution

from ..actions import Now
from ..reconciliation.snapshots import Snapshot, Step
from .drift import Drift
from .orders import ForeignOrders

FOREIGN_S = 10.0
AGAIN_S = 1.0
SILENT_S = 60.0
"""How soon a gateway that did not answer is asked again."""


class ForeignWatch:
    def __init__(self, foreign: ForeignOrders) -> None:
        self._foreign = foreign
        self._drift = Drift()
        self._due = self._not_before = 0.0

    @property
    def due(self) -> float:
        """When to look, monotonic."""
        drift = self._drift.due
        return self._due if drift is None else max(self._not_before, min(self._due, drift))

    def position(self, account: str, con_id: int, units: float, now: Now) -> None:
        """As the status node reports it."""
        self._drift.position((account, con_id), units, now.mono)

    def executed(self, execution: AccountExecution, now: Now) -> None:
        """News of an execution in an account, whoever placed its order."""
        if execution.con_id is not None:
            units = execution.quantity if execution.side == "BUY" else -execution.quantity
            self._drift.executed((execution.account, execution.con_id), units, now.mono)

    def begun(self, now: Now) -> None:
        """A look begins, at which what has drifted is looked at."""
        self._drift.look(now.mono)

    def wants_more(self, snapshot: Snapshot) -> bool:
        """All open orders are listed: whether there is something they do not show."""
        return self._drift.looked_at or self._foreign.missing(snapshot.foreign)

    def concluded(self, snapshot: Snapshot, now: Now) -> None:
        if Step.ALL_OPEN_ORDERS not in snapshot.silent and not snapshot.spoiled:
            self._foreign.concluded(snapshot.foreign)
        if Step.EXECUTIONS not in snapshot.silent:
            self._drift.accept()
        self._due = now.mono + FOREIGN_S

    def unanswered(self, now: Now) -> None:
        self._due = self._not_before = now.mono + SILENT_S
        self._drift.accept()

    def later(self, now: Now) -> None:
        """Something else is going on."""
        self._due = self._not_before = now.mono + AGAIN_S
