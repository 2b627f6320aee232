"""Pacing, look-ups in turns, the age of facts, and calls: what a line waits for before it is asked."""

from __future__ import annotations

from itertools import pairwise
from zlib import crc32

import pytest
from support.marketdata_core import AAPL, UP, Desk, info
from support.marketdata_stories import TRADES, cancelled
from twsmq_nodes.marketdata import events as ev
from twsmq_nodes.marketdata.listings import Listing, Matches, judge
from twsmq_nodes.marketdata.lookups import MOST_OUT
from twsmq_nodes.tws import events as tws
from twsmq_nodes.tws import reference_requests as ref
from twsmq_nodes.tws import stream_requests as streams
from twsmq_nodes.tws.contracts import Contract, ContractInfo
from twsmq_nodes.tws.reference_events import ContractDetailsEnd, ContractDetailsReceived
from twsmq_nodes.tws.session_events import DataLost
from twsmq_protocol.instruments import parse_instrument

# -- pacing (IBKR's documentation)


def test_tick_by_tick_of_one_instrument_is_asked_for_15_s_apart_whatever_happens() -> None:
    desk = Desk()
    desk.feed(UP)
    desk.want(TRADES, "bbo/STK:AAPL:SMART:USD/", "midpoint/STK:AAPL:SMART:USD/")
    desk.answer_lookups()
    desk.line()
    reason = desk.take(ev.PublishStatus)[-1].status.reason
    assert "15 s" in str(reason)
    desk.wait(14.9)
    assert desk.asked() == []
    desk.wait(0.2)
    desk.line()
    desk.feed(DataLost())
    assert desk.asked() == [], "1101 forgets nothing"
    times: list[float] = []
    for _ in range(200):
        desk.wait(0.5)
        for ask in desk.asked():
            times.append(desk.now)
            desk.feed(ev.RequestWritten(ask.req_id))
    assert len(times) == 3
    assert all(later - earlier >= 15 for earlier, later in pairwise(times))


def test_an_instrument_is_its_conid_to_the_tick_by_tick_rule_whichever_exchange_is_asked() -> None:
    desk = Desk()
    desk.feed(UP)
    desk.want("trade/CONID:265598:SMART/", "trade/CONID:265598:NASDAQ/", "trade/CONID:272093:SMART/")
    desk.answer_lookups()
    asks = desk.asked()
    assert len(asks) == 2
    for ask in asks:
        desk.feed(ev.RequestWritten(ask.req_id))
    desk.wait(14.9)
    assert desk.asked() == []
    desk.wait(0.2)
    desk.line()


def test_small_bars_of_one_contract_are_asked_for_five_in_two_seconds_and_never_twice_in_15() -> None:
    desk = Desk()
    desk.feed(UP)
    desk.want(*(f"bars/5s/STK:AAPL:SMART:USD;back={number}D/" for number in range(1, 9)))
    desk.answer_lookups()
    asks = desk.asked()
    assert len(asks) == 5
    for ask in asks:
        desk.feed(ev.RequestWritten(ask.req_id))
    desk.wait(2.1)
    assert len(desk.asked()) == 3


# -- look-ups


def test_a_newcomer_does_not_wait_for_two_thousand_others_and_is_told_why_it_waits_at_all() -> None:
    desk = Desk()
    desk.feed(UP)
    desk.want(*(f"quote/STK:X{number}:SMART:USD/" for number in range(2000)))
    asks = desk.asked()
    assert len(asks) == MOST_OUT
    desk.told()
    desk.want(AAPL)
    assert "others wait" in str(desk.take(ev.PublishStatus)[-1].status.reason)
    answered = 0
    while asks and answered < 40:
        ask, *asks = asks
        assert isinstance(ask.request, ref.ReqContractDetails)
        if ask.request.contract.symbol == "AAPL":
            break
        desk.error(ask.req_id, 200)
        answered += 1
        asks += desk.asked()
    assert answered <= MOST_OUT + 2, "the newest and the oldest take turns"


