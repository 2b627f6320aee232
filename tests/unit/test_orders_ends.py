"""The end of an order names the code and the text that caused it, in whichever order the messages come."""

from __future__ import annotations

from itertools import permutations

import pytest
from msgspec.structs import replace
from support.orders_desk import Desk
from support.orders_reports import EXEC, completed, error, execution, open_order, order_status
from support.orders_steps import cancels_of, linked, reconnect, working
from twsmq_nodes.tws import events as tws
from twsmq_protocol.order_events import Notice, Order

BARE = "Order Canceled - reason:"
TICK = "The price does not conform to the minimum price variation for this contract."


@pytest.fixture
def desk() -> Desk:
    return Desk()


def end_of(desk: Desk, cid: str = "a") -> tuple[str, int | None, str | None]:
    order = desk.order(cid)
    return order.status, order.tws_code, order.reason


def told_end(desk: Desk, cid: str = "a") -> tuple[str, int | None, str | None]:
    """As the last event has it."""
    last: Order = desk.told(Order, cid)[-1]
    return last.status, last.tws_code, last.reason


@pytest.mark.parametrize("bare", [BARE, "委托单被取消，原因："])
@pytest.mark.parametrize("pause", [0.0, 0.3, 0.7])
@pytest.mark.parametrize("code", [110, 201, 203, 321, 434])
def test_a_refusal_is_named_in_whichever_order_its_messages_come(code: int, pause: float, bare: str) -> None:
    messages = [order_status(1, "Cancelled", remaining=10.0), error(1, 202, bare), error(1, code, "why")]
    for sequence in permutations(messages):
        desk = Desk()
        desk.place()
        for message in sequence:
            desk.says(message)
            desk.later(pause)
            if desk.asked:
                desk.lists_nothing()
        desk.later(0.7)
        assert end_of(desk)[1:] == (code, "why"), [type(one).__name__ for one in sequence]
        assert told_end(desk) == end_of(desk)
        assert (end_of(desk)[0], desk.retained) == ("rejected", {})


@pytest.mark.parametrize("code", [110, 201, 203, 10311])
def test_an_order_that_had_worked_ends_by_what_was_said_beside_its_end(code: int) -> None:
    messages = [order_status(1, "Cancelled", remaining=10.0), error(1, 202, BARE), error(1, code, "why")]
    for sequence in permutations(messages):
        desk = Desk()
        working(desk)
        desk.says(*sequence)
        desk.later(0.7)
        assert end_of(desk)[1:] == (code, "why"), [type(one).__name__ for one in sequence]
        assert told_end(desk) == end_of(desk)


def test_an_old_complaint_is_no_cause_of_the_end_of_an_order_that_works(desk: Desk) -> None:
    working(desk)
    desk.says(error(1, 10311, "routed directly"))
    desk.later(60.0)
    desk.says(order_status(1, "Cancelled", remaining=10.0))
    desk.later(0.7)
    assert end_of(desk) == ("cancelled", None, "the gateway cancelled it and gave no reason")


def test_what_was_accepted_after_a_complaint_did_not_end_by_it(desk: Desk) -> None:
    desk.place()
    desk.says(error(1, 110, TICK))
    desk.accepted()
    desk.says(order_status(1, "Cancelled", remaining=10.0), error(1, 202, BARE))
    assert end_of(desk) == ("cancelled", 202, BARE)


def test_what_we_cancelled_ends_by_that(desk: Desk) -> None:
    working(desk)
    desk.says(error(1, 10311, "routed directly"))
    desk.cancel()
    desk.says(order_status(1, "Cancelled", remaining=10.0), error(1, 202, BARE))
    assert end_of(desk) == ("cancelled", 202, BARE)
    desk.says(error(1, 10311, "routed directly"))
    assert end_of(desk) == ("cancelled", 202, BARE)


def test_a_leg_of_a_bracket_refused_after_its_siblings_were_cancelled(desk: Desk) -> None:
    linked(desk, {"client_order_id": "a"}, {"client_order_id": "b"}, {"client_order_id": "c"})
    for order_id in (1, 2, 3):
        desk.says(order_status(order_id, "Cancelled", remaining=10.0), error(order_id, 202, BARE))
    desk.says(error(3, 110, TICK))
    assert end_of(desk, "c") == ("rejected", 110, TICK)
    assert end_of(desk, "a") == ("cancelled", 202, BARE)


