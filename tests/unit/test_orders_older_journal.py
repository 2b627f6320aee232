"""A journal that was put back from a backup together with all that lies beside it: the gateway knows more."""

from __future__ import annotations

from typing import Any

import pytest
from support.orders_desk import Caller, Desk
from support.orders_reports import completed, execution, open_order, order_status
from support.orders_steps import call
from twsmq_nodes.orders.journal import watermark
from twsmq_nodes.tws import events as tws
from twsmq_nodes.tws import requests as rq
from twsmq_protocol.order_control_requests import Resume

LATER: list[Any] = [
    [open_order(7, "z"), order_status(7, "Submitted", remaining=10.0)],
    [execution(7, order_ref="s/z", perm_id=9007, req_id=1_500_000_002)],
]
"""Of an order that was placed after the copy was taken."""


def restored(*, empty: bool = False) -> Desk:
    """Restarted on a journal whose last order has the id 2."""
    desk = Desk()
    for cid in () if empty else ("a", "b"):
        desk.place(cid)
    desk.session_lost()
    desk.crash()
    desk.later(10.0)
    desk.session_up(next_order_id=8)
    return desk


def look(desk: Desk, told: list[tws.Event]) -> None:
    rows = [event for event in told if not isinstance(event, tws.ExecDetails)]
    desk.alone = False
    desk.snapshot(*rows, executions=[event for event in told if isinstance(event, tws.ExecDetails)])


@pytest.mark.parametrize("told", LATER)
def test_new_orders_are_stopped_until_somebody_has_seen_it(told: list[tws.Event]) -> None:
    desk = restored()
    look(desk, told)
    caller = desk.place("c")
    assert caller.code == "halted"
    for words in ("s/z", "order id 7", "older copy", "resume"):
        assert words in caller.answer.message
    assert any("older copy" in warning for warning in desk.warnings)
    desk.cancel("a")
    call(desk, Resume())
    assert desk.place("c").answer.order_id == 8
    look_once_more(desk, told)
    assert desk.place("d").answer.order_id == 9


def look_once_more(desk: Desk, told: list[tws.Event]) -> None:
    """After another restart."""
    desk.session_lost()
    desk.crash()
    desk.later(10.0)
    desk.session_up(next_order_id=8)
    look(desk, told)


def test_the_halt_outlives_the_node() -> None:
    desk = restored()
    look(desk, LATER[0])
    look_once_more(desk, [])
    assert desk.place("c").code == "halted"


def test_what_an_operator_has_halted_stays_so_in_his_words() -> None:
    desk = restored()
    desk.core.intake.halted[""] = "lunch"
    look(desk, LATER[0])
    message = desk.place("c").answer.message
    assert "lunch" in message
    assert "older copy" in message


@pytest.mark.parametrize(
    "told",
    [
        [open_order(7, order_ref="by another program")],
        [open_order(7, order_ref="")],
        [open_order(7, "z", client_id=5)],
        [open_order(1, "z", perm_id=555)],  # from before the ids of this journal
        [execution(2**31 - 1, order_ref="s/z", client_id=0)],
    ],
)
def test_what_need_not_be_ours_stops_nothing(told: list[tws.Event]) -> None:
    desk = restored()
    look(desk, told)
    assert desk.place("c").answer.order_id == 8


@pytest.mark.parametrize("told", LATER)
def test_a_journal_that_was_begun_anew_is_no_older_copy(told: list[tws.Event]) -> None:
    """Given up with `twsmq orders forget`, or the first one in this folder."""
    desk = restored(empty=True)
    look(desk, told)
    assert desk.place("c").answer.order_id == 8
    look_once_more(desk, told)
    assert desk.place("d").answer.order_id == 9


def test_completed_orders_name_no_client_and_stop_nothing() -> None:
    desk = restored()
    desk.alone = False
    desk.snapshot(completed=[completed("z", perm_id=9007)])
    assert desk.place("c").answer.order_id == 8
    assert desk.place("z").code == "conflict"


@pytest.mark.parametrize("last", [7, 5])
def test_after_a_power_loss_it_is_taken_over(last: int) -> None:
    desk = Desk(up=False, mark=watermark.Mark("j", 8, last, skipped=10))
    desk.session_up(3)
    look(desk, LATER[0])
    assert desk.place("c").answer.order_id == 8


def test_no_number_of_a_strategy_is_given_out_again_however_late_it_goes_on() -> None:
    """A strategy that was silent until the next start went on where the journal ended: whoever asked for what
    came after the numbers it had seen was not given its fills."""
    desk = Desk()
    desk.place("a", strategy="s")
    desk.place("b", strategy="t")
    last = desk.core.book.last_no
    desk.options = {"mark": watermark.Mark("j", last, 7, skipped=100)}
    desk.boot()
    desk.session_up(8)
    desk.snapshot()
    desk.place("c", strategy="s")
    assert desk.core.book.strategy_nos["t"] >= 100
    desk.options = {"mark": watermark.Mark("j", desk.core.book.last_no, 8, skipped=100)}  # the next start
    desk.boot()
    assert desk.core.book.strategy_nos["t"] >= 100
    assert desk.core.book.strategy_nos["s"] > 100
    assert all(number <= desk.core.book.last_no for number in desk.core.book.strategy_nos.values())


def test_what_was_placed_since_the_start_is_known() -> None:
    desk = restored()
    desk.snapshot()
    assert desk.place("c").answer.order_id == 8
    desk.says(open_order(8, "c"), order_status(8, "Submitted", remaining=10.0))
    desk.says(open_order(8, "c", order_ref="s/edited"))
    assert desk.place("d").answer.order_id == 9
    assert [one.order_id for one in desk.wire if isinstance(one, rq.PlaceOrder)][-2:] == [8, 9]
    assert isinstance(desk.place("e"), Caller)
