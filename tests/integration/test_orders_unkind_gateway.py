"""A real orders node before a gateway that keeps quiet, refuses, changes and rewords: what it tells is true.

Each test is what a public bug report showed, with other inputs of its kind.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from msgspec.structs import replace
from support.broker_by_hand import AAPL
from support.desk_with_broker import STOP, STRATEGY, TRAIL, Desk, running_desk
from twsmq_simulator.broker.model import Status
from twsmq_simulator.wire import requests as rq
from twsmq_simulator.wire.zones import Zones


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with running_desk(tmp_path_factory.mktemp("desk")) as running:
        yield running


# -- a modification has a life of its own


MUTED = {
    "price": ({}, {"limit_price": 105.0}, "limit_price"),
    "quantity": ({}, {"quantity": 7}, "quantity"),
    "stop": (STOP, {"stop_price": 95.0}, "aux_price"),
    "trail": (TRAIL, {"trail_amount": 3.0}, "aux_price"),
    "tif": ({}, {"tif": "GTC"}, "tif"),
    "type": ({}, {"order_type": "STP LMT", "stop_price": 99.0}, "aux_price"),
}


def test_a_modification_whose_reports_are_lost_is_asked_for_and_told(desk: Desk) -> None:
    for name, (placed, asked, _) in MUTED.items():
        desk.working(f"muted-{name}", **placed)
        desk.broker.keep(desk.modify(f"muted-{name}", **asked))
    for name, (_, asked, _) in MUTED.items():
        told = desk.await_change(f"muted-{name}", "confirmed")
        assert told["stands"] == asked
        row = desk.order(f"muted-{name}")
        assert {field: row[field] for field in asked} == asked


def test_one_that_the_gateway_never_took_leaves_the_old_value_and_may_be_asked_for_again(desk: Desk) -> None:
    desk.working("deaf")
    desk.modify("deaf", limit_price=105.0)
    told = desk.await_change("deaf", "unanswered")
    assert told["stands"] == {"limit_price": 100.0}
    again = desk.modify("deaf", limit_price=105.0)
    desk.broker.show(again)
    desk.await_change("deaf", "confirmed")
    assert (again.limit_price, desk.order("deaf")["limit_price"]) == (105.0, 105.0)


CAPPED: dict[str, dict[str, Any]] = {
    "MIDPRICE": {},
    "REL": {"offset": 0.02},
    "PASSV REL": {"offset": 0.02},
    "PEG MKT": {"offset": 0.02},
    "PEG MID": {},
    "PEG BEST": {},
    "PEG PRIM": {},
}


def test_the_cap_of_a_pegged_order_is_told_kept_over_a_reconnect_and_never_put_back(desk: Desk) -> None:
    for name, also in CAPPED.items():
        cid = f"cap-{name.replace(' ', '-')}"
        desk.working(cid, order_type=name, limit_price=150.0, **also)
        desk.broker.show(desk.modify(cid, limit_price=155.0))
        assert desk.await_change(cid, "confirmed")["stands"] == {"limit_price": 155.0}
    desk.reconnect()
    for name in CAPPED:
        cid = f"cap-{name.replace(' ', '-')}"
        assert desk.order(cid)["limit_price"] == 155.0
        assert desk.modify(cid, quantity=20).limit_price == 155.0
        desk.broker.show(replace(desk.broker.orders[desk.order(cid)["order_id"]].ticket, quantity=20))
        desk.await_change(cid, "confirmed")


@pytest.mark.parametrize("code", [201, 202, 110, 104, 105, 462, 2102, 10326, 10311])
def test_a_refused_change_leaves_the_old_values_and_says_why(desk: Desk, code: int) -> None:
    cid = f"refused-{code}"
    desk.working(cid)
    desk.broker.object(desk.modify(cid, limit_price=105.0), code, f"no, {code}")
    told = desk.await_change(cid, "refused")
    assert (told["tws_code"], told["text"]) == (code, f"no, {code}")
    assert told["stands"] == {"limit_price": 100.0}
    row = desk.order(cid)
    assert (row["status"], row["limit_price"]) == ("submitted", 100.0)
    assert desk.modify(cid, quantity=20).limit_price == 100.0


# -- it is built from the order as it stands


def test_what_a_preset_made_of_an_order_is_told_and_not_sent_back(desk: Desk) -> None:
    for asked, made in (("GTC", "DAY"), ("DAY", "GTC")):
        cid = f"preset-{asked}"
        ticket = desk.place(cid, tif=asked)
        desk.broker.object(ticket, 10349, f"Order TIF was set to {made} based on order preset")
        desk.broker.show(replace(ticket, tif=made))
        desk.await_order(cid, status="submitted", tif=made)
        changed = desk.modify(cid, limit_price=101.0)
        assert (changed.tif, changed.limit_price) == (made, 101.0)


@pytest.mark.parametrize(
    ("placed", "by_hand", "told"),
    [
        ({}, {"limit_price": 99.0}, {"limit_price": 99.0}),
        ({}, {"tif": "GTC"}, {"tif": "GTC"}),
        ({}, {"tif": "GTD", "good_till_date": "20991231 23:59:59 UTC"}, {"tif": "GTD"}),
        (STOP, {"aux_price": 88.0}, {"stop_price": 88.0}),
        (TRAIL, {"aux_price": 5.0}, {"trail_amount": 5.0}),
        ({}, {"order_type": "MKT", "limit_price": None}, {"order_type": "MKT", "limit_price": None}),
        ({"order_type": "REL", "offset": 0.5}, {"aux_price": 0.25}, {"offset": 0.25}),
    ],
)
def test_what_a_person_made_of_an_order_is_told_and_not_sent_back(
    desk: Desk, request: pytest.FixtureRequest, placed: Any, by_hand: Any, told: Any
) -> None:
    cid = f"hand-{request.node.callspec.indices['placed']}"
    ticket = desk.working(cid, **placed)
    desk.broker.show(replace(ticket, **by_hand))
    desk.await_order(cid, **{name: value for name, value in told.items() if value is not None})
    changed = desk.modify(cid, quantity=20)
    assert {name: getattr(changed, name) for name in by_hand} == by_hand


@pytest.mark.parametrize("ended", [Status.FILLED, Status.CANCELLED])
def test_a_child_whose_parent_is_done_is_changed_without_it(desk: Desk, ended: Status) -> None:
    cids = [f"child-{ended.value}-{n}" for n in range(3)]
    entry, profit, stop = desk.bracket(*cids)
    for ticket in (entry, profit, stop):
        desk.broker.show(ticket)
    desk.await_order(cids[2], status="submitted")
    assert desk.modify(cids[1], limit_price=121.0).parent_id == entry.order_id
    if ended is Status.FILLED:
        desk.broker.execute(entry, 10, 100.0)
        desk.broker.state(entry, ended, filled=entry.quantity, average_price=100.0)
    else:
        desk.broker.execute(entry, 4, 100.0)
        desk.broker.state(entry, ended, filled=4, average_price=100.0)
        desk.broker.object(entry, 202, "Order Canceled - reason:")
    desk.await_order(cids[0], status=ended.value.lower())
    changed = desk.modify(cids[1], quantity=4)
    assert (changed.parent_id, changed.quantity, changed.limit_price) == (0, 4, 121.0)


# -- what the gateway never lists


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (328, "Trailing stop orders can be attached to limit or stop-limit orders only"),
        (110, "The price does not conform to the minimum price variation for this contract."),
        (201, "Order rejected - reason:off"),
        (10052, "Invalid time in force:"),
        (321, "Error validating request"),
    ],
)
def test_siblings_of_a_refused_last_leg_are_cancelled_and_told_so(desk: Desk, code: int, text: str) -> None:
    cids = [f"leg-{code}-{n}" for n in range(3)]
    entry, profit, stop = desk.bracket(*cids)
    desk.broker.object(stop, code, text)
    desk.await_cancels(entry, profit)
    desk.await_order(cids[2], status="rejected")
    for cid, ticket in zip(cids, (entry, profit), strict=False):
        assert desk.order(cid)["status"] == "pending_cancel"
        desk.broker.object(ticket, 202, "Order was discarded.")
    for cid in cids[:2]:
        told = desk.await_order(cid, status="cancelled")
        assert told["reason"] == "Order was discarded."
    last = desk.order(cids[2])
    assert (last["status"], last["tws_code"]) == ("rejected", code)
    assert text in last["reason"]


def test_legs_that_are_staged_while_the_connection_drops_are_cancelled(desk: Desk) -> None:
    cids = [f"drop-{n}" for n in range(3)]
    entry, profit, _ = desk.bracket(*cids)
    desk.reconnect()
    desk.await_cancels(entry, profit)
    desk.await_order(cids[2], status="not_sent")
    for ticket in (entry, profit):
        desk.broker.object(ticket, 202, "Order was discarded.")
    desk.await_order(cids[0], status="cancelled")


def test_a_staged_order_is_never_proved_absent_and_is_cancelled_when_asked(desk: Desk) -> None:
    ticket = desk.place("staged", transmit=False)
    desk.reconnect()
    row = desk.order("staged")
    assert (row["status"], row["staged"]) == ("unknown", True)
    desk.client.result("orders", "cancel_order", strategy=STRATEGY, client_order_id="staged")
    desk.await_cancels(ticket)
    desk.broker.object(ticket, 202, "Order was discarded.")
    desk.await_order("staged", status="cancelled")


# -- identity is what nobody can edit


@pytest.mark.parametrize("edited", ["my trade", "", "s/somebody-else", "other/order", "s/" + "x" * 60])
def test_fills_count_though_a_person_edited_the_reference(desk: Desk, edited: str) -> None:
    cid = f"edited-{len(edited)}"
    ticket = desk.working(cid)
    desk.broker.keep(replace(ticket, order_ref=edited))
    desk.broker.execute(ticket, 4, 100.0, order_ref=edited)
    desk.await_event(cid, "fill", quantity=4)
    desk.broker.execute(ticket, 6, 101.0, say=False, order_ref=edited)  # found by asking
    desk.broker.state(replace(ticket, order_ref=edited), Status.FILLED, filled=10, average_price=100.6)
    told = desk.await_order(cid, status="filled")
    assert (told["filled"], told["avg_price"]) == (10, pytest.approx(100.6))
    rows = desk.client.result("orders", "get_executions", strategy=STRATEGY)["executions"]
    assert sum(row["quantity"] for row in rows if row["client_order_id"] == cid) == 10


# -- the gateway's words


@pytest.mark.parametrize("style", ["captured", "iana", "windows", "utc"])
def test_the_time_of_a_fill_in_every_way_a_gateway_writes_it(desk: Desk, style: str) -> None:
    cid = f"time-{style}"
    ticket = desk.working(cid)
    desk.broker.zones = Zones(style)
    moment = 1_740_496_500_000_000_000
    desk.broker.execute(ticket, 4, 100.0, time=moment)
    assert desk.await_event(cid, "fill")["time"] == moment
    desk.broker.executions.clear()  # of an earlier day
    desk.broker.zones = Zones()


def test_a_combo_reported_by_its_legs_alone_has_the_gateways_average(desk: Desk) -> None:
    ticket = desk.place("combo", instrument="BAG:AAPL:SMART:USD:+1x265598,-1x8314", limit_price=1.5)
    desk.broker.instruments[ticket.order_id] = replace(AAPL, con_id=28812380, sec_type="BAG")
    desk.broker.show(ticket)
    desk.await_order("combo", status="submitted")
    desk.broker.execute(ticket, 10, 5.0, instrument=AAPL)
    desk.broker.execute(replace(ticket, action="SELL"), 10, 3.75, instrument=replace(AAPL, con_id=8314))
    desk.broker.state(ticket, Status.FILLED, filled=10, average_price=1.25)
    told = desk.await_order("combo", status="filled")
    assert (told["filled"], told["avg_price"]) == (10, 1.25)
    assert "by the executions of its legs" in told["reason"]


def test_nothing_that_the_gateway_says_of_an_order_is_dropped(desk: Desk) -> None:
    ticket = desk.place("words")
    desk.broker.object(ticket, 399, "Order Message:\nlater", '{"fyi": 1}')
    notice = desk.await_event("words", "notice", tws_code=399)
    assert notice["advanced_reject"] == '{"fyi": 1}'
    desk.broker.show(ticket, Status.PRE_SUBMITTED, why_held="locate")
    desk.await_order("words", why_held="locate")
    desk.broker.report(ticket, warning="mind the margin", cap_price=9.5)
    told = [desk.await_event("words", "notice", text="mind the margin"), desk.order("words")]
    assert told[1]["cap_price"] == 9.5
    desk.broker.object(ticket, 201, "Order rejected - reason:no", '{"tag": 8229}')
    assert desk.await_event("words", "notice", tws_code=201)["advanced_reject"] == '{"tag": 8229}'
    assert desk.await_order("words", status="rejected")["reason"] == "Order rejected - reason:no"


@pytest.mark.parametrize("code", [2148, 2137, 2109, 10197])
def test_what_concerns_the_account_and_no_order_reaches_its_topic(desk: Desk, code: int) -> None:
    text = f"about the account, {code}"
    desk.broker.notice(code, text)
    told = desk.client.await_event(lambda topic, event: topic == "account_notice/" and event["text"] == text)
    assert told["tws_code"] == code


# -- orders of others


@pytest.mark.parametrize("obeys", [True, False])
def test_an_order_of_a_connected_client_ends_as_the_gateway_says(desk: Desk, obeys: bool) -> None:
    """One gateway was seen to refuse (10147), of another it is written that it obeys: both are told truly."""
    broker, perm_id = desk.broker, 4_711 + obeys
    order_id = 40_000 + obeys
    ticket = replace(desk.place(f"model-{obeys}"), order_ref="", order_id=order_id)
    broker.others_order(7, ticket, perm_id)
    desk.client.await_event(
        lambda topic, event: topic == f"foreign/DU1/{perm_id}/" and event["working"], timeout=30
    )
    desk.client.send("orders", "cancel_foreign_order", perm_id=perm_id)
    assert broker.await_request(rq.CancelOrder).order_id == order_id
    if obeys:
        broker.others_end(perm_id)
        answer = desk.client.receive("orders", timeout=30)
        assert answer["ok"], answer
        assert "listed no more" in answer["result"]["text"]
    else:
        broker.object(ticket, 10147, f"OrderId {order_id} that needs to be cancelled is not found.")
        answer = desk.client.receive("orders", timeout=30)
        assert (answer["error"]["code"], answer["error"]["tws_code"]) == ("gateway_rejected", 10147)
        assert "lets nobody else" in answer["error"]["message"]
        broker.others_end(perm_id)


# -- the limits


@pytest.mark.parametrize("code", [110, 434, 10311])
def test_a_complaint_followed_by_acceptance_was_no_refusal(desk: Desk, code: int) -> None:
    cid = f"complaint-{code}"
    ticket = desk.place(cid)
    desk.broker.object(ticket, code, "hm")
    desk.await_event(cid, "notice", tws_code=code)
    assert desk.order(cid)["status"] == "pending"
    desk.broker.show(ticket)
    desk.await_order(cid, status="submitted")


@pytest.mark.parametrize(("words", "status"), [("", "cancelled"), ("Order rejected - reason:no", "rejected")])
def test_an_order_called_inactive_ends_with_the_gateways_words_or_none(
    desk: Desk, words: str, status: str
) -> None:
    cid = f"inactive-{status}"
    ticket = desk.place(cid, tif="FOK")
    desk.broker.show(ticket, Status.INACTIVE)
    desk.await_order(cid, status="inactive")
    if words:
        desk.broker.object(ticket, 201, words)
        desk.await_order(cid, status=status)
    else:
        desk.reconnect()
    row = desk.order(cid)
    assert (row["status"], row["filled"]) == (status, 0)
    assert (words or "Inactive") in row["reason"]


def test_an_order_called_inactive_may_revive(desk: Desk) -> None:
    ticket = desk.place("revived")
    desk.broker.show(ticket, Status.INACTIVE)
    desk.await_order("revived", status="inactive")
    desk.broker.show(ticket)
    desk.await_order("revived", status="submitted")
