"""More of what public bug reports showed: what a gateway says of a request, and what its data leave out.

Real node processes, and a gateway that says what a test tells it to, as in `test_marketdata_reports.py`.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path

import msgspec
import pytest
from support.marketdata_node import of_type, stream
from support.node_process import running_node
from support.patience import patient
from support.plain_client import PlainClient
from support.scripted_gateway import ScriptedGateway, answer_snapshot, error
from support.scripted_lines import (
    AAPL_ID,
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
from twsmq_simulator.wire.zones import Zones

MINUTES = f"bars/1m/{BY_ID}/"
ORDER = {"strategy": "s", "instrument": "STK:AAPL:SMART:USD", "side": "BUY"}
FARMS = (
    (2104, "Market data farm connection is OK:usfarm"),
    (2106, "HMDS data farm connection is OK:ushmds"),
    (2158, "Sec-def data farm connection is OK:secdefnj"),
)


def price(request_id: int, kind: int, value: str, size: str) -> bytes:
    return tick_messages.tick_price(request_id, kind, value.encode(), size.encode())


# -- codes


@pytest.mark.usefixtures("node")
@pytest.mark.parametrize("code", [2188, 2184, 2176, 10090, 10091])
def test_a_notice_about_bars_is_no_refusal(gateway: ScriptedGateway, client: PlainClient, code: int) -> None:
    """rust-ibapi #764, #810: the bars that follow a 2188 were dropped."""
    client.subscribe(MINUTES)
    name(gateway, listed())
    asked = gateway.await_request(wire.HistoricalData)
    gateway.say(error(asked.request_id, code, "Datos históricos: se requiere una suscripción"))
    gateway.say(bars(asked.request_id, 3))
    client.await_all(stream(MINUTES, "active"), lambda _, event: len(event.get("bars", [])) == 3)


@pytest.mark.usefixtures("node")
@pytest.mark.parametrize(
    ("code", "text"),
    [
        (162, "Fehlermeldung des Dienstes für historische Marktdaten: Verletzung des Anfragelimits"),
        (162, "Trading TWS session is connected from a different IP address"),
        (31_415, "what no table lists"),
    ],
)
def test_bars_refused_for_what_may_pass_are_cancelled_and_asked_for_again(
    gateway: ScriptedGateway, client: PlainClient, code: int, text: str
) -> None:
    client.subscribe(MINUTES)
    name(gateway, listed())
    asked = gateway.await_request(wire.HistoricalData)
    gateway.say(error(asked.request_id, code, text))
    told = client.await_event(stream(MINUTES, "error"))
    assert (told["code"], told["reason"]) == (code, "asked for again 30 s later")
    assert gateway.await_request(wire.Cancel) == wire.Cancel(asked.request_id, wire.Cancel.HISTORY)
    assert client.result("marketdata-0", "retry", topic=MINUTES)["state"] == "starting"
    again = gateway.await_request(wire.HistoricalData, 60)  # identical within 15 s is against the rules
    assert again.request_id != asked.request_id
    gateway.say(bars(again.request_id, 1))
    client.await_event(stream(MINUTES, "active"))


@pytest.mark.usefixtures("node")
def test_delayed_data_after_the_refusal_of_live_ones_are_kept_by_who_accepts_them(
    gateway: ScriptedGateway, client: PlainClient
) -> None:
    """Real gateways send the delayed high, low and volume first (ticks 72 to 76)."""
    topic = f"quote/{BY_ID};data=delayed/"
    client.subscribe(topic)
    name(gateway, listed())
    assert gateway.await_request(wire.MarketDataType).kind == 3
    asked = gateway.await_request(wire.MarketData)
    gateway.say(error(asked.request_id, 10089, "Requested market data requires additional subscription"))
    gateway.say(tick_messages.market_data_type(asked.request_id, 3))
    gateway.say(price(asked.request_id, 72, "103", "0"), tick_messages.tick_size(asked.request_id, 74, b"7"))
    client.await_event(stream(topic, "delayed"))
    told = client.await_event(of_type(topic, "quote"))
    assert (told["high"], told["delayed"]) == (103.0, True)
    gateway.say(price(asked.request_id, 66, "100", "3"))
    told = client.await_event(lambda at, event: at == topic and event.get("bid") == 100.0)
    assert told["delayed"]
    assert not any(isinstance(each, wire.Cancel) for each in gateway.requests.queue)


@pytest.mark.usefixtures("node")
def test_no_definition_while_a_farm_is_down_is_not_believed(
    gateway: ScriptedGateway, client: PlainClient
) -> None:
    """ib_insync #330, Lean #3870"""
    gateway.await_request(wire.StartApi)
    gateway.notice(2157, "Sec-def data farm connection is broken:secdefnj")
    topic = "quote/STK:AAPL:SMART:USD/"
    client.subscribe(topic)
    asked = gateway.await_request(wire.ContractDetails)
    gateway.say(error(asked.request_id, 200, "Für diese Anfrage wurde kein Wertpapier gefunden"))
    told = client.await_event(lambda at, event: at == topic and "200 is not believed" in str(event["reason"]))
    assert (told["state"], told["code"]) == ("starting", None)
    name(gateway, listed())
    gateway.say(price(gateway.await_request(wire.MarketData).request_id, 1, "100", "3"))
    client.await_event(stream(topic, "active"))


