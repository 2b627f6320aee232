"""When an instrument trades, from the gateway's text.

Nothing here fails: a text (`tws.trading_hours`) or zone that cannot be read, and be it in one of its
sessions, means "not known". What was not read is not closed.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo

from twsmq_nodes.tws.gateway_times import zone_named
from twsmq_nodes.tws.trading_hours import MIDNIGHT_AFTER, closed_day, entries, sessions

Hours = tuple[tuple[int, int], ...]
"""Sessions as (start, end) in seconds since the epoch, the coming few days; empty: not known, or closed as
far as is known."""


def parse_hours(text: str, zone_name: str) -> Hours:
    return _read(text, zone_name)[0]


def known_until(text: str, zone_name: str) -> int | None:
    """The end of the last day that the text speaks of, closed ones included, in seconds since the epoch; None
    if it speaks of none, or cannot be read.
    """
    return _read(text, zone_name)[1]


def _read(text: str, zone_name: str) -> tuple[Hours, int | None]:
    zone = zone_named(zone_name)
    if zone is None:
        return (), None
    try:
        spans = [span for entry in entries(text) for span in _spans(entry)]
        hours = tuple((_moment(*start, zone), _moment(*end, zone)) for start, end in spans if start != end)
        if not spans or any(end <= start for start, end in hours):
            return (), None
        last = max(end[0] for _, end in spans)
        return hours, int(_midnight(last, zone, days=1).timestamp())
    except (ValueError, OverflowError):  # an hour 25, a year 0
        return (), None


def _spans(entry: str) -> Iterator[tuple[tuple[str, str], tuple[str, str]]]:
    """The (day, time) at which each session of a day begins and ends; of a closed day the same twice."""
    closed = closed_day(entry)
    if closed is not None:
        yield (closed, "0000"), (closed, "0000")
        return
    for session in sessions(entry):
        if session is None:
            raise ValueError(entry)
        yield (session.begin_day, session.begin), (session.end_day, session.end)


def _moment(day: str, time: str, zone: tzinfo) -> int:
    if time == MIDNIGHT_AFTER:
        return int(_midnight(day, zone, days=1).timestamp())
    return int(datetime.strptime(day + time, "%Y%m%d%H%M").replace(tzinfo=zone).timestamp())


def _midnight(day: str, zone: tzinfo, *, days: int) -> datetime:
    return datetime.strptime(day, "%Y%m%d").replace(tzinfo=zone) + timedelta(days=days)


def day_ends(wall_s: float, zone_name: str) -> float:
    """The next midnight where the instrument is listed (of UTC where the zone cannot be read)."""
    zone = zone_named(zone_name) or UTC
    tomorrow = datetime.fromtimestamp(wall_s, zone).date() + timedelta(days=1)
    return datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=zone).timestamp()


def is_open(hours: Hours, until: int | None, wall_s: float) -> bool:
    """Whether it trades now. Where that is not known (`until`: how far it is), it may."""
    return until is None or wall_s > until or is_known_open(hours, wall_s)


def is_known_open(hours: Hours, wall_s: float) -> bool:
    """Whether it is known to trade now."""
    return opened_at(hours, wall_s) is not None


def opened_at(hours: Hours, wall_s: float) -> float | None:
    """When the session began that is known to be on. Of every line, every second: no generator, which takes
    twice as long."""
    opened: float | None = None
    for start, end in hours:
        if start <= wall_s < end and (opened is None or start > opened):
            opened = float(start)
    return opened
