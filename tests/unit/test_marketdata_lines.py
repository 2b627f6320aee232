"""Lines: what the gateway refuses, how many it grants, and those that fall silent."""

from __future__ import annotations

import pytest
from support.marketdata_core import AAPL, MSFT, UP, Desk
from twsmq_nodes.marketdata import events as ev
from twsmq_nodes.marketdata.silence import are_refused_for_another_session, unanswered_lines
from twsmq_nodes.tws import events as tws
from twsmq_nodes.tws import stream_requests as streams


def test_delayed_data_are_said_aloud():
    desk = Desk(delayed="fallback")
    desk.feed(UP)
    desk.want(AAPL)
    desk.answer_lookups()
    assert desk.take(ev.Send) == [ev.Send(streams.ReqMarketDataType(3))], "before the request"
    req_id = desk.line()
    desk.told()
    desk.error(req_id, 10167, "Requested market data is not subscribed. Displaying delayed market data.")
    desk.feed(ev.DataFlowed(req_id))
    assert desk.told() == [(AAPL, "delayed")]
    desk.feed(tws.MarketDataType(req_id, 1))
    assert desk.told() == [(AAPL, "active")]
    desk.feed(tws.MarketDataType(req_id, 2))
    assert desk.told() == [(AAPL, "frozen")]


@pytest.mark.parametrize("code", [354, 10089, 10168, 420])
def test_a_refusal_is_told_in_the_gateways_words(code: int):
    desk = Desk()
    desk.feed(UP)
    desk.want(AAPL)
    desk.answer_lookups()
    desk.error(desk.line(), code, "not subscribed")
    *_, tell = desk.take(ev.PublishStatus)
    assert (tell.status.state, tell.status.code, tell.status.text) == ("error", code, "not subscribed")
    assert desk.asked() == []


def test_a_competing_session_is_told_and_tried_again():
    desk = Desk()
    (req_id,) = desk.flowing(AAPL)
    assert not are_refused_for_another_session(desk.core.lines, desk.now)
    desk.error(req_id, 10197, "No market data during competing live session")
    assert desk.told() == [(AAPL, "error")]
    assert are_refused_for_another_session(desk.core.lines, desk.now)
    assert not are_refused_for_another_session(desk.core.lines, desk.now + 3000.0)
    desk.wait(30)
    desk.feed(ev.DataFlowed(desk.line()))
    assert desk.told() == [(AAPL, "active")]
    assert not are_refused_for_another_session(desk.core.lines, desk.now)


@pytest.mark.parametrize(
    ("code", "text", "competing"),
    [
        (10197, "whatever language", True),
        (10189, "Trading TWS session is connected from a different IP address", True),
        (162, "Trading TWS session is connected from a different IP address", True),
        (162, "Historical data request pacing violation", False),
        (354, "not subscribed", False),
    ],
)
def test_only_another_session_is_one(code: int, text: str, competing: bool):
    desk = Desk()
    (req_id,) = desk.flowing(AAPL)
    desk.error(req_id, code, text)
    assert are_refused_for_another_session(desk.core.lines, desk.now) is competing


@pytest.mark.parametrize("code", [10225, 102, 316])
def test_a_request_the_gateway_ended_is_made_again_at_once_under_another_id_but_not_in_circles(code: int):
    desk = Desk()
    (first,) = desk.flowing(AAPL)
    desk.error(first, code)
    second = desk.line()
    assert second != first
    assert desk.told() == [(AAPL, "gap")]
    desk.error(second, code)
    assert desk.asked() == []
    assert desk.told() == [(AAPL, "error")]
    desk.wait(30)
    assert desk.line() > second


def test_a_reset_book_is_emptied_and_its_request_stands():
    desk = Desk()
    (req_id,) = desk.flowing("depth/STK:AAPL:SMART:USD/")
    desk.error(req_id, 317, "Market depth data has been RESET.")
    assert desk.take(ev.Reset) == [ev.Reset(req_id)]
    assert desk.told() == []
    assert desk.take(ev.Cancel) == []


@pytest.mark.parametrize("code", [2150, 2152, 2184, 2187, 2188, 10090, 10091])
def test_a_notice_changes_nothing(code: int):
    desk = Desk()
    (req_id,) = desk.flowing(AAPL)
    desk.error(req_id, code)
    assert desk.actions == []


def test_at_the_limit_the_idle_line_left_longest_ago_gives_way():
    desk = Desk(lines=2, grace_s=100)
    aapl, _ = desk.flowing(AAPL, MSFT)
    desk.leave(AAPL)
    desk.wait(1)
    desk.leave(MSFT)
    desk.want("quote/CONID:1/")
    desk.answer_lookups()
    assert [cancel.req_id for cancel in desk.take(ev.Cancel)] == [aapl]
    assert len(desk.asked()) == 1


def test_at_the_limit_a_newcomer_is_told_and_served_when_a_line_is_free():
    desk = Desk(lines=1, grace_s=0)
    desk.flowing(AAPL)
    desk.want(MSFT)
    desk.answer_lookups()
    *_, tell = desk.take(ev.PublishStatus)
    assert (tell.status.state, tell.status.code) == ("error", None)
    assert "all 1 market_data lines are in use" in str(tell.status.text)
    desk.leave(AAPL)
    desk.wait(0)
    desk.told()
    desk.feed(ev.DataFlowed(desk.line()))
    assert desk.told() == [(MSFT, "active")]


