"""Bars by columns: eight lists of one length, in the order of time. Pure functions over `BarColumns`.

A hundred thousand bars are eight lists here and not a hundred thousand objects, from a gateway's message to a
file.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

from msgspec.structs import astuple

from .history_requests import BarColumns
from .market_events import BarRow

EMPTY = BarColumns()


def ordered(columns: BarColumns) -> BarColumns:
    """By time; of two of one time the later in the list."""
    rows = {values[0]: values for values in zip(*astuple(columns), strict=True)}
    return BarColumns(*map(list, zip(*(rows[time] for time in sorted(rows)), strict=True)))


def between(columns: BarColumns, begin: int, end: int) -> BarColumns:
    """Those that begin from `begin` to, not including, `end`."""
    first, last = bisect_left(columns.time, begin), bisect_left(columns.time, end)
    return part(columns, first, last)


def part(columns: BarColumns, first: int, last: int) -> BarColumns:
    if first == 0 and last >= len(columns.time):
        return columns
    return BarColumns(*(column[first:last] for column in astuple(columns)))


def joined(parts: Sequence[BarColumns]) -> BarColumns:
    """One after the other: each begins after the end of the one before."""
    filled = [one for one in parts if one.time]
    if len(filled) <= 1:
        return filled[0] if filled else EMPTY
    whole: list[list[Any]] = [[] for _ in range(8)]
    for one in filled:
        for column, more in zip(whole, astuple(one), strict=True):
            column.extend(more)
    return BarColumns(*whole)


def rows_of(columns: BarColumns) -> list[BarRow]:
    names = BarRow.__struct_fields__
    return [BarRow(**dict(zip(names, values, strict=True))) for values in zip(*astuple(columns), strict=True)]


def row_of(columns: BarColumns, nth: int) -> BarRow:
    return rows_of(part(columns, nth, nth + 1))[0]
