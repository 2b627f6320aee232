"""The hot path: tick messages decoded by hand, a batch at a time.

Rule: what is decoded here means exactly what ibapi would have made of it, and whatever is unusual in a
frame (a missing or odd field, an escape in a text) is left to ibapi. So this decoder is never clever:
it takes the well-formed frames, `Codec.decode` takes the rest. Proved against ibapi's decoder by
property tests at every server version from 157 on, where these messages no longer change.

A TICK_PRICE of bid, ask or last carries a size, which follows it as a tick of its own, as in ibapi.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import lru_cache

from twsmq_nodes.tws.absence import NO_PRICE, UNSET_NUMBERS, cleaned, tick_text
from twsmq_nodes.tws.events import (
    Event,
    TickByTickBidAsk,
    TickByTickLast,
    TickByTickMidPoint,
    TickGeneric,
    TickPrice,
    TickSize,
    TickString,
)

TickByTick = TickByTickLast | TickByTickBidAsk | TickByTickMidPoint

Tick = tuple[int, int, float | str | TickByTick | None, int]
"""(req_id, tick_type, value, attribs): ibapi's tick type, a float or the text of a string tick, None for a
value the gateway left unset; attribs 1 can auto-execute, 2 past limit, 4 pre-open. Tick-by-tick data has
the tick type TICK_BY_TICK and its event as the value."""

TICK_BY_TICK = -1

# The size that comes with a price: bid, ask, last, and the same delayed.
SIZE_OF_PRICE = {1: 0, 2: 3, 4: 5, 66: 69, 67: 70, 68: 71}

# ibapi reads these spellings of "the largest value" as unset where it expects a size.
_UNSET_SIZES = frozenset(
    {b"", b"2147483647", b"9223372036854775807", b"1.7976931348623157E308", b"-9223372036854775808"}
)
LATEST_S = 2**33  # the year 2242
_MOST_FIELDS = 20
"""More than a tick has: of a year of bars the rest is not looked at."""
_LARGEST = 1e300  # beyond it ibapi's "unset"; a comparison with it is False for NaN as well
_REMEMBERED = 16_384  # spellings of prices and sizes; parsing a float costs five times the look-up
_prices: dict[bytes, float | None] = {}  # a look-up here costs half of one by lru_cache
_sizes: dict[bytes, float | None] = {}
_INTS = {str(n).encode(): n for n in range(10_000)}
_TYPES = {str(n).encode(): n for n in range(90)}  # a higher one may be ibapi's NOT_SET in an old release


def take_ticks(frames: Sequence[bytes], start: int, out: list[Tick], most: int = sys.maxsize) -> int:
    """Appends the ticks of `frames[start:]`, of `most` frames, to `out` up to the first frame that is not a
    plain tick, and returns that frame's index (the number of frames if all were ticks)."""
    at, end = start, min(len(frames), start + most)
    ints, types, size_of, append = _INTS, _TYPES, SIZE_OF_PRICE, out.append  # locals are faster
    prices, sizes = _prices.get, _sizes.get
    while at < end:
        fields = frames[at].split(b"\0", _MOST_FIELDS)  # the text after the last NUL is not a field
        kind = fields[0]
        try:
            if kind == b"1" and len(fields) == 8:
                _, version, raw_id, raw_type, raw_price, raw_size, mask, _ = fields
                ints[version]  # ibapi insists on a number
                req_id = ints.get(raw_id) or _req_id(raw_id)
                tick_type = types[raw_type]
                price = prices(raw_price)
                if price is None:
                    price = _price(raw_price)
                size = sizes(raw_size)
                if size is None:
                    size = _size(raw_size)
                append((req_id, tick_type, price, ints[mask] & 7))
                if tick_type in size_of:
                    append((req_id, size_of[tick_type], size, 0))
            elif kind == b"2" and len(fields) == 6:
                ints[fields[1]]
                req_id = ints.get(fields[2]) or _req_id(fields[2])
                raw_size = fields[4]
                size = sizes(raw_size)
                append((req_id, types[fields[3]], _size(raw_size) if size is None else size, 0))
            elif kind == b"46" and len(fields) == 6:
                req_id = ints.get(fields[2]) or _req_id(fields[2])
                tick_type = types[fields[3]]
                append((req_id, tick_type, _told(tick_type, fields[4]), 0))
            elif kind == b"45" and len(fields) == 6:
                req_id = ints.get(fields[2]) or _req_id(fields[2])
                append((req_id, types[fields[3]], _finite(float(fields[4])), 0))
            elif kind == b"99" and len(fields) >= 6:
                event = _tick_by_tick(fields)
                append((event.req_id, TICK_BY_TICK, event, 0))
            else:
                return at
        except (ValueError, LookupError):
            return at
        at += 1
    return at