def test_a_line_that_became_free_while_nobody_listened_is_given_to_who_comes_back():
    desk = Desk(lines=1, grace_s=10)
    desk.flowing(AAPL)
    desk.want(MSFT)
    desk.answer_lookups()
    desk.leave(AAPL, MSFT)
    desk.feed(ev.TimerFired(), at=4)
    desk.want(MSFT)
    desk.leave(MSFT)
    desk.wait(8)  # AAPL's grace is over, MSFT's is not
    desk.told()
    desk.want(MSFT)
    desk.feed(ev.DataFlowed(desk.line()))
    assert desk.told()[-1] == (MSFT, "active"), "and not for ever that all lines are in use"


def test_the_gateways_own_limit_is_honoured():
    desk = Desk(lines=100)
    desk.flowing(AAPL)
    desk.want(MSFT)
    desk.answer_lookups()
    desk.error(desk.line(), 101, "Max number of tickers has been reached")
    *_, tell = desk.take(ev.PublishStatus)
    assert (tell.status.state, tell.status.code) == ("error", 101)
    desk.want("quote/CONID:1/")
    desk.answer_lookups()
    assert desk.asked() == []
    desk.wait(30)
    assert len(desk.asked()) == 1


def test_many_refused_at_the_gateways_own_limit_make_one_try_for_a_quarter_more():
    desk = Desk()
    desk.flowing(*(f"quote/CONID:{number}/" for number in range(1, 5)))
    desk.want(*(f"quote/CONID:{number}/" for number in range(5, 15)))
    desk.answer_lookups()
    for ask in desk.asked():
        desk.feed(ev.RequestWritten(ask.req_id))
        desk.error(ask.req_id, 101, "Max number of tickers has been reached")
    for _ in range(3):
        desk.wait(30)
        desk.error(desk.line(), 101, "Max number of tickers has been reached")


def test_where_others_hold_all_lines_the_gateway_is_asked_again_only_after_a_while():
    desk = Desk()
    desk.feed(UP)
    desk.want("depth/CONID:265598/")
    desk.answer_lookups()
    desk.error(desk.line(), 309, "Max number (3) of market depth requests has been reached")
    assert desk.asked() == []
    desk.wait(30)
    desk.feed(ev.DataFlowed(desk.line()))
    assert desk.told()[-1] == ("depth/CONID:265598/", "active")


def test_kinds_of_lines_have_limits_of_their_own():
    desk = Desk(lines=1, depth_lines=1, tick_by_tick_lines=1)
    topics = [f"{kind}/STK:AAPL:SMART:USD/" for kind in ("quote", "depth", "trade", "bar5s", "bars/1m")]
    assert len(desk.flowing(*topics)) == 5


def test_the_most_wanted_are_asked_for_first():
    desk = Desk()
    desk.flowing(AAPL, MSFT)
    desk.want(MSFT, MSFT)
    desk.feed(ev.Disconnected("cut", since=0))
    desk.actions.clear()
    desk.feed(UP)
    contracts = [
        ask.request.contract.con_id for ask in desk.asked() if isinstance(ask.request, streams.ReqMktData)
    ]
    assert contracts == [272093, 265598]


def test_a_line_silent_while_others_tick_is_asked_for_again_and_more_patiently_each_time():
    desk = Desk(silent_s=60)
    aapl, msft = desk.flowing(AAPL, MSFT)
    desk.feed(ev.LinesChecked({aapl: 0.0, msft: 59.0}, wall_s=0.0), at=59.0)
    assert desk.told() == []
    desk.feed(ev.LinesChecked({aapl: 0.0, msft: 60.0}, wall_s=0.0), at=60.0)
    (gap,) = desk.take(ev.PublishStatus)
    assert (gap.topic, gap.status.state, gap.status.since) == (AAPL, "gap", 0.0)
    assert [cancel.req_id for cancel in desk.take(ev.Cancel)] == [aapl]
    again = desk.line()
    desk.feed(ev.DataFlowed(again))
    assert desk.told() == [(AAPL, "resumed")]
    desk.feed(ev.LinesChecked({again: 60.0, msft: 130.0}, wall_s=0.0), at=130.0)
    assert desk.told() == []


@pytest.mark.parametrize(("topic", "told"), [(AAPL, 1), ("bar5s/STK:AAPL:SMART:USD/", 0)])
def test_a_line_that_answers_no_request_is_counted_unless_such_a_line_may_be_silent(topic: str, told: int):
    desk = Desk(silent_s=60)
    silent, msft = desk.flowing(topic, MSFT)
    counts: list[int] = []
    for at in (60.0, 180.0, 420.0):
        desk.feed(ev.LinesChecked({silent: 0.0, msft: at}, wall_s=0.0), at=at)
        counts.append(unanswered_lines(desk.core.lines))
        silent = desk.line()
    assert counts == [0, 0, told]
    desk.feed(ev.DataFlowed(silent))
    assert unanswered_lines(desk.core.lines) == 0


def test_in_a_new_session_a_silent_line_has_another_chance():
    desk = Desk(silent_s=60)
    silent, msft = desk.flowing(AAPL, MSFT)
    for at in (60.0, 180.0, 420.0):
        desk.feed(ev.LinesChecked({silent: 0.0, msft: at}, wall_s=0.0), at=at)
        silent = desk.line()
    assert unanswered_lines(desk.core.lines) == 1
    desk.feed(ev.Disconnected("asked to connect anew", since=420.0))
    assert unanswered_lines(desk.core.lines) == 0


def test_silence_of_all_is_not_the_lines_fault():
    desk = Desk(silent_s=60)
    aapl, msft = desk.flowing(AAPL, MSFT)
    desk.feed(ev.LinesChecked({aapl: 0.0, msft: 1.0}, wall_s=0.0), at=100.0)
    assert desk.told() == []


def test_a_stream_is_not_over_at_the_end_of_a_snapshot():
    desk = Desk()
    (req_id,) = desk.flowing(AAPL)
    desk.feed(tws.TickSnapshotEnd(req_id))
    assert desk.told() == []
