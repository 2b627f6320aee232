"""Corporate actions: a split, a reverse split that gives the share a new conId, another ticker.

As seen in account statements: a reverse split ends the old conId, which lives on as XXX.OLD, and a ticker may
change while the conId stays.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace

from twsmq_simulator.broker.cancelling import finish_cancel
from twsmq_simulator.broker.effects import AccountChanged, Effect
from twsmq_simulator.broker.state import State
from twsmq_simulator.market.exchange import Exchange
from twsmq_simulator.market.instruments import Instrument, derived_con_id

CANCELLED = "Corporate action"


def split(
    state: State, exchange: Exchange, stock: Instrument, ratio: float, now: int
) -> tuple[list[Effect], int]:
    """The effects and the conId that the share has afterwards."""
    effects: list[Effect] = []
    for order in state.orders.active():
        if order.con_id == stock.con_id and not state.orders[order.perm_id].is_final:
            effects += finish_cancel(state, replace(order, cancel_reason=CANCELLED), now)
    con_id = stock.con_id
    if ratio >= 1:
        exchange.split(con_id, ratio)
    else:
        con_id = _renewed(exchange, stock, ratio, now)
    held = state.ledger.positions.get(stock.con_id)
    if held is not None and held.quantity:
        factor = Decimal(str(ratio))
        quantity = (held.quantity * factor).quantize(stock.size_unit)
        if con_id != stock.con_id:
            state.ledger.positions[stock.con_id] = replace(held, quantity=Decimal(0))
            state.save_position(stock.con_id)
        moved = replace(held, con_id=con_id, quantity=quantity, cost=held.cost / factor)
        state.ledger.positions[con_id] = moved
        state.save_position(con_id)
        effects += [AccountChanged(each) for each in dict.fromkeys((stock.con_id, con_id))]
    return effects, con_id


def _renewed(exchange: Exchange, stock: Instrument, ratio: float, now: int) -> int:
    con_id = derived_con_id("STK", stock.symbol, now)
    ended = f"{stock.symbol}.OLD"
    exchange.rename(replace(stock, symbol=ended, local_symbol=ended, tradable=False))
    new = replace(stock, con_id=con_id, path_of=stock.path_of or stock.con_id)
    exchange.inherit(new, stock.con_id, ratio)
    return con_id


def renamed(exchange: Exchange, stock: Instrument, symbol: str) -> Instrument:
    new = replace(stock, symbol=symbol, local_symbol=symbol)
    exchange.rename(new)
    return new
