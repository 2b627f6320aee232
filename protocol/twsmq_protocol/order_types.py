"""What orders are made of: types with the prices they take, times in force, conditions, algos.

An order type takes exactly the prices named here; any other is refused rather than ignored. Names are the
gateway's own. `offset` is how far REL, PEG and SNAP orders keep from the price they follow.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from .errors import FieldError
from .forms import form

Price = Annotated[float, Meta(ge=-1e9, le=1e9)]
SMALLEST = 1e-8
"""The least size, amount or price but 0 that any market knows (a satoshi). What is below is a slip."""
Amount = Annotated[float, Meta(ge=SMALLEST, le=1e12)]
Text = Annotated[str, form(r"^[ -~]*$", "printable ASCII", max_length=200)]


class Prices(Struct, frozen=True):
    """`needed`: each must be given. `one_of`: exactly one must. `allowed`: may be given as well."""

    needed: tuple[str, ...] = ()
    one_of: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()

    @property
    def known(self) -> frozenset[str]:
        return frozenset((*self.needed, *self.one_of, *self.allowed))


_LIMIT, _STOP = ("limit_price",), ("stop_price",)
_TRAIL = ("trail_amount", "trail_percent")

ORDER_TYPES: dict[str, Prices] = {
    "MKT": Prices(),
    "LMT": Prices(_LIMIT),
    "STP": Prices(_STOP),
    "STP LMT": Prices(_LIMIT + _STOP),
    "MIT": Prices(_STOP),
    "LIT": Prices(_LIMIT + _STOP),
    "MOC": Prices(),
    "LOC": Prices(_LIMIT),
    "MTL": Prices(),
    "MKT PRT": Prices(),
    "STP PRT": Prices(_STOP),
    "MIDPRICE": Prices(allowed=_LIMIT),
    "TRAIL": Prices(one_of=_TRAIL, allowed=("trail_stop_price",)),
    "TRAIL LIMIT": Prices(("trail_stop_price", "limit_offset"), _TRAIL),
    "TRAIL MIT": Prices(one_of=_TRAIL, allowed=("trail_stop_price",)),
    "TRAIL LIT": Prices(("trail_stop_price", "limit_offset"), _TRAIL),
    "REL": Prices(allowed=("offset", "limit_price")),
    "PASSV REL": Prices(allowed=("offset", "limit_price")),
    "PEG MKT": Prices(allowed=("offset", "limit_price")),
    "PEG MID": Prices(allowed=("offset", "limit_price")),
    "PEG PRIM": Prices(allowed=("offset", "limit_price")),
    "PEG BEST": Prices(allowed=_LIMIT),
    "PEG BENCH": Prices(allowed=_LIMIT),
    "PEG STK": Prices(allowed=("limit_price", "offset")),
    "SNAP MKT": Prices(allowed=("offset",)),
    "SNAP MID": Prices(allowed=("offset",)),
    "SNAP PRIM": Prices(allowed=("offset",)),
    "BOX TOP": Prices(),
    "VOL": Prices(allowed=_LIMIT),
    "LMT + MKT": Prices(_LIMIT),
    "REL + MKT": Prices(allowed=("offset", "limit_price")),
    "REL + LMT": Prices(_LIMIT, allowed=("offset",)),
}
"""Every order type of IBKR's API docs. What else a type needs (volatility, benchmark …) goes into `extra`."""

PRICE_FIELDS = (
    "limit_price", "stop_price", "trail_amount", "trail_percent", "trail_stop_price", "limit_offset",
    "offset",
)  # fmt: skip

KNOWN_PRICES: dict[str, frozenset[str]] = {name: prices.known for name, prices in ORDER_TYPES.items()}
"""Order types and the prices each may have."""
PRICES_NEEDED: dict[str, tuple[str, ...]] = {name: prices.needed for name, prices in ORDER_TYPES.items()}
"""Order types and the prices each must have."""

TIFS = frozenset(("DAY", "GTC", "IOC", "FOK", "OPG", "GTD", "DTC", "AUC", "OVERNIGHT"))


class Algo(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One of IBKR's algos: `Adaptive` with `{"adaptivePriority": "Normal"}`, `Twap`, `Vwap` …"""

    strategy: Text
    params: dict[str, Text] = field(default_factory=dict[str, Text])


class Condition(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """The order works once its conditions hold. `join` ties it to the next one.

    price: `value` of `con_id` at `exchange`; volume, percent_change: likewise; margin: `value` percent;
    time: `text` as the gateway writes times; execution: a trade in `symbol`, `sec_type`, `exchange`.
    `more`: the value must be reached from below, else from above.
    """

    kind: Literal["price", "time", "margin", "execution", "volume", "percent_change"]
    join: Literal["and", "or"] = "and"
    more: bool = True
    value: Annotated[float, Meta(ge=-1e12, le=1e12)] | None = None
    text: Text | None = None
    con_id: Annotated[int, Meta(ge=1, le=2**31 - 1)] | None = None
    exchange: Text | None = None
    symbol: Text | None = None
    sec_type: Text | None = None
    trigger_method: Annotated[int, Meta(ge=0, le=8)] = 0

    def __post_init__(self) -> None:
        for name in _CONDITION_NEEDS[self.kind]:
            if getattr(self, name) is None:
                raise FieldError(f"conditions.{name}", f"a {self.kind} condition needs {name}")


_CONDITION_NEEDS: dict[str, tuple[str, ...]] = {
    "price": ("value", "con_id", "exchange"),
    "time": ("text",),
    "margin": ("value",),
    "execution": ("symbol", "sec_type", "exchange"),
    "volume": ("value", "con_id", "exchange"),
    "percent_change": ("value", "con_id", "exchange"),
}


def require_price(name: str, value: float | None) -> None:
    """Raise `FieldError` for a price that is neither 0 nor one that any market knows."""
    if value is not None and 0 < abs(value) < SMALLEST:
        raise FieldError(name, f"{name} {value:g} is nearer to 0 than any price")


def require_prices(order_type: str, order: object) -> None:
    """Raise `FieldError` unless `order` has the prices its type takes, and no other."""
    prices = ORDER_TYPES.get(order_type)
    if prices is None:
        raise FieldError("order_type", f"order_type must be one of {', '.join(ORDER_TYPES)}")
    known = KNOWN_PRICES[order_type]
    given = [name for name in PRICE_FIELDS if getattr(order, name) is not None]
    for name in prices.needed:
        if name not in given:
            raise FieldError(name, f"a {order_type} order needs {name}")
    for name in given:
        if name not in known:
            raise FieldError(name, f"a {order_type} order takes no {name}")
        require_price(name, getattr(order, name))
    if prices.one_of and sum(name in given for name in prices.one_of) != 1:
        names = " or ".join(prices.one_of)
        raise FieldError(prices.one_of[0], f"a {order_type} order needs either {names}")
