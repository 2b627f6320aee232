"""Every order type, previews, orders of others, an operator's word, and what is asked of the book."""

from __future__ import annotations

from typing import Any

import pytest
from support.orders_desk import BASE, Desk
from support.orders_reports import CLIENT_ID, EXEC, error, execution, open_order, order_status
from support.orders_steps import call, fields, order, waiting
from twsmq_nodes.orders.intake import MOST_WAITING
from twsmq_nodes.orders.pipeline.pipeline import MOST_PREVIEWS
from twsmq_nodes.tws import events as tws
from twsmq_nodes.tws import requests as rq
from twsmq_nodes.tws.contracts import Contract
from twsmq_nodes.tws.orders import OrderStateView, OrderView
from twsmq_protocol.errors import FieldError, RequestError
from twsmq_protocol.order_control_requests import AdoptOrder, ResolveOrder
from twsmq_protocol.order_events import Order
from twsmq_protocol.order_query_requests import GetExecutions, GetOrders
from twsmq_protocol.order_requests import Preview, PreviewOrder
from twsmq_protocol.order_types import ORDER_TYPES, Algo, Condition


@pytest.fixture
def desk() -> Desk:
    return Desk()


# -- order types and attributes


@pytest.mark.parametrize("order_type", ORDER_TYPES)
def test_every_order_type_can_be_sent_with_the_prices_it_needs(desk: Desk, order_type: str) -> None:
    prices = ORDER_TYPES[order_type]
    given = dict.fromkeys((*prices.needed, *prices.one_of[:1]), 1.5)
    asked: dict[str, Any] = {"limit_price": None, **given}
    desk.place(order_type=order_type, **asked)
    (sent,) = fields(desk)
    assert sent.order_type == order_type
    assert (sent.limit_price == 1.5) == ("limit_price" in given)


