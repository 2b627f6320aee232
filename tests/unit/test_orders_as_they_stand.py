"""Orders as they stand: modifications with a life, staged groups, identity by ids, the gateway's words."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from support.orders_desk import (
    Caller,
    Desk,
    completed,
    error,
    execution,
    open_order,
    order_status,
)
from twsmq_nodes.tws import events as tws
from twsmq_nodes.tws import requests as rq
from twsmq_protocol.order_events import Change
from twsmq_protocol.order_requests import PlaceOrder, PlaceOrders

TRAIL: dict[str, Any] = {"order_type": "TRAIL", "limit_price": None, "trail_amount": 2.0}


@pytest.fixture
def desk() -> Desk:
    return Desk()


def changes(desk: Desk, cid: str = "a") -> list[Change]:
    return desk.told(Change, cid)


def outcomes(desk: Desk, cid: str = "a") -> list[tuple[int, str]]:
    return [(one.change_no, one.outcome) for one in changes(desk, cid)]


def sent(desk: Desk) -> Any:
    """The order as it was written last."""
    request = desk.wire[-1]
    assert isinstance(request, rq.PlaceOrder)
    return request.order


def group(desk: Desk, *legs: dict[str, Any], link: Any = "bracket") -> Caller:
    caller = Caller(answers=[])
    base = {"strategy": "s", "instrument": "STK:AAPL:SMART:USD", "quantity": 10.0, "order_type": "LMT"}
    orders = tuple(PlaceOrder(**{**base, "side": "BUY", "limit_price": 1.0, **leg}) for leg in legs)
    args = PlaceOrders(orders=orders, link=link)
    return desk.ask(lambda: desk.core.request(args, caller, desk.now), caller)


def working(desk: Desk, **changes: Any) -> None:
    desk.place(**changes)
    desk.accepted()


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


# -- B: it is built from the order as it stands


def test_a_time_in_force_that_a_preset_changed_is_told_and_not_put_back(desk: Desk) -> None:
    desk.place(tif="GTC")
    desk.says(error(1, 10349, "Order TIF was set to DAY based on order preset"))
    desk.accepted(tif="DAY")
    assert desk.order().tif == "DAY"
    desk.modify(limit_price=2.0)
    assert sent(desk).tif == "DAY"


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
    group(desk, {"client_order_id": "a"}, {"client_order_id": "b", "side": "SELL", "limit_price": 3.0})
    desk.accepted(1, "a")
    desk.accepted(2, "b")
    desk.modify("b", quantity=9.0)
    assert sent(desk).parent_id == 1
    desk.says(execution(1), order_status(1, "Filled", filled=10.0))
    desk.modify("b", quantity=8.0)
    assert sent(desk).parent_id == 0


# -- C: what the gateway holds back


def bracket(desk: Desk) -> Caller:
    return group(desk, {"client_order_id": "a"}, {"client_order_id": "b"}, {"client_order_id": "c"})


def test_siblings_of_a_refused_last_leg_are_cancelled_and_told_so(desk: Desk) -> None:
    bracket(desk)
    desk.says(error(3, 328, "Trailing stop orders can be attached to limit or stop-limit orders only"))
    assert desk.status("c") == "rejected"
    assert desk.wire[3:] == [rq.CancelOrder(1), rq.CancelOrder(2)]
    assert "c is rejected" in (desk.order("a").reason or "")
    desk.says(error(1, 202, "Order was discarded."), error(2, 202, "Order was discarded."))
    assert (desk.status("a"), desk.status("b")) == ("cancelled", "cancelled")
    assert desk.order("a").reason == "Order was discarded."


def test_a_last_leg_refused_in_the_guise_of_a_cancellation_is_no_acceptance(desk: Desk) -> None:
    bracket(desk)
    desk.says(order_status(3, "Cancelled"), error(3, 201, "Order rejected - reason:no"))
    assert desk.status("c") == "rejected"
    assert desk.wire[3:] == [rq.CancelOrder(1), rq.CancelOrder(2)]


def test_a_leg_off_its_tick_takes_the_staged_ones_with_it(desk: Desk) -> None:
    bracket(desk)
    desk.says(error(3, 110, "The price does not conform"))
    desk.later(0.3)
    desk.snapshot()
    desk.later(4.0)
    desk.snapshot()
    assert desk.status("c") == "rejected"
    assert [one for one in desk.wire if isinstance(one, rq.CancelOrder)][:2] == [
        rq.CancelOrder(1),
        rq.CancelOrder(2),
    ]
    assert desk.status("a") == "pending_cancel", "never proved absent by a list"


def test_a_connection_lost_between_the_legs_leaves_nothing_staged(desk: Desk) -> None:
    bracket(desk)
    desk.session_lost()
    desk.later(10.0)
    desk.session_up(4)
    desk.snapshot()
    assert desk.status("c") == "not_sent"
    assert desk.wire[3:] == [rq.CancelOrder(1), rq.CancelOrder(2)]
    desk.says(error(1, 10147, "not found"), error(2, 10147, "not found"))
    assert (desk.status("a"), desk.status("b")) == ("cancelled", "cancelled")


def test_a_bracket_whose_last_leg_never_left_may_go_again_once_the_rest_is_cancelled(desk: Desk) -> None:
    bracket(desk)
    desk.session_lost()
    desk.later(10.0)
    desk.session_up(4)
    desk.snapshot()
    assert desk.status("c") == "not_sent"
    assert bracket(desk).code == "timeout", "the gateway still holds two of them back"
    desk.says(error(1, 10147, "not found"), error(2, 10147, "not found"))
    assert [row.order_id for row in bracket(desk).answer.orders] == [4, 5, 6]
    assert [desk.status(cid) for cid in "abc"] == ["pending"] * 3


def test_a_bracket_of_which_a_leg_has_worked_does_not_go_again(desk: Desk) -> None:
    bracket(desk)
    desk.accepted(1, "a")
    desk.session_lost()
    desk.later(10.0)
    desk.session_up(4)
    desk.snapshot()
    desk.says(order_status(1, "Cancelled"), error(2, 10147, "not found"))
    desk.later(1.0)
    assert [desk.status(cid) for cid in "abc"] == ["cancelled", "cancelled", "not_sent"]
    assert bracket(desk).code == "conflict"


def test_one_that_is_staged_is_neither_looked_for_nor_proved_absent(desk: Desk) -> None:
    desk.place(transmit=False)
    assert (sent(desk).transmit, desk.order().staged, desk.status()) == (False, True, "pending")
    desk.later(6.0)
    assert desk.asked == []
    desk.session_lost()
    desk.later(10.0)
    desk.session_up(2)
    desk.snapshot()
    assert desk.status() == "unknown"


def test_stage_now_transmit_later(desk: Desk) -> None:
    desk.place(transmit=False)
    desk.modify(limit_price=2.0)
    assert (sent(desk).transmit, sent(desk).limit_price) == (False, 2.0)
    desk.modify(transmit=True)
    assert (sent(desk).transmit, sent(desk).limit_price) == (True, 2.0)
    desk.accepted(limit_price=2.0)
    assert (desk.status(), desk.order().staged) == ("submitted", False)
    assert outcomes(desk)[2:] == [(1, "confirmed"), (2, "confirmed")]


def test_handing_on_that_nobody_answers_leaves_it_staged_as_it_was_sent_last(desk: Desk) -> None:
    desk.place(transmit=False)
    desk.modify(limit_price=2.0)
    desk.modify(transmit=True)
    desk.session_lost()
    desk.later(10.0)
    desk.session_up(2)
    desk.snapshot()
    desk.later(4.0)
    desk.snapshot()
    assert (desk.status(), desk.order().staged) == ("unknown", True)
    assert outcomes(desk)[-1] == (2, "unanswered")
    desk.modify(transmit=True)
    assert (sent(desk).transmit, sent(desk).limit_price) == (True, 2.0)


def test_a_staged_order_is_cancelled_with_what_is_attached_to_it(desk: Desk) -> None:
    desk.place("a", transmit=False)
    desk.place("b", parent="a", transmit=False)
    assert sent(desk).parent_id == 1
    desk.cancel("a")
    assert desk.wire[2:] == [rq.CancelOrder(1), rq.CancelOrder(2)]


def test_a_child_is_attached_to_a_working_order(desk: Desk) -> None:
    working(desk)
    desk.place("b", parent="a", side="SELL", limit_price=3.0)
    assert (sent(desk).parent_id, sent(desk).transmit) == (1, True)
    assert desk.order("b").parent == "a"
    desk.says(execution(1), order_status(1, "Filled", filled=10.0))
    refused = desk.place("c", parent="a")
    assert (refused.code, refused.answer.field) == ("conflict", "parent")
    assert desk.place("d", parent="nobody").code == "unknown_order"


# -- D: identity by ids


def test_fills_count_though_a_person_edited_the_reference(desk: Desk) -> None:
    working(desk)
    desk.says(
        open_order(1, order_ref="my trade"),
        execution(1, order_ref="my trade"),
        order_status(1, "Filled", filled=10.0, avg_fill_price=1.0),
    )
    order = desk.order()
    assert (order.status, order.avg_price, len(desk.fills())) == ("filled", 1.0, 1)
    assert desk.core.book.positions["s", order.instrument] == 10.0
    assert ["my trade" in one.text for one in desk.notices()] == [True]


def test_an_id_alone_does_not_make_another_order_ours(desk: Desk) -> None:
    desk.place()
    desk.says(execution(1, order_ref="other/x", perm_id=77))
    assert desk.fills() == []


def test_an_unacknowledged_order_whose_id_is_listed_under_another_reference_is_not_proved_absent(
    desk: Desk,
) -> None:
    desk.place()
    desk.session_lost()
    desk.later(10.0)
    desk.session_up(2)
    desk.snapshot(open_order(1, order_ref="edited"), order_status(1, "Submitted", perm_id=4711, client_id=7))
    assert desk.status() == "unknown"


# -- E: the gateway's words


@pytest.mark.parametrize("text", ["20250225-15:15:00", "20250225 15:15:00 UTC", "20250225 16:15:00 CET"])
def test_the_time_of_a_fill_in_every_way_a_gateway_writes_it(desk: Desk, text: str) -> None:
    working(desk)
    desk.says(execution(1, time=text))
    assert desk.fills()[0].time == 1_740_496_500_000_000_000


def test_a_zone_nobody_knows_is_named_in_the_log_once(desk: Desk) -> None:
    working(desk)
    for number in (1, 2):
        desk.says(execution(1, f"e{number}.01", 3.0, time="20250225 15:15:00 Mars Time"))
    assert [text for text in desk.warnings if "Mars Time" in text] == [
        "the time zone of executions cannot be read: '20250225 15:15:00 Mars Time'"
    ]


def test_a_combo_reported_by_its_legs_has_the_gateways_average(desk: Desk) -> None:
    desk.place(instrument="BAG:SPY:SMART:USD:+1x265598,-1x8314")
    desk.says(open_order(1, order_type="LMT"), order_status(1, "Submitted"))
    for number, side in ((1, "BOT"), (2, "SLD")):
        leg = execution(1, f"leg{number}.01", 10.0, 5.0, side=side)
        desk.says(replace(leg, contract=replace(leg.contract, sec_type="STK")))
    desk.says(order_status(1, "Filled", filled=10.0, avg_fill_price=1.25))
    desk.later(1.1)
    desk.snapshot()
    order = desk.order()
    assert (order.status, order.filled, order.avg_price) == ("filled", 10.0, 1.25)
    assert "by the executions of its legs" in (order.reason or "")


def test_nothing_the_gateway_says_is_dropped(desk: Desk) -> None:
    desk.place()
    shown = open_order(1)
    desk.says(
        replace(shown, state=replace(shown.state, warning_text="mind the margin")),
        order_status(1, "PreSubmitted", why_held="locate", mkt_cap_price=9.5),
        tws.GatewayError(1, 399, "later", None, '{"fyi": 1}'),
        replace(shown, state=replace(shown.state, warning_text="mind the margin")),
    )
    assert (desk.order().why_held, desk.order().cap_price) == ("locate", 9.5)
    assert [(one.text, one.advanced_reject) for one in desk.notices()] == [
        ("mind the margin", None),
        ("later", '{"fyi": 1}'),
    ]
    desk.says(order_status(1, "Submitted"))
    assert (desk.order().why_held, desk.order().cap_price) == (None, None)


def test_what_concerns_the_account_is_announced_and_the_farms_are_not(desk: Desk) -> None:
    for _ in range(2):
        desk.says(error(-1, 2148, "margin"), error(-1, 2104, "farm"), tws.FrameRejected(5, "odd", b""))
    assert [(one.tws_code, one.text) for one in desk.announced] == [
        (2148, "margin"),
        (0, "a report about some order could not be read: odd"),
    ]
    desk.later(60.1)
    desk.says(error(-1, 2148, "margin"))
    assert len(desk.announced) == 3


def test_a_rejection_keeps_its_json(desk: Desk) -> None:
    desk.place()
    desk.says(tws.GatewayError(1, 201, "no", None, '{"tag": 8229}'))
    assert (desk.status(), desk.notices()[0].advanced_reject) == ("rejected", '{"tag": 8229}')


# -- G: the limits


@pytest.mark.parametrize("code", [110, 434])
def test_a_complaint_followed_by_acceptance_was_no_refusal(desk: Desk, code: int) -> None:
    desk.place()
    desk.says(error(1, code, "hm"))
    assert desk.status() == "pending"
    desk.accepted()
    assert desk.status() == "submitted"


def test_a_complaint_followed_by_silence_was_one(desk: Desk) -> None:
    desk.place()
    desk.says(error(1, 434, "The order size cannot be zero."))
    desk.later(0.3)
    desk.snapshot()
    desk.later(4.0)
    desk.snapshot()
    assert (desk.status(), desk.order().tws_code) == ("rejected", 434)


def test_a_killed_order_that_was_inactive_ends_cancelled(desk: Desk) -> None:
    desk.place(tif="FOK")
    desk.says(open_order(1, word="Inactive"), order_status(1, "Inactive"))
    assert desk.status() == "inactive"
    desk.session_lost()
    desk.later(5.0)
    desk.session_up(2)
    desk.snapshot()
    assert desk.status() == "cancelled"
    assert "Inactive" in (desk.order().reason or "")


def test_an_inactive_order_ends_with_the_gateways_words(desk: Desk) -> None:
    desk.place()
    desk.says(order_status(1, "Inactive"))
    desk.says(error(1, 201, "Order rejected - reason:FX leverage"))
    assert (desk.status(), desk.order().reason) == ("rejected", "Order rejected - reason:FX leverage")


def test_one_that_completed_after_a_complaint_has_its_words(desk: Desk) -> None:
    working(desk)
    desk.says(error(1, 10311, "no such venue"))
    desk.session_lost()
    desk.later(5.0)
    desk.session_up(2)
    desk.snapshot(completed=[completed()])
    assert (desk.status(), desk.order().reason) == ("cancelled", "no such venue")


def test_executions_of_the_last_days_settle_what_ended_overnight(desk: Desk) -> None:
    working(desk)
    desk.session_lost()
    desk.later(86_400.0)
    desk.session_up(2)
    for _ in range(2):
        desk.says(tws.OpenOrderEnd())
    (asked,) = [one for one in desk.asked if isinstance(one, rq.ReqExecutions)]
    assert asked.filter.last_n_days == 7
    desk.says(execution(1, req_id=asked.req_id), tws.ExecDetailsEnd(asked.req_id), tws.CompletedOrdersEnd())
    assert (desk.status(), desk.order().filled) == ("filled", 10.0)


def test_executions_that_are_never_answered_do_not_keep_orders_out_for_ever(desk: Desk) -> None:
    desk.place()
    desk.session_lost()
    desk.session_up(2)
    for _ in range(2):
        desk.says(tws.OpenOrderEnd(), tws.OpenOrderEnd())
        desk.later(10.1)
    desk.says(tws.CompletedOrdersEnd())
    state, detail = desk.core.state
    assert state == "ready"
    assert "does not answer for executions" in str(detail)
    assert desk.status() == "unknown", "nothing is proved absent"
    desk.place("b")
    desk.accepted(2, "b")
    desk.later(60.1)
    asked = desk.asked
    desk.says(tws.OpenOrderEnd(), tws.OpenOrderEnd())
    (question,) = [one for one in asked if isinstance(one, rq.ReqExecutions) and one is asked[-1]]
    desk.says(tws.ExecDetailsEnd(question.req_id), tws.CompletedOrdersEnd())
    assert desk.core.state == ("ready", None)


def test_an_order_for_a_group_of_accounts_names_no_account() -> None:
    desk = Desk(up=False)
    desk.session_up(accounts=("DF1", "DU2"))
    desk.snapshot()
    assert desk.place(extra={"faGroup": "All"}).answer.order_id == 1
    assert (sent(desk).account, sent(desk).extra) == ("", {"faGroup": "All"})
    assert desk.place("b", account="DU2", extra={"faGroup": "All"}).answer.field == "account"
    assert desk.place("c").answer.field == "account"
