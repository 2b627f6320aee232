"""What real gateways do to lines, from public bug reports: each told as a story with the right end."""

from __future__ import annotations

from itertools import pairwise

import pytest
from support.marketdata_core import AAPL, MSFT, UP, Desk
from support.marketdata_stories import BARS, BROKEN, OK, OTHER_ADDRESS, PACING, cancelled, started
from twsmq_nodes.marketdata import events as ev
from twsmq_nodes.marketdata.listings import Listing
from twsmq_nodes.marketdata.silence import flowing_lines, unanswered_lines
from twsmq_nodes.tws import events as tws
from twsmq_nodes.tws import reference_requests as ref
from twsmq_nodes.tws import stream_requests as streams
from twsmq_nodes.tws.contracts import Contract
from twsmq_nodes.tws.session_events import DataLost, DataMaintained, FarmState, FarmStatus, UpstreamLost

# -- bars, after an outage (nautilus_trader #3968 and #952, ib_insync #533)


def test_bars_are_asked_for_again_after_a_1102_which_does_not_keep_them_up_to_date() -> None:
    desk = Desk()
    (req_id,) = desk.flowing(BARS)
    desk.feed(UpstreamLost(1100, "lost"), at=20)
    assert desk.told() == [(BARS, "gap")]
    desk.feed(DataMaintained(), at=40)
    assert cancelled(desk) == [req_id]
    desk.feed(ev.DataFlowed(desk.line()), at=41)
    assert desk.told() == [(BARS, "resumed")]


def test_a_market_farm_that_flaps_interrupts_bars_and_they_are_asked_for_again() -> None:
    desk = Desk()
    desk.flowing(BARS)
    desk.feed(BROKEN, at=20)
    assert desk.told() == [(BARS, "gap")]
    desk.feed(OK, at=30)
    desk.wait(5)
    desk.feed(ev.DataFlowed(desk.line()))
    assert desk.told() == [(BARS, "resumed")]


def test_bars_that_go_on_after_so_long_that_some_may_be_missing_are_fetched_anew() -> None:
    desk = Desk()
    (req_id,) = desk.flowing(BARS)
    desk.feed(BROKEN, at=20)
    desk.feed(ev.DataFlowed(req_id), at=50)
    assert desk.told() == [(BARS, "gap"), (BARS, "resumed")], "within one bar none is missing"
    desk.feed(BROKEN, at=100)
    desk.told()
    desk.feed(ev.DataFlowed(req_id), at=170)
    assert desk.told() == []
    desk.feed(ev.DataFlowed(desk.line()), at=171)
    assert desk.told() == [(BARS, "resumed")]


def test_missing_updates_of_bars_are_noticed_by_the_bars_own_clock_though_nothing_else_ticks() -> None:
    hours = ((0, 10_000),)
    desk = Desk(listings={"STK:AAPL:SMART:USD": Listing(Contract(1), "STK", hours=hours, hours_until=20_000)})
    (req_id,) = desk.flowing(BARS)
    desk.feed(ev.LinesChecked({req_id: 30.0}, wall_s=100.0), at=100)
    assert desk.told() == []
    desk.feed(ev.LinesChecked({req_id: 30.0}, wall_s=106.0), at=106)
    assert desk.told() == [(BARS, "gap")]
    assert desk.line() > req_id


def test_in_a_closed_market_silence_is_normal() -> None:
    closed = Listing(Contract(1), "STK", hours=((5000, 6000),), hours_until=20_000)
    desk = Desk(listings={"STK:AAPL:SMART:USD": closed})
    aapl, msft = desk.flowing(AAPL, MSFT)
    desk.feed(ev.LinesChecked({aapl: 0.0, msft: 900.0}, wall_s=900.0), at=900)
    assert desk.told() == []


def test_a_slow_instruments_own_pace_is_its_clock() -> None:
    desk = Desk(silent_s=60)
    aapl, msft = desk.flowing(AAPL, MSFT)
    for at in (10.0, 60.0, 110.0):  # it ticks every 50 s
        desk.feed(ev.LinesChecked({aapl: at, msft: at}, wall_s=at), at=at)
    desk.feed(ev.LinesChecked({aapl: 110.0, msft: 240.0}, wall_s=240.0), at=240)
    assert desk.told() == []
    desk.feed(ev.LinesChecked({aapl: 110.0, msft: 261.0}, wall_s=261.0), at=261)
    assert desk.told() == [(AAPL, "gap")]


