"""Margin and commission: what an order costs, for what-if orders, credit checks and commission reports.

Commissions are IBKR's published fixed rates, simplified; margins are a flat share of the notional by security
type (assumptions, listed in the README). Captured: 1.0 USD for 1 AAPL share, 0.62 USD for 1 MES future.
"""

from decimal import ROUND_HALF_UP, Decimal

import msgspec

from twsmq_simulator.market.instruments import Instrument

CENT = Decimal("0.01")
MARGIN_RATE = {
    "STK": Decimal("0.25"),
    "CFD": Decimal("0.2"),
    "CASH": Decimal("0.03"),
    "FUT": Decimal("0.08"),
    "BOND": Decimal("0.1"),
    "CMDTY": Decimal("0.1"),
}
_FUTURE_COMMISSION = {"MES": Decimal("0.62")}


class Preview(msgspec.Struct, frozen=True):
    """Account figures before an order and what it would change, in `currency`."""

    initial_before: Decimal
    maintenance_before: Decimal
    equity_before: Decimal
    initial_change: Decimal
    maintenance_change: Decimal
    equity_change: Decimal
    commission: Decimal
    currency: str


def commission(i: Instrument, quantity: Decimal, price: float) -> Decimal:
    """The commission of one whole order of `quantity` units at `price`."""
    value = quantity * Decimal(str(abs(price))) * i.factor
    match i.sec_type:
        case "STK":
            amount = max(Decimal(1), quantity * Decimal("0.005"))
            amount = min(amount, max(CENT, value * Decimal("0.01")))
            if quantity >= 1:
                amount = max(amount, min(Decimal(1), value))
        case "OPT" | "FOP":
            amount = max(Decimal(1), quantity * Decimal("0.65"))
        case "FUT":
            amount = quantity * _FUTURE_COMMISSION.get(i.symbol, Decimal("2.25"))
        case "CASH":
            amount = max(Decimal(2), value * Decimal("0.00002"))
        case "CRYPTO":
            amount = max(min(Decimal("1.75"), value * CENT), value * Decimal("0.0018"))
        case "BAG":
            amount = quantity * Decimal("0.65") * len(i.legs)
        case _:
            amount = max(Decimal(1), value * Decimal("0.0001"))
    return amount.quantize(Decimal("0.0001"), ROUND_HALF_UP).normalize() + Decimal("0.0")


def margin(i: Instrument, quantity: Decimal, price: float) -> Decimal:
    """Maintenance margin of a position of `quantity` units, always positive; options long are paid in
    full.
    """
    rate = MARGIN_RATE.get(i.sec_type, Decimal(1))
    return (abs(quantity) * Decimal(str(abs(price))) * i.factor * rate).quantize(CENT)
