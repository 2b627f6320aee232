"""Groups: brackets, OCA, all or nothing, and the same group again."""

from __future__ import annotations

from typing import Any

import pytest
from support.orders_desk import Desk
from support.orders_reports import open_order, order_status
from support.orders_steps import fields, group, order, waiting
from twsmq_nodes.orders.intake import MOST_WAITING
from twsmq_nodes.orders.oca_groups import require_own
from twsmq_protocol.errors import FieldError, RequestError
from twsmq_protocol.order_requests import (
    PlaceOrders,
)
from twsmq_protocol.rights import EVERYBODY, Identity, Right


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_bracket_goes_out_parent_first_and_is_transmitted_by_its_last_child(desk: Desk) -> None:
    caller = group(
        desk,
        order("p"),
        order("tp", side="SELL", limit_price=2.0),
        order("sl", side="SELL", order_type="STP", limit_price=None, stop_price=0.5),
        link="bracket",
    )
    assert [row.order_id for row in caller.answer.orders] == [1, 2, 3]
    assert [(one.parent_id, one.transmit) for one in fields(desk)] == [(0, False), (1, False), (1, True)]


def test_an_oca_group_is_named_after_its_first_order(desk: Desk) -> None:
    group(desk, order("a"), order("b"), link="oca", oca_type=2)
    assert [(one.oca_group, one.oca_type, one.transmit) for one in fields(desk)] == [("s/a", 2, True)] * 2


def test_a_group_is_journaled_together_or_not_at_all() -> None:
    desk = Desk(auto=False)
    desk.commit()
    desk.session_up()
    desk.snapshot()
    caller = group(desk, order("a"), order("b"))
    actions = desk.admit()
    assert len(actions[0].entries) == 2  # type: ignore[union-attr]
    assert not caller.answers
    desk.commit()
    assert len(caller.answer.orders) == 2


def test_one_order_that_cannot_be_encoded_refuses_the_group(desk: Desk) -> None:
    caller = group(desk, order("a"), order("b", extra={"noSuchThing": 1}))
    assert (caller.code, caller.answer.field) == ("invalid_argument", "noSuchThing")
    assert not desk.committed
    assert desk.place("a").answer.order_id == 1


def test_the_same_group_again_gets_the_first_answer_and_a_different_one_a_conflict(desk: Desk) -> None:
    first = group(desk, order("a"), order("b")).answer
    assert group(desk, order("a"), order("b")).answer == first
    assert group(desk, order("a"), order("b"), link="oca").code == "conflict"
    assert group(desk, order("a"), order("b", quantity=5.0)).code == "conflict"
    assert group(desk, order("a"), order("c")).code == "conflict"
    assert len(fields(desk)) == 2


def test_a_bracket_is_not_answered_for_one_with_another_parent(desk: Desk) -> None:
    group(desk, order("a"), order("b"), link="bracket")
    assert group(desk, order("b"), order("a"), link="bracket").code == "conflict"


def test_an_order_that_waits_at_the_gate_is_not_sent_once_more_with_a_group() -> None:
    desk = waiting()
    alone = desk.place("b")
    assert group(desk, order("a"), order("b")).code == "conflict"
    desk.auto = True
    desk.do([])
    assert alone.answer.order_id == 1
    assert [sent.order_ref for sent in fields(desk)] == ["s/b"]


def test_what_finds_too_many_waiting_at_the_gate_is_throttled_and_cancels_pass() -> None:
    desk = waiting()
    callers = [desk.place(f"a{number}") for number in range(MOST_WAITING)]
    assert not any(caller.answers for caller in callers)
    assert desk.place("late").code == "throttled"
    assert desk.cancel("a0").answer.status == "cancelled"
    assert not desk.place("late").answers


def test_one_strategy_that_fills_the_gate_shuts_no_other_out() -> None:
    desk = waiting()
    for number in range(MOST_WAITING):
        desk.place(f"a{number}")
    other = desk.place("b", strategy="other")
    assert not other.answers
    assert desk.place("late").code == "throttled"
    desk.auto = True
    desk.do([])
    assert [sent.order_ref for sent in fields(desk)[:2]] == ["s/a0", "other/b"]


