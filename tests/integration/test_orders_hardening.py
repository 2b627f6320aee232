"""The orders node as a real process: a gateway that says what cannot be true, a journal that is gone."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import msgpack
import pytest
from support.command import Command
from support.node_process import NodeProcess, running_node
from support.plain_client import PlainClient
from support.scripted_gateway import ScriptedGateway, answer_snapshot, error
from support.simulated_gateway import GatewayProcess, running_gateway
from twsmq_nodes.runtime.process import EXIT_UNMENDABLE
from twsmq_simulator.wire import messages
from twsmq_simulator.wire.requests import PlaceOrder

ORDER = {
    "strategy": "s", "instrument": "STK:AAPL:SMART:USD", "side": "BUY", "quantity": 10, "order_type": "LMT",
    "limit_price": 1.0,
}  # fmt: skip


@pytest.fixture
def client(port_base: int, no_orphans: None) -> Iterator[PlainClient]:
    plain = PlainClient(port_base)
    plain.subscribe("order/s/", "node/orders/")
    yield plain
    plain.close()


def await_state(client: PlainClient, state: str) -> None:
    client.await_event(lambda topic, event: topic == "node/orders/" and event["state"] == state)


def raw(*fields: object) -> bytes:
    return messages.message(*[str(field) for field in fields])


HOSTILE = [
    raw(3, 1, "Submitted", 0, 10, 0, 2**70, 0, 0, 101, "", 0),
    raw(3, 2**40, "Submitted", 0, 10, 0, 1, 0, 0, 101, "", 0),
    raw(3, 1, "Submitted", "1e300", 10, 0, 1, 0, 0, 101, "", 0),
    raw(3, 1, "\\ud83d", 0, 10, 0, 9001, 0, 0, 101, "\x1b[2J", 0),
    raw(3, 1, "", "nan", "inf", "-inf", 9001, 0, 0, 101, "", 0),
    raw(9, 1, 2**31),
    raw(9, 1, -5),
    raw(5, "x" * 1000),
    raw(5, *[""] * 170),
    raw(5, *[2**80] * 170),
    raw(11, -1, 1, *[2**63] * 28),
    raw(59, 1, "e.01", "1e16", "USD", "", "", ""),
    raw(101, *["\\udc00"] * 160),
    raw(53, 1), raw(102), raw(55, 1, 2**31),
    raw(2**70), raw(""), raw("x", "y"),
]  # fmt: skip


def test_no_message_of_the_gateway_ends_the_node(
    client: PlainClient, config_file: Path, port_base: int
) -> None:
    with ScriptedGateway(port_base + 95) as gateway, running_node("orders", config_file) as node:
        answer_snapshot(gateway)
        await_state(client, "ready")
        placed = client.request("orders", "place_order", client_order_id="a", **ORDER)
        assert placed["ok"], placed
        gateway.await_request(PlaceOrder)
        for frame in HOSTILE:
            gateway.say(frame)
        gateway.say(*[error(1, code, "\x1b]0;x\x07" * 50) for code in (-1, 0, 99999, 2148, 2**31, 2**40)])
        gateway.say(error(1, 399, "the last"))
        client.await_event(lambda _topic, event: event.get("text") == "the last")
        rows = client.result("orders", "get_orders")["orders"]
        assert [row["client_order_id"] for row in rows] == ["a"]
        assert node.process is not None
        assert node.process.poll() is None
    with ScriptedGateway(port_base + 95), running_node("orders", config_file):
        assert client.await_result("orders", "get_orders")["orders"]  # what was journaled can be read


@pytest.fixture
def gateway(tmp_path: Path, port_base: int, no_orphans: None) -> Iterator[GatewayProcess]:
    with running_gateway(
        tmp_path / "g", "--control-port", str(port_base + 90), port=port_base + 95
    ) as running:
        yield running


def remove_journal(folder: Path) -> None:
    for path in folder.glob("orders.journal*"):
        if not path.name.endswith((".mark", ".lock")):
            path.unlink()


def remove_log(folder: Path) -> None:
    (folder / "orders.journal-wal").unlink()


def truncate(folder: Path) -> None:
    remove_log(folder)
    (folder / "orders.journal").write_bytes((folder / "orders.journal").read_bytes()[:5000])


@pytest.mark.parametrize("harm", [remove_journal, remove_log, truncate])
def test_a_damaged_journal_refuses_the_start_with_its_cure(
    client: PlainClient, config_file: Path, gateway: GatewayProcess, harm: Callable[[Path], None]
) -> None:
    folder = config_file.parent / "var"
    node = NodeProcess("orders", config_file).start()
    await_state(client, "ready")
    assert client.request("orders", "place_order", client_order_id="a", **ORDER)["ok"]
    node.kill()
    harm(folder)
    refused = NodeProcess("orders", config_file).start()
    assert refused.wait() == EXIT_UNMENDABLE
    assert "orders forget --yes" in refused.log_file.read_text()


def test_a_journal_that_was_given_up_doubles_no_order_the_gateway_still_has(
    client: PlainClient, config_file: Path, gateway: GatewayProcess
) -> None:
    command = Command(config_file)
    node = NodeProcess("orders", config_file).start()
    await_state(client, "ready")
    assert client.request("orders", "place_order", client_order_id="a", **ORDER)["ok"]
    client.await_event(lambda _topic, event: event.get("status") == "submitted")
    assert command.run("orders", "forget", "--yes").returncode == 2, "in use"
    node.kill()
    said = command.run("orders", "forget")
    assert (said.returncode, (config_file.parent / "var" / "orders.journal").exists()) == (2, True)
    assert command.run("orders", "forget", "--yes").returncode == 0
    assert list((config_file.parent / "var").glob("orders.journal.forgotten-*/orders.journal"))
    with running_node("orders", config_file):
        await_state(client, "ready")
        again = client.request("orders", "place_order", client_order_id="a", **ORDER)
        while again["error"]["code"] == "not_ready":  # a beat of the one before was still under way
            await_state(client, "ready")
            again = client.request("orders", "place_order", client_order_id="a", **ORDER)
        assert again["error"]["code"] == "conflict"
        assert "adopt_order" in again["error"]["message"]
        assert len(client.result("orders", "get_orders")["foreign"]) == 1


def test_a_folder_renamed_while_the_node_runs_stops_orders_with_words(
    client: PlainClient, config_file: Path, gateway: GatewayProcess, port_base: int
) -> None:
    folder = config_file.parent / "var"
    with running_node("orders", config_file):
        await_state(client, "ready")
        assert client.request("orders", "place_order", client_order_id="a", **ORDER)["ok"]
        folder.rename(folder.with_name("moved"))
        body = {"v": 1, "id": 1, "op": "place_order", "args": {**ORDER, "client_order_id": "b"}}
        other = PlainClient(port_base)
        other.dealer("orders").send(msgpack.packb(body))
        await_state(client, "reconciling")
        refused = client.request("orders", "place_order", client_order_id="c", **ORDER)
        assert "no order is safe" in str(refused)
        halted = client.request("orders", "halt", reason="the disk is gone", cancel=True)["result"]
        assert halted["durable"] is False
        shutil.move(folder.with_name("moved"), folder)
        client.await_event(lambda _topic, event: event.get("status") == "cancelled")
        other.close()


def test_a_report_that_cannot_be_read_is_logged_once_for_each_kind(
    client: PlainClient, config_file: Path, port_base: int
) -> None:
    with ScriptedGateway(port_base + 95) as gateway, running_node("orders", config_file) as node:
        answer_snapshot(gateway)
        await_state(client, "ready")
        assert client.request("orders", "place_order", client_order_id="a", **ORDER)["ok"]
        gateway.say(*[raw(5, "x" * 100)] * 3, error(1, 399, "the last"))
        client.await_event(lambda _topic, event: event.get("text") == "the last")
        told = [line for line in node.log() if line["event"] == "gateway message not understood"]
        assert [line["message_id"] for line in told] == [5]


def test_a_read_only_gateway_is_named_with_its_cure_and_work_goes_on_once_it_is_unticked(
    client: PlainClient, config_file: Path, gateway: GatewayProcess
) -> None:
    command = Command(config_file)
    assert command.run("simulator", "fault", "read_only", "on=true").returncode == 0
    with running_node("orders", config_file):
        told = client.await_event(
            lambda topic, event: topic == "node/orders/" and "Read-Only API" in (event["detail"] or "")
        )
        assert told["state"] == "reconciling"
        refused = client.request("orders", "place_order", client_order_id="a", **ORDER)
        assert refused["error"]["code"] == "not_ready"
        assert "untick" in refused["error"]["message"]
        assert command.run("simulator", "fault", "read_only", "on=false").returncode == 0
        await_state(client, "ready")
        assert client.request("orders", "place_order", client_order_id="a", **ORDER)["ok"]
