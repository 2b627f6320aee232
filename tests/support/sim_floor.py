"""The simulator's broker by itself, on a market that moves only when the story says so."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from twsmq_simulator.broker.core import Broker
from twsmq_simulator.broker.effects import (
    CommissionReported,
    Effect,
    Executed,
    OrderMessage,
    OrderReported,
    Previewed,
    StatusReported,
)
from twsmq_simulator.broker.habits import PLAIN, Habits
from twsmq_simulator.broker.ticket import OrderTicket
from twsmq_simulator.market import listing
from twsmq_simulator.market.contracts import ContractSpec
from twsmq_simulator.market.exchange import Exchange

START = 1_776_270_000_000_000_000  # 15 April 2026, 12:20 in New York
AAPL = ContractSpec(symbol="AAPL", sec_type="STK", exchange="SMART", currency="USD")


class Floor:
    """A broker on a market, and the time."""

    def __init__(self, *, always_open: bool = True, start: int = START, habits: Habits = PLAIN) -> None:
        self.now = start
        self.catalogue = listing.build(date(2026, 4, 15))
        self.exchange = Exchange(self.catalogue, 1, lambda: self.now, 0.25)
        self.broker = Broker(self.catalogue, self.exchange, ("DU1",), always_open=always_open, habits=habits)
        self.next_id = 1

    def price(self, value: float, con_id: int = 265598) -> list[str]:
        """Puts the market at a price and lets orders look at it."""
        self.exchange.required(con_id).set_price(value)
        return story(self.broker.on_market(con_id, self.now))

    def place(self, action: str, quantity: object, kind: str, **more: object) -> int:
        order_id, self.next_id = self.next_id, self.next_id + 1
        self.told = story(self.replace(order_id, action, quantity, kind, **more))
        return order_id

    def replace(
        self, order_id: int, action: str, quantity: object, kind: str, **more: object
    ) -> list[Effect]:
        contract = more.pop("contract", AAPL)
        ticket = OrderTicket(order_id, contract, action, Decimal(str(quantity)), kind, **more)  # type: ignore[arg-type]
        return self.broker.place(1, ticket, self.now)

    def cancel(self, order_id: int) -> list[str]:
        return story(self.broker.cancel(1, order_id, self.now))

    def later(self, seconds: float = 0.01) -> list[str]:
        self.now += int(seconds * 1e9)
        return story(self.broker.advance(self.now))

    def status(self, order_id: int) -> str:
        order = self.broker.orders.find(1, order_id)
        assert order is not None
        return f"{order.status.value}{':' + order.why_held if order.why_held else ''}"

    def position(self, con_id: int = 265598) -> Decimal:
        held = self.broker.ledger.positions.get(con_id)
        return held.quantity if held is not None else Decimal(0)


def story(effects: list[Effect]) -> list[str]:
    """Effects as short words, in their order."""
    told: list[str] = []
    for effect in effects:
        match effect:
            case OrderReported(order):
                told.append(f"open {order.order_id} {order.status.value}")
            case StatusReported(order):
                told.append(f"status {order.order_id} {order.status.value}")
            case OrderMessage(_, order_id, code, _):
                told.append(f"error {order_id} {code}")
            case Executed(execution):
                told.append(f"exec {execution.order_id} {execution.quantity}")
            case CommissionReported(execution):
                told.append(f"commission {execution.order_id}")
            case Previewed(order, _):
                told.append(f"preview {order.order_id}")
            case _:
                pass
    return told
