"""Captured conversations of orders with their messages swapped, doubled and lost: the orders end alike.

Swapped are messages about different things only; what was said of one order's state keeps its order. Where
statuses are lost, an order may be unknown, and is never said to be what it is not.
"""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from support.captures_at_a_desk import Captured
from support.node_captures import NOT_SPOKEN, captures, expected, spoken
from twsmq_protocol.order_events import Order

CAPTURES = {
    name: capture for name, capture in captures().items() if name not in NOT_SPOKEN and spoken(capture)
}
WAYS = range(8)


def stands(order: Order) -> dict[str, Any]:
    """What clients act on."""
    names = ("filled", "remaining", "avg_price", "quantity", "order_type", "limit_price", "stop_price", "tif")
    return {name: getattr(order, name) for name in names}


@pytest.mark.parametrize("name", CAPTURES)
def test_as_captured_it_ends_where_the_gateway_did(name: str) -> None:
    told = Captured()
    told.speak(CAPTURES[name])
    for recorded, wanted in expected(CAPTURES[name]).items():
        order = told.order(recorded)
        assert (order.status in wanted.statuses, order.filled) == (True, wanted.filled), (recorded, order)


@pytest.mark.parametrize("name", CAPTURES)
def test_swapped_and_doubled_it_ends_the_same(name: str) -> None:
    plain = Captured()
    plain.speak(CAPTURES[name])
    for way in WAYS:
        told = Captured(Random(way))
        told.speak(CAPTURES[name])
        for recorded, wanted in expected(CAPTURES[name]).items():
            order = told.order(recorded)
            assert order.status in wanted.statuses, (way, recorded, order)
            assert stands(order) == stands(plain.order(recorded)), (way, recorded)


@pytest.mark.parametrize("name", CAPTURES)
def test_where_statuses_are_lost_it_ends_the_same_or_is_unknown(name: str) -> None:
    for way in WAYS:
        told = Captured(Random(way), lossy=True)
        told.speak(CAPTURES[name])
        for recorded, wanted in expected(CAPTURES[name]).items():
            order = told.order(recorded)
            assert order.status in (*wanted.statuses, "unknown"), (way, recorded, order)
            assert order.filled == wanted.filled or order.status == "unknown", (way, recorded, order)
