"""A handle of one order: its answer, its acknowledgement and its end can be waited for."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Any, Literal, Protocol, TypeVar, Unpack

from twsmq_protocol.order_events import TERMINAL_STATUSES, Fill, Order
from twsmq_protocol.requests import OrderAccepted

from ..errors import OutcomeUnknown
from ..mirrors import StrategyMirror
from ..ops import TIMEOUT_S, NewOrder, OrderChange

T = TypeVar("T")


class AsyncOwner(Protocol):
    """The client behind a handle."""

    async def place_order(
        self, *, timeout: float = TIMEOUT_S, **order: Unpack[NewOrder]
    ) -> OrderAccepted: ...
    async def modify_order(
        self, *, timeout: float = TIMEOUT_S, **change: Unpack[OrderChange]
    ) -> OrderAccepted: ...
    async def cancel_order(self, *, timeout: float = TIMEOUT_S, **name: Any) -> OrderAccepted: ...
    async def get_orders(self, *, timeout: float = TIMEOUT_S, **wanted: Any) -> list[Order]: ...
    async def wait_until(self, look: Callable[[], T | None], timeout: float | None) -> T: ...


class AsyncOrderHandle:
    """`order` as last published, None before its first event; `fills` so far. Made by `client.place`.

    What happened while nobody listened (a restart, lost events) is asked for whenever a wait begins, and when
    events are known to be lost while it goes on.
    """

    def __init__(self, owner: AsyncOwner, mirror: StrategyMirror, order: NewOrder, timeout: float) -> None:
        self._owner = owner
        self._mirror = mirror
        self._request = order
        self._timeout = timeout
        self._accepted: OrderAccepted | None = None

    @property
    def name(self) -> tuple[str, str]:
        return self._request["strategy"], self._request["client_order_id"]

    @property
    def order(self) -> Order | None:
        return self._mirror.get(self.name[1])

    @property
    def fills(self) -> list[Fill]:
        return self._mirror.fills(self.name[1])

    async def written(self) -> OrderAccepted:
        """The node's answer: durable and written. Asking again after `OutcomeUnknown` is safe: it places
        nothing twice. Raises `RequestRefused` and `OutcomeUnknown`."""
        if self._accepted is None:
            self._accepted = await self._owner.place_order(timeout=self._timeout, **self._request)
        return self._accepted

    async def acknowledged(self, timeout: float | None = None) -> Order:
        """The order once the gateway has reported it, or it has ended. Raises `TimeoutError`."""
        await self.written()
        return await self._when(_acknowledged, timeout)

    async def done(self, timeout: float | None = None) -> Order:
        """The order once it has ended: filled, cancelled, rejected or never sent. Raises `TimeoutError`,
        which ends the waiting and not the order."""
        await self.written()
        return await self._when(_done, timeout)

    async def modify(self, **change: Any) -> OrderAccepted:
        """What is given changes, the rest stays."""
        strategy, client_order_id = self.name
        return await self._owner.modify_order(strategy=strategy, client_order_id=client_order_id, **change)

    async def cancel(self) -> OrderAccepted:
        """The node owes it from then on."""
        strategy, client_order_id = self.name
        return await self._owner.cancel_order(strategy=strategy, client_order_id=client_order_id)

    async def _when(self, holds: Callable[[Order], bool], timeout: float | None) -> Order:
        deadline = None if timeout is None else monotonic() + timeout
        asked: int | None = None  # how many losses there had been

        def look() -> Order | Literal[True] | None:
            order = self.order
            of_before = asked is None and order is not None and order.status == "not_sent"  # it may be
            if order is not None and holds(order) and not of_before:
                return order
            return True if asked != self._mirror.losses else None

        while True:
            left = None if deadline is None else max(0.0, deadline - monotonic())
            found = await self._owner.wait_until(look, left)
            if found is not True:
                return found
            losses = self._mirror.losses
            try:
                await self._ask()
            except OutcomeUnknown:
                if asked is None:
                    raise
                if deadline is not None and monotonic() >= deadline:
                    raise TimeoutError(f"not within {timeout:g} s") from None
            else:
                asked = losses

    async def _ask(self) -> None:
        """How it stands at the node."""
        strategy, client_order_id = self.name
        for order in await self._owner.get_orders(strategy=strategy, client_order_id=client_order_id):
            self._mirror.learn(order)


def _acknowledged(order: Order) -> bool:
    return order.gateway_status is not None or order.perm_id is not None or _done(order)


def _done(order: Order) -> bool:
    return order.status in TERMINAL_STATUSES
