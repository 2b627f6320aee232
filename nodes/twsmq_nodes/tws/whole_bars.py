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
from typing import TypeAlias, cast

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
_LONGEST_HEAD = 200
STRETCH = 32_768
_Floats: TypeAlias = "array[float]"
_Columns: TypeAlias = "tuple[array[int], _Floats, _Floats, _Floats, _Floats, _Floats, _Floats, _Floats]"
_NUMBERS = msgspec.json.Decoder(list[int | float])


def whole_bars(
    frame: bytes, server_version: int, stretch: int = STRETCH
) -> list[HistoricalBarColumns | HistoricalBarsEnd] | None:
    """The events of a historicalData message; None if ibapi should read it. `stretch`: bytes read at
    a time."""
    ended = server_version < _END_APART_FROM
    head = 5 if ended else 3
    fields = frame[:_LONGEST_HEAD].split(b"\0", head)
    if len(fields) <= head or not fields[1].isdigit() or not fields[head - 1].isdigit():
        return None
    req_id, count, begins = int(fields[1]), fields[head - 1], sum(map(len, fields[:head])) + head
    if len(fields[1]) > 9 or len(count) > 7 or not frame.endswith(b"\0") or len(frame) == begins:
        return None
    columns = _columns(frame, begins, stretch)
    if columns is None or len(columns[0]) != int(count):
        return None
    events: list[HistoricalBarColumns | HistoricalBarsEnd] = [HistoricalBarColumns(req_id, *columns)]
    if ended:
        begin, end = fields[2], fields[3]
        if not (begin + end).isascii() or b"\\" in begin + end:
            return None
        events.append(HistoricalBarsEnd(req_id, begin.decode(), end.decode()))
    return events


def _columns(frame: bytes, at: int, stretch: int) -> _Columns | None:
    """Of the fields from `at` to the end, which is a NUL: read in stretches that stay in the processor's
    cache, each ending with a whole field."""
    dates: array[int] = array("q")
    opens, highs, lows, closes, volumes, waps, counts = (array("d") for _ in range(7))
    floats = list(enumerate((opens, highs, lows, closes, volumes, waps), 1))
    rest: list[int | float] = []
    odd = False  # something is negative or nought
    while at < len(frame):
        stop = frame.find(b"\0", at + stretch)
        stop = len(frame) if stop < 0 else stop + 1
        part, at = frame[at:stop], stop
        if not _is_plain(part):
            return None
        try:
            values = _NUMBERS.decode(b"[%s]" % part[:-1].translate(_COMMAS))
            if rest:
                values = rest + values
            whole = len(values) - len(values) % _FIELDS
            rest = values[whole:]
            # An array of integers takes no float, nor one beyond 64 bits: what has a point is left to ibapi.
            times, numbers = (cast("list[int]", values[nth:whole:_FIELDS]) for nth in (0, _FIELDS - 1))
            array("q", numbers)
            dates.fromlist(times)
            for nth, column in floats:
                column.fromlist(values[nth:whole:_FIELDS])
            counts.fromlist(cast("list[float]", numbers))
        except (msgspec.DecodeError, TypeError, OverflowError):
            return None  # an empty field, or a number that only looks like one
        odd = odd or b"-" in part or b"\x000" in part or part.startswith(b"0")
        if max(numbers, default=0) > _EXACT or (odd and not _cleaned(times, numbers, volumes, waps, counts)):
            return None
        odd = odd and bool(rest)  # of a bar that is not whole yet
    return None if rest else (dates, opens, highs, lows, closes, volumes, waps, counts)


def bars_of(event: HistoricalBarColumns) -> tuple[Bar, ...]:
    """The same one by one."""
    prices = (event.open, event.high, event.low, event.close, event.volume, event.wap)
    plain = [[None if isnan(value) else value for value in column] for column in prices]
    counts = [None if isnan(count) else int(count) for count in event.count]
    return tuple(Bar(*values) for values in zip(map(str, event.dates), *plain, counts, strict=True))


def _cleaned(
    times: list[int], numbers: list[int], volumes: array[float], waps: array[float], counts: array[float]
) -> bool:
    """As `absence.cleaned` makes each bar, of the newest. False: ibapi should read it."""
    if min(times, default=1) <= 0 or min(numbers, default=0) < -_EXACT:
        return False
    for nth in range(len(volumes) - len(times), len(volumes)):
        volume = volumes[nth]
        if volume < 0 and volume != -1.0:
            return False
        if not volume > 0 or waps[nth] == -1.0:
            waps[nth] = _NAN
        if volume == -1.0:
            volumes[nth] = _NAN
        if counts[nth] == -1.0:
            counts[nth] = _NAN
    return True


def _is_plain(part: bytes) -> bool:
    return (
        not part.translate(None, _PLAIN)
        and _TOO_LONG not in part.translate(_SHAPE)
        and not any(unset in part for unset in _UNSET)
    )
