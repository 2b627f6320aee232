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
    """`max_order_notional`, `max_daily_loss`: in the instrument's or account's own currency.

    `price_collar`: how far a limit may be worse than the market, as a share of the price (0.05 is 5 %).
    `round`: what becomes of a price off the contract's increments: it is refused, or rounded so that it
    trades later and not worse (a buyer's limit down, a seller's up). `duplicate_s`: two orders alike within
    so many seconds are one too many. `max_orders_per_side`: working orders of one account, instrument and
    side (the broker's own rule is 20). `instruments`: spellings, or beginnings ending in `*`.
    `trading_windows`: `HH:MM-HH:MM` in `time_zone`. `missing`: what a rule does whose input is not there.
    `reduce_only_passes`: what only brings a position nearer to 0 is not subject to the limits of exposure
    (quantity, notional, position, open orders, the day's loss).
    """

    max_order_quantity: Positive | None = None
    max_order_notional: Positive | None = None
    max_position: Positive | None = None
    price_collar: Annotated[float, Meta(gt=0, le=10)] | None = None
    round: Literal["refuse", "passive"] | None = None
    max_open_orders: Whole | None = None
    max_orders_per_side: Whole | None = None
    max_orders_per_second: Whole | None = None
    max_daily_loss: Positive | None = None
    duplicate_s: Positive | None = None
    instruments: tuple[str, ...] | None = None
    order_types: tuple[str, ...] | None = None
    trading_windows: tuple[str, ...] | None = None
    time_zone: str = "UTC"
    missing: Literal["refuse", "allow"] | None = None
    reduce_only_passes: bool = True

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
