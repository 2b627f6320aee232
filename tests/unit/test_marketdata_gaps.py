"""Gaps: a session, a farm or the whole node was away, and everybody is told from when until when."""

from __future__ import annotations

import pytest
from support.marketdata_core import AAPL, MSFT, UP, Desk
from twsmq_nodes.marketdata import events as ev
from twsmq_nodes.marketdata.silence import unanswered_lines
from twsmq_nodes.marketdata.stream_status import RESTARTED
from twsmq_nodes.tws.session_events import DataLost, DataMaintained, FarmState, FarmStatus, UpstreamLost


def test_a_lost_session_opens_a_gap_that_the_next_data_close():
    desk = Desk()
    desk.flowing(AAPL)
    desk.feed(ev.Disconnected("cut", since=7.0), at=10.0)
    (gap,) = desk.take(ev.PublishStatus)
    assert (gap.status.state, gap.status.since) == ("gap", 7.0)
    desk.feed(UP, at=12.0)
    req_id = desk.line()
    desk.feed(ev.DataFlowed(req_id), at=12.5)
    (resumed,) = desk.take(ev.PublishStatus)
    assert (resumed.status.state, resumed.status.since, resumed.status.until) == ("resumed", 7.0, 12.5)


def test_after_1101_everything_is_asked_for_again_under_new_ids():
    desk = Desk()
    before = desk.flowing(AAPL, MSFT)
    desk.feed(UpstreamLost(1100, "lost"), at=5)
    desk.feed(DataLost(), at=9)
    assert desk.told() == [(AAPL, "gap"), (MSFT, "gap")]
    asked = desk.asked()
    assert len(asked) == 2
    assert all(cancel.request is None for cancel in desk.take(ev.Cancel)), "nothing is there any more"
    assert not {ask.req_id for ask in asked} & set(before)
    for ask in asked:
        desk.feed(ev.DataFlowed(ask.req_id))
    assert {state for _, state in desk.told()} == {"resumed"}


def test_what_may_be_lost_and_may_not_is_cancelled_before_it_is_asked_for_again():
    """No 1101 came: a line that the gateway has kept would count twice, and there are only 50 histories."""
    desk = Desk()
    before = desk.flowing(AAPL, MSFT)
    desk.feed(UpstreamLost(1100, "lost"), at=5)
    desk.feed(DataLost("it answers requests that need IBKR"), at=25)
    assert [cancel.req_id for cancel in desk.take(ev.Cancel) if cancel.request is not None] == before
    assert len(desk.asked()) == 2


def test_after_1101_while_the_session_is_being_made_everything_is_asked_for_once_it_is_up():
    desk = Desk()
    desk.flowing(AAPL)
    desk.feed(ev.Disconnected("cut", since=0))
    desk.feed(DataLost())
    assert desk.asked() == []
    desk.feed(UP)
    desk.told()
    desk.feed(ev.DataFlowed(desk.line()))
    assert desk.told() == [(AAPL, "resumed")]


def test_1102_tears_nothing_down():
    desk = Desk()
    desk.flowing(AAPL)
    desk.feed(UpstreamLost(1100, "lost"), at=5)
    desk.feed(DataMaintained(), at=9)
    assert desk.told() == [(AAPL, "gap"), (AAPL, "resumed")]
    assert desk.asked() == []
    assert desk.take(ev.Cancel) == []


def test_after_1102_with_a_farm_missing_only_data_show_that_a_line_flows():
    desk = Desk()
    (aapl, _) = desk.flowing(AAPL, MSFT)
    desk.feed(UpstreamLost(1100, "lost"), at=5)
    desk.feed(FarmStatus("market", "usfuture", FarmState.BROKEN), at=9)
    desk.feed(FarmStatus("historical", "ushmds", FarmState.BROKEN), at=9)
    desk.told()
    desk.feed(DataMaintained(), at=9)
    gaps = desk.take(ev.PublishStatus)
    assert {(tell.status.state, tell.status.since) for tell in gaps} == {("gap", 5)}
    assert all("usfuture" in (tell.status.reason or "") for tell in gaps)
    desk.feed(ev.DataFlowed(aapl), at=11)
    assert desk.told() == [(AAPL, "resumed")]
    assert desk.asked() == []
    desk.feed(FarmStatus("market", "usfuture", FarmState.OK), at=20)
    desk.wait(5)
    desk.feed(ev.DataFlowed(desk.line()))
    assert desk.told() == [(MSFT, "resumed")]


