"""Two market-data shards and one user's lines: what one leaves the other has, and what it had it has again
after `kill -9`, though another waits for it. `twsmq budget` shows who has what."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from binascii import crc32
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.cluster import TWSMQ, Cluster
from support.marketdata_node import quote, stream
from support.patience import patient
from support.plain_client import Event, PlainClient

TOTAL = 4
"""Lines of quotes; a fixed part would be 2."""
CON_IDS = {
    "AAPL": 265598,
    "MSFT": 272093,
    "TSLA": 76792991,
    "NVDA": 4815747,
    "AMZN": 3691937,
    "GOOG": 208813720,
    "META": 107113386,
    "IBM": 8314,
    "JPM": 1520593,
    "F": 9599491,
    "KO": 8894,
}
TOPICS: tuple[list[str], list[str]] = ([], [])
for _symbol, _con_id in CON_IDS.items():
    TOPICS[crc32(str(_con_id).encode()) % 2].append(f"quote/STK:{_symbol}:SMART:USD/")


@pytest.fixture
def cluster(tmp_path: Path, port_base: int) -> Iterator[Cluster]:
    made = Cluster(
        tmp_path,
        port_base,
        port_base + 95,
        extra=f"[marketdata]\ninstances = 2\nlines = {TOTAL}\ndepth_lines = 1\ntick_by_tick_lines = 1\n"
        "grace_s = 0.0",
    )
    made.expected = (*made.expected, "marketdata-1")
    with (tmp_path / "up.log").open("ab") as out:  # not `twsmq up`: its view wants quotes of its own
        made.process = subprocess.Popen(
            [sys.executable, "-m", "twsmq_supervisor", "--config", str(made.config)],
            stdout=out,
            stderr=out,
            cwd=tmp_path,
            start_new_session=True,
        )
    try:
        made.await_ready(60)
        yield made
    finally:
        made.kill()


def budget(cluster: Cluster, *words: str) -> str:
    command = [*TWSMQ, "budget", *words, "--seconds", "0", "--config", str(cluster.config)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=patient(30), check=True)
    return done.stdout


def quotes(cluster: Cluster) -> dict[str, dict[str, Any]]:
    """What `twsmq budget` says of quote lines, by process."""
    lines = json.loads(budget(cluster, "--json"))["lines"]
    return {one["process"]: one for one in lines if one["kind"] == "market_data"}


def test_what_one_shard_leaves_the_other_has(cluster: Cluster) -> None:
    many, other = TOPICS[0][: TOTAL + 1], TOPICS[1][0]
    assert len(many) == TOTAL + 1
    client = PlainClient(cluster.port_base)
    client.sub.connect(f"tcp://127.0.0.1:{cluster.port_base + 23}")
    try:
        client.subscribe(*many[:TOTAL])
        client.await_all(*(quote(topic) for topic in many[:TOTAL]))
        client.subscribe(other)
        crowded = client.await_event(stream(other, "error"))
        assert f"all {TOTAL} market_data lines are in use" in crowded["text"]
        shown = quotes(cluster)
        assert {name: (one["used"], one["waiting"]) for name, one in shown.items()} == {
            "marketdata-0": (TOTAL, 0),
            "marketdata-1": (0, 1),
        }
        assert [one["allowed"] for one in shown.values()] == [TOTAL, 0]
        assert {one["total"] for one in shown.values()} == {TOTAL}
        [row] = [line.split() for line in budget(cluster).splitlines() if "marketdata-1  market_data" in line]
        assert row[-4:] == ["0", "0", "1", str(TOTAL)]

        os.kill(cluster.pid("marketdata-0"), signal.SIGKILL)
        back: set[str] = set()
        client.await_event(lambda topic, event: came_back(topic, event, back, many[:TOTAL]), timeout=60)
        assert quotes(cluster)["marketdata-1"]["used"] == 0, "nobody has taken what was killed"

        for topic in many[:2]:
            client.sub.unsubscribe(topic.encode())
        client.await_event(quote(other), timeout=60)
        client.subscribe(many[TOTAL])
        client.await_event(quote(many[TOTAL]), timeout=60)
        shown = quotes(cluster)
        assert [one["used"] for one in shown.values()] == [TOTAL - 1, 1]
        assert [one["waiting"] for one in shown.values()] == [0, 0]

        # An order book and a line of every trade: the one there is goes from shard to shard.
        for kind, what in (("depth", "depth"), ("tick_by_tick", "trade")):
            here, there = (topics[0].replace("quote/", f"{what}/") for topics in TOPICS)
            client.subscribe(here)
            client.await_event(stream(here, "active"), timeout=60)
            client.subscribe(there)
            crowded = client.await_event(stream(there, "error"), timeout=60)
            assert f"all 1 {kind} lines are in use" in crowded["text"]
            client.sub.unsubscribe(here.encode())
            client.await_event(stream(there, "active"), timeout=60)
    finally:
        client.close()


def came_back(topic: str, event: Event, back: set[str], wanted: list[str]) -> bool:
    """Whether all have now been resumed by a new incarnation."""
    if event["type"] == "stream" and event["state"] in ("active", "resumed"):
        back.add(topic)
    return back >= set(wanted)
