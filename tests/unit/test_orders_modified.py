"""An order that is modified: shown, refused, overtaken, too late."""

from __future__ import annotations

from typing import Any

import pytest
from support.orders_desk import Desk
from support.orders_reports import EXEC, error, execution, open_order, order_status
from support.orders_steps import outcomes
from twsmq_nodes.tws import requests as rq


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_modification_shows_once_the_gateway_shows_it(desk: Desk) -> None:
    desk.place()
    desk.accepted()
    assert desk.modify(limit_price=1.5).answer.status == "submitted"
    request = desk.wire[-1]
    assert isinstance(request, rq.PlaceOrder)
    assert (request.order_id, request.order.limit_price) == (1, 1.5)
    assert desk.order().limit_price == 1.0
    desk.says(open_order(1, limit_price=1.5), order_status(1, "Submitted", remaining=10.0))
    assert desk.order().limit_price == 1.5
    assert desk.core.book.records["s", "a"].wanted is None


@pytest.mark.parametrize("code", [104, 105, 201, 321, 462, 2102, 110])
def test_a_refused_modification_leaves_the_order_as_it_was(desk: Desk, code: int) -> None:
    desk.place()
    desk.accepted()
    desk.modify(limit_price=1.5, quantity=20.0)
    desk.says(error(1, code, "no"))
    if code == 201:  # it may be the order's end: a snapshot shows that it is not
        desk.later(4.0)
        desk.snapshot(open_order(1))
    order = desk.order()
    assert (order.status, order.limit_price, order.quantity) == ("submitted", 1.0, 10.0)
    assert desk.core.book.records["s", "a"].wanted is None
    desk.modify(quantity=30.0)
    request = desk.wire[-1]
    assert isinstance(request, rq.PlaceOrder)
    assert (request.order.total_quantity, request.order.limit_price) == (30.0, 1.0)


@pytest.mark.parametrize("listed", [False, True])
def test_a_confirmed_modification_takes_the_words_of_a_refused_one_away(desk: Desk, listed: bool) -> None:
    """They say nothing any more of how the order stands."""
    desk.place()
    desk.accepted()
    desk.modify(limit_price=1.5)
    desk.says(error(1, 463, "You must enter a valid price"))
    assert (desk.order().reason, desk.order().tws_code) == ("You must enter a valid price", 463)
    desk.modify(limit_price=1.6)
    if listed:
        desk.later(6.0)
        desk.later(1.0)
        desk.snapshot(open_order(1, limit_price=1.6))
    else:
        desk.says(open_order(1, limit_price=1.6))
    order = desk.order()
    assert (order.limit_price, order.status, order.reason, order.tws_code) == (1.6, "submitted", None, None)


def test_a_confirmed_modification_keeps_the_words_of_a_cancel_that_is_under_way(desk: Desk) -> None:
    desk.place()
    desk.accepted()
    desk.modify(limit_price=1.5)
    desk.cancel()
    before = desk.order().reason
    desk.says(open_order(1, limit_price=1.5))
    assert (desk.status(), desk.order().reason) == ("pending_cancel", before)


def test_a_modification_that_one_before_it_has_made_needless_is_not_sent(desk: Desk) -> None:
    desk.place()
    desk.accepted()
    desk.auto = False
    first, second = desk.modify(limit_price=2.0), desk.modify(limit_price=2.0)
    desk.admit()
    desk.commit()
    desk.says(open_order(1, limit_price=2.0))
    desk.admit()
    desk.commit()
    assert first.answer == second.answer
    assert len(desk.wire) == 2
    assert desk.core.book.records["s", "a"].wanted is None


def test_a_modification_is_not_answered_for_the_bytes_of_the_one_before(desk: Desk) -> None:
    desk.place()
    desk.accepted()
    desk.auto = False
    first = desk.modify(quantity=20.0)
    desk.admit()
    durable = desk.core.book.last_no
    second = desk.modify(quantity=30.0)
    desk.admit()
    desk.committed, desk.uncommitted = desk.committed + desk.uncommitted[:1], desk.uncommitted[1:]
    desk.do(desk.core.durable(durable, desk.now))
    assert (first.answer.status, second.answers) == ("submitted", [])
    desk.session_lost()
    desk.commit()
    assert second.code == "not_ready"


def test_an_order_that_is_to_become_larger_is_not_done_with_its_old_quantity(desk: Desk) -> None:
    desk.place()
    desk.accepted()
    desk.modify(quantity=20.0)
    desk.says(execution(1, shares=10.0))
    assert desk.status() == "partially_filled"
    desk.says(open_order(1, total_quantity=20.0), order_status(1, "Submitted", filled=10.0, remaining=10.0))
    assert (desk.status(), desk.order().remaining) == ("partially_filled", 10.0)
    desk.says(execution(1, f"{EXEC}.02.01", shares=10.0))
    assert (desk.status(), desk.order().filled) == ("filled", 20.0)


@pytest.mark.parametrize("refused", [True, False])
def test_an_order_that_was_to_become_larger_too_late_is_done(desk: Desk, refused: bool) -> None:
    desk.place()
    desk.accepted()
    desk.modify(quantity=20.0)
    desk.says(execution(1, shares=10.0))
    if refused:
        desk.says(error(1, 104, "Cannot modify a filled order."))
    else:
        desk.says(open_order(1, word="Filled"), order_status(1, "Filled", filled=10.0))
    assert (desk.status(), desk.order().filled) == ("filled", 10.0)


def test_a_refusal_of_either_the_order_or_its_modification_is_settled_by_a_snapshot(desk: Desk) -> None:
    desk.place()
    desk.modify(limit_price=2.0)
    desk.says(error(1, 321, "Error validating request"))
    assert desk.status() == "pending"
    desk.later(4.0)
    desk.snapshot(open_order(1), order_status(1, "Submitted", remaining=10.0))
    assert desk.status() == "submitted"


