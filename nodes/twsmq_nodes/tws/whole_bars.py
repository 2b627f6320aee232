"""historicalData read by hand, all bars of a message at once: a year of minutes has a hundred thousand, and
ibapi takes several times as long for each.

Rule, as for ticks: what is read here means exactly what ibapi makes of it; whatever is unusual in a message
(an empty or odd field, a value that stands for "unset", a date that is no number) is left to ibapi. Proved
against ibapi by property tests, at every server version from 157 on.

The body may hold digits, points, signs and NULs only, and is read as a list of JSON numbers: the quickest way
to a hundred thousand floats, and a stricter one than Python's `float`, which reads `1_000`, `nan` and spaces.
From there on bars are arrays, eight bytes a value, and no object stands for any of them.
"""

from __future__ import annotations

from array import array
from math import isnan
from typing import cast

import msgspec

from twsmq_nodes.tws.reference_events import Bar, HistoricalBarColumns, HistoricalBarsEnd

HISTORICAL_DATA = b"17\0"
_END_APART_FROM = 196
"""The server version from which the end of a query is a message of its own."""
_PLAIN = b"0123456789.-\0"
_SHAPE = bytes.maketrans(b"0123456789.-", b"0" * 12)
_COMMAS = bytes.maketrans(b"\0", b",")
_TOO_LONG = b"0" * 26
"""No plain number shorter than that is beyond a float's range."""
_UNSET = (b"2147483647", b"922337203685477580")
"""How the numbers that mean "unset" begin; whatever else does is rare enough to be left to ibapi too."""
_FIELDS = 8
_EXACT = 2**53
"""A float holds every integer up to this."""
_NAN = float("nan")
_NUMBERS = msgspec.json.Decoder(list[int | float])


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
        values = _NUMBERS.decode(b"[%s]" % body[:-1].translate(_COMMAS))
        if not values or len(values) != _FIELDS * int(fields[head - 1]):
            return None
        # An array of integers takes no float, nor one beyond 64 bits: what has a point is left to ibapi.
        dates, counts = (array("q", cast("list[int]", values[nth::_FIELDS])) for nth in (0, 7))
        floats = [array("d", values[nth::_FIELDS]) for nth in range(1, 7)]
    except (msgspec.DecodeError, TypeError, OverflowError):
        return None  # an empty field, or a number that only looks like one
    if max(counts) > _EXACT or dates[0] <= 0:
        return None
    opens, highs, lows, closes, volumes, waps = floats
    counted = array("d", counts)
    if b"-" in body or b"\x000" in body:  # else nothing is negative or nought
        if min(dates) <= 0 or min(counts) < -_EXACT or any(v < 0 and v != -1.0 for v in volumes):
            return None
        _clean(volumes, waps, counted)
    events: list[HistoricalBarColumns | HistoricalBarsEnd] = [
        HistoricalBarColumns(req_id, dates, opens, highs, lows, closes, volumes, waps, counted)
    ]
    if ended:
        begin, end = fields[2], fields[3]
        if not (begin + end).isascii() or b"\\" in begin + end:
            return None
        events.append(HistoricalBarsEnd(req_id, begin.decode(), end.decode()))
    return events


def bars_of(event: HistoricalBarColumns) -> tuple[Bar, ...]:
    """The same one by one."""
    prices = (event.open, event.high, event.low, event.close, event.volume, event.wap)
    plain = [[None if isnan(value) else value for value in column] for column in prices]
    counts = [None if isnan(count) else int(count) for count in event.count]
    return tuple(Bar(*values) for values in zip(map(str, event.dates), *plain, counts, strict=True))


def _clean(volumes: array[float], waps: array[float], counts: array[float]) -> None:
    """As `absence.cleaned` makes each bar."""
    for nth in range(len(volumes)):
        if not volumes[nth] > 0 or waps[nth] == -1.0:
            waps[nth] = _NAN
        if volumes[nth] == -1.0:
            volumes[nth] = _NAN
        if counts[nth] == -1.0:
            counts[nth] = _NAN


def _is_plain(body: bytes) -> bool:
    return (
        body.endswith(b"\0")
        and not body.translate(None, _PLAIN)
        and _TOO_LONG not in body.translate(_SHAPE)
        and not any(unset in body for unset in _UNSET)
    )
