"""Limits on orders, as they stand in `twsmq.toml` and as they are changed at run time.

Every limit is absent unless given. They come in layers, all of which hold: the default one counts for each
strategy on its own, a strategy's own, and an account's, which counts everything on that account.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Meta, Struct

from .errors import FieldError

_CLOCK = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
Positive = Annotated[float, Meta(gt=0, le=1e15)]
Whole = Annotated[int, Meta(ge=1, le=1_000_000)]


class RiskLimits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """SPEC's table of limits is written from this class (`make vectors`): each with its meaning below it."""

    max_order_quantity: Positive | None = None
    """of one order"""
    max_order_notional: Positive | None = None
    """price x quantity x multiplier / price magnifier, in the instrument's currency; the price is the
    limit of an order to buy, else the quote, or limit or stop if that is more. A combo's price is net
    of its legs by side and ratio, and multiplied as they are"""
    max_position: Positive | None = None
    """as if this order and all that works on its side were filled, also of a modification that makes
    one larger; of orders that cancel each other the worst counts, and an attached one only after its
    parent; reducing is never refused"""
    price_collar: Annotated[float, Meta(gt=0, le=10)] | None = None
    """how far a limit may be worse than the live quote, as a share of the price: 0.05 is 5 %"""
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
    """in the account's own currency: no new order once the day's result is worse: a strategy's realised
    by its own fills, less their costs, since midnight UTC, by the account's own rates where they are in
    other currencies; an account's as the gateway reports it"""
    duplicate_s: Positive | None = None
    """no two orders alike, but for their id, within so many seconds"""
    instruments: tuple[str, ...] | None = None
    """spellings, or beginnings ending in `*`"""
    order_types: tuple[str, ...] | None = None
    """those that may be placed"""
    trading_windows: tuple[str, ...] | None = None
    """`HH:MM-HH:MM` in `time_zone`"""
    time_zone: str = "UTC"
    """default `UTC`"""
    missing: Literal["refuse", "allow"] | None = None
    """`refuse` (default) or `allow`: what a rule does whose input is not there (no quote, status
    down)"""
    reduce_only_passes: bool = True
    """default true: what can only bring the position nearer to 0, with all else of its side filled, is
    not subject to `max_order_quantity`, `max_order_notional`, `max_position`, `max_open_orders` and
    `max_daily_loss`"""

    def __post_init__(self) -> None:
        try:
            ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            why = f"{self.time_zone!r} is no time zone, like US/Eastern"
            raise FieldError("time_zone", why) from None
        for window in self.trading_windows or ():
            begin, _, end = window.partition("-")
            if not _CLOCK.fullmatch(begin) or not _CLOCK.fullmatch(end):
                raise FieldError("trading_windows", f"{window!r} is not HH:MM-HH:MM")


class Risk(RiskLimits, frozen=True, kw_only=True):
    """`[orders.risk]`: the default layer, then one table per strategy and per account.

    `restart_at`: when the gateway restarts by itself (`HH:MM` in `time_zone`); no order in the
    `restart_lock_s` before it.
    """

    restart_at: str | None = None
    restart_lock_s: Annotated[float, Meta(ge=0, le=3600)] = 120.0
    strategy: dict[str, RiskLimits] = {}
    account: dict[str, RiskLimits] = {}

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.restart_at is not None and not _CLOCK.fullmatch(self.restart_at):
            raise FieldError("restart_at", f"{self.restart_at!r} is not HH:MM")
