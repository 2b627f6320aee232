"""What comes together goes through the core together: orders at the gate, reports of a read."""

from __future__ import annotations

from typing import Any

import pytest
from support.orders_desk import Caller, Desk
from support.orders_reports import open_order, order_status
from twsmq_nodes.orders.actions import Journal
from twsmq_nodes.tws import requests as rq
from twsmq_protocol.order_requests import PlaceOrder, PlaceOrders, PreviewOrder

BASE: dict[str, Any] = {
    "strategy": "s",
    "instrument": "STK:AAPL:SMART:USD",
    "side": "BUY",
    "quantity": 1.0,
    "order_type": "MKT",
}


@pytest.fixture
def desk() -> Desk:
    desk = Desk(auto=False, up=False)
    desk.session_up()
    desk.snapshot()
    return desk


def ids_on_the_wire(desk: Desk) -> list[tuple[int, str]]:
    return [(r.order_id, r.order.order_ref) for r in desk.wire if isinstance(r, rq.PlaceOrder)]


def test_as_many_as_the_budget_allows_go_to_the_journal_at_once_in_the_order_of_their_turns(desk: Desk):
    callers = [desk.place(cid, strategy=strategy) for strategy in ("s", "t") for cid in ("a", "b", "c")]
    actions = desk.admit(4)
    [journal] = [action for action in actions if isinstance(action, Journal)]
    assert [entry.event.event_no for entry in journal.entries] == [1, 2, 3, 4]
    assert desk.taken == 4
    assert desk.core.waiting
    assert not desk.wire
    desk.commit()
    assert ids_on_the_wire(desk) == [(1, "s/a"), (2, "t/a"), (3, "s/b"), (4, "t/b")]
    desk.admit(10)
    assert desk.taken == 2
    assert not desk.core.waiting
    desk.commit()
    assert ids_on_the_wire(desk)[4:] == [(5, "s/c"), (6, "t/c")]
    assert all(caller.answer.status == "pending" for caller in callers)


def test_what_is_refused_at_the_gate_takes_nothing_of_the_budget(desk: Desk):
    refused = desk.place("a", instrument="STK:ÄÖÜ:SMART:USD")
    sent = desk.place("b")
    desk.admit(1)
    assert refused.code == "invalid_argument"
    assert desk.taken == 1
    desk.commit()
    assert sent.answer.status == "pending"


def test_what_ifs_take_of_the_budget_as_orders_do(desk: Desk):
    desk.place("a")
    for cid in "bcd":
        args = PreviewOrder(client_order_id=cid, **BASE)
        caller = Caller(answers=[])
        desk.ask(lambda args=args, caller=caller: desk.core.request(args, caller, desk.now), caller)
    desk.asked.clear()
    desk.admit(3)
    assert desk.taken == 3
    desk.commit()
    assert len(desk.wire) + len(desk.asked) == 3
    assert desk.paid == 2, "the budget is charged at the gate and not again"
    assert desk.core.waiting


def test_a_group_is_never_cut_by_the_budget(desk: Desk):
    caller = Caller(answers=[])
    orders = tuple(PlaceOrder(client_order_id=cid, **BASE) for cid in "abc")
    desk.ask(lambda: desk.core.request(PlaceOrders(orders=orders), caller, desk.now), caller)
    desk.place("d")
    desk.admit(2)
    assert desk.taken == 3, "the shell's budget goes into debt"
    desk.commit()
    assert ids_on_the_wire(desk) == [(1, "s/a"), (2, "s/b"), (3, "s/c")]
    assert desk.core.waiting


def test_a_cancel_goes_before_the_orders_and_counts(desk: Desk):
    desk.place("a")
    desk.admit()
    desk.commit()
    desk.says_at_once([open_order(1, "a", "Submitted"), order_status(1, "Submitted", remaining=10.0)])
    desk.commit()
    desk.cancel("a")
    desk.commit()
    desk.place("b")
    desk.admit(1)
    assert desk.taken == 1
    assert isinstance(desk.wire[-1], rq.CancelOrder)
    desk.admit(1)
    desk.commit()
    assert ids_on_the_wire(desk)[-1] == (2, "s/b")


def test_reports_of_one_read_are_journaled_at_once_and_told_one_by_one(desk: Desk):
    for cid in "ab":
        desk.place(cid)
    desk.admit(2)
    desk.commit()
    desk.published.clear()
    desk.says_at_once(
        [
            open_order(1, "a", "PreSubmitted"),
            order_status(1, "Submitted", remaining=10.0),
            open_order(2, "b", "Submitted"),
        ]
    )
    assert not desk.published
    desk.commit()
    assert [(e.client_order_id, e.gateway_status) for e in desk.published] == [
        ("a", "PreSubmitted"),
        ("a", "Submitted"),
        ("b", "Submitted"),
    ]
