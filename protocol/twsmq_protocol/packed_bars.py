"""Bars by columns of bytes, in the order of time. Pure functions over `PackedBars`.

A hundred thousand bars are eight pieces of memory here and no object for any of them, from a gateway's
message to a file: whatever is done to them (cut, join, keep, send) is copying, not work for each bar.
"""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import islice
from math import isnan
from operator import lt
from typing import Any

from msgspec.structs import astuple

from .history_requests import BarColumns, PackedBars
from .market_events import BarRow

assert sys.byteorder == "little", "the wire is little-endian, and so is whatever this runs on"

EMPTY = PackedBars()
_NAN = float("nan")


def times(bars: PackedBars) -> memoryview[int]:
    """When they begin, ns, without a copy."""
    return memoryview(bars.time).cast("q")


def floats(column: bytes) -> memoryview[float]:
    return memoryview(column).cast("d")


def ordered(bars: PackedBars) -> PackedBars:
    """By time; of two of one time the later in the list."""
    when = times(bars).tolist()
    if rising(when):
        return bars
    places = {time: place for place, time in enumerate(when)}
    chosen = [places[time] for time in sorted(places)]
    return PackedBars(*(_picked(column, chosen) for column in astuple(bars)))


def rising(when: Sequence[int]) -> bool:
    return all(map(lt, when, islice(when, 1, None)))


def _picked(column: bytes, chosen: Sequence[int]) -> bytes:
    eights = memoryview(column).cast("q")  # whatever they are
    return array("q", [eights[place] for place in chosen]).tobytes()


def between(bars: PackedBars, begin: int, end: int) -> PackedBars:
    """Those that begin from `begin` to, not including, `end`."""
    when = times(bars)
    return part(bars, bisect_left(when, begin), bisect_left(when, end))


def part(bars: PackedBars, first: int, last: int) -> PackedBars:
    if first == 0 and last >= len(bars):
        return bars
    return PackedBars(*(column[8 * first : 8 * last] for column in astuple(bars)))


def joined(parts: Iterable[PackedBars]) -> PackedBars:
    """One after the other: each begins after the end of the one before."""
    filled = [one for one in parts if one.time]
    if len(filled) <= 1:
        return filled[0] if filled else EMPTY
    return PackedBars(*map(b"".join, zip(*map(astuple, filled), strict=True)))


# --- from and to what people read --------------------------------------------------------------------------


def packed(time: Iterable[int], *columns: Iterable[float | None]) -> PackedBars:
    """Columns in the order of a row's fields. Raises `OverflowError` for a time beyond 64 bits."""
    floats_ = (array("d", [_NAN if value is None else value for value in column]) for column in columns)
    whole = [array("q", time).tobytes(), *(column.tobytes() for column in floats_)]
    return PackedBars(*whole)


def columns_of(bars: PackedBars) -> BarColumns:
    prices = [_plain(column) for column in astuple(bars)[1:-1]]
    counts = [None if value is None else int(value) for value in _plain(bars.count)]
    columns: list[list[Any]] = [times(bars).tolist(), *prices, counts]
    return BarColumns(*columns)


def rows_of(bars: PackedBars) -> list[BarRow]:
    names = BarRow.__struct_fields__
    columns = astuple(columns_of(bars))
    return [BarRow(**dict(zip(names, values, strict=True))) for values in zip(*columns, strict=True)]


def row_of(bars: PackedBars, nth: int) -> BarRow:
    return rows_of(part(bars, nth, nth + 1))[0]


def _plain(column: bytes) -> list[Any]:
    """Nothing where there is NaN."""
    return [None if isnan(value) else value for value in floats(column)]
