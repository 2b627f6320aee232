"""Regulatory snapshots cost a fee each: nobody pays unless it is allowed, nor twice for one wish."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from support.marketdata_core import AAPL, UP, Desk
from twsmq_nodes.marketdata import events as ev
from twsmq_nodes.tws import events as tws
from twsmq_nodes.tws.session_events import DataLost, DataMaintained, UpstreamLost
from twsmq_protocol.instruments import parse_instrument
from twsmq_protocol.topics import parse_stream_topic

TOPIC = "quote/STK:AAPL:SMART:USD;regulatory=1/"


def test_a_regulatory_snapshot_is_asked_for_once_and_never_again():
    desk = Desk()
    desk.feed(UP)
    desk.want(TOPIC)
    desk.answer_lookups()
    req_id = desk.line()
    desk.feed(ev.DataFlowed(req_id))
    desk.feed(tws.TickSnapshotEnd(req_id))
    assert desk.told()[-2:] == [(TOPIC, "active"), (TOPIC, "closed")]
    desk.want(TOPIC)
    desk.feed(ev.Disconnected("cut", since=0))
    desk.feed(UP)
    assert desk.asked() == []


def test_a_regulatory_snapshot_that_is_not_answered_is_not_paid_for_twice():
    desk = Desk(silent_s=60)
    (aapl,) = desk.flowing(AAPL)
    topic = "quote/STK:MSFT:SMART:USD;regulatory=1/"
    desk.want(topic)
    desk.answer_lookups()
    req_id = desk.line()
    desk.feed(ev.LinesChecked({aapl: 100.0, req_id: 0.0}, wall_s=0.0), at=100.0)
    assert desk.asked() == []
    assert [cancel.req_id for cancel in desk.take(ev.Cancel)] == [req_id]
    *_, told = desk.take(ev.PublishStatus)
    assert (told.topic, told.status.state, told.status.code) == (topic, "error", None)
    desk.feed(ev.RetryWanted(1, topic))
    assert len(desk.asked()) == 1


def test_where_it_is_not_allowed_neither_a_topic_nor_a_request_asks() -> None:
    desk = Desk(regulatory_snapshots=False)
    desk.feed(UP)
    desk.want(TOPIC, "tick/CONID:1;regulatory=1/")
    told = desk.take(ev.PublishStatus)
    assert {tell.status.state for tell in told} == {"error"}
    assert all("regulatory_snapshots" in str(tell.status.text) for tell in told)
    desk.feed(ev.SnapshotWanted(1, parse_instrument("CONID:1"), regulatory=True))
    (failed,) = desk.take(ev.Fail)
    assert failed.code.value == "unauthorized"
    parsed = parse_stream_topic(TOPIC)
    assert parsed is not None
    desk.feed(ev.PreviewWanted(2, parsed))
    desk.feed(ev.RetryWanted(3, TOPIC))
    desk.answer_lookups()
    desk.feed(ev.Disconnected("cut", since=0))
    desk.feed(UP)
    assert desk.asked() == []


def lost(desk: Desk) -> None:
    desk.feed(ev.Disconnected("cut", since=desk.now))
    desk.wait(1)
    desk.feed(UP)


def lost_upstream(desk: Desk) -> None:
    desk.feed(UpstreamLost(1100, "lost"))
    desk.feed(DataLost())


def asked_in_an_outage(desk: Desk) -> None:
    desk.feed(UpstreamLost(1100, "lost"))
    desk.feed(DataMaintained())
    desk.wait(6)


@pytest.mark.parametrize("break_off", [lost, lost_upstream, asked_in_an_outage])
@pytest.mark.parametrize("begun", [False, True])
def test_what_was_asked_and_broke_off_is_not_paid_for_again(
    break_off: Callable[[Desk], None], begun: bool
) -> None:
    desk = Desk()
    desk.feed(UP)
    desk.want(TOPIC)
    desk.answer_lookups()
    req_id = desk.line()
    if begun:
        desk.feed(ev.DataFlowed(req_id))
    desk.told()
    break_off(desk)
    desk.answer_lookups()
    if begun and break_off is asked_in_an_outage:  # it goes on, and its data may still come
        desk.feed(tws.TickSnapshotEnd(req_id))
        assert desk.told()[-1] == (TOPIC, "closed")
        return
    assert desk.told()[-1] == (TOPIC, "error")
    lost(desk)
    desk.wait(100)
    desk.want(TOPIC)  # one whose connection was lost as well
    assert desk.asked() == []
    desk.feed(ev.RetryWanted(1, TOPIC))
    assert len(desk.asked()) == 1, "somebody said so"


def test_a_restart_of_the_node_buys_nothing() -> None:
    desk = Desk(missed={TOPIC: 0.0, AAPL: 0.0})
    desk.feed(UP)
    desk.want(TOPIC)
    desk.answer_lookups()

    assert desk.asked() == []
    assert [state for _, state in desk.told()][-1] == "error"
    lost(desk)
    assert desk.asked() == []
    desk.want(AAPL)
    assert len(desk.asked()) == 1, "a stream costs nothing"


def test_what_was_never_sent_is_asked_for_when_the_session_is_back() -> None:
    desk = Desk()
    desk.feed(UP)
    desk.want(TOPIC)
    desk.answer_lookups()
    assert len(desk.asked()) == 1
    lost(desk)
    assert len(desk.asked()) == 1


def test_a_newcomer_who_shares_a_line_with_one_of_an_earlier_life_is_served() -> None:
    first = Desk()
    first.feed(UP)
    by_id = "quote/CONID:265598;regulatory=1/"
    first.want(by_id, TOPIC)
    first.answer_lookups()
    known = {each.spelling: each.listing for each in first.take(ev.RememberListing) if each.listing}
    desk = Desk(listings=known, missed={TOPIC: 0.0})
    desk.want(by_id, TOPIC)
    desk.feed(UP)
    assert len(desk.asked()) == 1
