"""Orders and executions of others: announced as they come, change and end; looked for if nobody reports."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from support.orders_desk import Caller, Desk
from support.orders_reports import CLIENT_ID, end_of, execution, open_order, order_status
from twsmq_nodes.orders.foreign.drift import SETTLED_S
from twsmq_nodes.orders.foreign.watch import FOREIGN_S
from twsmq_nodes.tws import events as tws
from twsmq_nodes.tws import requests as rq
from twsmq_nodes.tws.orders import OrderStateView, OrderView
from twsmq_protocol.order_control_requests import AdoptOrder, GetAccountExecutions
from twsmq_protocol.order_events import AccountExecution, ExecutionCost, ForeignOrderChanged
from twsmq_protocol.order_query_requests import GetOrders


@pytest.fixture
def desk() -> Desk:
    return Desk(alone=False)


def theirs(word: str = "Submitted", **view: Any) -> tws.OpenOrder:
    return open_order(7, "", word, client_id=3, perm_id=77, order_ref="", **view)


def told(desk: Desk) -> list[tuple[Any, ...]]:
    return [
        (e.status, e.filled, e.working, e.reason)
        for e in desk.announced
        if isinstance(e, ForeignOrderChanged)
    ]


def look(desk: Desk, *rows: tws.Event, executions: Any = (), completed: Any = ()) -> list[type]:
    """The next look for others' orders, answered; what was asked."""
    desk.later(FOREIGN_S)
    return answer(desk, *rows, executions=executions, completed=completed)


def answer(desk: Desk, *rows: tws.Event, executions: Any = (), completed: Any = ()) -> list[type]:
    asked: list[type] = []
    answers = {rq.ReqAllOpenOrders: rows, rq.ReqExecutions: executions, rq.ReqCompletedOrders: completed}
    while desk.asked:
        request = desk.asked.pop(0)
        asked.append(type(request))
        desk.says(*answers[type(request)], end_of(request))
    return asked


def test_a_foreign_order_is_announced_once_when_it_comes_and_whenever_it_changes(desk: Desk) -> None:
    assert look(desk, theirs()) == [rq.ReqAllOpenOrders]
    assert look(desk, theirs()) == [rq.ReqAllOpenOrders]
    assert told(desk) == [("Submitted", 0.0, True, None)]
    look(desk, theirs(limit_price=2.0))
    assert [e.limit_price for e in desk.announced] == [1.0, 2.0]
    (row,) = desk.core.orders(GetOrders()).foreign
    assert (row.perm_id, row.limit_price) == (77, 2.0)


def test_a_report_that_comes_without_being_asked_is_announced_at_once(desk: Desk) -> None:
    desk.says(theirs(), replace(order_status(7, "Submitted", filled=4.0, perm_id=77), client_id=3))
    assert told(desk) == [("Submitted", 0.0, True, None), ("Submitted", 4.0, True, None)]
    desk.says(replace(order_status(7, "Cancelled", filled=4.0, perm_id=77), client_id=3))
    assert told(desk)[-1] == ("Cancelled", 4.0, False, None)
    assert desk.core.orders(GetOrders()).foreign == []


def test_one_that_is_listed_no_more_has_ended_as_its_executions_say(desk: Desk) -> None:
    look(desk, theirs())
    asked = look(desk, executions=[their_execution(10.0)])
    assert asked == [rq.ReqAllOpenOrders, rq.ReqExecutions, rq.ReqCompletedOrders]
    assert told(desk)[-1] == ("Filled", 10.0, False, None)


def test_one_that_is_listed_no_more_has_ended_as_the_completed_orders_say(desk: Desk) -> None:
    look(desk, theirs())
    ended = OrderStateView(status="Cancelled", completed_status="Cancelled by Trader")
    done = tws.CompletedOrder(theirs().contract, OrderView(perm_id=77, order_ref=""), ended)
    look(desk, completed=[done])
    assert told(desk)[-1] == ("Cancelled", 0.0, False, "Cancelled by Trader")


def test_how_one_ended_of_which_nothing_tells_is_not_guessed(desk: Desk) -> None:
    look(desk, theirs())
    look(desk)
    status, _, working, reason = told(desk)[-1]
    assert (status, working) == ("Submitted", False)
    assert "does not say" in reason


def test_a_list_that_is_not_answered_ends_nothing(desk: Desk) -> None:
    look(desk, theirs())
    desk.later(FOREIGN_S)
    desk.asked.clear()
    desk.later(FOREIGN_S + 1)
    assert told(desk) == [("Submitted", 0.0, True, None)]
    assert desk.state == "ready"


def test_an_adopted_order_is_foreign_no_more(desk: Desk) -> None:
    desk.says(open_order(7, "", client_id=CLIENT_ID, perm_id=77, order_ref="old/one"))
    caller = Caller(answers=[])
    args = AdoptOrder(strategy="s", client_order_id="mine", perm_id=77)
    desk.do(desk.core.request(args, caller, desk.now))
    assert told(desk)[-1] == ("Submitted", 0.0, False, "taken over as s/mine")


