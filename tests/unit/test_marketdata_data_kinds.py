"""Which data a topic accepts and gets: live, frozen, delayed; headlines; what is refused, and retried."""

from __future__ import annotations

import pytest
from support.absence_checks import router_of
from support.marketdata_core import AAPL, MSFT, UP, Desk
from support.marketdata_stories import BARS, TRADES, cancelled, started
from twsmq_nodes.marketdata import events as ev
from twsmq_nodes.tws import events as tws
from twsmq_nodes.tws import reference_requests as ref
from twsmq_nodes.tws import stream_requests as streams
from twsmq_nodes.tws.session_events import DataLost
from twsmq_protocol.errors import FieldError
from twsmq_protocol.topics import parse_stream_topic

NAME = "STK:AAPL:SMART:USD"
FROZEN, DELAYED, ANY, LIVE = (f"quote/{NAME};data={kind}/" for kind in ("frozen", "delayed", "any", "live"))


def types(desk: Desk) -> list[int | None]:
    """What was sent of market data types and requests for quotes, in order; None for a request."""
    found: list[int | None] = []
    for action in desk.actions:
        if isinstance(action, ev.Send) and isinstance(action.request, streams.ReqMarketDataType):
            found.append(action.request.market_data_type)
        elif isinstance(action, ev.Ask) and isinstance(action.request, streams.ReqMktData):
            found.append(None)
    return found


def test_topics_that_accept_other_data_are_lines_of_their_own_each_asked_for_by_its_type() -> None:
    desk = Desk()
    desk.feed(UP)
    desk.want(AAPL, LIVE, FROZEN, DELAYED, ANY)
    desk.answer_lookups()
    assert types(desk) == [None, 2, None, 3, None, 4, None], (
        "the one that says `live` shares the plain one's line"
    )
    assert len(desk.core.lines) == 4


def test_after_a_new_session_the_types_are_said_again() -> None:
    desk = Desk()
    desk.flowing(FROZEN, AAPL)
    desk.feed(ev.Disconnected("cut", since=0.0))
    desk.actions.clear()
    desk.feed(UP)
    asked = types(desk)
    assert asked.count(None) == 2
    assert 2 in asked, "a session begins with live data"
    at = asked.index(2)
    assert asked[at + 1] is None


def test_after_a_1101_within_one_session_a_type_in_force_is_not_said_twice() -> None:
    desk = Desk()
    desk.flowing(ANY)
    desk.feed(DataLost())
    assert types(desk) == [None]


@pytest.mark.parametrize(
    ("kinds", "told"),
    [
        ((2, 1), ["frozen", "active"]),
        ((1, 2), ["frozen"]),
        ((3, 1, 3), ["delayed", "active", "delayed"]),
        ((4, 3), ["delayed"]),
        ((2, 4, 2), ["frozen", "delayed", "frozen"]),
        ((2, 2, 2), ["frozen"]),
    ],
)
def test_each_turn_of_a_lines_kind_is_announced_once(kinds: tuple[int, ...], told: list[str]) -> None:
    desk = Desk()
    (line,) = desk.flowing(ANY)
    for kind in kinds:
        desk.feed(tws.MarketDataType(line, kind))
    assert [state for _, state in desk.told()] == told


def test_a_kind_that_is_told_before_the_first_data_is_that_of_the_stream_when_they_come() -> None:
    desk, line = started(FROZEN)
    desk.feed(tws.MarketDataType(line, 2))
    assert [state for _, state in desk.told()][-1] == "starting"
    desk.feed(ev.DataFlowed(line))
    assert desk.told() == [(FROZEN, "frozen")]


def test_who_was_frozen_before_an_outage_is_not_live_after_it() -> None:
    desk = Desk()
    (line,) = desk.flowing(FROZEN)
    desk.feed(tws.MarketDataType(line, 2))
    desk.told()
    desk.feed(DataLost())
    (again,) = [ask.req_id for ask in desk.asked()]
    desk.feed(ev.RequestWritten(again))
    desk.feed(tws.MarketDataType(again, 2))
    desk.feed(ev.DataFlowed(again))
    assert [state for _, state in desk.told()] == ["gap", "resumed", "frozen"]


@pytest.mark.parametrize(
    "topic",
    [
        *(f"quote/{NAME};data={word}/" for word in ("", "Live", "live,any", "frozen,delayed", "1")),
        *(f"{kind}/{NAME};data=any/" for kind in ("trade", "bbo", "midpoint", "depth", "bar5s", "bars/1m")),
        *(f"greeks/{NAME};{option}/" for option in ("regulatory=1", "generic=292", "generic=233,292")),
        *(f"quote/{NAME};generic={word}/" for word in ("mdoff", "292:BRFG", "-1", "1.5", "292,")),
    ],
)
def test_what_no_stream_has_is_refused_in_words(topic: str) -> None:
    with pytest.raises(FieldError):
        parse_stream_topic(topic)
    desk = Desk()
    desk.feed(UP)
    desk.want(topic)
    assert desk.told() == [(topic, "error")]
    assert desk.asked() == []


