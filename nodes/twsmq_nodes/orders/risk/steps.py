"""The steps of a contract's prices and sizes, and where a price that lies between two steps goes. Pure.

The step of a price is that of the last edge at or below it ("market rule": IBKR's documentation 27.04);
prices below 0 have those of their distance from 0. Arithmetic is decimal: 0.1 is a multiple of 0.01.

Passive is what trades later and not worse: a buyer's limit goes down, a seller's up. A stop goes the other
way, for its order begins on the far side of the market; the trigger of an order if touched goes as a limit
does.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal

from msgspec import Struct
from msgspec.structs import replace
from twsmq_protocol.order_requests import PlaceOrder

_NEAR = Decimal("1e-6")
"""Of a step: so near to a multiple a price is one, for what binary fractions leave over."""
IF_TOUCHED = frozenset(("MIT", "LIT", "TRAIL MIT", "TRAIL LIT"))
PRICES = ("limit_price", "stop_price", "trail_stop_price")


class Steps(Struct, frozen=True):
    """`increments`: (from this price on, step), lowest edge first. `size`: of quantities, None: not known."""

    increments: tuple[tuple[float, float], ...]
    size: float | None = None

    def at(self, price: float) -> float | None:
        """The step of a price; None if there is none."""
        found = None
        for edge, step in self.increments:
            if found is None or edge <= abs(price):
                found = step
        return found


def is_multiple(value: float, step: float) -> bool:
    units = _exact(value) / _exact(step)
    return abs(units - units.to_integral_value(ROUND_HALF_EVEN)) <= _NEAR


def passive(order: PlaceOrder, steps: Steps) -> PlaceOrder:
    """The order with each price on its step. A price that would become 0 stays, for the check to refuse."""
    moved: dict[str, float] = {}
    for name in PRICES:
        price: float | None = getattr(order, name)
        step = None if price is None else steps.at(price)
        if price is None or step is None:
            continue
        at_limit = name == "limit_price" or order.order_type in IF_TOUCHED
        rounded = _rounded(price, step, down=(order.side == "BUY") == at_limit)
        if rounded != price and (rounded or not price):
            moved[name] = rounded
    return replace(order, **moved) if moved else order


def _rounded(price: float, step: float, *, down: bool) -> float:
    exact_step = _exact(step)
    units = _exact(price) / exact_step
    nearest = units.to_integral_value(ROUND_HALF_EVEN)
    if abs(units - nearest) > _NEAR:
        nearest = units.to_integral_value(ROUND_FLOOR if down else ROUND_CEILING)
    return float(nearest * exact_step)


def _exact(value: float) -> Decimal:
    return Decimal(str(value))
