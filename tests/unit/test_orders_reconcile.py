"""What dies, and what a complete snapshot of the gateway proves afterwards."""

from __future__ import annotations

import pytest
from support.orders_desk import EXEC, Desk, completed, end_of, error, execution, open_order, order_status
from twsmq_nodes.orders.actions import Now
from twsmq_nodes.tws import events as tws
from twsmq_nodes.tws import requests as rq
from twsmq_protocol.order_events import Change, Order


@pytest.fixture
def desk() -> Desk:
    return Desk()


def reconnect(desk: Desk, *rows: object, after: float = 10.0, **lists: object) -> None:
    """The session was lost; `after` seconds later a new one takes a snapshot."""
    desk.later(after)
    desk.session_up()
    desk.snapshot(*rows, **lists)  # type: ignore[arg-type]


def test_written_and_unanswered_is_unknown_when_the_session_ends(desk: Desk) -> None:
    desk.place()
    desk.session_lost()
    assert desk.status() == "unknown"
    assert desk.place().code == "timeout"
    assert desk.modify(quantity=20.0).code == "timeout"


def test_written_and_unanswered_is_unknown_when_the_node_dies(desk: Desk) -> None:
    desk.place()
    desk.crash()
    assert desk.status() == "unknown"
    assert desk.retained["s", "a"].status == "unknown"


def test_a_working_order_stays_what_it_is_through_a_restart_without_a_new_event(desk: Desk) -> None:
    desk.place()
    desk.accepted()
    before, count = desk.order(), len(desk.committed)
    desk.crash()
    assert desk.retained["s", "a"].snapshot
    reconnect(desk, open_order(1), order_status(1, "Submitted", remaining=10.0))
    assert desk.order() == before
    assert len(desk.committed) == count


def test_never_durable_was_never_there() -> None:
    desk = Desk(auto=False, up=False)
    desk.session_up()
    desk.snapshot()
    desk.place()
    desk.admit()
    desk.crash()
    assert not desk.core.book.records
    assert not desk.wire


def test_unknown_and_listed_as_open_is_live(desk: Desk) -> None:
    desk.place()
    desk.session_lost()
    reconnect(desk, open_order(1), order_status(1, "Submitted", remaining=10.0))
    assert desk.status() == "submitted"
    assert desk.place().answer.order_id == 1


def test_unknown_and_executed_meanwhile_is_filled_and_its_fill_is_recovered_once(desk: Desk) -> None:
    desk.place()
    desk.session_lost()
    reconnect(desk, executions=[execution(1, req_id=5)])
    assert desk.status() == "filled"
    assert [fill.recovered for fill in desk.fills()] == [True]
    desk.session_lost()
    reconnect(desk, executions=[execution(1, req_id=6)])
    assert len(desk.fills()) == 1


def test_unknown_and_completed_is_done(desk: Desk) -> None:
    desk.place()
    desk.session_lost()
    reconnect(desk, completed=[completed()])
    assert (desk.status(), desk.order().reason) == ("cancelled", "Cancelled by Trader")


def test_completed_without_having_worked_is_done_too(desk: Desk) -> None:
    desk.place()
    desk.session_lost()
    reconnect(desk, completed=[completed(word="Inactive")])
    assert (desk.status(), desk.order().reason) == ("cancelled", "Cancelled by Trader")


def test_unknown_and_absent_from_a_complete_snapshot_is_not_sent_and_stays_so(desk: Desk) -> None:
    desk.place()
    desk.session_lost()
    reconnect(desk)
    assert desk.status() == "not_sent"
    assert "absent" in (desk.order().reason or "")
    desk.later(60.0)
    assert len(desk.wire) == 1


def test_not_sent_and_the_same_request_again_is_a_new_attempt_under_a_new_order_id(desk: Desk) -> None:
    desk.place()
    desk.session_lost()
    reconnect(desk)
    assert desk.place(quantity=11.0).code == "conflict"
    again = desk.place()
    assert again.answer.order_id == 2
    assert desk.wire[-1].order_id == 2  # type: ignore[attr-defined]
    desk.accepted(order_id=2)
    assert (desk.status(), desk.order().perm_id) == ("submitted", 9002)


def test_cancel_ends_an_order_that_was_not_sent(desk: Desk) -> None:
    desk.place()
    desk.session_lost()
    reconnect(desk)
    assert desk.cancel().answer.status == "cancelled"
    assert len(desk.wire) == 1
    assert desk.place().answer.order_id == 1


