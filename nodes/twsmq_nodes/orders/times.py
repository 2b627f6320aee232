"""The gateway's way of writing times, and which day a snapshot covers.

"20260928 05:04:56 US/Eastern" now, "20230224  12:04:56" (two spaces, no zone) in 2023, "20260415 18:28:34
Central European Standard Time" in the handshake (all captured). A time without a zone we know is not guessed.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_TIME = re.compile(r"(\d{8})[ -]+(\d{2}:\d{2}:\d{2})(?: +(\S.*))?")
NS = 1_000_000_000
_QUARTER = 900
MIDNIGHT_MARGIN_S = 60
"""Clocks differ: what happened this close to midnight may belong to either day."""


def execution_time_ns(text: str) -> int | None:
    """An execution's time in ns since the epoch; None if it has no zone we know."""
    parsed = _TIME.fullmatch(text.strip())
    if parsed is None or parsed[3] is None:
        return None
    try:
        zone = ZoneInfo(parsed[3].strip())
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None
    return _ns(parsed[1], parsed[2], zone)


def gateway_offset_s(connection_time: str, ts: int) -> int | None:
    """Seconds the gateway's clock stands east of UTC, from the handshake's time as it came in at `ts` (ns).

    The zone's name may be any Windows or Java name; the difference to our clock says it all, rounded to the
    quarters of an hour in which zones are cut.
    """
    parsed = _TIME.fullmatch(connection_time.strip())
    if parsed is None:
        return None
    local = _ns(parsed[1], parsed[2], UTC)
    if local is None:
        return None
    return round((local - ts) / NS / _QUARTER) * _QUARTER


def covers(snapshot_at: int, happened_at: int, offset_s: int | None) -> bool:
    """Whether a snapshot of the gateway's current day surely covers what happened at `happened_at` (ns).

    Without knowing where the gateway's clock stands every zone on Earth has to agree, so that only the last
    few minutes are sure.
    """
    offsets = [offset_s] if offset_s is not None else range(-12 * 3600, 14 * 3600 + 1, _QUARTER)
    return all(_midnight(snapshot_at, offset) + MIDNIGHT_MARGIN_S * NS <= happened_at for offset in offsets)


def _midnight(ts: int, offset_s: int) -> int:
    """The last midnight before `ts` at that offset, in ns since the epoch."""
    day = timedelta(days=1) // timedelta(microseconds=1) * 1000
    local = ts + offset_s * NS
    return local - local % day - offset_s * NS


def _ns(date: str, clock: str, zone: timezone | ZoneInfo) -> int | None:
    try:
        moment = datetime.strptime(f"{date} {clock}", "%Y%m%d %H:%M:%S").replace(tzinfo=zone)
    except ValueError:
        return None
    return int(moment.timestamp()) * NS
