"""Combos are held as their legs, and a trailing limit may trade beyond its stop."""

from __future__ import annotations

from typing import Any

import pytest
from support.orders_desk import AAPL, Desk
from support.risk_desk import CALL, HIGHER_CALL, SPREAD, desk_with, held
from twsmq_nodes.orders.risk.live_inputs import LiveRiskInputs
from twsmq_protocol.errors import RequestError
from twsmq_protocol.market_events import Quote
from twsmq_protocol.risk_limits import RiskLimits
from twsmq_protocol.system_events import Heartbeat, Position

STOCK = (AAPL, None, None)
LEGS = ((CALL, "100", None), (HIGHER_CALL, "100", None))


def refusal(desk: Desk, cid: str, **changes: Any) -> str:
    answer = desk.place(cid, **changes).answer
    return answer.message.partition(":")[0] if isinstance(answer, RequestError) else ""


def holds(inputs: LiveRiskInputs, **quantities: float) -> None:
    """Of the account, by the legs' names."""
    inputs.on_event("node/status/", Heartbeat(name="status", pid=1, state="ready"))
    for name, quantity in quantities.items():
        leg, con_id = {"low": (CALL, 101), "high": (HIGHER_CALL, 102)}[name]
        event = Position(account="DU1", instrument=leg, con_id=con_id, quantity=quantity)
        inputs.on_event(f"position/DU1/{leg}/", event)


@pytest.mark.parametrize(
    ("low", "high", "rule"),
    [
        (10.0, -10.0, ""),
        (10.0, 0.0, "reduce_only"),
        (10.0, -9.0, "reduce_only"),
        (0.0, 0.0, "reduce_only"),
        (-10.0, 10.0, "reduce_only"),
    ],
)
def test_a_combo_only_reduces_if_it_does_in_each_of_its_legs(low: float, high: float, rule: str) -> None:
    """An account holds no combos, only what they are made of."""
    desk, inputs = desk_with({}, *LEGS)
    holds(inputs, low=low, high=high)
    closing: dict[str, Any] = {"instrument": SPREAD, "side": "SELL", "quantity": 10.0}
    assert refusal(desk, "a", reduce_only=True, **closing) == rule


def test_a_combo_that_closes_its_legs_passes_the_limits_of_an_account() -> None:
    desk, inputs = desk_with({"account": {"DU1": RiskLimits(max_order_quantity=5.0)}}, *LEGS)
    holds(inputs, low=10.0, high=-10.0)
    closing: dict[str, Any] = {"instrument": SPREAD, "side": "SELL", "quantity": 10.0}
    assert refusal(desk, "a", **closing) == ""
    assert refusal(desk, "b", **closing) == "max_order_quantity", "both together do more"


def test_a_trailing_limit_may_trade_as_far_beyond_its_stop_as_its_offset() -> None:
    desk, inputs = desk_with({"max_order_notional": 5000.0, "price_collar": 0.5}, STOCK)
    held(inputs, 0.0)
    inputs.market(AAPL)
    inputs.on_event(f"md/{AAPL}/quote/", Quote(bid=100.0, bid_size=9.0, ask=100.0, ask_size=9.0))
    trailing: dict[str, Any] = {"order_type": "TRAIL LIMIT", "limit_price": None, "trail_amount": 10.0}
    near: dict[str, Any] = trailing | {"trail_stop_price": 110.0, "limit_offset": 5.0}
    assert refusal(desk, "a", quantity=40.0, **near) == ""
    assert refusal(desk, "b", quantity=44.0, **near) == "max_order_notional", "at 115"
    assert refusal(desk, "c", quantity=1.0, **near | {"limit_offset": 56.0}) == "price_collar"
    sold: dict[str, Any] = {"side": "SELL", "quantity": 1.0, "trail_stop_price": 90.0}
    assert refusal(desk, "d", **trailing | sold, limit_offset=5.0) == ""
    assert refusal(desk, "e", **trailing | sold, limit_offset=46.0) == "price_collar"
