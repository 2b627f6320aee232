"""historicalData read by hand, all bars of a message at once: a year of minutes has a hundred thousand, and
ibapi takes several times as long for each.

Rule, as for ticks: what is read here means exactly what ibapi makes of it; whatever is unusual in a message
(an empty or odd field, a value that stands for "unset", a date that is no number) is left to ibapi. Proved
against ibapi by property tests, at every server version from 157 on.

The body may hold digits, points, signs and NULs only, and is read as a list of JSON numbers: the quickest way
to a hundred thousand floats, and a stricter one than Python's `float`, which reads `1_000`, `nan` and spaces.
"""

from __future__ import annotations

from typing import cast

import msgspec
from msgspec.structs import astuple, replace

from twsmq_nodes.tws.reference_events import Bar, HistoricalBarColumns, HistoricalBarsEnd

HISTORICAL_DATA = b"17\0"
_END_APART_FROM = 196
"""The server version from which the end of a query is a message of its own."""
_PLAIN = b"0123456789.-\0"
_SHAPE = bytes.maketrans(b"0123456789.-", b"0" * 12)
_TOO_LONG = b"0" * 26
"""No plain number shorter than that is beyond a float's range."""
_UNSET = (b"2147483647", b"9223372036854775807", b"9223372036854775808")
_FIELDS = 8
_Number = int | float
_NUMBERS = msgspec.json.Decoder(list[_Number])


def whole_bars(frame: bytes, server_version: int) -> list[HistoricalBarColumns | HistoricalBarsEnd] | None:
    """The events of a historicalData message; None if ibapi should read it."""
    ended = server_version < _END_APART_FROM
    head = 5 if ended else 3
    fields = frame.split(b"\0", head)
    if len(fields) <= head or not fields[1].isdigit() or not fields[head - 1].isdigit():
        return None
    req_id, body = int(fields[1]), fields[head]
    if len(fields[1]) > 9 or len(fields[head - 1]) > 7 or not _is_plain(body):
        return None
    try:
        values = _NUMBERS.decode(b"[%s]" % body[:-1].replace(b"\0", b","))
    except msgspec.DecodeError:
        return None  # an empty field, or a number that only looks like one
    if not values or len(values) != _FIELDS * int(fields[head - 1]):
        return None
    dates, counts = _integers(values[::_FIELDS]), _integers(values[7::_FIELDS])
    if dates is None or counts is None or min(dates) <= 0:
        return None
    opens, highs, lows, closes, volumes, waps = (
        list[float | None](map(float, values[nth::_FIELDS])) for nth in range(1, 7)
    )
    if b"-" in body and any(volume is not None and volume < 0 and volume != -1.0 for volume in volumes):
        return None
    whole = _cleaned(
        HistoricalBarColumns(
            req_id, dates, opens, highs, lows, closes, volumes, waps, list[int | None](counts)
        )
    )
    events: list[HistoricalBarColumns | HistoricalBarsEnd] = [whole]
    if ended:
        begin, end = fields[2], fields[3]
        if not (begin + end).isascii() or b"\\" in begin + end:
            return None
        events.append(HistoricalBarsEnd(req_id, begin.decode(), end.decode()))
    return events


def bars_of(event: HistoricalBarColumns) -> tuple[Bar, ...]:
    """The same one by one."""
    dates, *numbers = astuple(event)[1:]
    return tuple(Bar(*values) for values in zip(map(str, dates), *numbers, strict=True))


def _cleaned(event: HistoricalBarColumns) -> HistoricalBarColumns:
    """As `absence.cleaned` makes each bar."""
    volumes, waps, counts = event.volume, event.wap, event.count
    if not (-1.0 in volumes or 0.0 in volumes or -1 in counts or -1.0 in waps):
        return event
    return replace(
        event,
        volume=[None if volume == -1.0 else volume for volume in volumes],
        wap=[
            wap if (volume or 0) > 0 and wap != -1.0 else None
            for wap, volume in zip(waps, volumes, strict=True)
        ],
        count=[None if count == -1 else count for count in counts],
    )


def _is_plain(body: bytes) -> bool:
    return (
        body.endswith(b"\0")
        and not body.translate(None, _PLAIN)
        and _TOO_LONG not in body.translate(_SHAPE)
        and not any(unset in body for unset in _UNSET)
    )


def _integers(column: list[_Number]) -> list[int] | None:
    """None where one has a point, or is none of 64 bits."""
    if set(map(type, column)) != {int} or max(column) >= 2**63 or min(column) < -(2**63):
        return None
    return cast("list[int]", column)
