"""Orders whose reports come in other turns than usual, or not at all: cancels, refusals, ends.

Each is what a public bug report showed, or another input of its kind.
"""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from support.orders_desk import Desk
from support.orders_reports import completed, end_of, error, execution, open_order, order_status
from support.orders_steps import changes, linked, outcomes, reconnect, sent, working
from twsmq_nodes.tws import events as tws
from twsmq_nodes.tws import requests as rq
from twsmq_protocol.order_events import Order

BARE = "Order Canceled - reason:"
TICK = "The price does not conform to the minimum price variation for this contract."
CANNOT = "OrderId 1 that needs to be cancelled cannot be cancelled, state: {}."
INACTIVE: tuple[tws.Event, ...] = (open_order(1, word="Inactive"), order_status(1, "Inactive"))


@pytest.fixture
def desk() -> Desk:
    return Desk()


def listed(desk: Desk, *rows: tws.Event) -> None:
    """Whatever is looked for within some seconds shows these."""
    for _ in range(8):
        desk.later(1.0)
        while desk.asked:
            desk.snapshot(*rows)


# -- refused, and Inactive


def test_a_refused_order_that_is_listed_as_inactive_stays_refused(desk: Desk) -> None:
    """ib_insync issue 554."""
    desk.place()
    desk.says(error(1, 201, "no margin"), *INACTIVE)
    listed(desk, *INACTIVE)
    assert (desk.status(), desk.order().tws_code) == ("rejected", 201)
    desk.session_lost()
    reconnect(desk, *INACTIVE)
    assert (desk.status(), desk.order().reason) == ("rejected", "no margin")


def test_a_cancelled_order_that_is_listed_as_inactive_does_not_work(desk: Desk) -> None:
    working(desk)
    desk.says(order_status(1, "Cancelled"), error(1, 202, BARE))
    desk.session_lost()
    reconnect(desk, *INACTIVE)
    assert desk.status() == "inactive"


def test_what_revives_has_not_lost_what_is_executed(desk: Desk) -> None:
    working(desk)
    desk.says(execution(1, shares=4.0), order_status(1, "Inactive", filled=4.0), open_order(1))
    assert (desk.status(), desk.order().remaining) == ("partially_filled", 6.0)


# -- cancels


def test_a_persons_cancel_that_the_venue_refuses_leaves_a_working_order(desk: Desk) -> None:
    working(desk)
    desk.says(open_order(1, word="PendingCancel"), order_status(1, "PendingCancel"))
    assert desk.status() == "pending_cancel"
    desk.says(open_order(1), order_status(1, "Submitted", remaining=10.0))
    assert desk.status() == "submitted"
    desk.says(execution(1, shares=4.0), order_status(1, "PendingCancel", filled=4.0), open_order(1))
    assert desk.status() == "partially_filled"


def test_our_own_cancel_stays_under_way_whatever_is_reported_meanwhile(desk: Desk) -> None:
    working(desk)
    desk.cancel()
    desk.says(order_status(1, "PendingCancel"), open_order(1), order_status(1, "Submitted"), *INACTIVE)
    assert desk.status() == "pending_cancel"


def test_a_second_cancel_that_finds_the_first_under_way_is_no_refusal(desk: Desk) -> None:
    """Asked for in a break of the exchange, it is answered at the open (LEAN.IB pull request 256)."""
    working(desk)
    desk.cancel()
    desk.says(error(1, 10148, CANNOT.format("PendingCancel")))
    pending = (open_order(1, word="PendingCancel"), order_status(1, "PendingCancel"))
    listed(desk, *pending)
    assert desk.status() == "pending_cancel"
    desk.session_lost()
    reconnect(desk, open_order(1), order_status(1, "Submitted", remaining=10.0))
    assert desk.wire[-1] == rq.CancelOrder(1), "it is owed still"


@pytest.mark.parametrize(("state", "status"), [("Cancelled", "cancelled"), ("ApiCancelled", "cancelled")])
def test_what_cannot_be_cancelled_because_it_is_has_ended(desk: Desk, state: str, status: str) -> None:
    working(desk)
    desk.cancel()
    desk.says(error(1, 10148, CANNOT.format(state)))
    listed(desk)
    assert (desk.status(), desk.order().tws_code) == (status, 10148)


