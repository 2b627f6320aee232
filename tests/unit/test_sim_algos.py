"""Orders that name one of the gateway's algos: what is refused, and how the others trade over time."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from support.sim_floor import START, Floor
from twsmq_simulator.broker.effects import OrderMessage

AAPL = 265598
EASTERN = ZoneInfo("America/New_York")


@pytest.fixture
def floor() -> Floor:
    return Floor()


def filled(floor: Floor, order_id: int) -> Decimal:
    order = floor.broker.orders.find(1, order_id)
    assert order is not None
    return order.filled


def watch(floor: Floor, seconds: float) -> None:
    """Time passes, and the market lets its orders look at it."""
    floor.later(seconds)
    floor.price(265.0)


@pytest.mark.parametrize(
    ("strategy", "params", "code", "text"),
    [
        ("Inline", {}, 439, "Order processing failed. Algorithm definition not found"),
        ("MinImpact", {"maxPctVol": "0.1"}, 439, "Order processing failed. Algorithm definition not found"),
        (
            "Twap",
            {"strategyType": "Marketable"},
            443,
            "Order processing failed. Unknown algo attribute:strategyType",
        ),
    ],
)
def test_what_is_not_known_is_refused_as_captured(
    floor: Floor, strategy: str, params: dict[str, str], code: int, text: str
) -> None:
    (told,) = floor.replace(
        1, "BUY", 1, "LMT", limit_price=15.53, algo_strategy=strategy, algo_params=tuple(params.items())
    )
    assert told == OrderMessage(1, 1, code, text)


def test_dark_ice_shows_no_size_of_the_orders_own(floor: Floor) -> None:
    floor.place("BUY", 1, "LMT", limit_price=15.53, algo_strategy="DarkIce", display_size=1)
    assert floor.told == ["error 1 10255"]


def test_an_algo_trades_a_tenth_with_every_tenth_of_its_time(floor: Floor) -> None:
    order = floor.place("BUY", 50, "MKT", algo_strategy="Vwap", algo_params=(("maxPctVol", "0.1"),))
    assert floor.later() == ["exec 1 5", "open 1 Submitted", "open 1 Submitted", "commission 1"]
    watch(floor, 5.9)
    assert filled(floor, order) == 5
    watch(floor, 0.2)
    assert filled(floor, order) == 10
    watch(floor, 30)
    assert filled(floor, order) == 35, "what fell due meanwhile trades at once"
    watch(floor, 30)
    assert (filled(floor, order), floor.status(order)) == (50, "Filled")


def test_a_priority_says_how_patient_an_adaptive_order_is(floor: Floor) -> None:
    orders = [
        floor.place("BUY", 10, "MKT", algo_strategy="Adaptive", algo_params=(("adaptivePriority", priority),))
        for priority in ("Urgent", "Patient")
    ]
    watch(floor, 0.01)
    watch(floor, 2)
    assert [floor.status(order) for order in orders] == ["Filled", "Submitted"]


@pytest.mark.parametrize("dated", [True, False])
def test_it_waits_for_its_start_and_ends_at_its_end(floor: Floor, dated: bool) -> None:
    begin, end = (
        datetime.fromtimestamp(START / 1e9 + seconds, EASTERN).strftime(
            "%Y%m%d %H:%M:%S US/Eastern" if dated else "%H:%M:%S US/Eastern"
        )
        for seconds in (100, 200)
    )
    order = floor.place(
        "SELL", 100, "MKT", algo_strategy="Twap", algo_params=(("startTime", begin), ("endTime", end))
    )
    watch(floor, 99)
    assert (filled(floor, order), floor.status(order)) == (0, "Submitted")
    watch(floor, 2)
    assert filled(floor, order) == 10
    watch(floor, 99)
    assert floor.status(order) == "Filled"


def test_fractions_go_with_the_last_part(floor: Floor) -> None:
    order = floor.place("BUY", "10.5", "MKT", algo_strategy="Twap")
    watch(floor, 0.01)
    assert filled(floor, order) == 1
    watch(floor, 60)
    assert filled(floor, order) == Decimal("10.5")


def test_a_limit_still_holds(floor: Floor) -> None:
    order = floor.place("BUY", 10, "LMT", limit_price=200.0, algo_strategy="Twap")
    watch(floor, 61)
    assert filled(floor, order) == 0
    floor.price(199.0)
    assert floor.status(order) == "Filled"
