"""What public bug reports showed, with a real node process and a gateway that says what a test tells it to.

Each test is one condition at the wire and what a subscriber must be told of it.
"""

from __future__ import annotations

import time
from pathlib import Path

import msgspec
import pytest
from support.marketdata_node import client_of, of_type, stream
from support.node_process import killed_at_the_end, running_node
from support.plain_client import PlainClient
from support.scripted_gateway import ScriptedGateway, error
from support.scripted_lines import (
    BARS,
    BEGIN,
    BY_ID,
    QUOTE,
    bars,
    listed,
    name,
)
from twsmq_simulator.wire import requests as wire
from twsmq_simulator.wire import tick_messages
from twsmq_simulator.wire.fields import message


@pytest.mark.usefixtures("node")
@pytest.mark.parametrize(
    ("lost", "back"),
    [
        ((1100, "Connectivity between IB and the TWS has been lost"), (1102, "restored - data maintained")),
        ((2103, "Market data farm connection is broken:usfarm"), (2104, "Market data farm is OK:usfarm")),
    ],
)
def test_bars_have_a_gap_in_an_outage_and_are_asked_for_again_after_it(
    gateway: ScriptedGateway, client: PlainClient, lost: tuple[int, str], back: tuple[int, str]
) -> None:
    """nautilus_trader #3968, #952; ib_insync #533"""
    topic = f"bars/1m/{BY_ID}/"
    client.subscribe(topic)
    name(gateway, listed())
    first = gateway.await_request(wire.HistoricalData)
    gateway.say(bars(first.request_id, 3))
    assert len(client.await_event(of_type(topic, "bars"))["bars"]) == 3
    gateway.notice(*lost)
    client.await_event(stream(topic, "gap"))
    gateway.notice(*back)
    # identical within 15 s is against the rules: it takes that long
    again = gateway.await_request(wire.HistoricalData, 60)
    assert again.request_id != first.request_id
    gateway.say(bars(again.request_id, 4))
    client.await_all(
        stream(topic, "resumed"), lambda at, event: at == topic and len(event.get("bars", [])) == 4
    )


@pytest.mark.usefixtures("node")
@pytest.mark.parametrize("code", [354, 10089, 10168, 10186])
def test_without_a_subscription_the_line_is_refused_and_given_back_at_the_gateway(
    gateway: ScriptedGateway, client: PlainClient, code: int
) -> None:
    """Reports differ on whether data follow: a line that is left would count for ever."""
    client.subscribe(QUOTE)
    name(gateway, listed())
    asked = gateway.await_request(wire.MarketData)
    gateway.say(error(asked.request_id, code, "Requested market data requires additional subscription"))
    assert client.await_event(stream(QUOTE, "error"))["code"] == code
    cancel = gateway.await_request(wire.Cancel)
    assert (cancel.what, cancel.request_id) == (wire.Cancel.MARKET_DATA, asked.request_id)


@pytest.mark.usefixtures("node")
def test_news_of_one_stock_come_on_its_topic(gateway: ScriptedGateway, client: PlainClient) -> None:
    topic = f"tick/{BY_ID};generic=292/"
    client.subscribe(topic)
    name(gateway, listed())
    asked = gateway.await_request(wire.MarketData)
    assert "292" in asked.generic_ticks
    gateway.say(tick_messages.tick_news(asked.request_id, 1_700_000_000_000, "BRFG", "BRFG$1", "Apple rises"))
    told = client.await_event(of_type(topic, "headline"))
    assert (told["headline"], told["provider"]) == ("Apple rises", "BRFG")


@pytest.mark.usefixtures("node")
def test_prices_in_pence_say_so(gateway: ScriptedGateway, client: PlainClient) -> None:
    client.subscribe(QUOTE)
    london = msgspec.structs.replace(
        listed(), currency="GBP", exchange="LSE", valid_exchanges=("SMART", "LSE")
    )
    name(gateway, london, magnifier=100)
    asked = gateway.await_request(wire.MarketData)
    gateway.say(tick_messages.tick_price(asked.request_id, 1, b"337", b"5"))
    told = client.await_event(of_type(QUOTE, "quote"))
    assert (told["bid"], told["magnifier"]) == (337.0, 100)