def test_one_dead_line_backs_off_and_the_heartbeat_shows_that_the_others_live() -> None:
    desk = Desk(silent_s=60)
    dead, msft = desk.flowing(AAPL, MSFT)
    asked: list[float] = []
    since = 0.0
    for at in range(0, 7200, 10):
        desk.feed(ev.LinesChecked({dead: since, msft: float(at)}, wall_s=0.0), at=float(at))
        if again := desk.asked():
            asked.append(at)
            dead, since = again[0].req_id, float(at)
            desk.feed(ev.RequestWritten(dead))
    pauses = [later - earlier for earlier, later in pairwise(asked)]
    assert pauses == sorted(pauses)
    assert len(asked) <= 8, asked
    assert unanswered_lines(desk.core.lines) == 1
    assert flowing_lines(desk.core.lines, desk.now, 60) == 1


# -- codes by evidence


@pytest.mark.parametrize("text", [PACING, OTHER_ADDRESS, "límite"])
def test_a_162_that_may_pass_is_tried_again_with_growing_pauses(text: str) -> None:
    desk, req_id = started(BARS)
    pauses: list[float] = []
    for _ in range(4):
        desk.error(req_id, 162, text)
        assert cancelled(desk) == [req_id], "whatever is given up is cancelled"
        (tell,) = desk.take(ev.PublishStatus)[-1:]
        assert (tell.status.state, tell.status.code) == ("error", 162)
        before = desk.now
        while not (asks := desk.asked()):
            assert desk.core.wake_at is not None
            desk.feed(ev.TimerFired(), at=desk.core.wake_at)
        pauses.append(desk.now - before)
        req_id = asks[0].req_id
        desk.feed(ev.RequestWritten(req_id))
    assert pauses == [30, 60, 120, 240]


def test_a_162_for_want_of_permissions_is_final() -> None:
    desk, req_id = started(BARS)
    desk.error(req_id, 162, "No market data permissions for ISLAND STK")
    desk.wait(4000)
    assert desk.asked() == []


def test_the_echo_of_our_own_cancel_is_no_refusal() -> None:
    desk, req_id = started(BARS)
    desk.error(
        req_id, 162, "Historical Market Data Service error message:API historical data query cancelled: 3"
    )
    assert desk.told()[-1] == (BARS, "starting")


def test_what_nobody_knows_is_tried_again() -> None:
    desk, req_id = started(AAPL)
    desk.error(req_id, 31_415)
    assert cancelled(desk) == [req_id]
    desk.wait(30)
    assert len(desk.asked()) == 1


def test_2188_tells_of_bars_that_follow() -> None:
    desk, req_id = started(BARS)
    desk.error(req_id, 2188, "Up-to-the-second historical data requires additional subscription for the API.")
    desk.feed(ev.DataFlowed(req_id))
    assert desk.told()[-1] == (BARS, "active")


@pytest.mark.parametrize("code", [354, 10089, 10168, 10186])
def test_without_live_data_the_line_is_given_up_and_cancelled(code: int) -> None:
    desk, req_id = started(AAPL)
    desk.error(req_id, code)
    assert cancelled(desk) == [req_id]
    assert desk.told()[-1] == (AAPL, "error")


def test_who_accepts_delayed_data_gets_them_after_the_refusal_of_live_ones() -> None:
    topic = "quote/STK:AAPL:SMART:USD;data=delayed/"
    desk, req_id = started(topic)
    assert desk.take(ev.Send) == [ev.Send(streams.ReqMarketDataType(3))]
    desk.error(req_id, 10089)
    assert cancelled(desk) == []
    desk.feed(tws.MarketDataType(req_id, 3))
    assert desk.take(ev.UseDataType) == [ev.UseDataType(req_id, True)]
    desk.feed(ev.DataFlowed(req_id))
    assert desk.told()[-1] == (topic, "delayed")
    desk.wait(60)
    assert cancelled(desk) == []


