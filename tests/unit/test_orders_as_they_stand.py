"""Modifications: each has a life of its own, and is built from the order as it stands."""

from __future__ import annotations

from typing import Any

import pytest
from support.orders_desk import Desk
from support.orders_reports import error, execution, open_order, order_status
from support.orders_steps import changes, linked, outcomes, sent, working
from twsmq_protocol.order_events import Order

TRAIL: dict[str, Any] = {"order_type": "TRAIL", "limit_price": None, "trail_amount": 2.0}


@pytest.fixture
def desk() -> Desk:
    return Desk()


# -- A: a modification has a life of its own


def test_what_the_gateway_shows_confirms_a_modification(desk: Desk) -> None:
    working(desk)
    desk.modify(limit_price=2.0)
    desk.says(open_order(1, limit_price=2.0))
    first, last = changes(desk)
    assert (first.outcome, first.asked, first.stands) == ("sent", {"limit_price": 2.0}, {"limit_price": 1.0})
    assert (last.outcome, last.stands) == ("confirmed", {"limit_price": 2.0})
    assert desk.order().limit_price == 2.0


def test_a_modification_whose_reports_are_lost_is_asked_for_within_seconds(desk: Desk) -> None:
    working(desk)
    desk.modify(limit_price=2.0)
    desk.later(5.1)
    desk.later(0.1)
    desk.snapshot(open_order(1, limit_price=2.0), order_status(1, "Submitted", remaining=10.0))
    assert outcomes(desk) == [(1, "sent"), (1, "confirmed")]
    assert desk.order().limit_price == 2.0


def test_one_that_the_gateway_never_took_is_unanswered_and_may_be_asked_for_again(desk: Desk) -> None:
    working(desk)
    desk.modify(limit_price=2.0)
    desk.later(5.1)
    desk.later(0.1)
    desk.snapshot(open_order(1), order_status(1, "Submitted", remaining=10.0))
    assert outcomes(desk)[-1] == (1, "unanswered")
    assert changes(desk)[-1].stands == {"limit_price": 1.0}
    desk.modify(limit_price=2.0)
    assert sent(desk).limit_price == 2.0


@pytest.mark.parametrize("code", [110, 104, 201, 202, 462, 2102])
def test_a_refused_change_leaves_the_order_with_its_old_values_and_says_why(desk: Desk, code: int) -> None:
    working(desk)
    desk.modify(limit_price=2.0)
    desk.says(error(1, code, "no"))
    desk.later(4.0)
    if desk.asked:
        desk.snapshot(open_order(1), order_status(1, "Submitted", remaining=10.0))
    last = changes(desk)[-1]
    assert (last.outcome, last.tws_code, last.text) == ("refused", code, "no")
    assert last.stands == {"limit_price": 1.0}
    assert (desk.status(), desk.order().limit_price) == ("submitted", 1.0)


@pytest.mark.parametrize(("code", "status"), [(202, "cancelled"), (201, "cancelled")])
def test_words_before_the_end_of_an_order_that_was_being_changed(desk: Desk, code: int, status: str) -> None:
    working(desk)
    desk.modify(limit_price=2.0)
    desk.says(error(1, code, "gone"), order_status(1, "Cancelled"))
    desk.later(0.6)
    assert (desk.status(), desk.order().reason, desk.order().tws_code) == (status, "gone", code)
    assert outcomes(desk)[-1] == (1, "superseded")


def test_several_in_flight_are_settled_in_their_order(desk: Desk) -> None:
    working(desk)
    desk.modify(limit_price=2.0)
    desk.modify(quantity=20.0)
    desk.modify(limit_price=3.0)
    desk.says(open_order(1, limit_price=2.0))
    assert outcomes(desk)[3:] == [(1, "confirmed")]
    desk.says(open_order(1, limit_price=3.0, total_quantity=20.0))
    assert outcomes(desk)[4:] == [(2, "confirmed"), (3, "confirmed")]


def test_what_a_later_one_took_back_is_superseded(desk: Desk) -> None:
    working(desk)
    desk.modify(limit_price=2.0)
    desk.modify(limit_price=3.0)
    desk.says(open_order(1, limit_price=3.0))
    assert outcomes(desk)[2:] == [(1, "superseded"), (2, "confirmed")]


