"""Every capture with orders, spoken to one orders node by their meaning: the node ends where the gateway did.

With `-s` a table is printed: capture, and how its orders ended at the node. That the simulated gateway plays
the client's side of each, `test_sim_captures` and `test_sim_recordings` show.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from conftest import reserved_ports
from support.cluster import Cluster
from support.node_captures import NOT_SPOKEN, Expected, Line, Speaker, captures, expected, spoken
from support.node_process import running_node
from support.plain_client import PlainClient
from support.scripted_gateway import ScriptedGateway

CAPTURES = captures()
SPOKEN = [name for name, capture in CAPTURES.items() if name not in NOT_SPOKEN and spoken(capture)]
TABLE: list[tuple[str, str]] = []


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ScriptedGateway, PlainClient]]:
    with orders_node(tmp_path_factory.mktemp("captures")) as (gateway, client):
        ready(Speaker(gateway, client, "none", 0), client)
        yield gateway, client
    for name, how in TABLE:
        print(f"{name:44} {how}")


@contextmanager
def orders_node(folder: Path) -> Iterator[tuple[ScriptedGateway, PlainClient]]:
    with reserved_ports() as base:
        config = Cluster(folder, base, base + 95, "messages_per_second = 0").config
        with ScriptedGateway(base + 95) as gateway, running_node("orders", config):
            client = PlainClient(base)
            client.subscribe("node/orders/", "order/r/")
            yield gateway, client
            client.close()


def ready(speaker: Speaker, client: PlainClient) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        speaker.answer_questions()
        for topic, event in client.events(0.05):
            if topic == "node/orders/" and event.get("state") == "ready":
                return
    raise AssertionError("the node is not ready")


@pytest.mark.parametrize("name", SPOKEN)
def test_the_node_ends_where_the_gateway_did(desk: tuple[ScriptedGateway, PlainClient], name: str) -> None:
    gateway, client = desk
    speaker = Speaker(gateway, client, f"c{SPOKEN.index(name)}", 10_000 * (1 + SPOKEN.index(name)))
    for line in CAPTURES[name]:
        if line.who == "disconnect":
            continue  # one connection speaks for all of a capture: the node does not care whose it was
        speaker.play(line)
    wanted = expected(CAPTURES[name])
    deadline = time.monotonic() + 60
    while not (agree := all(ends(client, speaker.cid(n), one) for n, one in wanted.items())):
        assert time.monotonic() < deadline, [(one, row(client, speaker.cid(n))) for n, one in wanted.items()]
        speaker.answer_questions()
        time.sleep(0.05)
    assert agree
    how = ", ".join(row(client, speaker.cid(n))["status"] for n in wanted)
    TABLE.append((name, how))
    client.request("orders", "cancel_orders", strategy="r")


def row(client: PlainClient, cid: str) -> dict[str, Any]:
    (found,) = client.result("orders", "get_orders", strategy="r", client_order_id=cid)["orders"]
    return found


def ends(client: PlainClient, cid: str, wanted: Expected) -> bool:
    found = row(client, cid)
    return found["status"] in wanted.statuses and found["filled"] == wanted.filled


def test_what_is_not_spoken_has_its_reason() -> None:
    orders = {name for name, capture in CAPTURES.items() if spoken(capture)}
    assert orders == {*SPOKEN, *(NOT_SPOKEN.keys() & CAPTURES.keys())}
    assert all(isinstance(line, Line) for capture in CAPTURES.values() for line in capture)
