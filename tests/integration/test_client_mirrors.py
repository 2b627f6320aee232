"""Mirrors, handles of orders and incidents, in both clients, against processes of pyzmq and msgpack alone."""

from __future__ import annotations

import asyncio
import inspect
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from support.plain_process import PlainProcess
from twsmq import Client, OutcomeUnknown, RequestRefused, aio
from twsmq.incidents import EventsLost, LinkChanged, Restarted
from twsmq_protocol.config import Cluster, Config
from twsmq_protocol.market_events import Quote

AAPL = "STK:AAPL:SMART:USD"
QUOTE, OTHER = f"quote/{AAPL}/", "quote/STK:MSFT:SMART:USD/"
ORDER: dict[str, Any] = {
    "strategy": "alpha",
    "client_order_id": "a-1",
    "instrument": AAPL,
    "side": "BUY",
    "quantity": 10.0,
    "order_type": "MKT",
}
FINAL = {"status": "filled", "filled": 10.0, "gateway_status": "Filled", "perm_id": 5}


def connect(port_base: int) -> Client:
    return Client(Config(cluster=Cluster(port_base=port_base)))


def an_order(**changes: Any) -> dict[str, Any]:
    return ORDER | {"status": "pending", "event_no": 1, "strategy_no": 1} | changes


def the_desk(request: dict[str, Any]) -> dict[str, Any]:
    results: dict[str, Any] = {
        "place_order": {"client_order_id": "a-1", "order_id": 7, "status": "pending"},
        "get_orders": {"orders": [an_order()], "foreign": []},
        "cancel_order": {"client_order_id": "a-1", "order_id": 7, "status": "pending_cancel"},
    }
    return {"ok": True, "result": results[request["op"]]}


def test_a_mirror_holds_the_newest_and_a_reader_gets_only_its_own(port_base: int) -> None:
    with PlainProcess("marketdata-0", port_base) as market, connect(port_base) as client:
        mirror = client.quotes[AAPL]
        assert (mirror.quote, mirror.bid, mirror.live) == (None, None, False)
        client.subscribe(OTHER)
        market.await_subscription(QUOTE, OTHER)
        market.publish(QUOTE, "quote", bid=1.0, ask=2.0)
        market.publish(OTHER, "quote", bid=5.0)
        market.publish(QUOTE, "quote", bid=3.0, ask=4.0)
        client.wait_until(lambda: client.quotes[AAPL].bid == 3.0, timeout=60)
        assert mirror is client.quotes[AAPL]
        assert (mirror.mid, mirror.live) == (3.5, True)
        received = client.receive(timeout=60)
        assert received is not None
        assert received.topic == OTHER
        assert client.receive(timeout=0) is None
        market.publish(QUOTE, "stream", state="gap")
        client.wait_until(lambda: client.quotes[AAPL].stream, timeout=60)
        assert (mirror.bid, mirror.live) == (3.0, False)
        client.subscribe(QUOTE)
        market.publish(QUOTE, "quote", bid=6.0)
        received = client.receive(timeout=60)
        assert received is not None
        assert isinstance(received.event, Quote)
        assert client.quotes[AAPL].bid == 6.0
        client.unsubscribe(QUOTE)
        market.publish(QUOTE, "quote", bid=7.0)
        client.wait_until(lambda: client.quotes[AAPL].bid == 7.0, timeout=60)
        assert client.receive(timeout=0) is None


def test_a_handle_waits_for_its_answer_its_acknowledgement_and_its_end(port_base: int) -> None:
    with PlainProcess("orders", port_base, the_desk) as orders, connect(port_base) as client:
        handle = client.place(**ORDER)  # pyright: ignore[reportArgumentType]
        assert handle.written().order_id == 7
        assert [request["op"] for request in orders.requests] == ["place_order"]
        orders.await_subscription("order/alpha/")
        topic = "order/alpha/a-1/"
        working = {"status": "submitted", "gateway_status": "PreSubmitted"}
        orders.publish(topic, "order", **an_order(event_no=2, **working))
        assert handle.acknowledged(timeout=60).status == "submitted"
        with pytest.raises(TimeoutError):
            handle.done(timeout=0.05)
        fill = {"exec_id": "1.01", "account": "DU1", "side": "BUY", "quantity": 10.0, "price": 2.0}
        orders.publish(topic, "fill", **(ORDER | fill | {"event_no": 3, "strategy_no": 3}))
        orders.publish(topic, "order", **an_order(event_no=4, strategy_no=4, **FINAL))
        assert handle.done(timeout=60).status == "filled"
        assert [each.price for each in handle.fills] == [2.0]
        assert client.orders["alpha"]["a-1"].status == "filled"
        assert client.orders["alpha"].active == []
        assert client.orders(strategy="alpha")[0].status == "pending", "what the node says when it is asked"
        assert handle.cancel().status == "pending_cancel"


def test_a_handle_learns_an_end_that_nobody_heard(port_base: int) -> None:
    def answer(request: dict[str, Any]) -> dict[str, Any]:
        if request["op"] == "get_orders":
            return {"ok": True, "result": {"orders": [an_order(event_no=9, **FINAL)], "foreign": []}}
        return the_desk(request)

    with PlainProcess("orders", port_base, answer), connect(port_base) as client:
        assert client.place(**ORDER).done(timeout=60).status == "filled"  # pyright: ignore[reportArgumentType]