@pytest.mark.usefixtures("node")
def test_five_second_bars_of_a_bust_are_cancelled_before_they_are_asked_for_again(
    gateway: ScriptedGateway, client: PlainClient
) -> None:
    topic = f"bar5s/{BY_ID}/"
    client.subscribe(topic)
    name(gateway, listed())
    asked = gateway.await_request(wire.RealTimeBars)
    gateway.say(message(50, 3, asked.request_id, BEGIN, 1, 2, 0.5, 1.5, 100, 1.2, 7))
    client.await_event(of_type(topic, "bar"))
    gateway.say(error(asked.request_id, 10225, "Bust event occurred, current subscription is deactivated."))
    client.await_event(stream(topic, "gap"))
    cancel = gateway.await_request(wire.Cancel)
    assert cancel == wire.Cancel(asked.request_id, wire.Cancel.REAL_TIME_BARS)
    again = gateway.await_request(wire.RealTimeBars, 60)
    gateway.say(message(50, 3, again.request_id, BEGIN + 60, 1, 2, 0.5, 1.5, 100, 1.2, 7))
    client.await_event(stream(topic, "resumed"))


# -- what is asked for


@pytest.mark.usefixtures("node")
def test_bars_of_crypto_are_aggregated_trades_and_a_10299_is_followed_once(
    gateway: ScriptedGateway, client: PlainClient
) -> None:
    bitcoin = listed(479624278)
    topic = f"bars/1m/CONID:{bitcoin.con_id}:PAXOS/"
    client.subscribe(topic)
    name(gateway, bitcoin)
    asked = gateway.await_request(wire.HistoricalData)
    assert asked.what == "AGGTRADES"
    gateway.say(error(asked.request_id, 10299, "Erwartet wird MIDPOINT, bitte statt AGGTRADES verwenden."))
    assert gateway.await_request(wire.Cancel) == wire.Cancel(asked.request_id, wire.Cancel.HISTORY)
    again = gateway.await_request(wire.HistoricalData)
    assert again.what == "MIDPOINT"
    gateway.say(error(again.request_id, 10299, "Erwartet wird TRADES, bitte statt MIDPOINT verwenden."))
    told = client.await_event(stream(topic, "error"))
    assert (told["code"], told["reason"]) == (10299, None)


@pytest.mark.usefixtures("node")
def test_frozen_quotes_are_asked_for_where_a_topic_accepts_them(
    gateway: ScriptedGateway, client: PlainClient
) -> None:
    topic = f"quote/{BY_ID};data=frozen/"
    client.subscribe(topic)
    name(gateway, listed())
    assert gateway.await_request(wire.MarketDataType).kind == 2
    asked = gateway.await_request(wire.MarketData)
    gateway.say(tick_messages.market_data_type(asked.request_id, 2), price(asked.request_id, 1, "100", "3"))
    client.await_event(stream(topic, "frozen"))
    client.subscribe(QUOTE)
    assert gateway.await_request(wire.MarketDataType).kind == 1
    gateway.await_request(wire.MarketData)


@pytest.mark.usefixtures("node")
def test_a_snapshot_of_a_cfd_is_the_quote_of_what_its_data_come_from(
    gateway: ScriptedGateway, client: PlainClient
) -> None:
    cfd = listed(120549942)
    call = msgspec.msgpack.encode(
        {"v": 1, "id": 7, "op": "snapshot", "args": {"instrument": f"CONID:{cfd.con_id}:SMART"}}
    )
    client.subscribe("node/marketdata-0/")
    client.await_event(lambda _, event: event.get("state") == "ready")
    client.dealer("marketdata-0").send(call)
    name(gateway, cfd)
    asked = gateway.await_request(wire.MarketData)
    assert asked.snapshot
    gateway.say(message(91, asked.request_id, AAPL_ID, "SMART"))
    source = gateway.await_request(wire.MarketData)
    assert source.contract.con_id == AAPL_ID
    gateway.say(price(source.request_id, 2, "101", "4"), tick_messages.snapshot_end(source.request_id))
    reply = client.receive("marketdata-0")
    assert reply["ok"], reply
    assert (reply["result"]["quote"]["ask"], reply["result"]["quote"]["ask_size"]) == (101.0, 4.0)


# -- what says that there is nothing


