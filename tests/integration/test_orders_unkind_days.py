"""A real orders node and what lies beyond one gateway session: groups of accounts, other days, questions that
are never answered, and how far what it knows then reaches."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
from support.broker_by_hand import BrokerByHand
from support.command import Command
from support.desk_with_broker import STRATEGY, Desk, desk_client, running_desk
from support.node_process import running_node
from support.orders_desk import Desk as CoreDesk
from support.plain_process import PlainProcess
from twsmq_nodes.orders.actions import Now
from twsmq_nodes.orders.journal.thread import SqliteJournal
from twsmq_simulator.wire import requests as rq

DAY_NS = 86_400_000_000_000


@pytest.mark.parametrize(
    ("extra", "field"),
    [({"faGroup": "All"}, "fa_group"), ({"faGroup": "Team", "faMethod": "NetLiq"}, "fa_group")],
)
def test_an_order_for_a_group_of_accounts_names_no_account(
    tmp_path: Path, no_orphans: None, extra: dict[str, str], field: str
) -> None:
    with running_desk(tmp_path, accounts="DF1,DU2,DU3") as desk:
        ticket = desk.place("group", extra=extra)
        assert (ticket.account, getattr(ticket, field)) == ("", extra["faGroup"])
        desk.broker.show(ticket)
        desk.await_order("group", status="submitted")
        changed = desk.modify("group", limit_price=101.0)
        assert (changed.account, getattr(changed, field)) == ("", extra["faGroup"])
        both = desk.client.error(
            "orders", "place_order", client_order_id="both", account="DU2", extra=extra, **_plain()
        )
        assert (both["code"], both["field"]) == ("invalid_argument", "account")
        neither = desk.client.error("orders", "place_order", client_order_id="neither", **_plain())
        assert (neither["code"], neither["field"]) == ("invalid_argument", "account")
        assert desk.place("one", account="DU2").account == "DU2"


def _plain() -> dict[str, Any]:
    return {
        "strategy": STRATEGY, "instrument": "STK:AAPL:SMART:USD", "side": "BUY", "quantity": 1,
        "order_type": "LMT", "limit_price": 1.0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("silent", "named"),
    [
        (rq.Executions, "executions"),
        (rq.CompletedOrders, "completed orders"),
        (rq.AllOpenOrders, "open orders of all clients"),
    ],
)
def test_a_question_that_is_never_answered_keeps_orders_out_for_two_tries_only(
    tmp_path: Path, no_orphans: None, silent: type[rq.Request], named: str
) -> None:
    with running_desk(tmp_path) as desk:
        desk.working("before")
        desk.place("lost")
        desk.broker.silent = {silent}
        desk.broker.drop()
        beat = desk.client.await_event(
            lambda topic, event: (
                topic == "node/orders/" and event["state"] == "ready" and named in (event["detail"] or "")
            ),
            timeout=60,
        )
        assert beat["detail"].startswith("degraded")
        assert desk.order("before")["status"] == "submitted"
        assert desk.order("lost")["status"] == "unknown", "nothing is proved absent"
        desk.working("after")
        desk.broker.silent = set()
        desk.reconnect()
        desk.await_order("lost", status="not_sent")


JOURNALED = ("filled", "cancelled", "untraded")


def yesterday(folder: Path) -> None:
    """A journal whose orders were placed and accepted a day and a half ago, the node killed since."""
    ago = time.time_ns() - DAY_NS * 3 // 2
    core = CoreDesk(up=False)
    core.now = Now(1000.0, ago)
    core.session_up()
    core.snapshot()
    for order_id, cid in enumerate(JOURNALED, 1):
        core.place(cid)
        core.accepted(order_id, cid)

    async def commit() -> None:
        journal = SqliteJournal(folder / "var" / "orders.journal")
        durable: asyncio.Queue[int] = asyncio.Queue()
        journal.run(durable.put_nowait, lambda _reason: None)
        journal.append(tuple(core.committed), lambda: None)
        while await durable.get() < core.committed[-1].event.event_no:
            pass
        journal.close()

    asyncio.run(commit())


@pytest.mark.parametrize("kept", ["all days", "today only"])
def test_what_ended_while_nobody_was_there_is_settled_by_the_executions_since_it_was_sent(
    tmp_path: Path, config_file: Path, port_base: int, no_orphans: None, kept: str
) -> None:
    yesterday(tmp_path)
    with BrokerByHand(port_base + 95) as broker:
        now = time.time_ns()
        if kept == "all days":  # one that was there before ours shows how far back the list goes
            broker.executed_earlier(77, "", 1, now - 2 * DAY_NS, client_id=0)
            broker.executed_earlier(1, f"{STRATEGY}/filled", 10, now - DAY_NS)
        broker.executed_earlier(2, f"{STRATEGY}/cancelled", 4, now - DAY_NS // 48)
        with running_node("orders", config_file) as node, desk_client(port_base) as client:
            desk = Desk(broker, client, node, port_base)
            client.await_event(lambda topic, event: topic == "node/orders/" and event["state"] == "ready")
            assert {one.last_days for one in broker.asked if isinstance(one, rq.Executions)} == {7}
            rows = {cid: (desk.order(cid)["status"], desk.order(cid)["filled"]) for cid in JOURNALED}
            if kept == "all days":
                wanted = dict(
                    zip(JOURNALED, [("filled", 10), ("cancelled", 4), ("cancelled", 0)], strict=True)
                )
                assert rows == wanted
            else:
                wanted = dict(zip(JOURNALED, [("unknown", 0), ("unknown", 4), ("unknown", 0)], strict=True))
                assert rows == wanted
                assert "earlier day" in desk.order("untraded")["reason"]
                an_operator_resolves(Command(config_file), desk)


def an_operator_resolves(twsmq: Command, desk: Desk) -> None:
    """By the command, once: what is known is not stated again."""
    for cid, status in (("filled", "filled"), ("untraded", "not_sent")):
        names = ("--strategy", STRATEGY, "--client-order-id", cid)
        stated = ("order", "resolve", *names, "--status", status, "--reason", "[a] statement, -5 %")
        done = twsmq.run(*stated)
        assert (done.returncode, done.stdout.split(",")[0]) == (0, f"{STRATEGY}/{cid}: {status}"), done.stderr
        assert desk.order(cid)["reason"] == "resolved by an operator: [a] statement, -5 %"
        again = twsmq.run(*stated)
        assert (again.returncode, again.stdout) == (1, "")
        assert again.stderr.startswith(f"twsmq: conflict: the order is {status}, not unknown")
    assert desk.order("filled")["filled"] == 10


def test_what_somebody_bought_is_told_though_no_list_ever_showed_its_order(
    tmp_path: Path, no_orphans: None
) -> None:
    with running_desk(tmp_path) as desk, PlainProcess("status", desk.port_base) as status:
        status.await_subscription("position/")
        desk.client.subscribe("execution/")
        desk.broker.executed_earlier(77, "", 5, time.time_ns(), client_id=0)  # by hand, filled at once
        held = {"account": "DU1", "instrument": "STK:AAPL:NASDAQ:USD", "con_id": 265598, "quantity": 5.0}
        status.publish("position/DU1/STK:AAPL:NASDAQ:USD/", "position", **held)
        told = desk.client.await_event(
            lambda topic, event: topic.startswith("execution/DU1/") and event["type"] == "execution"
        )
        assert (told["client_id"], told["order"], told["quantity"], told["side"]) == (0, None, 5, "BUY")
