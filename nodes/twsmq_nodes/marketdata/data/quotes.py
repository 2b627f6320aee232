"""An instrument's state, kept from its ticks: the `quote` event, ready to be encoded.

The state is the message: a tick sets one attribute of a mutable twin of `market_events.Quote`, which is
encoded as it stands; no event is built for each message. A test holds the twin to the original. Of many ticks
only the last of each type matters.

A price of -1 with a size of 0 means "none now" (`tws.absence.NOT_QUOTED`), magnified as prices in pence are,
and so does one of 0; with a size all of these are prices, as spreads have them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import Struct
from twsmq_protocol.envelope import NS, PROTOCOL_VERSION

from twsmq_nodes.tws.absence import NOT_QUOTED
from twsmq_nodes.tws.ticks import SIZE_OF_PRICE

_DIGITS = 10
"""Of a moment in seconds: more are milliseconds or nonsense, whose ns may not fit into any message."""
DELAYED_BID = 66
_FEW = 24
"""Ticks of which it costs less to take all than to find the last of each type."""

AnyTick = tuple[int, int, Any, int]
"""A `Tick`, or an option computation with the list of its values."""


class QuoteRow(Struct, tag="quote", tag_field="type", kw_only=True):
    """The fields of `market_events.Quote`."""

    v: int = PROTOCOL_VERSION
    src: str = ""
    inc: int = 0
    seq: int = 0
    ts: int = 0
    con_id: int | None = None
    bid: float | None = None
    ask: float | None = None
    last: float | None = None
    bid_size: float | None = None
    ask_size: float | None = None
    last_size: float | None = None
    volume: float | None = None
    open: float | None = None
    high: float | None = None
    low: float | None = None
    close: float | None = None
    last_time: int | None = None
    halted: bool | None = None
    delayed: bool = False
    magnifier: int = 1
    snapshot: bool = False


_LIVE = {
    0: "bid_size", 1: "bid", 2: "ask", 3: "ask_size", 4: "last", 5: "last_size", 6: "high", 7: "low",
    8: "volume", 9: "close", 14: "open", 45: "last_time", 49: "halted",
}  # fmt: skip
_DELAYED = {
    66: "bid", 67: "ask", 68: "last", 69: "bid_size", 70: "ask_size", 71: "last_size", 72: "high", 73: "low",
    74: "volume", 75: "close", 76: "open", 88: "last_time", 90: "halted",
}  # fmt: skip
_PRICE, _SIZE, _VOLUME, _TIME, _HALTED = range(5)
_KINDS = {
    "bid_size": _SIZE, "ask_size": _SIZE, "last_size": _SIZE,
    "volume": _VOLUME, "last_time": _TIME, "halted": _HALTED,
}  # fmt: skip
_FIELDS = {number: (name, _KINDS.get(name, _PRICE)) for number, name in (_LIVE | _DELAYED).items()}
"""The field of each tick type, and how its value is read."""
VOLUMES = frozenset((8, 74))
UNIT_VOLUMES_FROM = 220
"""The server version from which they count single units of everything (ibapi: `MIN_SERVER_VER_MARKET_DATA_-
VOLUMES_IN_SHARES`); a session below it is told round lots of some stocks, see `listings`."""
_NEVER_ZERO = frozenset((15, 16, 17, 18, 19, 20, 35, 57))
"""The lowest and highest of 13, 26 and 52 weeks, the auction's price, the last of regular hours."""
_PRICE_TYPES = _NEVER_ZERO | frozenset(number for number, (_, kind) in _FIELDS.items() if kind is _PRICE)
"""A bid, ask or last that there is not is -1 or 0 and has no size; all others never have one (captured before
the open, and of contracts never traded)."""


def in_units(volume: object, unit: int | None) -> float | None:
    """A volume tick in units of the instrument; None where it is none, or its unit is not known."""
    return volume * unit if isinstance(volume, float) and volume >= 0 and unit is not None else None