def test_a_slow_look_up_does_not_hold_up_the_others() -> None:
    desk = Desk()
    desk.feed(UP)
    desk.want(*(f"quote/STK:X{number}:SMART:USD/" for number in range(2 * MOST_OUT)))
    assert len(desk.asked()) == MOST_OUT
    desk.wait(2)
    assert len(desk.asked()) == MOST_OUT


def test_identical_look_ups_are_one_question() -> None:
    desk = Desk()
    desk.feed(UP)
    desk.want(AAPL, "tick/STK:AAPL:SMART:USD/")
    desk.feed(ev.SnapshotWanted(1, parse_instrument("STK:AAPL:SMART:USD"), regulatory=False))
    assert len(desk.asked()) == 1


# -- facts have an age


def listed(con_id: int, wall_s: float, **fields: str) -> Listing:
    contract = Contract(
        con_id=con_id, symbol="AAPL", sec_type="STK", primary_exchange="NASDAQ", currency="USD"
    )
    found = judge(
        parse_instrument("STK:AAPL:SMART:USD"),
        Matches([ContractInfo(contract, valid_exchanges="SMART", **fields)]),  # pyright: ignore[reportArgumentType]
        wall_s,
    )
    assert isinstance(found, Listing)
    return found


DAY = 86_400
NOON = 20_780 * DAY + DAY // 2  # in UTC


def test_what_a_symbol_means_is_asked_again_when_the_day_ends_and_nobody_notices() -> None:
    desk = Desk(listings={"STK:AAPL:SMART:USD": listed(265598, NOON, time_zone_id="UTC")})
    desk.core.lookups.wall_s = NOON
    (req_id,) = desk.flowing(AAPL)
    desk.feed(ev.LinesChecked({req_id: 0.0}, wall_s=NOON + DAY / 2 - 1))
    assert desk.asked() == []
    desk.feed(ev.LinesChecked({req_id: 0.0}, wall_s=NOON + DAY / 2))
    desk.answer_lookups()
    assert desk.told() == []
    assert desk.asked() == []


def test_a_symbol_that_means_another_contract_from_now_on_moves_its_topics() -> None:
    desk = Desk(listings={"STK:AAPL:SMART:USD": listed(1, NOON, time_zone_id="UTC")})
    desk.core.lookups.wall_s = NOON
    (old,) = desk.flowing(AAPL)
    desk.feed(ev.LinesChecked({old: 0.0}, wall_s=NOON + DAY))
    desk.answer_lookups()  # 265598
    assert cancelled(desk) == [old]
    assert desk.told() == [(AAPL, "closed"), (AAPL, "starting")]
    desk.feed(ev.DataFlowed(desk.line()))
    assert desk.told() == [(AAPL, "active")]


def test_a_symbol_that_means_a_contract_of_another_shard_from_now_on_is_served_by_that_one() -> None:
    """Else nobody serves it, though its listeners were told that its stream follows."""
    desks = [Desk(instances=2, shard=shard) for shard in range(2)]
    for desk in desks:
        desk.core.lookups.wall_s = NOON
        desk.feed(UP)
        desk.want(AAPL)
        desk.answer_lookups()
    served_by = 0 if desks[0].asked() else 1
    serving, other = desks[served_by], desks[1 - served_by]
    con_id = next(n for n in range(1, 50) if crc32(str(n).encode()) % 2 != served_by)
    for desk in desks:
        desk.actions.clear()
        desk.feed(ev.LinesChecked({}, wall_s=NOON + DAY))
        (ask,) = desk.asked()
        desk.feed(ContractDetailsReceived(ask.req_id, info(con_id)))
        desk.feed(ContractDetailsEnd(ask.req_id))
    assert serving.told() == [(AAPL, "closed")]
    assert other.told() == [(AAPL, "starting")]
    other.feed(ev.DataFlowed(other.line()))
    assert other.told() == [(AAPL, "active")]
    for desk in desks:  # a new session: the gateway may have been started anew
        desk.feed(ev.Disconnected("cut", since=0.0))
        desk.feed(UP)
        desk.feed(ev.LinesChecked({}, wall_s=NOON + DAY + 1))
        assert [ask.request for ask in desk.asked() if isinstance(ask.request, ref.ReqContractDetails)]