def test_a_staged_leg_that_was_refused_itself_says_so_when_its_cancel_finds_nothing(desk: Desk) -> None:
    linked(desk, {"client_order_id": "a"}, {"client_order_id": "b"}, {"client_order_id": "c"})
    desk.says(error(1, 110, TICK), error(3, 10006, "Missing parent order"))
    assert cancels_of(desk) == [1, 2]
    desk.says(error(2, 202, "Order was discarded."))
    desk.later(4.0)
    desk.says(error(1, 10147, "OrderId 1 that needs to be cancelled is not found."))
    assert end_of(desk) == ("rejected", 110, TICK)
    assert end_of(desk, "b") == ("cancelled", 202, "Order was discarded.")


COMBO = "BAG:SPY:SMART:USD:+1x100,-1x200"


def test_a_combo_of_a_group_refused_after_the_202s_of_all(desk: Desk) -> None:
    linked(desk, *({"client_order_id": cid, "instrument": COMBO} for cid in "ab"), link="oca")
    desk.says(order_status(1, "Cancelled"), error(1, 202, BARE), error(2, 202, BARE), error(2, 110, TICK))
    assert end_of(desk) == ("cancelled", 202, BARE)
    assert end_of(desk, "b") == ("rejected", 110, TICK)


def test_one_that_we_had_cancelled_before_its_refusal_came(desk: Desk) -> None:
    desk.place()
    desk.cancel()
    desk.says(order_status(1, "Cancelled"), error(1, 110, TICK), error(1, 202, BARE))
    assert end_of(desk) == ("rejected", 110, TICK)


def test_an_inactive_order_whose_cancel_is_not_answered_ends(desk: Desk) -> None:
    """ib_insync issue 363: the gateway may send nothing more about it."""
    working(desk)
    desk.says(open_order(1, word="Inactive"), order_status(1, "Inactive"))
    desk.cancel()
    desk.later(5.1)
    desk.lists_nothing()
    desk.later(5.1)
    desk.lists_nothing()
    assert end_of(desk)[0] == "cancelled"
    assert "Inactive" in (end_of(desk)[2] or "")


def test_a_notice_between_a_refusal_and_its_proof_does_not_hide_it(desk: Desk) -> None:
    desk.place()
    desk.says(error(1, 110, TICK), error(1, 399, "will not be placed until 09:30"))
    desk.later(4.0)
    desk.snapshot()
    desk.later(4.0)
    desk.lists_nothing()
    assert end_of(desk)[:2] == ("rejected", 110)


def test_a_member_of_a_combo_group_that_is_gone_from_all_lists_was_refused(desk: Desk) -> None:
    """The gateway had shown it, refused it and said nothing more."""
    desk.place()
    desk.says(open_order(1, word="PendingSubmit"), error(1, 110, TICK))
    desk.session_lost()
    reconnect(desk)
    assert end_of(desk) == ("rejected", 110, TICK)


@pytest.mark.parametrize("code", [110, 203, 10311])
def test_what_makes_an_order_inactive_is_told_before_or_after(code: int) -> None:
    for sequence in permutations([order_status(1, "Inactive"), error(1, code, "why")]):
        desk = Desk()
        working(desk)
        desk.says(*sequence)
        assert told_end(desk) == ("inactive", code, "why")


def test_a_later_202_hides_no_refusal_and_a_fill_has_none(desk: Desk) -> None:
    desk.place()
    desk.says(error(1, 201, "no margin"), order_status(1, "Cancelled"), error(1, 202, BARE))
    assert end_of(desk) == ("rejected", 201, "no margin")
    working(desk, cid="b")
    desk.says(order_status(2, "Filled", filled=10.0, avg_fill_price=1.0))
    desk.later(1.1)
    desk.lists_nothing()
    desk.says(error(2, 202, BARE))
    assert end_of(desk, "b")[:2] == ("filled", None)


def test_a_cancel_that_finds_nothing_hides_no_refusal(desk: Desk) -> None:
    desk.place()
    desk.cancel()
    desk.says(error(1, 321, "Error validating request"), error(1, 10147, "not found"))
    assert end_of(desk) == ("rejected", 321, "Error validating request")


def test_the_reason_of_a_report_that_comes_after_the_end_is_added(desk: Desk) -> None:
    working(desk)
    desk.says(order_status(1, "Cancelled", remaining=10.0))
    desk.later(0.7)
    late = open_order(1, word="Cancelled")
    desk.says(replace(late, state=replace(late.state, reject_reason="No shares to borrow")))
    assert told_end(desk) == ("cancelled", None, "No shares to borrow")


