"""Limits on orders, as they stand in `twsmq.toml` and as they are changed at run time.

Every limit is absent unless given. They come in layers, all of which hold: the default one counts for each
strategy on its own, a strategy's own, and an account's, which counts everything on that account.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import Annotated, Literal

from msgspec import Meta, Struct

from .errors import FieldError
from .gateway_life import GatewayLife, PlannedRestarts
from .instruments import SEC_TYPES, parse_instrument
from .order_types import ORDER_TYPES
from .time_zones import check_time_zone

_CLOCK = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
Positive = Annotated[float, Meta(gt=0, le=1e15)]
Whole = Annotated[int, Meta(ge=1, le=1_000_000)]


class RiskLimits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """SPEC's table of limits is written from this class (`make vectors`): each with its meaning below it."""

    max_order_quantity: Positive | None = None
    """of one order"""
    max_order_notional: Positive | None = None
    """price x quantity x multiplier / price magnifier, in the instrument's currency; the price is the
    limit of an order to buy, else the quote, or limit or stop if that is more, and for one that trails
    upwards the quote and what it trails by; a limit is worse by `extra.discretionaryAmt`, and that of a
    combo what its `leg_prices` come to, if that is worse. A combo's price is net of its legs by side and
    ratio, and multiplied as they are. A multiplier that the spelling does not name, or names too small, is
    the contract's, also an option's; what a bond's price in percent is of, only its contract says"""
    max_position: Positive | None = None
    """as if this order and all that works on its side were filled, also of a modification that makes
    one larger; of orders that cancel each other with block the worst counts (`oca_type` 1 and 2; of type 3
    each, for all may fill before any is reduced), and an attached one only after its parent; a combo
    counts in each of its legs, an order for cash by what it buys, an exercise by the shares it brings,
    what is executed before the account's position shows it, and for an account also what others have
    working there; reducing is never refused"""
    price_collar: Annotated[float, Meta(gt=0, le=10)] | None = None
    """how far a limit may be worse than the live quote, or than the trigger of a stop beyond it, or of an
    order if touched where that is better, as a share of the price, at most 1: 0.05 is 5 %; with
    `extra.discretionaryAmt`, `extra.adjustedStopLimitPrice` and `leg_prices`"""
    round: Literal["refuse", "passive"] | None = None
    """what becomes of a price that is no multiple of the contract's increment at that price on its
    exchange, as `market_rule` lists them: `refuse`, or `passive`: a buyer's limit goes down, a seller's
    up, a stop the other way, so that the order trades later and not worse; the `order` event shows
    where it went, and the same request again is still the same. A quantity that is no multiple of the
    size increment is refused. Combos are not judged"""
    max_open_orders: Whole | None = None
    """working orders"""
    max_orders_per_side: Whole | None = None
    """working orders of one account, instrument and side; the broker's own rule is 20"""
    max_orders_per_second: Whole | None = None
    """orders placed within any second"""
    max_daily_loss: Positive | None = None
    """in the account's own currency: no new order, and no larger one, once the day's result is worse: a
    strategy's realised by its own fills, as the gateway reports it, with the costs of opening and closing
    taken off, since midnight UTC, by the account's own rates where they are in other currencies; an
    account's as the gateway reports it"""
    duplicate_s: Positive | None = None
    """no two orders alike, but for their id, within so many seconds, over restarts of the node"""
    instruments: tuple[str, ...] | None = None
    """spellings, or beginnings ending in `*`"""
    order_types: tuple[str, ...] | None = None
    """those that may be placed, or changed into, also at a trigger (`extra.adjustedOrderType`)"""
    trading_windows: tuple[str, ...] | None = None
    """`HH:MM-HH:MM` in `time_zone`"""
    time_zone: str = "UTC"
    """default `UTC`"""
    missing: Literal["refuse", "allow"] | None = None
    """`refuse` (default) or `allow`: what a rule does whose input is not there (no quote, status
    down)"""
    reduce_only_passes: bool = True
    """default true: what can only bring the position in its account nearer to 0, with all else of its side
    filled, is not subject to `max_order_quantity`, `max_order_notional`, `max_position`, `max_open_orders`
    and `max_daily_loss`"""

    def __post_init__(self) -> None:
        check_time_zone(self.time_zone, "time_zone")
        for window in self.trading_windows or ():
            begin, _, end = window.partition("-")
            if not _CLOCK.fullmatch(begin) or not _CLOCK.fullmatch(end):
                raise FieldError("trading_windows", f"{window!r} is not HH:MM-HH:MM")


def require_meant(limits: RiskLimits, path: str = "") -> None:
    """Raise `FieldError` for a limit that says what nobody means, though it is one. Those that are kept from
    before this was checked still hold."""
    for order_type in limits.order_types or ():
        if order_type not in ORDER_TYPES:
            alike = get_close_matches(order_type.upper(), ORDER_TYPES, 1, 0.5)
            meant = f"did you mean {alike[0]}? There are" if alike else "there are"
            why = f"no order type is called {order_type[:40]!r}; {meant} {', '.join(ORDER_TYPES)}"
            raise FieldError(f"{path}order_types", why)
    if limits.price_collar is not None and limits.price_collar > 1:
        share = f"{limits.price_collar:g} would be {limits.price_collar:.0%}"
        why = f"a price_collar of {share} of the price; it is a share, at most 1: 0.05 is 5 %"
        raise FieldError(f"{path}price_collar", why)
    for window in limits.trading_windows or ():
        begin, _, end = window.partition("-")
        if begin == end:
            raise FieldError(
                f"{path}trading_windows", f"{window} is no time at all; without trading_windows it is always"
            )
    for spelling in limits.instruments or ():
        _require_spelled(spelling, f"{path}instruments")


def _require_spelled(spelling: str, field: str) -> None:
    if not spelling.endswith("*"):
        try:
            parse_instrument(spelling)
        except FieldError as error:
            raise FieldError(field, f"{error}; a beginning ends in *") from error
        return
    kind, colon, _ = spelling[:-1].partition(":")
    if not any(name == kind if colon else name.startswith(kind) for name in (*SEC_TYPES, "CONID", "BAG")):
        why = f"no instrument begins with {spelling[:40]!r}; spellings begin like STK:AAPL:SMART:USD"
        raise FieldError(field, why)


class Risk(RiskLimits, frozen=True, kw_only=True):
    """Limits on orders: the default layer, which counts for each strategy on its own."""

    restart_at: str | None = None
    """older form of `[gateway.life] restart_at`, which holds where this is not given: `HH:MM` in
    `time_zone`"""
    restart_lock_s: Annotated[float, Meta(ge=0, le=3600)] = 120.0
    """so many seconds before a restart of the gateway (`[gateway.life] restart_at`) nothing new is sent"""
    strategy: dict[str, RiskLimits] = {}
    account: dict[str, RiskLimits] = {}

    def restarts(self, life: GatewayLife) -> PlannedRestarts:
        """Those before which nothing new is sent."""
        if self.restart_at is None:
            return life.restarts
        return PlannedRestarts((self.restart_at,), self.time_zone, life.restart_minutes)

    def __post_init__(self) -> None:
        super().__post_init__()
        require_meant(self)
        for kind, layers in (("strategy", self.strategy), ("account", self.account)):
            for name, limits in layers.items():
                require_meant(limits, f"{kind}.{name}.")
        if self.restart_at is not None and not _CLOCK.fullmatch(self.restart_at):
            raise FieldError("restart_at", f"{self.restart_at!r} is not HH:MM")