@pytest.mark.parametrize("code", [161, 10148])
def test_a_refusal_while_a_cancel_is_shown_under_way_is_about_another_one(desk: Desk, code: int) -> None:
    """A person's, or all orders' at once: each is refused of what is being cancelled."""
    working(desk)
    desk.cancel()
    desk.says(order_status(1, "PendingCancel"), error(1, code, "not in a cancellable state"))
    listed(desk, open_order(1, word="PendingCancel"), order_status(1, "PendingCancel"))
    assert desk.status() == "pending_cancel"
    desk.says(order_status(1, "Submitted", remaining=10.0))
    desk.later(3.0)
    desk.cancel()
    assert desk.wire[1:] == [rq.CancelOrder(1), rq.CancelOrder(1)], "the venue has refused it: once more"


def test_what_cannot_be_cancelled_because_it_is_filled_is_looked_for(desk: Desk) -> None:
    working(desk)
    desk.cancel()
    desk.says(error(1, 10148, CANNOT.format("Filled")))
    desk.later(0.3)
    desk.snapshot(executions=[execution(1, req_id=1)])
    assert (desk.status(), desk.order().filled) == ("filled", 10.0)


@pytest.mark.parametrize("lives", [True, False])
def test_a_cancellation_that_nobody_asked_for_and_that_is_taken_back_is_not_told(
    desk: Desk, lives: bool
) -> None:
    """A venue may replace an order by another one. `lives`: else what came after its end was late."""
    working(desk)
    desk.modify(limit_price=2.0)
    desk.says(order_status(1, "Cancelled"), open_order(1, limit_price=2.0), order_status(1, "Submitted"))
    desk.later(0.3)
    desk.snapshot(*(open_order(1, limit_price=2.0), order_status(1, "Submitted")) if lives else ())
    desk.later(1.0)
    assert (desk.status(), desk.order().limit_price) == ("submitted" if lives else "cancelled", 2.0)
    assert [one.status for one in desk.told(Order)].count("cancelled") == (not lives)


@pytest.mark.parametrize("found", [True, False])
def test_an_end_that_nobody_reports_is_noticed(desk: Desk, found: bool) -> None:
    """`found`: among the completed orders."""
    working(desk)
    desk.alone = False
    for second in range(25):
        desk.later(1.0)
        while desk.asked:
            question = desk.asked.pop(0)
            assert second > 15 or isinstance(question, rq.ReqAllOpenOrders), "it may be left out in passing"
            if found and isinstance(question, rq.ReqCompletedOrders):
                desk.says(completed())
            desk.says(end_of(question))
    assert desk.status() == ("cancelled" if found else "unknown")


def test_what_works_and_is_listed_is_not_looked_for(desk: Desk) -> None:
    for cid in "abc":
        desk.place(cid)
    desk.accepted(1, "a")
    desk.says(*(replace(event, order_id=2) for event in (order_status(2, "Inactive"),)))
    desk.accepted(3, "c")
    desk.alone, desk.asked = False, []
    for _ in range(3):
        desk.later(11.0)
        (question,) = desk.asked
        desk.asked.clear()
        desk.says(open_order(1, "a"), open_order(3, "c"), end_of(question))
    desk.later(1.0)
    assert desk.asked == [], "of one that is inactive nobody knows whether it is listed"


# -- modifications of which the gateway refuses some


def test_a_refusal_that_overtakes_the_confirmation_of_the_change_before_it(desk: Desk) -> None:
    """What the gateway refuses by itself comes before what the venue confirms."""
    working(desk)
    desk.modify(limit_price=2.0)
    desk.modify(limit_price=2.005)
    desk.says(error(1, 110, TICK), open_order(1, limit_price=2.0))
    assert outcomes(desk)[2:] == [(1, "confirmed"), (2, "refused")]
    last = changes(desk)[-1]
    assert (last.tws_code, last.text, last.stands) == (110, TICK, {"limit_price": 2.0})
    assert desk.order().limit_price == 2.0


