"""Lines that are silent and lines that are not: hours, pace, and from which moment on data may come."""

from __future__ import annotations

from typing import Any

import pytest
from support.marketdata_core import AAPL, MSFT, Desk
from support.marketdata_stories import BARS, TRADES
from twsmq_nodes.marketdata import events as ev
from twsmq_nodes.marketdata.hours import opened_at
from twsmq_nodes.marketdata.listings import Listing
from twsmq_nodes.marketdata.silence import all_are_closed, unanswered_lines
from twsmq_nodes.tws.contracts import Contract
from twsmq_nodes.tws.session_events import DataMaintained, UpstreamLost

DEPTH = "depth/STK:AAPL:SMART:USD/"
HOUR = 3600.0
DAY = 86_400


def listing(con_id: int = 1, **fields: Any) -> Listing:
    """It trades from 4:00 to 20:00 of one day, 9:30 to 16:00 are its regular hours."""
    made: dict[str, Any] = {"hours": ((4 * 3600, 20 * 3600),), "hours_until": 2 * DAY}
    made |= {"regular": ((34_200, 57_600),), "regular_until": 2 * DAY}
    return Listing(Contract(con_id), "STK", **(made | fields))


@pytest.mark.parametrize(
    ("topic", "hour", "known", "told"),
    [
        ("bars/1m/STK:AAPL:SMART:USD;rth=1/", 8, {}, []),
        ("bar5s/STK:AAPL:SMART:USD;rth=1/", 8, {}, []),
        ("bar5s/STK:AAPL:SMART:USD;rth=1/", 18, {}, []),
        ("bars/1m/STK:AAPL:SMART:USD;rth=1/", 12, {}, ["gap"]),
        ("bar5s/STK:AAPL:SMART:USD;rth=1/", 12, {}, ["gap"]),
        ("bars/1m/STK:AAPL:SMART:USD/", 8, {}, ["gap"]),
        ("bar5s/STK:AAPL:SMART:USD;rth=1/", 8, {"regular_until": None, "regular": ()}, ["gap"]),
        ("bar5s/STK:AAPL:SMART:USD;rth=1/", 32, {}, []),
        ("bar5s/STK:AAPL:SMART:USD;rth=1/", 49, {}, ["gap"]),  # beyond what is known
    ],
)
def test_bars_of_regular_hours_are_missed_in_regular_hours_only(
    topic: str, hour: int, known: dict[str, Any], told: list[str]
) -> None:
    """`useRTH`: "only data within the regular trading hours" (IBKR API docs)."""
    desk = Desk(listings={"STK:AAPL:SMART:USD": listing(**known)})
    silent, lives = desk.flowing(topic, MSFT)
    desk.feed(ev.LinesChecked({silent: 0.0, lives: 900.0}, wall_s=HOUR * hour), at=900)
    assert [state for _, state in desk.told()] == told


@pytest.mark.parametrize("other_trades", [True, False])
def test_a_combo_that_died_by_day_has_nothing_reconnected_at_night(*, other_trades: bool) -> None:
    """ib_async #220: it has no hours of its own, and where all is closed nothing flows."""
    always = listing(hours=((0, 3 * DAY),), hours_until=3 * DAY)
    desk = Desk(
        silent_s=60,
        listings={
            "STK:AAPL:SMART:USD": always if other_trades else two_days(),
            "STK:MSFT:SMART:USD": two_days(con_id=2),
        },
    )
    combo = "quote/BAG:AAPL:SMART:USD:+1x265598,-1x272093/"
    dead, lives, _ = desk.flowing(combo, AAPL, MSFT)
    for at in (60.0, 180.0, 420.0, 900.0):
        desk.feed(ev.LinesChecked({dead: 0.0, lives: at}, wall_s=12 * HOUR), at=at)
        for ask in desk.asked():
            dead = ask.req_id
            desk.feed(ev.RequestWritten(dead))
    assert unanswered_lines(desk.core.lines) == 1
    assert not all_are_closed(desk.core.lines, 12 * HOUR)
    assert all_are_closed(desk.core.lines, 22 * HOUR) is not other_trades
    assert all_are_closed(desk.core.lines, 28 * HOUR + 30) is not other_trades, "what opens has a minute"


# -- from when on


def checked(desk: Desk, wall_s: float, data_at: dict[int, float]) -> list[str]:
    """What is told of lines whose data came last at these moments, as the wall clock shows `wall_s`."""
    desk.feed(ev.LinesChecked(data_at, wall_s=wall_s))
    return [state for topic, state in desk.told() if topic != MSFT]