def test_headlines_come_on_every_topic_of_a_line_that_asked_for_them_and_start_it() -> None:
    quote, tick = f"quote/{NAME};generic=292/", f"tick/{NAME};generic=292,292/"
    desk = Desk()
    desk.feed(UP)
    desk.want(quote, tick)
    desk.answer_lookups()
    (ask,) = desk.asked()
    assert isinstance(ask.request, streams.ReqMktData)
    assert ask.request.generic_ticks == "292"
    desk.feed(ev.RequestWritten(ask.req_id))
    desk.feed(ev.DataFlowed(ask.req_id))
    assert [state for _, state in desk.told()][-2:] == ["active", "active"]
    router, outgoing = router_of("quote/CONID:1;generic=292/", "tick/CONID:1;generic=292/")
    words = "{A:800015:L:en:K:n/a:C:0.99}Apple names a date"
    router.on_event(tws.TickNews(1, 1_700_000_000_000, "BRFG", "BRFG$1", words, "K:n/a"))
    assert [(body["type"], body["headline"]) for body in outgoing.bodies()] == [("headline", words)] * 2


# -- refused, and asked for anew


def test_many_kinds_of_one_instrument_by_tick_are_asked_for_one_after_the_other() -> None:
    topics = (TRADES, f"bbo/{NAME}/", f"midpoint/{NAME}/", f"trade/{NAME};all=1/")
    desk = Desk()
    desk.feed(UP)
    desk.want(*topics)
    desk.answer_lookups()
    moments: list[float] = []
    while len(moments) < 4:
        for ask in desk.asked():
            moments.append(desk.now)
            desk.feed(ev.RequestWritten(ask.req_id))
        assert desk.core.wake_at is not None
        desk.feed(ev.TimerFired(), at=max(desk.now, desk.core.wake_at))
        assert desk.now < 100
    assert moments == [0.0, 15.0, 30.0, 45.0]
    waits = [tell.status.reason for tell in desk.take(ev.PublishStatus) if tell.status.reason]
    assert any("one tick-by-tick request of an instrument in 15 s" in why for why in waits)


def test_who_leaves_bars_and_comes_back_within_15_s_waits_and_is_told_for_what() -> None:
    desk, first = started(BARS, grace_s=1)
    desk.feed(ev.DataFlowed(first))
    desk.leave(BARS)
    desk.wait(2)
    assert cancelled(desk) == [first]
    desk.now = 7.0
    desk.actions.clear()
    desk.want(BARS)
    assert desk.asked() == []
    assert "an identical history request not before 15 s" in str(
        desk.take(ev.PublishStatus)[-1].status.reason
    )
    desk.wait(8.1)
    assert isinstance(desk.asked()[0].request, ref.ReqHistoricalData)


def test_what_was_never_written_counts_for_no_rule() -> None:
    desk = Desk(grace_s=1)
    desk.feed(UP)
    desk.want(TRADES)
    desk.answer_lookups()
    assert len(desk.asked()) == 1  # it waits for the budget of messages
    desk.leave(TRADES)
    desk.wait(2)
    desk.want(TRADES)
    assert len(desk.asked()) == 1


def test_of_more_bars_than_ibkr_allows_the_rest_are_served_as_lines_end() -> None:
    names = [f"bars/1m/CONID:{number}:SMART/" for number in range(1, 51)]
    desk = Desk(grace_s=1)
    desk.feed(UP)
    desk.want(*names)
    desk.answer_lookups()
    asked = desk.asked()
    assert len(asked) == 44, "of 50 histories 6 are for look-backs"
    desk.told()
    desk.leave(names[0], names[1])
    desk.wait(2)
    assert len(desk.asked()) == 2
    crowded = [
        topic
        for topic in names
        if desk.core.subscriptions.get(topic) and desk.core.subscriptions[topic].status().state == "error"
    ]
    assert len(crowded) == 4


def test_retry_asks_anew_for_whatever_refused_it_and_says_how_it_stands() -> None:
    desk = Desk()
    desk.feed(UP)
    desk.want(AAPL, "quote/STK:NOSUCH:SMART:USD/", f"quote/{NAME};generic=x/")
    desk.answer_lookups()
    line = desk.line()
    desk.error(line, 321, "Error validating request")
    desk.actions.clear()
    for call, topic in enumerate((AAPL, "quote/STK:NOSUCH:SMART:USD/", f"quote/{NAME};generic=x/", MSFT), 1):
        desk.feed(ev.RetryWanted(call, topic))
    answers = {answer.call: answer.state for answer in desk.take(ev.AnswerRetry)}
    assert answers == {1: "starting", 2: "starting", 3: "error"}
    assert [failed.call for failed in desk.take(ev.Fail)] == [4]
    assert {type(ask.request) for ask in desk.asked()} == {streams.ReqMktData, ref.ReqContractDetails}
