"""What was asked for of an instrument, as spans of bars, and what of it is missing. No file, no clock."""

from __future__ import annotations

from collections.abc import Sequence

from twsmq_protocol.errors import FieldError
from twsmq_protocol.history_requests import NEWEST_S, PackedBars
from twsmq_protocol.instruments import parse_instrument
from twsmq_protocol.packed_bars import times
from twsmq_protocol.streams import seconds_of

from .ledger import Records
from .planner import DAY_NS, NS, Interval, Piece, Span, room, spans_of, touching, uncovered, utc_date

_DAY_LATE, _MONTH_LATE, _NEVER = 4, 64, 2**63
"""Days after an expiry that no bar is of: a day may be the one before the last session, in any zone; a month
that of delivery, before it ends or in the one after."""
_SETTLED, _SETTLED_LATE_NS = ("FUT", "FOP", "CONTFUT", ""), 30 * DAY_NS // 24
"""The close of a future's day becomes its settlement price "several hours after a trading session closes", of
a Friday sometimes on Saturday (IBKR's documentation of historical bars)."""


def settled_before(instrument: str, size: str, now: int) -> int:
    """Bars that begin before, of those that are finished, have the close that they will have, ns. Of what is
    named by its conId the kind is not known."""
    step = seconds_of(size) * NS
    if step < DAY_NS or parse_instrument(instrument).sec_type not in _SETTLED:
        return _NEVER
    return (now - _SETTLED_LATE_NS - step) // DAY_NS * DAY_NS + DAY_NS


def spans_wanted(records: Records, size: str) -> list[Span]:
    """The spans of everything that was asked for of an instrument; its schedule is known."""
    schedule = records.schedule
    assert schedule is not None
    head = schedule.head or 0
    last = _expired(schedule.instrument)
    return [
        span
        for begin, end in records.wanted_parts()
        for span in spans_of(schedule.sessions, size, schedule.time_zone, begin, min(end, last), head)
    ]


def _expired(instrument: str) -> int:
    """From when on there is no bar of it for sure, ns: after its last session no schedule lists any, and the
    days instead of them are for what trades."""
    try:
        expiry = parse_instrument(instrument).expiry
        if len(expiry) == 8:
            return utc_date(f"{expiry[:4]}-{expiry[4:6]}-{expiry[6:]}") + _DAY_LATE * DAY_NS
        return utc_date(f"{expiry[:4]}-{expiry[4:]}-01") + _MONTH_LATE * DAY_NS
    except (ValueError, FieldError):
        return _NEVER


def still_missing(records: Records, size: str) -> list[Interval]:
    return uncovered(spans_wanted(records, size), records.covered())


def room_in(spans: Sequence[Span], piece: Piece, size: str) -> int:
    """Bars that have room in both."""
    return sum(
        room(max(span.begin, piece.begin), min(span.end, piece.end), size)
        for span in touching(spans, piece.begin, piece.end)
    )


def known_up_to(piece: Piece, bars: PackedBars, size: str, asked_at: int) -> int:
    """Up to where `bars`, which came for it, are all that there ever will be. `asked_at`: when, ns."""
    when = times(bars)
    last = when[-1] + seconds_of(size) * NS if when else piece.begin
    return min(piece.end, max(last, asked_at - NEWEST_S * NS))
