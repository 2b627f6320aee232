"""Whose order a report is about: copies made in TWS, other clusters with the same names, ids used again."""

from __future__ import annotations

from typing import Any

import pytest
from support.orders_desk import Desk
from support.orders_reports import EXEC, completed, error, execution, open_order, order_status
from twsmq_nodes.tws import events as tws
from twsmq_protocol.order_control_requests import GetAccountExecutions
from twsmq_protocol.order_query_requests import GetOrders

COPY: dict[str, Any] = {"client_id": 0, "perm_id": 7777}
"""Made by hand in TWS from an order of ours, with its reference ("Create similar order")."""
OLD = "20260901 05:04:56 US/Eastern"
"""Before any order of the desk."""


@pytest.fixture
def desk() -> Desk:
    desk = Desk()
    desk.place()
    desk.accepted()
    return desk


def copy(word: str = "Submitted", **view: Any) -> tws.OpenOrder:
    return open_order(0, "a", word, **(COPY | view))


def look_again(desk: Desk, *rows: tws.Event, foreign: Any = (), completed: Any = ()) -> None:
    desk.session_lost()
    desk.later(10.0)
    desk.session_up()
    desk.alone = False
    desk.snapshot(*rows, foreign=foreign, completed=completed)


def test_a_copy_made_in_tws_is_not_our_order(desk: Desk) -> None:
    told = len(desk.published)
    desk.says(copy(total_quantity=900.0, limit_price=9.0))
    desk.says(order_status(0, "Submitted", client_id=0, perm_id=7777))
    assert desk.published[told:] == []
    (row,) = desk.core.orders(GetOrders()).foreign
    assert (row.perm_id, row.quantity, row.reference) == (7777, 900.0, "s/a")


def test_what_is_executed_of_a_copy_is_not_ours(desk: Desk) -> None:
    desk.says(copy(), execution(0, f"{EXEC}.02.01", 4.0, **COPY))
    assert (desk.order().filled, desk.fills()) == (0.0, [])
    (row,) = desk.core.account_executions(GetAccountExecutions(foreign=True)).executions
    assert (row.quantity, row.order) == (4.0, None)


def test_an_order_of_ours_that_is_never_answered_is_not_its_copy() -> None:
    desk = Desk()
    desk.place()
    desk.says(copy(), execution(0, f"{EXEC}.02.01", 10.0, **COPY))
    assert (desk.status(), desk.order().filled, desk.order().perm_id) == ("pending", 0.0, None)


@pytest.mark.parametrize("word", ["Cancelled", "Filled", "Inactive"])
def test_the_end_of_a_copy_is_not_that_of_our_order(desk: Desk, word: str) -> None:
    """Completed orders name neither client nor order id. So it is with an order of that name of another
    cluster at the same gateway."""
    ours = [open_order(1), order_status(1, "Submitted", remaining=10.0)]
    look_again(desk, *ours, completed=[completed("a", word, 7777, filled_quantity=10.0)])
    assert (desk.status(), desk.order().filled) == ("submitted", 0.0)


def test_the_end_of_a_copy_that_was_seen_working_says_nothing_of_an_order_without_an_answer() -> None:
    desk = Desk(alone=False)
    desk.says(copy())
    desk.place()
    look_again(desk, completed=[completed("a", "Filled", 7777, filled_quantity=10.0)])
    assert desk.status() == "not_sent", "absent from all lists, since before it was sent"


def test_the_end_of_a_copy_that_was_seen_executed_says_nothing_of_an_order_without_an_answer() -> None:
    desk = Desk()
    desk.says(execution(0, f"{EXEC}.02.01", 10.0, **COPY))
    desk.place()
    look_again(desk, completed=[completed("a", "Filled", 7777, filled_quantity=10.0)])
    assert desk.status() == "not_sent"


def test_a_completed_order_of_the_other_side_is_not_ours() -> None:
    desk = Desk()
    desk.place()
    look_again(desk, completed=[completed("a", "Filled", 7777, action="SELL", filled_quantity=10.0)])
    assert (desk.status(), desk.order().filled) == ("not_sent", 0.0)


def test_an_order_without_an_answer_that_has_completed_is_still_found_by_its_reference() -> None:
    desk = Desk()
    desk.place()
    look_again(desk, completed=[completed("a", "Cancelled", 7777)])
    assert (desk.status(), desk.order().perm_id) == ("cancelled", 7777)


@pytest.mark.parametrize("perm_id", [0, 9777])
def test_an_execution_of_ours_under_an_order_id_that_nobody_knows_counts_by_its_reference(
    desk: Desk, perm_id: int
) -> None:
    """nautilus_trader issue 4970."""
    desk.says(execution(57, shares=10.0, perm_id=perm_id))
    assert (desk.status(), desk.order().filled) == ("filled", 10.0)
    (notice,) = desk.notices()
    assert "order id 57" in notice.text
    (row,) = desk.core.account_executions(GetAccountExecutions()).executions
    assert row.order == "s/a"


def test_it_counts_once_and_is_told_once(desk: Desk) -> None:
    for number, shares in enumerate((3.0, 3.0, 4.0), 1):
        desk.says(*[execution(57, f"{EXEC}.0{number}.01", shares, perm_id=0)] * 2)
    assert (desk.status(), desk.order().filled, len(desk.fills())) == ("filled", 10.0, 3)
    assert len(desk.notices()) == 1


