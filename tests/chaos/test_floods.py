"""Floods by ordinary local clients: no process ends, memory stays bounded, orders are answered meanwhile."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
import zmq
from conftest import running_cluster
from support.cluster import Cluster
from support.gateway_orders import open_orders_at_the_gateway
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
    placed again then. unanswered_s: after so long without an answer too, from a process that was killed.
    """

    def __init__(
        self, port_base: int, strategy: str, apart_s: float = 0.02, unanswered_s: float | None = None
    ) -> None:
        self._port_base = port_base
        self._client = PlainClient(port_base)
        self._strategy = strategy
        self._apart_s = apart_s
        self._unanswered_s = unanswered_s
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
            while not self._stopping.wait(self._apart_s):
                reply = self._reply(strategy=self._strategy, client_order_id=f"o-{self.placed}", **order)
                if reply is None:
                    continue
                assert reply["ok"] or reply["error"]["code"] == "not_ready", reply
                self.answered += 1
                self.placed += reply["ok"]
        except (AssertionError, zmq.ZMQError) as error:
            self.problem = error

    def _reply(self, **order: Any) -> dict[str, Any] | None:
        if self._unanswered_s is None:
            return self._client.request("orders", "place_order", 60, **order)
        self._client.send("orders", "place_order", **order)
        if self._client.dealer("orders").poll(int(1000 * self._unanswered_s)):
            return self._client.receive("orders")
        self._client.close()
        self._client = PlainClient(self._port_base)
        return None


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


ROUNDS = int(os.environ.get("TWSMQ_ROUNDS", "40"))


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_kills_and_stops_at_random_moments_under_floods(running: Cluster) -> None:
    """Each process that ends is replaced, each that was only stopped goes on, and no order is lost or
    doubled."""
    seed = random.randrange(10**6)
    chance = random.Random(seed)
    done: list[str] = []
    with Trader(running.port_base, "struck", apart_s=0.3, unanswered_s=5) as trader:
        for number in range(ROUNDS):
            crowd = [
                flood(running, kind, process, RANDOM_COUNTS[kind])
                for process in chance.sample(list(OFFSETS), 2)
                for kind in [chance.choice(list(RANDOM_COUNTS))]
            ]
            name, victim = chance.choice(sorted(victims(running).items()))
            stopped_s = chance.uniform(0.1, 8) if name == "supervisor" or chance.random() < 0.5 else 0.0
            time.sleep(chance.uniform(0, 2))
            with suppress(psutil.NoSuchProcess):  # it was replaced just now
                if stopped_s:
                    victim.suspend()
                    time.sleep(stopped_s)
                    victim.resume()
                else:
                    victim.kill()
            time.sleep(chance.uniform(0, 2))
            for each in crowd:
                each.kill()
                each.communicate()
            done.append(f"{name} stopped for {stopped_s:.1f} s" if stopped_s else f"{name} killed")
            assert running.await_ready(60) < 60, f"round {number} of seed {seed}: {done[-3:]}"
    print(f"seed {seed}: {ROUNDS} rounds, {trader.placed} orders placed; {done}")
    with closing(PlainClient(running.port_base)) as client:
        orders = client.await_result("orders", "get_orders", 60, strategy="struck")["orders"]
    assert {order["client_order_id"] for order in orders} >= {f"o-{n}" for n in range(trader.placed)}
    assert {order["status"] for order in orders} == {"submitted"}, f"seed {seed}"
    at_the_gateway = open_orders_at_the_gateway(running.gateway_port)
    assert sorted(at_the_gateway) == sorted(f"struck/{order['client_order_id']}" for order in orders)


def victims(cluster: Cluster) -> dict[str, psutil.Process]:
    """All processes of a cluster, its front too."""
    rows = cluster.rows()
    found = {name: psutil.Process(row["pid"]) for name, row in rows.items() if row["pid"]}
    for child in found["supervisor"].children():
        if "twsmq_supervisor.front" in child.cmdline():
            found["front"] = child
    return found
