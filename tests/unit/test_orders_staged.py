"""What the gateway holds back: the staged orders of a group, and how they end or are handed on."""

from __future__ import annotations

import pytest
from support.orders_desk import Caller, Desk
from support.orders_reports import error, execution, open_order, order_status
from support.orders_steps import cancels_of, changes, linked, outcomes, sent, working
from twsmq_nodes.tws import requests as rq


@pytest.fixture
def desk() -> Desk:
    return Desk()


def bracket(desk: Desk) -> Caller:
    return linked(desk, {"client_order_id": "a"}, {"client_order_id": "b"}, {"client_order_id": "c"})


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


@pytest.mark.parametrize("word", ["PendingSubmit", "ApiPending", "Inactive"])
def test_a_last_leg_that_is_shown_and_then_refused_has_handed_on_nothing(desk: Desk, word: str) -> None:
    bracket(desk)
    desk.says(open_order(3, "c", word), order_status(3, word), error(3, 201, "no margin"))
    assert desk.status("c") == "rejected"
    assert desk.wire[3:] == [rq.CancelOrder(1), rq.CancelOrder(2)]


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


# -- refused, while nothing of it is in any list

TICK = "The price does not conform to the minimum price variation for this contract."
ANSWERS = [(10147, "OrderId 1 that needs to be cancelled is not found."), (202, "Order was discarded.")]


def some_seconds(desk: Desk) -> None:
    for _ in range(9):
        desk.later(1.0)
        desk.lists_nothing()


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("code", [110, 434])
def test_one_that_stands_alone_and_is_refused_is_taken_back(
    desk: Desk, code: int, answer: tuple[int, str]
) -> None:
    desk.place(transmit=False)
    desk.place("b", parent="a", transmit=False)
    desk.says(error(1, code, TICK))
    some_seconds(desk)
    assert {*cancels_of(desk)} == {1, 2}, "with what is attached to it"
    desk.says(error(1, *answer))
    assert (desk.status(), desk.order().tws_code, desk.order().reason) == ("rejected", code, TICK)


def test_one_that_was_refused_before_a_restart_is_taken_back_after_it(desk: Desk) -> None:
    desk.place(transmit=False)
    desk.says(error(1, 110, TICK))
    desk.crash()
    desk.later(10.0)
    desk.session_up(2)
    desk.snapshot()
    assert cancels_of(desk) == [1]
    desk.says(error(1, *ANSWERS[0]))
    assert (desk.status(), desk.order().reason) == ("rejected", TICK)


def test_words_that_nobody_knows_leave_it_unknown_and_it_may_be_handed_on(desk: Desk) -> None:
    """A new warning of the gateway's ends no order (10349 once was one: ib_async issue 191)."""
    desk.place(transmit=False)
    desk.says(error(1, 451, "exceeds the Total Value Limit"))
    some_seconds(desk)
    assert (desk.status(), desk.order().tws_code, cancels_of(desk)) == ("unknown", 451, [])
    assert "exceeds the Total Value Limit" in (desk.order().reason or "")
    desk.modify(transmit=True)
    desk.accepted()
    assert (desk.status(), desk.order().staged) == ("submitted", False)


def test_a_refused_change_leaves_it_as_it_was_and_is_not_sent_again(desk: Desk) -> None:
    desk.place(transmit=False)
    desk.later(10.0)
    desk.modify(limit_price=2.0)
    desk.later(10.0)
    desk.modify(quantity=11.5)
    desk.says(error(1, 10243, "Fractional-sized order cannot be placed via API."))
    assert outcomes(desk)[-1] == (2, "refused")
    some_seconds(desk)
    assert cancels_of(desk) == []
    desk.modify(transmit=True)
    assert (sent(desk).limit_price, sent(desk).total_quantity) == (2.0, 10.0)


def test_a_refusal_that_may_mean_either_of_two_settles_neither(desk: Desk) -> None:
    desk.place(transmit=False)
    desk.later(10.0)
    desk.modify(limit_price=2.005)
    desk.modify(limit_price=3.0)
    desk.says(error(1, 110, TICK))
    assert [outcome for _, outcome in outcomes(desk)] == ["sent", "sent"]
    some_seconds(desk)
    assert (desk.status(), cancels_of(desk), desk.notices()[-1].tws_code) == ("pending", [], 110)
    desk.modify(transmit=True)
    desk.says(open_order(1, limit_price=3.0))
    assert outcomes(desk)[3:] == [(1, "superseded"), (2, "confirmed"), (3, "confirmed")]


@pytest.mark.parametrize("words_first", [True, False])
def test_one_that_is_handed_on_and_refused_ends_by_the_refusal(desk: Desk, words_first: bool) -> None:
    desk.place(transmit=False)
    desk.later(10.0)
    desk.modify(limit_price=2.0)
    desk.later(10.0)
    desk.modify(transmit=True)
    messages = [error(1, 201, "no margin"), order_status(1, "Cancelled")]
    desk.says(*messages if words_first else messages[::-1])
    desk.later(0.6)
    assert (desk.status(), desk.order().tws_code) == ("rejected", 201)


