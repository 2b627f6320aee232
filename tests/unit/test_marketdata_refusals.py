"""What becomes of a line that the gateway refuses, and what whoever listens to it learns."""

from __future__ import annotations

import pytest
from support.marketdata_core import AAPL, UP, Desk, info
from support.marketdata_stories import BARS, BROKEN, OK, TRADES, cancelled
from twsmq_nodes.marketdata import events as ev
from twsmq_nodes.tws import events as tws
from twsmq_nodes.tws import reference_requests as ref
from twsmq_nodes.tws import stream_requests as streams
from twsmq_nodes.tws.reference_events import ContractDetailsEnd, ContractDetailsReceived
from twsmq_nodes.tws.session_events import DataMaintained, UpstreamLost


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
    assert (told.state, told.reason) == ("error", None), "a client takes one without a reason as final"
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


# -- refused in an outage, or for another session: its end shows in a farm at most (nautilus_trader #4949)


def refused_again_and_again(desk: Desk, req_id: int, code: int, text: str) -> None:
    """For two hours, in which the pauses become long."""
    desk.error(req_id, code, text)
    until = desk.now + 7200
    while (wake_at := desk.core.wake_at) is not None and wake_at < until:
        desk.feed(ev.TimerFired(), at=max(wake_at, desk.now))
        for ask in desk.asked():
            desk.feed(ev.RequestWritten(ask.req_id))
            desk.error(ask.req_id, code, text)
    desk.now = until
    desk.actions.clear()


@pytest.mark.parametrize(
    ("topic", "code", "text"),
    [
        (AAPL, 10182, "Failed to request live updates (disconnected)"),
        (AAPL, 10197, "No market data during competing live session"),
        (BARS, 162, "Trading TWS session is connected from a different IP address"),
        (BARS, 162, "No market data permissions for NYSE STK"),
        (TRADES, 10189, "Failed to request tick-by-tick data:No market data permissions for NYSE STK"),
        (
            "bar5s/STK:AAPL:SMART:USD/",
            420,
            "Invalid Real-time Query:No market data permissions for ISLAND STK.",
        ),
    ],
)
@pytest.mark.parametrize("over", [[UpstreamLost(1100, "lost"), DataMaintained()], [BROKEN, OK]])
def test_what_was_refused_is_asked_for_soon_after_an_outage_is_over(
    topic: str, code: int, text: str, over: list[ev.Input]
) -> None:
    desk = Desk()
    (req_id,) = desk.flowing(topic)
    desk.wait(100)
    first, *rest = over
    desk.feed(first)
    refused_again_and_again(desk, req_id, code, text)
    for each in rest:
        desk.feed(each)
    desk.wait(5)
    desk.feed(ev.DataFlowed(desk.line()))
    assert desk.told()[-1] == (topic, "active")


def test_another_session_that_ends_shows_in_a_farm_that_flaps() -> None:
    desk = Desk()
    (req_id,) = desk.flowing(AAPL)
    desk.wait(100)
    refused_again_and_again(desk, req_id, 10197, "No market data during competing live session")
    desk.feed(BROKEN)
    desk.feed(OK)
    desk.wait(5)
    desk.feed(ev.DataFlowed(desk.line()))
    assert desk.told()[-1] == (AAPL, "active")


def test_permissions_are_believed_in_calm() -> None:
    desk = Desk()
    desk.feed(UP)
    desk.wait(100)
    desk.want(TRADES)
    desk.answer_lookups()
    desk.error(desk.line(), 10189, "Failed to request tick-by-tick data:No market data permissions")
    assert desk.take(ev.PublishStatus)[-1].status.reason is None
    desk.wait(7200)
    assert desk.asked() == []


# -- a line that is gone at the gateway, which says so by the way (Lean.Brokerages.InteractiveBrokers #237)


@pytest.mark.parametrize(("topic", "code"), [(AAPL, 300), ("depth/STK:AAPL:SMART:USD/", 310), (BARS, 366)])
def test_a_line_that_the_gateway_does_not_know_is_asked_for_again(topic: str, code: int) -> None:
    desk = Desk()
    (req_id,) = desk.flowing(topic)
    desk.wait(100)
    desk.error(req_id, code, "Can't find EId with tickerId")
    assert desk.told() == [(topic, "gap")]
    assert cancelled(desk) == [req_id], "to be sure"
    again = desk.line()
    desk.error(req_id, code, "of the old id, which is nobody's any more")
    desk.feed(ev.DataFlowed(again))
    assert desk.told() == [(topic, "resumed")]
    desk.error(again, code)
    assert desk.asked() == [], "twice in a moment: it has to wait"
    assert desk.told() == [(topic, "error")]


def test_an_unknown_kind_of_data_does_not_make_delayed_ones_live() -> None:
    desk = Desk()
    (req_id,) = desk.flowing(AAPL)
    desk.feed(tws.MarketDataType(req_id, 3))
    desk.feed(tws.MarketDataType(req_id, 0))
    assert desk.told() == [(AAPL, "delayed")]
    assert desk.take(ev.UseDataType)[-1].delayed