def test_the_words_of_the_completed_orders_are_added_to_an_end_without_any(desk: Desk) -> None:
    working(desk)
    desk.says(order_status(1, "Cancelled", remaining=10.0))
    desk.session_lost()
    row = completed()
    row = replace(row, state=replace(row.state, completed_status="Cancelled by System:expired"))
    reconnect(desk, completed=[row])
    assert told_end(desk) == ("cancelled", None, "Cancelled by System:expired")


def test_words_of_one_attempt_are_not_told_of_the_next(desk: Desk) -> None:
    desk.place()
    desk.says(error(1, 399, "later"))
    desk.session_lost()
    reconnect(desk)
    assert desk.status() == "not_sent"
    desk.place()
    desk.says(error(1, 110, TICK), order_status(2, "Cancelled"))
    desk.later(0.7)
    assert end_of(desk) == ("cancelled", None, "the gateway cancelled it and gave no reason")
    last: Notice = desk.notices()[-1]
    assert (last.tws_code, last.text) == (
        0,
        f"about order id 1, an earlier attempt: {TICK} [gateway error 110]",
    )


def test_the_cause_survives_a_restart_of_the_node(desk: Desk) -> None:
    desk.place()
    desk.says(error(1, 110, TICK))
    desk.crash()
    desk.session_up(2)
    desk.lists_nothing()
    desk.says(order_status(1, "Cancelled"), tws.GatewayError(1, 202, BARE))
    assert end_of(desk) == ("rejected", 110, TICK)


@pytest.mark.parametrize(("code", "status"), [(201, "rejected"), (321, "rejected"), (202, "cancelled")])
def test_what_was_thought_never_sent_ends_by_the_gateways_word(desk: Desk, code: int, status: str) -> None:
    desk.place()
    desk.session_lost()
    reconnect(desk)
    assert desk.status() == "not_sent"
    desk.says(error(1, code, "Order Canceled - reason:why"))
    assert end_of(desk) == (status, code, "Order Canceled - reason:why")


def test_the_last_of_two_incarnations_ends_by_its_words(desk: Desk) -> None:
    working(desk)
    desk.says(open_order(1, perm_id=9100), order_status(1, "Submitted", perm_id=9100))
    desk.says(order_status(1, "Cancelled"), order_status(1, "Cancelled", perm_id=9100))
    desk.says(error(1, 202, "Order Canceled - reason:The venue closed"))
    assert end_of(desk) == ("cancelled", 202, "Order Canceled - reason:The venue closed")


@pytest.mark.parametrize("status_first", [True, False])
def test_an_order_that_ends_beside_the_refusal_of_its_change_ends_by_that(
    desk: Desk, status_first: bool
) -> None:
    working(desk)
    desk.modify(limit_price=2.005)
    messages = [error(1, 110, TICK), order_status(1, "Cancelled")]
    desk.says(*(reversed(messages) if status_first else messages))
    desk.later(0.7)
    assert end_of(desk) == ("cancelled", 110, TICK)


@pytest.mark.parametrize(("code", "pause"), [(104, 0.1), (110, 60.0)])
def test_the_refusal_of_a_change_is_no_cause_of_a_later_end(desk: Desk, code: int, pause: float) -> None:
    working(desk)
    desk.modify(limit_price=2.005)
    desk.says(error(1, code, "no"))
    desk.later(pause)
    desk.says(order_status(1, "Cancelled"))
    desk.later(0.7)
    assert end_of(desk) == ("cancelled", None, "the gateway cancelled it and gave no reason")


def test_the_reason_of_a_report_has_the_code_of_the_202_beside_it(desk: Desk) -> None:
    working(desk)
    ended = open_order(1, word="Cancelled")
    desk.says(replace(ended, state=replace(ended.state, reject_reason="No shares to borrow")))
    desk.says(order_status(1, "Cancelled"), error(1, 202, BARE))
    assert end_of(desk) == ("cancelled", 202, "No shares to borrow")


@pytest.mark.parametrize("listed", [True, False])
def test_an_end_without_its_executions_says_so_until_they_come(listed: bool) -> None:
    desk = Desk()
    desk.place()
    desk.accepted()
    if listed:
        desk.session_lost()
        desk.session_up()
        desk.snapshot(completed=[completed("a", "Filled", filled_quantity=10.0)])
    else:
        desk.says(order_status(1, "Filled", filled=10.0))
        desk.later(1.0)
        desk.snapshot()
    assert "executions" in (desk.order().reason or "")
    desk.says(execution(1, shares=6.0))
    assert "executions" in (desk.order().reason or "")
    desk.says(execution(1, f"{EXEC}.02.01", shares=4.0))
    assert desk.order().reason == ("Cancelled by Trader" if listed else None)