_TICKS = frozenset(
    (TickPrice, TickSize, TickGeneric, TickString, TickByTickLast, TickByTickBidAsk, TickByTickMidPoint)
)


def tick_of(event: Event) -> list[Tick] | None:
    """The tick in an event that came from `Codec.decode`, or None if it is no tick."""
    if type(event) not in _TICKS:
        return None
    match event:
        case TickPrice(req_id, tick_type, price, attribs):
            return [(req_id, tick_type, price, attribs)]
        case TickSize(req_id, tick_type, value) | TickGeneric(req_id, tick_type, value):
            return [(req_id, tick_type, value, 0)]
        case TickString(req_id, tick_type, value):
            return [(req_id, tick_type, tick_text(tick_type, value), 0)]
        case TickByTickLast() | TickByTickBidAsk() | TickByTickMidPoint():
            return [(event.req_id, TICK_BY_TICK, event, 0)]
        case _:
            return None


@lru_cache(_REMEMBERED)
def _req_id(raw: bytes) -> int:
    req_id = int(raw)
    if not -(2**31) <= req_id < 2**31:
        raise ValueError("an id that the gateway's own type cannot hold")
    return req_id


def _finite(value: float) -> float | None:
    return value if -_LARGEST < value < _LARGEST and value not in UNSET_NUMBERS else None


def _price(raw: bytes) -> float | None:
    known = _prices.get(raw)
    return _remember(_prices, raw, _finite(float(raw)) if raw else None) if known is None else known


def _size(raw: bytes) -> float | None:
    known = _sizes.get(raw)
    if known is not None:
        return known
    return _remember(_sizes, raw, None if raw in _UNSET_SIZES else _finite(float(raw)))


def _remember(memory: dict[bytes, float | None], raw: bytes, value: float | None) -> float | None:
    """Bounded: what is not said any more is forgotten with all else."""
    if len(memory) >= _REMEMBERED:
        memory.clear()
    memory[raw] = value
    return value


@lru_cache(_REMEMBERED)
def _told(tick_type: int, raw: bytes) -> str | None:
    """Venues come again and again, and so does the second of the last trade in many instruments."""
    return tick_text(tick_type, _text(raw))


def _text(raw: bytes) -> str:
    if b"\\" in raw:
        raise ValueError("an escape")
    return raw.decode("ascii")


@lru_cache(_REMEMBERED)
def _word(raw: bytes) -> str:
    """Of a venue, or its conditions."""
    return _text(raw)


def _tick_by_tick(fields: list[bytes]) -> TickByTick:
    raw_id = fields[1]
    kind, req_id, time_s = fields[2], _INTS.get(raw_id) or _req_id(raw_id), int(fields[3])
    if not 0 <= time_s <= LATEST_S:
        raise ValueError("a time beyond all days")
    if kind == b"4":
        middle = _price(fields[4])
        tick: TickByTick = TickByTickMidPoint(req_id, time_s, middle)
        return cleaned(tick) if middle in NO_PRICE else tick
    fields[9]  # one past the last field of the two other kinds
    if kind == b"3":
        bid, ask = _price(fields[4]), _price(fields[5])
        tick = TickByTickBidAsk(
            req_id, time_s, bid, ask, _size(fields[6]), _size(fields[7]), _INTS[fields[8]] & 3
        )
        return cleaned(tick) if (bid or 0.0) <= 0.0 or (ask or 0.0) <= 0.0 else tick
    if kind not in (b"1", b"2"):
        raise ValueError("an unknown kind")
    price, size = _price(fields[4]), _size(fields[5])
    attribs, venue, conditions = _INTS[fields[6]] & 3, _word(fields[7]), _word(fields[8])
    tick = TickByTickLast(req_id, kind == b"2", time_s, price, size, attribs, venue, conditions)
    return cleaned(tick) if (price or 0.0) <= 0.0 else tick
