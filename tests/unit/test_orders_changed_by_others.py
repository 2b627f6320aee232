"""What a person changes of an order at the gateway is how it stands: told, and not put back by a later
modification. What a gateway shows that nobody has set is not."""

from __future__ import annotations

from typing import Any

import pytest
from support.orders_desk import Desk
from support.orders_reports import open_order
from support.orders_steps import sent, working
from twsmq_protocol.order_types import Algo

TRAIL: dict[str, Any] = {"order_type": "TRAIL", "limit_price": None, "trail_amount": 2.0}
REL: dict[str, Any] = {"order_type": "REL", "limit_price": None, "offset": 0.02}
SHOWS_REL: dict[str, Any] = {"order_type": "REL", "limit_price": 0.0, "aux_price": 0.02}
SHOWS_TRAIL: dict[str, Any] = {"order_type": "TRAIL", "limit_price": 0.0, "aux_price": 2.0}
PERCENT: dict[str, Any] = {"order_type": "TRAIL", "limit_price": None, "trail_percent": 5.0}
SHOWS_PERCENT: dict[str, Any] = {"order_type": "TRAIL", "limit_price": 0.0, "trailing_percent": 5.0}


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.mark.parametrize(
    ("placed", "shown", "by_a_person", "told", "written"),
    [
        ({}, {}, {"outside_rth": True}, {"outside_rth": True}, {"outside_rth": True}),
        (
            {"outside_rth": True},
            {"outside_rth": True},
            {"outside_rth": False},
            {"outside_rth": False},
            {"outside_rth": False},
        ),
        ({}, {}, {"display_size": 3}, {"display_size": 3}, {"display_size": 3}),
        ({"display_size": 3}, {"display_size": 3}, {"display_size": 0}, {}, {"display_size": None}),
        (
            REL,
            SHOWS_REL,
            {"order_type": "LMT", "limit_price": 7.0, "aux_price": 0.0},
            {"order_type": "LMT", "limit_price": 7.0, "offset": None},
            {"order_type": "LMT", "limit_price": 7.0, "aux_price": None},
        ),
        (
            {},
            {},
            {"order_type": "REL", "limit_price": 7.0, "aux_price": 0.05},
            {"order_type": "REL", "limit_price": 7.0, "offset": 0.05},
            {"order_type": "REL", "limit_price": 7.0, "aux_price": 0.05},
        ),
        (REL, SHOWS_REL, {"limit_price": 9.0}, {"limit_price": 9.0}, {"limit_price": 9.0}),
        (
            REL | {"limit_price": 9.0},
            SHOWS_REL | {"limit_price": 9.0},
            {"limit_price": 0.0},
            {"limit_price": None},
            {"limit_price": None},
        ),
        (REL, SHOWS_REL, {"aux_price": 0.07}, {"offset": 0.07}, {"aux_price": 0.07}),
        (TRAIL, SHOWS_TRAIL, {"aux_price": 3.0}, {"trail_amount": 3.0}, {"aux_price": 3.0}),
        (
            TRAIL,
            SHOWS_TRAIL,
            {"trailing_percent": 4.0},
            {"trail_amount": None, "trail_percent": 4.0},
            {"aux_price": None, "trailing_percent": 4.0},
        ),
        (
            PERCENT,
            SHOWS_PERCENT,
            {"trailing_percent": None, "aux_price": 3.0},
            {"trail_amount": 3.0, "trail_percent": None},
            {"aux_price": 3.0, "trailing_percent": None},
        ),
        (PERCENT, SHOWS_PERCENT, {"aux_price": 0.5}, {"trail_amount": None}, {"trailing_percent": 5.0}),
        (
            {},
            {},
            {"order_type": "TRAIL", "limit_price": 0.0, "aux_price": 3.0},
            {"order_type": "TRAIL", "trail_amount": 3.0, "limit_price": None},
            {"order_type": "TRAIL", "aux_price": 3.0, "limit_price": None},
        ),
    ],
)
def test_whatever_a_person_changes_is_how_the_order_stands(
    desk: Desk,
    placed: dict[str, Any],
    shown: dict[str, Any],
    by_a_person: dict[str, Any],
    told: dict[str, Any],
    written: dict[str, Any],
) -> None:
    desk.place(**placed)
    desk.accepted(**shown)
    desk.says(open_order(1, **shown | by_a_person))
    assert {name: getattr(desk.order(), name) for name in told} == told
    desk.says(open_order(1, **shown | by_a_person))
    desk.modify(quantity=20.0)
    assert {name: getattr(sent(desk), name) for name in written} == written


