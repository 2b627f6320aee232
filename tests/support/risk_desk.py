"""A desk whose risk rules see the world by what they are told of it."""

from __future__ import annotations

from typing import Any

from twsmq_nodes.orders.risk.guard import RiskGuard
from twsmq_nodes.orders.risk.live_inputs import LiveRiskInputs
from twsmq_protocol.errors import RequestError
from twsmq_protocol.market_events import Quote
from twsmq_protocol.order_events import AccountExecution
from twsmq_protocol.risk_limits import Risk
from twsmq_protocol.system_events import Heartbeat, Position

from support.orders_desk import AAPL, NOON, Caller, Desk
from support.orders_reports import EXEC

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


class World:
    """A desk under limits, with a clock that the test moves."""

    def __init__(self, **limits: Any) -> None:
        self.mono = 0.0
        self.desk = Desk()
        self.inputs = LiveRiskInputs(
            self.desk.core.book, lambda _instrument: None, lambda: self.mono, repeat_s=5.0
        )
        self.guard = RiskGuard(Risk(**limits), self.inputs)
        self.desk.core.pipeline.guard = self.guard

    def refusal(self, cid: str, **changes: Any) -> str:
        """The rule that forbids the order, "" if it went out."""
        return rule_of(self.desk.place(cid, **changes))

    def position(self, quantity: float, con_id: int = 265598, instrument: str = AAPL) -> None:
        self.beat()
        row = Position(account="DU1", instrument=instrument, con_id=con_id, quantity=quantity)
        self.inputs.on_event("position/", row)

    def quoted(self, bid: float, ask: float) -> None:
        self.inputs.market(AAPL)
        quote = Quote(con_id=265598, bid=bid, ask=ask, bid_size=1.0, ask_size=1.0)
        self.inputs.on_event(f"quote/{AAPL}/", quote)

    def beat(self) -> None:
        self.inputs.on_event("node/status/", Heartbeat(name="status", pid=1, state="ready"))

    def later(self, seconds: float) -> None:
        self.mono += seconds
        self.beat()

    def executed(self, side: Any, quantity: float, **changes: Any) -> None:
        """The node has just learnt of an execution in the account, as it announces it."""
        fields: dict[str, Any] = {
            "ts": NOON, "exec_id": f"{EXEC}.09.01", "account": "DU1", "instrument": AAPL, "side": side,
            "quantity": quantity, "price": 1.0, "time": NOON, "con_id": 265598, "exchange": "SMART",
            "perm_id": 1, "client_id": 1, "order_id": 1, "reference": "", "liquidation": False,
            "liquidity": 0, "leg": False,
        }  # fmt: skip
        self.inputs.on_event("execution/", AccountExecution(**(fields | changes)))


def rule_of(caller: Caller) -> str:
    """Of what forbids the order, "" if it went out."""
    answer = caller.answer
    return answer.message.partition(":")[0] if isinstance(answer, RequestError) else ""