def test_absence_proves_nothing_before_the_grace_is_over(desk: Desk) -> None:
    desk.place()
    desk.session_lost()
    reconnect(desk, after=0.5)
    assert desk.state == "ready"
    assert desk.status() == "unknown"
    desk.later(3.0)
    desk.snapshot()
    assert desk.status() == "not_sent"


def test_an_order_unknown_since_before_the_clock_was_set_back_is_looked_for_again(desk: Desk) -> None:
    desk.place()
    desk.session_lost()
    desk.now = Now(desk.now.mono, desk.now.ns - 2 * 10**9)
    reconnect(desk, after=0.5)
    assert desk.status() == "unknown"
    for _ in range(6):
        desk.later(1.0)
        desk.lists_nothing()
    assert desk.status() == "not_sent"


def test_the_grace_of_an_order_long_unanswered_begins_when_its_connection_ends(desk: Desk) -> None:
    desk.place()
    desk.later(4.0)  # a gateway that hangs; it reads what it was sent once it goes on
    desk.session_lost()
    reconnect(desk, after=0.5)
    assert desk.status() == "unknown"
    desk.later(3.0)
    desk.snapshot()
    assert desk.status() == "not_sent"


def test_an_order_that_turns_up_during_the_grace_was_never_lost(desk: Desk) -> None:
    desk.place()
    desk.session_lost()
    reconnect(desk, after=0.5)
    desk.says(open_order(1), order_status(1, "Submitted", remaining=10.0))
    desk.later(3.0)
    desk.snapshot(open_order(1))
    assert [e.status for e in desk.told(Order)] == ["pending", "unknown", "submitted"]


def test_past_the_gateways_midnight_absence_proves_nothing_any_more(desk: Desk) -> None:
    desk.place()
    desk.session_lost()
    reconnect(desk, after=13 * 3600)
    assert desk.status() == "unknown"
    assert "resolve_order" in (desk.order().reason or "")
    assert desk.place().code == "timeout"


def test_without_the_gateways_clock_absence_proves_little(desk: Desk) -> None:
    desk.place()
    desk.session_lost()
    desk.later(3600.0)
    desk.do(desk.core.session_up(("DU1",), 1, True, None, desk.now))
    desk.snapshot()
    assert desk.status() == "unknown"


def test_a_working_order_that_vanished_is_unknown_with_its_reason(desk: Desk) -> None:
    desk.place()
    desk.accepted()
    desk.session_lost()
    reconnect(desk)
    assert desk.status() == "unknown"
    assert "how it ended it does not tell" in (desk.order().reason or "")


def test_a_session_lost_between_journal_and_wire_means_certainly_not_sent() -> None:
    desk = Desk(auto=False, up=False)
    desk.session_up()
    desk.snapshot()
    caller = desk.place()
    desk.admit()
    desk.session_lost()
    desk.commit()
    desk.commit()
    assert not desk.wire
    assert caller.code == "not_ready"
    assert [e.status for e in desk.told(Order)] == ["pending", "not_sent"]
    desk.auto = True
    reconnect(desk, after=0.1)
    assert desk.status() == "not_sent"
    assert desk.place().answer.order_id == 2


def test_even_a_new_session_does_not_get_what_was_journaled_for_the_old_one() -> None:
    desk = Desk(auto=False, up=False)
    desk.session_up()
    desk.snapshot()
    desk.place()
    desk.admit()
    desk.session_lost()
    desk.session_up()
    desk.commit()
    assert not desk.wire


def test_a_cancel_is_owed_through_a_reconnect(desk: Desk) -> None:
    desk.place()
    desk.accepted()
    desk.session_lost()
    assert desk.cancel().answer.status == "pending_cancel"
    assert len(desk.wire) == 1
    reconnect(desk, open_order(1), order_status(1, "Submitted", remaining=10.0))
    assert desk.wire[-1] == rq.CancelOrder(1)
    assert desk.status() == "pending_cancel"


def test_a_cancel_is_owed_through_a_crash(desk: Desk) -> None:
    desk.place()
    desk.accepted()
    desk.cancel()
    desk.crash()
    assert desk.status() == "pending_cancel"
    reconnect(desk, open_order(1), order_status(1, "Submitted", remaining=10.0))
    assert [type(request) for request in desk.wire] == [rq.PlaceOrder, rq.CancelOrder, rq.CancelOrder]


