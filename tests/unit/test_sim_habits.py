"""Orders as real gateways were seen to report them: every captured way occurs, and no other.

Captures at server versions 200 to 225; what each shows is written out here.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from support.sim_floor import AAPL, Floor, story
from support.sim_stream import connected, play
from twsmq_simulator import Server
from twsmq_simulator.broker import cancelling
from twsmq_simulator.broker.effects import Effect, OrderMessage, OrderReported, Previewed
from twsmq_simulator.broker.habits import Habits
from twsmq_simulator.broker.rules import HouseRules
from twsmq_simulator.commands import carry_out
from twsmq_simulator.market.contracts import ContractSpec

NIGHT = 1_776_312_000_000_000_000  # 16 April 2026, 00:00 in New York
EUR = ContractSpec(symbol="EUR", sec_type="CASH", exchange="IDEALPRO", currency="USD")
BTC = ContractSpec(symbol="BTC", sec_type="CRYPTO", exchange="PAXOS", currency="USD")
SEEDS = range(60)


def floor(seed: int, **more: bool | int) -> Floor:
    return Floor(habits=Habits(seed), **more)  # type: ignore[arg-type]


def placed(floor: Floor, kind: str, **more: object) -> list[str]:
    floor.place("BUY", 1, kind, **more)
    return [*floor.told, *floor.later()]


def shown(told: list[str]) -> tuple[str, ...]:
    """Statuses up to the fill, each once."""
    statuses = [word.split()[2] for word in told[: told.index("exec 1 1")]]
    return tuple(dict.fromkeys(statuses))


def test_market_orders_show_what_was_captured_before_they_fill() -> None:
    ways = [shown(placed(floor(seed), "MKT")) for seed in range(200)]
    assert set(ways) == {("PreSubmitted",), ("Submitted",), ("PreSubmitted", "Submitted")}
    submitted = sum("Submitted" in way for way in ways)
    assert 120 < submitted < 165, "10 of the 14 captured ones show Submitted"


def test_a_fill_is_reported_with_and_without_its_commission() -> None:
    after: set[int] = set()
    for seed in SEEDS:
        told = placed(floor(seed), "MKT")
        assert told[-1] == "commission 1"
        after.add(told.count("open 1 Filled"))
    assert after == {1, 2, 3}


def test_a_waiting_order_is_reported_up_to_four_times_and_a_notice_has_its_place() -> None:
    pairs: set[int] = set()
    for kind, first in (("LMT", False), ("STP LMT", False), ("STP", True)):
        for seed in SEEDS:
            more = {"limit_price": 10.0} if kind != "STP" else {}
            more |= {"aux_price": 2000.0} if kind != "LMT" else {}
            told = placed(floor(seed, always_open=False, start=NIGHT), kind, **more)
            assert told.index("error 1 399") == (0 if first else 1), (kind, told)
            pairs.add(told.count("open 1 PreSubmitted"))
    assert pairs == {1, 2, 3, 4}


@pytest.mark.parametrize(
    ("kind", "prices", "changed"),
    [
        ("STP", {"aux_price": 500.0}, {"aux_price": 501.0}),
        ("STP LMT", {"aux_price": 500.0, "limit_price": 501.0}, {"aux_price": 501.0, "limit_price": 501.0}),
        ("LIT", {"aux_price": 100.0, "limit_price": 101.0}, {"aux_price": 99.0, "limit_price": 101.0}),
        ("TRAIL", {"aux_price": 5.0}, {"aux_price": 6.0}),
        ("LMT", {"limit_price": 100.0}, {"limit_price": 101.0}),
    ],
)
def test_a_modification_is_reported_once_or_twice(
    kind: str, prices: dict[str, float], changed: dict[str, float]
) -> None:
    counts: set[int] = set()
    for seed in SEEDS:
        here = floor(seed)
        placed(here, kind, **prices)
        assert here.replace(1, "BUY", 1, kind, **changed) == []
        here.now += 10_000_000
        reports = here.broker.advance(here.now)
        assert all(isinstance(report, OrderReported) for report in reports)
        for report in reports:
            assert isinstance(report, OrderReported)
            assert report.order.ticket.aux_price == changed.get("aux_price")
            assert report.order.status == ("Submitted" if kind == "LMT" else "PreSubmitted")
        counts.add(len(reports))
    assert counts == {1, 2}


def test_a_waiting_child_is_reported_with_its_new_price_too() -> None:
    here = floor(1)
    here.place("BUY", 1, "LMT", limit_price=100.0, transmit=False)
    here.place("SELL", 1, "LMT", limit_price=300.0, parent_id=1)
    here.later()
    here.replace(2, "SELL", 1, "LMT", limit_price=301.0, parent_id=1)
    assert set(here.later()) == {"open 2 PreSubmitted"}


def test_a_stop_may_show_a_limit_in_its_first_report_only() -> None:
    limits: set[tuple[float | None, ...]] = set()
    for seed in SEEDS:
        here = floor(seed)
        effects: list[Effect] = here.replace(1, "SELL", 1, "STP", aux_price=13.13)
        here.now += 10_000_000
        effects += here.broker.advance(here.now)
        limits.add(
            tuple(dict.fromkeys(e.order.ticket.limit_price for e in effects if isinstance(e, OrderReported)))
        )
    assert limits == {(None,), (13.16,), (13.16, None)}


def test_a_cancel_is_announced_in_one_of_three_ways() -> None:
    ways: set[tuple[str, ...]] = set()
    for seed in SEEDS:
        here = floor(seed)
        placed(here, "LMT", limit_price=100.0)
        told = [*here.cancel(1), *here.later()]
        assert told[-2:] == ["status 1 Cancelled", "error 1 202"]
        ways.add(tuple(told[:-2]))
    assert ways == {(), ("status 1 PendingCancel",), ("open 1 PendingCancel",) * 2}


def test_the_same_seed_reports_the_same() -> None:
    assert placed(floor(7), "MKT") == placed(floor(7), "MKT")


# ---- refusals


def test_a_trailing_child_of_a_market_order_leaves_its_group_staged(floor: Floor) -> None:
    """328, then a global cancel: the parent is discarded and named with 161, its child is gone silently."""
    floor.place("BUY", 1, "MKT", transmit=False)
    floor.place("SELL", 1, "LMT", limit_price=3105.2, parent_id=1, transmit=False)
    floor.place("SELL", 1, "TRAIL", aux_price=1.0, parent_id=1)
    assert floor.told == ["error 3 328"]
    assert floor.status(1) == floor.status(2) == "Staged"
    told = cancelling.cancel_all(floor.broker, 1, floor.now)
    assert story(told) == ["status 1 Cancelled", "error 1 202", "error 1 161"]
    texts = [effect.text for effect in told if isinstance(effect, OrderMessage)]
    assert texts[0] == "Order Canceled - reason:Order was discarded."
    assert floor.later() == []
    assert story(cancelling.cancel_all(floor.broker, 1, floor.now)) == ["error 1 161"], "and each time again"


@pytest.mark.parametrize("field", ["good_till_date", "good_after_time"])
def test_an_unreadable_date_is_391(floor: Floor, field: str) -> None:
    floor.place("BUY", 1, "LMT", limit_price=100.0, tif="GTD", **{field: "tomorrow"})
    assert floor.told == ["error 1 391"]


def test_a_gateway_may_insist_on_a_time_in_force(floor: Floor) -> None:
    floor.place("BUY", 1, "MKT")
    assert floor.told == ["open 1 PreSubmitted"]
    floor.broker.house = HouseRules(empty_tif="refused")
    floor.place("BUY", 1, "MKT")
    assert floor.told == ["error 2 10052"]


def test_an_account_without_fx_leverage_leaves_the_order_inactive(floor: Floor) -> None:
    floor.broker.house = HouseRules(fx_leverage="refused")
    floor.place("SELL", 20000, "MKT", contract=EUR)
    assert floor.told == ["open 1 Inactive", "error 1 201"]
    floor.place("BUY", 20000, "MKT", contract=EUR)
    assert floor.told == ["open 2 PreSubmitted"], "dollars are there to buy euros with"


def test_previews_have_no_figures_where_a_gateway_has_none(floor: Floor) -> None:
    def preview(contract: ContractSpec) -> object:
        (told,) = floor.replace(1, "BUY", Decimal("0.5"), "MKT", contract=contract, what_if=True)
        assert isinstance(told, Previewed)
        return told.preview

    assert preview(BTC) is None
    assert floor.replace(1, "BUY", 1, "MKT", what_if=True) != []
    floor.broker.house = HouseRules(previews="none")
    (told,) = floor.replace(1, "BUY", 1, "MKT", what_if=True, contract=AAPL)
    assert isinstance(told, Previewed)
    assert told.preview is None


def test_the_rules_are_set_on_command_and_unset_doubles_are_sent(tmp_path: Path) -> None:
    async def there(server: Server) -> None:
        carry_out(server.gateway, "order_rules", {"previews": "none", "empty_tif": "refused"})
        client = await connected(server.port, 1)
        client.place(1, "BUY", 1, "MKT", tif="")
        await client.error(10052)
        client.place(1, "BUY", 1, "MKT", what_if=1)
        unknown = (await client.until("5")).count("1.7976931348623157E308")
        carry_out(server.gateway, "order_rules", {"previews": "margin"})
        client.place(1, "BUY", 1, "MKT", what_if=1)
        assert unknown - (await client.until("5")).count("1.7976931348623157E308") == 9
        assert not client.all("3"), "a preview is no order"

    play(tmp_path, there)


@pytest.fixture(name="floor")
def _floor() -> Floor:
    return Floor()
