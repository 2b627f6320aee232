"""Still more of what public reports tell: what a gateway says too early or too late, and in which order.

Real node processes, and a gateway that says what a test tells it to, as in `test_marketdata_reports.py`.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from conftest import GATEWAY_OFFSET
from support.marketdata_node import client_of, configured, of_type, stream
from support.node_process import running_node
from support.plain_client import Event, PlainClient
from support.scripted_gateway import ScriptedGateway, error
from support.scripted_lines import BARS, BEGIN, BY_ID, QUOTE, bars, details, listed, name
from twsmq_simulator.wire import requests as wire
from twsmq_simulator.wire import tick_messages
from twsmq_simulator.wire.fields import message

DEPTH = f"depth/{BY_ID}/"
MINUTES = f"bars/1m/{BY_ID}/"
BY_NAME = "quote/STK:AAPL:SMART:USD/"
FORWARDER = Path(__file__).parents[2] / "support" / "forwarder.py"
NS = 10**9


def bid(request_id: int, price: bytes = b"100") -> bytes:
    return tick_messages.tick_price(request_id, 1, price, b"3")


def updated(request_id: int, date: str, close: float) -> bytes:
    return message(90, request_id, 7, date, 1, close, 2, 0.5, 1.2, 100)


# -- words


@pytest.mark.usefixtures("node")
@pytest.mark.parametrize("code", [10090, 2152])
def test_what_the_gateway_remarks_of_a_request_is_passed_on_until_data_come(
    gateway: ScriptedGateway, client: PlainClient, code: int
) -> None:
    """rust-ibapi #768, #804"""
    words = "Part of requested market data is not subscribed."
    client.subscribe(QUOTE)
    name(gateway, listed())
    asked = gateway.await_request(wire.MarketData)
    gateway.say(error(asked.request_id, code, words))
    told = client.await_event(lambda at, event: at == QUOTE and event.get("reason") == f"{code} {words}")
    assert (told["state"], told["code"]) == ("starting", None)
    gateway.say(bid(asked.request_id))
    client.await_event(stream(QUOTE, "active"))


def test_a_farm_that_is_broken_before_the_session_is_up_is_remembered(
    config: Path, gateway: ScriptedGateway, client: PlainClient
) -> None:
    """Notices come before, between and after the first id and the accounts (captured)."""
    gateway.first_words = error(-1, 2157, "Sec-def data farm connection is broken:secdefnj")
    client.subscribe(BY_NAME)
    with running_node("marketdata", config):
        asked = gateway.await_request(wire.ContractDetails)
        gateway.say(error(asked.request_id, 200, "No security definition has been found for the request"))
        told = client.await_event(
            lambda at, event: at == BY_NAME and "200 is not believed" in str(event.get("reason"))
        )
        assert told["state"] == "starting"
        name(gateway, listed())
        gateway.say(bid(gateway.await_request(wire.MarketData).request_id))
        client.await_event(stream(BY_NAME, "active"))


@pytest.mark.usefixtures("node")
def test_the_words_of_a_line_that_was_given_back_are_nobodys(
    gateway: ScriptedGateway, client: PlainClient, port_base: int
) -> None:
    """Lean #1134: a cancel a moment after its request is answered by 354 and 300."""
    with client_of(port_base) as other:
        other.subscribe(QUOTE)
        name(gateway, listed())
        first = gateway.await_request(wire.MarketData)
        other.sub.unsubscribe(QUOTE.encode())
        gateway.await_request(wire.Cancel)
        client.subscribe(QUOTE)
        second = gateway.await_request(wire.MarketData)
        assert second.request_id != first.request_id
        gateway.say(error(first.request_id, 354, "Requested market data is not subscribed."))
        gateway.say(error(first.request_id, 300, "Can't find EId with tickerId"), bid(first.request_id, b"1"))
        gateway.say(bid(second.request_id))
        client.await_event(stream(QUOTE, "active"))
        told = client.await_event(of_type(QUOTE, "quote"))
        assert told["bid"] == 100.0


