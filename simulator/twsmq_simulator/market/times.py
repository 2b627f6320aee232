"""Times as clients and notices write them."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo


def parse_time(text: str) -> int | None:
    """A time as clients write it, ns UTC: "20261122 09:30:00 US/Eastern", "20261122-14:30:00" (UTC)."""
    if not text:
        return None
    head, _, zone_name = text.strip().partition(" ")
    zone = ZoneInfo("America/New_York")
    if "-" in head:
        day, _, clock = head.partition("-")
        zone = ZoneInfo("UTC")
    else:
        day = head
        clock, _, zone_name = zone_name.strip().partition(" ")
        if zone_name.strip():
            try:
                zone = ZoneInfo(zone_name.strip())
            except (KeyError, ValueError):
                return None
    try:
        moment = datetime.strptime(f"{day} {clock or '00:00:00'}", "%Y%m%d %H:%M:%S").replace(tzinfo=zone)
    except ValueError:
        return None
    return round(moment.astimezone(UTC).timestamp() * 1e9)


def stamp(ns: int) -> str:
    """A moment as notices print it: "2026-09-28 09:30:00 US/Eastern" (captured)."""
    local = datetime.fromtimestamp(ns / 1e9, UTC).astimezone(ZoneInfo("America/New_York"))
    return f"{local:%Y-%m-%d %H:%M:%S} US/Eastern"
