"""The message budget: what may be written when."""

from __future__ import annotations

import pytest
from twsmq_nodes.tws.contracts import Contract
from twsmq_nodes.tws.orders import OrderFields
from twsmq_nodes.tws.pacing import Pacer, Priority
from twsmq_nodes.tws.requests import CancelOrder, GlobalCancel, PlaceOrder, ReqExecutions, ReqPositions


def drained(pacer: Pacer[str], now: float) -> list[str]:
    taken: list[str] = []
    while (item := pacer.take(now)) is not None:
        taken.append(item)
    return taken


def test_cancels_go_before_orders_before_control_before_data_each_in_its_own_order() -> None:
    pacer: Pacer[str] = Pacer(0, now=0.0)
    for name, priority in (
        ("data 1", Priority.DATA),
        ("order 1", Priority.ORDER),
        ("control 1", Priority.CONTROL),
        ("cancel 1", Priority.CANCEL),
        ("data 2", Priority.DATA),
        ("order 2", Priority.ORDER),
    ):
        pacer.push(name, priority)
    assert drained(pacer, 0.0) == ["cancel 1", "order 1", "order 2", "control 1", "data 1", "data 2"]


def test_requests_know_their_place() -> None:
    order = PlaceOrder(1, Contract(), OrderFields("BUY", 1, "MKT"))
    asked = (CancelOrder(1), GlobalCancel(), order, ReqExecutions(1), ReqPositions())
    assert [request.PRIORITY for request in asked] == [
        Priority.CANCEL, Priority.CANCEL, Priority.ORDER, Priority.CONTROL, Priority.DATA,
    ]  # fmt: skip


def test_no_second_ever_sees_more_than_the_gateway_allows() -> None:
    pacer: Pacer[str] = Pacer(45, now=0.0)
    for n in range(500):
        pacer.push(str(n), Priority.DATA)
    written: list[float] = []
    now = 0.0
    while (at := pacer.wake_at(now)) is not None:
        now = at
        written += [now] * len(drained(pacer, now))
    assert len(written) == 500
    assert max(sum(start <= t < start + 1.0 for t in written) for start in written) <= 50
    assert now <= 500 / 45 + 0.1  # and the budget is used


def test_what_waits_is_told_when_to_come_back() -> None:
    pacer: Pacer[str] = Pacer(10, now=100.0, burst=1)
    pacer.push("a", Priority.DATA)
    pacer.push("b", Priority.DATA)
    assert pacer.wake_at(100.0) == 100.0
    assert drained(pacer, 100.0) == ["a"]
    assert pacer.wake_at(100.0) == 100.1
    assert drained(pacer, 100.05) == []
    assert drained(pacer, 100.1000001) == ["b"]
    assert pacer.wake_at(100.2) is None


def test_rate_zero_is_no_limit_even_after_messages_past_the_queue() -> None:
    pacer: Pacer[str] = Pacer(0, now=0.0)
    for n in range(1000):
        pacer.charge(0.0)
        pacer.push(str(n), Priority.DATA)
    assert len(drained(pacer, 0.0)) == 1000


def test_a_message_past_the_queue_is_paid_for_later() -> None:
    pacer: Pacer[str] = Pacer(10, now=0.0, burst=1)
    pacer.charge(0.0)
    pacer.charge(0.0)
    pacer.push("a", Priority.DATA)
    assert drained(pacer, 0.15) == []
    assert drained(pacer, 0.2000001) == ["a"]


def test_what_was_not_written_after_all_costs_nothing() -> None:
    pacer: Pacer[str] = Pacer(10, now=0.0, burst=1)
    pacer.push("refused", Priority.ORDER)
    pacer.push("next", Priority.DATA)
    assert pacer.take(0.0) == "refused"
    pacer.refund()
    assert pacer.take(0.0) == "next"


def test_a_new_rate_holds_from_now_on() -> None:
    pacer: Pacer[str] = Pacer(1, now=0.0, burst=1)
    for name in "abc":
        pacer.push(name, Priority.DATA)
    assert drained(pacer, 0.0) == ["a"]
    pacer.set_rate(100, now=0.5)
    assert drained(pacer, 0.51) == ["b"]


def test_clearing_gives_back_what_never_went() -> None:
    pacer: Pacer[str] = Pacer(1, now=0.0)
    pacer.push("data", Priority.DATA)
    pacer.push("cancel", Priority.CANCEL)
    assert pacer.clear() == ["cancel", "data"]
    assert len(pacer) == 0
    assert pacer.wake_at(0.0) is None


@pytest.mark.parametrize("stalls", [True, False])
def test_what_a_stalled_disk_keeps_back_is_not_written_in_one_moment(stalls: bool) -> None:
    """Orders are let out by the budget and written once durable: after ten seconds, or at once."""
    pacer: Pacer[None] = Pacer(18.0, now=0.0)
    held, now = 0, 0.0
    written: list[float] = []
    while len(written) < 200:
        now += 0.005
        if held and (not stalls or now >= 10.0):
            written += [now] * held
            held = 0
        pacer.hold(held, now)
        if pacer.affordable(now) >= 1:
            pacer.charge(now)
            held += 1
    assert max(sum(start <= t < start + 1.0 for t in written) for start in written) <= 20
    assert (written[-1] - written[0]) * 18 <= 200 + 5, "and the budget is used"


def test_cancels_have_their_budget_while_orders_are_held() -> None:
    pacer: Pacer[None] = Pacer(18.0, now=0.0)
    pacer.charge(0.0, 2)
    pacer.hold(2, 0.0)
    assert pacer.affordable(10.0) < 1
    cancels, now = 0, 10.0
    while now < 12.0:
        now = max(now + 1e-6, pacer.affords_at(now, past_held=True))
        if pacer.affordable(now, past_held=True) >= 1:
            pacer.charge(now)
            cancels += 1
    assert 36 <= cancels <= 39
