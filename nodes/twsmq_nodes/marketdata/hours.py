"""When an instrument trades, from the gateway's text.

    20261123:0400-20261123:2000;20261124:CLOSED          (captured; older gateways leave the second date out)

Times are in the contract's own zone. Nothing here fails: a text or zone that cannot be read means "not
known".
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo

from twsmq_nodes.tws.gateway_times import zone_named

Hours = tuple[tuple[int, int], ...]
"""Sessions as (start, end) in seconds since the epoch, the coming few days; empty: not known."""

_SESSION = re.compile(r"(\d{8}):(\d{4})-(?:(\d{8}):)?(\d{4})")
_CLOSED = re.compile(r"(\d{8}):CLOSED")


def parse_hours(text: str, zone_name: str) -> Hours:
    zone = zone_named(zone_name)
    try:
        return tuple(
            (_moment(day, start, zone), _moment(last_day or day, end, zone))
            for day, start, last_day, end in _SESSION.findall(text)
            if zone is not None
        )
    except (ValueError, OverflowError):  # an hour 24, a year 0
        return ()


def known_until(text: str, zone_name: str) -> int | None:
    """The end of the last day that the text speaks of, closed ones included, in seconds since the epoch; None
    if it speaks of none, or in a zone that cannot be read.
    """
    zone = zone_named(zone_name)
    days = [last or day for day, _, last, _ in _SESSION.findall(text)] + _CLOSED.findall(text)
    try:
        last = datetime.strptime(max(days), "%Y%m%d").replace(tzinfo=zone) + timedelta(days=1)
        return int(last.timestamp()) if zone is not None else None
    except (ValueError, OverflowError):
        return None


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
    return any(start <= wall_s < end for start, end in hours)


def _moment(day: str, time: str, zone: tzinfo | None) -> int:
    return int(datetime.strptime(day + time, "%Y%m%d%H%M").replace(tzinfo=zone).timestamp())