def test_after_1102_lines_that_no_missing_farm_can_serve_are_resumed():
    desk = Desk()
    desk.flowing(AAPL)
    desk.feed(UpstreamLost(1100, "lost"), at=5)
    desk.feed(FarmStatus("historical", "ushmds", FarmState.BROKEN), at=9)
    desk.feed(FarmStatus("market", "usfarm", FarmState.OK), at=9)
    desk.feed(DataMaintained(), at=9)
    assert desk.told() == [(AAPL, "gap"), (AAPL, "resumed")]


def test_data_that_were_on_their_way_when_the_gap_opened_do_not_close_it():
    desk = Desk()
    (req_id,) = desk.flowing(AAPL)
    desk.feed(UpstreamLost(1100, "lost"), at=5)
    assert desk.take(ev.Arm) == [ev.Arm(req_id)]
    desk.feed(ev.DataFlowed(req_id), at=5.2)
    assert desk.told() == [(AAPL, "gap")]
    assert desk.take(ev.Arm) == [ev.Arm(req_id)]
    desk.feed(ev.DataFlowed(req_id), at=8)
    assert desk.told() == [(AAPL, "resumed")]


def test_a_broken_farm_opens_gaps_and_its_return_asks_again_where_nothing_comes():
    desk = Desk()
    desk.flowing(AAPL, MSFT)
    aapl, msft = desk.core.lines
    desk.feed(FarmStatus("market", "usfarm", FarmState.BROKEN), at=5)
    assert {state for _, state in desk.told()} == {"gap"}
    desk.feed(FarmStatus("market", "usfarm", FarmState.OK), at=20)
    assert msft.req_id is not None
    desk.feed(ev.DataFlowed(msft.req_id), at=21)
    assert desk.told() == [(MSFT, "resumed")]
    silent = aapl.req_id
    desk.wait(5)
    assert [cancel.req_id for cancel in desk.take(ev.Cancel)] == [silent]
    desk.feed(ev.DataFlowed(desk.line()))
    assert desk.told() == [(AAPL, "resumed")]


def test_a_farm_whose_return_nobody_announces_leaves_no_line_unasked_for_ever():
    desk = Desk(silent_s=60)
    aapl, msft = desk.flowing(AAPL, MSFT)
    desk.feed(FarmStatus("market", "usfarm", FarmState.BROKEN), at=5)
    desk.feed(ev.DataFlowed(msft), at=7)
    assert desk.told() == [(AAPL, "gap"), (MSFT, "gap"), (MSFT, "resumed")]
    desk.feed(ev.LinesChecked({aapl: 2.0, msft: 64.0}, wall_s=64), at=64)
    assert desk.asked() == [], "breaks heal in seconds"
    desk.feed(ev.LinesChecked({aapl: 2.0, msft: 66.0}, wall_s=66), at=66)
    again = desk.line()
    assert [cancel.req_id for cancel in desk.take(ev.Cancel)] == [aapl]
    desk.feed(ev.LinesChecked({again: 66.0, msft: 500.0}, wall_s=500), at=500)
    assert unanswered_lines(desk.core.lines) == 0, "the session is not at fault"
    desk.feed(ev.DataFlowed(desk.line()), at=501)
    assert desk.told() == [(AAPL, "resumed")]


BARS = "bars/1d/STK:AAPL:SMART:USD/"


def test_the_past_of_a_line_is_no_proof_of_its_present_while_a_market_farm_is_broken():
    """It comes from another farm. A day's bars may be silent for an hour before that is noticed."""
    desk = Desk()
    (bars,) = desk.flowing(BARS)
    desk.feed(UpstreamLost(1100, "lost"), at=25)
    desk.feed(FarmStatus("market", "usfarm", FarmState.BROKEN), at=29)
    desk.feed(DataMaintained(), at=29)
    again = desk.line()
    assert again != bars
    desk.told()
    for at in (30, 30, 30.5):  # the bars, their end, what was on its way
        desk.feed(ev.DataFlowed(again), at=at)
    (gap,) = desk.take(ev.PublishStatus)
    assert (gap.status.state, gap.status.since) == ("gap", 25)
    assert "usfarm is broken" in str(gap.status.reason)
    desk.feed(ev.DataFlowed(again), at=35)
    assert desk.told() == [(BARS, "resumed")]
    desk.feed(ev.Disconnected("cut", since=40), at=40)
    assert desk.told() == [(BARS, "gap")]