def test_many_strategies_do_not_fill_the_gate_without_end() -> None:
    desk = waiting()
    callers = [desk.place(f"{n}-{m}", strategy=f"s{n}") for n in range(60) for m in range(MOST_WAITING // 10)]
    assert 1000 < sum(not caller.answers for caller in callers) <= 2 * MOST_WAITING
    assert callers[-1].code == "throttled"


def test_a_group_that_waits_at_the_gate_is_not_answered_for_one_linked_otherwise() -> None:
    desk = waiting()
    group(desk, order("a"), order("b"), link="oca")
    assert group(desk, order("a"), order("b"), link="bracket").code == "conflict"


def test_a_group_of_which_only_part_was_sent_is_not_sent_again(desk: Desk) -> None:
    group(desk, order("a"), order("b"))
    desk.accepted(order_id=1)
    desk.session_lost()
    desk.later(10.0)
    desk.session_up()
    desk.snapshot(open_order(1), order_status(1, "Submitted"))
    assert (desk.status("a"), desk.status("b")) == ("submitted", "not_sent")
    assert group(desk, order("a"), order("b")).code == "conflict"
    assert desk.place("b").code == "conflict"


def test_a_group_proved_not_sent_may_go_again_as_a_whole(desk: Desk) -> None:
    group(desk, order("a"), order("b"), link="oca")
    desk.session_lost()
    desk.later(10.0)
    desk.session_up()
    desk.snapshot()
    again = group(desk, order("a"), order("b"), link="oca")
    assert [row.order_id for row in again.answer.orders] == [3, 4]
    assert [one.oca_group for one in fields(desk)] == ["s/a"] * 4


def test_a_modified_child_keeps_its_parent_and_is_transmitted(desk: Desk) -> None:
    group(desk, order("a"), order("b", side="SELL"), link="bracket")
    desk.accepted(order_id=1, cid="a")
    desk.modify("a", limit_price=2.0)
    desk.accepted(order_id=2, cid="b")
    desk.modify("b", limit_price=2.0)
    assert [(one.parent_id, one.transmit) for one in fields(desk)[2:]] == [(0, True), (1, True)]


@pytest.mark.parametrize(
    ("orders", "link", "field"),
    [
        ((order("a"), order("a")), "none", "orders.client_order_id"),
        ((order("a"), order("b", strategy="t")), "none", "orders.strategy"),
        ((order("a"), order("b", instrument="STK:IBM:SMART:USD")), "bracket", "orders.instrument"),
        ((order("a", oca_group="g", oca_type=1), order("b")), "oca", "orders.oca_group"),
    ],
)
def test_a_group_that_cannot_be_names_the_field(orders: Any, link: Any, field: str) -> None:
    with pytest.raises(FieldError) as refused:
        PlaceOrders(orders=orders, link=link)
    assert refused.value.field == field


def joins(desk: Desk, identity: Identity, oca_group: str, strategy: str = "alpha") -> str:
    """Whether a key may place an order in a group: the code of the refusal, `ok` without one."""
    wanted = order("x", strategy=strategy, oca_group=oca_group, oca_type=int(bool(oca_group)))
    codes: set[str] = set()
    for args in (wanted, PlaceOrders(orders=(wanted,))):
        try:
            require_own(args, identity, desk.core.book, desk.core.pipeline.waiting)
        except RequestError as error:
            codes.add(error.code if error.field == "oca_group" else f"not of {error.field}")
        else:
            codes.add("ok")
    assert len(codes) == 1
    return codes.pop()


ALPHA = Identity("alpha", (Right("trader", "alpha"),))


def test_a_trader_s_order_joins_no_group_of_another_strategy_s(desk: Desk) -> None:
    group(desk, order("a", strategy="beta"), order("b", strategy="beta"), link="oca")
    desk.place("c", strategy="beta", oca_group="hedge", oca_type=1)
    desk.place("d", strategy="alpha", oca_group="mine", oca_type=1)
    assert joins(desk, ALPHA, "beta/a") == "unauthorized"
    assert joins(desk, ALPHA, "beta/later") == "unauthorized", "its name before it is there"
    assert joins(desk, ALPHA, "hedge") == "conflict"
    assert {joins(desk, ALPHA, free) for free in ("", "mine", "other", "alpha/a", "hedge2")} == {"ok"}
    assert {joins(desk, one, "hedge") for one in (EVERYBODY, Identity("ops", (Right("operator"),)))} == {"ok"}
    desk.cancel("c", strategy="beta")
    desk.do(desk.core.received([order_status(3, "Cancelled")], desk.now))
    assert joins(desk, ALPHA, "hedge") == "ok"


def test_a_trader_s_order_joins_no_group_that_waits_at_the_gate() -> None:
    desk = waiting()
    desk.place("c", strategy="beta", oca_group="hedge", oca_type=1)
    assert joins(desk, ALPHA, "hedge") == "conflict"