def test_a_modification_refused_before_the_order_is_acknowledged_is_not_sent_with_the_next(
    desk: Desk,
) -> None:
    desk.place()
    desk.modify(limit_price=2.0)
    desk.says(error(1, 2102, "Unable to modify this order as its still being processed"))
    desk.accepted()
    desk.modify(quantity=20.0)
    request = desk.wire[-1]
    assert isinstance(request, rq.PlaceOrder)
    assert (request.order.total_quantity, request.order.limit_price) == (20.0, 1.0)


def test_two_modifications_in_flight_build_on_each_other(desk: Desk) -> None:
    desk.place()
    desk.accepted()
    desk.modify(limit_price=1.5)
    desk.modify(quantity=20.0)
    request = desk.wire[-1]
    assert isinstance(request, rq.PlaceOrder)
    assert (request.order.total_quantity, request.order.limit_price) == (20.0, 1.5)


@pytest.mark.parametrize(
    ("changes", "field"), [({"stop_price": 2.0}, "stop_price"), ({"quantity": 4.0}, "quantity")]
)
def test_a_modification_that_cannot_be_names_the_field(
    desk: Desk, changes: dict[str, Any], field: str
) -> None:
    desk.place()
    desk.accepted()
    desk.says(execution(1, shares=4.0))
    caller = desk.modify(**changes)
    assert (caller.code, caller.answer.field) == ("invalid_argument", field)
    assert len(desk.wire) == 1


def test_an_order_that_is_done_cannot_be_modified_or_cancelled(desk: Desk) -> None:
    assert desk.modify(quantity=3.0).code == "unknown_order"
    assert desk.cancel().code == "unknown_order"
    desk.place()
    desk.says(execution(1))
    assert desk.modify(quantity=20.0).code == "conflict"
    assert desk.cancel().code == "conflict"


# -- what is shown leaves no place for what was asked

UNTIL = "20261230 23:59:59 UTC"
LATER = "20261231 23:59:59 UTC"
BY_AMOUNT: dict[str, Any] = {"order_type": "TRAIL", "limit_price": None, "aux_price": 1.0}
BY_PERCENT: dict[str, Any] = {"order_type": "TRAIL", "limit_price": None, "trailing_percent": 2.0}
GTD: dict[str, Any] = {"tif": "GTD", "good_till_date": UNTIL}


@pytest.mark.parametrize(
    ("placed", "shown", "asked", "then"),
    [
        ({"order_type": "TRAIL", "trail_amount": 1.0}, BY_AMOUNT, {"trail_percent": 2.0}, BY_AMOUNT),
        ({"order_type": "TRAIL", "trail_percent": 2.0}, BY_PERCENT, {"trail_amount": 1.0}, BY_PERCENT),
        ({"limit_price": 1.0}, {"tif": "DAY"}, {"good_till": LATER}, {"tif": "DAY"}),
        ({"limit_price": 1.0, "tif": "GTD", "good_till": UNTIL}, GTD, {"good_till": LATER}, {"tif": "DAY"}),
        (
            {"order_type": "STP", "stop_price": 0.5},
            {"order_type": "STP", "aux_price": 0.5},
            {"stop_price": 0.6},
            {},
        ),
    ],
)
def test_a_lost_modification_is_not_confirmed_by_an_order_that_cannot_have_it(
    placed: dict[str, Any], shown: dict[str, Any], asked: dict[str, Any], then: dict[str, Any]
) -> None:
    desk = Desk()
    order: dict[str, Any] = {"limit_price": None} | placed
    desk.place(**order)
    desk.accepted(**shown)
    desk.modify(**asked)
    for _ in range(9):
        desk.later(1.0)
        if desk.asked:
            desk.snapshot(open_order(1, **then), order_status(1, "Submitted", remaining=10.0))
    ((name, value),) = asked.items()
    assert outcomes(desk) == [(1, "sent"), (1, "unanswered")]
    assert getattr(desk.order(), name) != value


def test_of_two_in_flight_the_later_one_needs_nothing_of_what_it_takes_back() -> None:
    desk = Desk()
    desk.place(order_type="TRAIL", limit_price=None, trail_amount=1.0)
    desk.accepted(**BY_AMOUNT)
    desk.modify(trail_percent=2.0)
    desk.modify(trail_amount=3.0)
    desk.says(open_order(1, order_type="TRAIL", limit_price=None, aux_price=3.0))
    assert outcomes(desk)[2:] == [(1, "superseded"), (2, "confirmed")]
    assert (desk.order().trail_amount, desk.order().trail_percent) == (3.0, None)


def test_one_that_makes_a_gtd_a_day_order_takes_back_the_date_asked_for_before_it() -> None:
    desk = Desk()
    desk.place(tif="GTD", good_till=UNTIL)
    desk.accepted(**GTD)
    desk.modify(good_till=LATER)
    desk.modify(tif="DAY")
    desk.says(open_order(1, tif="DAY"))
    assert outcomes(desk)[2:] == [(1, "superseded"), (2, "confirmed")]
    assert (desk.order().tif, desk.order().good_till) == ("DAY", None)


def test_one_refused_with_a_change_of_it_under_way_is_rejected_and_not_cancelled() -> None:
    desk = Desk()
    desk.place()
    desk.modify(limit_price=2.0)
    desk.says(error(1, 201, "no margin"), order_status(1, "Inactive"))
    for _ in range(5):
        desk.later(1.0)
        desk.lists_nothing()
    assert (desk.status(), desk.order().tws_code, desk.order().reason) == ("rejected", 201, "no margin")