def test_who_wants_bars_while_a_market_farm_is_broken_is_told_once_that_they_may_stand_still():
    desk = Desk()
    desk.feed(UP)
    desk.feed(FarmStatus("market", "eufarm", FarmState.BROKEN), at=1)
    desk.want(BARS)
    desk.answer_lookups()
    req_id = desk.line()
    desk.feed(ev.DataFlowed(req_id), at=2)
    desk.feed(ev.DataFlowed(req_id), at=6)
    assert [state for _, state in desk.told()][-2:] == ["gap", "resumed"]
    desk.feed(FarmStatus("historical", "ushmds", FarmState.BROKEN), at=10)
    desk.feed(FarmStatus("historical", "ushmds", FarmState.OK), at=20)
    desk.wait(5)
    desk.feed(ev.DataFlowed(desk.line()), at=26)
    assert desk.told() == [(BARS, "gap"), (BARS, "resumed")], "its updates have come since that farm broke"


@pytest.mark.parametrize("over", [DataMaintained("its data farms are connected again"), DataLost("asked")])
def test_no_code_is_named_that_did_not_come(over: DataLost | DataMaintained):
    """An outage may end without a 1101 or 1102; what flowed meanwhile has another gap then."""
    desk = Desk()
    (bars,) = desk.flowing(BARS)
    desk.feed(UpstreamLost(2110, "lost"), at=5)
    desk.feed(ev.DataFlowed(bars), at=8)
    desk.told()
    desk.feed(over, at=20)
    (gap,) = desk.take(ev.PublishStatus)
    assert gap.status.state == "gap"
    assert over.how in str(gap.status.reason)
    assert "110" not in str(gap.status.reason)


@pytest.mark.parametrize("kind", ["historical", "security_definition"])
def test_a_farm_that_serves_no_quotes_leaves_them_alone(kind: str):
    desk = Desk()
    desk.flowing(AAPL)
    desk.feed(FarmStatus(kind, "ushmds", FarmState.BROKEN))
    assert desk.told() == []


def restarted(desk: Desk) -> list[tuple[str, float | None, float | None, bool]]:
    """What was told of the gap that a restart made."""
    return [
        (tell.status.state, tell.status.since, tell.status.until, tell.repeated)
        for tell in desk.take(ev.PublishStatus)
        if tell.status.reason == RESTARTED
    ]


def test_after_a_restart_those_who_listened_are_told_since_when_and_until_when_data_are_missing():
    desk = Desk(missed={AAPL: -7.0})
    desk.want(AAPL, MSFT)
    tells = desk.take(ev.PublishStatus)
    assert [(tell.topic, tell.status.state, tell.status.since) for tell in tells] == [
        (AAPL, "gap", -7.0),
        (AAPL, "starting", None),
        (MSFT, "starting", None),
    ]
    desk.feed(UP)
    desk.answer_lookups()
    assert restarted(desk) == [], "once is enough"
    desk.now = 3.0
    for ask in desk.asked():
        desk.feed(ev.DataFlowed(ask.req_id))
    tells = desk.take(ev.PublishStatus)
    assert [(tell.topic, tell.status.state, tell.status.since, tell.status.until) for tell in tells] == [
        (AAPL, "resumed", -7.0, 3.0),
        (MSFT, "active", None, None),
    ]


def test_who_comes_back_later_than_the_first_after_a_restart_is_told_all_before_the_value():
    desk = Desk(missed={AAPL: -7.0})
    desk.feed(UP)
    desk.want(AAPL)
    desk.answer_lookups()
    desk.feed(ev.DataFlowed(desk.line()), at=3.0)
    desk.actions.clear()
    desk.now = 4.0
    desk.want(AAPL)
    assert [
        action.status.state if isinstance(action, ev.PublishStatus) else action for action in desk.actions
    ] == [
        "gap",
        "resumed",
        "active",
        ev.Greet(AAPL),
    ]
    assert restarted(desk) == [("gap", -7.0, None, True), ("resumed", -7.0, 3.0, True)]
    desk.wait(60)
    desk.want(AAPL)  # a newcomer long after has missed nothing
    assert restarted(desk) == []


