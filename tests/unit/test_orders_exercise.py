"""Options exercised or let lapse: once for its key, never proved absent, honest where nobody answers."""

from __future__ import annotations

from typing import Any

import pytest
from support.orders_desk import Caller, Desk
from support.orders_reports import error, open_order, order_status
from twsmq_nodes.orders.pipeline.exercises import trade_of
from twsmq_nodes.orders.reconciliation.in_flight import UNANSWERED_S
from twsmq_nodes.tws import events as tws
from twsmq_nodes.tws import requests as rq
from twsmq_protocol.errors import FieldError
from twsmq_protocol.order_control_requests import ResolveOrder
from twsmq_protocol.order_query_requests import GetOrders
from twsmq_protocol.order_requests import ExerciseOption

CALL = "OPT:AAPL:SMART:USD:20270115:C:180"


def an_exercise(**changes: Any) -> ExerciseOption:
    return ExerciseOption(
        **{"strategy": "s", "client_order_id": "x", "instrument": CALL, "quantity": 2} | changes
    )


def exercise(desk: Desk, **changes: Any) -> Caller:
    caller = Caller(answers=[])
    return desk.ask(lambda: desk.core.request(an_exercise(**changes), caller, desk.now), caller)


def sent(desk: Desk) -> list[rq.Request]:
    return [request for request in desk.wire if isinstance(request, rq.ExerciseOptions)]


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_its_intent_is_durable_before_its_bytes_leave_and_its_answer_comes_then(desk: Desk) -> None:
    desk.auto = False
    caller = exercise(desk)
    desk.admit()
    assert (sent(desk), caller.answers) == ([], [])
    desk.commit()
    (request,) = sent(desk)
    assert isinstance(request, rq.ExerciseOptions)
    assert (request.action, request.quantity, request.account, request.override) == (1, 2, "DU1", 0)
    assert caller.answer.status == "pending"
    assert (desk.order("x").order_type, desk.order("x").side) == ("EXERCISE", "SELL")


def test_the_same_request_again_is_no_second_one_not_even_after_a_crash(desk: Desk) -> None:
    exercise(desk)
    assert exercise(desk).answer.status == "pending"
    desk.crash()
    desk.session_up(next_order_id=2)
    desk.lists_nothing()
    assert desk.status("x") == "unknown"
    assert exercise(desk).code == "timeout"
    assert len(sent(desk)) == 1
    assert exercise(desk, quantity=1).code == "conflict"
    assert desk.place("x").code == "conflict"


def test_two_of_the_same_at_the_gate_are_one(desk: Desk) -> None:
    desk.auto = False
    first, second = exercise(desk), exercise(desk)
    desk.admit()
    desk.admit()
    desk.commit()
    assert [first.answer.status, second.answer.status] == ["pending", "pending"]
    assert len(sent(desk)) == 1


def test_an_error_about_it_refuses_it(desk: Desk) -> None:
    exercise(desk)
    desk.says(error(1, 321, "Options are not held"))
    assert (desk.status("x"), desk.order("x").reason) == ("rejected", "Options are not held")


def test_no_list_proves_it_absent_and_unanswered_it_is_unknown_with_a_true_reason(
    desk: Desk,
) -> None:
    exercise(desk)
    for _ in range(4):
        desk.later(UNANSWERED_S)
        desk.lists_nothing()
    assert desk.status("x") == "unknown"
    assert "has not confirmed it" in (desk.order("x").reason or "")
    desk.asked.clear()
    desk.later(60.0)
    assert not desk.asked, "nothing more can be found out"
    caller = Caller(answers=[])
    word = ResolveOrder(strategy="s", client_order_id="x", status="filled", reason="the position is gone")
    desk.do(desk.core.request(word, caller, desk.now))
    assert desk.status("x") == "filled"


def confirmed() -> tuple[tws.Event, ...]:
    """As captured: 10349, then an order of the request's id, a purchase at a limit of 0."""
    view = open_order(1, "", "PreSubmitted", order_ref="", total_quantity=2.0, limit_price=0.0, tif="DAY")
    return error(1, 10349, "Order TIF was set to DAY"), view, order_status(1, "PreSubmitted", remaining=2.0)


def test_a_gateway_confirms_it_by_an_order_of_its_own(desk: Desk) -> None:
    exercise(desk)
    desk.says(*confirmed())
    order = desk.order("x")
    assert (order.status, order.order_type, order.side, order.limit_price) == (
        "submitted",
        "EXERCISE",
        "SELL",
        None,
    )
    desk.later(60.0)
    assert desk.status("x") == "submitted"
    assert exercise(desk).answer.order_id == 1
    assert len(sent(desk)) == 1


def test_one_that_was_confirmed_is_as_it_was_for_the_day_and_unknown_after_it(desk: Desk) -> None:
    exercise(desk)
    desk.says(*confirmed())
    desk.session_lost()
    desk.later(10.0)
    desk.session_up(2)
    desk.lists_nothing()
    assert desk.status("x") == "submitted"
    desk.session_lost()
    desk.later(86_400.0)
    desk.session_up(2)
    desk.lists_nothing()
    assert desk.status("x") == "unknown"
    assert "had confirmed it" in (desk.order("x").reason or "")


def test_one_that_never_left_may_be_asked_for_again(desk: Desk) -> None:
    desk.wire_open = False
    assert exercise(desk).code == "not_ready"
    assert desk.status("x") == "not_sent"
    desk.wire_open = True
    assert exercise(desk).answer.order_id == 2
    assert len(sent(desk)) == 1


def test_it_is_neither_cancelled_nor_changed_nor_swept_by_a_mass_cancel(desk: Desk) -> None:
    exercise(desk)
    assert desk.cancel("x").code == "conflict"
    assert desk.modify("x", quantity=1.0).code == "conflict"
    (row,) = desk.core.orders(GetOrders()).orders
    assert (row["order_type"], row["request"]["quantity"]) == ("EXERCISE", 2)


def test_halted_means_no_exercise(desk: Desk) -> None:
    desk.core.intake.halt("", "smoke")
    assert exercise(desk).code == "halted"


def test_limits_see_the_trade_in_shares_that_follows() -> None:
    call = trade_of(an_exercise())
    assert call is not None
    assert (call.instrument, call.side, call.quantity, call.limit_price) == (
        "STK:AAPL:SMART:USD",
        "BUY",
        200.0,
        180.0,
    )
    put = trade_of(an_exercise(instrument="OPT:AAPL:SMART:USD:20270115:P:180"))
    assert put is not None
    assert put.side == "SELL"
    assert trade_of(an_exercise(action="lapse")) is None


@pytest.mark.parametrize("instrument", ["STK:AAPL:SMART:USD", "CONID:265598:SMART"])
def test_only_an_option_by_name_is_exercised(instrument: str) -> None:
    with pytest.raises(FieldError, match="name an option"):
        an_exercise(instrument=instrument)
