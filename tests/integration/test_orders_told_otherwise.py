"""A real orders node before a gateway that says things in other orders than the simulated one, or not at all.

Each test is a race that public reports show: refusals that overtake confirmations, cancels that come to
nothing, ends that nobody says, orders held back that are refused.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from msgspec.structs import replace
from support.desk_with_broker import STRATEGY, Desk, running_desk
from support.patience import patient
from twsmq_simulator.broker.model import Status
from twsmq_simulator.broker.ticket import OrderTicket
from twsmq_simulator.wire import order_messages

CANCELLED_UNSAID = "silent-cancel"
TICK = "The price does not conform to the minimum price variation for this contract."
BARE = "Order Canceled - reason:"
NOT_FOUND = "OrderId {} that needs to be cancelled is not found."
CANNOT = "OrderId {} that needs to be cancelled cannot be cancelled, state: {}."


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with running_desk(tmp_path_factory.mktemp("desk")) as running:
        ticket = running.working(CANCELLED_UNSAID)
        running.broker.completed.append(running.broker.keep(ticket, Status.CANCELLED))
        yield running


def cancel(desk: Desk, cid: str) -> None:
    desk.client.result("orders", "cancel_order", strategy=STRATEGY, client_order_id=cid)


# -- modifications


def test_a_refusal_that_overtakes_the_confirmation_of_the_change_before_it(desk: Desk) -> None:
    desk.working("overtaken")
    good = desk.modify("overtaken", limit_price=101.0)
    bad = desk.modify("overtaken", limit_price=101.001)
    desk.broker.object(bad, 110, TICK)
    desk.broker.show(good)
    assert desk.await_change("overtaken", "confirmed")["change_no"] == 1
    told = desk.await_change("overtaken", "refused")
    assert (told["change_no"], told["tws_code"], told["stands"]) == (2, 110, {"limit_price": 101.0})
    assert desk.modify("overtaken", quantity=20).limit_price == 101.0


def test_a_refusal_of_the_first_of_two_of_which_the_second_is_taken(desk: Desk) -> None:
    desk.working("first")
    bad = desk.modify("first", limit_price=101.001)
    good = desk.modify("first", limit_price=102.0)
    desk.broker.object(bad, 110, TICK)
    desk.broker.show(good)
    assert desk.await_change("first", "confirmed")["change_no"] == 2
    assert desk.await_order("first", limit_price=102.0)["status"] == "submitted"


def test_an_order_made_smaller_that_fills_before_it_is_shown_so(desk: Desk) -> None:
    ticket = desk.working("smaller")
    smaller = desk.modify("smaller", quantity=5)
    desk.broker.execute(ticket, 5, 100.0)
    desk.broker.state(smaller, Status.FILLED, filled=5, average_price=100.0)
    told = desk.await_order("smaller", status="filled")
    assert (told["filled"], told["remaining"]) == (5, 0)


# -- cancels


def test_a_cancel_that_is_under_way_already_is_no_refused_one(desk: Desk) -> None:
    ticket = desk.working("under-way")
    cancel(desk, "under-way")
    desk.await_cancels(ticket)
    desk.broker.keep(ticket, Status.PENDING_CANCEL)
    desk.broker.object(ticket, 10148, CANNOT.format(ticket.order_id, "PendingCancel"))
    desk.await_order("under-way", status="pending_cancel", gateway_status="PendingCancel")
    desk.broker.state(ticket, Status.CANCELLED)
    desk.broker.object(ticket, 202, BARE)
    desk.await_order("under-way", status="cancelled")


def test_what_cannot_be_cancelled_because_it_is_cancelled(desk: Desk) -> None:
    ticket = desk.working("gone")
    cancel(desk, "gone")
    desk.await_cancels(ticket)
    desk.broker.keep(ticket, Status.CANCELLED)
    desk.broker.object(ticket, 10148, CANNOT.format(ticket.order_id, "Cancelled"))
    assert desk.await_order("gone", status="cancelled")["tws_code"] == 10148


def test_a_persons_cancel_that_the_venue_refuses_leaves_a_working_order(desk: Desk) -> None:
    ticket = desk.working("refused-cancel")
    desk.broker.show(ticket, Status.PENDING_CANCEL)
    desk.await_order("refused-cancel", status="pending_cancel")
    desk.broker.show(ticket)
    desk.await_order("refused-cancel", status="submitted")
    assert desk.modify("refused-cancel", limit_price=101.0).limit_price == 101.0


def test_reports_that_are_older_than_the_end_of_an_order_change_nothing(desk: Desk) -> None:
    ticket = desk.working("late")
    desk.broker.state(ticket, Status.CANCELLED)
    desk.broker.object(ticket, 202, BARE)
    desk.await_order("late", status="cancelled")
    stale = replace(desk.broker.orders[ticket.order_id], status=Status.SUBMITTED)
    desk.broker.say(order_messages.order_status(200, stale, stale.order_id, stale.client_id))
    desk.working("after-late")
    assert desk.order("late")["status"] == "cancelled"


# -- refused


def test_a_refused_order_that_is_listed_as_inactive_stays_refused(desk: Desk) -> None:
    ticket = desk.place("inactive")
    desk.broker.object(ticket, 201, "Order rejected - reason:no margin")
    desk.broker.show(ticket, Status.INACTIVE)
    desk.await_order("inactive", status="rejected", gateway_status="Inactive")
    desk.reconnect()
    row = desk.order("inactive")
    assert (row["status"], row["tws_code"]) == ("rejected", 201)
    desk.broker.keep(ticket, Status.CANCELLED)


# -- held back


def held_back(desk: Desk, cid: str) -> OrderTicket:
    ticket = desk.place(cid, transmit=False)
    assert not ticket.transmit
    return ticket


@pytest.mark.parametrize(("code", "text"), [(10147, NOT_FOUND), (202, "Order was discarded.")])
def test_one_held_back_that_is_off_its_tick_is_taken_back_and_rejected(
    desk: Desk, code: int, text: str
) -> None:
    cid = f"off-tick-{code}"
    ticket = held_back(desk, cid)
    desk.broker.object(ticket, 110, TICK)
    desk.await_cancels(ticket)
    desk.broker.object(ticket, code, text.format(ticket.order_id))
    told = desk.await_order(cid, status="rejected")
    assert (told["tws_code"], told["reason"]) == (110, TICK)


def test_one_held_back_with_words_that_nobody_knows_is_unknown_and_may_be_handed_on(desk: Desk) -> None:
    ticket = held_back(desk, "words")
    desk.broker.object(ticket, 451, "exceeds the Total Value Limit")
    assert "Total Value" in desk.await_order("words", status="unknown")["reason"]
    handed_on = desk.modify("words", transmit=True)
    assert (handed_on.transmit, handed_on.order_id) == (True, ticket.order_id)
    desk.broker.show(handed_on)
    desk.await_order("words", status="submitted", staged=False)


@pytest.mark.parametrize("words_first", [True, False])
def test_one_handed_on_and_refused_ends_by_the_refusal(desk: Desk, words_first: bool) -> None:
    cid = f"handed-on-{words_first}"
    held_back(desk, cid)
    handed_on = desk.modify(cid, transmit=True)
    if words_first:
        desk.broker.object(handed_on, 201, "Order rejected - reason:no margin")
    desk.broker.state(handed_on, Status.CANCELLED)
    if not words_first:
        desk.broker.object(handed_on, 201, "Order rejected - reason:no margin")
    assert desk.await_order(cid, status="rejected")["tws_code"] == 201


def test_a_bracket_whose_entry_fills_before_its_exits_are_heard_of(desk: Desk) -> None:
    cids = [f"fast-{n}" for n in range(3)]
    entry, profit, stop = desk.bracket(*cids)
    for ticket in (profit, stop):
        desk.broker.keep(ticket)  # and their reports are lost
    desk.broker.keep(entry)
    desk.broker.execute(entry, 10, 100.0)
    desk.broker.state(entry, Status.FILLED, filled=10, average_price=100.0)
    desk.await_order(cids[0], status="filled")
    for cid in cids[1:]:
        desk.await_order(cid, status="submitted", staged=False)
    changed = desk.modify(cids[2], stop_price=91.0)
    assert (changed.parent_id, changed.aux_price) == (0, 91.0)


# -- an end that nobody says: it was cancelled before the first test


def test_a_persons_cancel_of_which_nothing_is_said_is_noticed(desk: Desk) -> None:
    deadline = time.monotonic() + patient(40)
    while (row := desk.order(CANCELLED_UNSAID))["status"] != "cancelled":
        assert time.monotonic() < deadline, row
        time.sleep(0.2)
