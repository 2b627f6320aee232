"""The op `snapshot`: where its quote comes from, what is believed of a refusal, how long it waits."""

from __future__ import annotations

import pytest
from support.marketdata_core import AAPL, MSFT, UP, Desk, info
from twsmq_nodes.marketdata import events as ev
from twsmq_nodes.marketdata.pending_calls import DEADLINE_S, LOOK_UP_S
from twsmq_nodes.tws import events as tws
from twsmq_nodes.tws import reference_requests as ref
from twsmq_nodes.tws import stream_requests as streams
from twsmq_nodes.tws.reference_events import ContractDetailsEnd, ContractDetailsReceived
from twsmq_nodes.tws.session_events import DataMaintained, FarmState, FarmStatus, UpstreamLost
from twsmq_protocol.errors import ErrorCode
from twsmq_protocol.instruments import parse_instrument
from twsmq_protocol.topics import parse_stream_topic

APPLE = parse_instrument("STK:AAPL:SMART:USD")
LOST = UpstreamLost(1100, "Connectivity between IBKR and Trader Workstation has been lost.")
FARM_DOWN = FarmStatus("market", "usfarm", FarmState.BROKEN)
SPX = parse_instrument("OPT:SPX:SMART:USD:20261218:C:6900:100:SPXW")


def wanted(desk: Desk, call: int = 1, data: str | None = None) -> int:
    """A snapshot that the gateway is asked for; the request's id."""
    desk.feed(ev.SnapshotWanted(call, APPLE, regulatory=False, data=data))
    desk.answer_lookups()
    return desk.line()


def up(**config: object) -> Desk:
    desk = Desk(**config)
    desk.feed(UP)
    return desk


# -- what is believed


@pytest.mark.parametrize("code", [200, 354, 10089, 10168, 10186])
@pytest.mark.parametrize("trouble", ["farm", "outage", "just over"])
def test_a_refusal_in_an_outage_is_not_passed_on_as_final(code: int, trouble: str) -> None:
    desk = up()
    desk.flowing(MSFT)
    req_id = wanted(desk)
    if trouble == "farm":
        desk.feed(FARM_DOWN)
    else:
        desk.feed(LOST)
    if trouble == "just over":
        desk.feed(DataMaintained())
        desk.now += 30
    desk.error(req_id, code)
    (failed,) = desk.take(ev.Fail)
    assert (failed.code, failed.tws_code) == (ErrorCode.NOT_READY, code)
    assert "not believed" in failed.text


@pytest.mark.parametrize("code", [200, 354, 10089])
def test_in_calm_it_is(code: int) -> None:
    desk = up()
    desk.error(wanted(desk), code)
    (failed,) = desk.take(ev.Fail)
    assert (failed.code, failed.tws_code) == (ErrorCode.GATEWAY_REJECTED, code)


def test_live_data_refused_in_an_outage_with_no_delayed_ones_after_it_say_so() -> None:
    desk = up(data="delayed")
    desk.flowing(MSFT)
    req_id = wanted(desk)
    desk.feed(FARM_DOWN)
    desk.error(req_id, 354)
    assert desk.take(ev.Fail) == []
    desk.wait(DEADLINE_S)
    (failed,) = desk.take(ev.Fail)
    assert (failed.code, failed.tws_code) == (ErrorCode.NOT_READY, 354)


def test_what_a_spelling_meant_is_looked_up_again_after_a_200() -> None:
    """A reverse split gives a share another conId over night, and a snapshot would be refused for a day."""
    desk = up()
    desk.error(wanted(desk), 200)
    desk.feed(ev.SnapshotWanted(2, APPLE, regulatory=False))
    (ask,) = desk.asked()
    assert isinstance(ask.request, ref.ReqContractDetails)


def test_also_where_a_line_uses_it_which_goes_on() -> None:
    desk = up()
    (line,) = desk.flowing("trade/STK:AAPL:SMART:USD/")
    req_id = wanted(desk)
    desk.error(req_id, 200)
    (ask,) = desk.asked()
    assert isinstance(ask.request, ref.ReqContractDetails)
    desk.feed(ContractDetailsReceived(ask.req_id, info(265598)))
    desk.feed(ContractDetailsEnd(ask.req_id))
    assert desk.told() == []
    assert line in desk.core.lines.asked


# -- how long it waits