@pytest.mark.usefixtures("node")
def test_bars_of_quotes_have_no_volume_no_average_and_no_count(
    gateway: ScriptedGateway, client: PlainClient
) -> None:
    """ib_async #29"""
    topic = f"bars/1m/{BY_ID};what=MIDPOINT/"
    client.subscribe(topic)
    name(gateway, listed())
    asked = gateway.await_request(wire.HistoricalData)
    gateway.say(bars(asked.request_id, 1, traded="-1\x00-1\x00-1"))
    (bar,) = client.await_event(of_type(topic, "bars"))["bars"]
    assert (bar["volume"], bar["wap"], bar["count"], bar["close"]) == (None, None, None, 1.5)
    gateway.say(message(90, asked.request_id, -1, str(BEGIN + 60), 1, 2, 0.5, 1.5, -1, -1))
    told = client.await_event(of_type(topic, "bar"))
    assert (told["volume"], told["wap"], told["count"]) == (None, None, None)


@pytest.mark.usefixtures("node")
@pytest.mark.parametrize("style", ["captured", "iana", "windows"])
def test_what_the_volume_of_a_us_stock_counts_does_not_hang_on_how_its_zone_is_spelled(
    gateway: ScriptedGateway, client: PlainClient, style: str
) -> None:
    """pysystemtrade #1622: US/Eastern became America/New_York in April 2026."""
    client.subscribe(QUOTE)
    name(gateway, listed(), zones=Zones(style))
    asked = gateway.await_request(wire.MarketData)
    gateway.say(tick_messages.tick_size(asked.request_id, 8, b"1853"))
    assert client.await_event(of_type(QUOTE, "quote"))["volume"] == 185_300


# -- through other processes


def test_no_price_is_none_to_the_limits_of_orders_and_a_price_in_pence_is_a_hundredth(
    config: Path, gateway: ScriptedGateway, client: PlainClient
) -> None:
    """A market order of a million passed a limit of 5,000, for bid and ask were 0 (ib_insync #221); in pence
    they are -100 (bankroll #31)."""
    quote = f"quote/{ORDER['instrument']}/"
    london = msgspec.structs.replace(
        listed(), currency="GBP", exchange="LSE", valid_exchanges=("SMART", "LSE")
    )
    client.subscribe(quote, "node/orders/", "order/s/")

    def refusal(number: int, quantity: float) -> str:
        args = {**ORDER, "client_order_id": f"o-{number}", "order_type": "MKT", "quantity": quantity}
        reply = client.request("orders", "place_order", **args)
        return "" if reply["ok"] else reply["error"]["message"]

    with ExitStack() as running:
        for process in ("marketdata", "reference", "orders"):
            running.enter_context(running_node(process, config))
        answer_snapshot(gateway)
        client.await_event(lambda at, event: at == "node/orders/" and event["state"] == "ready")
        limits = {"max_order_notional": 5000}
        client.result("orders", "set_risk", scope="strategy", name="s", limits=limits)
        name(gateway, london, magnifier=100)
        asked = gateway.await_request(wire.MarketData)
        for number, nothing in enumerate(("0", "-1", "-100")):
            gateway.say(price(asked.request_id, 1, nothing, "0"), price(asked.request_id, 2, nothing, "0"))
            told = client.await_event(of_type(quote, "quote"))
            assert (told["bid"], told["ask"]) == (None, None)
            assert "a live quote of STK:AAPL:SMART:USD is not known" in refusal(number, 1_000_000)
        gateway.say(price(asked.request_id, 2, "337", "5"))
        client.await_event(lambda at, event: at == quote and event.get("ask") == 337.0)
        deadline = time.monotonic() + patient(30)
        while "not known at present" in (why := refusal(8, 1_000_000)):
            assert time.monotonic() < deadline, why
            if any(isinstance(each, wire.ContractDetails) for each in gateway.requests.queue):
                name(gateway, london, magnifier=100)
            client.await_event(lambda at, _: at == "node/orders/")
        assert why == "max_order_notional: the limit is 5000.0, this is 3370000"
        assert refusal(9, 100) == "", "337 pounds"
        gateway.await_request(wire.PlaceOrder)


def test_after_a_2110_the_farms_alone_bring_orders_back(
    config: Path, gateway: ScriptedGateway, client: PlainClient
) -> None:
    """A bridge's log of 2026: neither 1101 nor 1102 came, and orders were refused for ever."""
    client.subscribe("node/orders/")
    order = {**ORDER, "order_type": "LMT", "limit_price": 1.0, "quantity": 1}

    def await_state(state: str) -> None:
        client.await_event(lambda at, event: at == "node/orders/" and event["state"] == state)

    with running_node("orders", config):
        gateway.await_request(wire.StartApi)
        for farm in FARMS:
            gateway.notice(*farm)
        answer_snapshot(gateway)
        await_state("ready")
        gateway.notice(2110, "Connectivity between Trader Workstation and server is broken.")
        await_state("connecting")
        refused = client.error("orders", "place_order", client_order_id="a", **order)
        assert refused["code"] == "not_ready"
        for farm in FARMS:
            gateway.notice(*farm)
        answer_snapshot(gateway)
        await_state("ready")
        assert client.request("orders", "place_order", client_order_id="a", **order)["ok"]
        gateway.await_request(wire.PlaceOrder)