def test_hours_are_asked_for_again_before_they_run_out() -> None:
    until = NOON + 10_800  # the text ends with the day in some far zone
    text = "20261123:0930-20261123:1600"
    found = listed(1, NOON, time_zone_id="US/Eastern", trading_hours=text)
    assert found.due_s <= max(NOON + DAY, until)
    assert found.expires_s <= NOON + DAY


def test_what_is_too_old_is_looked_up_before_a_line_is_asked_for() -> None:
    desk = Desk(listings={"STK:AAPL:SMART:USD": listed(265598, NOON, time_zone_id="UTC")})
    desk.core.lookups.wall_s = NOON
    desk.flowing(AAPL)
    desk.feed(ev.Disconnected("the weekend", since=0.0))
    desk.feed(ev.LinesChecked({}, wall_s=NOON + 2 * DAY))
    desk.feed(UP)
    (ask,) = desk.take(ev.Ask)
    assert isinstance(ask.request, ref.ReqContractDetails)
    desk.feed(ContractDetailsReceived(ask.req_id, info(265598)))
    desk.feed(ContractDetailsEnd(ask.req_id))
    assert isinstance(desk.asked()[0].request, streams.ReqMktData)


@pytest.mark.parametrize(
    ("primary", "currency", "zone", "unit"),
    [
        ("NASDAQ", "USD", "America/New_York", 100),
        ("NYSE", "USD", "US/Eastern", 100),
        ("NASDAQ.NMS", "USD", "EST5EDT", 100),
        ("IBIS", "EUR", "MET", 1),
        ("LSE", "GBP", "GB", 1),
        ("", "USD", "US/Eastern", None),
        ("LSEETF", "USD", "GB", None),
    ],
)
def test_what_volume_counts_is_known_from_the_contract_or_not_at_all(
    primary: str, currency: str, zone: str, unit: int | None
) -> None:
    contract = Contract(con_id=1, sec_type="STK", primary_exchange=primary, currency=currency)
    found = judge(parse_instrument("CONID:1"), Matches([ContractInfo(contract, time_zone_id=zone)]), 0.0)
    assert isinstance(found, Listing)
    assert found.volume_unit == unit


# -- calls


def test_a_snapshot_whose_data_come_from_another_contract_is_asked_for_there_once() -> None:
    desk = Desk()
    desk.feed(UP)
    desk.feed(ev.SnapshotWanted(1, parse_instrument("CONID:5:SMART"), regulatory=False))
    desk.answer_lookups()
    first = desk.line()
    desk.feed(tws.RerouteMktData(first, 265598, "NASDAQ"))
    assert cancelled(desk) == [first]
    (ask,) = desk.asked()
    assert isinstance(ask.request, streams.ReqMktData)
    assert (ask.request.contract.con_id, ask.request.snapshot) == (265598, True)
    desk.feed(tws.TickSnapshotEnd(ask.req_id))
    assert desk.take(ev.AnswerCollected) == [ev.AnswerCollected(1, ask.req_id)]


def test_regulatory_snapshots_are_one_a_second() -> None:
    desk = Desk()
    desk.flowing(AAPL)
    instrument = parse_instrument("STK:AAPL:SMART:USD")
    desk.feed(ev.SnapshotWanted(1, instrument, regulatory=True))
    desk.line()
    desk.feed(ev.SnapshotWanted(2, instrument, regulatory=True))
    (failed,) = desk.take(ev.Fail)
    assert (failed.call, failed.code.value) == (2, "throttled")


@pytest.mark.parametrize("code", [100, 101, 200, 321])
def test_a_second_refusal_does_not_forget_the_line_that_the_first_may_have_left(code: int) -> None:
    desk = Desk()
    desk.feed(UP)
    desk.want("quote/STK:AAPL:SMART:USD;data=any/")
    desk.answer_lookups()
    req_id = desk.line()
    desk.error(req_id, 354)  # delayed data may follow
    desk.take(ev.Cancel)
    desk.error(req_id, code)
    assert [cancel.request for cancel in desk.take(ev.Cancel)] == [streams.CancelMktData(req_id)]
