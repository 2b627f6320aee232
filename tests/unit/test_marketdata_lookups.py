"""Shards, look-ups, and the calls that need them: snapshots and previews."""

from __future__ import annotations

import pytest
from support.marketdata_core import AAPL, AAPL_BY_ID, MSFT, UP, Desk, info
from twsmq_nodes.marketdata import events as ev
from twsmq_nodes.tws import events as tws
from twsmq_nodes.tws import reference_requests as ref
from twsmq_nodes.tws import stream_requests as streams
from twsmq_nodes.tws.reference_events import ContractDetailsEnd, ContractDetailsReceived
from twsmq_nodes.tws.session_events import FarmState, FarmStatus
from twsmq_protocol.errors import ErrorCode
from twsmq_protocol.instruments import parse_instrument
from twsmq_protocol.topics import parse_stream_topic


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

    desk.flowing(MSFT)
    desk.leave(MSFT)
    desk.wait(15)
    assert desk.core.wake_at is not None
    assert desk.core.wake_at > 30
    carry_out(desk.feed(ev.TopicWanted(AAPL)))
    assert desk.core.wake_at == 30
    carry_out(desk.feed(ev.TimerFired(), at=30))
    assert desk.core.wake_at == 45


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
    assert isinstance(ask.request, streams.ReqMktData)
    assert ask.request.snapshot
    assert desk.take(ev.AnswerQuote) == []


def test_a_snapshot_asks_the_gateway_once_and_is_answered_when_it_is_complete():
    desk = Desk()
    desk.feed(UP)
    desk.feed(ev.SnapshotWanted(1, parse_instrument("STK:AAPL:SMART:USD"), regulatory=False))
    desk.answer_lookups()
    (ask,) = desk.asked()
    assert isinstance(ask.request, streams.ReqMktData)
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


def test_a_snapshot_refused_for_live_data_with_no_delayed_ones_after_it_says_so():
    desk = Desk(data="delayed")
    desk.feed(UP)
    desk.feed(ev.SnapshotWanted(1, parse_instrument("STK:AAPL:SMART:USD"), regulatory=False))
    desk.answer_lookups()
    req_id = desk.line()
    desk.error(req_id, 10089, "requires an additional subscription")
    assert desk.take(ev.Fail) == [], "they may follow"
    desk.wait(100)
    (fail,) = desk.take(ev.Fail)
    assert (fail.code, fail.tws_code) == (ErrorCode.GATEWAY_REJECTED, 10089)
    assert [cancel.req_id for cancel in desk.take(ev.Cancel) if cancel.request] == [req_id]


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
    refused = desk.line()
    desk.error(refused, 100)
    assert [cancel.req_id for cancel in desk.take(ev.Cancel) if cancel.request] == [refused], "it may stand"
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
    assert isinstance(ask.request, streams.ReqMktData)
    assert (ask.request.contract.con_id, ask.request.contract.exchange) == (265598, "NASDAQ")
    assert isinstance(units.request, ref.ReqContractDetails), "its volume counts what that contract counts"
    desk.feed(ev.RequestWritten(ask.req_id))
    desk.feed(ev.DataFlowed(ask.req_id))
    assert (AAPL, "active") in desk.told()
    desk.feed(tws.RerouteMktData(ask.req_id, 1, "NASDAQ"))
    assert desk.told() == [(AAPL, "error")]
    assert not desk.asked()


def test_what_a_gateway_does_not_know_in_its_first_minute_is_asked_once_more():
    """It may have been started with the cluster, and says so of everything then (Lean #3870)."""
    desk = Desk()
    desk.feed(UP)
    desk.want("quote/STK:NOSUCH:SMART:USD/")
    desk.answer_lookups()
    assert desk.told()[-1][1] == "error", "whoever mistyped learns it at once"
    desk.wait(61)
    asks = [ask.request for ask in desk.asked()]
    assert [each.contract.symbol for each in asks if isinstance(each, ref.ReqContractDetails)] == ["NOSUCH"]
    desk.wait(600)
    assert desk.asked() == []
