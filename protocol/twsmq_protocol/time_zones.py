"""Names of time zones in a configuration: refused where they are read, not where they are first needed."""

from __future__ import annotations

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from .errors import FieldError


def check_time_zone(name: str, field: str) -> None:
    """Raises FieldError for one that this machine does not know."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise FieldError(field, f"{name!r} is no time zone, like America/New_York") from None