def test_an_unknown_order_that_is_to_be_cancelled_is_cancelled_when_it_turns_up(desk: Desk) -> None:
    desk.place()
    desk.session_lost()
    assert desk.cancel().answer.status == "unknown"
    reconnect(desk, open_order(1), order_status(1, "Submitted", remaining=10.0))
    assert desk.status() == "pending_cancel"
    assert desk.wire[-1] == rq.CancelOrder(1)


def test_an_unknown_order_that_is_to_be_cancelled_and_proved_absent_is_cancelled(desk: Desk) -> None:
    desk.place()
    desk.session_lost()
    desk.cancel()
    reconnect(desk)
    assert desk.status() == "cancelled"


@pytest.mark.parametrize("arrives", [True, False])
def test_the_wish_to_cancel_an_unknown_order_outlives_that_the_gateway_does_not_find_it_yet(
    desk: Desk, arrives: bool
) -> None:
    desk.place()
    desk.session_lost()
    reconnect(desk, after=0.5)
    desk.cancel()
    assert desk.wire[-1] == rq.CancelOrder(1)
    desk.says(error(1, 10147, "not found"))
    rows = (open_order(1), order_status(1, "Submitted", remaining=10.0)) if arrives else ()
    desk.says(*rows)
    desk.later(5.0)
    desk.snapshot(*rows)
    assert desk.status() == ("pending_cancel" if arrives else "cancelled")
    assert desk.wire.count(rq.CancelOrder(1)) == 1 + arrives


def test_a_modification_lost_with_the_session_had_no_effect(desk: Desk) -> None:
    desk.place()
    desk.accepted()
    desk.modify(limit_price=2.0)
    desk.session_lost()
    reconnect(desk, open_order(1), order_status(1, "Submitted", remaining=10.0))
    assert desk.core.book.records["s", "a"].wanted is not None, (
        "what the dead connection held may be read yet"
    )
    desk.later(3.5)
    desk.snapshot(open_order(1), order_status(1, "Submitted", remaining=10.0))
    assert desk.order().limit_price == 1.0
    assert desk.core.book.records["s", "a"].wanted is None
    assert [one.outcome for one in desk.told(Change)] == ["sent", "unanswered"]


def test_a_modification_that_arrived_before_the_session_was_lost_shows(desk: Desk) -> None:
    desk.place()
    desk.accepted()
    desk.modify(limit_price=2.0)
    desk.session_lost()
    reconnect(desk, open_order(1, limit_price=2.0), order_status(1, "Submitted", remaining=10.0))
    assert desk.order().limit_price == 2.0


def test_unanswered_for_long_in_a_live_session_is_looked_for(desk: Desk) -> None:
    desk.place()
    desk.later(5.0)
    desk.later(0.1)
    desk.snapshot()
    assert desk.status() == "not_sent"


def test_an_order_that_ends_while_the_snapshot_is_taken_stays_ended(desk: Desk) -> None:
    desk.place()
    desk.accepted()
    desk.session_lost()
    desk.session_up()
    desk.says(open_order(1), order_status(1, "Submitted", remaining=10.0))
    desk.says(order_status(1, "Cancelled", remaining=10.0))
    desk.snapshot()
    assert desk.status() == "submitted"  # a reason may still come
    desk.later(0.5)
    assert desk.status() == "cancelled"
    assert "unknown" not in [event.status for event in desk.told(Order)]


def test_a_cancellation_that_waits_for_its_reason_is_told_when_the_session_ends(desk: Desk) -> None:
    desk.place()
    desk.says(order_status(1, "Cancelled"))
    desk.session_lost()
    assert desk.status() == "cancelled"


def test_a_cancellation_that_waited_for_its_reason_when_the_node_died_is_found_again(desk: Desk) -> None:
    desk.place()
    desk.accepted()
    desk.says(order_status(1, "Cancelled", remaining=10.0))
    desk.crash()
    assert desk.status() == "submitted"
    reconnect(desk, completed=[completed()])
    assert (desk.status(), desk.order().reason) == ("cancelled", "Cancelled by Trader")


def test_a_cancellation_that_waits_for_its_reason_but_is_listed_as_open_is_none(desk: Desk) -> None:
    desk.place()
    desk.accepted()
    desk.upstream(True)
    desk.says(order_status(1, "Cancelled", remaining=10.0))
    desk.snapshot(open_order(1))
    desk.later(0.5)
    assert desk.status() == "submitted"


