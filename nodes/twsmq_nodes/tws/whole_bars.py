"""historicalData read by hand, all bars of a message at once: a year of minutes has a hundred thousand, and
ibapi takes several times as long for each. So too historicalSchedule: sessions of years, of each instrument.

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
from struct import error as StructError  # noqa: N812 - an exception like the others
from struct import pack
from typing import TypeAlias, cast

import msgspec

from twsmq_nodes.tws.reference_events import (
    Bar,
    HistoricalBarColumns,
    HistoricalBarsEnd,
    HistoricalSchedule,
)

HISTORICAL_DATA, HISTORICAL_SCHEDULE = b"17\0", b"106\0"
_END_APART_FROM = 196
"""The server version from which the end of a query is a message of its own."""
_PLAIN = b"0123456789.-\0"
_COMMAS = bytes.maketrans(b"\0", b",")
_UNSET = (b"214748364", b"922337203685477580", b"1797693134862315", b"170141183460469")
"""How the numbers that mean "unset" begin; whatever else does is rare enough to be left to ibapi too."""
_FIELDS = 8
_EXACT = 2**53
"""A float holds every integer up to this."""
_NAN = float("nan")
_LONGEST_HEAD = 200
_SESSIONS, _LONGEST_TEXT = 6, 100
"""Where the sessions of a schedule begin; longer texts are left to ibapi."""
STRETCH = 65_536
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
    begins = at
    dates: array[int] = array("q")
    numbers: array[int] = array("q")
    all_: array[float] = array("d")
    while at < len(frame):
        stop = frame.find(b"\0", at + stretch)
        stop = len(frame) if stop < 0 else stop + 1
        part, at = frame[at:stop], stop
        if not _is_plain(part):
            return None
        try:
            values = _NUMBERS.decode(b"[%s]" % part[:-1].translate(_COMMAS))
            first = -len(all_) % _FIELDS  # of them that begins a bar
            # An array of integers takes no float, nor one beyond 64 bits: what has a point is left to ibapi.
            dates += array("q", cast("list[int]", values[first::_FIELDS]))
            numbers += array("q", cast("list[int]", values[(first - 1) % _FIELDS :: _FIELDS]))
            all_.frombytes(pack(f"{len(values)}d", *values))
        except (msgspec.DecodeError, StructError, TypeError, OverflowError):
            return None  # an empty field, or a number that only looks like one
    if len(all_) % _FIELDS:
        return None
    opens, highs, lows, closes, volumes, waps, counts = (all_[nth::_FIELDS] for nth in range(1, _FIELDS))
    odd = frame.find(b"-", begins) >= 0
    if not _is_exact(numbers) and (max(numbers) > _EXACT or min(numbers) < -_EXACT):
        return None
    if odd and min(dates, default=1) <= 0:
        return None
    if (odd or _has_nought(volumes)) and not _cleaned(volumes, waps, counts, odd=odd):
        return None
    return dates, opens, highs, lows, closes, volumes, waps, counts


def whole_schedule(frame: bytes) -> HistoricalSchedule | None:
    """The event of a historicalSchedule message; None if ibapi should read it."""
    if not (frame.isascii() and frame.endswith(b"\0")) or b"\\" in frame:
        return None
    fields = frame[:-1].decode().split("\0")
    if len(fields) < _SESSIONS or max(map(len, fields)) > _LONGEST_TEXT:
        return None
    _, req_id, start, end, zone, count = fields[:_SESSIONS]
    if not (req_id.isdigit() and count.isdigit() and len(req_id) <= 9 and len(count) <= 6):
        return None
    if len(fields) != _SESSIONS + 3 * int(count):
        return None
    opens, closes, dates = (fields[nth::3] for nth in range(_SESSIONS, _SESSIONS + 3))
    return HistoricalSchedule(int(req_id), start, end, zone, tuple(zip(opens, closes, dates, strict=True)))


def bars_of(event: HistoricalBarColumns) -> tuple[Bar, ...]:
    """The same one by one."""
    prices = (event.open, event.high, event.low, event.close, event.volume, event.wap)
    plain = [[None if isnan(value) else value for value in column] for column in prices]
    counts = [None if isnan(count) else int(count) for count in event.count]
    return tuple(Bar(*values) for values in zip(map(str, event.dates), *plain, counts, strict=True))


def _cleaned(volumes: array[float], waps: array[float], counts: array[float], *, odd: bool) -> bool:
    """As `absence.cleaned` makes each bar. `odd`: something is negative. False: ibapi should read it."""
    for nth in [nth for nth, volume in enumerate(volumes) if not volume > 0]:
        waps[nth] = _NAN
        if volumes[nth] == -1.0:
            volumes[nth] = _NAN
        elif volumes[nth] < 0:
            return False
    for column in (waps, counts) if odd else ():
        for nth in [nth for nth, value in enumerate(column) if value == -1.0]:
            column[nth] = _NAN
    return True


def _is_exact(numbers: array[int]) -> bool:
    """Whether none is negative, or has as many digits as a float does not hold: by the two highest bytes of
    each, which is much quicker than to look at the numbers."""
    eights = numbers.tobytes()
    return not (eights[6::8].strip(b"\0") or eights[7::8].strip(b"\0"))


def _has_nought(values: _Floats) -> bool:
    """Whether one is 0, or next to it, of those that are not negative: by the highest byte."""
    return b"\0" in values.tobytes()[7::8]


def _is_plain(part: bytes) -> bool:
    """Digits, points, signs and NULs, and nothing that may mean "unset"."""
    return not part.translate(None, _PLAIN) and not any(begin in part for begin in _UNSET)
