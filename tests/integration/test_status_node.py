"""The status node as a process: positions under one spelling, account values, health."""

from __future__ import annotations

import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from conftest import GATEWAY_OFFSET
from support.node_process import running_node
from support.plain_client import Event, PlainClient
from support.scripted_gateway import VERSION, ScriptedGateway
from support.scripted_lines import listed
from support.simulated_gateway import GatewayProcess
from support.trade_by_hand import trade_by_hand
from twsmq_simulator.wire import messages
from twsmq_simulator.wire.requests import AccountSummary, ContractDetails, Positions

pytestmark = pytest.mark.usefixtures("no_orphans")

AAPL, MSFT = 265598, 272093


@pytest.fixture
def gateway_port(port_base: int) -> int:
    return port_base + GATEWAY_OFFSET


@pytest.fixture
def client(port_base: int) -> Iterator[PlainClient]:
    client = PlainClient(port_base)
    client.subscribe("position/", "account/")
    yield client
    client.close()


def row(con_id: int, quantity: float) -> bytes:
    """As captured: the primary exchange, no currency."""
    bare = msgspec.structs.replace(listed(con_id), currency="")
    return messages.position("DU1", bare, Decimal(str(quantity)), 150.0)


def name_contracts(gateway: ScriptedGateway, count: int) -> None:
    """Answer look-ups by conId."""
    for _ in range(count):
        asked = gateway.await_request(ContractDetails)
        found = listed(asked.contract.con_id)
        rows = messages.contract_details(VERSION, asked.request_id, found, "SMART", time.time_ns())
        gateway.say(rows + messages.contract_details_end(asked.request_id))


def any_event(_topic: str, _event: Event) -> bool:
    return True


def await_position(client: PlainClient, symbol: str) -> Event:
    topic = f"position/DU1/STK:{symbol}:SMART@NASDAQ:USD/"
    return client.await_event(lambda each, _: each == topic)


def test_trades_become_positions_and_values(
    tmp_path: Path, config_file: Path, gateway_port: int, client: PlainClient
) -> None:
    gateway = GatewayProcess(tmp_path / "gateway", port=gateway_port).start()
    try:
        with running_node("status", config_file):
            worth = client.await_event(lambda topic, _: topic == "account/DU1234567/NetLiquidation/USD/")
            assert float(worth["value"]) > 0
            assert client.await_result("status", "positions") == {"positions": []}

            trade_by_hand(gateway_port, "STK:AAPL:SMART:USD", "BUY", 10)
            told = client.await_event(lambda topic, _: topic.startswith("position/"))
            (held,) = client.result("status", "positions")["positions"]
            assert held["avg_cost"] > 0
            assert held == {key: told[key] for key in held}
            assert (held["account"], held["instrument"], held["con_id"], held["quantity"]) == (
                "DU1234567",
                "STK:AAPL:SMART@NASDAQ:USD",
                AAPL,
                10,
            )

            gateway.kill()
            gateway = GatewayProcess(tmp_path / "gateway", port=gateway_port).start()
            assert client.await_result("status", "positions") == {"positions": [held]}

            trade_by_hand(gateway_port, "STK:AAPL:SMART@NASDAQ:USD", "SELL", 10)
            closed = client.await_event(lambda topic, _: topic.startswith("position/"))
            assert (closed["quantity"], closed["instrument"]) == (0, "STK:AAPL:SMART@NASDAQ:USD")
            assert client.result("status", "positions") == {"positions": []}
    finally:
        gateway.kill()


def test_positions_are_not_ready_before_all_rows_are_in_and_named(
    config_file: Path, gateway_port: int, client: PlainClient
) -> None:
    with ScriptedGateway(gateway_port) as gateway, running_node("status", config_file):
        gateway.await_request(Positions)
        assert client.error("status", "positions")["code"] == "not_ready"
        gateway.say(row(AAPL, 10))
        gateway.say(messages.position_end())
        assert client.error("status", "positions")["code"] == "not_ready"
        name_contracts(gateway, 1)
        assert await_position(client, "AAPL")["avg_cost"] == 150.0
        (held,) = client.await_result("status", "positions")["positions"]
        assert (held["instrument"], held["quantity"]) == ("STK:AAPL:SMART@NASDAQ:USD", 10)


