"""A market-data node in trouble: killed, without its gateway, with lines that answer nothing."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import GATEWAY_OFFSET
from support.marketdata_node import (
    AAPL,
    client_of,
    configured,
    node_and_client,
    quote,
    simulated_gateway,
    stream,
)
from support.node_process import NodeProcess, running_node
from support.plain_client import Event
from support.scripted_gateway import ScriptedGateway, error
from support.simulated_gateway import GatewayProcess
from twsmq_simulator.wire import requests as wire
from twsmq_simulator.wire import tick_messages

pytestmark = pytest.mark.usefixtures("no_orphans")


@pytest.fixture
def gateway(tmp_path: Path, port_base: int) -> Iterator[GatewayProcess]:
    with simulated_gateway(tmp_path / "sim", port_base) as process:
        yield process


def test_without_a_gateway_a_stream_says_what_it_waits_for(tmp_path: Path, port_base: int):
    with node_and_client(tmp_path, port_base, quiet_repeat_s=0.2) as (_, client):
        client.subscribe(AAPL)
        address = f"127.0.0.1:{port_base + GATEWAY_OFFSET}"
        waiting = client.await_event(stream(AAPL, "starting"))
        assert address in waiting["reason"]
        repeated = client.await_event(lambda _topic, event: event["repeated"])
        assert (repeated["state"], address in repeated["reason"]) == ("starting", True)
        with ScriptedGateway(port_base + GATEWAY_OFFSET):
            client.await_event(lambda _topic, event: event["reason"] is None)


def test_a_killed_gateway_is_a_gap_that_closes_by_itself(
    tmp_path: Path, port_base: int, gateway: GatewayProcess
):
    with node_and_client(tmp_path, port_base) as (_, client):
        client.subscribe(AAPL)
        client.await_event(quote(AAPL))
        gateway.kill()
        gap = client.await_event(stream(AAPL, "gap"))
        assert gap["from"] <= gap["ts"]
        gateway.start()
        resumed = client.await_event(stream(AAPL, "resumed"))
        assert (resumed["from"], gap["to"]) == (gap["from"], None)
        assert resumed["to"] >= resumed["from"]
        assert not client.await_event(quote(AAPL))["snapshot"]


def test_a_killed_node_comes_back_with_what_was_wanted_and_tells_of_the_gap(
    tmp_path: Path, port_base: int, gateway: GatewayProcess
):
    config = configured(tmp_path, port_base)
    with client_of(port_base) as client:
        node = NodeProcess("marketdata", config).start()
        try:
            client.subscribe(AAPL)
            before = client.await_event(quote(AAPL))
            os.kill(node.pid, signal.SIGKILL)
            node.wait()
            died_at = time.time_ns()
        finally:
            node.kill()
        with running_node("marketdata", config):
            gap = client.await_event(stream(AAPL, "gap"))
            assert gap["inc"] > before["inc"]
            assert died_at - 5e9 < gap["from"] <= died_at
            assert gap["to"] is None
            resumed = client.await_event(stream(AAPL, "resumed"))
            assert resumed["from"] == gap["from"]
            assert gap["ts"] <= resumed["to"] <= resumed["ts"]
            client.await_event(quote(AAPL))


def test_who_is_back_late_after_a_restart_hears_of_the_gap_before_the_value(tmp_path: Path, port_base: int):
    topic = "quote/BAG:SPY:SMART:USD:+1x1,-1x2/"
    config = configured(tmp_path, port_base)
    with ScriptedGateway(port_base + GATEWAY_OFFSET) as gateway, client_of(port_base) as client:

        def tick() -> None:
            request = gateway.await_request(wire.MarketData)
            gateway.say(tick_messages.tick_price(request.request_id, 1, b"2.5", b"5"))
            client.await_event(quote(topic))

        node = NodeProcess("marketdata", config).start()
        try:
            client.subscribe(topic)
            tick()
        finally:
            node.kill()
        with running_node("marketdata", config), client_of(port_base) as late:
            client.await_event(stream(topic, "gap"))
            tick()
            late.subscribe(topic)
            told = [late.await_event(lambda _topic, _event: True) for _ in range(4)]
            assert [event.get("state", event["type"]) for event in told] == [
                "gap",
                "resumed",
                "active",
                "quote",
            ]
            gap, resumed = told[:2]
            assert gap["from"] == resumed["from"] < resumed["to"]


def test_after_an_orderly_stop_with_nobody_listening_there_was_no_gap(
    tmp_path: Path, port_base: int, gateway: GatewayProcess
):
    config = configured(tmp_path, port_base)
    with running_node("marketdata", config), client_of(port_base) as client:
        client.subscribe(AAPL)
        client.await_event(quote(AAPL))
        client.sub.unsubscribe(AAPL)
        while any(row["wanted"] for row in client.result("marketdata-0", "subscriptions")["subscriptions"]):
            pass
    with running_node("marketdata", config), client_of(port_base) as client:
        client.subscribe(AAPL)
        seen: list[str] = []
        for _, event in client.events(20):
            seen.append(event.get("state", event["type"]))
            if seen[-1] == "quote":
                break
        assert "gap" not in seen
        assert seen[-2:] == ["active", "quote"]


def test_lines_that_answer_nothing_show_in_the_heartbeat_and_a_new_session_gives_them_another_chance(
    tmp_path: Path, port_base: int
):
    dead, live = "quote/BAG:SPY:SMART:USD:+1x1,-1x2/", "quote/BAG:SPY:SMART:USD:+1x1,-1x3/"
    heartbeat = "node/marketdata-0/"
    with (
        ScriptedGateway(port_base + GATEWAY_OFFSET) as gateway,
        node_and_client(tmp_path, port_base, silent_s=0.5, quiet_repeat_s=0.2) as (_, client),
    ):
        ids: dict[str, int] = {}
        for topic in (live, dead):
            client.subscribe(topic)
            ids[topic] = gateway.await_request(wire.MarketData).request_id

        def tick(topic: str) -> None:
            gateway.say(tick_messages.tick_price(ids[topic], 1, b"2.5", b"5"))

        def silent_lines_are(wanted: int) -> Callable[[str, Event], bool]:
            def heard(topic: str, event: Event) -> bool:
                tick(live)
                return topic == heartbeat and event["silent_lines"] == wanted

            return heard

        tick(dead)
        client.await_event(stream(dead, "active"))
        client.subscribe(heartbeat)
        client.await_event(silent_lines_are(1))
        assert client.result("marketdata-0", "reconnect") == {"name": "marketdata-0"}
        gap = client.await_event(stream(live, "gap"))
        assert "asked to connect anew" in gap["reason"]
        gateway.await_request(wire.StartApi)
        requests = [gateway.await_request(wire.MarketData) for _ in ids]
        for request in requests:
            gateway.say(tick_messages.tick_price(request.request_id, 1, b"2.5", b"5"))
        client.await_all(stream(live, "resumed"), stream(dead, "resumed"))
        client.await_event(lambda topic, event: topic == heartbeat and event["silent_lines"] == 0)


def test_a_quiet_topic_is_repeated(tmp_path: Path, port_base: int):
    with (
        ScriptedGateway(port_base + GATEWAY_OFFSET) as gateway,
        node_and_client(tmp_path, port_base, quiet_repeat_s=0.2) as (_, client),
    ):
        topic = "quote/BAG:SPY:SMART:USD:+1x1,-1x2/"
        client.subscribe(topic)
        request = gateway.await_request(wire.MarketData)
        assert client.await_event(lambda _topic, event: event.get("repeated") is True)["state"] == "starting"
        gateway.say(tick_messages.tick_price(request.request_id, 1, b"2.5", b"5"))
        first = client.await_event(quote(topic))
        again = client.await_event(quote(topic))
        assert (first["snapshot"], again["snapshot"]) == (False, True)
        assert (again["bid"], again["seq"]) == (2.5, first["seq"] + 1)


def test_the_gateways_troubles_with_a_line(tmp_path: Path, port_base: int):
    topic = "quote/BAG:SPY:SMART:USD:+1x1,-1x2/"
    with (
        ScriptedGateway(port_base + GATEWAY_OFFSET) as gateway,
        node_and_client(tmp_path, port_base) as (_, client),
    ):
        client.subscribe(topic)

        def tick(request: wire.MarketData) -> None:
            gateway.say(tick_messages.tick_price(request.request_id, 1, b"2.5", b"5"))

        first = gateway.await_request(wire.MarketData)
        tick(first)
        client.await_event(stream(topic, "active"))
        gateway.notice(1100, "Connectivity between IBKR and Trader Workstation has been lost.")
        client.await_event(stream(topic, "gap"))
        gateway.notice(
            1102, "Connectivity between IBKR and Trader Workstation has been restored - data maintained."
        )
        client.await_event(stream(topic, "resumed"))
        gateway.notice(
            1101, "Connectivity between IBKR and Trader Workstation has been restored - data lost."
        )
        client.await_event(stream(topic, "gap"))
        second = gateway.await_request(wire.MarketData)
        assert second.request_id != first.request_id
        tick(first)  # what still comes under the old id is nobody's
        tick(second)
        client.await_event(stream(topic, "resumed"))
        gateway.say(error(second.request_id, 354, "Requested market data is not subscribed."))
        assert client.await_event(stream(topic, "error"))["code"] == 354
