"""The asyncio client against processes of pyzmq and msgpack alone."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Coroutine
from typing import Any

import pytest
import uvloop
from support.plain_process import PlainProcess
from twsmq import ClientClosed, OutcomeUnknown, Received, RequestRefused
from twsmq.aio import Client
from twsmq_protocol.config import Cluster, Config
from twsmq_protocol.market_events import Quote
from twsmq_protocol.system_events import Heartbeat

QUOTE = "quote/STK:AAPL:SMART:USD/"
ORDER: dict[str, Any] = {
    "strategy": "alpha",
    "client_order_id": "a-1",
    "instrument": "STK:AAPL:SMART:USD",
    "side": "BUY",
    "quantity": 10,
    "order_type": "MKT",
}
ACCEPTED = {"client_order_id": "a-1", "order_id": 7, "status": "pending"}


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Any:
    return asyncio.run if request.param == "asyncio" else uvloop.run


def connect(port_base: int) -> Client:
    return Client(Config(cluster=Cluster(port_base=port_base)))


async def heard(client: Client) -> Received:
    received = await client.receive(timeout=60)
    assert received is not None, "nothing came"
    return received


def test_events_come_while_requests_are_answered(run: Any, port_base: int):
    async def trade() -> None:
        async with connect(port_base) as client:
            client.subscribe(QUOTE)
            await asyncio.to_thread(marketdata.await_subscription, QUOTE)
            for bid in range(500):
                marketdata.publish(QUOTE, "quote", bid=bid)
            listening = asyncio.create_task(bids(client, 500))
            accepted = await client.place_order(**ORDER)
            assert (accepted.order_id, accepted.status) == (7, "pending")
            assert await listening == list(range(500))

    async def bids(client: Client, count: int) -> list[float | None]:
        found: list[float | None] = []
        async for _, event, lost in client.events():
            assert isinstance(event, Quote)
            assert lost == 0
            found.append(event.bid)
            if len(found) == count:
                break
        return found

    with (
        PlainProcess("marketdata-0", port_base) as marketdata,
        PlainProcess("orders", port_base, lambda _: {"ok": True, "result": ACCEPTED}),
    ):
        run(trade())


def test_every_event_that_comes_one_at_a_time_wakes_the_reader(run: Any, port_base: int):
    """The descriptor is edge-triggered: a lost edge would show as a wait that never ends."""

    async def listen() -> None:
        async with connect(port_base) as client:
            client.subscribe(QUOTE)
            await asyncio.to_thread(marketdata.await_subscription, QUOTE)
            for bid in range(200):
                marketdata.publish(QUOTE, "quote", bid=bid)
                event = (await heard(client)).event
                assert isinstance(event, Quote)
                assert event.bid == bid
                client.subscribe(f"quote/CONID:{bid + 1}/")
                await client.request("marketdata-0", "echo")

    with PlainProcess("marketdata-0", port_base, lambda _: {"ok": True, "result": {}}) as marketdata:
        run(listen())


def test_many_requests_at_once_each_get_their_own_reply(run: Any, port_base: int):
    def echo(request: dict[str, Any]) -> dict[str, Any]:
        return {"ok": True, "result": request["args"]}

    async def ask() -> None:
        async with connect(port_base) as client:
            replies = await asyncio.gather(
                *(client.request("orders", "echo", {"n": number}) for number in range(300))
            )
            assert [reply["n"] for reply in replies] == list(range(300))

    with PlainProcess("orders", port_base, echo):
        run(ask())


def test_a_refusal_and_a_silence_are_told_apart(run: Any, port_base: int):
    error = {"code": "unknown_order", "message": "no such order", "field": None, "tws_code": None}

    def refuse_orders(request: dict[str, Any]) -> dict[str, Any] | None:
        return {"ok": False, "error": error} if request["op"] == "cancel_order" else None

    async def ask() -> None:
        async with connect(port_base) as client:
            with pytest.raises(RequestRefused) as refused:
                await client.cancel_order(strategy="alpha", client_order_id="a-1")
            assert refused.value.code == "unknown_order"
            with pytest.raises(OutcomeUnknown, match="same client_order_id"):
                await client.place_order(**ORDER, timeout=0.2)

    with PlainProcess("orders", port_base, refuse_orders) as orders:
        run(ask())
    assert orders.requests[1]["valid_until"] < time.time_ns()


def test_an_unknown_outcome_tells_that_nobody_listens(run: Any, port_base: int):
    async def ask() -> None:
        async with connect(port_base) as client:
            with pytest.raises(OutcomeUnknown, match=r"nobody listens at .*:\d+: is the cluster running"):
                await client.orders(timeout=0.1)

    run(ask())


def test_a_reply_that_comes_too_late_harms_nobody(run: Any, port_base: int):
    release = threading.Event()

    def slow_then_quick(request: dict[str, Any]) -> dict[str, Any]:
        if request["op"] == "slow":
            release.wait(60)
        return {"ok": True, "result": {"op": request["op"]}}

    async def ask() -> None:
        async with connect(port_base) as client:
            with pytest.raises(OutcomeUnknown):
                await client.request("orders", "slow", timeout=0.1)
            release.set()
            assert await client.request("orders", "quick") == {"op": "quick"}

    with PlainProcess("orders", port_base, slow_then_quick):
        run(ask())


def test_a_wait_that_is_cancelled_loses_no_event(run: Any, port_base: int):
    async def listen() -> None:
        async with connect(port_base) as client:
            client.subscribe(QUOTE)
            await asyncio.to_thread(marketdata.await_subscription, QUOTE)
            assert await client.receive(timeout=0.01) is None
            waiting = asyncio.create_task(client.receive())
            await asyncio.sleep(0)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            marketdata.publish(QUOTE, "quote", bid=1.0)
            assert (await heard(client)).topic == QUOTE

    with PlainProcess("marketdata-0", port_base) as marketdata:
        run(listen())


def test_what_has_come_is_there_for_who_does_not_wait(run: Any, port_base: int):
    async def drain() -> None:
        async with connect(port_base) as client:
            client.subscribe(QUOTE)
            await asyncio.to_thread(marketdata.await_subscription, QUOTE)
            for bid in range(500):
                marketdata.publish(QUOTE, "quote", bid=bid)
            await heard(client)
            await asyncio.sleep(0.5)
            count = 1
            while await client.receive(timeout=0) is not None:
                count += 1
            assert count == 500

    with PlainProcess("marketdata-0", port_base) as marketdata:
        run(drain())


def test_a_publisher_that_restarts_is_heard_again_without_doing_anything(run: Any, port_base: int):
    async def listen() -> None:
        async with connect(port_base) as client:
            with PlainProcess("marketdata-0", port_base) as first:
                client.subscribe(QUOTE)
                await asyncio.to_thread(first.await_subscription, QUOTE)
                first.publish(QUOTE, "quote")
                await heard(client)
            with PlainProcess("marketdata-0", port_base) as second:
                receiving = asyncio.create_task(heard(client))
                await asyncio.to_thread(second.await_subscription, QUOTE)
                second.next_seq(QUOTE)
                second.publish(QUOTE, "quote")
                received = await receiving
                assert (received.event.inc, received.lost) == (second.incarnation, 1)
                assert client.loss.topics[QUOTE].restarts == 1

    run(listen())


def test_the_loss_of_the_last_order_event_is_told_by_the_next_heartbeat(run: Any, port_base: int):
    def beat(number: int) -> None:
        numbers = {"last_event_no": number, "strategy_nos": {}}
        orders.publish("node/orders/", "heartbeat", name="orders", pid=1, state="ready", **numbers)

    async def listen() -> None:
        async with connect(port_base) as client:
            client.subscribe("order/")
            await asyncio.to_thread(orders.await_subscription, "order/", "node/orders/")
            beat(4)
            beat(6)
            told = await heard(client)
            assert isinstance(told.event, Heartbeat)
            assert told.lost == client.loss.order_events_lost == 2

    with PlainProcess("orders", port_base) as orders:
        run(listen())


def test_whoever_still_waits_when_the_client_is_closed_is_told(run: Any, port_base: int):
    async def close() -> None:
        client = connect(port_base)
        waiting: list[Coroutine[Any, Any, Any]] = [client.receive(), client.orders()]
        tasks = [asyncio.create_task(each) for each in waiting]
        await asyncio.sleep(0)
        client.close()
        client.close()
        for task in tasks:
            with pytest.raises(ClientClosed):
                await task
        with pytest.raises(ClientClosed):
            await client.orders()

    run(close())


def test_a_client_closed_right_after_a_cancelled_wait_leaves_nothing_behind(run: Any, port_base: int):
    """A descriptor still watched when it is closed would break whoever gets its number next."""

    async def come_and_go() -> None:
        for _ in range(5):
            async with connect(port_base) as client:
                waiting = asyncio.create_task(client.receive())
                await asyncio.sleep(0)
                waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
        async with connect(port_base) as client:
            client.subscribe(QUOTE)
            await asyncio.to_thread(marketdata.await_subscription, QUOTE)
            marketdata.publish(QUOTE, "quote")
            assert (await heard(client)).topic == QUOTE

    with PlainProcess("marketdata-0", port_base) as marketdata:
        run(come_and_go())


def test_events_have_one_reader_at_a_time(run: Any, port_base: int):
    async def listen() -> None:
        async with connect(port_base) as client:
            first = asyncio.create_task(client.receive())
            await asyncio.sleep(0)
            with pytest.raises(RuntimeError, match="one reader"):
                await client.receive()
            first.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first

    run(listen())


def test_waiting_costs_nothing(run: Any, port_base: int):
    """A descriptor left readable, and watched, would turn the loop at full speed."""

    async def wait() -> float:
        async with connect(port_base) as client:
            client.subscribe(QUOTE)
            await client.request("marketdata-0", "echo")
            await asyncio.to_thread(marketdata.await_subscription, QUOTE)
            before = time.process_time()
            assert await client.receive(timeout=1.0) is None
            marketdata.publish(QUOTE, "quote")
            await asyncio.sleep(1.0)  # busy elsewhere while an event lies there
            cost = time.process_time() - before
            assert (await heard(client)).topic == QUOTE
            return cost

    with PlainProcess("marketdata-0", port_base, lambda _: {"ok": True, "result": {}}) as marketdata:
        assert run(wait()) < 0.25
