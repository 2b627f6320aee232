"""The market data node with an account that has no live data for NASDAQ's instruments."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import GATEWAY_OFFSET, orphans_refused
from support.node_process import running_node
from support.plain_client import PlainClient
from support.simulated_gateway import GatewayProcess

AAPL, IBM = "quote/STK:AAPL:SMART:USD/", "quote/STK:IBM:SMART:USD/"


@pytest.fixture(autouse=True)
def gateway(tmp_path: Path, port_base: int) -> Iterator[None]:
    options = ("--tick-rate", "20", "--unsubscribed", "NASDAQ")
    process = GatewayProcess(tmp_path / "sim", *options, port=port_base + GATEWAY_OFFSET)
    with orphans_refused():
        process.start()
        try:
            yield
        finally:
            process.stop()


@contextmanager
def client_of_a_node(folder: Path, port_base: int, delayed: str) -> Generator[PlainClient]:
    config = folder / "twsmq.toml"
    config.write_text(
        f"[cluster]\nport_base = {port_base}\n[gateway]\nport = {port_base + GATEWAY_OFFSET}\n"
        f'[marketdata]\ndelayed = "{delayed}"\n'
    )
    client = PlainClient(port_base)
    try:
        with running_node("marketdata", config):
            yield client
    finally:
        client.close()


def test_delayed_data_stand_in_where_configured_and_the_stream_says_so(tmp_path: Path, port_base: int):
    with client_of_a_node(tmp_path, port_base, "fallback") as client:
        client.subscribe(AAPL, IBM)
        told: dict[str, set[str]] = {AAPL: set(), IBM: set()}
        quoted: dict[str, set[bool]] = {AAPL: set(), IBM: set()}
        for topic, event in client.events(20):
            if event["type"] == "stream":
                told[topic].add(event["state"])
            elif event["type"] == "quote" and event["last"] is not None:
                quoted[topic].add(event["delayed"])
            if all(quoted.values()):
                break
        assert told == {AAPL: {"starting", "delayed"}, IBM: {"starting", "active"}}
        assert quoted == {AAPL: {True}, IBM: {False}}
        late = PlainClient(port_base)
        try:
            late.subscribe(AAPL)
            late.await_event(lambda at, event: at == AAPL and event.get("state") == "delayed")
        finally:
            late.close()


def test_without_the_fallback_every_stream_is_refused_in_the_gateways_words(tmp_path: Path, port_base: int):
    refused = {
        AAPL: 10089,
        "trade/STK:AAPL:SMART:USD/": 10189,
        "bbo/STK:AAPL:SMART:USD/": 10089,
        "depth/STK:AAPL:SMART:USD/": 354,
        "bar5s/STK:AAPL:SMART:USD/": 420,
    }
    with client_of_a_node(tmp_path, port_base, "refuse") as client:
        client.subscribe(*refused)
        told: dict[str, int] = {}
        for topic, event in client.events(20):
            if event.get("state") == "error":
                told[topic] = event["code"]
            if len(told) == len(refused):
                break
        assert told == refused
