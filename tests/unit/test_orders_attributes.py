"""Whatever a gateway shows of an order is how a modification sends it: one table of all attributes, and each
of them tried, while the node watches, while it is down and while the session is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from ibapi.order import Order as IbOrder
from support.orders_desk import Desk
from support.orders_reports import error, open_order, order_status
from support.orders_steps import linked, reconnect, sent, working
from twsmq_nodes.orders.attributes import ASKED, ATTRIBUTES, CHANGED, EXTRA, SET, VALUE
from twsmq_nodes.tws.adapter_values import camel
from twsmq_nodes.tws.adapter_views import ORDER_NAMES
from twsmq_nodes.tws.orders import Condition, OrderFields, OrderView
from twsmq_protocol.errors import RequestError
from twsmq_protocol.order_requests import _OWN, CHANGEABLE, PlaceOrder  # pyright: ignore[reportPrivateUsage]

FIELDS = {field.name: field for field in msgspec.structs.fields(OrderView)}
IBAPI: dict[str, Any] = dict(vars(IbOrder()))  # pyright: ignore[reportUnknownArgumentType]
NAMED = {name for own in FIELDS for name in ORDER_NAMES.get(own, (camel(own),))}
PRICE = (
    Condition(
        1, fields={"isMore": True, "price": 5.0, "conId": 8314, "exchange": "SMART", "triggerMethod": 0}
    ),
)
SAMPLES: dict[str, Any] = {
    "good_after_time": "20261231 10:00:00 US/Eastern",
    "algo_params": (("adaptivePriority", "Urgent"),),
    "smart_combo_routing_params": (("NonGuaranteed", "1"),),
    "combo_leg_prices": (1.0, 2.0),
    "conditions": PRICE,
    "oca_type": 2,
}
GIVEN: dict[str, dict[str, Any]] = {
    "algo_params": {"algo_strategy": "Adaptive"},
    "oca_type": {"oca_group": "mine"},
    "oca_group": {"oca_type": 1},
    "algo_strategy": {"algo_params": (("adaptivePriority", "Urgent"),)},
}
"""What an attribute is shown with, before and after."""


def sample(name: str) -> Any:
    if name in SAMPLES:
        return SAMPLES[name]
    kind = FIELDS[name].type
    return {bool: True, int: 3, int | None: 3, float | None: 2.5, str: "words"}[kind]


def ways() -> list[Callable[[Desk, dict[str, Any]], None]]:
    def watched(desk: Desk, shown: dict[str, Any]) -> None:
        desk.says(open_order(1, **shown))

    def node_down(desk: Desk, shown: dict[str, Any]) -> None:
        desk.crash()
        reconnect(desk, open_order(1, **shown), order_status(1, "Submitted", remaining=10.0))

    def session_down(desk: Desk, shown: dict[str, Any]) -> None:
        desk.session_lost()
        reconnect(desk, open_order(1, **shown), order_status(1, "Submitted", remaining=10.0))

    return [watched, node_down, session_down]


def test_the_table_has_every_attribute_of_an_order_and_no_other() -> None:
    assert set(ATTRIBUTES) == set(FIELDS)
    assert set(EXTRA) <= set(IBAPI) | {"transmit"}
    assert all(
        belief in (VALUE, SET, CHANGED, ASKED) or " " in belief
        for belief in (*ATTRIBUTES.values(), *EXTRA.values())
    )


def test_what_a_client_can_ask_for_is_kept_as_it_stands() -> None:
    """An argument that placed an order and is not in the table would be sent as it was asked for."""
    theirs = {
        name
        for own in FIELDS
        for name in ORDER_NAMES.get(own, (camel(own),))
        if ATTRIBUTES[own] in (VALUE, SET, CHANGED)
    }
    given = {name for name in _OWN if name in IBAPI} - {
        "account", "orderRef", "orderId", "clientId", "permId", "parentId", "parentPermId", "transmit",
        "whatIf", "filledQuantity",
    }  # fmt: skip
    assert given <= theirs | {name for name, belief in EXTRA.items() if belief == VALUE}
    assert set(CHANGEABLE) <= set(PlaceOrder.__struct_fields__)


@pytest.mark.parametrize("way", ways())
@pytest.mark.parametrize(
    "name",
    [
        name
        for name, belief in ATTRIBUTES.items()
        if belief in (SET, CHANGED) and name not in ("action", "cash_qty")
    ],
)
def test_each_is_sent_as_somebody_has_changed_it(
    name: str, way: Callable[[Desk, dict[str, Any]], None]
) -> None:
    desk, given = Desk(), GIVEN.get(name, {})
    desk.place()
    desk.accepted(**given)
    way(desk, given | {name: sample(name)})
    assert any("changed at the gateway" in notice.text for notice in desk.notices()), name
    desk.modify(quantity=20.0)
    assert (getattr(sent(desk), name), sent(desk).total_quantity) == (sample(name), 20.0)
    for other, value in given.items():
        assert getattr(sent(desk), other) == value
    desk.says(open_order(1, total_quantity=20.0, **given | {name: sample(name)}))
    said = len(desk.notices())
    desk.crash()
    reconnect(
        desk, open_order(1, total_quantity=20.0, **given | {name: sample(name)}), order_status(1, "Submitted")
    )
    desk.modify(quantity=30.0)
    assert getattr(sent(desk), name) == sample(name), "it is kept over a restart"
    assert len(desk.notices()) == said, "and said once"
    way(desk, {**given, "total_quantity": 30.0})
    desk.modify(quantity=40.0)
    assert (getattr(sent(desk), name) or None) == (given.get(name, FIELDS[name].default) or None), (
        "changed back"
    )


@pytest.mark.parametrize("way", ways())
@pytest.mark.parametrize(
    "name",
    [name for name in IBAPI if name not in NAMED and EXTRA.get(name, CHANGED) == CHANGED],
)
def test_so_is_what_travels_under_ibapis_own_names(
    name: str, way: Callable[[Desk, dict[str, Any]], None]
) -> None:
    default = IBAPI[name]
    value: Any = (
        True if isinstance(default, bool) or default is None else "x" if isinstance(default, str) else 3
    )
    desk = Desk()
    working(desk)
    way(desk, {"extra": {name: value, "shareholder": "Not an insider"}})
    answer = desk.modify(quantity=20.0).answer
    if isinstance(answer, RequestError):  # an order of another kind carries it
        assert (answer.code, len(desk.wire)) == ("conflict", 1)
        assert name in str(answer)
    else:
        assert sent(desk).extra == {name: value}


@pytest.mark.parametrize("name", [name for name, belief in ATTRIBUTES.items() if belief == SET])
def test_what_a_preset_sets_at_once_stands_too(name: str) -> None:
    desk = Desk()
    desk.place()
    desk.accepted(**GIVEN.get(name, {}) | {name: sample(name)})
    desk.modify(quantity=20.0)
    assert getattr(sent(desk), name) == sample(name)


@pytest.mark.parametrize(
    ("placed", "shown", "attribute", "kept"),
    [
        ({"hidden": True}, {}, "hidden", True),
        (
            {"good_after": "20261231-15:00:00"},
            {"good_after_time": "20261231 10:00:00 US/Eastern"},
            "good_after_time",
            "20261231-15:00:00",
        ),
        ({"extra": {"triggerPrice": 5.0}}, {}, "extra", {"triggerPrice": 5.0}),
        ({}, {"oca_type": 3, "extra": {"usePriceMgmtAlgo": 1, "deltaNeutralOrderType": "None"}}, "extra", {}),
    ],
)
def test_what_a_gateway_shows_otherwise_from_the_beginning_is_no_change(
    placed: dict[str, Any], shown: dict[str, Any], attribute: str, kept: Any
) -> None:
    desk = Desk()
    desk.place(**placed)
    desk.accepted(**shown)
    desk.says(open_order(1, **shown))
    assert desk.notices() == []
    desk.modify(quantity=20.0)
    assert getattr(sent(desk), attribute) == kept


def test_the_same_beginning_in_another_zone_is_no_change() -> None:
    desk = Desk()
    working(desk, good_after="20261231-15:00:00")
    desk.says(open_order(1, good_after_time="20261231 10:00:00 US/Eastern"))
    before = len(desk.notices())
    desk.says(open_order(1, good_after_time="20261231-15:00:00"))
    assert len(desk.notices()) == before


def test_a_group_that_the_gateway_gives_attached_orders_is_nobodys_change() -> None:
    desk = Desk()
    working(desk)
    desk.says(open_order(1, oca_group="142601", oca_type=3))
    desk.modify(quantity=20.0)
    assert (sent(desk).oca_group, desk.notices(), desk.order().oca_group) == ("", [], None)


def test_a_group_that_a_person_changes_is_how_the_order_stands_for_events_and_rules() -> None:
    desk = Desk()
    desk.place(oca_group="one", oca_type=1)
    desk.accepted(oca_group="one", oca_type=1)
    desk.says(open_order(1, oca_group="", oca_type=3))
    assert desk.order().oca_group is None
    desk.modify(quantity=20.0)
    assert (sent(desk).oca_group, sent(desk).oca_type) == ("", 0)


@pytest.mark.parametrize("shown", [{"action": "SELL"}, {"cash_qty": 500.0}])
def test_an_order_that_was_made_another_thing_is_not_made_back(shown: dict[str, Any]) -> None:
    desk = Desk()
    working(desk)
    desk.says(open_order(1, **shown))
    assert desk.modify(quantity=20.0).code == "conflict"
    assert len(desk.wire) == 1


def test_an_amount_of_cash_stands_as_a_person_has_changed_it() -> None:
    desk = Desk()
    desk.place(quantity=0.0, cash_quantity=500.0)
    desk.accepted(cash_qty=500.0)
    desk.says(open_order(1, cash_qty=700.0))
    desk.modify(limit_price=2.0)
    assert (sent(desk).cash_qty, sent(desk).limit_price) == (700.0, 2.0)


@pytest.mark.parametrize("way", ways()[1:])
@pytest.mark.parametrize(
    ("placed", "shown", "now", "told"),
    [
        ({"outside_rth": True}, {"outside_rth": True}, {"outside_rth": False}, ("outside_rth", False)),
        ({"display_size": 3}, {"display_size": 3}, {"display_size": 0}, ("display_size", 0)),
        (
            {"order_type": "REL", "limit_price": 9.0, "offset": 0.02},
            {"order_type": "REL", "limit_price": 9.0, "aux_price": 0.02},
            {"order_type": "REL", "limit_price": 0.0, "aux_price": 0.02},
            ("limit_price", None),
        ),
        (
            {"order_type": "REL", "limit_price": None, "offset": 0.02},
            {"order_type": "REL", "limit_price": 0.0, "aux_price": 0.02},
            {"order_type": "LMT", "limit_price": 4.0},
            ("order_type", "LMT"),
        ),
    ],
)
def test_what_is_no_more_is_noticed_after_a_restart(
    way: Callable[[Desk, dict[str, Any]], None],
    placed: dict[str, Any],
    shown: dict[str, Any],
    now: dict[str, Any],
    told: tuple[str, Any],
) -> None:
    desk = Desk()
    desk.place(**placed)
    desk.accepted(**shown)
    way(desk, now)
    assert getattr(desk.order(), told[0]) == told[1]


def test_a_trailing_stop_is_sent_as_it_has_trailed() -> None:
    """The gateway makes it the market less what it trails, if that is tighter; without one it would begin
    anew from the market."""
    desk = Desk()
    desk.place(order_type="TRAIL", limit_price=None, trail_amount=2.0, trail_stop_price=90.0, side="SELL")
    shown: dict[str, Any] = {"order_type": "TRAIL", "aux_price": 2.0, "action": "SELL"}
    desk.accepted(trail_stop_price=90.0, **shown)
    desk.says(open_order(1, trail_stop_price=97.0, **shown))
    desk.modify(quantity=20.0)
    assert sent(desk).trail_stop_price == 97.0
    desk.modify(trail_stop_price=98.0)
    desk.says(open_order(1, trail_stop_price=98.5, total_quantity=20.0, **shown))
    changes = [(one.change_no, one.outcome) for one in desk.published if type(one).__name__ == "Change"]
    assert changes[-2:] == [(1, "confirmed"), (2, "confirmed")], "it had trailed on before it was shown"
    assert desk.order().trail_stop_price == 98.5


def test_fields_to_send_are_those_that_are_read() -> None:
    sendable = set(OrderFields.__struct_fields__)
    assert {name for name, belief in ATTRIBUTES.items() if belief in (SET, CHANGED)} <= sendable


def test_what_a_person_took_away_of_what_was_asked_is_not_put_back() -> None:
    """Nor by bytes that were made for the order as it was: the first orders of a shape make a template."""
    desk = Desk()
    for cid in ("a", "b", "c"):
        desk.place(cid, extra={"triggerPrice": 5.0})
    desk.accepted(3, "c", extra={"triggerPrice": 5.0})
    desk.says(open_order(3, "c", extra={}))
    desk.modify("c", quantity=20.0)
    assert sent(desk).extra == {}


def test_what_a_gateway_shows_now_and_then_is_nobodys_change_unless_it_was_asked_for() -> None:
    """A limit order was captured with and without these."""
    desk, shown = Desk(), {"minCompeteSize": 100, "competeAgainstBestOffset": 0.02}
    desk.place("a")
    desk.place("b", order_type="PEG BEST", limit_price=None, extra={"minCompeteSize": 200})
    desk.accepted(1, "a", word="PreSubmitted", extra=shown)
    desk.accepted(2, "b", order_type="PEG BEST", extra={"minCompeteSize": 200})
    desk.says(open_order(1), open_order(1, extra=shown), open_order(1, extra={"triggerPrice": 0.5}))
    desk.says(open_order(2, "b", order_type="PEG BEST", extra={"minCompeteSize": 300}))
    assert [notice.text.partition(" ")[0] for notice in desk.notices()] == ["extra.triggerPrice"]
    desk.modify("a", limit_price=2.0)
    assert sent(desk).extra == {"triggerPrice": 0.5}
    desk.modify("b", quantity=20.0)
    assert sent(desk).extra == {"minCompeteSize": 300}


def test_an_order_that_has_ended_keeps_nothing_of_how_it_was_shown() -> None:
    desk = Desk()
    working(desk)
    assert desk.core.book.records["s", "a"].standing is not None
    desk.says(error(1, 202), order_status(1, "Cancelled"))
    assert desk.status() == "cancelled"
    assert desk.core.book.records["s", "a"].standing is None


def test_the_group_that_ties_orders_of_one_request_is_nobodys_change() -> None:
    desk = Desk()
    linked(desk, {"client_order_id": "a"}, {"client_order_id": "b"}, link="oca")
    desk.accepted(1, "a", oca_group="s/a", oca_type=1)
    desk.modify("a", quantity=20.0)
    assert (sent(desk).oca_group, sent(desk).oca_type) == ("s/a", 1)
    assert desk.notices() == []


def test_limits_of_legs_that_nobody_gave_are_none_however_many_are_shown() -> None:
    desk = Desk()
    working(desk)
    desk.says(open_order(1, combo_leg_prices=(None, None)))
    assert desk.notices() == []


def test_an_attribute_that_comes_and_goes_fills_no_journal() -> None:
    desk = Desk()
    working(desk)
    for _ in range(100):
        desk.says(open_order(1, hidden=True), open_order(1))
    assert len(desk.committed) < 40
    desk.says(open_order(1, hidden=True))
    desk.modify(quantity=20.0)
    assert sent(desk).hidden is True


@pytest.mark.parametrize(
    ("name", "field", "asked", "by_hand"),
    [
        ("triggerMethod", "trigger_method", 2, 4),
        ("sweepToFill", "sweep_to_fill", True, False),
        ("percentOffset", "percent_offset", 0.01, 0.02),
    ],
)
def test_what_was_asked_for_under_ibapis_name_and_changed_by_hand_is_not_put_back(
    name: str, field: str, asked: Any, by_hand: Any
) -> None:
    desk = Desk()
    desk.place(extra={name: asked})
    desk.accepted(**{field: asked})
    assert desk.notices() == [], "it is as it was asked for"
    desk.says(open_order(1, **{field: by_hand}))
    desk.modify(quantity=20.0)
    assert (getattr(sent(desk), field), name in sent(desk).extra) == (by_hand, False)


def test_what_does_not_fit_under_ibapis_name_is_refused_as_ever() -> None:
    desk = Desk()
    assert desk.place(extra={"triggerMethod": "two"}).code == "invalid_argument"
    assert desk.place("b", extra={"sweepToFill": 3}).code == "invalid_argument"
