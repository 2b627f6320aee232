"""What the other processes leave unused of the message budget reaches the orders node, in a real cluster."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import msgpack
import pytest
from support.cluster import Cluster
from support.plain_client import PlainClient

RATE = 45.0
ORDERS = 70
ALONE = 0.4
"""The share of the orders node."""


@pytest.fixture
def cluster(tmp_path: Path, port_base: int) -> Iterator[Cluster]:
    made = Cluster(
        tmp_path, port_base, port_base + 95, f"messages_per_second = {RATE}\n[simulator]\ntick_rate = 1\n"
    )
    try:
        made.start()
        yield made
    finally:
        made.kill()


def all_written(client: PlainClient, prefix: str) -> float:
    """Seconds until so many orders, asked for at once, were all written to the gateway."""
    orders = [
        {
            "client_order_id": f"{prefix}-{number}",
            "strategy": "test",
            "instrument": "STK:AAPL:SMART:USD",
            "side": "BUY",
            "quantity": 1,
            "order_type": "LMT",
            "limit_price": 1.0,
        }
        for number in range(ORDERS)
    ]
    frames = [
        msgpack.packb({"v": 1, "id": f"{prefix}-{number}", "op": "place_order", "args": order})
        for number, order in enumerate(orders)
    ]
    began = time.monotonic()
    for frame in frames:
        client.dealer("orders").send(frame)
    for _ in frames:
        reply = client.receive("orders", 60)
        assert reply["ok"], reply
    return time.monotonic() - began


def test_orders_have_what_others_leave_and_without_the_lender_their_share(cluster: Cluster) -> None:
    client = PlainClient(cluster.port_base)
    try:
        lent = all_written(client, "lent")
        lender = cluster.pid("connection")
        os.kill(lender, signal.SIGSTOP)
        try:
            alone = all_written(client, "alone")
        finally:
            os.kill(lender, signal.SIGCONT)
        print(
            lent,
            [
                (m["name"], [s["value"] for s in m["samples"]])
                for m in client.result("orders", "metrics")["metrics"]
                if "budget" in m["name"] or "allowed" in m["name"]
            ],
            [
                [(s["labels"], s["value"]) for s in m["samples"]]
                for m in client.result("connection", "metrics")["metrics"]
                if m["name"] in ("requests_total", "events_published_total")
            ],
        )
        assert alone >= 0.9 * (ORDERS - RATE * ALONE) / (RATE * ALONE), "the share alone"
        assert lent < 0.6 * alone
        assert lent >= 0.9 * (ORDERS - RATE / 9 - 5) / RATE, "never above the rate in sum"
        print(
            f"{ORDERS} orders at {RATE}/s: {lent:.2f} s, alone {alone:.2f} s, at best {ORDERS / RATE:.2f} s"
        )
    finally:
        client.close()
