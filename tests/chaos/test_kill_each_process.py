"""`kill -9` of each process in turn while quotes flow and an order works: nothing lost, nothing doubled."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from support.cluster import PROCESSES, TWSMQ, Cluster
from support.gateway_orders import open_orders_at_the_gateway
from support.plain_client import PlainClient
from support.processes import still_running
from twsmq_supervisor.policy import Limits

TOPIC = "quote/STK:AAPL:SMART:USD/"
ORDER: dict[str, Any] = {
    "strategy": "chaos",
    "client_order_id": "rest-1",
    "instrument": "STK:AAPL:SMART:USD",
    "side": "BUY",
    "quantity": 10,
    "order_type": "LMT",
    "limit_price": 1.0,
    "tif": "GTC",
}


@pytest.fixture
def client(cluster: Cluster) -> Iterator[PlainClient]:
    plain = PlainClient(cluster.port_base)
    yield plain
    plain.close()


def the_order(client: PlainClient) -> dict[str, Any]:
    (order,) = client.await_result("orders", "get_orders", strategy="chaos")["orders"]
    return order


@pytest.mark.timeout(900)
def test_whatever_is_killed_the_cluster_is_whole_again(cluster: Cluster, client: PlainClient) -> None:
    client.subscribe(TOPIC)
    client.await_event(lambda _topic, event: event["type"] == "quote")
    assert client.result("orders", "place_order", **ORDER)["status"]
    client.subscribe("order/chaos/")
    client.await_event(lambda _topic, event: event["type"] == "order" and event["status"] == "submitted")
    placed = the_order(client)

    for victim in PROCESSES:
        pid = cluster.pid(victim)
        os.kill(pid, signal.SIGKILL)
        took = cluster.await_ready(5, after=(victim, pid))
        print(f"{victim}: all ready again after {took:.2f} s")
        if victim in ("simulator", "marketdata-0"):
            client.await_event(lambda _topic, event: event["type"] == "stream" and event["state"] == "gap")
        client.await_event(lambda topic, event: topic == TOPIC and event["type"] == "quote")
        after = the_order(client)
        assert after["order_id"] == placed["order_id"]
        assert after["perm_id"] == placed["perm_id"]
        client.await_event(lambda topic, event: topic == TOPIC and event["type"] == "quote")
        assert the_order(client)["status"] == "submitted", victim
        assert open_orders_at_the_gateway(cluster.gateway_port) == ["chaos/rest-1"], victim
        assert cluster.pid(victim) != pid


@pytest.mark.timeout(600)
def test_a_simulator_that_hangs_is_replaced_but_not_one_that_is_busy(
    cluster: Cluster, client: PlainClient
) -> None:
    client.subscribe(TOPIC)
    client.await_event(lambda topic, event: event["type"] == "quote")
    pid = cluster.pid("simulator")
    a_week = [*TWSMQ, "simulator", "fault", "--config", str(cluster.config), "step", "seconds=604800"]
    with pytest.raises(subprocess.TimeoutExpired):
        subprocess.run(a_week, cwd=cluster.folder, timeout=Limits().asked_s + 5)
    assert cluster.pid("simulator") == pid

    os.kill(pid, signal.SIGSTOP)
    took = cluster.await_ready(Limits().asked_s + 20, after=("simulator", pid))
    print(f"all ready again after {took:.2f} s")
    for _ in client.events(0):
        pass
    client.await_event(lambda topic, event: topic == TOPIC and event["type"] == "quote")


@pytest.mark.timeout(600)
def test_the_supervisor_killed_leaves_no_orphan_and_up_again_recovers(
    cluster: Cluster, client: PlainClient
) -> None:
    client.subscribe("order/chaos/")
    assert client.result("orders", "place_order", **ORDER)["status"]
    client.await_event(lambda _topic, event: event["type"] == "order" and event["status"] == "submitted")
    placed = the_order(client)
    members = cluster.members()
    assert len(members) >= len(PROCESSES) + 1

    assert cluster.process is not None
    cluster.process.kill()
    assert not still_running(members, within=2)
    cluster.process.wait(60)
    cluster.process = None

    cluster.start()
    after = the_order(client)
    for field in ("order_id", "perm_id", "quantity", "limit_price", "filled"):
        assert after[field] == placed[field], field
    assert open_orders_at_the_gateway(cluster.gateway_port) == ["chaos/rest-1"]
