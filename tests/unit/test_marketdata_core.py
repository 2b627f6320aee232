"""The market data core, told as stories: topics come and go, the gateway does what gateways do."""

from __future__ import annotations

import pytest
from support.marketdata_core import AAPL, AAPL_BY_ID, MSFT, UP, Desk, info
from twsmq_nodes.marketdata import events as ev
from twsmq_nodes.marketdata.silence import unanswered_lines
from twsmq_nodes.marketdata.stream_status import RESTARTED
from twsmq_nodes.tws import events as tws
from twsmq_nodes.tws import requests as req
from twsmq_nodes.tws.notices import DataLost, DataMaintained, FarmState, FarmStatus, UpstreamLost
from twsmq_nodes.tws.reference_events import ContractDetailsEnd, ContractDetailsReceived
from twsmq_protocol.errors import ErrorCode
from twsmq_protocol.instruments import parse_instrument
from twsmq_protocol.topics import parse_stream_topic


def test_subscribing_looks_the_contract_up_asks_for_the_line_and_tells_each_step():
    desk = Desk()
    desk.feed(UP)
    desk.want(AAPL)
    assert desk.told() == [(AAPL, "starting")]
    desk.answer_lookups()
    assert desk.told() == [(AAPL, "starting")]
    req_id = desk.line()
    (opened,) = desk.take(ev.OpenFeed)
    assert opened.req_id == req_id
    desk.feed(ev.DataFlowed(req_id))
    assert desk.told() == [(AAPL, "active")]
    assert desk.take(ev.RememberListing)[0].spelling == "STK:AAPL:SMART:USD"


def test_what_is_wanted_before_the_session_is_up_is_asked_for_once_it_is():
    desk = Desk()
    desk.want(AAPL)
    assert desk.asked() == []
    assert desk.told() == [(AAPL, "starting")]
    desk.feed(UP)
    desk.answer_lookups()
    assert isinstance(desk.asked()[0].request, req.ReqMktData)


def reasons(desk: Desk) -> list[tuple[str, str, str | None]]:
    return [(tell.topic, tell.status.state, tell.status.reason) for tell in desk.take(ev.PublishStatus)]


def test_who_waits_for_the_gateway_is_told_why_and_again_when_that_changes():
    desk = Desk()
    desk.feed(ev.Unconnected("connecting to 127.0.0.1:9999"))
    desk.want(AAPL)
    assert reasons(desk) == [(AAPL, "starting", "connecting to 127.0.0.1:9999")]
    for _ in range(2):
        desk.feed(ev.Unconnected("connection refused"))
    assert reasons(desk) == [(AAPL, "starting", "connection refused")]
    desk.feed(UP)
    assert reasons(desk) == [(AAPL, "starting", None)]
    desk.answer_lookups()
    desk.feed(ev.DataFlowed(desk.line()))
    desk.take(ev.PublishStatus)
    desk.feed(ev.Disconnected("cut", since=0.0))
    desk.feed(ev.Unconnected("cut"))
    assert [state for _, state, _ in reasons(desk)] == ["gap"], (
        "who had data is told of a gap, not of a start"
    )


def test_who_waits_while_the_gateway_has_lost_ibkr_is_told_that():
    desk = Desk()
    desk.feed(UP)
    desk.want(AAPL)
    desk.take(ev.PublishStatus)
    desk.feed(UpstreamLost(1100, "Connectivity has been lost"))
    assert reasons(desk) == [(AAPL, "starting", "1100 Connectivity has been lost")]
    desk.feed(DataMaintained())
    assert reasons(desk) == [(AAPL, "starting", None)]


def test_two_spellings_of_one_contract_share_one_line():
    desk = Desk()
    desk.feed(UP)
    desk.want(AAPL, AAPL_BY_ID, "tick/STK:AAPL:SMART@NASDAQ:USD/")
    desk.answer_lookups()
    req_id = desk.line()
    desk.told()
    desk.feed(ev.DataFlowed(req_id))
    assert {topic for topic, state in desk.told() if state == "active"} == {
        AAPL,
        AAPL_BY_ID,
        "tick/STK:AAPL:SMART@NASDAQ:USD/",
    }


