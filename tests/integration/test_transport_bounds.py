"""What peers may make a real process hold, whatever they send: memory, connections, a core."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import msgpack
import psutil
import pytest
import zmq
from support.command import few_files
from support.node_process import NodeProcess, running_node
from support.plain_client import OFFSETS, PlainClient

FLOOD = Path(__file__).parent.parent / "support" / "flood.py"
BOUND = 100e6
"""Without bounds it is over 400 MB."""


@contextmanager
def flooding(kind: str, port: int, count: int) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, str(FLOOD), kind, f"127.0.0.1:{port}", str(count)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as flood:
        try:
            assert flood.stdout is not None
            assert flood.stdout.readline() == "started\n"
            yield flood
        finally:
            flood.kill()


def most(process: NodeProcess, seconds: float) -> int:
    """The most memory it had within so long."""
    watched, end, seen = psutil.Process(process.pid), time.monotonic() + seconds, 0
    while time.monotonic() < end:
        seen = max(seen, watched.memory_info().rss)
        time.sleep(0.02)
    return seen


def ended(node: NodeProcess) -> set[str]:
    """Why connections were ended."""
    return {line["reason"] for line in node.log() if line["event"] == "a connection was ended"}


FLOODS = {
    "many": (1, 5_000, "subscriptions"),
    "topics": (1, 20_000, "subscriptions"),
    "endless": (0, 100_000, "before they end"),
    "heavy": (0, 10_000, "before they end"),
    "frames": (0, 100_000, "more than 1000 frames"),
    "endless on events": (1, 100_000, "subscriptions"),
}


@pytest.mark.timeout(180)
@pytest.mark.parametrize("kind", FLOODS)
def test_a_process_holds_a_bounded_memory_and_answers_others(
    config_file: Path, port_base: int, kind: str
) -> None:
    on_events, count, reason = FLOODS[kind]
    with running_node("marketdata", config_file) as node, closing(PlainClient(port_base)) as client:
        client.await_result("marketdata-0", "describe")
        client.subscribe("node/")
        client.await_event(lambda _, beat: beat["name"] == "marketdata-0", 30)
        ended_here = client.sub.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        before = psutil.Process(node.pid).memory_info().rss
        port = port_base + OFFSETS["marketdata-0"] + on_events
        with flooding(kind.partition(" ")[0], port, count):
            deadline = time.monotonic() + 60
            while not any(reason in each for each in ended(node)):
                assert most(node, 0.2) - before < BOUND
                assert time.monotonic() < deadline, ended(node)
            for _ in range(10):
                assert most(node, 0.2) - before < BOUND
                client.result("marketdata-0", "describe")
        client.result("marketdata-0", "describe")
        assert not ended_here.poll(0), "who subscribed to little went for what others hold"
        client.sub.disable_monitor()


def test_two_thousand_quotes_are_no_flood(config_file: Path, port_base: int) -> None:
    with running_node("marketdata", config_file) as node, closing(PlainClient(port_base)) as client:
        client.await_result("marketdata-0", "describe")
        client.sub.setsockopt(zmq.SNDHWM, 0)
        topics = [f"quote/STK:A{number}:SMART:USD/" for number in range(2000)]
        client.subscribe(*topics)
        missing = set(topics)
        client.await_event(lambda topic, _: bool(missing.discard(topic)) or not missing, 60)
        assert not ended(node)


@pytest.mark.timeout(180)
def test_idle_peers_beyond_the_descriptors_are_ended_and_cost_no_core(
    config_file: Path, port_base: int
) -> None:
    with (
        few_descriptors(128),
        running_node("reference", config_file) as node,
        closing(PlainClient(port_base)) as client,
    ):
        client.await_result("reference", "describe")
        with flooding("idle", port_base + OFFSETS["reference"], 160) as flood:
            assert flood.stdout is not None
            assert flood.stdout.readline() == "done\n"
            deadline = time.monotonic() + 60
            while not any("idle longest" in each for each in ended(node)):
                assert time.monotonic() < deadline
                client.result("reference", "describe")
            assert served_newcomers(port_base, 10) >= 3
            assert psutil.Process(node.pid).cpu_percent(3) < 60
        assert any("open files" in line.get("problem", "") for line in node.log())
        if sys.platform == "linux":
            limited = psutil.Process(node.pid)
            limited.rlimit(psutil.RLIMIT_NOFILE, (8, 128))  # nothing whatever can be opened any more
            client.subscribe("node/reference/")
            beats = [client.await_event(lambda topic, _: topic == "node/reference/") for _ in range(4)]
            assert beats[-1]["memory_bytes"] is None
            client.result("reference", "metrics")
            limited.rlimit(psutil.RLIMIT_NOFILE, (128, 128))


def served_newcomers(port_base: int, tries: int) -> int:
    """Each asks once; a crowd that comes back at once may have one ended before it is heard."""
    served = 0
    for _ in range(tries):
        with closing(PlainClient(port_base)) as newcomer:
            asks = newcomer.dealer("reference")
            asks.send(msgpack.packb({"v": 1, "id": 1, "op": "describe"}))
            served += bool(asks.poll(1000))
    return served


@contextmanager
def few_descriptors(soft: int) -> Iterator[None]:
    """For the nodes that are started inside."""
    with pytest.MonkeyPatch.context() as patch:
        start = NodeProcess.__init__

        def limited(self: NodeProcess, package: str, config: Path, *options: str) -> None:
            start(self, package, config, *options)
            self.command = [*few_files(soft), *self.command]

        patch.setattr(NodeProcess, "__init__", limited)
        yield