def test_the_end_of_an_attempt_that_was_never_sent_is_not_that_of_the_next(port_base: int) -> None:
    def answer(request: dict[str, Any]) -> dict[str, Any]:
        if request["op"] == "get_orders":
            return {"ok": True, "result": {"orders": [an_order(event_no=3)], "foreign": []}}
        return the_desk(request)

    with PlainProcess("orders", port_base, answer) as orders, connect(port_base) as client:
        mirror = client.orders["alpha"]
        orders.await_subscription("order/alpha/")
        orders.publish("order/alpha/a-1/", "order", **an_order(event_no=2, status="not_sent"))
        client.wait_until(lambda: mirror.get("a-1"), timeout=60)
        with pytest.raises(TimeoutError):
            client.place(**ORDER).done(timeout=0.05)  # pyright: ignore[reportArgumentType]
        assert mirror["a-1"].status == "pending"


def test_an_unknown_outcome_is_an_error_of_its_own_and_asking_again_is_safe(port_base: int) -> None:
    async def trade() -> None:
        async with aio.Client(Config(cluster=Cluster(port_base=port_base))) as client:
            handle = client.place(timeout=0.2, **ORDER)  # pyright: ignore[reportArgumentType]
            with pytest.raises(OutcomeUnknown):
                await handle.written()
            with PlainProcess("orders", port_base, the_desk):
                while True:
                    try:
                        assert (await handle.written()).order_id == 7
                        break
                    except OutcomeUnknown:
                        continue

    asyncio.run(trade())


def test_a_refusal_is_not_an_unknown_outcome(port_base: int) -> None:
    refusal = {"code": "risk_rejected", "message": "no", "field": None, "tws_code": None}
    with PlainProcess("orders", port_base, lambda _: {"ok": False, "error": refusal}):  # noqa: SIM117
        with connect(port_base) as client, pytest.raises(RequestRefused):
            client.place(**ORDER)  # pyright: ignore[reportArgumentType]


def test_the_asyncio_client_keeps_its_mirrors_without_being_asked(port_base: int) -> None:
    async def trade() -> None:
        async with aio.Client(Config(cluster=Cluster(port_base=port_base))) as client:
            mirror = client.quotes[AAPL]
            await asyncio.to_thread(market.await_subscription, QUOTE)
            for bid in range(1, 1001):
                market.publish(QUOTE, "quote", bid=float(bid))
            assert await client.wait_until(lambda: mirror.bid == 1000.0, timeout=60)
            handle = client.place(**ORDER)  # pyright: ignore[reportArgumentType]
            done = asyncio.create_task(handle.done(timeout=60))
            assert (await handle.written()).order_id == 7
            await asyncio.to_thread(orders.await_subscription, "order/alpha/")
            orders.publish("order/alpha/a-1/", "order", **an_order(event_no=4, **FINAL))
            assert (await done).status == "filled"
            assert await client.receive(timeout=0) is None
            assert [o.client_order_id for o in await client.orders(strategy="alpha")] == ["a-1"]

    orders = PlainProcess("orders", port_base, the_desk)
    with PlainProcess("marketdata-0", port_base) as market, orders:
        asyncio.run(trade())


def test_loss_restart_and_link_are_incidents(port_base: int) -> None:
    with connect(port_base) as client:
        client.subscribe(QUOTE)
        with PlainProcess("marketdata-0", port_base) as market:
            market.await_subscription(QUOTE)
            market.publish(QUOTE, "quote", bid=1.0)
            market.next_seq(QUOTE)
            market.publish(QUOTE, "quote", bid=2.0)
            for _ in range(2):
                assert client.receive(timeout=60) is not None
            found = client.incidents()
            up = [each for each in found if isinstance(each, LinkChanged)]
            assert [each.up for each in up] == [True]
            assert str(port_base + 21) in up[0].endpoint
            assert [each for each in found if not isinstance(each, LinkChanged)] == [EventsLost(QUOTE, 1)]
            assert client.incidents() == []
        with PlainProcess("marketdata-0", port_base) as market:
            waiting = threading.Thread(target=market.await_subscription, args=(QUOTE,))
            waiting.start()
            while waiting.is_alive():
                client.receive(timeout=0.05)  # libzmq subscribes anew from the thread that uses the socket
            market.publish(QUOTE, "quote", bid=1.0)
            assert client.receive(timeout=60) is not None
            found = client.incidents()
            assert [each.up for each in found if isinstance(each, LinkChanged)] == [False, True]
            assert Restarted("marketdata-0", QUOTE) in found


def test_both_work_inside_a_running_loop_as_in_a_notebook(port_base: int) -> None:
    async def cell() -> None:
        client = aio.Client(Config(cluster=Cluster(port_base=port_base)))
        assert (await client.place_order(**ORDER)).order_id == 7
        client.close()
        with connect(port_base) as blocking:
            assert blocking.place_order(**ORDER).order_id == 7

    with PlainProcess("orders", port_base, the_desk):
        asyncio.run(cell())


def test_both_clients_offer_the_same_and_the_twin_is_what_was_generated() -> None:
    generator = Path(__file__).parents[2] / "client" / "generate_sync.py"
    subprocess.run([sys.executable, str(generator), "--check"], check=True, timeout=60)
    public = {name for name, _ in inspect.getmembers(Client) if not name.startswith("_")}
    assert public == {name for name, _ in inspect.getmembers(aio.Client) if not name.startswith("_")}