@pytest.mark.usefixtures("node")
def test_bars_are_asked_for_at_once_when_all_farms_are_listed_as_connected(
    gateway: ScriptedGateway, client: PlainClient
) -> None:
    """Lean.Brokerages.InteractiveBrokers #169, of a weekly restart"""
    client.subscribe(MINUTES)
    name(gateway, listed())
    first = gateway.await_request(wire.HistoricalData)
    gateway.say(bars(first.request_id, 2))
    client.await_event(stream(MINUTES, "active"))
    gateway.notice(2103, "Market data farm connection is broken:usfarm")
    client.await_event(stream(MINUTES, "gap"))
    gateway.notice(
        1102,
        "Connectivity between IBKR and Trader Workstation has been restored - data maintained. "
        "All data farms are connected: eufarmnj; usfarm; ushmds; secdefnj.",
    )
    again = gateway.await_request(wire.HistoricalData, 60)
    assert again.request_id != first.request_id
    gateway.say(bars(again.request_id, 3))
    client.await_event(stream(MINUTES, "resumed"))


# -- data


@pytest.mark.usefixtures("node")
def test_bars_whose_times_are_texts_are_bars(gateway: ScriptedGateway, client: PlainClient) -> None:
    """As gateways write them that take no notice of what was asked for (ib_async #161)."""
    client.subscribe(MINUTES)
    name(gateway, listed())
    asked = gateway.await_request(wire.HistoricalData)
    row = "1\x002\x000.5\x001.5\x00100\x001.2\x007"
    times = ("20250714 09:30:00 US/Eastern", "20250714 09:31:00 US/Eastern")
    payload = "\0".join(["17", str(asked.request_id), "2", *(f"{at}\0{row}" for at in times)]) + "\0"
    gateway.say(len(payload).to_bytes(4, "big") + payload.encode(), message(108, asked.request_id, "", ""))
    opens = int(datetime(2025, 7, 14, 13, 30, tzinfo=UTC).timestamp()) * NS
    told = client.await_event(of_type(MINUTES, "bars"))
    assert [bar["time"] for bar in told["bars"]] == [opens, opens + 60 * NS]
    gateway.say(updated(asked.request_id, "20250714-13:32:00", 1.25))
    told = client.await_event(lambda at, event: at == MINUTES and event.get("final") is False)
    assert (told["time"], told["close"]) == (opens + 120 * NS, 1.25)


