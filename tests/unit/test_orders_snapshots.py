"""When a snapshot is taken, and when it proves nothing: outages, questions given up, late answers."""

from __future__ import annotations

import pytest
from support.orders_desk import Desk
from support.orders_reports import end_of, error, execution, open_order, order_status
from twsmq_nodes.tws import events as tws


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_snapshot_whose_executions_were_asked_for_before_does_not_finish_a_filled_order(desk: Desk) -> None:
    desk.place()
    desk.accepted()
    desk.upstream(True)
    row = (open_order(1), order_status(1, "Submitted", remaining=10.0))
    desk.says(*row, end_of(desk.asked.pop()))
    desk.says(*row, end_of(desk.asked.pop()))
    desk.says(end_of(desk.asked.pop()))
    desk.says(order_status(1, "Filled", filled=10.0))
    desk.says(end_of(desk.asked.pop()))
    assert desk.status() == "submitted"
    desk.says(execution(1))
    assert (desk.status(), desk.order().reason) == ("filled", None)


def test_1101_reconciles_again_and_1102_does_not_stop_trading(desk: Desk) -> None:
    desk.upstream(False)
    assert desk.place().code == "not_ready"
    desk.upstream(True)
    assert desk.state == "ready"
    desk.snapshot()
    desk.upstream(False)
    desk.upstream(True, data_lost=True)
    assert desk.state == "reconciling"
    desk.snapshot()
    assert desk.state == "ready"


def test_a_snapshot_taken_while_the_gateway_lost_the_broker_decides_nothing(desk: Desk) -> None:
    desk.place()
    desk.accepted()
    desk.session_lost()
    desk.later(10.0)
    desk.session_up()
    desk.upstream(False)
    desk.lists_nothing()
    assert (desk.state, desk.status()) == ("connecting", "submitted")
    desk.upstream(True)
    desk.snapshot(open_order(1), order_status(1, "Submitted", remaining=10.0))
    assert (desk.state, desk.status()) == ("ready", "submitted")


@pytest.mark.parametrize("data_lost", [True, False])
def test_a_session_without_the_broker_takes_its_snapshot_when_that_is_back(
    desk: Desk, data_lost: bool
) -> None:
    desk.place()
    desk.session_lost()
    desk.later(10.0)
    desk.session_up(upstream=False)
    desk.later(60.0)
    assert (desk.asked, desk.state) == ([], "connecting")
    desk.upstream(True, data_lost=data_lost)
    desk.snapshot()
    assert (desk.state, desk.status()) == ("ready", "not_sent")


def test_what_is_in_doubt_while_the_broker_is_lost_is_looked_for_afterwards(desk: Desk) -> None:
    desk.place()
    desk.upstream(False)
    desk.asked.clear()
    desk.later(5.0)
    desk.later(1.0)
    assert desk.asked == []
    desk.upstream(True)
    desk.snapshot()
    assert desk.status() == "not_sent"


def test_late_answers_to_a_snapshot_given_up_do_not_complete_the_next(desk: Desk) -> None:
    desk.place()
    desk.accepted()
    desk.session_lost()
    desk.session_up()
    for _ in range(3):
        desk.upstream(False)
        desk.upstream(True)
    for _ in range(3):
        desk.says(tws.OpenOrderEnd())  # to each question asked before
    row = (open_order(1), order_status(1, "Submitted", remaining=10.0))
    desk.snapshot(*row)
    assert (desk.state, desk.status()) == ("ready", "submitted")


def test_a_snapshot_the_gateway_does_not_finish_is_asked_for_again(desk: Desk) -> None:
    desk.session_lost()
    desk.session_up()
    desk.later(10.1)
    assert desk.state == "reconciling"
    desk.snapshot()
    assert desk.state == "ready"


def test_a_node_that_slept_over_all_its_timers_goes_on_with_a_new_snapshot(desk: Desk) -> None:
    desk.place()
    desk.session_lost()
    desk.session_up()
    desk.says(error(1, 999, "something is wrong"))
    desk.later(30.0)
    desk.snapshot()
    assert (desk.state, desk.status()) == ("ready", "rejected")


def test_what_waits_at_the_gate_is_refused_when_the_gateway_loses_the_broker() -> None:
    desk = Desk()
    desk.auto = False
    caller = desk.place()
    desk.upstream(False)
    assert caller.code == "not_ready"
    assert not desk.wire
    assert ("s", "a") not in desk.core.book.records
