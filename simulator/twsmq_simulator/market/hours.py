"""Trading sessions by kind of market, in the market's own time zone.

`describe` gives the tradingHours and liquidHours texts of contractDetails; `is_open` answers for a moment.
The hours are the usual ones of each market; US stock markets have their holidays and early closes, the others
know none (an assumption, see the README).
"""

from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from twsmq_simulator.market import holidays

DAYS: Final = 6


class Session(msgspec.Struct, frozen=True):
    """`opens` belongs to the day before where it is later than `closes`; weekdays count the closing day,
    Monday 0. `holidays`: it keeps those of the NYSE.
    """

    zone: str
    opens: clock
    closes: clock
    liquid_opens: clock
    liquid_closes: clock
    weekdays: tuple[int, ...] = (0, 1, 2, 3, 4)
    holidays: bool = False


SESSIONS: Final = {
    "us_equity": Session("America/New_York", clock(4), clock(20), clock(9, 30), clock(16), holidays=True),
    "us_future": Session("America/Chicago", clock(17), clock(16), clock(8, 30), clock(16)),
    "forex": Session("America/New_York", clock(17, 15), clock(17), clock(17, 15), clock(17)),
    "xetra": Session("Europe/Berlin", clock(9), clock(17, 30), clock(9), clock(17, 30)),
    "always": Session("UTC", clock(0), clock(23, 59, 59), clock(0), clock(23, 59, 59), tuple(range(7))),
}


def _span(session: Session, day: date, opens: clock, closes: clock) -> tuple[datetime, datetime]:
    zone = ZoneInfo(session.zone)
    start = day - timedelta(days=1) if opens > closes else day
    return datetime.combine(start, opens, zone), datetime.combine(day, closes, zone)


def session_span(kind: str, day: date, *, regular: bool) -> tuple[datetime, datetime] | None:
    """Opening and close of the session that ends on a day, or None when there is none."""
    session = SESSIONS[kind]
    if day.weekday() not in session.weekdays or (session.holidays and holidays.is_closed(day)):
        return None
    early = session.holidays and holidays.closes_early(day)
    if regular:
        closes = holidays.EARLY_CLOSE if early else session.liquid_closes
        return _span(session, day, session.liquid_opens, closes)
    return _span(session, day, session.opens, holidays.EARLY_EVENING_CLOSE if early else session.closes)


def whole_day(kind: str, day: date) -> tuple[datetime, datetime]:
    """The span of a day on which the market trades round the clock."""
    zone = ZoneInfo(SESSIONS[kind].zone)
    return datetime.combine(day, clock(), zone), datetime.combine(day + timedelta(days=1), clock(), zone)


def trading_day(kind: str, ns: int) -> date:
    """The day a moment is counted to: an evening that opens the next day's session belongs to that."""
    session = SESSIONS[kind]
    moment = datetime.fromtimestamp(ns / 1e9, UTC).astimezone(ZoneInfo(session.zone))
    evening = session.opens > session.closes and moment.time() >= session.opens
    return moment.date() + timedelta(days=1) if evening else moment.date()


def bar_start(kind: str, ns: int, seconds: int, *, always: bool) -> int:
    """Where the bar that a moment falls into starts. Bars are counted from the market's midnight; those of a
    day and longer start with the trading day, which is midnight too where the market is `always` open.
    """
    if seconds >= 86400 and not always:
        span = session_span(kind, trading_day(kind, ns), regular=False)
        if span is not None:
            return round(span[0].timestamp() * 1e9)
    moment = datetime.fromtimestamp(ns / 1e9, UTC).astimezone(ZoneInfo(SESSIONS[kind].zone))
    midnight = round(datetime.combine(moment.date(), clock(), moment.tzinfo).timestamp() * 1e9)
    step = seconds * 1_000_000_000
    return midnight + (ns - midnight) // step * step


def is_open(kind: str, ns: int, *, regular: bool = False) -> bool:
    zone = ZoneInfo(SESSIONS[kind].zone)
    now = datetime.fromtimestamp(ns / 1e9, UTC).astimezone(zone)
    for day in (now.date(), now.date() + timedelta(days=1)):
        span = session_span(kind, day, regular=regular)
        if span is not None and span[0] <= now < span[1]:
            return True
    return False


def next_close(kind: str, ns: int) -> int:
    """The first close of regular hours after a moment, ns UTC."""
    now = datetime.fromtimestamp(ns / 1e9, UTC)
    day = now.astimezone(ZoneInfo(SESSIONS[kind].zone)).date()
    while True:
        span = session_span(kind, day, regular=True)
        if span is not None and span[1] > now:
            return round(span[1].timestamp() * 1e9)
        day += timedelta(days=1)


def next_open(kind: str, ns: int, *, regular: bool = True) -> int:
    """The first opening after a moment, ns UTC."""
    now = datetime.fromtimestamp(ns / 1e9, UTC)
    day = now.astimezone(ZoneInfo(SESSIONS[kind].zone)).date()
    while True:
        span = session_span(kind, day, regular=regular)
        if span is not None and span[0] > now:
            return round(span[0].timestamp() * 1e9)
        day += timedelta(days=1)


def describe(kind: str, ns: int, zone: str) -> tuple[str, str]:
    """(tradingHours, liquidHours) for six days in the instrument's `zone`, in which they are read, e.g.
    "20260415:0930-20260415:1600;20260418:CLOSED".
    """
    today = datetime.fromtimestamp(ns / 1e9, UTC).astimezone(ZoneInfo(SESSIONS[kind].zone)).date()
    days = [today + timedelta(days=n) for n in range(DAYS)]
    read_in = ZoneInfo(zone)
    return (
        ";".join(_day_text(kind, day, read_in, regular=False) for day in days),
        ";".join(_day_text(kind, day, read_in, regular=True) for day in days),
    )


def _day_text(kind: str, day: date, zone: ZoneInfo, *, regular: bool) -> str:
    span = session_span(kind, day, regular=regular)
    if span is None:
        return f"{day:%Y%m%d}:CLOSED"
    opens, closes = (moment.astimezone(zone) for moment in span)
    return f"{opens:%Y%m%d:%H%M}-{closes:%Y%m%d:%H%M}"
