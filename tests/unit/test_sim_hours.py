"""When the simulated markets trade: the NYSE's holidays and early closes, as its calendars have them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from twsmq_nodes.marketdata.hours import is_known_open, parse_hours
from twsmq_simulator.market import holidays, hours, listing

EASTERN = ZoneInfo("America/New_York")
# Published by the NYSE for each year: closed, closing at 13:00.
CALENDARS = {
    2021: ("0101 0118 0215 0402 0531 0705 0906 1125 1224", "1126"),
    2022: ("0117 0221 0415 0530 0620 0704 0905 1124 1226", "1125"),
    2023: ("0102 0116 0220 0407 0529 0619 0704 0904 1123 1225", "0703 1124"),
    2024: ("0101 0115 0219 0329 0527 0619 0704 0902 1128 1225", "0703 1129 1224"),
    2025: ("0101 0120 0217 0418 0526 0619 0704 0901 1127 1225", "0703 1128 1224"),
    2026: ("0101 0119 0216 0403 0525 0619 0703 0907 1126 1225", "1127 1224"),
    2027: ("0101 0118 0215 0326 0531 0618 0705 0906 1125 1224", "1126"),
}


def ns(moment: datetime) -> int:
    return int(moment.timestamp() * 1e9)


def at(month: int, day: int, hour: int, minute: int = 0, year: int = 2026) -> int:
    return ns(datetime(year, month, day, hour, minute, tzinfo=EASTERN))


@pytest.mark.parametrize("year", CALENDARS)
def test_a_years_holidays_are_those_of_the_exchange(year: int) -> None:
    closed, early = ([f"{year}{day}" for day in days.split()] for days in CALENDARS[year])
    assert sorted(f"{day:%Y%m%d}" for day in holidays.closed_days(year)) == closed
    assert sorted(f"{day:%Y%m%d}" for day in holidays.early_days(year)) == early


@pytest.mark.parametrize(
    ("year", "month", "day"), [(1954, 4, 18), (2000, 4, 23), (2008, 3, 23), (2038, 4, 25), (2049, 4, 18)]
)
def test_easter_at_its_edges(year: int, month: int, day: int) -> None:
    assert holidays.easter(year) == date(year, month, day)


def test_nothing_trades_on_a_holiday_and_the_next_session_is_after_it() -> None:
    good_friday = at(4, 3, 11)
    assert not hours.is_open("us_equity", good_friday)
    assert not hours.is_open("us_equity", good_friday, regular=True)
    assert hours.next_open("us_equity", good_friday) == at(4, 6, 9, 30)
    assert hours.next_close("us_equity", good_friday) == at(4, 6, 16)
    assert "20260403:CLOSED" in hours.describe("us_equity", at(4, 1, 12), "US/Eastern")[0].split(";")


def test_a_short_day_ends_at_one_and_its_evening_at_five() -> None:
    assert hours.next_close("us_equity", at(11, 27, 10)) == at(11, 27, 13)
    assert hours.is_open("us_equity", at(11, 27, 16, 59))
    assert not hours.is_open("us_equity", at(11, 27, 17))
    trading, liquid = (
        text.split(";")[0] for text in hours.describe("us_equity", at(11, 27, 10), "US/Eastern")
    )
    assert trading == "20261127:0400-20261127:1700"
    assert liquid == "20261127:0930-20261127:1300"


def test_other_markets_keep_no_us_holidays() -> None:
    thanksgiving = ns(datetime(2026, 11, 26, 12, tzinfo=UTC))
    assert hours.is_open("forex", thanksgiving)
    assert hours.is_open("xetra", thanksgiving)


def test_hours_are_given_in_the_zone_that_stands_beside_them() -> None:
    """At any hour of a week: the simulated gateway wrote those of what trades round the clock by UTC and of a
    future by Chicago, and New York beside them.
    """
    kinds = {(each.hours, each.time_zone) for each in listing.build(date(2026, 11, 23))}
    assert ("always", "US/Eastern") in kinds
    monday = ns(datetime(2026, 11, 23, tzinfo=UTC))
    for kind, zone in kinds:
        for half_hour in range(7 * 48):
            moment = monday + half_hour * 1_800 * 1_000_000_000
            text, _ = hours.describe(kind, moment, zone)
            known = is_known_open(parse_hours(text, zone), moment / 1e9)
            assert known is hours.is_open(kind, moment), (kind, zone, half_hour, text)