def test_another_topic_of_a_line_that_flows_again_is_told_of_the_gap_and_its_end_at_once():
    ticks = "tick/STK:AAPL:SMART:USD/"
    desk = Desk(missed={AAPL: -7.0, ticks: -7.0})
    desk.feed(UP)
    desk.want(AAPL)
    desk.answer_lookups()
    (req_id,) = (ask.req_id for ask in desk.asked())
    desk.feed(ev.DataFlowed(req_id), at=3.0)
    desk.actions.clear()
    desk.now = 4.0
    desk.want(ticks)
    told = [action for action in desk.actions if isinstance(action, ev.PublishStatus | ev.Greet | ev.Join)]
    assert [
        action.status.state if isinstance(action, ev.PublishStatus) else type(action) for action in told
    ] == [
        ev.Join,
        "gap",
        "resumed",
        ev.Greet,
    ]
    assert restarted(desk) == [("gap", -7.0, None, False), ("resumed", -7.0, 4.0, False)]


def test_a_restart_and_a_lost_link_are_two_gaps_that_end_together():
    ticks = "tick/STK:AAPL:SMART:USD/"
    desk = Desk(missed={ticks: -7.0})
    (req_id,) = desk.flowing(AAPL)
    desk.feed(UpstreamLost(1100, "lost"), at=5.0)
    desk.told()
    desk.want(ticks)
    assert desk.told() == [(ticks, "gap"), (ticks, "gap")]
    desk.feed(ev.DataFlowed(req_id), at=6.0)
    assert ("resumed", -7.0, 6.0, False) in restarted(desk)


def test_what_is_still_missing_is_remembered_across_the_next_restart_too():
    desk = Desk(missed={AAPL: -7.0})
    desk.feed(UP)
    desk.want(AAPL)
    assert desk.take(ev.RememberTopic) == [ev.RememberTopic(AAPL, True, -7.0)]
    desk.answer_lookups()
    desk.feed(ev.DataFlowed(desk.line()))
    assert desk.take(ev.RememberTopic) == [ev.RememberTopic(AAPL, True, -7.0)], "others may not be back yet"
    desk.wait(31)
    assert desk.take(ev.RememberTopic) == [ev.RememberTopic(AAPL, True)]


def test_who_comes_back_after_a_restart_when_the_first_one_has_left_again_gets_the_gap_too():
    desk = Desk(missed={AAPL: 3.0}, grace_s=1)
    (req_id,) = desk.flowing(AAPL)
    desk.leave(AAPL)
    desk.wait(2)
    assert [cancel.req_id for cancel in desk.take(ev.Cancel)] == [req_id]
    desk.told()
    desk.want(AAPL)
    assert [state for _, state in desk.told()] == ["gap", "starting"]
    desk.feed(ev.DataFlowed(desk.line()))
    assert [state for _, state in desk.told()] == ["resumed"]
    desk.leave(AAPL)
    desk.wait(40)
    desk.told()
    desk.want(AAPL)
    assert [state for _, state in desk.told()] == ["starting"], "by then all are back"


def test_who_has_not_come_back_when_the_node_is_restarted_once_more_still_learns_since_when() -> None:
    desk = Desk(missed={AAPL: -7.0}, grace_s=1)
    desk.flowing(AAPL)
    desk.take(ev.RememberTopic)
    desk.leave(AAPL)
    desk.wait(2)
    assert desk.take(ev.RememberTopic) == [], "another may have listened as well"
    desk.wait(29)
    assert [each.wanted for each in desk.take(ev.RememberTopic)] == [False], "nobody does any more"


def test_a_pause_that_ended_while_nobody_listened_and_the_session_was_down_is_over():
    desk = Desk(grace_s=600)
    (req_id,) = desk.flowing(AAPL)
    desk.error(req_id, 10182, "failed to request live updates")
    desk.leave(AAPL)
    desk.feed(ev.Disconnected("cut", since=desk.now))
    desk.wait(100)
    desk.feed(UP)
    assert desk.asked() == [], "nobody listens"
    desk.want(AAPL)
    assert len(desk.asked()) == 1