def test_cancelled_as_we_thought_but_listed_as_open_is_live(desk: Desk) -> None:
    desk.place()
    desk.accepted()
    desk.says(error(1, 202, "Order Canceled - reason:"))
    desk.session_lost()
    reconnect(desk, open_order(1), order_status(1, "Submitted", remaining=10.0))
    assert desk.status() == "submitted"


def test_an_attempt_alive_beside_its_successor_is_cancelled_once_the_session_is_up(desk: Desk) -> None:
    desk.place()
    desk.session_lost()
    reconnect(desk)
    desk.place()
    desk.accepted(order_id=2)
    desk.session_lost()
    rows = (open_order(1), order_status(1, "Submitted", remaining=10.0), open_order(2))
    desk.says(*rows)  # a gateway sends them before it says that it is ready (captured)
    assert desk.asked == []
    desk.session_up()
    desk.says(*rows)
    assert rq.CancelOrder(1) in desk.asked


def test_rejected_as_we_thought_but_working_is_looked_for(desk: Desk) -> None:
    desk.place()
    desk.says(error(1, 321, "Error validating request"))
    assert desk.status() == "rejected"
    row = (open_order(1), order_status(1, "Submitted", remaining=10.0))
    desk.says(*row)
    desk.later(0.3)
    desk.snapshot(*row)
    assert desk.status() == "submitted"


def test_an_attempt_given_up_as_never_sent_that_comes_alive_beside_its_successor_is_shouted(
    desk: Desk,
) -> None:
    desk.place()
    desk.session_lost()
    reconnect(desk)
    desk.place()
    desk.accepted(order_id=2)
    desk.says(open_order(1), order_status(1, "Submitted", remaining=10.0))
    assert desk.order().order_id == 2
    assert "1 is alive" in desk.warnings[0]
    assert "order id 1" in desk.notices()[0].text


def test_an_executed_part_of_a_vanished_order_counts(desk: Desk) -> None:
    desk.place()
    desk.session_lost()
    reconnect(desk, executions=[execution(1, shares=4.0, req_id=3)])
    assert (desk.status(), desk.order().filled) == ("unknown", 4.0)


def test_executions_of_an_earlier_day_are_asked_for_once_not_for_ever(desk: Desk) -> None:
    desk.place()
    desk.accepted()
    desk.session_lost()
    row = (open_order(1), order_status(1, "Submitted", filled=4.0, remaining=6.0))
    reconnect(desk, *row)
    snapshots = 0
    for _ in range(60):
        desk.later(1.0)
        if desk.asked:
            snapshots += 1
            desk.snapshot(*row)
    assert snapshots == 1
    assert desk.order().filled == 4.0


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


def test_an_order_for_cash_whose_executions_are_not_reported_keeps_what_the_gateway_says(desk: Desk) -> None:
    desk.place(quantity=0.0, cash_quantity=100.0)
    desk.says(order_status(1, "Filled", filled=3.0))
    desk.later(1.1)
    desk.snapshot()
    assert (desk.status(), desk.order().filled) == ("filled", 3.0)


def test_filled_without_an_amount_waits_for_its_executions(desk: Desk) -> None:
    desk.place()
    desk.says(order_status(1, "Filled", filled=None))
    assert desk.status() == "pending"
    desk.says(execution(1))
    assert (desk.status(), desk.order().filled) == ("filled", 10.0)


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


def test_an_order_a_stalled_disk_held_back_until_a_snapshot_was_under_way_is_not_proved_absent(
    desk: Desk,
) -> None:
    desk.auto = False
    desk.place()
    desk.admit()
    desk.later(10.0)
    desk.upstream(True)
    desk.later(1.0)
    desk.commit()
    assert len(desk.wire) == 1
    desk.auto = True
    desk.snapshot()
    assert desk.status() == "pending"
    desk.later(1.0)
    desk.snapshot()
    assert desk.status() == "not_sent"


def test_a_node_that_slept_over_all_its_timers_goes_on_with_a_new_snapshot(desk: Desk) -> None:
    desk.place()
    desk.session_lost()
    desk.session_up()
    desk.says(error(1, 999, "something is wrong"))
    desk.later(30.0)
    desk.snapshot()
    assert (desk.state, desk.status()) == ("ready", "rejected")


def test_a_stalled_journal_takes_no_orders(desk: Desk) -> None:
    desk.do(desk.core.journal_stalled("disk full"))
    assert desk.place().code == "not_ready"
    desk.do(desk.core.journal_stalled(None))
    assert desk.place().answer.order_id == 1


