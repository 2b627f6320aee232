"""Whose order a report means, and what the gateway's words make of it: ids, times, complaints, endings."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from support.orders_desk import Desk
from support.orders_reports import EXEC, completed, error, execution, open_order, order_status
from support.orders_steps import reconnect, sent, working
from twsmq_nodes.tws import events as tws
from twsmq_nodes.tws import requests as rq


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_fills_count_though_a_person_edited_the_reference(desk: Desk) -> None:
    working(desk)
    desk.says(
        open_order(1, order_ref="my trade"),
        execution(1, order_ref="my trade"),
        order_status(1, "Filled", filled=10.0, avg_fill_price=1.0),
    )
    order = desk.order()
    assert (order.status, order.avg_price, len(desk.fills())) == ("filled", 1.0, 1)
    assert desk.core.book.positions["s", "DU1", order.instrument] == 10.0
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


def test_an_order_of_another_client_with_our_number_ends_none_of_ours(desk: Desk) -> None:
    """Completed orders of every client are listed, above server version 203 with their clients' own numbers
    and with no reference where they gave none (captured)."""
    desk.place()
    desk.session_lost()
    rows = [
        completed(word=word, order_id=1, client_id=901, perm_id=77_001, order_ref="", filled_quantity=10.0)
        for word in ("Cancelled", "Filled")
    ]
    reconnect(desk, completed=rows)
    assert (desk.status(), desk.order().filled) == ("not_sent", 0.0)


def test_what_is_filled_never_falls_back_behind_the_gateways_word(desk: Desk) -> None:
    desk.place()
    desk.accepted()
    desk.says(order_status(1, "Submitted", filled=8.0, remaining=2.0, avg_fill_price=1.5))
    desk.says(execution(1, f"{EXEC}.01.01", 5.0))
    assert (desk.order().filled, desk.order().remaining, desk.order().avg_price) == (8.0, 2.0, 1.5)
    desk.says(execution(1, f"{EXEC}.02.01", 3.0, price=2.0))
    assert (desk.order().filled, desk.order().avg_price) == (8.0, 1.375)
    desk.says(execution(1, f"{EXEC}.02.02", 1.0, price=2.0))
    assert (desk.order().filled, desk.order().remaining) == (6.0, 4.0), "a correction takes back"


def test_a_smaller_order_whose_executions_are_lost_is_filled_by_what_it_was(desk: Desk) -> None:
    """It was made smaller, the openOrder that shows it was lost as well."""
    desk.place()
    desk.accepted()
    desk.modify(quantity=5.0)
    desk.says(order_status(1, "Filled", filled=5.0, avg_fill_price=1.0))
    desk.later(1.1)
    desk.snapshot()
    assert (desk.status(), desk.order().filled) == ("filled", 5.0)


def test_the_reason_that_an_open_order_gives_for_its_end_is_told(desk: Desk) -> None:
    working(desk)
    ended = open_order(1, word="Cancelled")
    desk.says(replace(ended, state=replace(ended.state, reject_reason="No shares to borrow")))
    desk.says(order_status(1, "Cancelled"))
    desk.later(0.6)
    assert (desk.status(), desk.order().reason, desk.order().tws_code) == (
        "cancelled",
        "No shares to borrow",
        None,
    )


@pytest.mark.parametrize(("near", "far", "average"), [(3.0, 3.0, 0.0), (3.0, 4.0, None)])
def test_a_combo_that_cost_nothing_has_a_price(
    desk: Desk, near: float, far: float, average: float | None
) -> None:
    """Its legs alone are reported; 0 as the gateway's average is a price here, elsewhere none is given."""
    desk.place(instrument="BAG:SPY:SMART:USD:+1x100,-1x200", limit_price=0.0)
    for number, side, price in ((1, "BOT", near), (2, "SLD", far)):
        leg = execution(1, f"{EXEC}.0{number}.01", price=price, side=side)
        desk.says(replace(leg, contract=replace(leg.contract, sec_type="OPT")))
    desk.says(order_status(1, "Filled", filled=10.0, avg_fill_price=0.0))
    desk.later(1.1)
    desk.lists_nothing()
    assert (desk.status(), desk.order().avg_price) == ("filled", average)