def test_back_to_what_stood_is_not_confirmed_by_a_report_older_than_itself(desk: Desk) -> None:
    working(desk)
    desk.modify(limit_price=2.0)
    desk.modify(limit_price=1.0)
    desk.says(open_order(1))
    assert outcomes(desk) == [(1, "sent"), (2, "sent")]
    desk.later(5.1)
    desk.later(0.1)
    desk.snapshot(open_order(1), order_status(1, "Submitted", remaining=10.0))
    assert outcomes(desk)[2:] == [(1, "superseded"), (2, "confirmed")]


def test_the_gateways_own_precision_confirms_what_was_asked_for(desk: Desk) -> None:
    working(desk)
    desk.modify(limit_price=0.1 + 0.2)
    desk.says(open_order(1, limit_price=0.3))
    desk.modify(limit_price=123.4567)
    desk.says(open_order(1, limit_price=123.46))
    assert [outcome for _, outcome in outcomes(desk)] == ["sent", "confirmed"] * 2
    assert desk.order().limit_price == 123.46


def test_the_cap_of_a_pegged_order_is_told_kept_and_not_put_back(desk: Desk) -> None:
    working(desk, order_type="MIDPRICE", limit_price=150.0)
    shows = {"order_type": "MIDPRICE"}
    desk.says(open_order(1, limit_price=150.0, **shows))
    desk.modify(limit_price=155.0)
    desk.says(open_order(1, limit_price=155.0, **shows))
    assert desk.order().limit_price == 155.0
    desk.session_lost()
    desk.later(10.0)
    desk.session_up()
    desk.snapshot(open_order(1, limit_price=155.0, **shows), order_status(1, "Submitted"))
    assert outcomes(desk) == [(1, "sent"), (1, "confirmed")]
    desk.modify(quantity=20.0)
    assert (sent(desk).limit_price, sent(desk).total_quantity) == (155.0, 20.0)


def test_a_modification_survives_a_crash_with_its_number(desk: Desk) -> None:
    working(desk)
    desk.modify(limit_price=2.0)
    desk.crash()
    desk.later(10.0)
    desk.session_up(2)
    desk.snapshot(open_order(1, limit_price=2.0), order_status(1, "Submitted"))
    assert outcomes(desk) == [(1, "sent"), (1, "confirmed")]
    desk.modify(limit_price=3.0)
    assert outcomes(desk)[-1] == (2, "sent")


def test_one_whose_bytes_never_left_is_not_sent(desk: Desk) -> None:
    working(desk)
    desk.wire_open = False
    assert desk.modify(limit_price=2.0).code == "not_ready"
    assert outcomes(desk) == [(1, "sent"), (1, "not_sent")]


def test_an_order_that_ends_takes_its_modifications_with_it(desk: Desk) -> None:
    working(desk)
    desk.modify(limit_price=2.0)
    desk.says(execution(1), order_status(1, "Filled", filled=10.0))
    assert outcomes(desk)[-1] == (1, "superseded")
    assert desk.status() == "filled"


