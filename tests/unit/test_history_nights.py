"""Bars of a second over nights: IBKR gives half an hour of them at a time, and sixty times in ten minutes."""

from __future__ import annotations

from itertools import pairwise

import pytest
from support.history_desk import MONDAY, NOW, Desk, asked, ends_at
from twsmq_nodes.history.bars_job import Known
from twsmq_nodes.history.core import IDLE_S
from twsmq_nodes.history.memory import past_for_good
from twsmq_nodes.history.plan import DAY_S, NS
from twsmq_nodes.tws.reference_events import HistoricalSchedule
from twsmq_protocol.history_requests import TickPage
from twsmq_protocol.packed_bars import packed

HOUR, DAY = 3_600 * NS, DAY_S * NS
OPEN, CLOSE = 27 * HOUR // 2, 20 * HOUR
NO_DATA = "Historical Market Data Service error message:HMDS query returned no data: AAPL@SMART Trades"


@pytest.fixture
def desk() -> Desk:
    return Desk()


def sessions(desk: Desk, *days: str) -> None:
    rows = tuple((f"{day}-13:30:00", f"{day}-20:00:00", day) for day in days)
    desk.feed(HistoricalSchedule(desk.sent[-1].req_id, "", "", "UTC", rows))


def answer_all(desk: Desk, call: int) -> list[tuple[int, int]]:
    """Answers each piece with the second at its end; where pieces end, and what came."""
    pieces: list[tuple[int, int]] = []
    while call not in desk.answers:
        before = len(desk.sent)
        end = ends_at(asked(desk.sent[-1]).end)
        pieces.append((end - 1_992 * NS, end))
        desk.reply(end - NS)
        desk.advance(2.0)
        assert call in desk.answers or len(desk.sent) == before + 1
    return pieces


def test_nights_are_passed_over(desk: Desk) -> None:
    call = desk.bars(MONDAY, MONDAY + 2 * DAY, "1s", rth=True)
    plan = asked(desk.sent[-1])
    assert (plan.what_to_show, plan.use_rth, plan.bar_size) == ("SCHEDULE", 1, "1 day")
    sessions(desk, "20260928", "20260929")
    pieces = answer_all(desk, call)
    assert len(pieces) == 24, "twelve half hours of each session, of 87 in two days"
    for day in (MONDAY, MONDAY + DAY):
        of_day = [piece for piece in pieces if day <= piece[0] < day + DAY]
        assert of_day[0][0] == day + OPEN
        assert of_day[-1][1] >= day + CLOSE
        assert all(one[1] == other[0] for one, other in pairwise(of_day))
    assert desk.page(call).next is None


def test_a_weekend_at_the_end_and_at_the_beginning(desk: Desk) -> None:
    call = desk.bars(MONDAY - 2 * DAY, MONDAY + 7 * DAY, "1s", limit=20_000)
    sessions(desk, "20260928")
    assert len(answer_all(desk, call)) == 12


def test_longer_than_a_market_ever_closes_is_no_night(desk: Desk) -> None:
    """It may be that the gateway's schedule does not go back so far."""
    desk.bars(MONDAY - 30 * DAY, MONDAY + DAY, "1s")
    sessions(desk, "20260928")
    assert ends_at(asked(desk.sent[-1]).end) == MONDAY - 30 * DAY + 1_992 * NS


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (10295, "Only daily resolution supported for Schedule requests"),
        (10299, "Expected what to show is MIDPOINT, please use that instead of SCHEDULE."),
        (162, NO_DATA),
        (162, "Historical Market Data Service error message:Time length exceed max."),
        (321, "Error validating request.-'bN' : cause - Invalid what to show"),
        (162, "wovon niemand etwas versteht"),
    ],
)
def test_without_a_schedule_every_half_hour_is_asked_for(desk: Desk, code: int, text: str) -> None:
    call = desk.bars(MONDAY, MONDAY + DAY, "1s")
    desk.refuse(code, text)
    request = asked(desk.sent[-1])
    assert (request.what_to_show, ends_at(request.end)) == ("TRADES", MONDAY + 1_992 * NS)
    assert call not in desk.failures


def test_what_passes_is_asked_again_before_anything_else(desk: Desk) -> None:
    desk.bars(MONDAY, MONDAY + DAY, "1s")
    desk.refuse(162, "Historical Market Data Service error message:Historical data request pacing violation")
    desk.advance(16.0)
    assert [asked(send).what_to_show for send in desk.sent] == ["SCHEDULE", "SCHEDULE"]


def test_a_schedule_that_never_comes_is_not_waited_for_again(desk: Desk) -> None:
    desk.bars(MONDAY, MONDAY + DAY, "1s")
    desk.advance(IDLE_S + 1)
    assert len(desk.cancelled) == 1
    desk.advance(6.0)
    request = asked(desk.sent[-1])
    assert (request.what_to_show, ends_at(request.end)) == ("TRADES", MONDAY + 1_992 * NS)


def test_sessions_that_cannot_be_read_hide_nothing(desk: Desk) -> None:
    desk.bars(MONDAY, MONDAY + DAY, "1s")
    rows = (("20260928-13:30:00", "20260928-25:00:00", "20260928"),)
    desk.feed(HistoricalSchedule(desk.sent[-1].req_id, "", "", "UTC", rows))
    assert ends_at(asked(desk.sent[-1]).end) == MONDAY + 1_992 * NS


@pytest.mark.parametrize(("size", "hours"), [("1s", 6), ("5s", 48), ("1m", 48)])
def test_what_takes_few_requests_needs_no_plan(desk: Desk, size: str, hours: int) -> None:
    desk.bars(MONDAY, MONDAY + hours * HOUR, size)
    assert asked(desk.sent[-1]).what_to_show == "TRADES"


def test_what_is_known_needs_no_plan_either(desk: Desk) -> None:
    times = [MONDAY + OPEN + second * NS for second in range(5)]
    ones: list[float | None] = [1.0] * 5
    bars = packed(times, ones, ones, ones, ones, ones, ones, [1] * 5)
    known = Known(MONDAY, MONDAY + 2 * DAY, bars, 7)
    call = desk.bars(MONDAY, MONDAY + 2 * DAY + HOUR, "1s", known=[known])
    assert asked(desk.sent[-1]).what_to_show == "TRADES"
    answer_all(desk, call)
    assert [row.time for row in desk.page(call).bars][:5] == times


def test_newest_bars_that_may_be_late_are_not_kept_as_none(desk: Desk) -> None:
    """Whoever asked next was told, for a month, that nothing traded in them."""
    minute = 60 * NS
    desk.bars(NOW - HOUR, NOW)
    desk.reply(*(NOW - HOUR + nth * minute for nth in range(45)))
    (kept,) = desk.taken
    assert kept.end == NOW - 15 * minute  # type: ignore[union-attr]
    desk.taken.clear()
    desk.bars(NOW - 2 * HOUR, NOW, limit=19_999)
    desk.reply(NOW - 2 * HOUR)
    (quiet,) = desk.taken
    assert quiet.end == NOW - 20 * minute  # type: ignore[union-attr]


@pytest.mark.parametrize(("minutes", "kept"), [(2, False), (19, False), (20, True), (600, True)])
def test_nor_are_ticks_kept_to_which_later_ones_may_come(minutes: int, kept: bool) -> None:
    at = NOW - minutes * 60 * NS
    assert past_for_good(TickPage(ticks=[], con_id=None), at, NOW) == kept
    assert past_for_good(TickPage(ticks=[], con_id=None, next=at), None, NOW) == kept
    assert not past_for_good(TickPage(ticks=[], con_id=None), None, NOW)
