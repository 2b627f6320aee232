"""A socket on the loop shares the loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest
import uvloop
import zmq
from twsmq_transport import servers, sockets


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_a_flood_of_messages_lets_everybody_else_in_between(run: Callable[..., Any]) -> None:
    async def story() -> list[str]:
        happened: list[str] = []
        done = asyncio.Event()
        loop = asyncio.get_running_loop()

        def received(frames: list[bytes]) -> None:
            happened.append("message")
            loop.call_soon(happened.append, "something else")
            time.sleep(sockets.PASS_S)  # the work it makes
            if frames[-1] == b"last":
                done.set()

        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        endpoint = "inproc://flood"  # there at once: the first pass and the FD's edge come together
        router = servers.bind_requests(context, endpoint, received, wanted_by="a test")
        dealer = context.socket(zmq.DEALER)
        dealer.connect(endpoint)
        for _ in range(20):
            dealer.send(b"one of many")
        dealer.send(b"last")
        await asyncio.wait_for(done.wait(), 10)
        router.close()
        context.destroy(linger=0)
        return happened

    happened = run(story())
    assert happened[:4] == ["message", "something else"] * 2


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_a_subscription_is_heard_although_a_send_swallowed_its_edge(run: Callable[..., Any]) -> None:
    async def story() -> None:
        heard = asyncio.Event()
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        endpoint = "inproc://swallowed"
        publisher = servers.bind_events(
            context, endpoint, lambda _frames: heard.set(), send_queue=100, wanted_by="a test"
        )
        subscriber = context.socket(zmq.SUB)
        subscriber.connect(endpoint)
        await asyncio.sleep(0)  # the pass that every socket begins with
        await asyncio.sleep(0)
        subscriber.subscribe(b"topic")
        assert publisher.socket.getsockopt(zmq.EVENTS), "it has come, and the FD says no more of it"
        publisher.send(b"anything")
        await asyncio.wait_for(heard.wait(), 5)
        publisher.close()
        context.destroy(linger=0)

    run(story())