def their_execution(shares: float, number: str = "01") -> tws.ExecDetails:
    exec_id = f"0000e0d5.aaaaaaaa.01.{number}"
    return execution(7, exec_id, shares, client_id=3, perm_id=77, order_ref="")


def test_executions_of_others_are_announced_once_and_can_be_asked_for(desk: Desk) -> None:
    desk.says(their_execution(10.0), their_execution(10.0))
    desk.says(tws.CommissionReport("0000e0d5.aaaaaaaa.01.01", 1.5, "USD", None, None, None))
    desk.says(tws.CommissionReport("0000e0d5.aaaaaaaa.01.01", 1.5, "USD", None, None, None))
    first, cost = desk.announced
    assert isinstance(first, AccountExecution)
    assert (first.quantity, first.order, first.perm_id, first.client_id) == (10.0, None, 77, 3)
    assert isinstance(cost, ExecutionCost)
    assert (cost.account, cost.commission) == (first.account, 1.5)
    (row,) = desk.core.account_executions(GetAccountExecutions(foreign=True)).executions
    assert (row.quantity, row.commission, row.currency) == (10.0, 1.5, "USD")
    assert desk.core.account_executions(GetAccountExecutions(account="DU9")).executions == []


def test_a_correction_replaces_and_a_cost_may_come_first(desk: Desk) -> None:
    desk.says(tws.CommissionReport("0000e0d5.aaaaaaaa.01.01", 1.5, "USD", None, None, None))
    desk.says(their_execution(10.0))
    desk.says(their_execution(8.0, "02"))
    kinds = [(type(e).__name__, getattr(e, "corrects", None)) for e in desk.announced]
    assert kinds == [
        ("AccountExecution", None),
        ("ExecutionCost", None),
        ("AccountExecution", "0000e0d5.aaaaaaaa.01.01"),
    ]
    (row,) = desk.core.account_executions(GetAccountExecutions()).executions
    assert row.quantity == 8.0


def test_executions_of_our_own_orders_name_them(desk: Desk) -> None:
    desk.place("a")
    desk.accepted()
    desk.says(execution(1))
    (event,) = [e for e in desk.announced if isinstance(e, AccountExecution)]
    assert event.order == "s/a"
    assert desk.core.account_executions(GetAccountExecutions(foreign=True)).executions == []


def moved(desk: Desk, units: float) -> None:
    desk.do(desk.core.position_reported("DU1", 265598, units, desk.now))


def test_a_position_that_moves_without_an_execution_is_looked_into_once(desk: Desk) -> None:
    look(desk)
    moved(desk, 0.0)
    moved(desk, 10.0)
    desk.later(SETTLED_S)
    assert answer(desk, executions=[their_execution(10.0)]) == [
        rq.ReqAllOpenOrders,
        rq.ReqExecutions,
        rq.ReqCompletedOrders,
    ]
    assert any(isinstance(e, AccountExecution) for e in desk.announced)
    desk.later(SETTLED_S)
    assert not desk.asked
    moved(desk, 10.0)
    desk.later(SETTLED_S)
    assert not desk.asked


def test_a_position_that_was_never_there_before_is_looked_into_once(desk: Desk) -> None:
    """Somebody opened it, and its order was filled before any list showed it."""
    look(desk)
    moved(desk, 10.0)
    desk.later(SETTLED_S)
    assert rq.ReqExecutions in answer(desk, executions=[their_execution(10.0)])
    assert any(isinstance(e, AccountExecution) for e in desk.announced)
    for _ in range(2):
        moved(desk, 10.0)
        desk.later(SETTLED_S)
        assert not desk.asked


def test_a_position_that_moves_with_our_own_executions_is_not_looked_into(desk: Desk) -> None:
    desk.place("a")
    desk.accepted()
    look(desk, open_order(1))
    moved(desk, 0.0)
    moved(desk, 10.0)  # before its execution
    desk.says(execution(1))
    desk.later(SETTLED_S)
    assert not desk.asked


@pytest.mark.parametrize(
    ("con_id", "exchange"), [(1, "x" * 600), (1, "\x80"), (1, "\x1f"), (-1, "SMART"), (2**31 - 1, "")]
)
def test_an_order_in_what_nobody_could_spell_is_shown_and_ends_nothing(
    desk: Desk, con_id: int, exchange: str
) -> None:
    event = theirs()
    desk.says(replace(event, contract=replace(event.contract, con_id=con_id, exchange=exchange, sec_type="")))
    assert told(desk)[-1] == ("Submitted", 0.0, True, None)
    desk.core.validate()
    desk.place()
    assert desk.status() == "pending"
