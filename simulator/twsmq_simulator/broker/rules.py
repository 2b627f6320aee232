"""The gateway's own checks of an order, before any of it reaches the broker.

A refusal is one error message and nothing else: no openOrder, no orderStatus (captured at 200 and 225). Codes
and texts are captured or from the gateway's message table; the letters in "-'bN'" change from build to build.
"""

from decimal import Decimal
from typing import Final

import msgspec

from twsmq_simulator.broker.ticket import OrderTicket
from twsmq_simulator.errors import RequestRefused
from twsmq_simulator.market.instruments import Instrument
from twsmq_simulator.market.times import parse_time

TRIGGERED: Final = frozenset({"STP", "STP LMT", "TRAIL", "TRAIL LIMIT", "MIT", "LIT", "STP PRT"})
PEGGED: Final = frozenset(
    {
        "REL",
        "PEG MID",
        "PEGMID",
        "PEG MKT",
        "PEG PRIM",
        "MIDPRICE",
        "SNAP MID",
        "SNAP MKT",
        "SNAP PRIM",
        "PASSV REL",
        "PEG STK",
        "PEG BEST",
        "PEGBEST",
    }
)
ON_CLOSE: Final = frozenset({"MOC", "LOC"})
NEEDS_LIMIT: Final = frozenset({"LMT", "STP LMT", "LIT", "LOC", "LOO"})
NEEDS_AUX: Final = frozenset({"STP", "STP LMT", "MIT", "LIT", "STP PRT"})
MARKET: Final = frozenset({"MKT", "MTL", "BOX TOP", "MKT PRT", "MOC", "MOO"})
ORDER_TYPES: Final = (
    TRIGGERED | PEGGED | ON_CLOSE | MARKET | {"LMT", "LOO", "LWH", "PEG BENCH", "PEGBENCH", "VOL"}
)
TIFS: Final = frozenset(
    {"", "DAY", "GTC", "IOC", "GTD", "OPG", "FOK", "DTC", "GTX", "AUC", "MINUTES", "OVERNIGHT"}
)
BAD_DATE: Final = (  # IBKR's list of codes
    "The date, time, or time-zone entered is invalid. The correct format is yyyymmdd hh:mm:ss xx/xxxx where "
    "yyyymmdd and xx/xxxx are optional. E.g.: 20031126 15:59:00 US/Eastern"
)
MAX_QUANTITY: Final = Decimal(10**9)


class HouseRules(msgspec.Struct, frozen=True):
    """What differs between accounts and gateways. `empty_tif`: "day" as for text clients, or "refused"
    (captured at 225); `fx_leverage`: "allowed", or "refused" as for accounts without it; `previews`:
    "margin", or "none" where the gateway has no margins to show.
    """

    empty_tif: str = "day"
    fx_leverage: str = "allowed"
    previews: str = "margin"


HOUSE_RULES: Final[dict[str, tuple[str, str]]] = {
    "empty_tif": ("day", "refused"),
    "fx_leverage": ("allowed", "refused"),
    "previews": ("margin", "none"),
}
FX_LEVERAGE: Final = "FX trade would expose account to currency leverage."


def validation_error(cause: str) -> RequestRefused:
    return RequestRefused(321, f"Error validating request.-'bN' : cause - {cause}")


def check(ticket: OrderTicket, instrument: Instrument, accounts: tuple[str, ...], house: HouseRules) -> None:
    """Raises RequestRefused with the code a gateway uses; the caller adds the order id."""
    if ticket.etrade_only:
        raise RequestRefused(10268, "The 'EtradeOnly' order attribute is not supported.")
    if ticket.firm_quote_only:
        raise RequestRefused(10269, "The 'FirmQuoteOnly' order attribute is not supported.")
    if ticket.nbbo_price_cap is not None:
        raise RequestRefused(10270, "The 'NbboPriceCap' order attribute is not supported.")
    if ticket.action not in ("BUY", "SELL", "SSHORT", "SLONG"):
        raise validation_error("Invalid order action was entered")
    if ticket.order_type not in ORDER_TYPES:
        raise validation_error("Invalid order type was entered")
    if not ticket.tif and house.empty_tif == "refused":
        raise RequestRefused(10052, "Invalid time in force:Empty")
    if ticket.tif not in TIFS:
        raise validation_error("Invalid time in force was entered")
    if not ticket.contract.exchange and not ticket.contract.con_id:
        raise validation_error("Missing order exchange")
    if ticket.account and ticket.account not in accounts:
        raise validation_error("Invalid account code")
    _check_dates(ticket)
    _check_size(ticket, instrument)
    _check_prices(ticket, instrument)
    if not instrument.tradable:
        raise RequestRefused(201, "Order rejected - reason:No trading permissions for this contract.")


def _check_size(ticket: OrderTicket, instrument: Instrument) -> None:
    if ticket.quantity == 0 and not ticket.cash_quantity:
        raise RequestRefused(434, "The order size cannot be zero.")
    if not 0 <= ticket.quantity <= MAX_QUANTITY:
        raise validation_error("Invalid order quantity was entered")
    if ticket.quantity % 1 and ticket.quantity % instrument.size_unit:
        raise RequestRefused(10318, "This order doesn't support fractional quantity trading")


def _check_prices(ticket: OrderTicket, instrument: Instrument) -> None:
    if ticket.order_type in NEEDS_LIMIT and ticket.limit_price is None:
        raise RequestRefused(463, "You must enter a valid price.")
    if ticket.order_type in NEEDS_AUX and not ticket.aux_price:
        raise RequestRefused(463, "You must enter a valid price.")
    if ticket.order_type.startswith("TRAIL") and not (ticket.aux_price or ticket.trailing_percent):
        raise RequestRefused(463, "You must enter a valid price.")
    priced = ticket.order_type in NEEDS_LIMIT
    prices = [p for p in (ticket.limit_price, ticket.aux_price) if p is not None]
    if instrument.sec_type != "BAG" and (any(p < 0 for p in prices) or (priced and ticket.limit_price == 0)):
        raise RequestRefused(463, "You must enter a valid price.")
    if ticket.order_type in NEEDS_AUX:
        on_steps = (ticket.limit_price, ticket.aux_price)
    else:  # `auxPrice` is how far it trails or keeps off
        on_steps = (ticket.limit_price, ticket.trail_stop_price)
    if any(price is not None and not on_tick(price, instrument.min_tick) for price in on_steps):
        raise RequestRefused(
            110, "The price does not conform to the minimum price variation for this contract."
        )


def check_child(ticket: OrderTicket, parent: OrderTicket) -> None:
    """Captured at 225 for a TRAIL attached to a MKT; the group stays staged."""
    if ticket.order_type in ("TRAIL", "TRAIL LIMIT") and parent.order_type not in ("LMT", "STP LMT"):
        text = "Trailing stop orders can be attached to limit or stop-limit orders only."
        raise RequestRefused(328, text)


def _check_dates(ticket: OrderTicket) -> None:
    for text in (ticket.good_till_date if ticket.tif == "GTD" else "", ticket.good_after_time):
        if text and parse_time(text) is None:
            raise RequestRefused(391, BAD_DATE)


def on_tick(price: float, tick: float) -> bool:
    return abs(price / tick - round(price / tick)) < 1e-6