def test_attributes_travel_under_the_gateways_names(desk: Desk) -> None:
    desk.place(
        tif="GTD",
        good_till="20261218 22:00:00 US/Eastern",
        display_size=5,
        min_quantity=2,
        algo=Algo(strategy="Adaptive", params={"adaptivePriority": "Normal"}),
        conditions=(
            Condition(kind="price", value=190.0, con_id=265598, exchange="SMART", more=False),
            Condition(kind="time", text="20261218 22:00:00 US/Eastern", join="or"),
            Condition(kind="execution", symbol="IBM", sec_type="STK", exchange="SMART"),
            Condition(kind="margin", value=30.0),
        ),
        extra={"usePriceMgmtAlgo": True, "notHeld": True},
    )
    (sent,) = fields(desk)
    assert (sent.good_till_date, sent.display_size, sent.min_qty) == ("20261218 22:00:00 US/Eastern", 5, 2)
    assert sent.algo_params == (("adaptivePriority", "Normal"),)
    assert [condition.kind for condition in sent.conditions] == [1, 3, 5, 4]
    assert sent.conditions[0].fields["price"] == 190.0
    assert not sent.conditions[1].conjunction
    assert sent.extra == {"usePriceMgmtAlgo": True, "notHeld": True}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"extra": {"totalQuantity": 5}}, "extra.totalQuantity"),
        ({"extra": {"transmit": False}}, "extra.transmit"),
        ({"tif": "GTD"}, "good_till"),
        ({"oca_group": "g"}, "oca_type"),
        ({"quantity": 0.0}, "quantity"),
        ({"cash_quantity": 100.0}, "quantity"),
        ({"order_type": "TRAIL", "limit_price": None}, "trail_amount"),
        ({"order_type": "TRAIL", "limit_price": None, "trail_amount": 1, "trail_percent": 1}, "trail_amount"),
        ({"order_type": "MKT"}, "limit_price"),
        ({"stop_price": 1.0}, "stop_price"),
    ],
)
def test_what_does_not_fit_names_the_field(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(FieldError) as refused:
        order("a", **changes)
    assert refused.value.field == field


@pytest.mark.parametrize("extra", [{"noSuchThing": 1}, {"notHeld": "yes"}, {"_private": 1}])
def test_an_attribute_the_installed_ibapi_does_not_know_is_refused(desk: Desk, extra: Any) -> None:
    caller = desk.place(extra=extra)
    assert (caller.code, caller.answer.field) == ("invalid_argument", next(iter(extra)))


def test_an_order_for_an_amount_of_cash_is_filled_when_the_gateway_says_so(desk: Desk) -> None:
    desk.place(quantity=0.0, cash_quantity=100.0, order_type="MKT", limit_price=None)
    desk.says(execution(1, shares=3.0))
    assert desk.status() == "partially_filled"
    desk.says(order_status(1, "Filled", filled=3.0, avg_fill_price=1.0))
    assert (desk.status(), desk.order().filled) == ("filled", 3.0)


def test_an_order_for_an_amount_of_cash_is_modified_in_price_alone(desk: Desk) -> None:
    desk.place(quantity=0.0, cash_quantity=100.0)
    desk.accepted(total_quantity=3.2)
    refused = desk.modify(quantity=5.0)
    assert (refused.code, refused.answer.field) == ("invalid_argument", "quantity")
    assert desk.modify(limit_price=2.0).answer.order_id == 1
    assert (fields(desk)[-1].total_quantity, fields(desk)[-1].cash_qty) == (0.0, 100.0)


def test_the_legs_of_a_combo_are_told_and_do_not_count(desk: Desk) -> None:
    desk.place(instrument="BAG:SPY:SMART:USD:+1x1,-1x2")
    whole = execution(1, f"{EXEC}.01.01", shares=10.0)
    leg = execution(1, f"{EXEC}.02.01", shares=10.0)
    combo = tws.ExecDetails(-1, Contract(con_id=5, sec_type="BAG"), whole.execution)
    desk.says(leg, combo)
    assert [(fill.leg, fill.con_id) for fill in desk.fills()] == [(True, 265598), (False, 5)]
    assert (desk.status(), desk.order().filled) == ("filled", 10.0)


# -- previews


def test_a_preview_costs_an_id_and_leaves_no_order(desk: Desk) -> None:
    caller = call(desk, PreviewOrder(client_order_id="a", **BASE))
    request = desk.asked.pop()
    assert isinstance(request, rq.PlaceOrder)
    assert (request.order.what_if, request.order_id, request.order.order_ref) == (True, 1, "")
    state = OrderStateView(
        status="PreSubmitted", init_margin_change=250.5, commission=1.0, commission_currency="USD"
    )
    desk.says(tws.OpenOrder(1, Contract(), OrderView(order_id=1, client_id=CLIENT_ID), state))
    assert caller.answer == Preview(init_margin_change=250.5, commission=1.0, currency="USD")
    assert not desk.core.book.records
    assert desk.place().answer.order_id == 2


def test_another_clients_order_of_the_same_id_does_not_answer_a_preview(desk: Desk) -> None:
    caller = call(desk, PreviewOrder(client_order_id="a", **BASE))
    desk.says(open_order(1, client_id=3, order_ref="theirs"))
    assert not caller.answers


def test_a_refused_preview_is_the_gateways_own_word(desk: Desk) -> None:
    caller = call(desk, PreviewOrder(client_order_id="a", **BASE))
    desk.says(error(1, 399, "fyi"), error(1, 200, "No security definition"))
    assert (caller.code, caller.answer.tws_code) == ("gateway_rejected", 200)


def test_a_preview_nobody_answers_is_given_up(desk: Desk) -> None:
    unanswered = call(desk, PreviewOrder(client_order_id="a", **BASE))
    desk.later(10.1)
    assert unanswered.code == "timeout"
    lost = call(desk, PreviewOrder(client_order_id="a", **BASE))
    desk.session_lost()
    assert lost.code == "not_ready"


def test_a_flood_of_previews_delays_no_order_not_even_of_its_strategy() -> None:
    desk = waiting()
    flood = [call(desk, PreviewOrder(client_order_id=f"p{n}", **BASE)) for n in range(2 * MOST_WAITING)]
    assert [caller.code for caller in flood if caller.answers] == ["throttled"] * (len(flood) - MOST_PREVIEWS)
    assert not desk.place("a").answers
    desk.auto = True
    desk.do([])
    assert "s/a" in [sent.order_ref for sent in fields(desk)[:2]]
    late = call(desk, PreviewOrder(client_order_id="late", **BASE))
    assert late.code == "throttled"  # as many wait for the gateway now
    desk.later(10.1)
    assert not call(desk, PreviewOrder(client_order_id="later", **BASE)).answers


def test_a_preview_that_waits_for_the_disk_is_not_sent_once_its_session_is_gone() -> None:
    desk = waiting()
    desk.place()
    lost = call(desk, PreviewOrder(client_order_id="b", **BASE))
    for _ in range(2):
        desk.admit()
    desk.session_lost()
    assert lost.code == "not_ready"
    desk.commit()
    assert desk.asked == []


# -- foreign orders, an operator's word, questions


def foreign(order_id: int = 7, client_id: int = CLIENT_ID, ref: str = "old/one") -> tws.OpenOrder:
    return open_order(order_id, client_id=client_id, order_ref=ref, perm_id=7007)


def test_orders_that_nobody_placed_here_are_shown_as_foreign(desk: Desk) -> None:
    desk.session_up()
    desk.snapshot(foreign=[foreign(client_id=0, order_id=0, ref="")])
    (row,) = desk.core.orders(GetOrders()).foreign
    assert (row.perm_id, row.client_id, row.instrument) == (7007, 0, "STK:AAPL:SMART:USD")
    assert desk.core.orders(GetOrders(strategy="s")).foreign == []
    desk.session_up()
    desk.snapshot()
    assert desk.core.orders(GetOrders()).foreign == []


def test_an_order_of_our_own_client_id_can_be_adopted_and_then_followed(desk: Desk) -> None:
    desk.session_up()
    desk.snapshot(foreign())
    caller = call(desk, AdoptOrder(strategy="s", client_order_id="mine", perm_id=7007))
    assert (caller.answer.order_id, caller.answer.status) == (7, "submitted")
    desk.says(execution(7, shares=4.0, order_ref="old/one", perm_id=7007))
    assert (desk.status("mine"), desk.order("mine").filled) == ("partially_filled", 4.0)
    assert desk.modify("mine", quantity=20.0).code == "conflict"
    desk.cancel("mine")
    assert desk.wire[-1] == rq.CancelOrder(7)
    desk.crash()
    assert desk.status("mine") == "pending_cancel"
    assert desk.place("b").code == "not_ready"


def test_an_order_that_does_not_work_is_not_called_working_once_it_is_adopted(desk: Desk) -> None:
    desk.session_up()
    desk.snapshot(open_order(7, "x", "Inactive", order_ref="old/one", perm_id=7007))
    caller = call(desk, AdoptOrder(strategy="s", client_order_id="mine", perm_id=7007))
    assert (caller.answer.status, desk.status("mine")) == ("inactive", "inactive")


def test_an_order_that_had_ended_before_it_was_adopted_is_found_to_be_done(desk: Desk) -> None:
    desk.session_up()
    desk.snapshot(foreign())
    done = {"order_ref": "old/one", "perm_id": 7007}
    desk.says(execution(7, **done))
    call(desk, AdoptOrder(strategy="s", client_order_id="mine", perm_id=7007))
    desk.later(0.3)
    desk.snapshot(executions=[execution(7, req_id=1, **done)])
    assert (desk.status("mine"), desk.order("mine").filled) == ("filled", 10.0)


@pytest.mark.parametrize(("perm_id", "code"), [(7007, "conflict"), (1, "unknown_order")])
def test_another_clients_order_cannot_be_adopted(desk: Desk, perm_id: int, code: str) -> None:
    desk.session_up()
    desk.snapshot(foreign=[foreign(client_id=3)])
    caller = call(desk, AdoptOrder(strategy="s", client_order_id="mine", perm_id=perm_id))
    assert caller.code == code


@pytest.mark.parametrize("status", ["cancelled", "rejected", "not_sent", "filled"])
def test_an_operator_may_say_what_became_of_an_unknown_order(desk: Desk, status: Any) -> None:
    desk.place()
    args = ResolveOrder(strategy="s", client_order_id="a", status=status, reason="seen in TWS")
    assert call(desk, args).code == "conflict"
    desk.session_lost()
    assert call(desk, args).answer.status == status
    assert "seen in TWS" in (desk.told(Order)[-1].reason or "")


def test_executions_are_listed_as_they_stand_after_corrections(desk: Desk) -> None:
    desk.place()
    desk.accepted()
    desk.says(execution(1, f"{EXEC}.01.01", 4.0), execution(1, f"{EXEC}.02.01", 1.0))
    desk.says(execution(1, f"{EXEC}.01.02", 3.0, price=2.0))
    desk.says(tws.CommissionReport(f"{EXEC}.01.02", 1.0, "USD", 5.0, None, None))
    rows = desk.core.executions(GetExecutions(strategy="s")).executions
    assert [(row.exec_id, row.quantity, row.commission) for row in rows] == [
        (f"{EXEC}.02.01", 1.0, None),
        (f"{EXEC}.01.02", 3.0, 1.0),
    ]
    assert desk.core.executions(GetExecutions(strategy="t")).executions == []
    assert desk.core.executions(GetExecutions(account="DU2")).executions == []
    assert desk.core.executions(GetExecutions(since=2**62)).executions == []


def test_orders_are_listed_oldest_first_and_narrowed_by_all_that_is_given(desk: Desk) -> None:
    for cid in "abc":
        desk.place(cid)
    desk.place("a", strategy="t")
    desk.says(order_status(1, "Filled", filled=10.0), execution(1, "a", 10.0))
    desk.later(60)
    desk.says(order_status(2, "Cancelled"), error(2, 202, "Order Canceled - reason:"))

    def listed(**wanted: Any) -> list[str]:
        rows = desk.core.orders(GetOrders(**wanted)).orders
        return [f"{row['strategy']}/{row['client_order_id']}" for row in rows]

    assert listed() == ["s/a", "s/b", "s/c", "t/a"]
    assert listed(active=True) == ["s/c", "t/a"]
    assert listed(active=False) == ["s/a", "s/b"]
    assert listed(strategy="s", client_order_id="a") == ["s/a"]
    assert listed(strategy="s", client_order_id="a", active=True) == []
    assert listed(strategy="t", client_order_id="b") == []
    assert listed(client_order_id="a") == ["s/a", "t/a"]
    assert listed(since=desk.now.ns - 30 * 10**9) == ["s/b"]
    assert listed(since=desk.now.ns + 1) == []


def test_an_order_that_lives_again_keeps_its_place_in_the_list(desk: Desk) -> None:
    for cid in "ab":
        desk.place(cid)
        desk.accepted(1 if cid == "a" else 2, cid)
    desk.cancel("a")
    desk.says(order_status(1, "Cancelled"))
    assert [row["client_order_id"] for row in desk.core.orders(GetOrders(active=True)).orders] == ["b"]
    desk.says(open_order(1, "a", "Submitted"))
    desk.later(1.0)
    desk.snapshot(open_order(1, "a", "Submitted"), open_order(2, "b", "Submitted"))
    assert [row["client_order_id"] for row in desk.core.orders(GetOrders(active=True)).orders] == ["a", "b"]


def test_an_answer_that_would_be_too_long_asks_to_be_narrowed(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("twsmq_nodes.orders.queries.MAX_ROWS", 2)
    for number, cid in enumerate("abc", 1):
        desk.place(cid)
        desk.says(
            open_order(number, cid, "Submitted"),
            execution(number, f"0001.{number}.01", 1.0, order_ref=f"s/{cid}"),
        )
        assert len(desk.core.orders(GetOrders(strategy="s", client_order_id=cid)).orders) == 1
    for ask in (
        lambda: desk.core.orders(GetOrders()),
        lambda: desk.core.orders(GetOrders(active=True)),
        lambda: desk.core.executions(GetExecutions()),
    ):
        with pytest.raises(RequestError) as refused:
            ask()
        assert (refused.value.code, refused.value.field) == ("invalid_argument", "since")
    assert len(desk.core.executions(GetExecutions(client_order_id="b")).executions) == 1
