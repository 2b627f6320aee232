"""The reference node as a process: contracts looked up once for all who ask, exactly one reply each."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from conftest import GATEWAY_OFFSET
from support.node_process import running_node
from support.plain_client import PlainClient
from support.scripted_gateway import VERSION, ScriptedGateway, error
from support.simulated_gateway import GatewayProcess
from twsmq_protocol.codec import encode_request
from twsmq_simulator.market import listing
from twsmq_simulator.wire import messages
from twsmq_simulator.wire.requests import ContractDetails

pytestmark = pytest.mark.usefixtures("no_orphans")

AAPL, AAPL_ID = "STK:AAPL:SMART:USD", 265598


@pytest.fixture
def gateway_port(port_base: int) -> int:
    return port_base + GATEWAY_OFFSET


@pytest.fixture
def client(port_base: int) -> Iterator[PlainClient]:
    client = PlainClient(port_base)
    client.subscribe("node/reference/")
    yield client
    client.close()


def await_node(client: PlainClient, state: str) -> None:
    client.await_event(lambda _, event: event["state"] == state)


def ask(client: PlainClient, request_id: int, instrument: str = AAPL, valid_until: int | None = None) -> None:
    """Ask without waiting for the reply."""
    args = {"instrument": instrument}
    client.dealer("reference").send(encode_request(request_id, "contract_details", args, valid_until))


def replies(client: PlainClient, expected: int) -> dict[int, dict[str, Any]]:
    """So many replies, by id, and not one more before the node answers something else."""
    dealer = client.dealer("reference")
    found: dict[int, dict[str, Any]] = {}
    while len(found) < expected:
        assert dealer.poll(20_000), f"only {sorted(found)} answered"
        reply = msgspec.msgpack.decode(dealer.recv())
        assert reply["id"] not in found, "answered twice"
        found[reply["id"]] = reply
    assert client.result("reference", "describe")["name"] == "reference"
    return found


def details_of_aapl(request_id: int) -> bytes:
    apple = listing.build(datetime.now(UTC).date()).get(AAPL_ID)
    assert apple is not None
    rows = messages.contract_details(VERSION, request_id, apple, "SMART", time.time_ns())
    return rows + messages.contract_details_end(request_id)


def test_contracts_of_the_gateways_database(
    tmp_path: Path, config_file: Path, gateway_port: int, client: PlainClient
) -> None:
    gateway = GatewayProcess(tmp_path / "gateway", port=gateway_port).start()
    try:
        with running_node("reference", config_file):
            await_node(client, "ready")
            (apple,) = client.result("reference", "contract_details", instrument=AAPL)["contracts"]
            assert (apple["instrument"], apple["con_id"], apple["long_name"]) == (AAPL, AAPL_ID, "APPLE INC")
            assert "NASDAQ" in apple["valid_exchanges"].split(",")
            assert (apple["min_tick"], apple["time_zone_id"]) == (0.01, "US/Eastern")
            assert apple["trading_hours"]
            by_id = client.result("reference", "contract_details", instrument=f"CONID:{AAPL_ID}")
            assert by_id["contracts"] == [apple]
            futures = client.result("reference", "contract_details", instrument="FUT:ES:CME:USD")["contracts"]
            assert len(futures) > 1
            again = client.result("reference", "contract_details", instrument=futures[-1]["instrument"])
            assert again["contracts"] == [futures[-1]]

            unknown = client.error("reference", "contract_details", instrument="STK:NOSUCH:SMART:USD")
            assert (unknown["code"], unknown["tws_code"]) == ("gateway_rejected", 200)
            unsendable = client.error("reference", "contract_details", instrument="STK:ÄÖ:SMART:USD")
            assert (unsendable["code"], unsendable["field"]) == ("invalid_argument", "instrument")
            misspelt = client.error("reference", "contract_details", instrument="AAPL")
            assert (misspelt["code"], misspelt["field"]) == ("invalid_argument", "instrument")

            gateway.kill()
            await_node(client, "connecting")
            known = client.result("reference", "contract_details", instrument=AAPL)
            assert known["contracts"] == [apple]
            other = client.error("reference", "contract_details", instrument="STK:MSFT:SMART:USD")
            assert other["code"] == "not_ready"
    finally:
        gateway.kill()


def test_identical_calls_cost_the_gateway_one_request(
    config_file: Path, gateway_port: int, client: PlainClient
) -> None:
    with ScriptedGateway(gateway_port) as gateway, running_node("reference", config_file):
        await_node(client, "ready")
        for request_id in range(1, 51):
            ask(client, request_id)
        asked = gateway.await_request(ContractDetails)
        assert client.result("reference", "describe")["name"] == "reference"  # all fifty are in
        gateway.say(details_of_aapl(asked.request_id))
        answered = replies(client, 50)
        assert all(reply["result"]["contracts"][0]["con_id"] == AAPL_ID for reply in answered.values())
        assert gateway.requests.empty()


def test_a_session_lost_while_asked_gives_each_call_its_one_reply(
    config_file: Path, gateway_port: int, client: PlainClient
) -> None:
    with ScriptedGateway(gateway_port) as gateway, running_node("reference", config_file):
        await_node(client, "ready")
        for request_id in (1, 2):
            ask(client, request_id)
        ask(client, 3, "STK:MSFT:SMART:USD")
        first, second = (gateway.await_request(ContractDetails) for _ in range(2))
        assert first.request_id != second.request_id
        gateway.drop()
        lost = replies(client, 3)
        assert {reply["error"]["code"] for reply in lost.values()} == {"not_ready"}
        await_node(client, "ready")
        ask(client, 4)
        again = gateway.await_request(ContractDetails)
        gateway.say(error(first.request_id, 200, "late and of another session"))
        gateway.say(details_of_aapl(again.request_id))
        assert replies(client, 1)[4]["ok"]


def test_a_call_past_its_valid_until_is_told_so_and_a_late_answer_changes_nothing(
    config_file: Path, gateway_port: int, client: PlainClient
) -> None:
    with ScriptedGateway(gateway_port) as gateway, running_node("reference", config_file):
        await_node(client, "ready")
        ask(client, 1, valid_until=time.time_ns() + 300_000_000)
        asked = gateway.await_request(ContractDetails)
        assert replies(client, 1)[1]["error"]["code"] == "timeout"
        gateway.say(details_of_aapl(asked.request_id))
        ask(client, 2, valid_until=time.time_ns() - 1)
        assert replies(client, 1)[2]["error"]["code"] == "timeout"
        assert gateway.requests.empty()
