"""The rules: one row each in RULES, in the order in which they are asked.

A check answers None (it may go), a `Refusal` (limit and value), or `Unknown` (an input is not there). It is
asked only where its limit is set. `on_change`: also for a modification of a working order. `exposure`: it
limits what is at risk, so what only reduces a position passes it while the layer's `reduce_only_passes`
holds.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

from msgspec import Struct
from msgspec.structs import replace
from twsmq_protocol.order_requests import PlaceOrder

from twsmq_nodes.tws.gateway_times import NS

from .arithmetic import leg_spellings, market_price, reach, worst_price
from .inputs import Candidate, Open
from .steps import PRICES, is_multiple


class Refusal(Struct, frozen=True):
    limit: object
    value: object
    field: str | None = None


class Unknown(Struct, frozen=True):
    """`what` is not known at present."""

    what: str


Outcome = Refusal | Unknown | None


class Rule(Struct, frozen=True):
    """`name`: the limit in `RiskLimits`."""

    name: str
    check: Callable[[Candidate], Outcome]
    on_change: bool = False
    exposure: bool = False


def only_reduces(candidate: Candidate) -> bool | None:
    """Whether the position can only come nearer to 0 by this order, all others of its side filled as well.
    None: not known."""
    order, inputs = candidate.order, candidate.inputs
    position = inputs.position(candidate.scope, candidate.name, order.instrument)
    if position is None:
        return None
    if not position or (position > 0) == (order.side == "BUY"):
        return False
    quantity = _units(candidate, order.quantity)
    if quantity is None:
        return None
    low, high = reach([*_alike(candidate), _own(candidate, quantity)])
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
    allowed, asked = candidate.limits.order_types or (), candidate.order.order_type
    return None if asked in allowed else Refusal(", ".join(allowed), asked, "order_type")


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
            return Unknown(_quote_of(order))
        value = inputs.unit_value(order.instrument)
        if value is None:
            return Unknown(_worth_of(order))
        notional, proved = abs(price) * order.quantity * value, inputs.worth_known(order.instrument)
    most = candidate.limits.max_order_notional or 0.0
    if notional <= most:
        return None
    return Refusal(most, notional, "quantity") if proved else Unknown(_worth_of(order))


def _price_collar(candidate: Candidate) -> Outcome:
    """A limit far better than the market only rests; one far worse is a slip."""
    order, collar = candidate.order, candidate.limits.price_collar or 0.0
    if order.limit_price is None:
        return None
    price = market_price(candidate.inputs, order.instrument, order.side)
    if not price:
        return Unknown(_quote_of(order))
    worse = order.limit_price - price if order.side == "BUY" else price - order.limit_price
    return Refusal(collar, worse / abs(price), "limit_price") if worse > abs(price) * collar else None


def _round(candidate: Candidate) -> Outcome:
    """A combo's price is net of its legs and has no steps in the gateway's database."""
    order = candidate.order
    if leg_spellings(order.instrument):
        return None
    steps = candidate.inputs.steps(order.instrument)
    if steps is None:
        return Unknown(f"the price increments of {order.instrument}")
    for name in PRICES:
        price: float | None = getattr(order, name)
        step = None if price is None else steps.at(price)
        if price is not None and step is not None and not is_multiple(price, step):
            return Refusal(f"a multiple of {step:g}", repr(price), name)
    if steps.size and order.cash_quantity is None and not is_multiple(order.quantity, steps.size):
        return Refusal(f"a multiple of {steps.size:g}", repr(order.quantity), "quantity")
    return None


def _max_orders_per_second(candidate: Candidate) -> Outcome:
    most = candidate.limits.max_orders_per_second or 0
    lately = sum(sent.ns > candidate.ns - NS for sent in candidate.sent)
    return Refusal(most, most + 1) if lately >= most else None


def _duplicate_s(candidate: Candidate) -> Outcome:
    seconds = candidate.limits.duplicate_s or 0.0
    since = candidate.ns - int(seconds * NS)
    for sent in candidate.sent:
        if sent.ns > since and _but_for_its_id(candidate.order, sent.order):
            return Refusal(seconds, f"like {sent.order.client_order_id}")
    return None


def _max_open_orders(candidate: Candidate) -> Outcome:
    most, there = candidate.limits.max_open_orders or 0, len(candidate.mine)
    return Refusal(most, there + 1) if there >= most else None


def _max_orders_per_side(candidate: Candidate) -> Outcome:
    most, side = candidate.limits.max_orders_per_side or 0, candidate.order.side
    there = sum(one.account == candidate.account and one.side == side for one in _alike(candidate))
    return Refusal(most, there + 1, "side") if there >= most else None


def _max_position(candidate: Candidate) -> Outcome:
    """As if whatever may still fill on its side did. Coming nearer to 0 is never forbidden."""
    order, most = candidate.order, candidate.limits.max_position or 0.0
    if candidate.more <= 0:
        return None
    position = candidate.inputs.position(candidate.scope, candidate.name, order.instrument)
    if position is None:
        return Unknown(f"the position of {candidate.name} in {order.instrument}")
    quantity = _units(candidate, candidate.own.remaining)
    if quantity is None:
        return _cash_buys(candidate)
    low, high = reach([*_alike(candidate), _own(candidate, quantity)])
    after = position + (high if order.side == "BUY" else low)
    nearer = min(0.0, position) <= after <= max(0.0, position)
    return Refusal(most, abs(after), "quantity") if abs(after) > most and not nearer else None


def _max_daily_loss(candidate: Candidate) -> Outcome:
    most = candidate.limits.max_daily_loss or 0.0
    result = candidate.inputs.daily_pnl(candidate.scope, candidate.name, candidate.ns)
    if result is None:
        return Unknown(f"the day's result of {candidate.name}")
    return Refusal(most, -result) if result < -most else None


RULES: tuple[Rule, ...] = (
    Rule("trading_windows", _trading_windows, on_change=True),
    Rule("order_types", _order_types),
    Rule("instruments", _instruments),
    Rule("max_order_quantity", _max_order_quantity, on_change=True, exposure=True),
    Rule("max_order_notional", _max_order_notional, on_change=True, exposure=True),
    Rule("price_collar", _price_collar, on_change=True),
    Rule("round", _round, on_change=True),
    Rule("max_orders_per_second", _max_orders_per_second),
    Rule("duplicate_s", _duplicate_s),
    Rule("max_open_orders", _max_open_orders, exposure=True),
    Rule("max_orders_per_side", _max_orders_per_side),
    Rule("max_position", _max_position, on_change=True, exposure=True),
    Rule("max_daily_loss", _max_daily_loss, exposure=True),
)
OPTIONS = frozenset(("time_zone", "missing", "reduce_only_passes"))
"""Fields of `RiskLimits` that limit nothing themselves: they say how rules are read."""


def _alike(candidate: Candidate) -> list[Open]:
    """What works in the same contract, or in one that may be the same."""
    same, instrument = candidate.inputs.same, candidate.order.instrument
    return [one for one in candidate.mine if same(one.instrument, instrument) is not False]


def _own(candidate: Candidate, quantity: float) -> Open:
    return replace(candidate.own, remaining=quantity)


def _units(candidate: Candidate, quantity: float) -> float | None:
    """`quantity`, or what an amount of cash buys at the market or a lower limit."""
    order, inputs = candidate.order, candidate.inputs
    if order.cash_quantity is None:
        return quantity
    price, value = market_price(inputs, order.instrument, order.side), inputs.unit_value(order.instrument)
    if not price or value is None or not inputs.worth_known(order.instrument):
        return None
    return order.cash_quantity / (min(abs(price), abs(order.limit_price or price)) * value)


def _cash_buys(candidate: Candidate) -> Unknown:
    """Why that is not known."""
    order = candidate.order
    known = candidate.inputs.worth_known(order.instrument)
    return Unknown(_quote_of(order) if known else _worth_of(order))


def _worth_of(order: PlaceOrder) -> str:
    return f"what a price of {order.instrument} is worth (its multiplier and magnifier)"


def _quote_of(order: PlaceOrder) -> str:
    return f"a live quote of {order.instrument}"


def _but_for_its_id(order: PlaceOrder, other: PlaceOrder) -> bool:
    names = set(order.__struct_fields__) - {"client_order_id"}
    return order.client_order_id != other.client_order_id and all(
        getattr(order, name) == getattr(other, name) for name in names
    )
