"""The grammar of the gateway's texts of trading hours, for whoever makes something of them. Pure.

    20261123:0400-20261123:2000;20261124:CLOSED          (captured)
    20261123:0930-1200,1300-1600;20261124:CLOSED         (before TWS 970: dates left out where they follow)

Times are in the contract's own zone, HHMM; 2400 is the midnight after.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

_SESSION = re.compile(r"(?:(\d{8}):)?(\d{4})-(?:(\d{8}):)?(\d{4})", re.ASCII)
_CLOSED = re.compile(r"(\d{8}):CLOSED", re.ASCII)
MIDNIGHT_AFTER = "2400"


class Session(NamedTuple):
    """Days YYYYMMDD, times HHMM."""

    begin_day: str
    begin: str
    end_day: str
    end: str


def entries(text: str) -> list[str]:
    """One for each day that the text speaks of."""
    return [entry.strip() for entry in text.split(";") if entry.strip()]


def closed_day(entry: str) -> str | None:
    """The day that is said to be closed; None for one with sessions."""
    closed = _CLOSED.fullmatch(entry)
    return None if closed is None else closed[1]


def sessions(entry: str) -> Iterator[Session | None]:
    """The sessions of a day; None stands for one that cannot be read, or that ends as it begins."""
    day = ""
    for part in entry.split(","):
        span = _SESSION.fullmatch(part.strip())
        if span is None:
            yield None
            continue
        day = span[1] or day
        end_day = span[3] or day
        same = (day, span[2]) == (end_day, span[4])
        yield None if same or not day else Session(day, span[2], end_day, span[4])
