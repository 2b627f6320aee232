"""Positions as they are told: one spelling for each contract, nothing doubled, nothing guessed."""

from __future__ import annotations

from itertools import count

import pytest
from twsmq_nodes.status import positions
from twsmq_nodes.status.actions import Action, Publish, Ready, Reconcile, Send, Warn
from twsmq_nodes.status.positions import LISTING_S, LOOK_UP_S, LOOK_UPS_AT_ONCE, Phase, PositionBook
from twsmq_nodes.tws.contracts import Contract, ContractInfo
from twsmq_nodes.tws.events import Event, FrameRejected, GatewayError, Position, PositionEnd
from twsmq_nodes.tws.reference_events import ContractDetailsEnd, ContractDetailsReceived
from twsmq_nodes.tws.reference_requests import ReqContractDetails
from twsmq_nodes.tws.requests import CancelPositions, ReqPositions
from twsmq_nodes.tws.session_events import DataLost, DataMaintained, SessionLost, SessionUp
from twsmq_protocol.system_events import Position as Told

AAPL, MSFT = 265598, 272093
SYMBOLS = {AAPL: "AAPL", MSFT: "MSFT"}
UP = SessionUp(200, ("DU1",), 1, upstream=True)
SPELLED = "STK:AAPL:SMART@NASDAQ:USD"


@pytest.fixture
def book() -> PositionBook:
    return PositionBook(count(1).__next__)


def row(con_id: int, quantity: float, cost: float = 100.0, account: str = "DU1") -> Position:
    """As captured: the primary exchange, no currency."""
    contract = Contract(con_id, SYMBOLS.get(con_id, "X"), "STK", exchange="NASDAQ")
    return Position(account, contract, quantity, cost)


def details(req_id: int, con_id: int) -> ContractDetailsReceived:
    contract = Contract(con_id, SYMBOLS[con_id], "STK", primary_exchange="NASDAQ", currency="USD")
    return ContractDetailsReceived(req_id, ContractInfo(contract, valid_exchanges="SMART,NASDAQ"))


def sent(actions: list[Action]) -> list[object]:
    return [action.request for action in actions if isinstance(action, Send)]


def told(actions: list[Action]) -> list[tuple[str, float, bool]]:
    """(topic, quantity, whether for the last time)"""
    found: list[tuple[str, float, bool]] = []
    for action in actions:
        if isinstance(action, Publish):
            assert isinstance(action.event, Told)
            found.append((action.topic, action.event.quantity, action.last))
    return found


def look_up(book: PositionBook, actions: list[Action], now: float = 0.0) -> list[Action]:
    """Answer every look-up among `actions`, as the gateway would."""
    done: list[Action] = []
    for request in sent(actions):
        if isinstance(request, ReqContractDetails):
            book.event(details(request.req_id, request.contract.con_id), now)
            done += book.event(ContractDetailsEnd(request.req_id), now)
    return done


def listed(book: PositionBook, *rows: Position, now: float = 0.0) -> list[Action]:
    """A complete listing with every contract looked up."""
    actions: list[Action] = []
    for each in rows:
        heard = book.event(each, now)
        actions += heard + look_up(book, heard, now)
    return actions + book.event(PositionEnd(), now)


def test_nothing_is_known_before_the_listing_is_complete(book: PositionBook) -> None:
    assert book.rows() is None
    assert sent(book.on_session_event(UP, 0.0)) == [ReqPositions()]
    asked = book.event(row(AAPL, 10), 0.0)
    assert sent(asked) == [ReqContractDetails(1, Contract(con_id=AAPL))]
    assert Ready() not in book.event(PositionEnd(), 0.0)
    assert book.rows() is None
    named = look_up(book, asked)
    assert named == [
        Publish(
            f"position/DU1/{SPELLED}/",
            Told(account="DU1", instrument=SPELLED, con_id=AAPL, quantity=10, avg_cost=100.0),
        ),
        Ready(),
    ]
    rows = book.rows()
    assert rows is not None
    assert [(r.account, r.instrument, r.con_id, r.quantity, r.avg_cost) for r in rows] == [
        ("DU1", SPELLED, AAPL, 10, 100.0)
    ]


def test_no_positions_at_all_is_an_answer(book: PositionBook) -> None:
    book.on_session_event(UP, 0.0)
    assert book.event(PositionEnd(), 0.0) == [Ready()]
    assert book.rows() == []