def test_where_no_delayed_data_come_the_refusal_was_meant() -> None:
    topic = "quote/STK:AAPL:SMART:USD;data=any/"
    desk, req_id = started(topic)
    desk.error(req_id, 10089)
    desk.wait(10)
    assert desk.told()[-1] == (topic, "error")
    assert cancelled(desk) == [req_id]


def test_each_topic_says_which_data_it_accepts_and_requests_follow_their_type() -> None:
    desk = Desk(data="frozen")
    desk.feed(UP)
    kinds = (
        AAPL,
        *(f"quote/STK:AAPL:SMART:USD;data={kind}/" for kind in ("live", "delayed", "frozen", "any")),
    )
    desk.want(*kinds)
    desk.answer_lookups()
    order = [action for action in desk.actions if isinstance(action, ev.Send | ev.Ask)]
    types = [each.request.market_data_type for each in order[::2] if isinstance(each, ev.Send)
             and isinstance(each.request, streams.ReqMarketDataType)]  # fmt: skip
    assert types == [2, 1, 3, 4], "frozen is what is configured: both topics share a line"
    assert all(isinstance(each, ev.Ask) for each in order[1::2])


def test_a_bust_is_cancelled_before_it_is_asked_for_again() -> None:
    desk = Desk()
    (req_id,) = desk.flowing("bar5s/STK:AAPL:SMART:USD/")
    desk.error(req_id, 10225)
    kinds = [type(action) for action in desk.actions if isinstance(action, ev.Cancel | ev.Ask)]
    assert kinds == [ev.Cancel, ev.Ask]
    assert cancelled(desk) == [req_id]


@pytest.mark.parametrize(
    ("sec_type", "what"),
    [("CRYPTO", "AGGTRADES"), ("CFD", "MIDPOINT"), ("FUND", "MIDPOINT"), ("STK", "TRADES")],
)
def test_bars_are_made_of_what_the_type_has(sec_type: str, what: str) -> None:
    desk = Desk(listings={"CONID:7": Listing(Contract(7), sec_type)})
    desk.feed(UP)
    desk.want("bars/1m/CONID:7/")
    (ask,) = desk.asked()
    assert isinstance(ask.request, ref.ReqHistoricalData)
    assert ask.request.what_to_show == what


def test_what_the_gateway_wants_asked_instead_is_asked_once() -> None:
    desk, req_id = started(BARS)
    desk.error(req_id, 10299, "Se esperaba AGGTRADES, use eso en lugar de TRADES.")
    assert cancelled(desk) == [req_id]
    (ask,) = desk.asked()
    assert isinstance(ask.request, ref.ReqHistoricalData)
    assert ask.request.what_to_show == "AGGTRADES"
    desk.error(ask.req_id, 10299, "Expected what to show is MIDPOINT, please use that instead of AGGTRADES.")
    assert desk.told()[-1] == (BARS, "error")
    desk.wait(4000)
    assert desk.asked() == []


# -- "no definition" in an outage (ib_insync #330, Lean #3870)


def test_no_definition_is_not_believed_while_a_farm_is_down_nor_a_minute_after() -> None:
    desk = Desk()
    desk.feed(UP)
    desk.feed(FarmStatus("security_definition", "secdefil", FarmState.BROKEN), at=1)
    desk.want(AAPL)
    desk.error(desk.line(), 200)
    told = desk.take(ev.PublishStatus)[-1].status
    assert (told.state, told.code) == ("starting", None)
    assert "200 is not believed" in str(told.reason)
    desk.wait(5)
    desk.error(desk.line(), 200)
    desk.feed(FarmStatus("security_definition", "secdefil", FarmState.OK), at=7)
    desk.wait(10)
    desk.error(desk.line(), 200)
    assert desk.told()[-1] == (AAPL, "starting")
    desk.wait(61)
    desk.answer_lookups()
    desk.feed(ev.DataFlowed(desk.line()))
    assert desk.told()[-1] == (AAPL, "active")


def test_no_definition_of_a_line_is_tried_again_after_an_outage_and_its_listing_kept() -> None:
    desk = Desk()
    desk.flowing(AAPL)
    desk.feed(UpstreamLost(1100, "lost"))
    desk.feed(DataLost(), at=10)
    desk.error(desk.line(), 200)
    assert desk.take(ev.RememberListing) == []
    desk.wait(5)
    desk.feed(ev.DataFlowed(desk.line()))
    assert desk.told()[-1] == (AAPL, "active")


