"""What the broker's rooms share: orders, executions, money, markets, and what falls due.

`core` takes requests, `working` trades and `cancelling` ends orders; none of the last two knows the first.
"""

from __future__ import annotations

from twsmq_simulator.broker.account import Account
from twsmq_simulator.broker.habits import PLAIN, Habits
from twsmq_simulator.broker.model import Execution, Order
from twsmq_simulator.broker.orders import OrderStore
from twsmq_simulator.broker.rules import HouseRules
from twsmq_simulator.broker.schedule import Schedule
from twsmq_simulator.broker.triggers import Markets
from twsmq_simulator.market.hours import is_open
from twsmq_simulator.market.instruments import Catalogue, Instrument

DEFAULT_LATENCY = 2_000_000  # ns between a request and the exchange's answer


class State:
    def __init__(
        self,
        catalogue: Catalogue,
        markets: Markets,
        accounts: tuple[str, ...],
        latency: int = DEFAULT_LATENCY,
        *,
        always_open: bool = True,
        habits: Habits = PLAIN,
    ) -> None:
        self.catalogue = catalogue
        self.markets = markets
        self.accounts = accounts
        self.latency = latency
        self.always_open = always_open
        self.habits = habits
        self.account = Account(catalogue, markets)
        self.ledger = self.account.ledger
        self.orders = OrderStore()
        self.executions: dict[str, Execution] = {}
        self.next_execution = 0
        self.schedule = Schedule()
        self.house = HouseRules()
        self.late_fills: list[int | None] = []  # armed faults: whose next cancelled order fills all the same
        self.lost = False  # no link to the brokerage: orders are acknowledged and wait
        self.discarded: dict[int, Order] = {}  # staged orders that a global cancel ended, by permId

    def is_open(self, order: Order, now: int) -> bool:
        """Whether the order's market trades at a moment; outside regular hours only what asked for it
        does.
        """
        if self.always_open:
            return True
        kind = self.instrument(order.con_id).hours
        return is_open(kind, now, regular=not order.ticket.outside_rth and kind == "us_equity")

    def instrument(self, con_id: int) -> Instrument:
        found = self.catalogue.get(con_id)
        assert found is not None, f"order on conId {con_id}, which the catalogue does not know"
        return found

    def save_position(self, con_id: int) -> None:
        """A position changed, and cash with it."""
        currency = self.instrument(con_id).currency
        self.orders.save_record("position", str(con_id), self.ledger.positions[con_id])
        self.orders.save_record("cash", currency, self.ledger.cash[currency])
        self.orders.save_record("realized", "all", self.ledger.realized)
