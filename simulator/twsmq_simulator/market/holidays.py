"""The days on which US stock markets stay closed or close early, by rule for any year (NYSE rule 7.2 and its
published calendars; the recorded schedule of April 2026 has no session on Good Friday).

A holiday on a Sunday is kept on Monday, one on a Saturday on Friday, but for New Year's Day, which is then
not kept at all. Days of mourning and storms are not known.
"""

from datetime import date, time, timedelta
from functools import lru_cache
from typing import Final

EARLY_CLOSE: Final = time(13)
EARLY_EVENING_CLOSE: Final = time(17)  # of the extended hours
MONDAY, THURSDAY, FRIDAY, SATURDAY, SUNDAY = 0, 3, 4, 5, 6


def easter(year: int) -> date:
    """Easter Sunday by the Gregorian computus (Butcher, 1876)."""
    century, rest = divmod(year, 100)
    golden = year % 19
    epact = (19 * golden + century - century // 4 - (century - (century + 8) // 25 + 1) // 3 + 15) % 30
    weekday = (32 + 2 * (century % 4) + 2 * (rest // 4) - epact - rest % 4) % 7
    late = (golden + 11 * epact + 22 * weekday) // 451
    month, day = divmod(epact + weekday - 7 * late + 114, 31)
    return date(year, month, day + 1)


def _nth(year: int, month: int, weekday: int, nth: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (nth - 1))


def _kept(day: date) -> date:
    """The working day on which a holiday with a fixed date is kept."""
    return day + timedelta(days={SATURDAY: -1, SUNDAY: 1}.get(day.weekday(), 0))


@lru_cache(maxsize=256)
def closed_days(year: int) -> frozenset[date]:
    new_year = date(year, 1, 1)
    found = {
        _nth(year, 1, MONDAY, 3),  # Martin Luther King
        _nth(year, 2, MONDAY, 3),  # Washington
        easter(year) - timedelta(days=2),
        _nth(year, 6, MONDAY, 1) - timedelta(days=7),  # Memorial Day: May's last Monday
        *([_kept(date(year, 6, 19))] if year >= 2022 else []),  # Juneteenth
        _kept(date(year, 7, 4)),
        _nth(year, 9, MONDAY, 1),  # Labor Day
        _nth(year, 11, THURSDAY, 4),  # Thanksgiving
        _kept(date(year, 12, 25)),
    }
    return frozenset(found | ({_kept(new_year)} if new_year.weekday() != SATURDAY else set()))


@lru_cache(maxsize=256)
def early_days(year: int) -> frozenset[date]:
    """The days before Independence Day and Christmas where both are working days, and the one after
    Thanksgiving.
    """
    eves = {date(year, 7, 3), date(year, 12, 24)}
    kept = {day for day in eves if day.weekday() <= THURSDAY}
    return frozenset(kept | {_nth(year, 11, THURSDAY, 4) + timedelta(days=1)})


def is_closed(day: date) -> bool:
    return day in closed_days(day.year)


def closes_early(day: date) -> bool:
    return day in early_days(day.year)
