"""Events of the journal for the order monitor, on one day."""

from __future__ import annotations

from typing import Any

from twsmq_nodes.status.order_monitor import DAY_NS
from twsmq_protocol.order_events import Commission, Fill, Order

DAY = 20_000
NOON = DAY * DAY_NS + DAY_NS // 2


def order(no: int, status: Any = "submitted", name: str = "a-1", ts: int = 0, **more: Any) -> Order:
    return Order(
        event_no=no,
        strategy="alpha",
        client_order_id=name,
        instrument="STK:AAPL:SMART:USD",
        side="BUY",
        quantity=10.0,
        order_type="LMT",
        status=status,
        ts=NOON + ts,
        **more,
    )


def fill(no: int, exec_id: str, quantity: float = 10.0, **more: Any) -> Fill:
    more = {"side": "BUY", "con_id": 265598, "account": "DU1", "price": 100.5, "ts": NOON + 50_000_000} | more
    return Fill(
        event_no=no, strategy="alpha", client_order_id="a-1", exec_id=exec_id, quantity=quantity, **more
    )


def cost(
    no: int, exec_id: str, commission: float, currency: str, realized: float | None = None
) -> Commission:
    return Commission(
        event_no=no, strategy="alpha", client_order_id="a-1", exec_id=exec_id, commission=commission,
        currency=currency, realized_pnl=realized, ts=NOON,
    )  # fmt: skip
