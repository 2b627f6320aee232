"""Each example of docs/risk.md is a configuration, and does what its section says."""

from __future__ import annotations

import re
import tomllib
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
from twsmq_nodes.tws.gateway_times import NS
from twsmq_protocol.config import parse_config
from twsmq_protocol.errors import RequestError
from twsmq_protocol.order_requests import PlaceOrder

DOCUMENT = (Path(__file__).parents[2] / "docs" / "risk.md").read_text(encoding="utf-8")
EXAMPLES = {
    section.partition("`")[0]: section.partition("```toml\n")[2].partition("```")[0]
    for section in DOCUMENT.split("\n### `")[1:]
}
AAPL = "STK:AAPL:SMART:USD"


class World(Struct):
    quote: Market | None = Market(99.0, 100.0, 99.5)
    held: float = 0.0
    result: float = 0.0
    working: tuple[Open, ...] = ()

    def market(self, instrument: str) -> Market | None:
        return self.quote

    def multiplier(self, instrument: str) -> float:
        return self.unit_value(instrument)

    def unit_value(self, instrument: str) -> float:
        return 100.0 if instrument.startswith("BAG") else 1.0

    def worth_known(self, instrument: str) -> bool:
        return True

    def steps(self, instrument: str) -> Steps:
        return Steps(((0.0, 0.01),), 1.0)

    def position(self, scope: Scope, name: str, instrument: str, account: str = "") -> float:
        return self.held

    def daily_pnl(self, scope: Scope, name: str, ns: int) -> float:
        return self.result

    def same(self, one: str, other: str) -> bool:
        return one == other

    def open_orders(self) -> Iterator[Open]:
        return iter(self.working)


class Case(Struct):
    """An order that an example names, and the world it is placed in."""

    order: dict[str, Any] = {}
    world: World = field(default_factory=World)
    sent: int = 0
    alike_before_s: float | None = None
    at: str = "12:00"


LINE = re.compile(r"^# (passes|refused)(?: by (\w+))?: (.*)$", re.MULTILINE)
QUANTITIES = ("quantity", "limit_price")


def case_of(text: str) -> Case:
    """`name = value` pairs, separated by commas: fields of an order, or of the world."""
    named = tomllib.loads(f"case = {{{text}}}")["case"]
    world = World()
    ask, quoted = named.pop("ask", 100.0), named.pop("quoted", True)
    world.quote = Market(ask - 1.0, ask, ask - 0.5) if quoted else None
    world.held = float(named.pop("position", 0.0))
    world.result = float(named.pop("day_result", 0.0))
    world.working = works(named.pop("working", 0))
    case = Case(world=world, sent=named.pop("sent", 0), at=named.pop("at", "12:00"))
    case.alike_before_s = named.pop("alike_before_s", None)
    case.order = {name: float(value) if name in QUANTITIES else value for name, value in named.items()}
    if named.get("order_type", "LMT") != "LMT":
        case.order["limit_price"] = None
    return case


def works(count: int) -> tuple[Open, ...]:
    return tuple(Open("alpha", "DU1", AAPL, "BUY", 1.0, number) for number in range(1, count + 1))


def ns_at(clock: str) -> int:
    return int(datetime.fromisoformat(f"2026-11-23T{clock}:00-05:00").timestamp()) * NS


def test_every_limit_has_an_example() -> None:
    there = {rule.name for rule in RULES} | OPTIONS - {"time_zone"} | {"restart_lock_s"}
    assert there == EXAMPLES.keys(), "give each limit an example in docs/risk.md, and no other"


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_lets_one_order_pass_and_refuses_another(name: str) -> None:
    lines = LINE.findall(EXAMPLES[name])
    assert [outcome for outcome, _, _ in lines] == ["passes", "refused"]
    for outcome, by, text in lines:
        case, now = case_of(text), ns_at(case_of(text).at)
        config = parse_config(EXAMPLES[name])
        guard = RiskGuard(config.orders.risk, case.world, config.gateway.life)
        for number in range(case.sent):
            ask(guard, f"before-{number}", {"quantity": 10.0 + number}, now)
        if case.alike_before_s is not None:
            ask(guard, "alike", case.order, now - int(case.alike_before_s * NS))
        if outcome == "passes":
            ask(guard, "passes", case.order, now)
            continue
        with pytest.raises(RequestError) as refusal:
            ask(guard, "refused", case.order, now)
        assert refusal.value.code == "risk_rejected"
        assert refusal.value.message.startswith(f"{by or name}: the limit is ")


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