class QuoteBook:
    """One instrument's quote. `volume_unit`: what one unit of the volume tick stands for, None if that is not
    known. `last`: the last tick of each type. Whether the data are delayed the gateway says, and each tick's
    type shows: either will do, and what stands is all of one kind, so that no old bid passes for a live one.
    """

    __slots__ = ("_delayed", "empty", "last", "row", "volume_unit")

    def __init__(self, row: QuoteRow, volume_unit: int | None = 1) -> None:
        self.row = row
        self.last: dict[int, AnyTick] = {}
        self.empty = True
        self.volume_unit = volume_unit
        self._delayed: bool | None = None

    def clear(self) -> None:
        """What comes now belongs to another request: nothing is known any more."""
        row = self.row
        for name in _LIVE.values():
            setattr(row, name, None)
        row.delayed = False
        self._delayed = None
        self.last.clear()
        self.empty = True

    def use_data_type(self, *, delayed: bool) -> None:
        """The gateway said of which kind the data are: what it sent before is not of another from now on."""
        if delayed is not self.row.delayed and not self.empty:
            self.clear()
        self._delayed = self.row.delayed = delayed

    def apply(self, ticks: Sequence[AnyTick]) -> bool:
        """Take in what came, in its order; whether any of it is part of a quote."""
        row, last, field_of, news, live, late = self.row, self.last, _FIELDS.get, False, False, False
        latest: Iterable[AnyTick] = ticks
        if len(ticks) > _FEW:
            latest = {tick[1]: tick for tick in ticks}.values()
        for tick in latest:
            _, tick_type, value, _ = tick
            last[tick_type] = tick
            field = field_of(tick_type)
            if field is None:
                continue
            news = True
            name, kind = field
            if kind is _PRICE:
                if tick_type < DELAYED_BID:
                    live = True
                else:
                    late = True
                if (not value or value < 0.0) and self._says_none(value):
                    value = value if _has_size(tick_type, _after(ticks, tick)) else None
            elif kind is _SIZE:
                if value == -1.0:
                    value = None
            elif kind is _VOLUME:
                value = in_units(value, self.volume_unit)
            elif kind is _TIME:
                value = _seconds(value)
            else:
                value = None if value == -1.0 or value is None else value != 0.0
            setattr(row, name, value)
        if live or late:
            delayed = bool(self._delayed) or (late and not (live and _newest_is_live(ticks)))
            if delayed is not row.delayed and not self.empty:
                said = self._delayed
                self.clear()
                self._delayed, row.delayed = said, delayed
                return self.apply(ticks)
            row.delayed = delayed
        if news:
            self.empty = False
        return news

    def _says_none(self, price: float | None) -> bool:
        return not price or price in (NOT_QUOTED, NOT_QUOTED * self.row.magnifier)


def known(tick: AnyTick, after: AnyTick | None, magnifier: int = 1) -> AnyTick:
    """The tick, without a value where that only says that there is none; `after`: the one that follows it."""
    req_id, tick_type, value, attributes = tick
    in_pence = NOT_QUOTED * magnifier
    if value != NOT_QUOTED and (value not in (0.0, in_pence) or tick_type not in _PRICE_TYPES):
        return tick
    if _has_size(tick_type, after):
        return tick
    return req_id, tick_type, None, attributes


def _after(ticks: Sequence[AnyTick], tick: AnyTick) -> AnyTick | None:
    """What follows it, the last of its type."""
    at = next(at for at in range(len(ticks) - 1, -1, -1) if ticks[at] is tick)
    return ticks[at + 1] if at + 1 < len(ticks) else None


def _has_size(price_type: int, after: AnyTick | None) -> bool:
    """Whether a price came with a size: its own is the first `after` it (`tws.ticks`)."""
    return after is not None and after[1] == SIZE_OF_PRICE.get(price_type) and (after[2] or 0.0) > 0.0


def _newest_is_live(ticks: Sequence[AnyTick]) -> bool:
    """Of prices of both kinds."""
    prices = (tick[1] for tick in reversed(ticks) if tick[1] in _FIELDS and _FIELDS[tick[1]][1] is _PRICE)
    return next(prices) < DELAYED_BID


def _seconds(value: object) -> int | None:
    """The ns of a text of whole seconds, None for one that means something else (0: it never traded)."""
    if not isinstance(value, str) or not value.isdecimal() or len(value) > _DIGITS:
        return None
    return int(value) * NS or None
