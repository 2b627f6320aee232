"""What becomes of a line that the gateway refuses, and what whoever listens to it learns."""

from __future__ import annotations

import pytest
from support.marketdata_core import AAPL, UP, Desk, info
from twsmq_nodes.marketdata import events as ev
from twsmq_nodes.marketdata.listings import ASKED_ANEW
from twsmq_nodes.tws import reference_requests as ref
from twsmq_nodes.tws import stream_requests as streams
from twsmq_nodes.tws.reference_events import ContractDetailsEnd, ContractDetailsReceived


@pytest.mark.parametrize("code", [200, 354])
def test_what_data_came_of_is_asked_for_again_whatever_is_said_of_it_later(code: int) -> None:
    """No outage is announced for all that a gateway forgets; nobody else asks again."""
    desk = Desk()
    (req_id,) = desk.flowing(AAPL)
    desk.wait(3600)
    for pause in (30.0, 60.0, 120.0):
        desk.error(req_id, code)
        told = desk.take(ev.PublishStatus)[-1].status
        assert (told.state, told.code, told.reason) == ("error", code, f"asked for again {pause:.0f} s later")
        desk.wait(pause - 1)
        assert desk.asked() == []
        desk.wait(1)
        if code == 200:
            desk.answer_lookups()
        req_id = desk.line()
    desk.feed(ev.DataFlowed(req_id))
    assert desk.told()[-1] == (AAPL, "active")


def test_what_the_gateway_no_longer_knows_is_looked_up_before_it_is_asked_for_again() -> None:
    """By then its spelling may mean another contract, or nothing: then it is asked ever more seldom."""
    desk = Desk()
    (req_id,) = desk.flowing(AAPL)
    desk.wait(3600)
    desk.error(req_id, 200)
    for pause in (30, 60, 120, 240, 480, 960, 1800, 1800):
        desk.actions.clear()
        desk.wait(pause)
        (ask,) = desk.asked()
        assert isinstance(ask.request, ref.ReqContractDetails)
        desk.feed(ev.RequestWritten(ask.req_id))
        desk.error(ask.req_id, 200)
        assert desk.told()[-1] == (AAPL, "error")
    desk.wait(1800)
    (ask,) = desk.asked()
    desk.feed(ev.RequestWritten(ask.req_id))
    desk.feed(ContractDetailsReceived(ask.req_id, info(4711)))
    desk.feed(ContractDetailsEnd(ask.req_id))
    assert "closed" in [state for _, state in desk.told()], "it means another contract now"
    (ask,) = desk.asked()
    assert isinstance(ask.request, streams.ReqMktData)
    assert ask.request.contract.con_id == 4711


@pytest.mark.parametrize("topic", ["quote/STK:NOSUCH:SMART:USD/", AAPL])
def test_what_is_refused_for_good_says_how_it_is_asked_for_again(topic: str) -> None:
    desk = Desk()
    desk.feed(UP)
    desk.wait(100)
    desk.want(topic)
    desk.answer_lookups()
    if topic == AAPL:
        desk.error(desk.line(), 321)
    told = desk.take(ev.PublishStatus)[-1].status
    assert (told.state, told.reason) == ("error", ASKED_ANEW)
    assert "`retry`" in ASKED_ANEW
    desk.wait(5)
    desk.want(topic)
    assert len(desk.asked()) == 1, "a new subscriber"


@pytest.mark.parametrize("code", [200, 354])
def test_a_new_subscriber_need_not_wait_for_the_pause(code: int) -> None:
    desk = Desk()
    (req_id,) = desk.flowing(AAPL)
    desk.wait(3600)
    desk.error(req_id, code)
    desk.want(AAPL)
    assert desk.asked() == [], "nor ask twice in a moment"
    desk.wait(5)
    desk.want(AAPL)
    desk.answer_lookups()
    desk.feed(ev.DataFlowed(desk.line()))
    assert desk.told()[-1] == (AAPL, "active")
