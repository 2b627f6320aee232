"""When an instrument trades, from the gateway's text.

    20261123:0400-20261123:2000;20261124:CLOSED          (captured; older gateways leave the second date out)

Times are in the contract's own zone. Nothing here fails: a text or zone that cannot be read means "not
known".
"""

from __future__ import annotations

import re
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

Hours = tuple[tuple[int, int], ...]
"""Sessions as (start, end) in seconds since the epoch, the coming few days; empty: not known."""

_SESSION = re.compile(r"(\d{8}):(\d{4})-(?:(\d{8}):)?(\d{4})")


def parse_hours(text: str, zone_name: str) -> Hours:
    try:
        zone = ZoneInfo(zone_name)
        return tuple(
            (_moment(day, start, zone), _moment(last_day or day, end, zone))
            for day, start, last_day, end in _SESSION.findall(text)
        )
    except (ZoneInfoNotFoundError, ValueError):  # also: an hour 24, a zone that is no file name
        return ()


def is_open(hours: Hours, wall_s: float) -> bool:
    """Whether it trades now. Where that is not known, or no longer, it may."""
    if not hours or wall_s > hours[-1][1]:
        return True
    return any(start <= wall_s < end for start, end in hours)


def _moment(day: str, time: str, zone: ZoneInfo) -> int:
    return int(datetime.strptime(day + time, "%Y%m%d%H%M").replace(tzinfo=zone).timestamp())
