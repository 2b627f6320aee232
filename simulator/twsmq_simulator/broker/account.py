"""What the account is worth and what it can afford: the ledger valued at the market.

Foreign currency counts at par (an assumption). A margin is a flat share of the notional by security type; an
order that enlarges a position beyond the free funds is not accepted.
"""

from decimal import Decimal

from twsmq_simulator.broker.ledger import Ledger
from twsmq_simulator.broker.model import Position
from twsmq_simulator.broker.preview import Preview, commission, margin
from twsmq_simulator.broker.ticket import OrderTicket
from twsmq_simulator.broker.triggers import Markets
from twsmq_simulator.market.instruments import Catalogue, Instrument

NOT_ACCEPTED = (
    "YOUR ORDER IS NOT ACCEPTED. IN ORDER TO OBTAIN THE DESIRED POSITION YOUR EQUITY WITH LOAN VALUE "
    "[{:.2f} USD] MUST EXCEED THE INITIAL MARGIN [{:.2f} USD]"
)


class Account:
    def __init__(self, catalogue: Catalogue, markets: Markets) -> None:
        self.ledger = Ledger()
        self._catalogue = catalogue
        self._markets = markets

    def _instrument(self, con_id: int) -> Instrument:
        found = self._catalogue.get(con_id)
        assert found is not None, f"a position in conId {con_id}, which the catalogue does not know"
        return found

    def market_price(self, con_id: int) -> Decimal:
        book = self._markets.book(con_id)
        price = book.mid if book is not None else self._instrument(con_id).price
        return Decimal(str(round(price, 8)))

    def market_value(self, position: Position) -> Decimal:
        return (
            position.quantity * self.market_price(position.con_id) * self._instrument(position.con_id).factor
        )

    def net_liquidation(self) -> Decimal:
        """Cash and the market value of everything held."""
        held = sum((self.market_value(p) for p in self.ledger.positions.values()), Decimal(0))
        return sum(self.ledger.cash.values(), Decimal(0)) + held

    def margin_required(self) -> Decimal:
        return sum((self._margin(p.con_id, p.quantity) for p in self.ledger.positions.values()), Decimal(0))

    def _margin(self, con_id: int, quantity: Decimal) -> Decimal:
        return margin(self._instrument(con_id), quantity, float(self.market_price(con_id)))

    def shortfall(self, ticket: OrderTicket, instrument: Instrument) -> str:
        """Why an order cannot be afforded, or nothing. Only what enlarges a position needs margin."""
        held = self.ledger.positions.get(instrument.con_id)
        before = held.quantity if held is not None else Decimal(0)
        after = before + (ticket.quantity if ticket.action == "BUY" else -ticket.quantity)
        needed = self._margin(instrument.con_id, after) - self._margin(instrument.con_id, before)
        if needed <= 0 or needed <= self.net_liquidation() - self.margin_required():
            return ""
        return NOT_ACCEPTED.format(self.net_liquidation(), self.margin_required() + needed)

    def leverages(self, ticket: OrderTicket, instrument: Instrument) -> bool:
        """Whether a trade in a pair needs more of the currency it gives than there is."""
        if instrument.sec_type != "CASH":
            return False
        cash = self.ledger.cash
        if ticket.action == "SELL":
            return ticket.quantity > cash.get(instrument.symbol, Decimal(0))
        price = Decimal(str(ticket.limit_price or float(self.market_price(instrument.con_id))))
        return ticket.quantity * price > cash.get(instrument.currency, Decimal(0))

    def preview(self, ticket: OrderTicket, instrument: Instrument) -> Preview:
        """What an order would cost."""
        price = ticket.limit_price or float(self.market_price(instrument.con_id))
        change = margin(instrument, ticket.quantity, price)
        before = self.margin_required()
        fee = commission(instrument, ticket.quantity, price)
        return Preview(before, before, self.net_liquidation(), change, change, -fee, fee, instrument.currency)

    def exercise(self, i: Instrument, quantity: Decimal, *, exercise: bool) -> list[int]:
        """Books the end of a long option and, if exercised, the trade at its strike. Returns the conIds
        moved.
        """
        zero = Decimal(0)
        self.ledger.apply(i, bought=False, quantity=quantity, price=0.0, fee=zero)
        if not exercise:
            return [i.con_id]
        under = self._instrument(i.under_con_id)
        units = quantity * i.factor / under.factor
        self.ledger.apply(under, bought=i.right == "C", quantity=units, price=i.strike, fee=zero)
        return [i.con_id, under.con_id]
