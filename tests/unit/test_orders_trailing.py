"""A trailing stop moves at the broker: a modification sends it as it stands, never an old one."""

from __future__ import annotations

from typing import Any

import pytest
from support.orders_desk import Caller, Desk
from support.orders_reports import end_of, open_order, order_status
from support.orders_steps import outcomes, sent
from twsmq_nodes.tws import requests as rq
from twsmq_protocol.order_control_requests import Halt

TRAILING: dict[str, Any] = {"order_type": "TRAIL", "limit_price": None, "trail_amount": 2.0, "side": "SELL"}
TRAILING_LIMIT = TRAILING | {"order_type": "TRAIL LIMIT", "trail_stop_price": 90.0, "limit_offset": 0.1}


@pytest.mark.parametrize("placed", [TRAILING, TRAILING | {"trail_stop_price": 90.0}, TRAILING_LIMIT])
def test_a_trailing_stop_that_was_shown_long_ago_is_asked_for_before_it_is_sent(
    placed: dict[str, Any],
) -> None:
    """It moves at the broker, who says so only when asked: what was shown before is an old stop."""
    desk = Desk()
    desk.place(**placed)
    extra = {"lmtPriceOffset": 0.1} if "limit_offset" in placed else {}
    shown: dict[str, Any] = {"order_type": placed["order_type"], "aux_price": 2.0, "extra": extra}
    desk.accepted(trail_stop_price=90.0, action="SELL", **shown)
    desk.later(1.5)
    first = desk.modify(quantity=20.0)
    assert len(desk.wire) == 1, "it waits"
    second = desk.modify(trail_amount=3.0)
    (question,) = desk.asked
    assert isinstance(question, rq.ReqOpenOrders)
    desk.says(open_order(1, trail_stop_price=97.0, action="SELL", **shown))
    assert len(desk.wire) == 1, "what it shows may be older than the question"
    desk.says(end_of(desk.asked.pop(0)))
    assert (first.answer.status, sent(desk).total_quantity, sent(desk).trail_stop_price) == (
        "submitted",
        20.0,
        97.0,
    )
    assert second.answers == [], "it came after the question, and waits for one of its own"
    desk.says(open_order(1, trail_stop_price=97.5, total_quantity=20.0, action="SELL", **shown))
    desk.says(end_of(desk.asked.pop(0)))
    assert (sent(desk).total_quantity, sent(desk).aux_price, sent(desk).trail_stop_price) == (20.0, 3.0, 97.5)
    assert second.answer.status == "submitted"
    assert (desk.order().trail_stop_price, desk.asked) == (97.5, [])


@pytest.mark.parametrize("end", ["silence", "halt", "lost", "cancelled"])
def test_a_modification_that_waits_for_its_stop_is_sent_or_refused(end: str) -> None:
    desk = Desk()
    desk.place(**TRAILING)
    shown: dict[str, Any] = {"order_type": "TRAIL", "aux_price": 2.0, "action": "SELL"}
    desk.accepted(trail_stop_price=90.0, **shown)
    desk.later(1.5)
    caller = desk.modify(quantity=20.0)
    match end:
        case "silence":
            desk.later(5.0)
            assert caller.code == "timeout"
        case "halt":
            desk.do(desk.core.request(Halt(reason="why"), Caller(answers=[]), desk.now))
            assert caller.code == "halted"
        case "lost":
            desk.session_lost()
            assert caller.code == "not_ready"
        case _:
            desk.cancel()
            desk.says(end_of(desk.asked.pop(0)))
            assert caller.code == "conflict"
    assert len([request for request in desk.wire if isinstance(request, rq.PlaceOrder)]) == 1


def test_a_stop_that_is_given_is_sent_at_once() -> None:
    desk = Desk()
    desk.place(**TRAILING)
    desk.accepted(trail_stop_price=90.0, order_type="TRAIL", aux_price=2.0, action="SELL")
    desk.later(1.5)
    assert desk.modify(trail_stop_price=95.0).answer.status == "submitted"
    assert sent(desk).trail_stop_price == 95.0


def test_an_attached_stop_that_waits_for_its_parent_begins_where_the_market_is_then() -> None:
    desk = Desk()
    desk.place("p")
    desk.accepted(1, "p")
    desk.place("a", parent="p", **TRAILING)
    shown: dict[str, Any] = {
        "order_type": "TRAIL",
        "aux_price": 2.0,
        "action": "SELL",
        "trail_stop_price": 99.0,
    }
    desk.says(open_order(2, "a", "PreSubmitted", **shown))
    desk.says(order_status(2, "PreSubmitted", remaining=10.0, why_held="child,trigger"))
    desk.says(open_order(2, "a", "PreSubmitted", **shown))
    desk.modify(quantity=20.0)
    assert (sent(desk).total_quantity, sent(desk).trail_stop_price) == (20.0, None)


def test_a_modification_does_not_overtake_one_that_waits_for_the_stop() -> None:
    desk = Desk()
    desk.place(**TRAILING)
    shown: dict[str, Any] = {"order_type": "TRAIL", "aux_price": 2.0, "action": "SELL"}
    desk.accepted(trail_stop_price=90.0, **shown)
    desk.later(1.5)
    desk.modify(quantity=20.0)
    desk.modify(quantity=5.0, trail_stop_price=95.0)
    assert len(desk.wire) == 1
    while desk.asked:
        desk.says(end_of(desk.asked.pop(0)))
    assert sent(desk).total_quantity == 5.0, "the last word"


@pytest.mark.parametrize(
    ("asked", "seen", "outcome"),
    [(85.0, 91.0, "unanswered"), (85.0, 86.0, "confirmed"), (92.0, 93.0, "confirmed")],
)
def test_a_stop_that_trails_on_from_where_it_stood_is_no_sign_of_having_been_moved_back(
    asked: float, seen: float, outcome: str
) -> None:
    desk = Desk()
    desk.place(**TRAILING)
    shown: dict[str, Any] = {"order_type": "TRAIL", "aux_price": 2.0, "action": "SELL"}
    desk.accepted(trail_stop_price=90.0, **shown)
    desk.modify(trail_stop_price=asked)
    for _ in range(9):
        desk.later(1.0)
        if desk.asked:
            desk.snapshot(open_order(1, trail_stop_price=seen, **shown), order_status(1, "Submitted"))
    assert outcomes(desk)[1:] == [(1, outcome)]
    assert desk.order().trail_stop_price == seen