def test_other_options_are_another_line():
    desk = Desk()
    desk.feed(UP)
    desk.want(AAPL, "quote/STK:AAPL:SMART:USD;generic=236,233/")
    desk.answer_lookups()
    plain, generic = (ask.request for ask in desk.asked())
    assert isinstance(plain, req.ReqMktData)
    assert isinstance(generic, req.ReqMktData)
    assert (plain.generic_ticks, generic.generic_ticks) == ("", "233,236")


def test_a_late_joiner_is_told_how_it_stands_and_greeted_with_the_last_value():
    desk = Desk()
    desk.flowing(AAPL)
    desk.want(AAPL)
    (tell,) = desk.take(ev.PublishStatus)
    assert (tell.status.state, tell.repeated) == ("active", True)
    assert desk.take(ev.Greet) == [ev.Greet(AAPL)]
    assert desk.asked() == []


def test_the_line_ends_a_grace_time_after_the_last_one_left():
    desk = Desk(grace_s=5)
    (req_id,) = desk.flowing(AAPL)
    desk.leave(AAPL)
    assert desk.core.wake_at == 5.0
    desk.wait(4.9)
    assert desk.take(ev.Cancel) == []
    desk.wait(0.1)
    assert desk.take(ev.Cancel) == [ev.Cancel(req_id, req.CancelMktData(req_id))]
    assert desk.told() == [(AAPL, "closed")]
    assert len(desk.core.lines) == 0


def test_coming_back_within_the_grace_time_keeps_the_line():
    desk = Desk(grace_s=5)
    desk.flowing(AAPL)
    desk.leave(AAPL)
    desk.wait(4)
    desk.want(AAPL)
    desk.wait(60)
    assert desk.take(ev.Cancel) == []
    assert len(desk.core.lines) == 1


def test_leaving_again_starts_the_grace_time_anew():
    desk = Desk(grace_s=5)
    desk.flowing(AAPL)
    desk.leave(AAPL)
    desk.wait(4)
    desk.want(AAPL)
    desk.leave(AAPL)
    desk.wait(4)
    assert desk.take(ev.Cancel) == []
    desk.wait(1)
    assert len(desk.take(ev.Cancel)) == 1


def test_a_request_that_was_never_written_is_withdrawn_without_a_cancel():
    desk = Desk(grace_s=0)
    desk.feed(UP)
    desk.want(AAPL)
    desk.answer_lookups()
    (ask,) = desk.asked()
    desk.leave(AAPL)
    desk.wait(0)
    assert desk.take(ev.Cancel) == [ev.Cancel(ask.req_id, None)]


def test_a_line_lives_as_long_as_one_spelling_is_wanted():
    desk = Desk(grace_s=5)
    desk.flowing(AAPL, AAPL_BY_ID)
    desk.leave(AAPL)
    desk.wait(6)
    assert desk.take(ev.Cancel) == []
    assert desk.told() == [(AAPL, "closed")]
    desk.leave(AAPL_BY_ID)
    desk.wait(6)
    assert len(desk.take(ev.Cancel)) == 1


def test_an_unknown_instrument_is_told_with_the_gateways_code_and_tried_again_only_in_the_next_session():
    desk = Desk()
    desk.feed(UP)
    topic = "quote/STK:NOSUCH:SMART:USD/"
    desk.want(topic)
    desk.answer_lookups()
    *_, tell = desk.take(ev.PublishStatus)
    assert (tell.status.state, tell.status.code) == ("error", 200)
    desk.want(topic)
    assert desk.asked() == []
    assert desk.told() == [(topic, "error")]
    desk.feed(ev.Disconnected("cut", since=0))
    desk.feed(UP)
    assert isinstance(desk.asked()[0].request, req.ReqContractDetails)


def test_an_ambiguous_spelling_names_the_candidates():
    desk = Desk()
    desk.feed(UP)
    desk.want("quote/STK:AAPL::USD/")
    (ask,) = desk.asked()
    for con_id in (265598, 38708077):
        desk.feed(ContractDetailsReceived(ask.req_id, info(con_id)))
    desk.feed(ContractDetailsEnd(ask.req_id))
    *_, tell = desk.take(ev.PublishStatus)
    assert (tell.status.state, tell.status.code) == ("error", 200)
    assert "CONID:265598:SMART" in str(tell.status.text)
    assert "CONID:38708077:SMART" in str(tell.status.text)


