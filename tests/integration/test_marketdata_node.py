"""The market data node as a process, between a gateway and clients that know only pyzmq and msgpack."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq
from conftest import GATEWAY_OFFSET
from support.marketdata_node import (
    AAPL,
    AAPL_BY_ID,
    client_of,
    configured,
    node_and_client,
    of_type,
    quote,
    simulated_gateway,
    stream,
)
from support.node_process import running_node
from support.scripted_gateway import ScriptedGateway
from support.simulated_gateway import GatewayProcess
from twsmq_protocol import codec
from twsmq_simulator.wire import requests as wire
from twsmq_simulator.wire import tick_messages

pytestmark = pytest.mark.usefixtures("no_orphans")


@pytest.fixture
def gateway(tmp_path: Path, port_base: int) -> Iterator[GatewayProcess]:
    with simulated_gateway(tmp_path / "sim", port_base) as process:
        yield process


def test_every_stream_starts_by_being_subscribed_to(tmp_path: Path, port_base: int, gateway: GatewayProcess):
    wanted = {
        AAPL: "quote",
        "tick/STK:AAPL:SMART:USD/": "ticks",
        "trade/STK:AAPL:SMART:USD/": "trade",
        "bbo/CASH:EUR:IDEALPRO:USD/": "bbo",
        "midpoint/CASH:EUR:IDEALPRO:USD/": "midpoint",
        "depth/STK:MSFT:SMART:USD/": "depth_delta",
        "bar5s/STK:MSFT:SMART:USD/": "bar",
        "bars/1m/STK:AAPL:SMART:USD/": "bars",
    }
    with node_and_client(tmp_path, port_base) as (_, client):
        client.subscribe(*wanted)
        seen: dict[str, set[str]] = {topic: set() for topic in wanted}
        seqs = dict.fromkeys(wanted, 0)
        for topic, event in client.events(20):
            seen[topic].add(event.get("state", event["type"]))
            assert event["seq"] == seqs[topic] + 1
            seqs[topic] = event["seq"]
            if all({"starting", "active", kind} <= seen[topic] for topic, kind in wanted.items()):
                break
        else:
            raise AssertionError(seen)
        held = client.result("marketdata-0", "subscriptions")
        assert {row["topic"] for row in held["subscriptions"]} == set(wanted)
        used = {row["kind"]: row["used"] for row in held["lines"] if row["used"]}
        assert used == {
            "market_data": 1,
            "tick_by_tick": 3,
            "depth": 1,
            "realtime_bars": 1,
            "history": 1,
        }


def test_spellings_share_a_line_and_a_late_joiner_gets_the_last_value(
    tmp_path: Path, port_base: int, gateway: GatewayProcess
):
    with node_and_client(tmp_path, port_base) as (_, client), client_of(port_base) as late:
        client.subscribe(AAPL)
        client.await_event(quote(AAPL))
        late.subscribe(AAPL, AAPL_BY_ID)
        seen = late.await_event(quote(AAPL))
        assert seen["bid"] is not None
        assert late.await_event(quote(AAPL_BY_ID))["con_id"] == 265598
        rows = client.result("marketdata-0", "subscriptions")["subscriptions"]
        assert len({row["line"] for row in rows}) == 1


def test_what_cannot_be_served_is_told_in_band(tmp_path: Path, port_base: int, gateway: GatewayProcess):
    with node_and_client(tmp_path, port_base) as (_, client):
        unknown, malformed = "quote/STK:NOSUCH:SMART:USD/", "quote/STK:AAPL/"
        client.subscribe(unknown, malformed)
        assert client.await_event(stream(unknown, "error"))["code"] == 200
        assert "SECTYPE:SYMBOL:EXCHANGE:CURRENCY" in client.await_event(stream(malformed, "error"))["text"]


def test_calls_are_answered(tmp_path: Path, port_base: int, gateway: GatewayProcess):
    with node_and_client(tmp_path, port_base) as (_, client):
        found = client.await_result("marketdata-0", "snapshot", instrument="STK:AAPL:SMART:USD")
        assert found["quote"]["ask"] > found["quote"]["bid"] > 0
        assert client.error("marketdata-0", "snapshot", instrument="STK:NOSUCH:SMART:USD")["tws_code"] == 200
        preview = client.result("marketdata-0", "subscribe", topic="depth/STK:AAPL:SMART:USD;rows=10/")
        assert preview["line"] == "new"
        assert client.error("marketdata-0", "subscribe", topic="depth/STK:AAPL")["field"] == "topic"
        assert client.error("marketdata-0", "subscribe", topic="quote/AAPL/")["code"] == "invalid_argument"
        lines = client.result("marketdata-0", "subscriptions")["lines"]
        assert all(row["used"] == 0 for row in lines)


def test_the_last_one_to_leave_ends_the_line(tmp_path: Path, port_base: int):
    topic = "quote/BAG:SPY:SMART:USD:+1x1,-1x2/"
    with (
        ScriptedGateway(port_base + GATEWAY_OFFSET) as gateway,
        node_and_client(tmp_path, port_base, grace_s=0.2) as (_, client),
        client_of(port_base) as other,
    ):
        client.subscribe("quote/", topic)
        other.subscribe(topic)
        request = gateway.await_request(wire.MarketData)
        client.sub.unsubscribe(topic.encode())
        other.close()
        assert gateway.await_request(wire.Cancel).request_id == request.request_id
        client.await_event(stream(topic, "closed"))


def test_a_burst_is_one_quote_and_every_tick(tmp_path: Path, port_base: int):
    spelling = "BAG:SPY:SMART:USD:+1x1,-1x2"
    with (
        ScriptedGateway(port_base + GATEWAY_OFFSET) as gateway,
        node_and_client(tmp_path, port_base) as (_, client),
    ):
        client.subscribe(f"quote/{spelling}/", f"tick/{spelling}/")
        request = gateway.await_request(wire.MarketData)
        prices = [float(price) for price in range(1, 501)]
        gateway.say(
            *(tick_messages.tick_price(request.request_id, 1, b"%f" % price, b"5") for price in prices)
        )
        bids: list[float] = []
        quotes = 0
        for _, event in client.events(20):
            bids += [value for kind, value, _ in event.get("ticks", []) if kind == 1]
            quotes += event["type"] == "quote"
            if len(bids) == len(prices) and event.get("bid") == 500.0:
                break
        assert bids == prices
        assert quotes < 50


def test_what_is_no_tick_makes_no_event_of_ticks(tmp_path: Path, port_base: int):
    topic = "tick/BAG:SPY:SMART:USD:+1x1,-1x2;generic=292/"
    with (
        ScriptedGateway(port_base + GATEWAY_OFFSET) as gateway,
        node_and_client(tmp_path, port_base) as (_, client),
    ):
        client.subscribe(topic)
        request = gateway.await_request(wire.MarketData)
        gateway.say(
            tick_messages.tick_news(request.request_id, 1_700_000_000_000, "BRFG", "id", "a headline")
        )
        client.await_event(stream(topic, "active"))
        gateway.say(tick_messages.tick_price(request.request_id, 1, b"2.5", b"5"))
        assert client.await_event(of_type(topic, "ticks"))["ticks"] == [[1, 2.5, 0], [0, 5.0, 0]]


@pytest.mark.parametrize("instances", [2])
def test_shards_share_the_topics_and_a_client_of_all_notices_nothing(
    tmp_path: Path, port_base: int, gateway: GatewayProcess, instances: int
):
    config = configured(tmp_path, port_base, instances=instances)
    topics = [f"quote/STK:{symbol}:SMART:USD/" for symbol in ("AAPL", "MSFT", "NVDA", "TSLA")]
    with (
        running_node("marketdata", config),
        running_node("marketdata", config, "--shard", "1"),
        client_of(port_base) as client,
    ):
        client.sub.connect(f"tcp://127.0.0.1:{port_base + 23}")
        client.subscribe(*topics)
        sources: dict[str, set[str]] = {topic: set() for topic in topics}
        for topic, event in client.events(20):
            if event["type"] == "quote":
                sources[topic].add(event["src"])
            if all(sources.values()):
                break
        assert all(len(each) == 1 for each in sources.values())
        assert {source for each in sources.values() for source in each} == {"marketdata-0", "marketdata-1"}


def test_a_subscriber_that_does_not_read_loses_and_sees_it_and_slows_nobody(tmp_path: Path, port_base: int):
    topic = "tick/BAG:SPY:SMART:USD:+1x1,-1x2/"
    config = configured(tmp_path, port_base)
    config.write_text(config.read_text().replace("[cluster]", "[cluster]\nsend_queue = 10"))
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    slow = context.socket(zmq.SUB)
    for option, value in ((zmq.RCVHWM, 1), (zmq.RCVBUF, 4096), (zmq.LINGER, 0)):
        slow.setsockopt(option, value)
    with (
        ScriptedGateway(port_base + GATEWAY_OFFSET) as gateway,
        running_node("marketdata", config),
        client_of(port_base) as quick,
    ):
        slow.connect(f"tcp://127.0.0.1:{port_base + 21}")
        slow.subscribe(topic.encode())
        assert slow.poll(20_000), "it has heard of the stream once, and then stops to read"
        quick.subscribe(topic)
        request = gateway.await_request(wire.MarketData)
        read = tick_messages.tick_price(request.request_id, 1, b"2.5", b"5") * 1500
        quick.await_event(of_type(topic, "stream"))
        expected = 0
        for _ in range(300):
            gateway.say(read)
            ticks = 0
            while ticks < 3000:
                event = quick.await_event(of_type(topic, "ticks"))
                assert event["seq"] == expected + 1 or not expected
                expected, ticks = event["seq"], ticks + len(event["ticks"])
        seqs: list[int] = []
        while not seqs or seqs[-1] < expected:
            gateway.say(read[: len(read) // 1500])
            expected = quick.await_event(of_type(topic, "ticks"))["seq"]
            while slow.poll(100):
                _, event = codec.decode_event(slow.recv())
                seqs.append(event.seq)
        assert len(seqs) < expected, "it lost some"
        assert seqs == sorted(set(seqs)), "and sees where"
        slow.close()
    context.term()
