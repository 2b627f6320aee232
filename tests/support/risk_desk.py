"""A desk whose risk rules see the world by what they are told of it."""

from __future__ import annotations

from typing import Any

from twsmq_nodes.orders.risk.guard import RiskGuard
from twsmq_nodes.orders.risk.live_inputs import LiveRiskInputs
from twsmq_protocol.risk_limits import Risk
from twsmq_protocol.system_events import Heartbeat, Position

from support.orders_desk import AAPL, Desk

CALL, HIGHER_CALL = "CONID:101:CBOE", "CONID:102:CBOE"
SPREAD = "BAG:SPY:SMART:USD:+1x101@CBOE,-1x102@CBOE"


def desk_with(
    limits: dict[str, Any], *contracts: tuple[str, str | None, float | None]
) -> tuple[Desk, LiveRiskInputs]:
    """A desk whose rules see the world by what they are told of it: contracts as the gateway lists them."""
    desk = Desk()
    inputs = LiveRiskInputs(desk.core.book, lambda _instrument: None, lambda: 0.0, repeat_s=5.0)
    desk.core.pipeline.guard = RiskGuard(Risk(**limits), inputs)
    for contract in contracts:
        inputs.learn_contract(*contract)
    return desk, inputs


def held(inputs: LiveRiskInputs, quantity: float) -> None:
    inputs.on_event("node/status/", Heartbeat(name="status", pid=1, state="ready"))
    position = Position(account="DU1", instrument=AAPL, con_id=265598, quantity=quantity)
    inputs.on_event(f"position/DU1/{AAPL}/", position)
