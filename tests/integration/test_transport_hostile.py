"""What one peer may do to a process and its other peers: nothing that lasts."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
import structlog
import zmq
from msgspec.msgpack import decode, encode
from support.plain_client import PlainClient
from twsmq_nodes.runtime.node import Node, Shell
from twsmq_protocol.config_file import load_config
from twsmq_transport import replies, servers

SUPPORT = Path(__file__).parent.parent / "support"
DESCRIBE = encode({"v": 1, "id": 7, "op": "describe"})


class Watching(Shell):
    def __init__(self) -> None:
        self.told: list[str] = []
        self.wanted = asyncio.Event()

    def presence(self, topic: str, wanted: bool) -> None:
        self.told.append(topic)
        if wanted and topic == "quote/x/":
            self.wanted.set()


def serve(config_file: Path, story: Callable[[Node, Watching], Awaitable[None]]) -> None:
    async def run() -> None:
        node, shell = Node(load_config(config_file), "reference"), Watching()
        try:
            node.start(shell)
            await story(node, shell)
        finally:
            node.close()

    asyncio.run(run())


async def start_flood(kind: str, port: int, count: int) -> Any:
    command = [sys.executable, str(SUPPORT / "flood.py"), kind, f"127.0.0.1:{port}", str(count)]
    flood = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: ASYNC220
    assert flood.stdout is not None
    assert await asyncio.to_thread(flood.stdout.readline) == "started\n"
    return flood


def dealer(context: zmq.Context[zmq.Socket[bytes]], port: int, name: bytes = b"") -> zmq.Socket[bytes]:
    socket = context.socket(zmq.DEALER)
    socket.linger = 0
    socket.rcvtimeo = 20_000
    if name:
        socket.setsockopt(zmq.ROUTING_ID, name)
    socket.connect(f"tcp://127.0.0.1:{port}")
    return socket


def test_a_socket_with_a_name_of_its_own_is_refused_in_words(config_file: Path, port_base: int) -> None:
    async def story(_: Node, __: Watching) -> None:
        with zmq.Context() as context:
            for name in (b"mine", b"\x01\x02\x03\x04\x05", b"x" * 255):
                named = dealer(context, port_base + 50, name)
                named.send(DESCRIBE)
                reply = decode(await asyncio.to_thread(named.recv))
                assert (reply["id"], reply["error"]["code"]) == (7, "malformed")
                assert "ROUTING_ID" in reply["error"]["message"]
                named.close()

    serve(config_file, story)


def test_a_second_peer_of_the_same_name_gets_nothing_of_the_first(config_file: Path, port_base: int) -> None:
    async def story(_: Node, __: Watching) -> None:
        with zmq.Context() as context:
            first = dealer(context, port_base + 50, b"same")
            first.send(DESCRIBE)
            assert decode(await asyncio.to_thread(first.recv))["id"] == 7
            second = dealer(context, port_base + 50, b"same")
            second.send(encode({"v": 1, "id": 8, "op": "describe"}))
            for number in range(3):
                first.send(encode({"v": 1, "id": number, "op": "describe"}))
                assert decode(await asyncio.to_thread(first.recv))["id"] == number
            assert not second.poll(0)
            first.close()
            second.close()

    serve(config_file, story)


@pytest.mark.parametrize(("size", "count"), [(200_000, 1500), (3_000_000, 200)])
def test_a_client_that_reads_no_reply_costs_a_bounded_memory_is_named_once_and_hinders_nobody(
    config_file: Path, port_base: int, size: int, count: int
) -> None:
    """Replies of 300 and of 600 MB."""

    async def story(node: Node, __: Watching) -> None:
        node.mailbox.add("contract_details", lambda _, call: call.succeed("x" * size))
        me = psutil.Process()
        before = me.memory_info().rss
        other = PlainClient(port_base)
        flood = await start_flood("deaf", port_base + 50, count)
        while await asyncio.to_thread(flood.stdout.readline) != "done\n":
            pass
        for _ in range(20):
            assert (await asyncio.to_thread(other.request, "reference", "describe"))["ok"]
        grown = me.memory_info().rss - before
        assert grown < 100e6, f"{grown / 1e6:.0f} MB"
        other.close()
        flood.communicate()

    with structlog.testing.capture_logs() as logged:
        serve(config_file, story)
    assert [e["log_level"] for e in logged if "does not read its replies" in e["event"]] == ["warning"]


def test_a_client_that_reads_late_gets_every_reply_in_order(config_file: Path, port_base: int) -> None:
    async def story(_: Node, __: Watching) -> None:
        count = 5 * servers.REPLIES_PER_PEER
        with zmq.Context() as context:
            late = dealer(context, port_base + 50)
            for number in range(count):
                await asyncio.to_thread(late.send, encode({"v": 1, "id": number, "op": "describe"}))
            await asyncio.sleep(5 * replies.RETRY_MAX_S)  # all have been handled, the last ones wait

            def read() -> list[int]:
                return [decode(late.recv())["id"] for _ in range(count)]

            assert await asyncio.to_thread(read) == list(range(count))
            late.close()

    serve(config_file, story)


def test_a_subscription_longer_than_any_topic_costs_its_sender_the_connection(
    config_file: Path, port_base: int
) -> None:
    async def story(_: Node, shell: Watching) -> None:
        me = psutil.Process()
        before = me.memory_info().rss
        flood = await start_flood("subscriptions", port_base + 51, 5)
        client = PlainClient(port_base)
        client.subscribe("quote/x/")
        await asyncio.wait_for(shell.wanted.wait(), 20)
        flood.communicate()
        assert shell.told == ["quote/x/"]
        assert me.memory_info().rss - before < 30e6
        client.close()

    serve(config_file, story)


@pytest.mark.timeout(600)
@pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="needs a network namespace, so root on Linux"
)
def test_a_peer_that_vanishes_without_a_word_gives_its_lines_back_in_time() -> None:
    """Its network ends; no FIN is ever sent. Both ways: nothing in flight, and much."""
    done = subprocess.run(
        ["unshare", "--net", sys.executable, str(SUPPORT / "vanishing_peer.py")],
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    if done.returncode == 77:
        pytest.skip(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    seconds = dict(line.split() for line in done.stdout.splitlines())
    assert 2 < float(seconds["idle"]) < 30, seconds
    assert 2 < float(seconds["busy"]) < 30, seconds
    assert 2 < float(seconds["client"]) < 30, seconds
