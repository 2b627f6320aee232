"""Each example of docs/risk.md is a configuration, and does what its section says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct, field
from twsmq_nodes.orders.entries import Links
from twsmq_nodes.orders.risk.guard import RiskGuard
from twsmq_nodes.orders.risk.inputs import Market, Open, Scope, working_as
from twsmq_nodes.orders.risk.rules import OPTIONS, RULES
from twsmq_nodes.orders.risk.steps import Steps
from twsmq_protocol.config import parse_config
from twsmq_protocol.errors import RequestError
from twsmq_protocol.order_requests import PlaceOrder

DOCUMENT = (Path(__file__).parents[2] / "docs" / "risk.md").read_text(encoding="utf-8")
EXAMPLES = {
    section.partition("`")[0]: section.partition("```toml\n")[2].partition("```")[0]
    for section in DOCUMENT.split("\n### `")[1:]
}
AAPL, SPREAD = "STK:AAPL:SMART:USD", "BAG:SPY:SMART:USD:+1x101,-1x102"
NOON = int(datetime.fromisoformat("2026-11-23T12:00:00-05:00").timestamp()) * 10**9
SECOND = 10**9


class World(Struct):
    quote: Market | None = Market(99.0, 100.0, 99.5)
    held: float = 0.0
    result: float = 0.0
    working: tuple[Open, ...] = ()

    def market(self, instrument: str) -> Market | None:
        return self.quote

    def unit_value(self, instrument: str) -> float:
        return 100.0 if instrument.startswith("BAG") else 1.0

    def steps(self, instrument: str) -> Steps:
        return Steps(((0.0, 0.01),), 1.0)

    def position(self, scope: Scope, name: str, instrument: str) -> float:
        return self.held

    def daily_pnl(self, scope: Scope, name: str, ns: int) -> float:
        return self.result

    def same(self, one: str, other: str) -> bool:
        return one == other

    def open_orders(self) -> Iterator[Open]:
        return iter(self.working)


class Case(Struct):
    """`passes` and `refused`: changes of an order; `world` as both find it, `before` as many others went."""

    passes: dict[str, Any] = {}
    refused: dict[str, Any] = {}
    world: World = field(default_factory=World)
    refused_in: World | None = None
    before: int = 0
    at: int = NOON
    refused_at: int = NOON
    rule: str = ""


def works(count: int) -> tuple[Open, ...]:
    return tuple(Open("alpha", "DU1", AAPL, "BUY", 1.0, number) for number in range(1, count + 1))


MARKET: dict[str, Any] = {"order_type": "MKT", "limit_price": None}
CASES: dict[str, Case] = {
    "max_order_quantity": Case({"quantity": 1000.0}, {"quantity": 1001.0}),
    "max_order_notional": Case(
        {"quantity": 500.0}, {"instrument": SPREAD, "quantity": 101.0, "limit_price": 5.0}
    ),
    "max_position": Case({"quantity": 400.0}, {"quantity": 401.0}, World(held=100.0)),
    "price_collar": Case({"limit_price": 105.0}, {"limit_price": 105.1}),
    "round": Case({"limit_price": 99.99}, {"limit_price": 99.995}),
    "max_open_orders": Case(world=World(working=works(19)), refused_in=World(working=works(20))),
    "max_orders_per_side": Case(world=World(working=works(14)), refused_in=World(working=works(15))),
    "max_orders_per_second": Case(before=4),
    "duplicate_s": Case({"quantity": 2.0}, {"quantity": 2.0}, refused_at=NOON + 9 * SECOND),
    "max_daily_loss": Case(world=World(result=-2000.0), refused_in=World(result=-2000.5)),
    "instruments": Case({}, {"instrument": "FUT:ES:CME:USD:20261218"}),
    "order_types": Case({}, MARKET),
    "trading_windows": Case(refused_at=NOON + 4 * 3600 * SECOND),
    "restart_at": Case(refused_at=NOON + (11 * 60 + 44) * 60 * SECOND, rule="restart_lock_s"),
    "missing": Case(
        world=World(quote=None),
        refused={"limit_price": 105.1},
        refused_in=World(),
        rule="price_collar",
    ),
    "reduce_only_passes": Case(
        {"quantity": 100.0},
        {"side": "SELL", "quantity": 101.0, "limit_price": 99.0},
        World(held=500.0),
        rule="max_order_quantity",
    ),
}  # fmt: skip


def test_every_limit_has_an_example() -> None:
    assert {rule.name for rule in RULES} | OPTIONS - {"time_zone"} | {"restart_at"} == EXAMPLES.keys()
    assert EXAMPLES.keys() == CASES.keys()


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_lets_one_order_pass_and_refuses_another(name: str) -> None:
    case, risk = CASES[name], parse_config(EXAMPLES[name]).orders.risk
    world = case.world
    guard = RiskGuard(risk, world)
    for number in range(case.before):
        ask(guard, f"before-{number}", {"quantity": 10.0 + number}, case.at)
    ask(guard, "passes", case.passes, case.at)
    refused_in = case.refused_in or world
    for name_of in world.__struct_fields__:
        setattr(world, name_of, getattr(refused_in, name_of))
    with pytest.raises(RequestError) as refusal:
        ask(guard, "refused", case.refused, case.refused_at)
    assert refusal.value.code == "risk_rejected"
    assert refusal.value.message.startswith(f"{case.rule or name}: the limit is ")


def ask(guard: RiskGuard, name: str, changes: dict[str, Any], ns: int) -> None:
    args: dict[str, Any] = {
        "strategy": "alpha",
        "client_order_id": name,
        "instrument": AAPL,
        "side": "BUY",
        "quantity": 1.0,
        "order_type": "LMT",
        "limit_price": 100.0,
    }
    order = PlaceOrder(**(args | changes))
    guard.check((order,), (working_as(order, 0, Links(), order, order.quantity, "DU1"),), ns)
