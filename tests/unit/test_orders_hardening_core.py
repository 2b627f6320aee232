"""What a broken gateway, a stalled disk or a lost journal must not do to orders."""

from __future__ import annotations

from typing import Any

import pytest
from support.orders_desk import Caller, Desk
from support.orders_reports import CLIENT_ID, completed, error, execution, open_order, order_status
from twsmq_nodes.tws import events as tws
from twsmq_nodes.tws import requests as rq
from twsmq_nodes.tws.ranges import problem
from twsmq_protocol.order_control_requests import AdoptOrder, Halt, Halted

TOP = 2**31 - 1


# -- a journal that does not know what the gateway has


def lists(*rows: tws.Event, executions: Any = (), completed: Any = ()) -> Desk:
    desk = Desk(up=False)
    desk.session_up(8)
    desk.snapshot(*rows, executions=executions, completed=completed)
    return desk


def test_an_order_the_gateway_lists_under_our_reference_is_not_placed_again() -> None:
    desk = lists(open_order(7, "a"), order_status(7, "Submitted"))
    caller = desk.place("a")
    assert caller.code == "conflict"
    assert "adopt_order with perm_id 9007" in str(caller.answer)
    assert desk.wire == []
    assert desk.place("b").answer.order_id == 8, "others are none of its business"


def test_it_can_be_taken_over_and_then_is_that_order() -> None:
    desk = lists(open_order(7, "a"), order_status(7, "Submitted"))
    caller = Caller(answers=[])
    args = AdoptOrder(strategy="s", client_order_id="a", perm_id=9007)
    desk.ask(lambda: desk.core.request(args, caller, desk.now), caller)
    assert caller.answer.order_id == 7
    assert desk.place("a").answer.order_id == 7, "what agrees in all that is known is a repeat"
    assert desk.place("a", quantity=11.0).code == "conflict"
    assert desk.wire == []


@pytest.mark.parametrize(
    "answers", [{"executions": [execution(7)]}, {"completed": [completed("a", "Filled", 9007)]}]
)
def test_one_that_has_ended_today_is_not_placed_again_either(answers: dict[str, Any]) -> None:
    desk = lists(**answers)
    caller = desk.place("a")
    assert (caller.code, desk.wire) == ("conflict", [])
    assert "it has ended" in str(caller.answer)


def test_another_clients_reference_claims_nothing() -> None:
    desk = lists(executions=[execution(7, client_id=CLIENT_ID + 1)])
    assert desk.place("a").answer.order_id == 8


def test_a_group_is_refused_whole_if_one_of_it_is_claimed() -> None:
    desk = lists(open_order(7, "a"))
    assert desk.place("a").code == "conflict"


# -- order ids that are used up


def test_ids_that_are_used_up_are_a_state_with_its_cure_and_work_goes_on_once_they_are_reset() -> None:
    desk = Desk()
    desk.place("a")
    desk.accepted()
    desk.says(tws.NextValidId(TOP))
    assert desk.core.state[0] == "reconciling"
    assert "Reset API order ID sequence" in str(desk.core.state[1])
    refused = desk.place("b")
    assert refused.code == "not_ready"
    assert "used up" in str(refused.answer)
    assert desk.cancel("a").answer.status == "pending_cancel"
    assert rq.CancelOrder(1) in desk.wire
    desk.says(order_status(1, "Cancelled"))
    desk.says(tws.NextValidId(40))
    assert desk.core.state == ("ready", None)
    assert desk.place("b").answer.order_id == 40
    desk.crash()
    desk.session_up(41)
    desk.snapshot(open_order(40, "b"))
    assert desk.place("c").answer.order_id == 41


def test_whether_ids_were_reset_is_asked_again_and_again() -> None:
    desk = Desk(up=False)
    desk.session_up(TOP)
    desk.snapshot()
    for _ in range(3):
        desk.later(10.1)
        assert desk.asked.pop() == rq.ReqIds()
    desk.says(tws.NextValidId(1))
    assert desk.core.state == ("ready", None)
    desk.later(10.1)
    assert desk.asked == []


def test_a_nonsense_floor_changes_nothing() -> None:
    desk = Desk(up=False)
    desk.session_up(TOP)
    desk.snapshot()
    desk.says(tws.NextValidId(-5), tws.NextValidId(0))
    assert desk.core.state[0] == "reconciling"


# -- a disk that stalls


def halted(desk: Desk, **args: Any) -> Caller:
    caller = Caller(answers=[])
    return desk.ask(lambda: desk.core.request(Halt(reason="stop", **args), caller, desk.now), caller)


class StalledDesk(Desk):
    """Its journal keeps nothing from `stall` on."""

    stalled = False

    def reach_the_disk(self) -> None:
        if not self.stalled:
            super().reach_the_disk()

    def carry_out(self, action: Any) -> Any:
        if self.stalled and type(action).__name__ == "SaveSetting":
            self.kept_later = action
            return []
        return super().carry_out(action)

    def stall(self) -> None:
        self.stalled, self.auto = True, False

    def pass_gate(self) -> None:
        while self.core.waiting:
            self.admit()


