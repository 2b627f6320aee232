"""The gateway's way of writing times.

"20260928 05:04:56 US/Eastern" now, "20250225-15:15:00" (a dash: UTC; captured at v200 and above),
"20230224  12:04:56" (two spaces, no zone) in 2023, "20260415 18:28:34 Central European Standard Time" in the
handshake (all captured). Zones are IANA names, names of Java's or Windows', or abbreviations, as the machine
of the gateway has them. A time without a zone we know is not guessed; if its zone is the one the gateway
greeted with, the gateway's own clock shows.
"""

from __future__ import annotations

import re
from calendar import timegm
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from twsmq_protocol.envelope import NS

_TIME = re.compile(r"(\d{8})( +|-)(\d{2}:\d{2}:\d{2})(?: +(\S.*))?")
MOST_S = 2**33
FARTHEST_S = 15 * 3600
"""From UTC; the farthest zone is 14 hours away."""
QUARTER_S = 900
"""Zones are cut in quarters of an hour."""

_NAMES = {
    "eastern": "America/New_York", "central": "America/Chicago", "mountain": "America/Denver",
    "pacific": "America/Los_Angeles", "alaska": "America/Anchorage", "alaskan": "America/Anchorage",
    "hawaii": "Pacific/Honolulu", "hawaiian": "Pacific/Honolulu", "us mountain": "America/Phoenix",
    "us eastern": "America/Indianapolis", "atlantic": "America/Halifax", "canada central": "America/Regina",
    "central european": "Europe/Berlin", "central europe": "Europe/Budapest", "w. europe": "Europe/Berlin",
    "romance": "Europe/Paris", "western european": "Europe/Lisbon", "eastern european": "Europe/Athens",
    "e. europe": "Europe/Chisinau", "fle": "Europe/Kiev", "gtb": "Europe/Bucharest", "gmt": "Europe/London",
    "greenwich": "Etc/UTC", "greenwich mean": "Europe/London", "british": "Europe/London",
    "irish": "Europe/Dublin", "moscow": "Europe/Moscow", "russian": "Europe/Moscow",
    "turkey": "Europe/Istanbul",
    "israel": "Asia/Jerusalem", "arabian": "Asia/Dubai", "gulf": "Asia/Dubai", "arab": "Asia/Riyadh",
    "india": "Asia/Kolkata", "china": "Asia/Shanghai", "hong kong": "Asia/Hong_Kong", "taipei": "Asia/Taipei",
    "singapore": "Asia/Singapore", "japan": "Asia/Tokyo", "tokyo": "Asia/Tokyo", "korea": "Asia/Seoul",
    "korean": "Asia/Seoul", "se asia": "Asia/Bangkok", "indochina": "Asia/Bangkok",
    "australian eastern": "Australia/Sydney", "aus eastern": "Australia/Sydney",
    "e. australia": "Australia/Brisbane", "australian western": "Australia/Perth",
    "w. australia": "Australia/Perth", "new zealand": "Pacific/Auckland",
    "e. south america": "America/Sao_Paulo", "brasilia": "America/Sao_Paulo",
    "argentina": "America/Buenos_Aires",
    "central mexico": "America/Mexico_City", "south africa": "Africa/Johannesburg",
    "coordinated universal": "Etc/UTC",
}  # fmt: skip
"""Java's and Windows' names ("Central European Standard Time", "W. Europe Summer Time") without their end."""

_SHORT = {
    "EST": "America/New_York", "EDT": "America/New_York", "CST": "America/Chicago", "CDT": "America/Chicago",
    "MST": "America/Denver", "MDT": "America/Denver", "PST": "America/Los_Angeles",
    "PDT": "America/Los_Angeles", "CET": "Europe/Berlin", "CEST": "Europe/Berlin", "MET": "Europe/Berlin",
    "BST": "Europe/London", "WET": "Europe/Lisbon", "WEST": "Europe/Lisbon", "EET": "Europe/Athens",
    "EEST": "Europe/Athens", "MSK": "Europe/Moscow", "JST": "Asia/Tokyo", "HKT": "Asia/Hong_Kong",
    "SGT": "Asia/Singapore", "KST": "Asia/Seoul", "IST": "Asia/Kolkata", "AEST": "Australia/Sydney",
    "AEDT": "Australia/Sydney", "AET": "Australia/Sydney", "NZST": "Pacific/Auckland",
    "NZDT": "Pacific/Auckland", "Z": "Etc/UTC", "GMT": "Etc/UTC",
}  # fmt: skip
"""Abbreviations as a gateway in that zone writes them; with two meanings the one of a market. London's is BST
in summer: a time "GMT" is UTC's."""

