"""A pause is normal: a debugger, a long computation. A client that does not read for a minute, while as much
as can be is published to it, counts what it lost and goes on."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from support.plain_process import PlainProcess
from twsmq import Client, aio
from twsmq_protocol.config import Cluster, Config

QUOTE = "quote/STK:AAPL:SMART:USD/"
AFTERWARDS = 5_000
QUEUE = 1_000
PAUSES = [3.0, pytest.param(60.0, marks=pytest.mark.slow)]


def answer(_: dict[str, Any]) -> dict[str, Any]:
    return {"ok": True, "result": {"client_order_id": "a-1", "order_id": 7, "status": "pending"}}


def order() -> dict[str, Any]:
    return {
        "strategy": "alpha",
        "client_order_id": "a-1",
        "instrument": "STK:AAPL:SMART:USD",
        "side": "BUY",
        "quantity": 10,
        "order_type": "MKT",
    }


@contextmanager
def full_load(publisher: PlainProcess) -> Iterator[Callable[[], None]]:
    """Publishes without a rest, from when it is called until the end."""
    over = threading.Event()

    def publish() -> None:
        number = 0
        while not over.is_set():
            publisher.publish(QUOTE, "quote", con_id=265598, bid=number)
            number += 1

    thread = threading.Thread(target=publish)
    try:
        yield thread.start
    finally:
        over.set()
        thread.join()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("pause", PAUSES)
def test_the_synchronous_client_counts_what_a_pause_cost_and_goes_on(port_base: int, pause: float) -> None:
    config = Config(cluster=Cluster(port_base=port_base))
    with (
        PlainProcess("marketdata-0", port_base) as marketdata,
        PlainProcess("orders", port_base, answer),
        Client(config, receive_queue=QUEUE) as client,
    ):
        client.subscribe(QUOTE)
        marketdata.await_subscription(QUOTE)
        with full_load(marketdata) as begin:
            begin()
            seqs = [_seq(client.receive(60))]
            time.sleep(pause)
            read_until = time.monotonic() + 1
            while time.monotonic() < read_until or client.loss.lost == 0:
                seqs.append(_seq(client.receive(60)))
            assert client.place_order(**order()).order_id == 7
            for _ in range(AFTERWARDS):
                seqs.append(_seq(client.receive(60)))
            assert client.loss.lost == seqs[-1] - len(seqs)
            assert seqs == sorted(set(seqs))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("pause", PAUSES)
def test_the_asyncio_client_counts_what_a_pause_cost_and_goes_on(port_base: int, pause: float) -> None:
    async def trade(marketdata: PlainProcess) -> None:
        config = Config(cluster=Cluster(port_base=port_base))
        async with aio.Client(config, receive_queue=QUEUE) as client:
            client.subscribe(QUOTE)
            await asyncio.to_thread(marketdata.await_subscription, QUOTE)
            with full_load(marketdata) as begin:
                begin()
                seqs = [_seq(await client.receive(60))]
                time.sleep(pause)  # noqa: ASYNC251 - the loop stands still, as in a debugger
                read_until = time.monotonic() + 1
                while time.monotonic() < read_until or client.loss.lost == 0:
                    seqs.append(_seq(await client.receive(60)))
                assert (await client.place_order(**order())).order_id == 7
                for _ in range(AFTERWARDS):
                    seqs.append(_seq(await client.receive(60)))
                assert client.loss.lost == seqs[-1] - len(seqs)
                assert seqs == sorted(set(seqs))

    with (
        PlainProcess("marketdata-0", port_base) as marketdata,
        PlainProcess("orders", port_base, answer),
    ):
        asyncio.run(trade(marketdata))


def _seq(received: Any) -> int:
    assert received is not None, "nothing came"
    return received.event.seq