def test_a_refusal_of_the_first_of_two_of_which_the_second_is_taken(desk: Desk) -> None:
    working(desk)
    desk.modify(limit_price=2.005)
    desk.modify(limit_price=3.0)
    desk.says(error(1, 110, TICK), open_order(1, limit_price=3.0))
    assert outcomes(desk)[2:] == [(1, "superseded"), (2, "confirmed")]
    desk.modify(limit_price=4.0)
    desk.says(open_order(1, limit_price=4.0))
    assert outcomes(desk)[-1] == (3, "confirmed"), "the words were not about this one"


def test_a_refusal_that_is_said_twice_is_about_one(desk: Desk) -> None:
    working(desk)
    desk.modify(limit_price=2.0)
    desk.modify(limit_price=2.005)
    desk.says(error(1, 110, TICK), error(1, 110, TICK), open_order(1, limit_price=2.0))
    assert outcomes(desk)[2:] == [(1, "confirmed"), (2, "refused")]


def test_as_many_refusals_as_modifications_are_about_all_of_them(desk: Desk) -> None:
    working(desk)
    desk.modify(limit_price=2.005)
    desk.modify(quantity=20.0)
    desk.says(error(1, 110, TICK))
    assert outcomes(desk)[2:] == []
    desk.says(error(1, 10243, "Fractional"))
    assert outcomes(desk)[2:] == [(1, "refused"), (2, "refused")]
    assert [one.tws_code for one in changes(desk)[2:]] == [110, 10243]
    assert (desk.order().limit_price, desk.order().quantity) == (1.0, 10.0)


def test_a_refusal_of_one_of_several_of_which_none_is_shown(desk: Desk) -> None:
    working(desk)
    desk.modify(limit_price=2.0)
    desk.modify(quantity=20.0)
    desk.says(error(1, 2102, "Unable to modify this order as its still being processed"))
    listed(desk, open_order(1), order_status(1, "Submitted", remaining=10.0))
    assert outcomes(desk)[2:] == [(1, "refused"), (2, "refused")]


def test_a_change_too_soon_after_its_order_has_a_number_that_is_taken(desk: Desk) -> None:
    """InterReact issue 12."""
    desk.place()
    desk.modify(limit_price=2.0)
    desk.says(error(1, 103, "Duplicate order id"))
    desk.accepted()
    listed(desk, open_order(1), order_status(1, "Submitted", remaining=10.0))
    assert (desk.status(), outcomes(desk)[-1]) == ("submitted", (1, "refused"))
    assert changes(desk)[-1].tws_code == 103


@pytest.mark.parametrize("words_first", [True, False])
def test_an_order_that_is_refused_while_its_first_change_is_on_its_way(desk: Desk, words_first: bool) -> None:
    desk.place()
    desk.modify(limit_price=2.0)
    messages = [error(1, 201, "no margin"), order_status(1, "Cancelled")]
    desk.says(*messages if words_first else messages[::-1])
    desk.later(0.6)
    assert (desk.status(), desk.order().tws_code) == ("rejected", 201)


def test_a_change_that_is_refused_because_the_order_is_being_cancelled(desk: Desk) -> None:
    working(desk)
    desk.modify(limit_price=2.0)
    desk.cancel()
    desk.says(order_status(1, "PendingCancel"), error(1, 104, "Cannot modify a filled order."))
    assert (desk.status(), outcomes(desk)[-1]) == ("pending_cancel", (1, "refused"))
    desk.says(order_status(1, "Cancelled"), error(1, 202, BARE))
    assert (desk.status(), desk.order().tws_code) == ("cancelled", 202)


# -- filled


@pytest.mark.parametrize("asked", [True, False])
def test_nothing_remains_of_a_filled_order_that_was_made_smaller(desk: Desk, asked: bool) -> None:
    """`asked`: by us, else by a person; that it was is shown by nothing."""
    working(desk)
    if asked:
        desk.modify(quantity=6.0)
    desk.says(execution(1, shares=6.0), order_status(1, "Filled", filled=6.0, avg_fill_price=1.0))
    assert (desk.status(), desk.order().filled, desk.order().remaining) == ("filled", 6.0, 0.0)


