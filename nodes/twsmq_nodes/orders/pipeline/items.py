"""What waits at the gate, and what it must pass there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from msgspec import Struct
from twsmq_protocol.order_requests import ExerciseOption, ModifyOrder, PlaceOrder

from ..actions import Caller
from ..entries import Values
from ..ids import Key
from ..risk.inputs import Open
from .callers import Waiter


class Placing(Struct, eq=False):
    """Orders before the gate, one or a group. Repeats of the request join `waiters`."""

    orders: tuple[PlaceOrder, ...]
    accounts: tuple[str, ...]
    waiters: list[Waiter]
    link: str = ""
    oca_type: int = 0

    @property
    def keys(self) -> tuple[Key, ...]:
        return tuple([(order.strategy, order.client_order_id) for order in self.orders])

    def transmits(self, index: int) -> bool:
        """The last order of a bracket hands on those before it, which the gateway holds back until then."""
        bracket = self.link == "bracket" and index < len(self.orders) - 1
        return self.orders[index].transmit and not bracket


class Modifying(Struct, frozen=True):
    """`order`: what it is to become, and by which values, worked out when its turn comes. It raises if it
    cannot."""

    args: ModifyOrder
    order: Callable[[], tuple[PlaceOrder, Values]]
    caller: Caller


class Previewing(Struct, frozen=True):
    args: PlaceOrder
    account: str
    caller: Caller


class Exercising(Struct, frozen=True):
    """`answered`: whether another one before it in the queue was the same and has answered it. It raises if
    its key is taken."""

    args: ExerciseOption
    account: str
    caller: Caller
    answered: Callable[[], bool]


Item = Placing | Modifying | Previewing | Exercising


class Guard(Protocol):
    """Raises RequestError for orders that must not be sent, and says at which prices others are."""

    def judges(self, orders: Sequence[PlaceOrder]) -> bool: ...
    def rounded(self, order: PlaceOrder, account: str) -> PlaceOrder: ...
    def shares(self, args: ExerciseOption, account: str) -> float | None: ...
    def check(self, orders: Sequence[PlaceOrder], working: Sequence[Open], ns: int) -> None: ...
    def check_change(
        self, order: PlaceOrder, own: Open, more: float, ns: int, stands: frozenset[str]
    ) -> None: ...
