"""A contract is its conId: what names none, or another, is not taken for it; what is known has an age."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest
from support.marketdata_core import AAPL, MSFT, UP, Desk, info
from support.marketdata_stories import cancelled
from support.reference_core import new_core
from twsmq_nodes.marketdata import events as ev
from twsmq_nodes.marketdata.hours import is_open, known_until, parse_hours
from twsmq_nodes.marketdata.listings import BELIEVED_S, LATE_S, MOST_NAMED, Listing, Matches, Refusal, judge
from twsmq_nodes.reference import contract_questions
from twsmq_nodes.reference.events import Asked
from twsmq_nodes.tws import reference_requests as ref
from twsmq_nodes.tws import stream_requests as streams
from twsmq_nodes.tws.adapter import Codec
from twsmq_nodes.tws.calls import Answer, Send
from twsmq_nodes.tws.contracts import Contract, ContractInfo
from twsmq_nodes.tws.reference_events import ContractDetailsEnd, ContractDetailsReceived, MatchingSymbols
from twsmq_protocol import reference_requests as ops
from twsmq_protocol.instruments import parse_instrument

NOON = 20_780 * 86_400.0 + 43_200


def judged(spelling: str, *con_ids: int, **fields: Any) -> Listing | Refusal:
    rows = Matches(info(con_id, **fields) for con_id in con_ids)
    return judge(parse_instrument(spelling), rows, NOON)


# -- which contract


@pytest.mark.parametrize("con_ids", [(), (0,), (-1,), (0, -1, 0)])
def test_rows_without_a_conid_name_no_contract(con_ids: tuple[int, ...]) -> None:
    """All of them would share one line, whatever they were asked for (ib_insync #571 has a conId of -1)."""
    found = judged("BOND:IBCID1:SMART:USD", *con_ids)
    assert isinstance(found, Refusal)
    assert found.code == 200


def test_a_row_without_a_conid_beside_one_with_it_makes_nothing_ambiguous() -> None:
    found = judged("STK:AAPL:SMART:USD", 0, 265598, -1)
    assert isinstance(found, Listing)
    assert found.contract == Contract(con_id=265598, exchange="SMART")


def test_a_conid_that_is_answered_with_another_is_unknown() -> None:
    found = judged("CONID:597279242", 665145378)
    assert isinstance(found, Refusal)
    assert "CONID:665145378" in found.text


def test_of_several_rows_a_conid_means_its_own() -> None:
    found = judged("CONID:5:SMART", 4, 5, 6)
    assert isinstance(found, Listing)
    assert found.contract.con_id == 5


def test_of_thousands_that_match_some_are_named_and_all_counted() -> None:
    """Whoever subscribes to half a spelling must not cost a process the details of a whole chain."""
    rows = Matches(info(con_id, long_name=f"option {con_id}") for con_id in range(1, 30_001))
    found = judge(parse_instrument("OPT:SPX:SMART:USD"), rows, NOON)
    assert isinstance(found, Refusal)
    assert "30000 contracts match" in found.text
    assert found.text.endswith("and 29992 more")
    assert len(rows.named) == MOST_NAMED


def test_rows_of_one_contract_on_a_hundred_exchanges_are_one() -> None:
    rows = Matches(info(7) for _ in range(100))
    found = judge(parse_instrument("STK:AAPL::USD"), rows, NOON)
    assert isinstance(found, Listing)
    assert (rows.rows, rows.contracts) == (100, 1)


@pytest.mark.parametrize(("magnifier", "known"), [(0, 1), (1, 1), (-100, 1), (100, 100), (10_000, 10_000)])
def test_a_magnifier_is_one_or_more(magnifier: int, known: int) -> None:
    found = judged("STK:VOD:LSE:GBP", 1, price_magnifier=magnifier)
    assert isinstance(found, Listing)
    assert found.magnifier == known


@pytest.mark.parametrize(
    ("sec_type", "primary", "currency", "unit"),
    [
        *(("STK", "BATS", "USD", 100), ("STK", "ARCA", "USD", 100), ("STK", "PINK", "USD", 100)),
        *(("STK", "SEHK", "HKD", 1), ("STK", "TSE", "CAD", 1), ("STK", "IBIS2", "", None)),
        *(("STK", "SWB", "USD", None), ("STK", "", "EUR", None), ("", "NASDAQ", "USD", None)),
        *(("OPT", "", "USD", 1), ("FUT", "", "USD", 1), ("BOND", "", "USD", 1), ("CRYPTO", "", "USD", 1)),
        *(("WAR", "NYSE", "USD", 1), ("CONTFUT", "", "USD", 1), ("IND", "CBOE", "USD", 1)),
    ],
)
def test_what_a_volume_counts_is_proved_or_not_known(
    sec_type: str, primary: str, currency: str, unit: int | None
) -> None:
    contract = Contract(con_id=1, sec_type=sec_type, primary_exchange=primary, currency=currency)
    found = judge(parse_instrument("CONID:1"), Matches([ContractInfo(contract)]), NOON)
    assert isinstance(found, Listing)
    assert found.volume_unit == unit


def test_an_issuer_of_bonds_is_no_contract_to_a_search() -> None:
    """The gateway finds it with a conId of -1 (ib_insync #571); its spelling could be used for nothing."""
    frame = "79|1|2|-1|IBM|BOND||USD|0|IBM Corp|e1359061|8314|IBM|STK|NYSE|USD|1|OPT|IBM CORP||"
    (told,) = Codec(200).decode(frame.replace("|", "\0").encode())
    assert isinstance(told, MatchingSymbols)
    assert [match.contract.con_id for match in told.matches] == [0, 8314]
    core = new_core()
    asked = Asked(1, contract_questions.search(ops.Search(pattern="IBM")), 60.0)
    (sent,) = [act for act in core.handle(asked, 0.0) if isinstance(act, Send)]
    assert sent.req_id == told.req_id
    (answer,) = [act for act in core.handle(told, 1.0) if isinstance(act, Answer)]
    assert isinstance(answer.result, ops.FoundSymbols)
    assert [row.instrument for row in answer.result.contracts] == ["STK:IBM:SMART@NYSE:USD"]


# -- look-ups that take long


def test_a_look_up_whose_rows_trickle_is_asked_once_however_long_it_takes() -> None:
    desk = Desk()
    desk.feed(UP)
    desk.want("quote/FOP:ES:CME:USD:20261218:C:6900/")
    req_id = desk.line()
    for _ in range(60):
        desk.feed(ContractDetailsReceived(req_id, info(7, "ES")))
        desk.wait(10)
    assert desk.asked() == []
    desk.feed(ContractDetailsEnd(req_id))
    assert isinstance(desk.asked()[0].request, streams.ReqMktData)


def test_rows_of_a_look_up_that_was_given_up_do_not_answer_the_next() -> None:
    desk = Desk()
    desk.feed(UP)
    desk.want(AAPL)
    old = desk.line()
    desk.feed(ContractDetailsReceived(old, info(1)))
    desk.wait(15)
    desk.wait(15)
    new = desk.line()
    desk.feed(ContractDetailsReceived(old, info(2)))
    desk.feed(ContractDetailsEnd(old))
    assert desk.asked() == []
    desk.feed(ContractDetailsReceived(new, info(265598)))
    desk.feed(ContractDetailsEnd(new))
    (ask,) = desk.asked()
    assert isinstance(ask.request, streams.ReqMktData)
    assert ask.request.contract.con_id == 265598


def test_an_error_after_the_first_rows_ends_the_look_up_and_its_rows() -> None:
    desk = Desk()
    desk.feed(UP)
    desk.want(AAPL)
    req_id = desk.line()
    desk.feed(ContractDetailsReceived(req_id, info(1)))
    desk.error(req_id, 10_000, "what no table lists")
    desk.wait(30)
    again = desk.line()
    desk.feed(ContractDetailsReceived(again, info(2)))
    desk.feed(ContractDetailsEnd(again))
    assert desk.told()[-1] == (AAPL, "starting")
    (ask,) = desk.asked()
    assert isinstance(ask.request, streams.ReqMktData)
    assert ask.request.contract.con_id == 2


# -- ages


def remembered(con_id: int, wall_s: float) -> Listing:
    found = judge(parse_instrument("STK:AAPL:SMART:USD"), Matches([info(con_id)]), wall_s)
    assert isinstance(found, Listing)
    return found


@pytest.mark.parametrize("ahead_s", [7 * 86_400.0, 365 * 86_400.0, 30 * 3600.0])
def test_what_was_learnt_by_a_clock_that_was_ahead_is_asked_again_when_it_is_set(ahead_s: float) -> None:
    """A machine's clock may be wrong until the first answer of a time server."""
    listing = remembered(1, NOON + ahead_s)
    desk = Desk(listings={"STK:AAPL:SMART:USD": listing})
    desk.core.lookups.wall_s = NOON + ahead_s
    (line,) = desk.flowing(AAPL)
    desk.feed(ev.LinesChecked({line: 0.0}, wall_s=NOON))
    desk.answer_lookups()  # 265598
    assert cancelled(desk) == [line]
    (ask,) = desk.asked()
    assert isinstance(ask.request, streams.ReqMktData)
    assert ask.request.contract.con_id == 265598


def test_a_clock_that_is_set_back_a_little_asks_nothing() -> None:
    desk = Desk(listings={"STK:AAPL:SMART:USD": remembered(265598, NOON)})
    desk.core.lookups.wall_s = NOON
    (line,) = desk.flowing(AAPL)
    for back_s in (0.001, 1.0, 60.0):
        desk.feed(ev.LinesChecked({line: 0.0}, wall_s=NOON - back_s))
    assert desk.asked() == []


def test_what_nobody_uses_is_forgotten_when_the_clock_is_set_and_asked_before_it_is_used() -> None:
    desk = Desk(listings={"STK:AAPL:SMART:USD": remembered(1, NOON + 7 * 86_400)})
    desk.core.lookups.wall_s = NOON + 7 * 86_400
    desk.feed(ev.LinesChecked({}, wall_s=NOON))
    assert desk.take(ev.RememberListing) == [ev.RememberListing("STK:AAPL:SMART:USD", None)]
    desk.feed(UP)
    desk.want(AAPL)
    (ask,) = desk.asked()
    assert isinstance(ask.request, ref.ReqContractDetails)


def test_nothing_is_believed_longer_than_a_day_and_what_that_takes_to_ask_again() -> None:
    for hour in range(24):
        listing = remembered(1, NOON + 3600 * hour)
        assert NOON + 3600 * hour <= listing.due_s <= NOON + 3600 * hour + BELIEVED_S
        assert listing.expires_s == listing.due_s + LATE_S


FRONT, NEXT = 495512563, 637533641


def test_a_front_month_that_changes_moves_every_kind_of_its_topics_and_no_other() -> None:
    spelling = "CONTFUT:ES:CME:USD"
    own = [f"quote/{spelling}/", f"trade/{spelling}/", f"bars/1m/{spelling}/", f"depth/{spelling}/"]
    desk = Desk()
    desk.core.lookups.wall_s = NOON
    desk.feed(UP)
    desk.want(*own, MSFT)
    front = count(0)

    def answer(con_id: int) -> None:
        for ask in desk.asked():
            assert isinstance(ask.request, ref.ReqContractDetails), ask
            number = next(front)
            symbol = ask.request.contract.symbol
            desk.feed(ev.RequestWritten(ask.req_id))
            row = info(
                con_id if symbol == "ES" else 272093, symbol, trading_hours=f"2026112{number % 9 + 1}:CLOSED"
            )
            desk.feed(ContractDetailsReceived(ask.req_id, row))
            desk.feed(ContractDetailsEnd(ask.req_id))

    answer(FRONT)
    lines = desk.asked()
    assert len(lines) == 5
    for ask in lines:
        desk.feed(ev.RequestWritten(ask.req_id))
        desk.feed(ev.DataFlowed(ask.req_id))
    desk.actions.clear()
    desk.feed(ev.LinesChecked({ask.req_id: 0.0 for ask in lines}, wall_s=NOON + 86_400))
    answer(NEXT)
    moved = [ask.request for ask in desk.asked()]
    assert len(moved) == 4
    assert {getattr(request, "contract", Contract()).con_id for request in moved} == {NEXT}
    assert sorted(topic for topic, state in desk.told() if state == "closed") == sorted(own)
    assert len(cancelled(desk)) == 4


@pytest.mark.parametrize(
    ("text", "zone"),
    [
        ("20261123:0930-20261123:1600", ""),  # a warrant of ib_async #46
        (
            "20130114:1700-1515,1530-1615;20130115:1700-1515",
            "America/Chicago",
        ),  # of the day before: ib-re-actor #8
        ("20180320:1715-1700;20180321:1715-1700", "US/Eastern"),  # ib_insync #56
        ("20261123:0930-20261123:1600;", "Mars/Olympus"),
        ("", "US/Eastern"),
        (";;;", "US/Eastern"),
    ],
)
def test_hours_that_say_nothing_certain_close_nothing_and_are_asked_for_within_the_day(
    text: str, zone: str
) -> None:
    assert parse_hours(text, zone) == ()
    assert known_until(text, zone) is None
    assert is_open((), None, NOON)
    row = info(1, trading_hours=text)
    found = judge(parse_instrument("CONID:1"), Matches([row]), NOON)
    assert isinstance(found, Listing)
    assert found.due_s <= NOON + BELIEVED_S