def test_a_halt_is_answered_while_the_disk_stalls_and_its_cancels_go_out() -> None:
    desk = StalledDesk()
    desk.place("a")
    desk.accepted()
    desk.stall()
    caller = halted(desk, cancel=True)
    assert caller.answers == []
    desk.later(0.3)
    desk.pass_gate()
    assert desk.wire[-1] == rq.CancelOrder(1)
    desk.later(0.3)
    answer = caller.answer
    assert isinstance(answer, Halted)
    assert (answer.durable, answer.halted) == (False, {"": "stop"})
    assert [row["client_order_id"] for row in answer.remaining] == ["a"]
    assert desk.place("b").code == "halted"


def test_a_cancel_that_went_out_early_does_not_go_twice() -> None:
    desk = StalledDesk()
    desk.place("a")
    desk.accepted()
    desk.stall()
    halted(desk, cancel=True)
    desk.later(0.3)
    desk.pass_gate()
    desk.stalled, desk.auto = False, True
    desk.do([])
    assert desk.wire.count(rq.CancelOrder(1)) == 1


def test_no_cancel_goes_before_its_own_order() -> None:
    desk = StalledDesk()
    desk.stall()
    desk.place("a")
    desk.pass_gate()
    halted(desk, cancel=True)
    desk.later(0.3)
    desk.pass_gate()
    assert desk.wire == []


@pytest.mark.parametrize("thread_writes", [True, False])
@pytest.mark.parametrize("cancel", [True, False])
def test_what_waited_for_the_disk_when_orders_were_halted_is_never_written(
    cancel: bool, thread_writes: bool
) -> None:
    """A halt holds from the moment it is asked for: an order that comes back with the disk would fill."""
    desk = StalledDesk()
    desk.place("works")
    desk.accepted(1, "works")
    desk.thread_writes = thread_writes
    desk.stall()
    placing, other = desk.place("a", order_type="MKT", limit_price=None), desk.place("b", strategy="t")
    changing = desk.modify("works", quantity=20.0)
    desk.pass_gate()
    halted(desk, strategy="s", cancel=cancel)
    desk.later(0.3)
    desk.stalled, desk.auto = False, True
    desk.do([])
    written = [one.order.order_ref for one in desk.wire if isinstance(one, rq.PlaceOrder)]
    assert written == ["s/works", "t/b"]
    assert (placing.code, changing.code, other.answer.status) == ("halted", "halted", "pending")
    assert desk.status("a") == ("cancelled" if cancel else "not_sent")
    assert rq.CancelOrder(2) not in desk.wire
    desk.place("c", strategy="t")
    assert desk.core.pipeline.held == 0
    assert [one.order.order_ref for one in desk.wire if isinstance(one, rq.PlaceOrder)][-1] == "t/c"


def test_what_a_halt_keeps_back_takes_no_other_modification_with_it() -> None:
    """One that was written may have been taken: an execution of the old quantity does not fill the order."""
    desk = StalledDesk()
    desk.place("w")
    desk.accepted(1, "w")
    desk.modify("w", quantity=200.0)
    desk.stall()
    desk.modify("w", limit_price=101.0)
    desk.pass_gate()
    halted(desk, strategy="s")
    desk.later(0.3)
    desk.stalled, desk.auto = False, True
    desk.do([])
    desk.says(execution(1, order_ref="s/w"))
    assert desk.status("w") == "partially_filled"


def test_a_halt_on_a_disk_that_works_is_durable() -> None:
    answer = halted(Desk()).answer
    assert answer.durable


# -- reports that cannot be true, or cannot be read


@pytest.mark.parametrize(
    "event",
    [
        order_status(1, "Submitted", perm_id=2**70),
        order_status(1, "Submitted", filled=1e300),
        order_status(2**31, "Submitted"),
        order_status(1, "\ud83d"),
        open_order(1, perm_id=-1),
        open_order(1, total_quantity=1e17),
        open_order(1, extra={"x": 2**80}),
        execution(1, client_id=2**40),
        execution(1, price=-1e16),
        execution(1, order_ref="x" * 200_000),
        tws.CommissionReport("e", 1e16, "USD", None, None, None),
        tws.NextValidId(2**31),
        error(2**31, 110),
        error(1, 110, "x" * 200_000),
        completed(perm_id=2**63),
    ],
)
def test_what_cannot_be_true_is_named(event: tws.Event) -> None:
    assert "cannot be" in str(problem(event))


@pytest.mark.parametrize("event", [order_status(1, "Submitted"), open_order(1), execution(1), error(1, 110)])
def test_what_can_be_true_passes(event: tws.Event) -> None:
    assert problem(event) is None


def unread() -> tws.FrameRejected:
    return tws.FrameRejected(5, "OpenOrder.perm_id cannot be -1", b"5\0")


def test_a_snapshot_with_an_unreadable_row_proves_nothing_absent() -> None:
    desk = Desk()
    desk.place("a")
    desk.session_lost()
    desk.later(10)
    desk.session_up(2)
    desk.snapshot(unread())
    assert desk.status() == "unknown", "the row that could not be read may have been this order's"
    desk.later(60)
    desk.session_lost()
    desk.session_up(2)
    desk.snapshot()
    assert desk.status() == "not_sent"


def test_an_unreadable_report_has_the_orders_looked_at_but_not_for_ever() -> None:
    desk = Desk()
    desk.place("a")
    desk.accepted()
    desk.says(unread())
    desk.later(1.1)
    assert [type(one) for one in desk.asked] == [rq.ReqOpenOrders]
    desk.snapshot(open_order(1), unread())
    desk.says(*[unread()] * 50)
    desk.later(1.1)
    assert desk.asked == []
