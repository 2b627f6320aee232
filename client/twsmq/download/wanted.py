"""What was asked for of an instrument, as spans of bars, and what of it is missing. No file, no clock."""

from __future__ import annotations

from collections.abc import Sequence

from twsmq_protocol.streams import seconds_of

from .ledger import Records
from .planner import NS, Interval, Piece, Span, spans_of, touching, uncovered


def spans_wanted(records: Records, size: str) -> list[Span]:
    """The spans of everything that was asked for of an instrument; its schedule is known."""
    schedule = records.schedule
    assert schedule is not None
    head = schedule.head or 0
    return [
        span
        for begin, end in records.wanted_parts()
        for span in spans_of(schedule.sessions, size, schedule.time_zone, begin, end, head)
    ]


def still_missing(records: Records, size: str) -> list[Interval]:
    return uncovered(spans_wanted(records, size), records.covered())


def room_in(spans: Sequence[Span], piece: Piece, size: str) -> int:
    """Bars that have room in both."""
    step = seconds_of(size) * NS
    parts = (
        (max(span.begin, piece.begin), min(span.end, piece.end))
        for span in touching(spans, piece.begin, piece.end)
    )
    return sum(-(-(end - begin) // step) for begin, end in parts)
