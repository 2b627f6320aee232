"""What an order is worth, and how far working orders can carry a position.

Worth: price x quantity x unit value, where a unit's value is its multiplier over its price magnifier (a share
quoted in pence is worth a hundredth). A combo's price is net of its legs, by their sides and ratios, and is
multiplied as its legs are.

A combo's position is those of its legs: it is judged in each of them as well as as a whole.

Reach: the least and the most by which a *unit* of orders may still change a position. A unit is what the
gateway ties together: of a one-cancels-all group with block (types 1 and 2) only one member is at work at a
time, an attached child fills only after its parent, and of children of one parent one ends the others (IBKR
API docs, "Bracket Orders", "One Cancels All"). Without block (type 3) all members may fill before any is
reduced, so each counts. A parent of which something is filled may have children at work already.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from msgspec.structs import replace
from twsmq_protocol.instruments import Instrument, format_instrument, parse_instrument
from twsmq_protocol.order_requests import PlaceOrder
from twsmq_protocol.order_types import ORDER_TYPES

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


def parts(instrument: str) -> tuple[tuple[float, str], ...]:
    """What a unit of it changes, by signed ratio: itself, and of a combo each leg."""
    return ((1.0, instrument), *leg_spellings(instrument))


def part(order: Open, ratio: float, contract: str, remaining: float) -> Open:
    """What an order with so much left does in one of its `parts`."""
    side = order.side if ratio > 0 else ("SELL" if order.side == "BUY" else "BUY")
    return replace(order, instrument=contract, side=side, remaining=abs(ratio) * remaining, cash=None)


def cash_units(
    inputs: RiskInputs, order: Open | PlaceOrder, cash: float, limit: float | None
) -> float | None:
    """What an amount of cash buys at the market or a lower limit; None: not known."""
    instrument = order.instrument
    price, value = market_price(inputs, instrument, order.side), inputs.unit_value(instrument)
    if not price or value is None or not inputs.worth_known(instrument):
        return None
    return cash / (min(abs(price), abs(limit or price)) * value)


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


_CAPPED = frozenset(ORDER_TYPES) - {
    "VOL", "PEG BENCH", "PEG STK", "LMT + MKT", "REL + MKT", "REL + LMT"
}  # fmt: skip
"""Types whose limit is the most that a buyer pays. The others price themselves, or a leg at the market."""


def limits_of(order: PlaceOrder, inputs: RiskInputs) -> list[float] | None:
    """The limits an order may trade at: its own, less or more by what it leaves to discretion, what its
    limits for each leg come to, and where a trailing limit begins. None: that is not known."""
    away = float(order.extra.get("discretionaryAmt") or 0.0)
    found = [] if order.limit_price is None else [order.limit_price]
    found += _adjusted(order, "adjustedStopLimitPrice")
    if order.limit_offset is not None and order.trail_stop_price is not None:
        beyond = order.limit_offset if order.side == "BUY" else -order.limit_offset
        found.append(order.trail_stop_price + beyond)
    if order.leg_prices:
        net = _net(order, inputs)
        if net is None:
            return None
        found.append(net)
    return [limit + abs(away) if order.side == "BUY" else limit - abs(away) for limit in found]


def _net(order: PlaceOrder, inputs: RiskInputs) -> float | None:
    legs, unit = leg_spellings(order.instrument), inputs.unit_value(order.instrument)
    worth = [inputs.unit_value(leg) for _, leg in legs]
    if not unit or None in worth or None in order.leg_prices or len(legs) != len(order.leg_prices):
        return None
    rows = zip(legs, order.leg_prices, worth, strict=True)
    return sum(ratio * (price or 0.0) * (each or 0.0) / unit for (ratio, _), price, each in rows)


def _adjusted(order: PlaceOrder, name: str) -> list[float]:
    """A price that a stop has once its trigger is reached, if it has one."""
    if not order.extra or order.extra.get("adjustedOrderType") in (None, "", "None"):
        return []
    price = order.extra.get(name)
    return [float(price)] if isinstance(price, (int, float)) else []


_BESIDE = ("deltaNeutralConId", "deltaNeutralOrderType", "hedgeType", "ptOrderType", "slOrderType")


def trades_beside(order: PlaceOrder) -> str | None:
    """What of an order has the gateway trade more than its quantity: a hedge, orders attached to it by a
    preset, a share of each account's position (FA). How much that is only the gateway knows."""
    for name in _BESIDE if order.extra else ():
        if order.extra.get(name) not in (None, "", "None", 0, False):
            return f"extra.{name}"
    return "extra.faMethod" if order.extra.get("faMethod") == "PctChange" else None


def worst_price(order: PlaceOrder, inputs: RiskInputs) -> float | None:
    """The most a unit may be worth when it trades. A buyer's limit is that; a seller's is the least, and a
    stop that the market has passed already trades at the market. A buyer's trailing stop keeps above the
    market by what it trails."""
    limits = limits_of(order, inputs)
    if limits is None:
        return None
    limit = max(limits, key=abs, default=0.0)
    if order.side == "BUY" and min(limits, default=0.0) > 0 and order.order_type in _CAPPED:
        return max(limits)
    price = market_price(inputs, order.instrument, order.side)
    if price is None:
        return None
    trails = order.trail_amount or abs(price) * (order.trail_percent or 0.0) / 100.0
    stop = abs(price) + trails if order.side == "BUY" else 0.0
    stops = (order.stop_price or 0.0, order.trail_stop_price or 0.0, *_adjusted(order, "adjustedStopPrice"))
    return max(abs(price), abs(limit), stop, *map(abs, stops))


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
            units.append(_either(_with_children(order, children) for order in orphans))
    return sum(low for low, _ in units), sum(high for _, high in units)


def _with_children(order: Open, children: dict[int, list[Open]]) -> Reach:
    """Nothing, the parent, or the parent and then one of its children; of a parent that is partly filled any
    part of the rest."""
    low, high = _alone(order)
    filled = (low + high, 0.0) if order.begun else (low + high,)
    attached = children.get(order.order_id, ()) if order.order_id else ()
    ends = [end for child in attached for end in _with_children(child, children)]
    after = [part + end for part in filled for end in ends]
    return min(low, *after, 0.0), max(high, *after, 0.0)


def _alone(order: Open) -> Reach:
    return (0.0, order.remaining) if order.side == "BUY" else (-order.remaining, 0.0)


def _either(reaches: Iterable[Reach]) -> Reach:
    found = list(reaches)
    return min(low for low, _ in found), max(high for _, high in found)
