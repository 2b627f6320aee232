"""The market data core, told as stories: topics come and go, the gateway does what gateways do."""

from __future__ import annotations

import gc
import weakref

import pytest
from support.marketdata_core import AAPL, AAPL_BY_ID, UP, Desk, info
from twsmq_nodes.marketdata import events as ev
from twsmq_nodes.tws import reference_requests as ref
from twsmq_nodes.tws import stream_requests as streams
from twsmq_nodes.tws.reference_events import ContractDetailsEnd, ContractDetailsReceived
from twsmq_nodes.tws.session_events import DataMaintained, UpstreamLost


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
    assert isinstance(desk.asked()[0].request, streams.ReqMktData)


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


def test_a_combo_has_one_line_in_whatever_order_its_legs_are_written():
    desk = Desk()
    desk.feed(UP)
    spread, turned = "quote/BAG:SPY:SMART:USD:+1x11,-2x12/", "quote/BAG:SPY:SMART:USD:-2x12@SMART,+1x11/"
    desk.want(spread, turned, "quote/BAG:SPY:SMART:USD:-1x11,+2x12/")
    assert len(desk.asked()) == 2, "the last one is its opposite"


def test_other_options_are_another_line():
    desk = Desk()
    desk.feed(UP)
    desk.want(AAPL, "quote/STK:AAPL:SMART:USD;generic=236,233/")
    desk.answer_lookups()
    plain, generic = (ask.request for ask in desk.asked())
    assert isinstance(plain, streams.ReqMktData)
    assert isinstance(generic, streams.ReqMktData)
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
    assert desk.take(ev.Cancel) == [ev.Cancel(req_id, streams.CancelMktData(req_id))]
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


def test_a_request_that_is_withdrawn_may_have_been_written_without_the_cores_knowing():
    desk = Desk(grace_s=0)
    desk.feed(UP)
    desk.want(AAPL)
    desk.answer_lookups()
    (ask,) = desk.asked()
    desk.leave(AAPL)
    desk.wait(0)
    cancel = streams.CancelMktData(ask.req_id)
    assert desk.take(ev.Cancel) == [ev.Cancel(ask.req_id, cancel)], "the shell sends it if it was"


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
    assert isinstance(desk.asked()[0].request, ref.ReqContractDetails)


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


def test_a_topic_that_waits_for_its_look_up_ends_with_its_last_subscriber_and_is_free_at_once():
    desk = Desk(grace_s=100)
    desk.feed(UP)
    topics = [f"quote/STK:X{number}:SMART:USD/" for number in range(30)]
    desk.want(*topics)
    waiting = weakref.ref(desk.core.subscriptions[topics[15]])
    gc.disable()
    try:
        desk.leave(topics[15])
        desk.wait(0)
        assert topics[15] not in desk.core.subscriptions
        assert desk.told()[-1] == (topics[15], "closed")
        assert waiting() is None, "it waits for the collector, with all that it holds"
    finally:
        gc.enable()


def test_topics_that_come_and_go_ask_no_more_than_may_be_out():
    desk, asked = Desk(), 0
    desk.feed(UP)
    for number in range(50):
        topic = f"quote/STK:X{number}:SMART:USD/"
        desk.want(topic)
        desk.leave(topic)
        desk.wait(0)
        for ask in desk.asked():
            asked += 1
            desk.feed(ev.RequestWritten(ask.req_id))
    assert asked == 8


def test_who_comes_and_goes_has_a_refused_topic_looked_up_no_more_often_than_who_stays():
    desk = Desk(grace_s=5)
    desk.feed(UP)
    desk.wait(100)  # long after the first minute, in which a 200 is asked for once more
    topic = "quote/STK:NOPE:SMART:USD/"
    asked = 0
    for _ in range(10):
        desk.want(topic)
        asked += sum(isinstance(each, ev.Ask) for each in desk.actions)
        desk.answer_lookups()
        desk.leave(topic)
        desk.wait(0.1)
    assert [state for _, state in desk.told()].count("error") >= 10
    assert asked == 1
