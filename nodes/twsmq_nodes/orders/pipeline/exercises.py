"""Options that are exercised, or let lapse, on demand.

Such an instruction is no order, but has a key and a life like one: journaled before its bytes leave, once for
its key, refused by an error about its id. A gateway answers with 10349 and an order of the same id that
works, a purchase at a limit of 0 (captured at server version 225, August 2026; ibkr-go). Whether its lists
show that order, and how its end is reported, has not been captured: so nothing proves one absent, and where
no report of it comes any more it is `unknown`, until an operator who has seen the positions says what
became of it. No request takes it back.
"""

from __future__ import annotations

from twsmq_protocol.instruments import Instrument, format_instrument, parse_instrument
from twsmq_protocol.order_events import Order
from twsmq_protocol.order_requests import ExerciseOption, PlaceOrder

from twsmq_nodes.tws import requests as tws
from twsmq_nodes.tws.instruments import contract_of

EXERCISE, LAPSE = 1, 2
_ORDER_TYPES = {"exercise": "EXERCISE", "lapse": "LAPSE"}
_SEE = "see the positions of the option and of what it is on, then resolve_order (`twsmq order resolve`)"
NOT_CONFIRMED = f"the gateway has not confirmed it, and no list need show it: {_SEE}"
GONE = f"the gateway had confirmed it on an earlier day; what became of it no list tells: {_SEE}"


def instruction(args: ExerciseOption, order_id: int, account: str) -> tws.ExerciseOptions:
    action = EXERCISE if args.action == "exercise" else LAPSE
    contract = contract_of(parse_instrument(args.instrument))
    return tws.ExerciseOptions(order_id, contract, action, args.quantity, account, int(args.override))


def pending(args: ExerciseOption, order_id: int, account: str) -> Order:
    """It ends a long option, like a sale."""
    return Order(
        client_order_id=args.client_order_id,
        strategy=args.strategy,
        instrument=args.instrument,
        side="SELL",
        quantity=float(args.quantity),
        order_type=_ORDER_TYPES[args.action],
        status="pending",
        order_id=order_id,
        account=account,
        remaining=float(args.quantity),
    )


USUAL = 100.0
"""Shares to an option, where nobody asks how many."""


def trade_of(args: ExerciseOption, shares: float | None = None) -> PlaceOrder | None:
    """The trade that follows, for the risk limits: of so many `shares` to an option, at the strike. None:
    nothing is traded. What the underlying of other options is their spelling does not say: those count as the
    sale they are."""
    if args.action == "lapse":
        return None
    option = parse_instrument(args.instrument)
    if option.sec_type != "OPT" or not option.strike:
        return _order(args, args.instrument, "SELL", float(args.quantity), option.strike)
    stock = Instrument(sec_type="STK", symbol=option.symbol, exchange="SMART", currency=option.currency)
    units = args.quantity * (shares or USUAL)
    side = "BUY" if option.right == "C" else "SELL"
    return _order(args, format_instrument(stock), side, units, option.strike)


def _order(args: ExerciseOption, instrument: str, side: str, quantity: float, price: float) -> PlaceOrder:
    return PlaceOrder(
        strategy=args.strategy,
        client_order_id=args.client_order_id,
        instrument=instrument,
        side="BUY" if side == "BUY" else "SELL",
        quantity=quantity,
        order_type="LMT" if price else "MKT",
        limit_price=price or None,
    )
