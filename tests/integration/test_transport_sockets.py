"""A socket on the loop shares the loop."""

from __future__ import annotations

import asyncio
import socket
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
import uvloop
import zmq
from support.flood import GREETING, ready
from twsmq_transport import peers, servers, sockets


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


@contextmanager
def raw_subscriber(port: int) -> Generator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), 20) as raw:
        raw.sendall(GREETING + ready(b"XSUB"))
        answer = b""
        while b"READY" not in answer:
            more = raw.recv(1000)
            if not more:
                raise ConnectionResetError
            answer += more
        yield raw


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps newcomers out of a listener")
def test_after_a_flood_of_subscriptions_newcomers_are_left_outside_for_a_while(
    monkeypatch: pytest.MonkeyPatch, port_base: int
) -> None:
    """Each that were accepted and ended would cost the loop a walk through all that is subscribed to."""
    monkeypatch.setattr(peers, "ONE_BY_ONE_S", 2.0)
    monkeypatch.setattr(peers, "STORM_S", 60.0)

    def is_kept_out(port: int) -> bool:
        with socket.socket() as newcomer:
            newcomer.settimeout(0.3)
            try:
                newcomer.connect(("127.0.0.1", port))
            except TimeoutError:
                return True
            return False

    def flood_and_knock(port: int) -> None:
        with raw_subscriber(port) as innocent:
            with suppress(OSError), raw_subscriber(port) as flood:
                flood.settimeout(1.0)  # an ended one whose window was shut learns of it late
                for number in range(20_000):
                    flood.sendall(b"\0\xc9\1" + b"%0200d" % number)
            deadline = time.monotonic() + 15
            while not is_kept_out(port):  # the first may enter
                assert time.monotonic() < deadline, "all newcomers are accepted"
                time.sleep(0.05)  # more would fill the queue of those who are to be accepted
            innocent.sendall(b"\0\x02\1x")
            assert b"x\0still here" in innocent.recv(1000), "who is connected notices nothing"
            with raw_subscriber(port):  # its system knocks again until it is let in
                pass

    async def story() -> None:
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()

        def answer(frames: list[bytes]) -> None:
            if frames == [b"\1x"]:
                publisher.send(b"x\0still here")

        publisher = servers.bind_events(
            context, f"tcp://127.0.0.1:{port_base}", answer, send_queue=100, wanted_by="a test"
        )
        await asyncio.to_thread(flood_and_knock, port_base)
        publisher.close()
        context.destroy(linger=0)

    asyncio.run(story())