@pytest.mark.parametrize("code", [354, 10089, 10168, 10186])
def test_that_data_are_not_subscribed_is_not_believed_in_an_outage_either(code: int) -> None:
    desk = Desk()
    desk.flowing(AAPL)
    desk.feed(ev.Disconnected("cut", since=0))
    desk.feed(UP, at=10)
    desk.error(desk.line(), code, "in whatever language")
    assert desk.take(ev.Cancel)[-1].request is not None
    told = desk.take(ev.PublishStatus)[-1].status
    assert (told.state, told.code, told.reason) == ("error", code, "asked for again 5 s later")
    desk.wait(5)
    desk.error(desk.line(), code)
    desk.wait(10)
    desk.feed(ev.DataFlowed(desk.line()))
    assert desk.told()[-1] == (AAPL, "active")
    desk.wait(61)
    desk.want(MSFT)
    desk.answer_lookups()
    desk.error(desk.line(), code)
    assert desk.take(ev.PublishStatus)[-1].status.reason is None, "in a calm minute it is"
    desk.wait(7200)
    assert desk.asked() == []


def test_a_line_whose_contract_is_gone_says_so_and_does_not_flow_for_ever() -> None:
    """Of an option that has expired nothing comes any more, and nobody announces it."""
    desk = Desk(silent_s=0)  # as on a market that is closed: silence says nothing
    aapl, msft = desk.flowing(AAPL, MSFT)
    day_ends = 18_000.0 + 10.0  # in New York
    desk.feed(ev.LinesChecked({aapl: 10.0, msft: 19.0}, wall_s=10.0), at=20.0)
    desk.feed(ev.LinesChecked({aapl: 10.0, msft: day_ends}, wall_s=day_ends), at=day_ends)
    for ask in desk.asked():
        assert isinstance(ask.request, ref.ReqContractDetails)
        desk.feed(ev.RequestWritten(ask.req_id))
        desk.error(ask.req_id, 200)
    assert [cancel.req_id for cancel in desk.take(ev.Cancel) if cancel.request] == [aapl]
    assert desk.told()[-1] == (AAPL, "gap")
    desk.error(desk.line(), 200)
    assert desk.told() == [(AAPL, "error")], "and the other, on which data come, goes on"


def test_who_subscribes_later_to_what_was_refused_asks_anew() -> None:
    desk = Desk()
    desk.feed(UP)
    desk.want(AAPL)
    desk.error(desk.line(), 200)
    desk.now = 60.0
    desk.want(AAPL)
    desk.answer_lookups()
    assert isinstance(desk.asked()[0].request, streams.ReqMktData)


def test_the_op_retry_asks_at_once_for_what_was_refused() -> None:
    desk, req_id = started(AAPL)
    desk.error(req_id, 354)
    desk.feed(ev.RetryWanted(1, AAPL))
    assert desk.take(ev.AnswerRetry) == [ev.AnswerRetry(1, AAPL, "starting")]
    desk.feed(ev.DataFlowed(desk.line()))
    assert desk.told()[-1] == (AAPL, "active")
    desk.feed(ev.RetryWanted(2, MSFT))
    assert desk.take(ev.Fail)[0].call == 2


NO_SOURCES = [
    (-1, "NYSE"),
    (-(2**31), ""),
    (0, ""),
    (0, "NYSE"),
    (5, "\x1b[2J"),
    (5, "x" * 5000),
    (5, "\u202e"),
]


@pytest.mark.parametrize(("con_id", "exchange"), NO_SOURCES)
def test_a_source_of_data_that_no_contract_can_be_is_not_looked_up(con_id: int, exchange: str) -> None:
    """Its spelling would be none: to read it again ended the shard."""
    desk = Desk()
    (req_id,) = desk.flowing(AAPL)
    desk.feed(tws.RerouteMktData(req_id, con_id, exchange))
    for _ in range(20):
        desk.wait(1.0)
    assert not any(isinstance(ask.request, ref.ReqContractDetails) for ask in desk.asked())
