"""A gateway that is logged in with other accounts than those that orders were placed in: its lists prove
nothing about them."""

from __future__ import annotations

import pytest
from support.orders_desk import Desk
from support.orders_reports import EXEC, execution, open_order, order_status
from twsmq_nodes.tws import requests as rq

OTHERS = ("DU2",)
OLD = execution(
    99, f"{EXEC}.07.01", time="20260901 05:04:56 US/Eastern", client_id=5, perm_id=7, req_id=1_500_000_002
)


@pytest.fixture
def desk() -> Desk:
    desk = Desk()
    desk.place()
    return desk


def log_in(desk: Desk, *accounts: str, later: float = 60.0) -> None:
    desk.session_lost()
    desk.later(later)
    desk.session_up(accounts=accounts)


def test_an_order_that_works_in_an_account_that_is_not_there_is_unknown(desk: Desk) -> None:
    desk.accepted()
    log_in(desk, *OTHERS)
    desk.snapshot()
    assert desk.status() == "unknown"
    reason = desk.order().reason or ""
    assert "DU1" in reason
    assert "DU2" in reason
    log_in(desk, "DU1")
    desk.snapshot(open_order(1), order_status(1, "Submitted", remaining=10.0))
    assert desk.status() == "submitted"


def test_one_without_an_answer_is_not_proved_absent_and_not_sent_again(desk: Desk) -> None:
    log_in(desk, *OTHERS)
    desk.snapshot()
    assert desk.status() == "unknown"
    assert desk.place().code == "timeout"
    assert len(desk.wire) == 1
    log_in(desk, "DU1")
    desk.snapshot()
    assert desk.status() == "not_sent"


@pytest.mark.parametrize("answered", [True, False])
def test_other_accounts_executions_settle_nothing_overnight(desk: Desk, answered: bool) -> None:
    if answered:
        desk.accepted()
    log_in(desk, *OTHERS, later=2 * 86_400.0)
    desk.snapshot(executions=[OLD])
    assert desk.status() == "unknown"


def test_a_cancel_is_kept_until_the_account_is_back(desk: Desk) -> None:
    desk.accepted()
    log_in(desk, *OTHERS)
    desk.snapshot()
    desk.cancel()
    assert not [one for one in desk.wire if isinstance(one, rq.CancelOrder)], "it would be another login's"
    log_in(desk, "DU1")
    desk.snapshot(open_order(1), order_status(1, "Submitted", remaining=10.0))
    assert desk.wire[-1] == rq.CancelOrder(1)
    assert desk.status() == "pending_cancel"


def test_an_order_of_a_group_of_accounts_is_at_the_gateway_that_manages_several() -> None:
    desk = Desk(up=False)
    desk.session_up(accounts=("DF1", "DU2"))
    desk.snapshot()
    desk.place(extra={"faGroup": "All"})
    desk.accepted()
    log_in(desk, "DF1", "DU2", "DU3")
    desk.snapshot()
    assert "account" not in (desk.order().reason or "")