@pytest.mark.usefixtures("node")
def test_a_newcomer_to_long_bars_gets_what_there_is_and_the_others_nothing(
    gateway: ScriptedGateway, client: PlainClient, port_base: int
) -> None:
    """17,280 bars of 5 s, as a day of them has."""
    client.subscribe(BARS)
    name(gateway, listed())
    asked = gateway.await_request(wire.HistoricalData)
    gateway.say(bars(asked.request_id, 17_280))
    assert len(client.await_event(of_type(BARS, "bars"))["bars"]) == 17_280
    with client_of(port_base) as late:
        late.subscribe(BARS)
        greeted = late.await_event(of_type(BARS, "bars"))
        assert (len(greeted["bars"]), greeted["snapshot"]) == (17_280, True)
        assert greeted["bars"][0]["time"] == BEGIN * 10**9
    gateway.say(message(90, asked.request_id, 7, str(BEGIN), 1, 1, 1, 1, 1, 1))  # is final
    again = client.await_event(of_type(BARS, "bars"))
    assert again["snapshot"], "what goes to all is marked as a newcomer's"


@pytest.mark.usefixtures("node")
def test_a_node_connects_anew_on_request_once_in_half_a_minute(
    gateway: ScriptedGateway, client: PlainClient
) -> None:
    assert client.await_result("marketdata-0", "reconnect") == {"name": "marketdata-0"}
    gateway.await_request(wire.StartApi)
    gateway.await_request(wire.StartApi)
    client.subscribe("node/marketdata-0/")
    client.await_event(lambda _, event: event.get("state") == "ready")
    refused = client.error("marketdata-0", "reconnect")
    assert refused["code"] == "throttled"
    assert "again in" in refused["message"]


def test_a_killed_node_still_keeps_the_rules_of_what_it_asked_before(
    config: Path, gateway: ScriptedGateway, client: PlainClient
) -> None:
    """IBKR allows one tick-by-tick request of an instrument in 15 s, and remembers through our restarts."""
    topic = f"trade/{BY_ID}/"
    with killed_at_the_end("marketdata", config):
        client.subscribe(topic)
        name(gateway, listed())
        gateway.await_request(wire.TickByTick)
        asked_at = time.monotonic()
    with running_node("marketdata", config):
        waits = client.await_event(
            lambda at, event: at == topic and "tick-by-tick request" in (event.get("reason") or "")
        )
        assert waits["state"] == "starting"
        gateway.await_request(wire.TickByTick, 60)
        assert time.monotonic() - asked_at >= 14.5


def test_a_damaged_store_is_set_aside_and_costs_no_start(
    config: Path, gateway: ScriptedGateway, client: PlainClient
) -> None:
    with killed_at_the_end("marketdata", config):
        client.subscribe("quote/STK:AAPL:SMART:USD/")
        name(gateway, listed())
        gateway.await_request(wire.MarketData)
    (kept,) = config.parent.rglob("marketdata-0.contracts.jsonl")
    folder = kept.parent
    for file in folder.iterdir():
        file.write_bytes(b'{"spelling": 5}\n\xff\xfe not a line\n')
    client.subscribe("node/marketdata-0/")
    with running_node("marketdata", config):
        # a socket that nobody reads does not subscribe again
        client.await_event(
            lambda *_: any(isinstance(r, wire.ContractDetails) for r in gateway.requests.queue)
        )
        name(gateway, listed())
        asked = gateway.await_request(wire.MarketData)
        gateway.say(tick_messages.tick_price(asked.request_id, 1, b"100", b"5"))
        client.await_event(of_type("quote/STK:AAPL:SMART:USD/", "quote"))
    assert list(folder.glob("*.damaged-*"))
