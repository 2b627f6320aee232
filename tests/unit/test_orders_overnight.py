"""Orders that ended while nobody was there: what the executions that a gateway still lists prove, and what
not."""

from __future__ import annotations

from typing import Any

import pytest
from support.orders_desk import Desk
from support.orders_reports import EXEC, execution
from twsmq_nodes.tws import events as tws

DAY = 86_400.0


@pytest.fixture
def desk() -> Desk:
    return Desk()


def ended_overnight(desk: Desk, executions: list[tws.Event]) -> None:
    """Accepted, then nobody was there for two days; the gateway lists these executions."""
    desk.place()
    desk.accepted()
    desk.session_lost()
    desk.later(2 * DAY)
    desk.session_up()
    desk.snapshot(executions=executions)


def listed(req: str, order_id: int, cid: str, time: str, **changes: Any) -> tws.ExecDetails:
    return execution(
        order_id, f"{EXEC}.{req}.01", time=time, order_ref=f"s/{cid}", req_id=1_500_000_002, **changes
    )


def test_an_order_that_ended_overnight_is_settled_by_executions_that_reach_back_before_it(desk: Desk) -> None:
    old = listed("07", 99, "other", "20260901 05:04:56 US/Eastern", client_id=5, perm_id=77)
    ended_overnight(desk, [old])
    assert desk.status() == "cancelled"
    assert "0 executed" in (desk.order().reason or "")


def test_its_own_executions_count_before_it_is_settled(desk: Desk) -> None:
    old = listed("07", 99, "other", "20260901 05:04:56 US/Eastern", client_id=5, perm_id=77)
    own = listed("08", 1, "a", "20260922 05:04:56 US/Eastern", shares=4.0)
    ended_overnight(desk, [old, own])
    assert (desk.status(), desk.order().filled) == ("cancelled", 4.0)


def test_executions_that_do_not_reach_back_prove_nothing(desk: Desk) -> None:
    late = listed("07", 99, "other", "20270901 05:04:56 US/Eastern", client_id=5, perm_id=77)
    ended_overnight(desk, [late])
    assert desk.status() == "unknown"
    assert "earlier day" in (desk.order().reason or "")


def test_one_that_was_never_answered_is_settled_in_the_same_way(desk: Desk) -> None:
    desk.place()
    desk.session_lost()
    assert desk.status() == "unknown"
    desk.later(2 * DAY)
    desk.session_up()
    old = listed("07", 99, "other", "20260901 05:04:56 US/Eastern", client_id=5, perm_id=77)
    desk.snapshot(executions=[old])
    assert (desk.status(), desk.order().filled) == ("cancelled", 0.0)
    assert "never arrived, or ended" in (desk.order().reason or "")
    assert desk.place().answer.order_id == 1
    assert len(desk.wire) == 1, "the same request again is answered, and sends nothing"


def test_one_whose_executions_are_all_of_it_was_filled(desk: Desk) -> None:
    """A modification was on its way that would have made it larger."""
    desk.place()
    desk.accepted()
    desk.modify(quantity=20.0)
    desk.session_lost()
    desk.later(2 * DAY)
    desk.session_up()
    old = listed("07", 99, "other", "20260901 05:04:56 US/Eastern", client_id=5, perm_id=77)
    own = listed("08", 1, "a", "20260922 05:04:56 US/Eastern", shares=10.0)
    desk.snapshot(executions=[old, own])
    assert (desk.status(), desk.order().filled) == ("filled", 10.0)