@pytest.mark.usefixtures("node")
def test_bars_that_come_in_disorder_are_published_in_order(
    gateway: ScriptedGateway, client: PlainClient
) -> None:
    """drpngx/yatws #4: updates of the past; deephaven-ib #113: the same bar again and again."""
    client.subscribe(BARS)
    name(gateway, listed())
    asked = gateway.await_request(wire.HistoricalData)
    gateway.say(updated(asked.request_id, str(BEGIN + 5), 9.0))  # before the past that it is part of
    gateway.say(bars(asked.request_id, 3))
    for begins, close in ((10, 1.0), (5, 7.0), (15, 2.0), (10, 8.0), (15, 3.0), (20, 4.0)):
        gateway.say(updated(asked.request_id, str(BEGIN + begins), close))
    seen: list[tuple[int, float, bool]] = []

    def noted(at: str, event: Event) -> bool:
        if at == BARS and event["type"] == "bar":
            seen.append((event["time"] // NS - BEGIN, event["close"], event["final"]))
        return bool(seen) and seen[-1][0] == 20

    client.await_event(noted)
    after = seen[1:]  # the past itself is one event
    assert after == [
        (10, 1.0, False),
        (10, 1.0, True),
        (15, 2.0, False),
        (15, 3.0, False),
        (15, 3.0, True),
        (20, 4.0, False),
    ]


@pytest.mark.usefixtures("node")
def test_a_contract_without_a_con_id_is_none(gateway: ScriptedGateway, client: PlainClient) -> None:
    """ezibpy #31: an order for one was an order for ES."""
    client.subscribe(BY_NAME)
    asked = gateway.await_request(wire.ContractDetails)
    gateway.say(details(asked.request_id, msgspec.structs.replace(listed(), con_id=0)))
    told = client.await_event(stream(BY_NAME, "error"))
    assert told["code"] == 200
    assert not any(isinstance(each, wire.MarketData) for each in gateway.requests.queue)


@pytest.mark.usefixtures("node")
def test_a_book_that_is_reset_before_it_came_is_published_when_it_comes(
    gateway: ScriptedGateway, client: PlainClient
) -> None:
    client.subscribe(DEPTH)
    name(gateway, listed())
    asked = gateway.await_request(wire.MarketDepth)
    gateway.say(error(asked.request_id, 317, "Market depth data has been RESET."))
    gateway.say(tick_messages.depth(asked.request_id, 0, 0, 1, b"100", b"5"))
    first = client.await_event(lambda at, event: at == DEPTH and event.get("state") != "starting")
    assert (first["type"], first.get("state")) == ("stream", "active"), "no data before"
    told = client.await_event(of_type(DEPTH, "depth"))
    assert [row[:2] for row in told["bids"]] == [[100.0, 5.0]]


@pytest.mark.usefixtures("node")
def test_a_low_that_is_none_after_a_connection_anew_is_nil(
    gateway: ScriptedGateway, client: PlainClient
) -> None:
    """vnpy_ib #59"""
    client.subscribe(QUOTE)
    name(gateway, listed())
    asked = gateway.await_request(wire.MarketData)
    gateway.say(bid(asked.request_id), tick_messages.tick_price(asked.request_id, 7, b"99", b"0"))
    client.await_event(lambda at, event: at == QUOTE and event.get("low") == 99.0)
    gateway.drop()
    client.await_event(stream(QUOTE, "gap"))
    asked = gateway.await_request(wire.MarketData)
    gateway.say(tick_messages.tick_price(asked.request_id, 7, b"-1", b"0"), bid(asked.request_id, b"101"))
    client.await_event(stream(QUOTE, "resumed"))
    told = client.await_event(lambda at, event: at == QUOTE and event.get("bid") == 101.0)
    assert told["low"] is None


@pytest.mark.usefixtures("node")
def test_a_snapshot_of_what_has_no_quote_says_so(gateway: ScriptedGateway, client: PlainClient) -> None:
    """ib_insync #451: nan"""
    client.subscribe("node/marketdata-0/")
    client.await_event(lambda _, event: event.get("state") == "ready")
    client.send("marketdata-0", "snapshot", instrument=BY_ID)
    name(gateway, listed())
    asked = gateway.await_request(wire.MarketData)
    gateway.say(tick_messages.snapshot_end(asked.request_id))
    reply = client.receive("marketdata-0")
    assert (reply["ok"], reply["error"]["code"]) == (False, "gateway_rejected")


# -- a host that is gone without a word


@contextmanager
def tunnel(port: int) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """Between a node and the gateway; stopped, its kernel goes on acknowledging and no FIN is sent."""
    command = [sys.executable, str(FORWARDER), f"127.0.0.1:{port}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as forwarder:
        assert forwarder.stdout is not None
        try:
            yield int(forwarder.stdout.readline()), forwarder
        finally:
            forwarder.send_signal(signal.SIGCONT)
            forwarder.kill()


def test_lines_are_announced_as_interrupted_when_the_way_to_the_gateway_swallows_everything(
    tmp_path: Path, port_base: int, gateway: ScriptedGateway, client: PlainClient
) -> None:
    """deepentropy/ibx #113: WiFi and NAT lose a connection without a RST, and nobody is called."""
    config = configured(tmp_path, port_base, quiet_repeat_s=60)
    client.subscribe(QUOTE, MINUTES, "gateway/")
    with tunnel(port_base + GATEWAY_OFFSET) as (port, forwarder):
        plain = f"port = {port_base + GATEWAY_OFFSET}\n"
        config.write_text(config.read_text().replace(plain, f"port = {port}\n"))
        with running_node("connection", config), running_node("marketdata", config):
            name(gateway, listed())
            gateway.say(bid(gateway.await_request(wire.MarketData).request_id))
            gateway.say(bars(gateway.await_request(wire.HistoricalData).request_id, 2))
            client.await_all(
                stream(QUOTE, "active"),
                stream(MINUTES, "active"),
                lambda at, event: at == "gateway/" and event["state"] == "up",
            )
            forwarder.send_signal(signal.SIGSTOP)
            stopped = time.monotonic()
            client.await_all(
                lambda at, event: stream(QUOTE, "gap")(at, event) and "sent nothing" in event["reason"],
                stream(MINUTES, "gap"),
                lambda at, event: at == "gateway/" and event["state"] == "disconnected",
            )
            assert time.monotonic() - stopped < 30, "5 s of silence, then 5 s for an answer"
            forwarder.send_signal(signal.SIGCONT)
            gateway.say(bid(gateway.await_request(wire.MarketData, 40).request_id))
            client.await_event(stream(QUOTE, "resumed"))
