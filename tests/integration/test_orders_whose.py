"""A real orders node before a gateway at which others trade too: copies, old ids, an adviser, another login.

Each test is what a public bug report showed, with other inputs of its kind; messages come in unusual orders.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.command import Command
from support.desk_with_broker import STRATEGY, Desk, running_desk
from twsmq_simulator.broker.model import Status
from twsmq_simulator.wire import requests as rq

ADVISER = "DF1,DU2,DU3"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with running_desk(tmp_path_factory.mktemp("desk")) as running:
        yield running


def filled(desk: Desk, cid: str) -> float:
    rows = desk.client.result("orders", "get_executions", strategy=STRATEGY, client_order_id=cid)
    return sum(row["quantity"] for row in rows["executions"] if not row["leg"])


def whose(desk: Desk, perm_id: int) -> set[str | None]:
    rows = desk.client.result("orders", "account_executions")["executions"]
    return {row["order"] for row in rows if row["perm_id"] == perm_id}


def test_a_copy_made_in_tws_is_executed_before_and_after_our_order(desk: Desk) -> None:
    ticket = desk.working("copied")
    desk.broker.say(desk.broker.executed_under(7_001, 0, 0, 3, order_ref=ticket.order_ref))
    desk.broker.say(desk.broker.copied_by_hand(ticket, 7_001, limit=9.0))
    desk.broker.execute(ticket, 4, 100.0)
    desk.await_event("copied", "fill", quantity=4)
    desk.broker.say(desk.broker.executed_under(7_001, 0, 0, 7, order_ref=ticket.order_ref))
    desk.broker.execute(ticket, 6, 100.0)
    desk.broker.state(ticket, Status.FILLED, filled=10, average_price=100.0)
    told = desk.await_order("copied", status="filled")
    assert (told["filled"], told["limit_price"], filled(desk, "copied")) == (10, 100.0, 10)
    assert whose(desk, 7_001) == {None}
    desk.broker.others.clear()


@pytest.mark.parametrize("status", [Status.FILLED, Status.CANCELLED])
@pytest.mark.parametrize("seen", [True, False])
def test_the_end_of_a_copy_ends_nothing_of_ours(desk: Desk, status: Status, seen: bool) -> None:
    cid = f"kept-{status.value}-{seen}"
    ticket = desk.working(cid)
    frames = desk.broker.copied_by_hand(ticket, 7_002)
    if seen:
        desk.broker.say(frames)
    desk.broker.copy_ends(7_002, status)
    desk.reconnect()
    assert desk.order(cid)["status"] == "submitted"
    desk.client.result("orders", "cancel_order", strategy=STRATEGY, client_order_id=cid)
    assert desk.broker.await_request(rq.CancelOrder).order_id == ticket.order_id
    desk.broker.state(ticket, Status.CANCELLED)
    desk.await_order(cid, status="cancelled")


@pytest.mark.parametrize("perm_id", [0, 8_970])
def test_executions_under_an_order_id_that_nobody_sent(desk: Desk, perm_id: int) -> None:
    """nautilus_trader issue 4970; the status comes first."""
    cid = f"lost-{perm_id}"
    ticket = desk.working(cid)
    desk.broker.keep(ticket, Status.FILLED, filled=10, average_price=100.0)
    frame = desk.broker.executed_under(perm_id, 101, 50_000 + perm_id, 10, order_ref=ticket.order_ref)
    desk.broker.state(ticket, Status.FILLED, filled=10, average_price=100.0)
    desk.broker.say(frame, frame)
    assert "never sent" in desk.await_event(cid, "notice")["text"]
    assert desk.await_order(cid, status="filled")["filled"] == 10
    assert filled(desk, cid) == 10


def test_an_old_execution_under_an_order_id_that_is_used_again(desk: Desk) -> None:
    ticket = desk.place("again")
    old = time.time_ns() - 3 * 86_400 * 10**9
    desk.broker.say(desk.broker.executed_under(5_001, 101, ticket.order_id, 10, time=old))
    desk.broker.show(ticket)
    desk.await_order("again", status="submitted")
    desk.broker.say(desk.broker.executed_under(5_002, 101, ticket.order_id, 10))
    desk.reconnect()
    assert (desk.order("again")["filled"], filled(desk, "again")) == (0, 0)


def test_a_cost_that_comes_first_empty_and_anew_with_less(desk: Desk) -> None:
    ticket = desk.working("cost")
    done = desk.broker.execute(ticket, 10, 100.0, say=False)
    desk.broker.charge(done, 0.0, "")
    desk.broker.charge(done, 1.25, "USD")
    desk.broker.say(desk.broker.executions[-1])
    told = desk.await_event("cost", "commission")
    assert (told["commission"], told["currency"]) == (1.25, "USD")
    desk.broker.charge(done, 0.0, "")
    desk.broker.state(ticket, Status.FILLED, filled=10, average_price=100.0)
    desk.await_order("cost", status="filled")
    rows = desk.client.result("orders", "get_executions", strategy=STRATEGY, client_order_id="cost")
    assert [(row["commission"], row["currency"]) for row in rows["executions"]] == [(1.25, "USD")]


@pytest.mark.parametrize("first", ["adviser", "accounts"])
def test_an_advisers_order_is_executed_once(tmp_path: Path, no_orphans: None, first: str) -> None:
    with running_desk(tmp_path, accounts=ADVISER) as desk:
        ticket = desk.working("group", extra={"faGroup": "All"})
        own, allotted = ["DF1", "DF1"], ["DU2", "DU3"]
        for account in (*own, *allotted) if first == "adviser" else (*allotted, *own):
            desk.broker.execute(ticket, 4, 100.0, account=account)
        assert desk.await_order("group", filled=8)["status"] == "partially_filled"
        desk.broker.state(ticket, Status.CANCELLED, filled=8, average_price=100.0)
        told = desk.await_order("group", status="cancelled")
        assert (told["filled"], told["avg_price"]) == (8, 100.0)
        rows = desk.client.result("orders", "account_executions")["executions"]
        assert {row["account"] for row in rows} == {"DF1", "DU2", "DU3"}


def test_a_login_with_other_accounts_proves_nothing(tmp_path: Path, no_orphans: None) -> None:
    with running_desk(tmp_path) as desk:
        ticket = desk.working("there")
        desk.place("unanswered")
        desk.broker.accounts, ours = "DU2", dict(desk.broker.orders)
        desk.broker.orders.clear()
        desk.reconnect()
        for cid in ("there", "unanswered"):
            row = desk.order(cid)
            assert row["status"] == "unknown"
            assert "DU1" in row["reason"]
        desk.client.result("orders", "cancel_order", strategy=STRATEGY, client_order_id="there")
        desk.broker.accounts = "DU1"
        desk.broker.orders.update(ours)
        desk.reconnect()
        assert desk.broker.await_request(rq.CancelOrder).order_id == ticket.order_id
        assert [type(one) for one in desk.broker.asked].count(rq.CancelOrder) == 1
        desk.broker.state(ticket, Status.CANCELLED)
        desk.await_order("there", status="cancelled")
        desk.await_order("unanswered", status="not_sent")


def test_a_folder_put_back_from_a_backup_stops_orders_until_somebody_has_seen_it(
    tmp_path: Path, no_orphans: None
) -> None:
    with running_desk(tmp_path) as desk:
        folder = tmp_path / "var"
        desk.working("before")
        backup = {path.name: path for path in folder.glob("orders.*") if not path.name.endswith(".lock")}
        desk.node.kill()
        kept = {name: path.read_bytes() for name, path in backup.items()}
        desk.start_again()
        desk.working("after")
        desk.node.kill()
        for path in folder.glob("orders.journal-*"):
            path.unlink()
        for name, data in kept.items():
            (folder / name).write_bytes(data)
        desk.start_again()
        refused = desk.refused("new")
        assert "s/after" in refused
        assert "older copy" in refused
        command = Command(tmp_path / "twsmq.toml")
        shown = command.run("resume")
        assert shown.returncode == 0, shown.stderr
        assert desk.refused("after").startswith("the gateway has an order with the reference s/after")
        assert desk.refused("new") == ""