def test_a_report_that_is_older_than_the_last_fill_changes_nothing(desk: Desk) -> None:
    working(desk)
    desk.modify(quantity=20.0)
    desk.says(open_order(1, total_quantity=20.0), execution(1, shares=20.0))
    desk.says(order_status(1, "Filled", filled=20.0), open_order(1), order_status(1, "Submitted"))
    order = desk.order()
    assert (order.status, order.quantity, order.filled, order.remaining) == ("filled", 20.0, 20.0, 0.0)


def test_how_an_order_stood_when_it_was_filled_may_be_shown_after_its_last_execution(desk: Desk) -> None:
    working(desk)
    desk.modify(order_type="MKT")
    desk.says(execution(1), open_order(1, word="Filled", order_type="MKT", limit_price=0.0))
    assert (desk.status(), desk.order().order_type, desk.order().limit_price) == ("filled", "MKT", None)


# -- what a gateway makes of an order by itself


def test_what_is_reduced_by_the_fill_of_another_is_modified_as_it_stands(desk: Desk) -> None:
    """A group of type 2; down to nothing before it is cancelled (nautilus_trader issue 2704)."""
    linked(desk, {"client_order_id": "a"}, {"client_order_id": "b", "limit_price": 2.0}, link="oca")
    desk.accepted(1, "a")
    desk.accepted(2, "b", limit_price=2.0)
    desk.says(execution(1, shares=4.0), open_order(2, "b", limit_price=2.0, total_quantity=6.0))
    assert (desk.order("b").quantity, desk.order("b").remaining) == (6.0, 6.0)
    desk.modify("b", limit_price=3.0)
    assert (sent(desk).total_quantity, sent(desk).limit_price) == (6.0, 3.0)
    desk.says(open_order(2, "b", limit_price=3.0, total_quantity=0.0))
    assert desk.order("b").quantity == 6.0


def test_a_market_order_that_rests_as_a_limit_order_is_modified_as_one(desk: Desk) -> None:
    desk.place(order_type="MTL", limit_price=None)
    desk.accepted(order_type="MTL", limit_price=0.0)
    desk.says(execution(1, shares=4.0), open_order(1, order_type="LMT", limit_price=1.23))
    desk.modify(limit_price=1.24)
    assert (sent(desk).order_type, sent(desk).limit_price) == ("LMT", 1.24)


@pytest.mark.parametrize("limit", [0.0, -1.45, -0.05])
def test_a_combo_may_cost_nothing_or_bring_something(desk: Desk, limit: float) -> None:
    desk.place(instrument="BAG:SPY:SMART:USD:+1x100,-1x200", limit_price=-1.5)
    desk.accepted(limit_price=-1.5)
    desk.modify(limit_price=limit)
    desk.says(open_order(1, limit_price=limit))
    assert (outcomes(desk)[-1], desk.order().limit_price) == ((1, "confirmed"), limit)
    desk.modify(quantity=20.0)
    assert sent(desk).limit_price == limit


def test_a_quantity_that_a_preset_has_given_a_child_is_told(desk: Desk) -> None:
    """stoqey/ib issue 254."""
    working(desk, quantity=100.0)
    desk.place("b", parent="a", side="SELL", limit_price=3.0)
    desk.says(open_order(2, "b", action="SELL", total_quantity=100.0, limit_price=3.0))
    desk.modify("b", limit_price=4.0)
    assert (desk.order("b").quantity, sent(desk).total_quantity) == (100.0, 100.0)


def test_an_order_that_a_person_has_bound_under_another_number_is_modified_under_ours(desk: Desk) -> None:
    working(desk)
    event = open_order(1, limit_price=7.0)
    desk.says(replace(event, order_id=-2, order=replace(event.order, order_id=-2, client_id=0)))
    assert desk.order().limit_price == 7.0
    desk.modify(quantity=20.0)
    assert isinstance(desk.wire[-1], rq.PlaceOrder)
    assert (desk.wire[-1].order_id, sent(desk).limit_price) == (1, 7.0)