@pytest.mark.parametrize(("code", "text"), [(201, "no margin"), (103, "Duplicate order id")])
def test_one_that_is_handed_on_and_refused_by_words_alone_is_taken_back(
    desk: Desk, code: int, text: str
) -> None:
    """103: a person has discarded it meanwhile (ib_insync issues 346 and 625)."""
    desk.place(transmit=False)
    desk.later(10.0)
    desk.modify(transmit=True)
    desk.says(error(1, code, text), error(1, code, text))
    some_seconds(desk)
    assert (outcomes(desk)[-1], {*cancels_of(desk)}) == ((1, "refused"), {1})
    desk.says(error(1, *ANSWERS[0]))
    assert (desk.status(), desk.order().tws_code, desk.order().reason) == ("rejected", code, text)


def test_a_parent_that_ends_with_words_of_the_gateways_says_them(desk: Desk) -> None:
    bracket(desk)
    missing = [error(order_id, 10006, "Missing parent order") for order_id in (2, 3)]
    desk.says(error(1, 451, "exceeds the Total Value Limit"), *missing)
    assert cancels_of(desk) == [1]
    desk.later(4.0)
    desk.says(error(1, *ANSWERS[0]))
    assert (desk.status("a"), desk.order("a").reason) == ("cancelled", "exceeds the Total Value Limit")


def test_a_bracket_whose_entry_fills_before_its_exits_are_heard_of(desk: Desk) -> None:
    bracket(desk)
    desk.says(execution(1), order_status(1, "Filled", filled=10.0))
    rows = (open_order(2, "b"), open_order(3, "c"))
    for _ in range(9):
        desk.later(1.0)
        while desk.asked:
            desk.snapshot(*rows)
    assert [desk.status(cid) for cid in "abc"] == ["filled", "submitted", "submitted"]
    assert [desk.order(cid).staged for cid in "abc"] == [False] * 3
    desk.modify("b", limit_price=2.0)
    assert sent(desk).parent_id == 0


def test_one_that_is_handed_on_with_a_value_that_the_gateway_makes_another_is_handed_on(desk: Desk) -> None:
    desk.place(transmit=False)
    desk.modify(limit_price=2.005)
    desk.modify(transmit=True)
    desk.accepted(limit_price=2.5)
    desk.later(5.1)
    desk.later(0.1)
    desk.snapshot(open_order(1, limit_price=2.5), order_status(1, "Submitted", remaining=10.0))
    assert outcomes(desk)[2:] == [(1, "unanswered"), (2, "confirmed")]
    assert desk.order().limit_price == 2.5


@pytest.mark.parametrize(("filled", "parent_id"), [(0.0, 1), (4.0, 0)])
def test_an_exit_whose_entry_has_bought_nothing_is_not_handed_on_alone(
    desk: Desk, filled: float, parent_id: int
) -> None:
    """The gateway refuses it then (10006)."""
    desk.place("a", transmit=False)
    desk.place("b", parent="a", side="SELL", limit_price=3.0, transmit=False)
    if filled:
        desk.says(execution(1, shares=filled))
    desk.says(order_status(1, "Cancelled", filled=filled), error(1, 202, "Order Canceled - reason:"))
    desk.modify("b", transmit=True)
    assert (sent(desk).parent_id, sent(desk).transmit) == (parent_id, True)


def cancelled_in_vain(desk: Desk) -> None:
    desk.place(transmit=False)
    desk.cancel()
    for _ in range(40):
        some_seconds(desk)


def test_one_that_was_thrown_away_and_whose_cancels_nobody_answers_is_unknown(desk: Desk) -> None:
    cancelled_in_vain(desk)
    assert (desk.status(), cancels_of(desk)) == ("unknown", [1, 1, 1])
    assert "answers no cancel of it" in (desk.order().reason or "")
    desk.says(error(1, *ANSWERS[0]))
    assert desk.status() == "cancelled"


def test_cancels_that_nobody_answered_go_again_when_asked_for_and_in_the_next_session(desk: Desk) -> None:
    cancelled_in_vain(desk)
    desk.cancel()
    assert cancels_of(desk) == [1] * 4
    desk.session_lost()
    desk.later(10.0)
    desk.session_up(2)
    desk.snapshot()
    assert (desk.status(), cancels_of(desk)) == ("unknown", [1] * 5)


def test_a_refusal_that_may_be_of_the_order_or_of_changes_just_after_it_leaves_it_unknown(desk: Desk) -> None:
    desk.place(transmit=False)
    desk.modify(limit_price=2.0)
    desk.modify(limit_price=3.0)
    desk.says(error(1, 110, TICK))
    some_seconds(desk)
    assert (desk.status(), desk.order().tws_code, cancels_of(desk)) == ("unknown", 110, [])
    desk.modify(transmit=True)
    assert (sent(desk).transmit, sent(desk).limit_price) == (True, 3.0)
    desk.accepted(limit_price=3.0)
    assert (desk.status(), outcomes(desk)[-1]) == ("submitted", (3, "confirmed"))


def test_handing_on_asks_for_nothing_else(desk: Desk) -> None:
    desk.place(transmit=False)
    desk.modify(transmit=True)
    desk.accepted()
    assert [(one.asked, one.stands) for one in changes(desk)] == [({"transmit": True}, {})] * 2


def test_what_is_attached_to_one_that_was_thrown_away_goes_with_it_without_a_word(desk: Desk) -> None:
    desk.place("a", transmit=False)
    desk.place("b", parent="a", transmit=False)
    desk.cancel("a")
    desk.says(error(1, 202, "Order was discarded."))
    for _ in range(4):
        some_seconds(desk)
    assert [desk.status(cid) for cid in "ab"] == ["cancelled", "cancelled"]
    assert "threw it away with a" in (desk.order("b").reason or "")
