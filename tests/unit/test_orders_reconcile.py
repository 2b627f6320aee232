"""What dies, and what a complete snapshot of the gateway proves afterwards."""

from __future__ import annotations

import pytest
from support.orders_desk import Desk
from support.orders_reports import EXEC, completed, error, execution, open_order, order_status
from support.orders_steps import reconnect
from twsmq_nodes.orders.actions import Now
from twsmq_protocol.order_events import Change, Order


@pytest.fixture
def desk() -> Desk:
    return Desk()


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