@pytest.mark.parametrize(
    ("placed", "asked", "attribute", "written", "shown"),
    [
        (TRAIL, {"trail_amount": 3.0}, "aux_price", 3.0, {"order_type": "TRAIL", "aux_price": 3.0}),
        (
            {**TRAIL, "trail_amount": None, "trail_percent": 2.0},
            {"trail_percent": 3.0},
            "trailing_percent",
            3.0,
            {"order_type": "TRAIL", "trailing_percent": 3.0},
        ),
        (
            {**TRAIL, "trail_stop_price": 90.0},
            {"trail_stop_price": 95.0},
            "trail_stop_price",
            95.0,
            {"order_type": "TRAIL", "aux_price": 2.0, "trail_stop_price": 95.0},
        ),
        (
            {"order_type": "REL", "limit_price": None, "offset": 0.5},
            {"offset": 0.25},
            "aux_price",
            0.25,
            {"order_type": "REL", "aux_price": 0.25},
        ),
        ({}, {"tif": "GTC"}, "tif", "GTC", {"tif": "GTC"}),
        ({}, {"outside_rth": True}, "outside_rth", True, {"outside_rth": True}),
        ({}, {"display_size": 5}, "display_size", 5, {"display_size": 5}),
        (
            {},
            {"good_till": "20261231-23:59:59"},
            "good_till_date",
            "20261231-23:59:59",
            {"tif": "GTD", "good_till_date": "20261231 23:59:59 US/Eastern"},
        ),
        ({}, {"order_type": "MKT"}, "order_type", "MKT", {"order_type": "MKT", "limit_price": 0.0}),
        (
            {},
            {"order_type": "STP", "stop_price": 2.0},
            "aux_price",
            2.0,
            {"order_type": "STP", "aux_price": 2.0},
        ),
    ],
)
def test_whatever_a_gateway_lets_one_change(
    desk: Desk, placed: dict[str, Any], asked: dict[str, Any], attribute: str, written: Any, shown: Any
) -> None:
    desk.place(**placed)
    desk.accepted(order_type=placed.get("order_type", "LMT"))
    assert desk.modify(**asked).answer.client_order_id == "a"
    assert getattr(sent(desk), attribute) == written
    assert sent(desk).total_quantity == 10.0
    desk.says(open_order(1, **shown))
    assert [outcome for _, outcome in outcomes(desk)] == ["sent", "confirmed"]
    for name, value in asked.items():
        assert getattr(desk.order(), name) == value
    desk.modify(quantity=20.0)
    assert getattr(sent(desk), attribute) == written, "and it is kept"


@pytest.mark.parametrize("told_before", [True, False])
def test_trailing_by_a_percentage_takes_the_place_of_an_amount_and_the_other_way_round(
    desk: Desk, told_before: bool
) -> None:
    desk.place(**TRAIL)
    if told_before:
        desk.accepted(order_type="TRAIL", aux_price=2.0)
    assert desk.modify(trail_percent=3.0).answer.client_order_id == "a"
    assert (sent(desk).aux_price, sent(desk).trailing_percent) == (None, 3.0)
    desk.accepted(order_type="TRAIL", trailing_percent=3.0)
    assert (desk.order().trail_amount, desk.order().trail_percent) == (None, 3.0)
    desk.modify(trail_amount=4.0)
    desk.modify(quantity=20.0)
    assert (sent(desk).aux_price, sent(desk).trailing_percent) == (4.0, None)
    desk.says(open_order(1, order_type="TRAIL", aux_price=4.0, total_quantity=20.0))
    assert outcomes(desk)[-1] == (3, "confirmed")
    assert (desk.order().trail_amount, desk.order().trail_percent) == (4.0, None)


# -- B: it is built from the order as it stands


def test_a_time_in_force_that_a_preset_changed_is_told_and_not_put_back(desk: Desk) -> None:
    desk.place(tif="GTC")
    desk.says(error(1, 10349, "Order TIF was set to DAY based on order preset"))
    desk.accepted(tif="DAY")
    assert desk.order().tif == "DAY"
    desk.modify(limit_price=2.0)
    assert sent(desk).tif == "DAY"


def test_until_when_an_order_works_goes_with_its_time_in_force(desk: Desk) -> None:
    working(desk)
    desk.says(open_order(1, tif="GTD", good_till_date=""))
    assert desk.order().tif == "DAY", "half of a change is none"
    desk.says(open_order(1, tif="GTD", good_till_date="20261231 23:59:59 US/Eastern"))
    assert (desk.order().tif, desk.order().good_till) == ("GTD", "20261231 23:59:59 US/Eastern")
    desk.modify(limit_price=2.0)
    assert (sent(desk).tif, sent(desk).good_till_date) == ("GTD", "20261231 23:59:59 US/Eastern")
    desk.says(open_order(1, tif="DAY", limit_price=2.0))
    assert (desk.order().tif, desk.order().good_till) == ("DAY", None)
    desk.modify(limit_price=3.0)
    assert (sent(desk).tif, sent(desk).good_till_date) == ("DAY", "")