@pytest.mark.parametrize(
    ("topic", "cure"),
    [
        ("quote/AAPL/", "STK"),
        ("quote/STK:AAPL:SMART:USD;rows=3/", "generic"),
        ("quote/STK:AAPL:SMART:USD;generic=abc/", "233"),
        ("depth/STK:AAPL:SMART:USD;rows=61/", "1 to 60"),
        ("bars/7m/STK:AAPL:SMART:USD/", "5m"),
        ("news/a b/", "BRFG"),
    ],
)
def test_a_malformed_topic_is_told_how_to_write_it(topic: str, cure: str):
    desk = Desk()
    desk.want(topic)
    (tell,) = desk.take(ev.PublishStatus)
    assert (tell.topic, tell.status.state, tell.status.code) == (topic, "error", None)
    assert cure in str(tell.status.text)


def test_prefixes_and_other_subtrees_start_nothing():
    desk = Desk()
    desk.feed(UP)
    desk.want("", "quote/", "quote/STK:AAPL", "node/", "order/alpha/1/")
    desk.leave("quote/")
    assert desk.actions == []


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
    assert not {ask.req_id for ask in asked} & set(before)
    for ask in asked:
        desk.feed(ev.DataFlowed(ask.req_id))
    assert {state for _, state in desk.told()} == {"resumed"}


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
    assert desk.take(ev.RememberTopic) == [ev.RememberTopic(AAPL, True)]


def test_delayed_data_are_said_aloud():
    desk = Desk(delayed="fallback")
    desk.feed(UP)
    desk.want(AAPL)
    desk.answer_lookups()
    assert desk.take(ev.Send) == [ev.Send(req.ReqMarketDataType(3))], "before the request"
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
    desk.error(req_id, 10197, "No market data during competing live session")
    assert desk.told() == [(AAPL, "error")]
    desk.wait(30)
    desk.feed(ev.DataFlowed(desk.line()))
    assert desk.told() == [(AAPL, "active")]


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


@pytest.mark.parametrize("code", [2150, 2152, 2184, 2188, 10090, 10091, 300])
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
        ask.request.contract.con_id for ask in desk.asked() if isinstance(ask.request, req.ReqMktData)
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


def test_a_regulatory_snapshot_is_asked_for_once_and_never_again():
    desk = Desk()
    desk.feed(UP)
    topic = "quote/STK:AAPL:SMART:USD;regulatory=1/"
    desk.want(topic)
    desk.answer_lookups()
    req_id = desk.line()
    desk.feed(ev.DataFlowed(req_id))
    desk.feed(tws.TickSnapshotEnd(req_id))
    assert desk.told()[-2:] == [(topic, "active"), (topic, "closed")]
    desk.want(topic)
    desk.feed(ev.Disconnected("cut", since=0))
    desk.feed(UP)
    assert desk.asked() == []


def test_each_of_several_shards_serves_its_own_and_one_of_them_speaks_before_it_is_known():
    desks = [Desk(instances=3, shard=shard) for shard in range(3)]
    for desk in desks:
        desk.feed(UP)
        desk.want(AAPL)
    assert sum(len(desk.told()) for desk in desks) == 1
    for desk in desks:
        desk.answer_lookups()
    assert sum(len(desk.asked()) for desk in desks) == 1
    assert sum(bool(desk.told()) for desk in desks) == 1


def test_the_shard_that_spoke_first_says_nothing_again_once_another_serves_the_contract():
    first, serving = Desk(instances=2, shard=0), Desk(instances=2, shard=1)
    for desk in (first, serving):
        desk.feed(UP)
        desk.want(AAPL)
    assert first.told() == [(AAPL, "starting")]
    for desk in (first, serving):
        desk.answer_lookups()
    assert serving.told() == [(AAPL, "starting")]
    assert first.take(ev.ForgetTopic) == [ev.ForgetTopic(AAPL)]
    assert serving.take(ev.ForgetTopic) == []


def test_of_a_restarts_gap_tells_only_the_shard_that_will_tell_its_end():
    first, serving = (Desk(instances=2, shard=shard, missed={AAPL: 3.0}) for shard in (0, 1))
    for desk in (first, serving):
        desk.feed(UP)
        desk.want(AAPL)
        desk.want(AAPL)
        desk.answer_lookups()
    assert {state for _, state in first.told()} == {"starting"}
    assert [state for _, state in serving.told()] == ["gap", "starting"]


