"""historicalData read by hand, all bars of a message at once: a year of minutes has a hundred thousand, and
ibapi takes several times as long for each.

Rule, as for ticks: what is read here means exactly what ibapi makes of it; whatever is unusual in a message
(an empty or odd field, a value that stands for "unset", a date that is no number) is left to ibapi. Proved
against ibapi by property tests, at every server version from 157 on.

The body may hold digits, points, signs and NULs only, so that no text is left which Python's `float` would
read and ibapi's `Decimal` would not, or the other way round.
"""

from __future__ import annotations

from twsmq_nodes.tws.reference_events import HistoricalBarColumns, HistoricalBarsEnd

HISTORICAL_DATA = b"17\0"
_END_APART_FROM = 196
"""The server version from which the end of a query is a message of its own."""
_PLAIN = b"0123456789.-\0"
_UNSET = (b"2147483647", b"9223372036854775807", b"9223372036854775808")
_LONGEST = 25
"""Characters of a field: no plain number of so many is beyond a float's range, or an integer's of 64 bits."""
_FIELDS = 8


def whole_bars(frame: bytes, server_version: int) -> list[HistoricalBarColumns | HistoricalBarsEnd] | None:
    """The events of a historicalData message; None if ibapi should read it."""
    ended = server_version < _END_APART_FROM
    head = 5 if ended else 3
    fields = frame.split(b"\0", head)
    if len(fields) <= head or not fields[1].isdigit() or not fields[head - 1].isdigit():
        return None
    req_id, body = int(fields[1]), fields[head]
    if len(fields[1]) > 9 or len(fields[head - 1]) > 7 or not body or not _is_plain(body):
        return None
    values = body.decode("ascii").split("\0")
    if values.pop() or len(values) != _FIELDS * int(fields[head - 1]):
        return None  # a text that no NUL ends, or not as many fields as it says
    if max(map(len, values)) > _LONGEST:
        return None
    dates = values[::_FIELDS]
    if not all(map(str.isdigit, dates)):
        return None
    try:
        opens, highs, lows, closes, volumes, waps = (
            list[float | None](map(float, values[nth::_FIELDS])) for nth in range(1, 7)
        )
        counts = list(map(int, values[7::_FIELDS]))
    except ValueError:
        return None
    if max(counts) >= 2**63 or min(counts) < -(2**63):
        return None
    whole = HistoricalBarColumns(
        req_id, dates, opens, highs, lows, closes, volumes, waps, list[int | None](counts)
    )
    events: list[HistoricalBarColumns | HistoricalBarsEnd] = [whole]
    if ended:
        begin, end = fields[2], fields[3]
        if not (begin + end).isascii() or b"\\" in begin + end:
            return None
        events.append(HistoricalBarsEnd(req_id, begin.decode(), end.decode()))
    return events


def _is_plain(body: bytes) -> bool:
    return not body.translate(None, _PLAIN) and not any(unset in body for unset in _UNSET)