def test_two_listings_of_one_symbol_are_two_positions_for_a_late_subscriber_too(
    config_file: Path, gateway_port: int, port_base: int, client: PlainClient
) -> None:
    """KWEB is listed twice in one currency (ib_insync #539)."""
    apple = listed(AAPL)
    listings = [
        msgspec.structs.replace(apple, con_id=con_id, symbol="KWEB", exchange=exchange)
        for con_id, exchange in ((11, "ARCA"), (12, "LSEETF"))
    ]
    with ScriptedGateway(gateway_port) as gateway, running_node("status", config_file):
        gateway.await_request(Positions)
        for each, units in zip(listings, (10, 20), strict=True):
            gateway.say(messages.position("DU1", each, Decimal(units), 30.0))
        gateway.say(messages.position_end())
        for _ in listings:
            asked = gateway.await_request(ContractDetails)
            (found,) = [each for each in listings if each.con_id == asked.contract.con_id]
            rows = messages.contract_details(VERSION, asked.request_id, found, "SMART", time.time_ns())
            gateway.say(rows + messages.contract_details_end(asked.request_id))
        expected = {"STK:KWEB:SMART@ARCA:USD": (11, 10), "STK:KWEB:SMART@LSEETF:USD": (12, 20)}
        for watcher in (client, PlainClient(port_base)):
            watcher.subscribe("position/")
            heard: dict[str, tuple[int, float]] = {}
            while len(heard) < 2:
                told = watcher.await_event(lambda topic, _: topic.startswith("position/DU1/"))
                heard[told["instrument"]] = told["con_id"], told["quantity"]
            assert heard == expected
        watcher.close()
        rows = client.await_result("status", "positions")["positions"]
        assert {row["instrument"]: (row["con_id"], row["quantity"]) for row in rows} == expected


def test_what_vanished_while_disconnected_is_told_as_zero_and_nothing_is_told_twice(
    config_file: Path, gateway_port: int, port_base: int, client: PlainClient
) -> None:
    with ScriptedGateway(gateway_port) as gateway, running_node("status", config_file):
        gateway.await_request(Positions)
        gateway.say(row(AAPL, 10) + row(MSFT, 5) + messages.position_end())
        name_contracts(gateway, 2)
        assert [await_position(client, symbol)["quantity"] for symbol in ("AAPL", "MSFT")] == [10, 5]

        gateway.drop()
        gateway.await_request(Positions)
        gateway.say(row(MSFT, 5) + messages.position_end())
        gone = client.await_event(lambda topic, _: topic.startswith("position/"))
        assert (gone["instrument"], gone["quantity"], gone["avg_cost"]) == (
            "STK:AAPL:SMART@NASDAQ:USD",
            0,
            None,
        )
        (held,) = client.await_result("status", "positions")["positions"]
        assert held["con_id"] == MSFT

        gateway.say(row(MSFT, 6))
        changed = client.await_event(lambda topic, _: topic.startswith("position/"))
        assert (changed["instrument"], changed["quantity"]) == ("STK:MSFT:SMART@NASDAQ:USD", 6)
        late = PlainClient(port_base)
        try:
            late.subscribe("position/")
            assert await_position(late, "MSFT")["snapshot"] is True
        finally:
            late.close()


def test_after_1101_positions_and_values_are_asked_for_again(
    config_file: Path, gateway_port: int, client: PlainClient
) -> None:
    with ScriptedGateway(gateway_port) as gateway, running_node("status", config_file):
        gateway.await_request(Positions)
        values = gateway.await_request(AccountSummary)
        gateway.say(row(AAPL, 10) + messages.position_end())
        name_contracts(gateway, 1)
        await_position(client, "AAPL")
        gateway.notice(1101, "Connectivity ... has been restored - data lost.")
        gateway.await_request(Positions)
        assert gateway.await_request(AccountSummary).request_id != values.request_id
        gateway.say(row(AAPL, 11) + messages.position_end())
        assert await_position(client, "AAPL")["quantity"] == 11
        assert len(client.await_result("status", "positions")["positions"]) == 1


def test_health_tells_who_beats_who_is_ready_and_who_fell_silent(
    config_file: Path, gateway_port: int, port_base: int, client: PlainClient
) -> None:
    def rows() -> dict[str, Event]:
        health = client.result("status", "health")
        assert not health["ready"]  # the others are not running
        return {each["name"]: each for each in health["processes"]}

    watcher = PlainClient(port_base)
    watcher.subscribe("node/status/")
    try:
        with ScriptedGateway(gateway_port), running_node("status", config_file) as status:
            with running_node("connection", config_file) as connection:
                awaited = {"connection": "ready", "status": "reconciling"}
                while {name: rows()[name]["state"] for name in awaited} != awaited:
                    watcher.await_event(any_event)  # look again at each beat
                seen = rows()
                assert seen["connection"]["pid"] == connection.pid
                assert (seen["status"]["pid"], seen["status"]["client_id"]) == (status.pid, 102)
                assert seen["orders"] == dict.fromkeys(seen["orders"]) | {"name": "orders", "state": "silent"}
            while rows()["connection"]["state"] != "silent":
                watcher.await_event(any_event)
            assert rows()["connection"]["heard_s"] >= 2
    finally:
        watcher.close()