_ENDING = re.compile(r" (standard|daylight|summer|winter)? ?time$")
_OFFSET = re.compile(r"(?:GMT|UTC)?([+-])(\d{1,2})(?::?(\d{2}))?")


def execution_time_ns(text: str, own_zone: tuple[str, int] | None = None) -> int | None:
    """An execution's time in ns since the epoch; None if it has no zone we know. `own_zone`: the name of the
    gateway's own and how many seconds it is east of UTC."""
    parsed = _TIME.fullmatch(text.strip())
    if parsed is None:
        return None
    date, gap, clock, name = parsed.groups()
    if name is None:
        return _ns(date, clock, UTC) if gap == "-" else None
    name = name.strip()
    zone = zone_named(name)
    if own_zone is not None and name == own_zone[0] and (zone is None or name.upper() in _SHORT):
        zone = timezone(timedelta(seconds=own_zone[1]))  # an abbreviation may have two meanings
    return None if zone is None else _ns(date, clock, zone)


def bar_time(text: str) -> int | None:
    """When a bar begins, ns: from seconds as asked for (formatDate 2), of a day or longer its date
    (captured). Else as gateways write it that take no notice of what was asked for (ib_async #161).
    """
    try:
        if len(text) == 8:
            return ns_of(timegm(datetime.strptime(text, "%Y%m%d").timetuple()))
        return ns_of(int(text))
    except ValueError:
        return execution_time_ns(text)


def period_begins(size: str, date: int) -> int:
    """When a bar of that date begins, ns: that of a week with its Monday, of a month with the first. A
    gateway dates it by the last day that it has so far, so that of this week has another date every day
    (captured: nautilus_trader #2380, stoqey/ibkr #149)."""
    day = datetime.fromtimestamp(date // NS, UTC)
    back = {"1w": day.weekday(), "1mo": day.day - 1}.get(size, 0)
    return date - back * 86_400 * NS


_BOTH = re.compile(r"[A-Z]{1,5} \(.*\)")


@lru_cache(maxsize=1_000)
def zone_named(name: str) -> tzinfo | None:
    """The zone that a gateway calls so; None for one we do not know."""
    if _BOTH.fullmatch(name):  # "EST (Eastern Standard Time)", as details had it before 2020 (pysystemtrade)
        short, _, full = name.rstrip(")").partition(" (")
        known_in_full = _NAMES.get(_ENDING.sub("", full.lower()))  # "CST" alone may be China's
        return ZoneInfo(known_in_full) if known_in_full and short != "GMT" else zone_named(short)
    known = _SHORT.get(name.upper()) or _NAMES.get(_ENDING.sub("", name.lower()))
    offset = _OFFSET.fullmatch(name)
    if offset is not None:
        away = timedelta(hours=int(offset[2]), minutes=int(offset[3] or 0))
        return timezone(away if offset[1] == "+" else -away) if away < timedelta(hours=24) else None
    try:
        return ZoneInfo(known or name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def iana_name(name: str) -> str | None:
    """The IANA name of a zone as the gateway names it; None for one we do not know."""
    zone = zone_named(name.strip())
    return zone.key if isinstance(zone, ZoneInfo) else None


def zone_of(connection_time: str) -> str:
    """The name of the zone in the handshake's time, empty if it has none."""
    parsed = _TIME.fullmatch(connection_time.strip())
    return (parsed[4] or "").strip() if parsed is not None else ""


def gateway_offset_s(connection_time: str, ts: int) -> int | None:
    """Seconds the gateway's clock stands east of UTC, from the handshake's time as it came in at `ts` (ns).

    The zone's name may be any Windows or Java name; the difference to our clock says it all, rounded to the
    quarters of an hour in which zones are cut. None too if its clock is wrong by more than any zone is away.
    """
    parsed = _TIME.fullmatch(connection_time.strip())
    if parsed is None:
        return None
    local = _ns(parsed[1], parsed[3], UTC)
    if local is None:
        return None
    offset = round((local - ts) / NS / QUARTER_S) * QUARTER_S
    return offset if abs(offset) <= FARTHEST_S else None


def _ns(date: str, clock: str, zone: tzinfo) -> int | None:
    year, month, day = int(date[:4]), int(date[4:6]), int(date[6:])
    hour, minute, second = map(int, clock.split(":"))
    try:  # a schedule of years has thousands of times, and strptime takes ten times as long
        moment = datetime(year, month, day, hour, minute, second, tzinfo=zone)
        return ns_of(int(moment.timestamp()))
    except (ValueError, OverflowError):
        return None


def ns_of(seconds: int) -> int | None:
    """Ns since the epoch. None far from our days (before 1697, after 2242): a gateway that says so is wrong,
    and what it says would fit into no field of a message or a database."""
    return seconds * NS if -MOST_S < seconds < MOST_S else None