def test_a_remembered_contract_the_gateway_no_longer_knows_is_looked_up_again():
    first = Desk()
    first.feed(UP)
    first.want(AAPL)
    first.answer_lookups()
    remembered = {each.spelling: each.listing for each in first.take(ev.RememberListing) if each.listing}
    desk = Desk(listings=remembered)
    desk.feed(UP)
    desk.want(AAPL)
    desk.error(desk.line(), 200)
    assert desk.take(ev.RememberListing) == [ev.RememberListing("STK:AAPL:SMART:USD", None)]


def test_a_lookup_without_an_answer_is_asked_again():
    desk = Desk()
    desk.feed(UP)
    desk.want(AAPL)
    (ask,) = desk.asked()
    desk.feed(ev.RequestWritten(ask.req_id))
    desk.wait(15)
    (again,) = desk.asked()
    assert again.req_id != ask.req_id


def test_a_lookup_whose_answer_is_long_is_asked_once():
    desk = Desk()
    desk.feed(UP)
    desk.want(AAPL)
    req_id = desk.line()
    for con_id in (1, 2):
        desk.feed(ContractDetailsReceived(req_id, info(con_id)))
        desk.wait(15)
        assert desk.asked() == []
    desk.feed(ContractDetailsEnd(req_id))
    assert desk.told()[-1] == (AAPL, "error")


def test_a_lookup_whose_answer_breaks_off_is_asked_again():
    desk = Desk()
    desk.feed(UP)
    desk.want(AAPL)
    req_id = desk.line()
    desk.feed(ContractDetailsReceived(req_id, info(1)))
    desk.wait(15)
    desk.wait(15)
    assert desk.line() > req_id


def test_a_lookup_that_is_written_while_the_timer_is_set_for_later_is_overdue_in_time():
    desk = Desk(grace_s=100)

    def carry_out(actions: list[ev.Action]) -> None:
        for action in actions:
            if isinstance(action, ev.Ask):  # there is room in the budget: it leaves at once
                carry_out(desk.feed(ev.RequestWritten(action.req_id)))

    for happened in (UP, ev.TopicWanted(MSFT), ev.TopicLeft(MSFT), ev.TopicWanted(AAPL)):
        carry_out(desk.feed(happened))
    assert desk.core.wake_at == 15
    carry_out(desk.feed(ev.TimerFired(), at=15))
    assert desk.core.wake_at == 30


def test_a_snapshot_of_a_live_line_costs_nothing():
    desk = Desk()
    desk.flowing(AAPL)
    desk.feed(ev.SnapshotWanted(1, parse_instrument("STK:AAPL:SMART:USD"), regulatory=False))
    (answer,) = desk.take(ev.AnswerQuote)
    assert answer.call == 1
    assert desk.asked() == []


def test_a_snapshot_of_a_line_with_a_gap_is_asked_of_the_gateway():
    desk = Desk()
    desk.flowing(AAPL)
    desk.feed(FarmStatus("market", "usfarm", FarmState.BROKEN))
    desk.feed(ev.SnapshotWanted(1, parse_instrument("STK:AAPL:SMART:USD"), regulatory=False))
    (ask,) = desk.asked()
    assert isinstance(ask.request, req.ReqMktData)
    assert ask.request.snapshot
    assert desk.take(ev.AnswerQuote) == []


def test_a_snapshot_asks_the_gateway_once_and_is_answered_when_it_is_complete():
    desk = Desk()
    desk.feed(UP)
    desk.feed(ev.SnapshotWanted(1, parse_instrument("STK:AAPL:SMART:USD"), regulatory=False))
    desk.answer_lookups()
    (ask,) = desk.asked()
    assert isinstance(ask.request, req.ReqMktData)
    assert ask.request.snapshot
    desk.error(ask.req_id, 10167)
    desk.feed(tws.TickSnapshotEnd(ask.req_id))
    assert desk.take(ev.AnswerCollected) == [ev.AnswerCollected(1, ask.req_id)]
    desk.wait(100)
    assert desk.take(ev.Fail) == []