def test_any_prefix_of_the_journal_gives_the_state_of_that_moment(desk: Desk) -> None:
    states = {0: {}}
    original = desk.core.book.apply

    def remember(entry: object) -> None:
        original(entry)  # type: ignore[arg-type]
        book = desk.core.book
        states[book.last_no] = {key: record.state() for key, record in book.records.items()}

    desk.core.book.apply = remember  # type: ignore[method-assign]
    desk.place("a")
    desk.accepted()
    desk.modify(limit_price=2.0)
    desk.says(open_order(1, limit_price=2.0), execution(1, shares=4.0))
    desk.place("b")
    desk.says(error(2, 200, "no"), execution(1, f"{EXEC}.01.02", shares=5.0))
    desk.cancel("a")
    desk.says(order_status(1, "Cancelled", filled=5.0, remaining=5.0), error(1, 202, "x"))
    for count in range(len(desk.committed) + 1):
        fresh = Desk(up=False)
        fresh.now = Now(0.0, 0)
        for entry in desk.committed[:count]:
            fresh.core.book.apply(entry)
        rebuilt = {key: record.state() for key, record in fresh.core.book.records.items()}
        assert rebuilt == states[fresh.core.book.last_no]


# -- cancels and connections that go astray


def cancels_of(desk: Desk) -> list[int]:
    return [each.order_id for each in (*desk.wire, *desk.asked) if isinstance(each, rq.CancelOrder)]


def test_a_cancel_the_gateway_swallowed_goes_out_again_once_the_order_is_seen_working() -> None:
    desk = Desk()
    desk.place()
    desk.accepted()
    desk.cancel()
    desk.later(5.0)
    desk.later(0.1)
    desk.snapshot(open_order(1), order_status(1, "Submitted", remaining=10.0))
    assert cancels_of(desk) == [1, 1]


def test_a_client_may_ask_for_the_cancel_again_but_not_flood_the_gateway() -> None:
    desk = Desk()
    desk.place()
    desk.accepted()
    for _ in range(3):
        assert desk.cancel().answer.status == "pending_cancel"
    assert cancels_of(desk) == [1]
    desk.later(2.0)
    desk.cancel()
    assert cancels_of(desk) == [1, 1]


def test_a_cancel_the_gateway_is_at_is_not_repeated() -> None:
    desk = Desk()
    desk.place()
    desk.accepted()
    desk.cancel()
    desk.says(order_status(1, "PendingCancel", remaining=10.0))
    desk.later(5.0)
    desk.later(0.1)
    desk.cancel()
    assert cancels_of(desk) == [1]
    assert not desk.asked, "nobody is asked: it has answered"


def test_what_waits_at_the_gate_is_refused_when_the_gateway_loses_the_broker() -> None:
    desk = Desk()
    desk.auto = False
    caller = desk.place()
    desk.upstream(False)
    assert caller.code == "not_ready"
    assert not desk.wire
    assert ("s", "a") not in desk.core.book.records


def after_a_revenant() -> Desk:
    """Attempt 1 was proved absent and went again as attempt 2; then attempt 1 turns up alive."""
    desk = Desk()
    desk.place()
    desk.session_lost()
    desk.later(5.0)
    desk.session_up(next_order_id=1)
    desk.snapshot()
    assert desk.status() == "not_sent"
    desk.place()
    desk.accepted(2, perm_id=9002)
    desk.says(open_order(1), order_status(1, "Submitted", remaining=10.0))
    return desk


def test_an_attempt_that_turns_up_late_is_told_and_cancelled_once() -> None:
    desk = after_a_revenant()
    desk.says(open_order(1), order_status(1, "Submitted", remaining=10.0), order_status(1, "Cancelled"))
    assert cancels_of(desk) == [1]
    assert len(desk.notices()) == 1
    assert desk.status() == "submitted"


def test_what_ended_an_earlier_attempt_does_not_end_the_present_one() -> None:
    desk = after_a_revenant()
    desk.session_lost()
    desk.session_up(next_order_id=3)
    desk.snapshot(open_order(2), completed=[completed(perm_id=9001)])
    assert desk.status() == "submitted"
    assert all(order.status != "cancelled" for order in desk.told(Order))


def test_an_order_that_an_earlier_attempt_has_filled_is_cancelled() -> None:
    desk = after_a_revenant()
    desk.says(execution(1, order_ref="s/a"))
    assert (desk.status(), desk.order().filled, desk.order().perm_id) == ("filled", 10.0, 9002)
    assert cancels_of(desk)[-1] == 2
