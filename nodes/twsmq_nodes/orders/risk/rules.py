"""The rules: one row each in RULES, in the order in which they are asked.

A check answers None (it may go), a `Refusal` (limit and value), or `Unknown` (an input is not there). It is
asked only where its limit is set. `on_change`: also for a modification of a working order. `exposure`: it
limits what is at risk, so what only reduces a position passes it while the layer's `reduce_only_passes`
holds. `looks_back_s`: how old orders in its `Candidate.sent` may be; without it there are none.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

from msgspec import Struct
from twsmq_protocol.order_requests import PlaceOrder
from twsmq_protocol.risk_limits import RiskLimits

from twsmq_nodes.tws.gateway_times import NS

from .arithmetic import (
    cash_units,
    leg_spellings,
    limits_of,
    market_price,
    part,
    parts,
    reach,
    trades_beside,
    worst_price,
)
from .inputs import Candidate, Open
from .steps import IF_TOUCHED, PRICES, is_multiple


class Refusal(Struct, frozen=True):
    limit: object
    value: object
    field: str | None = None


class Unknown(Struct, frozen=True):
    """`what` is not known at present."""

    what: str


Outcome = Refusal | Unknown | None


class Rule(Struct, frozen=True):
    """`name`: the limit in `RiskLimits`. `exposure`: it bounds what may be held, which an order that reduces
    does not add to. `beside`: it judges whatever the gateway trades for the order; so does `exposure`."""

    name: str
    check: Callable[[Candidate], Outcome]
    on_change: bool = False
    exposure: bool = False
    beside: bool = False
    looks_back_s: Callable[[RiskLimits], float] | None = None


def only_reduces(candidate: Candidate) -> bool | None:
    """Whether the position can only come nearer to 0 by this order, all others of its side filled as well but
    those that were not placed here; of a combo that in each leg. None: not known."""
    order = candidate.order
    quantity = _units(candidate, candidate.own.remaining)
    if quantity is None or trades_beside(order) is not None:
        return None
    outcomes = {
        _reduces(candidate, part(candidate.own, *each, quantity)) for each in held_as(order.instrument)
    }
    return False if False in outcomes else None if None in outcomes else True


def held_as(instrument: str) -> tuple[tuple[float, str], ...]:
    """What a unit of it changes of what can be held: a combo is held as its legs."""
    return leg_spellings(instrument) or ((1.0, instrument),)


def _reduces(candidate: Candidate, own: Open) -> bool | None:
    """Likewise of one contract, and of a strategy in the order's own account: elsewhere it would only open
    another position."""
    within = candidate.within
    position = candidate.inputs.position(candidate.scope, candidate.name, own.instrument, within)
    if position is None:
        return None
    if not position or (position > 0) == (own.side == "BUY"):
        return False
    others = _working(candidate, own.instrument)
    if others is None:
        return None
    there = [one for one in others if not one.foreign and (not within or one.account in (within, ""))]
    low, high = reach([*there, own])
    return position + low >= 0 if position > 0 else position + high <= 0


def _trading_windows(candidate: Candidate) -> Outcome:
    windows = candidate.limits.trading_windows or ()
    clock = f"{datetime.fromtimestamp(candidate.ns / NS, ZoneInfo(candidate.limits.time_zone)):%H:%M}"
    for window in windows:
        begin, _, end = window.partition("-")
        if begin <= clock < end if begin <= end else clock >= begin or clock < end:
            return None
    return Refusal(", ".join(windows), clock)


def _order_types(candidate: Candidate) -> Outcome:
    """Also those it becomes at a trigger."""
    allowed, order = candidate.limits.order_types or (), candidate.order
    if order.order_type not in allowed:
        return Refusal(", ".join(allowed), order.order_type, "order_type")
    later = order.extra.get("adjustedOrderType") or "None"
    return (
        None if later in (*allowed, "None") else Refusal(", ".join(allowed), later, "extra.adjustedOrderType")
    )


def _instruments(candidate: Candidate) -> Outcome:
    allowed, asked = candidate.limits.instruments or (), candidate.order.instrument
    fits = any(asked.startswith(p[:-1]) if p.endswith("*") else asked == p for p in allowed)
    return None if fits else Refusal(", ".join(allowed), asked, "instrument")


def _max_order_quantity(candidate: Candidate) -> Outcome:
    quantity, most = _units(candidate, candidate.order.quantity), candidate.limits.max_order_quantity or 0.0
    if quantity is None:
        return _cash_buys(candidate)
    return Refusal(most, quantity, "quantity") if quantity > most else None


def _max_order_notional(candidate: Candidate) -> Outcome:
    order, inputs = candidate.order, candidate.inputs
    notional, proved = order.cash_quantity, True
    if notional is None:
        price = worst_price(order, inputs)
        if price is None:
            return Unknown(_quote_of(order) if limits_of(order, inputs) is not None else _legs_of(order))
        value = inputs.unit_value(order.instrument)
        if value is None:
            return Unknown(_worth_of(order))
        notional, proved = abs(price) * order.quantity * value, inputs.worth_known(order.instrument)
    most = candidate.limits.max_order_notional or 0.0
    if notional <= most:
        return None
    return Refusal(most, notional, "quantity") if proved else Unknown(_worth_of(order))


def _price_collar(candidate: Candidate) -> Outcome:
    """A limit far better than the market only rests; one far worse is a slip. A stop rests until the market
    is at its trigger, which lies beyond it; so does an order if touched, whose trigger is better: one that
    the market has passed already is no trigger."""
    order, collar = candidate.order, candidate.limits.price_collar or 0.0
    limits = limits_of(order, candidate.inputs)
    if limits is None:
        return Unknown(_legs_of(order))
    if not limits:
        return None
    price = market_price(candidate.inputs, order.instrument, order.side)
    if not price:
        return Unknown(_quote_of(order))
    begins = order.stop_price if order.trail_stop_price is None else order.trail_stop_price
    if begins is not None:
        dearer = (order.side == "BUY") != (order.order_type in IF_TOUCHED)
        price = max(price, begins) if dearer else min(price, begins)
    worse = max(limits) - price if order.side == "BUY" else price - min(limits)
    return Refusal(collar, worse / abs(price), "limit_price") if worse > abs(price) * collar else None


def _round(candidate: Candidate) -> Outcome:
    """A combo's price is net of its legs and has no steps in the gateway's database. What stands at the
    gateway was taken there, or is its own: a stop that trails by percent."""
    order = candidate.order
    if leg_spellings(order.instrument):
        return None
    steps = candidate.inputs.steps(order.instrument)
    if steps is None:
        return Unknown(f"the price increments of {order.instrument}")
    for name in PRICES:
        price: float | None = None if name in candidate.stands else getattr(order, name)
        step = None if price is None else steps.at(price)
        if price is not None and step is not None and not is_multiple(price, step):
            return Refusal(f"a multiple of {step:g}", repr(price), name)
    if steps.size and order.cash_quantity is None and not is_multiple(order.quantity, steps.size):
        return Refusal(f"a multiple of {steps.size:g}", repr(order.quantity), "quantity")
    return None


def _max_orders_per_second(candidate: Candidate) -> Outcome:
    most = candidate.limits.max_orders_per_second or 0
    return Refusal(most, most + 1) if len(candidate.sent) >= most else None


def _duplicate_s(candidate: Candidate) -> Outcome:
    for sent in candidate.sent:
        if _but_for_its_id(candidate.order, sent.order):
            return Refusal(candidate.limits.duplicate_s, f"like {sent.order.client_order_id}")
    return None


def _max_open_orders(candidate: Candidate) -> Outcome:
    most, there = candidate.limits.max_open_orders or 0, sum(not one.executed for one in candidate.mine)
    return Refusal(most, there + 1) if there >= most else None


def _max_orders_per_side(candidate: Candidate) -> Outcome:
    most, side = candidate.limits.max_orders_per_side or 0, candidate.order.side
    same, instrument = candidate.inputs.same, candidate.order.instrument
    there = sum(
        one.account in (candidate.account, "")
        and one.side == side
        and not one.executed
        and same(one.instrument, instrument) is not False
        for one in candidate.mine
    )
    return Refusal(most, there + 1, "side") if there >= most else None


def _max_position(candidate: Candidate) -> Outcome:
    """As if whatever may still fill on its side did. Coming nearer to 0 is never forbidden. A combo is judged
    in each of its legs too."""
    if candidate.more <= 0:
        return None
    quantity = _units(candidate, candidate.own.remaining)
    if quantity is None:
        return _cash_buys(candidate)
    for ratio, contract in parts(candidate.order.instrument):
        outcome = _reaches(candidate, part(candidate.own, ratio, contract, quantity))
        if outcome is not None:
            return outcome
    return None


def _reaches(candidate: Candidate, own: Open) -> Outcome:
    """How far the position in one contract may come."""
    most = candidate.limits.max_position or 0.0
    position = candidate.inputs.position(candidate.scope, candidate.name, own.instrument)
    if position is None:
        return Unknown(f"the position of {candidate.name} in {own.instrument}")
    others = _working(candidate, own.instrument)
    if others is None:
        return Unknown(f"what working orders for an amount of cash buy of {own.instrument}")
    low, high = reach([*others, own])
    after = position + (high if own.side == "BUY" else low)
    nearer = min(0.0, position) <= after <= max(0.0, position)
    return Refusal(most, abs(after), "quantity") if abs(after) > most and not nearer else None


def _max_daily_loss(candidate: Candidate) -> Outcome:
    """Of modifications only those that make an order larger are forbidden."""
    if candidate.more <= 0:
        return None
    most = candidate.limits.max_daily_loss or 0.0
    result = candidate.inputs.daily_pnl(candidate.scope, candidate.name, candidate.ns)
    if result is None:
        return Unknown(f"the day's result of {candidate.name}")
    return Refusal(most, -result) if result < -most else None


RULES: tuple[Rule, ...] = (
    Rule("trading_windows", _trading_windows, on_change=True),
    Rule("order_types", _order_types, on_change=True, beside=True),
    Rule("instruments", _instruments),
    Rule("max_order_quantity", _max_order_quantity, on_change=True, exposure=True),
    Rule("max_order_notional", _max_order_notional, on_change=True, exposure=True),
    Rule("price_collar", _price_collar, on_change=True),
    Rule("round", _round, on_change=True),
    Rule("max_orders_per_second", _max_orders_per_second, looks_back_s=lambda _: 1.0),
    Rule("duplicate_s", _duplicate_s, looks_back_s=lambda limits: limits.duplicate_s or 0.0),
    Rule("max_open_orders", _max_open_orders, exposure=True),
    Rule("max_orders_per_side", _max_orders_per_side),
    Rule("max_position", _max_position, on_change=True, exposure=True),
    Rule("max_daily_loss", _max_daily_loss, on_change=True, exposure=True),
)
OPTIONS = frozenset(("time_zone", "missing", "reduce_only_passes"))
"""Fields of `RiskLimits` that limit nothing themselves: they say how rules are read."""


def _working(candidate: Candidate, instrument: str) -> list[Open] | None:
    """What works in one contract, or in one that may be the same, by itself or as the leg of a combo. None:
    it is not known what an order for an amount of cash buys."""
    inputs, found = candidate.inputs, list[Open]()
    for one in candidate.mine:
        for ratio, contract in parts(one.instrument):
            if inputs.same(contract, instrument) is False:
                continue
            cash = one.cash
            remaining = one.remaining if cash is None else cash_units(inputs, one, cash, one.limit)
            if remaining is None:
                return None
            found.append(part(one, ratio, contract, remaining))
    return found


def _units(candidate: Candidate, quantity: float) -> float | None:
    """`quantity`, or what an amount of cash buys at the market or a lower limit."""
    order = candidate.order
    if order.cash_quantity is None:
        return quantity
    return cash_units(candidate.inputs, order, order.cash_quantity, order.limit_price)


def _cash_buys(candidate: Candidate) -> Unknown:
    """Why that is not known."""
    order = candidate.order
    known = candidate.inputs.worth_known(order.instrument)
    return Unknown(_quote_of(order) if known else _worth_of(order))


def _worth_of(order: PlaceOrder) -> str:
    return f"what a price of {order.instrument} is worth (its multiplier and magnifier)"


def _legs_of(order: PlaceOrder) -> str:
    return f"what the limits of the legs of {order.instrument} come to"


def _quote_of(order: PlaceOrder) -> str:
    return f"a live quote of {order.instrument}"


def _but_for_its_id(order: PlaceOrder, other: PlaceOrder) -> bool:
    names = set(order.__struct_fields__) - {"client_order_id"}
    return order.client_order_id != other.client_order_id and all(
        getattr(order, name) == getattr(other, name) for name in names
    )