def test_what_a_gateway_does_not_show_from_the_beginning_is_no_change(desk: Desk) -> None:
    desk.place(outside_rth=True, display_size=3)
    desk.accepted()
    desk.says(open_order(1))
    assert (desk.order().outside_rth, desk.order().display_size) == (True, 3)


def test_a_type_that_a_gateway_calls_otherwise_from_the_beginning_is_no_change(desk: Desk) -> None:
    desk.place(order_type="SNAP MID", limit_price=None)
    desk.accepted(order_type="LMT", limit_price=5.0)
    desk.says(open_order(1, order_type="LMT", limit_price=5.1))
    desk.modify(quantity=20.0)
    assert (sent(desk).order_type, sent(desk).limit_price) == ("SNAP MID", None)


def test_what_a_person_changed_while_a_modification_is_on_its_way_is_not_put_back(desk: Desk) -> None:
    working(desk)
    desk.modify(limit_price=2.0)
    desk.says(open_order(1, total_quantity=5.0))
    desk.modify(limit_price=3.0)
    assert (sent(desk).limit_price, sent(desk).total_quantity) == (3.0, 5.0)
    desk.modify(tif="GTC")
    assert (sent(desk).limit_price, sent(desk).tif, sent(desk).total_quantity) == (3.0, "GTC", 5.0)


@pytest.mark.parametrize(
    ("shows", "attribute", "now"),
    [
        ("hidden", "hidden", True),
        ("all_or_none", "all_or_none", True),
        ("min_qty", "min_qty", 5),
        ("good_after_time", "good_after_time", "20261231 10:00:00 US/Eastern"),
    ],
)
def test_what_no_modification_changes_is_not_put_back_either(
    desk: Desk, shows: str, attribute: str, now: Any
) -> None:
    working(desk)
    desk.says(open_order(1, **{shows: now}))
    (notice,) = desk.notices()
    assert f"changed at the gateway to {now!r}" in notice.text
    desk.modify(quantity=20.0)
    assert (getattr(sent(desk), attribute), sent(desk).total_quantity) == (now, 20.0)


def test_an_order_that_has_become_what_nobody_can_place_here_is_not_changed_back(desk: Desk) -> None:
    working(desk)
    desk.says(open_order(1, order_type="IBALGO"))
    assert desk.modify(quantity=20.0).code == "conflict"
    assert len(desk.wire) == 1
    desk.says(open_order(1))
    desk.modify(quantity=20.0)
    assert (sent(desk).order_type, sent(desk).total_quantity) == ("LMT", 20.0)


ADAPTIVE: dict[str, Any] = {
    "algo_strategy": "Adaptive",
    "algo_params": (("adaptivePriority", "Normal"),),
}


@pytest.mark.parametrize(
    ("placed", "at_first", "then"),
    [
        (
            {"oca_group": "mine", "oca_type": 1, "parent": "p"},
            {"oca_group": "1234567890", "oca_type": 3},
            {"oca_group": "mine", "oca_type": 1},
        ),
        ({"hidden": True}, {}, {"hidden": True}),
        (
            {"algo": Algo(strategy="Adaptive", params={"adaptivePriority": "Normal"})},
            {"algo_strategy": "Adaptive"},
            ADAPTIVE,
        ),
        ({"extra": {"discretionaryAmt": 0.5}}, {}, {"extra": {"discretionaryAmt": 0.5}}),
    ],
)
def test_what_is_shown_late_as_it_was_placed_is_nobodys_change(
    desk: Desk, placed: dict[str, Any], at_first: dict[str, Any], then: dict[str, Any]
) -> None:
    """ib_insync issue 606: the group of an attached order has its name once the parent is filled."""
    desk.place("p")
    desk.accepted(1, "p")
    desk.place(**placed)
    desk.says(open_order(2, **at_first), open_order(2, **then))
    assert desk.notices() == []
    desk.modify(limit_price=2.0)
    for name, value in then.items():
        assert getattr(sent(desk), name) == value


def test_what_a_person_has_changed_and_changed_back_is_told_twice(desk: Desk) -> None:
    desk.place(hidden=True)
    desk.says(open_order(1, hidden=True), open_order(1), open_order(1, hidden=True))
    texts = [notice.text for notice in desk.notices()]
    assert texts == [f"hidden was changed at the gateway to {value}" for value in (False, True)]
    desk.modify(limit_price=2.0)
    assert sent(desk).hidden is True