def test_a_contract_is_looked_up_once_for_all_accounts_and_all_time(book: PositionBook) -> None:
    book.on_session_event(UP, 0.0)
    first = book.event(row(AAPL, 10), 0.0)
    assert sent(book.event(row(AAPL, 5, account="DU2"), 0.0)) == []
    assert [topic for topic, *_ in told(look_up(book, first))] == [
        f"position/DU1/{SPELLED}/",
        f"position/DU2/{SPELLED}/",
    ]
    assert sent(book.event(row(AAPL, 11), 1.0)) == []


def test_a_change_is_told_and_a_repeat_is_not(book: PositionBook) -> None:
    book.on_session_event(UP, 0.0)
    listed(book, row(AAPL, 10))
    assert told(book.event(row(AAPL, 15, cost=101.0), 1.0)) == [(f"position/DU1/{SPELLED}/", 15, False)]
    assert book.event(row(AAPL, 15, cost=101.0), 2.0) == []


def test_a_closed_position_is_told_once_as_zero_and_forgotten(book: PositionBook) -> None:
    book.on_session_event(UP, 0.0)
    listed(book, row(AAPL, 10))
    assert told(book.event(row(AAPL, 0), 1.0)) == [(f"position/DU1/{SPELLED}/", 0, True)]
    assert book.event(row(AAPL, 0), 2.0) == []
    assert book.rows() == []


def test_rows_of_positions_closed_earlier_today_are_nothing_to_tell(book: PositionBook) -> None:
    book.on_session_event(UP, 0.0)
    assert book.event(row(AAPL, 0), 0.0) == []
    assert book.event(PositionEnd(), 0.0) == [Ready()]


def test_after_a_reconnect_only_what_differs_is_told_and_what_vanished_is_zero(book: PositionBook) -> None:
    book.on_session_event(UP, 0.0)
    listed(book, row(AAPL, 10), row(MSFT, 20))
    book.on_session_event(SessionLost("reset", 0.5), 5.0)
    assert book.rows() is None
    assert sent(book.on_session_event(UP, 6.0)) == [ReqPositions()]
    assert book.event(row(MSFT, 20), 6.0) == []
    end = book.event(PositionEnd(), 6.0)
    assert told(end) == [(f"position/DU1/{SPELLED}/", 0, True)]
    assert end[-1] == Ready()
    rows = book.rows()
    assert rows is not None
    assert [r.con_id for r in rows] == [MSFT]


def test_1101_asks_again_and_doubles_nothing(book: PositionBook) -> None:
    book.on_session_event(UP, 0.0)
    listed(book, row(AAPL, 10))
    again = book.on_session_event(DataLost(), 5.0)
    assert isinstance(again[0], Reconcile)
    assert sent(again) == [CancelPositions(), ReqPositions()]
    assert book.rows() is None
    assert listed(book, row(AAPL, 10), now=6.0) == [Ready()]


def test_1102_asks_nothing(book: PositionBook) -> None:
    book.on_session_event(UP, 0.0)
    listed(book, row(AAPL, 10))
    assert book.on_session_event(DataMaintained(), 5.0) == []
    assert book.rows() is not None


def test_a_listing_without_an_end_is_asked_for_again_and_its_late_end_loses_no_row(
    book: PositionBook,
) -> None:
    book.on_session_event(UP, 0.0)
    heard = book.event(row(AAPL, 10), 1.0)
    look_up(book, heard, 1.0)
    assert book.deadline == LISTING_S
    again = book.expire(LISTING_S)
    assert sent(again) == [CancelPositions(), ReqPositions()]
    assert told(book.event(PositionEnd(), LISTING_S + 1)) == []
    rows = book.rows()
    assert rows is not None
    assert [r.con_id for r in rows] == [AAPL]


@pytest.mark.parametrize("how", ["refused", "late"])
def test_a_contract_that_cannot_be_looked_up_is_spelled_by_its_id_and_tried_again(
    book: PositionBook, how: str
) -> None:
    book.on_session_event(UP, 0.0)
    book.event(row(AAPL, 10), 0.0)
    book.event(PositionEnd(), 0.0)
    if how == "refused":
        after = book.event(GatewayError(1, 200, "No security definition"), 1.0)
    else:
        after = book.expire(LOOK_UP_S)
    assert told(after) == [(f"position/DU1/CONID:{AAPL}/", 10, False)]
    assert any(isinstance(action, Warn) for action in after)
    assert Ready() in after

    retried = book.on_session_event(DataMaintained(), 60.0)
    assert sent(retried) == [ReqContractDetails(2, Contract(con_id=AAPL))]
    assert told(look_up(book, retried, 61.0)) == [
        (f"position/DU1/CONID:{AAPL}/", 0, True),
        (f"position/DU1/{SPELLED}/", 10, False),
    ]


