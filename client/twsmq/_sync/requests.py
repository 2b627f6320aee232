# Made by client/generate_sync.py from `_async`: change that, then run `make sync`.
"""The requests by name."""

from __future__ import annotations

from typing import Any, TypeVar, Unpack

from msgspec import Struct
from twsmq_protocol.order_events import Order
from twsmq_protocol.order_requests import ExecutionRow, RiskLayer
from twsmq_protocol.requests import (
    ContractRow,
    Description,
    Halted,
    Health,
    OrderAccepted,
    PositionRow,
    Preview,
)

from .. import ops
from ..calls import Ask
from ..ops import (
    TIMEOUT_S,
    ClusterState,
    ExecutionFilter,
    NewOrder,
    OrderChange,
    OrderFilter,
    OrderName,
    OrderScope,
)

R = TypeVar("R")


class SyncRequests:
    """Each takes `timeout` in seconds, after which the request can no longer take effect. It raises
    `RequestRefused` for an error reply and `OutcomeUnknown` when none came."""

    def _ask(self, ask: Ask[R], timeout: float, valid_until: int | None = None) -> R:
        raise NotImplementedError

    def request(
        self,
        process: str,
        op: str,
        args: Struct | dict[str, Any] | None = None,
        *,
        timeout: float = TIMEOUT_S,
        valid_until: int | None = None,
    ) -> Any:
        """Ask any op; its result as plain data. `valid_until`: ns since epoch (default: now + timeout)."""
        return self._ask(ops.anything(process, op, args), timeout, valid_until)

    def place_order(self, *, timeout: float = TIMEOUT_S, **order: Unpack[NewOrder]) -> OrderAccepted:
        """Accepted means durable and written; the verdict comes on `order/<strategy>/<client_order_id>/`."""
        return self._ask(ops.place_order(order), timeout)

    def place_orders(
        self, orders: list[NewOrder], *, link: str = "none", oca_type: int = 1, timeout: float = TIMEOUT_S
    ) -> list[OrderAccepted]:
        """All of them or none; `link` is none, bracket or oca."""
        return (self._ask(ops.place_orders(orders, link, oca_type), timeout)).orders

    def preview_order(self, *, timeout: float = 15.0, **order: Unpack[NewOrder]) -> Preview:
        """Margin and commission; nothing is placed."""
        return self._ask(ops.preview_order(order), timeout)

    def modify_order(
        self, *, timeout: float = TIMEOUT_S, **change: Unpack[OrderChange]
    ) -> OrderAccepted:
        """What is given changes, the rest stays. Accepted means written; what came of it is an event."""
        return self._ask(ops.modify_order(change), timeout)

    def cancel_order(self, *, timeout: float = TIMEOUT_S, **name: Unpack[OrderName]) -> OrderAccepted:
        """The node owes the cancel from then on, through restarts."""
        return self._ask(ops.cancel_order(name), timeout)

    def cancel_orders(
        self, *, timeout: float = TIMEOUT_S, **which: Unpack[OrderScope]
    ) -> list[OrderAccepted]:
        """All working orders that match everything given; `all=True` for everybody's."""
        return (self._ask(ops.cancel_orders(which), timeout)).orders

    def get_orders(self, *, timeout: float = TIMEOUT_S, **wanted: Unpack[OrderFilter]) -> list[Order]:
        """All orders, finished ones too, oldest first."""
        return (self._ask(ops.orders(wanted), timeout)).orders

    def executions(
        self, *, timeout: float = TIMEOUT_S, **wanted: Unpack[ExecutionFilter]
    ) -> list[ExecutionRow]:
        """Executions as they stand after corrections, with their costs, oldest first."""
        return (self._ask(ops.executions(wanted), timeout)).executions

    def halt(
        self,
        reason: str,
        *,
        strategy: str | None = None,
        cancel: bool = False,
        timeout: float = 15.0,
    ) -> Halted:
        """No new orders of a strategy, or of anybody; `cancel` also ends what works and says what remains."""
        return self._ask(ops.halt(reason, strategy, cancel), timeout)

    def resume(self, *, strategy: str | None = None, timeout: float = TIMEOUT_S) -> Halted:
        """Take a halt back."""
        return self._ask(ops.resume(strategy), timeout)

    def risk(self, *, timeout: float = TIMEOUT_S) -> list[RiskLayer]:
        """The limits that hold."""
        return (self._ask(ops.risk(), timeout)).layers

    def set_risk(
        self, limits: dict[str, Any], *, scope: str = "default", name: str = "", timeout: float = TIMEOUT_S
    ) -> list[RiskLayer]:
        """The limits of one layer from now on, in place of those it had."""
        return (self._ask(ops.set_risk(limits, scope, name), timeout)).layers

    def positions(self, *, timeout: float = TIMEOUT_S) -> list[PositionRow]:
        """Every position of every account."""
        return (self._ask(ops.positions(), timeout)).positions

    def contract_details(self, instrument: str, *, timeout: float = 30.0) -> list[ContractRow]:
        """Every contract that matches; the gateway answers these slowly."""
        return (self._ask(ops.contract_details(instrument), timeout)).contracts

    def status(self, *, timeout: float = TIMEOUT_S) -> ClusterState:
        """Every process, as the supervisor sees it."""
        return self._ask(ops.status(), timeout)

    def health(self, *, timeout: float = TIMEOUT_S) -> Health:
        """Every process, as the status node hears it; also without a supervisor."""
        return self._ask(ops.health(), timeout)

    def describe(self, process: str, *, timeout: float = TIMEOUT_S) -> Description:
        """What a process is and what it answers."""
        return self._ask(ops.describe(process), timeout)