def test_one_of_an_option_waits_for_its_look_up_which_may_take_a_minute() -> None:
    """ib_insync #547: given up after 15 s and begun anew with the next call, it never came."""
    desk = up()
    desk.feed(ev.SnapshotWanted(1, SPX, regulatory=False))
    look_up = desk.line()
    for _ in range(5):
        desk.feed(ContractDetailsReceived(look_up, info(7, "SPX")))
        desk.wait(9)
    assert desk.take(ev.Fail) == []
    desk.feed(ev.SnapshotWanted(2, SPX, regulatory=False))
    assert desk.asked() == [], "it joins"
    desk.feed(ContractDetailsEnd(look_up))
    first, second = desk.asked()
    for ask in (first, second):
        assert isinstance(ask.request, streams.ReqMktData)
        assert ask.request.snapshot
        desk.feed(ev.RequestWritten(ask.req_id))
    desk.wait(11)
    for ask in (first, second):
        desk.feed(tws.TickSnapshotEnd(ask.req_id))
    assert [answer.call for answer in desk.take(ev.AnswerCollected)] == [1, 2]
    desk.wait(200)
    assert desk.take(ev.Fail) == []


def test_a_look_up_that_is_not_answered_fails_in_the_end_and_a_preview_too() -> None:
    desk = up()
    topic = parse_stream_topic(AAPL)
    assert topic is not None
    desk.feed(ev.SnapshotWanted(1, APPLE, regulatory=False))
    desk.feed(ev.PreviewWanted(2, topic))
    desk.wait(LOOK_UP_S - 1)
    assert desk.take(ev.Fail) == []
    desk.wait(1)
    assert [(each.call, each.code) for each in desk.take(ev.Fail)] == [
        (1, ErrorCode.TIMEOUT),
        (2, ErrorCode.TIMEOUT),
    ]


def test_the_time_for_a_quote_begins_when_it_is_asked_for() -> None:
    desk = up()
    desk.feed(ev.SnapshotWanted(1, APPLE, regulatory=False))
    look_up = desk.line()
    desk.wait(14)
    desk.feed(ContractDetailsReceived(look_up, info(265598)))
    desk.feed(ContractDetailsEnd(look_up))
    req_id = desk.line()
    desk.wait(DEADLINE_S - 1)
    assert desk.take(ev.Fail) == []
    desk.wait(1)
    (failed,) = desk.take(ev.Fail)
    assert failed.code is ErrorCode.TIMEOUT
    assert [cancel.req_id for cancel in desk.take(ev.Cancel) if cancel.request] == [req_id]


# -- where it comes from


def test_rerouted_in_a_burst_each_waits_for_its_turn() -> None:
    """They had their turn: of a hundred a second none is refused for what the gateway told it to ask."""
    desk = up()
    for call in range(1, 101):
        desk.feed(ev.SnapshotWanted(call, parse_instrument(f"CONID:{call}"), regulatory=False))
    desk.answer_lookups()
    asked = desk.asked()
    assert len(asked) == 100
    for ask in asked:
        desk.feed(ev.RequestWritten(ask.req_id))
        desk.feed(tws.RerouteMktData(ask.req_id, 10_000 + ask.req_id, "SMART"))
    assert desk.take(ev.Fail) == []
    assert desk.asked() == []
    desk.wait(1.1)
    sources = desk.asked()
    assert len(sources) == 100
    for ask in sources:
        desk.feed(ev.RequestWritten(ask.req_id))
        desk.feed(tws.TickSnapshotEnd(ask.req_id))
    assert sorted(answer.call for answer in desk.take(ev.AnswerCollected)) == list(range(1, 101))


def test_a_regulatory_one_is_asked_for_a_second_later() -> None:
    desk = up()
    desk.feed(ev.SnapshotWanted(1, parse_instrument("CONID:5"), regulatory=True))
    desk.answer_lookups()
    first = desk.line()
    desk.feed(tws.RerouteMktData(first, 265598, "NASDAQ"))
    assert (desk.take(ev.Fail), desk.asked()) == ([], [])
    desk.wait(1.1)
    (ask,) = desk.asked()
    assert isinstance(ask.request, streams.ReqMktData)
    assert (ask.request.regulatory_snapshot, ask.request.contract.con_id) == (True, 265598)