def overnight(topic: str) -> tuple[Desk, int, int]:
    """A line, and another that ticks, both silent since they closed at 20:00; it is 3:59:50 now, and `now` is
    what the wall clock shows."""
    desk = Desk(listings={"STK:AAPL:SMART:USD": two_days(), "STK:MSFT:SMART:USD": two_days(con_id=2)})
    desk.now = 19 * HOUR
    line, other = desk.flowing(topic, MSFT)
    desk.feed(ev.LinesChecked({line: 20 * HOUR - 5, other: 20 * HOUR - 5}, wall_s=20 * HOUR), at=20 * HOUR)
    desk.told()
    desk.now = 28 * HOUR - 10
    return desk, line, other


def two_days(con_id: int = 1) -> Listing:
    hours = ((4 * 3600, 20 * 3600), (28 * 3600, 44 * 3600))
    regular = ((34_200, 57_600), (34_200 + DAY, 57_600 + DAY))
    return listing(con_id, hours=hours, regular=regular)


@pytest.mark.parametrize("other_ticks", [True, False])
@pytest.mark.parametrize("topic", [AAPL, BARS, TRADES, DEPTH])
def test_what_was_silent_over_night_has_its_patience_from_the_open_on(
    topic: str, *, other_ticks: bool
) -> None:
    """Else everything would be asked for again in the second in which all begin to trade."""
    desk, line, other = overnight(topic)
    seen = 20 * HOUR - 5
    for after in (-5, 1, 30, 55):
        now = desk.now = 28 * HOUR + after
        data_at = {line: seen, other: now if other_ticks and after > 0 else seen}
        assert checked(desk, now, data_at) == [], after
    patience = 300 if topic == TRADES else 75
    now = desk.now = 28 * HOUR + patience + 1
    desk.feed(ev.LinesChecked({line: seen, other: now}, wall_s=now))
    (gap,) = [each.status for each in desk.take(ev.PublishStatus) if each.topic == topic]
    assert (gap.state, gap.since) == ("gap", 28 * HOUR)
    normal = patience if topic in (BARS, TRADES) else 60
    assert gap.reason == f"no data for {patience + 1} s, where {normal} s are normal"


def test_bars_of_regular_hours_have_it_from_the_regular_open_on() -> None:
    topic = "bar5s/STK:AAPL:SMART:USD;rth=1/"
    desk, line, other = overnight(topic)
    opens = DAY + 34_200.0
    for after, told in ((-3000, []), (1, []), (59, []), (61, ["gap"])):
        desk.now = opens + after
        assert checked(desk, desk.now, {line: 20 * HOUR - 5, other: desk.now}) == told, after


def test_the_night_is_no_pace() -> None:
    """A line that dies in the morning would be missed an hour later only."""
    desk, line, other = overnight(AAPL)
    for second in (1, 2):
        desk.now = 28 * HOUR + second
        assert checked(desk, desk.now, {line: desk.now, other: desk.now}) == []
    died = desk.now
    desk.now = died + 61
    assert checked(desk, desk.now, {line: died, other: desk.now}) == ["gap"]


@pytest.mark.parametrize("topic", [AAPL, TRADES, DEPTH])
def test_after_a_1102_lines_have_their_patience_before_they_are_asked_for_again(topic: str) -> None:
    """The gateway says that they go on; in an outage nothing could come."""
    desk = Desk(listings={"STK:AAPL:SMART:USD": listing(), "STK:MSFT:SMART:USD": listing(con_id=2)})
    line, other = desk.flowing(topic, MSFT)
    at = 5 * HOUR
    desk.feed(UpstreamLost(1100, "lost"), at=at)
    desk.feed(DataMaintained(), at=at + 600)
    desk.told()
    patience = 300 if topic == TRADES else 60
    for after, told in ((1, []), (patience - 1, []), (patience, ["gap"])):
        desk.now = at + 600 + after
        assert checked(desk, desk.now, {line: at, other: desk.now}) == told, after
    assert len(desk.asked()) == 1


def test_what_died_in_an_outage_is_noticed_after_it() -> None:
    """IBC #143, Lean.Brokerages.InteractiveBrokers #169: 1102, and nothing more comes of anything."""
    desk = Desk(listings={"STK:AAPL:SMART:USD": listing()})
    (line,) = desk.flowing(AAPL)
    at = 5 * HOUR
    desk.feed(UpstreamLost(1100, "lost"), at=at)
    desk.feed(DataMaintained(), at=at + 180)
    assert desk.told() == [(AAPL, "gap"), (AAPL, "resumed")]
    desk.now = at + 241
    assert checked(desk, desk.now, {line: at}) == ["gap"]
    assert desk.line() > line


@pytest.mark.parametrize(
    ("hour", "opened"), [(3, None), (4, 4), (11, 4), (11.75, None), (12.5, 12.5), (19.9, 12.5), (20, None)]
)
def test_a_session_begins_after_a_break_too(hour: float, opened: float | None) -> None:
    hours = ((4 * 3600, int(11.5 * 3600)), (int(12.5 * 3600), 20 * 3600))
    assert opened_at(hours, hour * HOUR) == (None if opened is None else opened * HOUR)