def test_the_same_moment_in_another_zone_confirms_and_is_no_news(desk: Desk) -> None:
    desk.place(tif="GTD", good_till="20261231-21:00:00")
    shown: dict[str, Any] = {"tif": "GTD", "good_till_date": "20261231 16:00:00 US/Eastern"}
    desk.accepted(**shown)
    assert desk.order().good_till == "20261231-21:00:00"
    desk.modify(good_till="20261230-21:00:00")
    desk.says(open_order(1, **shown | {"good_till_date": "20261230 16:00:00 US/Eastern"}))
    assert outcomes(desk)[-1] == (1, "confirmed")
    assert desk.order().good_till == "20261230-21:00:00"


def test_what_a_person_changed_is_told_and_kept(desk: Desk) -> None:
    working(desk)
    desk.says(open_order(1, limit_price=5.0, total_quantity=7.0))
    desk.modify(quantity=8.0)
    assert (sent(desk).limit_price, sent(desk).total_quantity) == (5.0, 8.0)


def test_defaults_that_nobody_set_are_not_taken_over(desk: Desk) -> None:
    working(desk, order_type="STP", limit_price=None, stop_price=90.0)
    desk.says(open_order(1, order_type="STP", limit_price=89.5, aux_price=90.0, trail_stop_price=91.0))
    desk.modify(quantity=20.0)
    assert (sent(desk).limit_price, sent(desk).aux_price, sent(desk).trail_stop_price) == (None, 90.0, None)


def test_a_child_whose_parent_has_filled_is_modified_without_it(desk: Desk) -> None:
    linked(desk, {"client_order_id": "a"}, {"client_order_id": "b", "side": "SELL", "limit_price": 3.0})
    desk.accepted(1, "a")
    desk.accepted(2, "b")
    desk.modify("b", quantity=9.0)
    assert sent(desk).parent_id == 1
    desk.says(execution(1), order_status(1, "Filled", filled=10.0))
    desk.modify("b", quantity=8.0)
    assert sent(desk).parent_id == 0


@pytest.mark.parametrize(("stands", "asked"), [(1.085, 1.0851), (0.25, 0.254), (150.25, 150.2525)])
def test_a_price_that_has_not_moved_confirms_no_small_step(desk: Desk, stands: float, asked: float) -> None:
    """As if it were the new one, rounded: 1.085 is not 1.0851."""
    desk.place(limit_price=stands)
    desk.accepted(limit_price=stands)
    desk.modify(limit_price=asked)
    desk.says(open_order(1, limit_price=stands))
    assert outcomes(desk) == [(1, "sent")]
    desk.later(5.1)
    desk.later(0.1)
    desk.snapshot(open_order(1, limit_price=stands), order_status(1, "Submitted", remaining=10.0))
    assert outcomes(desk)[-1] == (1, "unanswered")
    desk.modify(limit_price=asked)
    desk.says(open_order(1, limit_price=asked))
    assert outcomes(desk)[-1] == (2, "confirmed")


@pytest.mark.parametrize("code", [201, 202])
def test_a_change_that_was_shown_and_is_refused_after_all_ends_no_order(desk: Desk, code: int) -> None:
    """The gateway shows a modification before the venue has taken it."""
    working(desk)
    desk.modify(limit_price=2.0)
    desk.says(open_order(1, limit_price=2.0), order_status(1, "Submitted", remaining=10.0))
    desk.says(error(1, code, "Order rejected - reason: too far"))
    assert desk.status() == "submitted"
    desk.later(0.3)
    desk.snapshot(open_order(1), order_status(1, "Submitted", remaining=10.0))
    assert (desk.status(), desk.order().limit_price) == ("submitted", 1.0)
    assert [notice.tws_code for notice in desk.notices()] == [code]
    assert not {"rejected", "cancelled"} & {event.status for event in desk.told(Order)}


@pytest.mark.parametrize("first", ["words", "status"])
@pytest.mark.parametrize(("code", "status"), [(201, "rejected"), (202, "cancelled")])
def test_an_order_that_was_changed_and_ends_has_ended(desk: Desk, first: str, code: int, status: str) -> None:
    working(desk)
    desk.modify(limit_price=2.0)
    desk.says(open_order(1, limit_price=2.0))
    both = [error(1, code, "gone"), order_status(1, "Cancelled")]
    desk.says(*(both if first == "words" else both[::-1]))
    desk.later(0.6)
    assert desk.status() == (status if first == "status" else "cancelled")
    assert (desk.order().reason, desk.order().tws_code) == ("gone", code)
