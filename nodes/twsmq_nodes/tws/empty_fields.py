"""Numbers that a text message leaves empty are unset before ibapi reads them.

Theory. An empty field is how an unset double is written in this protocol (S ibapi's
`make_field_handle_empty`, and how it reads an openOrder). Elsewhere ibapi reads 0 of it, which is a price
wherever a size stands beside it: a bid of "" with a size of 300 would be a bid of nothing. So the places of
numbers in messages that carry market data, costs and results are one table, and what is empty there becomes
the largest integer, which all decoders know (`absence`). Sizes are not in it: ibapi reads an empty one as
unset.

What describes a contract or an order is left as it is: nothing means "not given" there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

UNSET = b"2147483647"
Places = Callable[[list[bytes]], Iterable[int]]


def _at(*places: int) -> Places:
    return lambda _: places


def _rows(first: int, width: int, *offsets: int) -> Places:
    """Of a message that repeats `width` fields from `first` on."""
    return lambda fields: (
        at + offset for at in range(first, len(fields) - width + 1, width) for offset in offsets
    )


def _tick_by_tick(fields: list[bytes]) -> Iterable[int]:
    return (4, 5) if len(fields) > 2 and fields[2] == b"3" else (4,)


def _bars(fields: list[bytes]) -> Iterable[int]:
    """Eight fields a bar, behind an id and their number, and below version 196 two dates between these."""
    first = len(fields) % 8 if len(fields) % 8 in (3, 5) else len(fields)
    return (at for at in range(first, len(fields)) if (at - first) % 8)


def _portfolio(fields: list[bytes]) -> Iterable[int]:
    return range(14, 19) if len(fields) == 20 else ()


NUMBERS: Mapping[bytes, Places] = {
    b"1": _at(4),  # tickPrice
    b"3": _at(5, 8, 11),  # orderStatus
    b"7": _portfolio,
    b"11": _at(20, 25),  # execDetails: price, average
    b"12": _at(6),  # depth
    b"13": _at(7),  # depth by market maker
    b"17": _bars,
    b"21": _at(*range(4, 12)),  # option computation
    b"45": _at(4),  # tickGeneric
    b"50": _at(*range(4, 11)),  # 5-second bar
    b"59": _at(3, 5, 6),  # commission
    b"61": _at(-1),  # position: average cost
    b"81": _at(2),  # tickReqParams
    b"90": _at(2, *range(4, 8)),  # a bar kept up to date
    b"94": _at(2, 3, 4),  # profit and loss
    b"95": _at(3, 4, 5, 6),
    b"96": _rows(3, 4, 2),  # ticks of the past
    b"97": _rows(3, 6, 2, 3),
    b"98": _rows(3, 6, 2),
    b"99": _tick_by_tick,
}
"""By message id: where its numbers are, the id being field 0. From server version 157 on."""


def fill(fields: list[bytes]) -> None:
    """Change the fields of a message so that ibapi reads an empty number as unset."""
    places = NUMBERS.get(fields[0])
    if places is None or b"" not in fields:
        return
    for at in places(fields):
        if -len(fields) <= at < len(fields) and not fields[at]:
            fields[at] = UNSET
