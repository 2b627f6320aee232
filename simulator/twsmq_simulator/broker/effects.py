"""What the broker reports to its clients: the outcome of every event, in the order it has to be sent."""

import msgspec

from twsmq_simulator.broker.model import Execution, Order
from twsmq_simulator.broker.preview import Preview


class Effect(msgspec.Struct, frozen=True):
    """Base of all effects."""


class OrderReported(Effect, frozen=True):
    """openOrder immediately followed by orderStatus (captured: always this pair)."""

    order: Order


class StatusReported(Effect, frozen=True):
    """orderStatus alone: a cancellation comes without openOrder (captured)."""

    order: Order


class OrderMessage(Effect, frozen=True):
    """An error or notice about an order, to the client that asked."""

    client_id: int
    order_id: int
    code: int
    text: str


class Executed(Effect, frozen=True):
    """execDetails of a live fill."""

    execution: Execution


class CommissionReported(Effect, frozen=True):
    execution: Execution


class Previewed(Effect, frozen=True):
    """A what-if order's one openOrder; there is no orderStatus and no order afterwards (captured)."""

    order: Order
    preview: Preview | None  # None where the gateway has no margins: unset doubles


class AccountChanged(Effect, frozen=True):
    """Positions or cash changed: whoever subscribed to them receives it."""

    con_id: int