def test_a_notice_about_a_look_up_does_not_end_it(book: PositionBook) -> None:
    book.on_session_event(UP, 0.0)
    book.event(row(AAPL, 10), 0.0)
    assert book.event(GatewayError(1, 2174, "Warning: time zone"), 0.1) == []


def test_only_a_few_look_ups_are_under_way_at_once(book: PositionBook) -> None:
    book.on_session_event(UP, 0.0)
    asked: list[object] = []
    for con_id in range(1, 20):
        SYMBOLS[con_id] = f"S{con_id}"
        asked += sent(book.event(row(con_id, 1), 0.0))
    assert len(asked) == LOOK_UPS_AT_ONCE
    book.event(PositionEnd(), 0.0)
    while asked:
        request = asked.pop(0)
        assert isinstance(request, ReqContractDetails)
        book.event(details(request.req_id, request.contract.con_id), 1.0)
        asked += sent(book.event(ContractDetailsEnd(request.req_id), 1.0))
    assert book.phase is Phase.COMPLETE
    rows = book.rows()
    assert rows is not None
    assert len(rows) == 19


def test_a_new_position_is_listed_by_its_id_until_its_contract_is_looked_up(book: PositionBook) -> None:
    book.on_session_event(UP, 0.0)
    book.event(PositionEnd(), 0.0)
    asked = book.event(row(AAPL, 1), 1.0)
    rows = book.rows()
    assert rows is not None
    assert [r.instrument for r in rows] == [f"CONID:{AAPL}"]
    assert told(asked) == []
    assert told(look_up(book, asked)) == [(f"position/DU1/{SPELLED}/", 1, False)]


def test_a_position_closed_while_its_contract_was_looked_up_is_never_told(book: PositionBook) -> None:
    book.on_session_event(UP, 0.0)
    asked = book.event(row(AAPL, 1), 0.0)
    book.event(PositionEnd(), 0.0)
    assert book.event(row(AAPL, 0), 0.5) == [Ready()]
    assert told(look_up(book, asked)) == []


def test_the_first_row_of_the_details_names_the_contract(book: PositionBook) -> None:
    book.on_session_event(UP, 0.0)
    book.event(row(AAPL, 1), 0.0)
    book.event(details(1, AAPL), 0.1)
    book.event(details(1, MSFT), 0.1)
    assert told(book.event(ContractDetailsEnd(1), 0.1)) == [(f"position/DU1/{SPELLED}/", 1, False)]


def test_a_quantity_the_gateway_left_unset_changes_nothing(book: PositionBook) -> None:
    book.on_session_event(UP, 0.0)
    listed(book, row(AAPL, 10))
    unset = Position("DU1", Contract(AAPL, "AAPL", "STK"), None, None)
    assert [type(action) for action in book.event(unset, 1.0)] == [Warn]
    rows = book.rows()
    assert rows is not None
    assert [r.quantity for r in rows] == [10]


def test_positions_without_end_are_never_taken_for_all_of_them(
    book: PositionBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(positions, "MOST_POSITIONS", 50)
    book.on_session_event(UP, 0.0)
    told = [action for con_id in range(1, 200) for action in book.event(row(con_id, 1.0), 0.0)]
    assert sum(isinstance(action, Warn) for action in told) == 149
    book.event(PositionEnd(), 0.0)
    for _ in range(100):
        told += book.expire(book.deadline or 0.0)
    assert not any(isinstance(action, Ready) for action in told)
    assert book.rows() is None


@pytest.mark.parametrize(
    "odd",
    [
        Position("DU1", Contract(MSFT, "MSFT", "STK"), None, 100.0),
        FrameRejected(61, "Position.quantity cannot be 1e+300", b""),
    ],
)
def test_a_row_that_does_not_say_how_much_there_is_makes_nothing_look_gone(
    book: PositionBook, odd: Event
) -> None:
    """Of a listing after a reconnect: what was held would be told as 0, and somebody buys it again."""
    book.on_session_event(UP, 0.0)
    listed(book, row(AAPL, 10), row(MSFT, 5))
    book.on_session_event(SessionLost("cut", 0.1), 1.0)
    book.on_session_event(UP, 2.0)
    book.event(row(AAPL, 10), 2.0)
    assert [act for act in book.event(odd, 2.0) if isinstance(act, Warn)]
    ended = book.event(PositionEnd(), 2.0)
    assert told(ended) == []
    held = book.rows()
    assert held is not None
    assert {each.con_id: each.quantity for each in held} == {AAPL: 10, MSFT: 5}
