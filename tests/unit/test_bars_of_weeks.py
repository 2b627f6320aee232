"""Bars of weeks and months. A gateway dates each by the last day that it has so far (nautilus_trader #2380:
SPY 20240105, 20240112, 20240119, then 20240123, a Tuesday; stoqey/ibkr #149), so that of this week has
another date every day. A bar has one time, when it begins."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from support.absence_checks import router_of
from support.history_desk import NOW, Desk
from twsmq_nodes.history.bars_job import Known
from twsmq_nodes.history.jobs import Keep
from twsmq_nodes.history.plan import DAY_S, NS
from twsmq_nodes.tws.gateway_times import period_begins
from twsmq_nodes.tws.reference_events import Bar, HistoricalBars, HistoricalBarsEnd, HistoricalBarUpdate
from twsmq_protocol.packed_bars import packed

DAY = DAY_S * NS
WEEK = "bars/1w/STK:SPY:SMART:USD/"


def ns(day: str) -> int:
    return int(datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC).timestamp()) * NS


def bar(day: str, price: float = 1.0) -> Bar:
    return Bar(day, price, price, price, price, 5.0, price, 1)


@pytest.mark.parametrize(
    ("size", "dated", "begins"),
    [
        ("1w", "20240105", "20240101"),
        ("1w", "20260618", "20260615"),  # a holiday on Friday
        ("1w", "20240122", "20240122"),
        ("1w", "20240128", "20240122"),  # coins trade on Sundays
        ("1w", "20270101", "20261228"),
        ("1mo", "20240131", "20240101"),
        ("1mo", "20240229", "20240201"),
        ("1mo", "20240301", "20240301"),
        ("1d", "20240105", "20240105"),
    ],
)
def test_whatever_day_it_is_dated_by_it_begins_with_its_first(size: str, dated: str, begins: str) -> None:
    assert period_begins(size, ns(dated)) == ns(begins)


def test_a_week_that_goes_on_is_one_bar_and_not_final_every_day() -> None:
    router, outgoing = router_of(WEEK)
    router.on_event(HistoricalBars(1, (bar("20240112"), bar("20240119"), bar("20240122"))))
    router.on_event(HistoricalBarsEnd(1, "", ""))
    for day in ("20240122", "20240123", "20240126", "20240129"):
        router.on_event(HistoricalBarUpdate(1, bar(day, float(day))))
        router.flush()
    past, *updates = [row for row in outgoing.bodies() if row["type"] in ("bars", "bar")]
    assert [one["time"] for one in past["bars"]] == [ns(day) for day in ("20240108", "20240115", "20240122")]
    told = [(one["time"], one["final"], one["close"]) for one in updates]
    this, following = ns("20240122"), ns("20240129")
    assert told == [
        (this, False, 20240122.0),
        (this, False, 20240123.0),
        (this, False, 20240126.0),
        (this, True, 20240126.0),
        (following, False, 20240129.0),
    ]


@pytest.mark.parametrize(
    ("size", "dates", "wanted"),
    [
        # NOW is Wednesday 2026-10-28, midnight UTC.
        ("1w", ("20261009", "20261016", "20261023", "20261027"), ("20261005", "20261012", "20261019")),
        ("1mo", ("20260731", "20260831", "20260930", "20261027"), ("20260701", "20260801", "20260901")),
    ],
)
def test_the_one_that_goes_on_is_left_out_and_not_kept(
    size: str, dates: tuple[str, ...], wanted: tuple[str, ...]
) -> None:
    desk = Desk()
    call = desk.bars(ns(wanted[0]), NOW, size)
    request = desk.sent[-1]
    desk.feed(HistoricalBars(request.req_id, (bar("20260605"), *map(bar, dates))))
    desk.feed(HistoricalBarsEnd(request.req_id, "", ""))
    assert [row.time for row in desk.page(call).bars] == [ns(day) for day in wanted]
    (kept,) = desk.taken
    assert isinstance(kept, Keep)
    assert kept.end <= ns(dates[-1][:6] + ("26" if size == "1w" else "01"))


def test_a_week_that_a_request_cuts_does_not_pass_for_a_whole_one() -> None:
    """Its last days only, under the same date; nor is a past taken for adjusted by it."""
    begin, end = ns("20260907"), ns("20261005")
    times = [begin + nth * 7 * DAY for nth in range(2)]
    ones: list[float | None] = [1.0, 1.0]
    known = Known(begin, begin + 14 * DAY, packed(times, ones, ones, ones, ones, ones, ones, [1, 1]), 7)
    desk = Desk()
    call = desk.bars(begin, end, "1w", known=[known])
    cut = bar("20260911", 0.5)
    whole = (bar("20260918"), bar("20260925", 2.0), bar("20261002", 2.0), bar("20261009", 2.0))
    req_id = desk.sent[-1].req_id
    desk.feed(HistoricalBars(req_id, (cut, *whole)))
    desk.feed(HistoricalBarsEnd(req_id, "", ""))
    assert [row.close for row in desk.page(call).bars] == [1.0, 1.0, 2.0, 2.0]
    assert [row.time for row in desk.page(call).bars] == [begin + nth * 7 * DAY for nth in range(4)]
