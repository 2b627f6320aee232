"""What an order is worth, and how far working orders can carry a position.

Worth: price x quantity x unit value, where a unit's value is its multiplier over its price magnifier (a share
quoted in pence is worth a hundredth). A combo's price is net of its legs, by their sides and ratios, and is
multiplied as its legs are.

Reach: the least and the most by which a *unit* of orders may still change a position. A unit is what the
gateway ties together: of a one-cancels-all group only one member fills, an attached child fills only after
its parent, and of children of one parent one ends the others (IBKR API docs, "Bracket Orders", "One Cancels
All").
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from twsmq_protocol.instruments import Instrument, format_instrument, parse_instrument
from twsmq_protocol.order_requests import PlaceOrder

from .inputs import Open, RiskInputs

Reach = tuple[float, float]
_parsed = lru_cache(4096)(parse_instrument)


def leg_spellings(instrument: str) -> tuple[tuple[float, str], ...]:
    """Signed ratio and spelling of each leg of a combo; empty for anything else."""
    legs = _parsed(instrument).legs
    return tuple(
        (
            -leg.ratio if leg.sell else leg.ratio,
            format_instrument(Instrument(con_id=leg.con_id, exchange=leg.exchange)),
        )
        for leg in legs
    )


def market_price(inputs: RiskInputs, instrument: str, side: str) -> float | None:
    """What a unit would pay or get now; a combo without a quote of its own by those of its legs."""
    market = inputs.market(instrument)
    price = None if market is None else market.price(side)
    legs = leg_spellings(instrument)
    if price is not None or not legs:
        return price
    unit = inputs.unit_value(instrument)
    total = 0.0
    for ratio, leg in legs:
        quote, worth = inputs.market(leg), inputs.unit_value(leg)
        each = None if quote is None else quote.price("BUY" if (ratio > 0) == (side == "BUY") else "SELL")
        if each is None or worth is None or not unit:
            return None
        total += ratio * each * worth / unit
    return total


def worst_price(order: PlaceOrder, inputs: RiskInputs) -> float | None:
    """The most a unit may be worth when it trades. A buyer's limit is that; a seller's is the least, and a
    stop that the market has passed already trades at the market."""
    if order.side == "BUY" and order.limit_price is not None and order.limit_price > 0:
        return order.limit_price
    price = market_price(inputs, order.instrument, order.side)
    if price is None:
        return None
    return max(abs(price), abs(order.limit_price or 0.0), abs(order.stop_price or 0.0))


def reach(orders: Iterable[Open]) -> Reach:
    """The least and the most by which they may change the position, all together."""
    units: list[Reach] = []
    everything = list(orders)
    parents = {order.order_id for order in everything if order.order_id}
    children: dict[int, list[Open]] = {}
    groups: dict[str, list[Open]] = {}
    rest: list[Open] = []
    for order in everything:
        if order.parent_id:
            children.setdefault(order.parent_id, []).append(order)
        elif order.oca:
            groups.setdefault(order.oca, []).append(order)
        else:
            rest.append(order)
    for order in rest:
        units.append(_with_children(order, children))
    for group in groups.values():
        units.append(_either(_with_children(order, children) for order in group))
    for parent_id, orphans in children.items():
        if parent_id not in parents:  # the parent is done: one of them fills
            units.append(_either(map(_alone, orphans)))
    return sum(low for low, _ in units), sum(high for _, high in units)


def _with_children(order: Open, children: dict[int, list[Open]]) -> Reach:
    """Nothing, the parent, or the parent and then one of its children."""
    low, high = _alone(order)
    filled = low + high
    attached = children.get(order.order_id, ()) if order.order_id else ()
    after = [filled + end for child in attached for end in _with_children(child, children)]
    return min(low, *after, 0.0), max(high, *after, 0.0)


def _alone(order: Open) -> Reach:
    return (0.0, order.remaining) if order.side == "BUY" else (-order.remaining, 0.0)


def _either(reaches: Iterable[Reach]) -> Reach:
    found = list(reaches)
    return min(low for low, _ in found), max(high for _, high in found)
