"""`twsmq flatten` closes what is held when its turn comes, not what was held when it was called."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from support.plain_process import PlainProcess
from twsmq.cli import main

AAPL = "STK:AAPL:SMART:USD"


class Broker:
    """Holds 100, with a stop of which `filled` are executed before it is cancelled. `late`: so many answers
    show the position as it was before that."""

    def __init__(self, filled: float, late: int) -> None:
        self.held, self.filled, self.late = 100.0, filled, late
        self.asked = 0
        self.cancelled = False
        self.placed: list[tuple[str, float]] = []

    def status(self, request: dict[str, Any]) -> dict[str, Any]:
        assert request["op"] == "positions"
        self.asked += 1
        shown = 100.0 if self.asked <= 1 + self.late else self.held
        row = {"account": "DU1", "instrument": AAPL, "con_id": 265598, "quantity": shown, "avg_cost": 1.0}
        return {"ok": True, "result": {"positions": [row] if shown else []}}

    def orders(self, request: dict[str, Any]) -> dict[str, Any]:
        match request["op"]:
            case "cancel_orders":
                self.held -= self.filled
                return {"ok": True, "result": {"orders": []}}
            case "get_orders":
                return {"ok": True, "result": {"orders": [], "foreign": []}}
            case "place_order":
                args = request["args"]
                if args["quantity"] > self.held:
                    error = {"code": "risk_rejected", "message": "reduce_only: more than is held"}
                    return {"ok": False, "error": error | {"field": "reduce_only", "tws_code": None}}
                self.placed.append((args["side"], args["quantity"]))
                row = {"client_order_id": args["client_order_id"], "order_id": 1, "status": "pending"}
                return {"ok": True, "result": row}
            case op:
                raise AssertionError(op)


@pytest.mark.parametrize(
    ("filled", "late", "placed"),
    [
        (0.0, 0, [("SELL", 100.0)]),
        (40.0, 0, [("SELL", 60.0)]),
        (40.0, 3, [("SELL", 60.0)]),
        (100.0, 0, []),
        (100.0, 3, []),
    ],
)
def test_what_a_stop_has_sold_before_it_was_cancelled_is_not_sold_again(
    filled: float, late: int, placed: list[tuple[str, float]], port_base: int, tmp_path: Path
) -> None:
    """Else the rest would stay open, without its stop."""
    config = tmp_path / "twsmq.toml"
    config.write_text(f"[cluster]\nport_base = {port_base}\n")
    broker = Broker(filled, late)
    with (
        PlainProcess("status", port_base, broker.status),
        PlainProcess("orders", port_base, broker.orders) as orders,
    ):
        orders.publish("node/orders/", "heartbeat", name="orders", pid=1, state="ready", interval_s=0.5)
        words = ["flatten", "--instrument", AAPL, "--config", str(config)]
        done = CliRunner().invoke(main, words, prog_name="twsmq")
    assert (done.exit_code, broker.placed) == (0, placed), done.output