@pytest.mark.parametrize("what", ["refused", "late", "lost"])
def test_a_snapshot_that_fails_is_answered_once_with_the_reason(what: str):
    desk = Desk()
    desk.feed(UP)
    desk.feed(ev.SnapshotWanted(1, parse_instrument("STK:AAPL:SMART:USD"), regulatory=False))
    desk.answer_lookups()
    (ask,) = desk.asked()
    if what == "refused":
        desk.error(ask.req_id, 354)
    elif what == "lost":
        desk.feed(ev.Disconnected("cut", since=0))
    desk.wait(100)
    (fail,) = desk.take(ev.Fail)
    wanted = {
        "refused": (ErrorCode.GATEWAY_REJECTED, 354),
        "late": (ErrorCode.TIMEOUT, None),
        "lost": (ErrorCode.NOT_READY, None),
    }
    assert (fail.code, fail.tws_code) == wanted[what]


def test_a_snapshot_of_an_unknown_instrument_gets_the_gateways_code():
    desk = Desk()
    desk.feed(UP)
    desk.feed(ev.SnapshotWanted(1, parse_instrument("STK:NOSUCH:SMART:USD"), regulatory=False))
    desk.answer_lookups()
    (fail,) = desk.take(ev.Fail)
    assert (fail.code, fail.tws_code) == (ErrorCode.GATEWAY_REJECTED, 200)


@pytest.mark.parametrize(("lines", "line"), [(2, "new"), (1, "none")])
def test_a_preview_says_what_subscribing_would_give_and_holds_nothing(lines: int, line: str):
    desk = Desk(lines=lines)
    desk.flowing(AAPL)
    for call, text in ((1, MSFT), (2, AAPL_BY_ID)):
        topic = parse_stream_topic(text)
        assert topic is not None
        desk.feed(ev.PreviewWanted(call, topic))
    desk.answer_lookups()
    new, shared = desk.take(ev.AnswerPreview)
    assert (new.line, new.state) == (line, None)
    assert (shared.line, shared.state, shared.con_id) == ("shared", "active", 265598)
    assert len(desk.core.lines) == 1


def test_too_many_messages_a_second_is_no_verdict_on_the_contract_nor_on_the_line():
    desk = Desk()
    desk.feed(UP)
    desk.want(AAPL)
    (ask,) = desk.asked()
    desk.feed(ev.RequestWritten(ask.req_id))
    desk.error(ask.req_id, 100, "Max rate of messages per second has been exceeded:max=50 rec=51 (1)")
    assert desk.told() == [(AAPL, "starting")]
    desk.wait(2)
    desk.answer_lookups()
    desk.error(desk.line(), 100)
    desk.wait(2)
    desk.feed(ev.DataFlowed(desk.line()))
    assert desk.told()[-1] == (AAPL, "active")


def test_who_does_not_come_back_in_time_after_a_restart_is_forgotten():
    desk = Desk(missed={AAPL: None, MSFT: None})
    desk.feed(UP)
    desk.want(AAPL)
    desk.wait(30)
    assert ev.RememberTopic(MSFT, False) in desk.take(ev.RememberTopic)
    desk.told()
    desk.want(MSFT)
    assert desk.told() == [(MSFT, "starting")]


def test_a_contract_whose_data_come_from_another_is_asked_for_there_once():
    desk = Desk()
    desk.feed(UP)
    desk.want(AAPL)
    desk.answer_lookups()
    first = desk.line()
    desk.feed(tws.RerouteMktData(first, 265598, "NASDAQ"))
    assert [cancel.req_id for cancel in desk.take(ev.Cancel)] == [first]
    ask, units = desk.asked()
    assert isinstance(ask.request, req.ReqMktData)
    assert (ask.request.contract.con_id, ask.request.contract.exchange) == (265598, "NASDAQ")
    assert isinstance(units.request, req.ReqContractDetails), "its volume counts what that contract counts"
    desk.feed(ev.RequestWritten(ask.req_id))
    desk.feed(ev.DataFlowed(ask.req_id))
    assert (AAPL, "active") in desk.told()
    desk.feed(tws.RerouteMktData(ask.req_id, 1, "NASDAQ"))
    assert desk.told() == [(AAPL, "error")]
    assert not desk.asked()
