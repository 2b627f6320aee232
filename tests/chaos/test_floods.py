"""Floods by ordinary local clients: no process ends, memory stays bounded, orders are answered meanwhile."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest
import zmq
from conftest import running_cluster
from support.cluster import Cluster
from support.plain_client import OFFSETS, PlainClient

SUPPORT = Path(__file__).parent.parent / "support"
FLOOD = SUPPORT / "flood.py"
BOUND = 100e6
COUNTS = {"describes": 20_000, "costly": 300, "subscriptions": 5, "deaf": 20_000}
LONG_COUNTS = {"describes": 1_000_000, "costly": 20_000, "subscriptions": 20, "deaf": 1_000_000}
RANDOM_COUNTS = LONG_COUNTS | {
    "many": 10_000, "topics": 100_000, "endless": 100_000, "heavy": 10_000, "frames": 100_000, "idle": 300,
    "lying": 50, "reconnecting": 100_000,
}  # fmt: skip
ON_EVENTS = ("subscriptions", "many", "topics")


class Trader:
    """Places an order after the other, each of which must be answered, until it is told to stop.

    A `not_ready` that had no effect is an answer: its gateway shares the machine with the flood. The order is
    placed again then.
    """

    def __init__(self, port_base: int, strategy: str) -> None:
        self._client = PlainClient(port_base)
        self._strategy = strategy
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._trade)
        self.answered = self.placed = 0
        self.problem: BaseException | None = None

    def __enter__(self) -> Trader:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()
        self._client.close()
        if self.problem is not None:
            raise self.problem

    def _trade(self) -> None:
        order: dict[str, Any] = {
            "instrument": "STK:AAPL:SMART:USD",
            "side": "BUY",
            "quantity": 1,
            "order_type": "LMT",
            "limit_price": 1.0,
        }
        try:
            while not self._stopping.wait(0.02):
                name = {"strategy": self._strategy, "client_order_id": f"o-{self.placed}"}
                reply = self._client.request("orders", "place_order", 60, **name, **order)
                assert reply["ok"] or reply["error"]["code"] == "not_ready", reply
                self.answered += 1
                self.placed += reply["ok"]
        except (AssertionError, zmq.ZMQError) as error:
            self.problem = error


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Cluster]:
    with running_cluster(tmp_path) as cluster:
        yield cluster


def members(cluster: Cluster) -> dict[str, psutil.Process]:
    rows = cluster.rows()
    return {name: psutil.Process(row["pid"]) for name, row in rows.items() if name != "simulator"}


class HalfOpen:
    """Forwarders that were stopped: their clients' connections lie half-open until `MOST` newer ones do."""

    MOST = 6

    def __init__(self) -> None:
        self._all: list[subprocess.Popen[str]] = []

    def forward(self, port: int) -> int:
        command = [sys.executable, str(SUPPORT / "forwarder.py"), f"127.0.0.1:{port}"]
        started = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self._all.append(started)
        assert started.stdout is not None
        return int(started.stdout.readline())

    def stop(self) -> None:
        for each in self._all:
            psutil.Process(each.pid).suspend()
        while len(self._all) > self.MOST:
            self._end(self._all.pop(0))

    def close(self) -> None:
        while self._all:
            self._end(self._all.pop())

    def _end(self, one: subprocess.Popen[str]) -> None:
        one.kill()
        one.communicate()


def flood(
    cluster: Cluster, kind: str, process: str, count: int, through: HalfOpen | None = None
) -> subprocess.Popen[str]:
    port = cluster.port_base + OFFSETS[process] + (kind in ON_EVENTS)
    if through is not None:
        port = through.forward(port)
    command = [sys.executable, str(FLOOD), kind, f"127.0.0.1:{port}", str(count)]
    started = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert started.stdout is not None
    assert started.stdout.readline() == "started\n"
    return started


def require_unharmed(
    cluster: Cluster, before: dict[str, psutil.Process], rss: dict[str, int], told: str = ""
) -> None:
    assert members(cluster) == before, f"a process has ended {told}"
    for name, process in before.items():
        grown = process.memory_info().rss - rss[name]
        assert grown < BOUND, f"{name} has grown by {grown / 1e6:.0f} MB {told}"


@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    "counts", [COUNTS, pytest.param(LONG_COUNTS, marks=pytest.mark.slow)], ids=["short", "long"]
)
@pytest.mark.parametrize("kind", COUNTS)
def test_each_process_lives_through_each_flood_twice(
    running: Cluster, kind: str, counts: dict[str, int]
) -> None:
    before = members(running)
    rss = {name: process.memory_info().rss for name, process in before.items()}
    with Trader(running.port_base, "flooded") as trader:
        for _ in range(2):
            for process in OFFSETS:
                flooding = flood(running, kind, process, counts[kind])
                assert flooding.stdout is not None
                while "done" not in flooding.stdout.readline():
                    require_unharmed(running, before, rss)
                flooding.communicate()
    assert trader.placed > 10
    require_unharmed(running, before, rss)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_ten_minutes_of_floods_by_readers_that_stop_exit_reconnect_and_lie_half_open(
    running: Cluster,
) -> None:
    seed = random.randrange(10**6)
    chance = random.Random(seed)
    before = members(running)
    rss = {name: process.memory_info().rss for name, process in before.items()}
    end = time.monotonic() + 600
    half_open = HalfOpen()
    rounds, grown = 0, dict.fromkeys(before, 0)
    with Trader(running.port_base, "flooded") as trader, closing(half_open):
        while time.monotonic() < end:
            crowd: list[subprocess.Popen[str]] = []
            for process in chance.sample(list(OFFSETS), 2):
                kind = chance.choice(list(RANDOM_COUNTS))
                through = half_open if chance.random() < 0.3 else None
                crowd.append(flood(running, kind, process, RANDOM_COUNTS[kind], through))
            pause = chance.uniform(1, 10)
            for each in crowd:
                if chance.random() < 0.5:
                    psutil.Process(each.pid).suspend()
            with pytest.raises(subprocess.TimeoutExpired):
                subprocess.run(["sleep", "60"], timeout=pause, check=False)
            half_open.stop()
            for each in crowd:
                each.kill()
                each.communicate()
            floods = [" ".join(map(str, each.args[2:])) for each in crowd if isinstance(each.args, list)]
            require_unharmed(running, before, rss, f"after {floods}, round {rounds} of seed {seed}")
            rounds += 1
            for name, process in before.items():
                grown[name] = max(grown[name], process.memory_info().rss - rss[name])
    assert trader.placed > 1000, f"seed {seed}"
    print(f"seed {seed}: {rounds} rounds, {trader.placed} orders placed, {trader.answered} answered")
    print({name: f"{most / 1e6:.0f} MB" for name, most in grown.items()})