def test_rerouted_once_more_it_says_so_and_leaves_nothing_behind() -> None:
    desk = up()
    first = wanted(desk)
    desk.feed(tws.RerouteMktData(first, 5, "SMART"))
    second = desk.line()
    desk.feed(tws.RerouteMktData(second, 6, "SMART"))
    (failed,) = desk.take(ev.Fail)
    assert failed.code is ErrorCode.GATEWAY_REJECTED
    assert [cancel.req_id for cancel in desk.take(ev.Cancel) if cancel.request] == [first, second]
    desk.feed(tws.TickSnapshotEnd(second))
    assert desk.take(ev.AnswerCollected) == []


@pytest.mark.parametrize("late", ["reroute", "end", "error"])
def test_what_comes_after_it_was_answered_means_nothing(late: str) -> None:
    desk = up()
    req_id = wanted(desk)
    desk.wait(DEADLINE_S)
    assert len(desk.take(ev.Fail)) == 1
    desk.actions.clear()
    if late == "reroute":
        desk.feed(tws.RerouteMktData(req_id, 5, "SMART"))
    elif late == "end":
        desk.feed(tws.TickSnapshotEnd(req_id))
    else:
        desk.error(req_id, 300, "Can't find EId with tickerId:1")
    assert desk.actions == []


def test_the_session_that_is_lost_while_it_waits_for_its_turn_ends_it() -> None:
    desk = up()
    desk.feed(ev.SnapshotWanted(1, parse_instrument("CONID:5"), regulatory=True))
    desk.answer_lookups()
    desk.feed(tws.RerouteMktData(desk.line(), 265598, "NASDAQ"))
    desk.feed(ev.Disconnected("cut", since=0.0))
    assert [failed.code for failed in desk.take(ev.Fail)] == [ErrorCode.NOT_READY]
    desk.feed(UP)
    desk.wait(5)
    assert desk.asked() == []


# -- which kind of data


@pytest.mark.parametrize(
    ("kind", "frozen", "delayed"), [(1, False, False), (2, True, False), (3, False, True), (4, False, True)]
)
def test_the_last_values_of_a_closed_market_are_marked(kind: int, frozen: bool, delayed: bool) -> None:
    """At night they look like any other, and were told from live ones by nothing."""
    desk = up()
    req_id = wanted(desk, data="any")
    desk.feed(tws.MarketDataType(req_id, kind))
    desk.feed(tws.TickSnapshotEnd(req_id))
    assert desk.take(ev.AnswerCollected) == [ev.AnswerCollected(1, req_id, frozen)]
    assert desk.take(ev.UseDataType) == [ev.UseDataType(req_id, delayed)]


def test_so_are_those_of_a_line_until_the_market_opens() -> None:
    desk = up(data="frozen")
    (line,) = desk.flowing(AAPL)
    desk.feed(tws.MarketDataType(line, 2))
    assert desk.told() == [(AAPL, "frozen")]
    desk.feed(ev.SnapshotWanted(1, APPLE, regulatory=False))
    desk.feed(tws.MarketDataType(line, 1))
    assert desk.told() == [(AAPL, "active")]
    desk.feed(ev.SnapshotWanted(2, APPLE, regulatory=False))
    assert [answer.frozen for answer in desk.take(ev.AnswerQuote)] == [True, False]


@pytest.mark.parametrize(("accepted", "asked_for"), [("live", 1), ("frozen", 2), ("delayed", 3), ("any", 4)])
def test_each_says_what_it_accepts_and_the_next_one_is_not_asked_for_by_that(
    accepted: str, asked_for: int
) -> None:
    desk = up()
    wanted(desk, 1, accepted)
    kinds = [
        send.request.market_data_type
        for send in desk.take(ev.Send)
        if isinstance(send.request, streams.ReqMarketDataType)
    ]
    assert kinds == ([asked_for] if asked_for != 1 else [])
    wanted(desk, 2)
    kinds = [
        send.request.market_data_type
        for send in desk.take(ev.Send)
        if isinstance(send.request, streams.ReqMarketDataType)
    ]
    assert kinds == ([1] if asked_for != 1 else [])


def test_a_kind_that_nobody_knows_changes_nothing() -> None:
    desk = up(data="any")
    (line,) = desk.flowing(AAPL)
    desk.feed(tws.MarketDataType(line, 3))
    desk.told()
    for kind in (0, 5, -1, 2**31 - 1):
        desk.feed(tws.MarketDataType(line, kind))
    assert desk.told() == []