@pytest.mark.parametrize("other", [{"side": "SLD"}, {"acct_number": "DU9"}, {"client_id": 7}])
def test_but_not_of_another_side_account_or_client(desk: Desk, other: dict[str, Any]) -> None:
    desk.says(execution(57, shares=10.0, perm_id=0, **other))
    assert (desk.status(), desk.fills()) == ("submitted", [])
    (row,) = desk.core.account_executions(GetAccountExecutions()).executions
    assert row.order is None


def test_an_execution_without_a_reference_is_known_by_its_permanent_id(desk: Desk) -> None:
    """Order ids that were reset at the gateway begin at 1 again; a week of executions is asked for."""
    desk.says(execution(1, f"{EXEC}.05.01", 10.0, order_ref="", perm_id=555, req_id=1_500_000_001))
    assert desk.fills() == []
    desk.says(execution(1, f"{EXEC}.06.01", 4.0, order_ref=""))
    assert desk.order().filled == 4.0


def test_an_execution_from_before_an_order_was_sent_is_not_its() -> None:
    desk = Desk()
    desk.place()
    desk.says(execution(1, f"{EXEC}.05.01", 10.0, order_ref="", perm_id=555, time=OLD))
    assert (desk.status(), desk.fills()) == ("pending", [])


def test_an_execution_of_another_client_under_the_same_order_id_and_reference_is_not_ours(desk: Desk) -> None:
    desk.says(execution(1, shares=10.0, client_id=7, perm_id=555))
    assert desk.fills() == []


@pytest.mark.parametrize("order_id", [0, 2**31 - 1, -5])
def test_by_its_permanent_id_an_execution_is_ours_whatever_else_it_is_called(
    desk: Desk, order_id: int
) -> None:
    """IbPy issue 36: 2147483647; orders bound by client 0 have ids below 0."""
    desk.says(execution(order_id, shares=4.0, client_id=0, order_ref="", perm_id=9001))
    assert desk.order().filled == 4.0


@pytest.mark.parametrize("order_id", [0, 2**31 - 1, -5])
def test_a_trade_by_hand_is_nobodys_order(desk: Desk, order_id: int) -> None:
    desk.says(execution(order_id, shares=4.0, client_id=0, order_ref="by hand", perm_id=0, liquidation=1))
    (row,) = desk.core.account_executions(GetAccountExecutions()).executions
    assert (row.order, row.liquidation, desk.fills()) == (None, True, [])


def test_an_attempt_that_the_journal_does_not_know_is_not_placed_again() -> None:
    """The journal is an older copy: it ends before the second attempt, which works at the gateway."""
    desk = Desk()
    desk.place()
    look_again(desk)
    assert desk.status() == "not_sent"
    desk.says(open_order(57, perm_id=9057), order_status(57, "Submitted", perm_id=9057))
    again = desk.place()
    assert again.code == "conflict"
    assert "9057" in again.answer.message
    assert len(desk.wire) == 1


# -- one order id, two orders: ids were reset at the gateway, or another folder has our client id

ANOTHERS: dict[str, Any] = {"perm_id": 7777, "order_ref": "t/x", "action": "SELL", "total_quantity": 5.0}


@pytest.mark.parametrize("word", ["Submitted", "Filled", "Cancelled", "Inactive"])
@pytest.mark.parametrize("cancelled", [False, True])
def test_the_status_of_anothers_order_under_our_order_id_is_not_ours(
    desk: Desk, word: str, cancelled: bool
) -> None:
    if cancelled:
        desk.cancel()
        desk.says(order_status(1, "Cancelled"))
    before, told = desk.order(), len(desk.published)
    desk.says(open_order(1, **ANOTHERS), order_status(1, "Submitted", perm_id=7777, remaining=5.0))
    desk.says(order_status(1, word, perm_id=7777, filled=2.0, remaining=3.0))
    desk.later(1.0)
    assert (desk.order(), desk.published[told:]) == (before, [])
    row = desk.announced[-1]
    assert (row.perm_id, row.status, row.filled) == (7777, word, 2.0)


def test_an_error_about_an_order_id_that_two_have_ends_neither(desk: Desk) -> None:
    desk.says(open_order(1, **ANOTHERS), error(1, 201, "Order rejected - reason: margin"))
    assert desk.status() == "submitted"
    assert desk.notices()[-1].tws_code == 201
    desk.later(1.0)
    assert desk.asked, "which one it was is looked for"


def test_an_error_about_an_order_id_that_another_has_now_changes_no_end(desk: Desk) -> None:
    desk.cancel()
    desk.says(order_status(1, "Cancelled"), open_order(1, **ANOTHERS))
    told = len(desk.published)
    desk.says(error(1, 201, "Order rejected - reason: margin"))
    assert (desk.status(), desk.published[told:]) == ("cancelled", [])


def test_what_has_our_order_id_in_another_logins_account_is_not_ours(desk: Desk) -> None:
    """Nobody has to have given it a reference."""
    desk.session_lost()
    desk.later(10.0)
    desk.session_up(accounts=("DU9",))
    desk.snapshot(open_order(1, perm_id=7777, order_ref="", account="DU9"))
    desk.says(order_status(1, "Filled", perm_id=7777, filled=10.0, avg_fill_price=3.0))
    desk.says(execution(1, f"{EXEC}.07.01", perm_id=7777, order_ref="", acct_number="DU9"))
    assert (desk.status(), desk.order().perm_id, desk.order().filled) == ("unknown", 9001, 0.0)


def test_an_execution_of_less_than_nothing_is_none(desk: Desk) -> None:
    desk.says(execution(1, shares=-4.0))
    assert (desk.fills(), desk.order().filled) == ([], 0.0)
