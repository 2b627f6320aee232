"""Positions and cash: what executions add up to.

Cash and costs are exact decimals. A fill that opens or enlarges a position has no realised profit; one that
closes has `proceeds - average cost - commission` (captured: two MES fills at 7039.5 and 7039.25 with 0.62
commission each realise -2.49). Cash pays for everything, futures too, so that cash plus the market value of
all positions is always the account's net worth; what a statement shows as cash leaves out the notional of
futures and CFDs (`UNPAID`). Combos are never held: their legs are. Invariant: start cash minus the signed
value and the fees of every fill is the cash there is.
"""

from collections.abc import Iterable
from decimal import Decimal

from twsmq_simulator.broker.model import Position
from twsmq_simulator.market.instruments import Instrument

START_CASH = Decimal(1_000_000)
UNPAID = frozenset({"FUT", "CFD"})


class Ledger:
    """Mutated by `apply` only. `cash` is by currency."""

    def __init__(self) -> None:
        self.positions: dict[int, Position] = {}
        self.cash: dict[str, Decimal] = {"USD": START_CASH}
        self.realized: Decimal = Decimal(0)

    def restore(self, positions: Iterable[Position], cash: dict[str, Decimal], realized: Decimal) -> None:
        self.positions = {p.con_id: p for p in positions}
        self.cash = dict(cash)
        self.realized = realized

    def apply(
        self, i: Instrument, *, bought: bool, quantity: Decimal, price: float, fee: Decimal
    ) -> Decimal | None:
        """Books one fill. Returns the realised profit, None if the fill only opened."""
        amount = Decimal(str(price)) * i.factor
        signed = quantity if bought else -quantity
        held = self.positions.get(i.con_id, Position(i.con_id, Decimal(0), Decimal(0)))
        realized = self._close(held, signed, amount, fee, quantity)
        self.positions[i.con_id] = self._moved(held, signed, amount, fee, quantity, realized)
        cash = self.cash.get(i.currency, Decimal(0))
        self.cash[i.currency] = cash - signed * amount - fee
        if realized is not None:
            self.realized += realized
        return realized

    @staticmethod
    def _closing(held: Position, signed: Decimal) -> Decimal:
        """How much of a fill reduces what is held."""
        if held.quantity * signed >= 0:
            return Decimal(0)
        return min(abs(held.quantity), abs(signed))

    def _close(
        self, held: Position, signed: Decimal, amount: Decimal, fee: Decimal, quantity: Decimal
    ) -> Decimal | None:
        closing = self._closing(held, signed)
        if not closing:
            return None
        direction = 1 if held.quantity > 0 else -1
        return (amount - held.cost) * closing * direction - fee * closing / quantity

    def _moved(
        self,
        held: Position,
        signed: Decimal,
        amount: Decimal,
        fee: Decimal,
        quantity: Decimal,
        realized: Decimal | None,
    ) -> Position:
        total = held.quantity + signed
        closing = self._closing(held, signed)
        opening = abs(signed) - closing
        direction = 1 if signed > 0 else -1
        cost = held.cost
        if opening:
            kept = abs(held.quantity) if not closing else Decimal(0)
            paid = opening * amount + direction * fee * opening / quantity
            cost = (kept * held.cost + paid) / (kept + opening)
        if not total:
            cost = Decimal(0)
        return Position(held.con_id, total, cost, held.realized + (realized or 0))
