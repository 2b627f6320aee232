"""What public bug reports showed of calls: snapshots, look-ups, scanners, and of what a contract is.

Real node processes, and a gateway that says what a test tells it to, as in `test_marketdata_reports.py`.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from support.marketdata_node import of_type, stream
from support.node_process import running_node
from support.plain_client import PlainClient
from support.scripted_gateway import ScriptedGateway, error
from support.scripted_lines import AAPL_ID, BY_ID, QUOTE, bars, details, listed, name
from twsmq_simulator.wire import messages, tick_messages
from twsmq_simulator.wire import requests as wire
from twsmq_simulator.wire.fields import message

SPELLED = "STK:AAPL:SMART:USD"
MSFT_ID = 272093
BROKEN = (2103, "Market data farm connection is broken:usfarm")
OK = (2104, "Market data farm connection is OK:usfarm")
SECONDS = 1_700_000_000


def price(request_id: int, kind: int, value: str, size: str) -> bytes:
    return tick_messages.tick_price(request_id, kind, value.encode(), size.encode())


def await_ready(client: PlainClient, process: str) -> None:
    topic = f"node/{process}/"
    client.subscribe(topic)
    client.await_event(lambda at, event: at == topic and event.get("state") == "ready")


# -- snapshots


@pytest.mark.usefixtures("node")
def test_a_snapshot_refused_while_a_farm_is_down_is_not_refused_for_good(
    gateway: ScriptedGateway, client: PlainClient
) -> None:
    """ib_insync #330, Lean #3870: the gateway does not know good contracts then."""
    await_ready(client, "marketdata-0")
    client.send("marketdata-0", "snapshot", instrument=BY_ID)
    name(gateway, listed())
    asked = gateway.await_request(wire.MarketData)
    gateway.notice(*BROKEN)
    gateway.say(error(asked.request_id, 200, "No se ha encontrado ninguna definición de título"))
    refused = client.receive("marketdata-0")["error"]
    assert (refused["code"], refused["tws_code"]) == ("not_ready", 200)
    client.send("marketdata-0", "snapshot", instrument=BY_ID)
    again = gateway.await_request(wire.MarketData)
    gateway.notice(*OK)
    gateway.say(error(again.request_id, 354, "Requested market data is not subscribed."))
    refused = client.receive("marketdata-0")["error"]
    assert (refused["code"], refused["tws_code"]) == ("not_ready", 354), "only just over"
    client.send("marketdata-0", "snapshot", instrument=BY_ID)
    third = gateway.await_request(wire.MarketData)
    gateway.say(price(third.request_id, 2, "101", "4"), tick_messages.snapshot_end(third.request_id))
    assert client.receive("marketdata-0")["result"]["quote"]["ask"] == 101.0


@pytest.mark.usefixtures("node")
def test_what_a_snapshot_is_made_of_at_night_is_marked(gateway: ScriptedGateway, client: PlainClient) -> None:
    """ib_insync #471, #517: which kind comes is the gateway's choice."""
    await_ready(client, "marketdata-0")
    for kind, frozen, delayed in ((2, True, False), (1, False, False), (4, False, True)):
        client.send("marketdata-0", "snapshot", instrument=BY_ID, data="any")
        if kind == 2:
            name(gateway, listed())
        asked = gateway.await_request(wire.MarketData)
        bid = 66 if delayed else 1
        gateway.say(
            tick_messages.market_data_type(asked.request_id, kind),
            price(asked.request_id, bid, "100", "3"),
            tick_messages.snapshot_end(asked.request_id),
        )
        quote = client.receive("marketdata-0")["result"]["quote"]
        assert (quote["bid"], quote["frozen"], quote["delayed"]) == (100.0, frozen, delayed)


@pytest.mark.usefixtures("node")
def test_a_snapshot_that_has_no_quote_says_so_and_one_in_pence_has_no_bid_of_minus_a_hundred(
    gateway: ScriptedGateway, client: PlainClient
) -> None:
    await_ready(client, "marketdata-0")
    london = msgspec.structs.replace(
        listed(), currency="GBP", exchange="LSE", valid_exchanges=("SMART", "LSE")
    )
    client.send("marketdata-0", "snapshot", instrument=BY_ID)
    name(gateway, london, magnifier=100)
    asked = gateway.await_request(wire.MarketData)
    gateway.say(tick_messages.snapshot_end(asked.request_id))
    assert client.receive("marketdata-0")["error"]["code"] == "gateway_rejected"
    client.send("marketdata-0", "snapshot", instrument=BY_ID)
    asked = gateway.await_request(wire.MarketData)
    gateway.say(
        price(asked.request_id, 1, "-100", "0"),
        price(asked.request_id, 2, "337", "5"),
        tick_messages.snapshot_end(asked.request_id),
    )
    quote = client.receive("marketdata-0")["result"]["quote"]
    assert (quote["bid"], quote["ask"], quote["magnifier"]) == (None, 337.0, 100)


# -- which contract


@pytest.mark.usefixtures("node")
def test_a_conid_that_is_answered_with_another_is_not_that_ones_stream(
    gateway: ScriptedGateway, client: PlainClient
) -> None:
    topic = f"quote/CONID:{MSFT_ID}:SMART/"
    client.subscribe(topic)
    name(gateway, listed())
    told = client.await_event(stream(topic, "error"))
    assert f"CONID:{AAPL_ID}" in told["text"]
    assert not any(isinstance(each, wire.MarketData) for each in gateway.requests.queue)


@pytest.mark.usefixtures("node")
def test_half_a_spelling_that_matches_thousands_is_told_a_few_of_them_and_how_many(
    gateway: ScriptedGateway, client: PlainClient
) -> None:
    topic = "quote/OPT:AAPL:SMART:USD:20261218/"
    client.subscribe(topic)
    asked = gateway.await_request(wire.ContractDetails)
    end, one = messages.contract_details_end(asked.request_id), listed()
    for con_id in range(900_000, 902_000):
        row = details(asked.request_id, msgspec.structs.replace(one, con_id=con_id))
        gateway.say(row.removesuffix(end))
    gateway.say(end)
    told = client.await_event(stream(topic, "error"))
    assert "2000 contracts match" in told["text"]
    assert told["text"].endswith("and 1992 more")


def test_a_search_leaves_out_what_is_no_contract(
    config: Path, gateway: ScriptedGateway, client: PlainClient
) -> None:
    """ib_insync #571: issuers of bonds come with a conId of -1."""
    with running_node("reference", config):
        await_ready(client, "reference")
        client.send("reference", "search", pattern="IBM")
        asked = gateway.await_request(wire.MatchingSymbols)
        rows = (
            -1,
            "IBM",
            "BOND",
            "",
            "USD",
            0,
            "IBM CORP",
            "e1359061",
            8314,
            "IBM",
            "STK",
            "NYSE",
            "USD",
            1,
            "OPT",
        )
        gateway.say(message(79, asked.request_id, 2, *rows, "IBM CORP", ""))
        found = client.receive("reference")["result"]["contracts"]
        assert [(row["instrument"], row["con_id"]) for row in found] == [("STK:IBM:SMART@NYSE:USD", 8314)]


def test_the_eleventh_scanner_waits_for_one_of_the_ten_before_it(
    config: Path, gateway: ScriptedGateway, client: PlainClient
) -> None:
    """ "Only 10 simultaneous API scanner subscriptions are allowed." (ibsync #2)"""
    with running_node("reference", config):
        await_ready(client, "reference")
        for number in range(12):
            client.send("reference", "scanner", scan=f"SCAN_{number}")
        client.send("reference", "user_info")  # after them
        asked = [gateway.await_request(wire.ScannerSubscription) for _ in range(10)]
        gateway.await_request(wire.UserInfo)
        assert gateway.requests.empty()
        for number in range(12):
            request_id = asked[number].request_id
            gateway.say(messages.scanner_data(request_id, [listed()]))
            assert gateway.await_request(wire.Cancel).request_id == request_id
            if number < 2:
                asked.append(gateway.await_request(wire.ScannerSubscription))
            reply = client.receive("reference")
            assert [row["con_id"] for row in reply["result"]["rows"]] == [AAPL_ID]


# -- what says that there is nothing, in pence


@pytest.mark.usefixtures("node")
def test_nothing_that_is_quoted_in_pence_is_minus_a_hundred(
    gateway: ScriptedGateway, client: PlainClient
) -> None:
    """bankroll #31"""
    best, book, bids = f"bbo/{BY_ID}/", f"depth/{BY_ID}/", f"bars/1m/{BY_ID};what=BID/"
    client.subscribe(QUOTE)
    london = msgspec.structs.replace(
        listed(), currency="GBP", exchange="LSE", valid_exchanges=("SMART", "LSE")
    )
    name(gateway, london, magnifier=100)
    line = gateway.await_request(wire.MarketData).request_id
    gateway.say(price(line, 1, "-100", "0") + price(line, 2, "337", "5"))
    quote = client.await_event(of_type(QUOTE, "quote"))
    assert (quote["bid"], quote["ask"]) == (None, 337.0)
    client.subscribe(best, book, bids)
    line = gateway.await_request(wire.TickByTick).request_id
    gateway.say(message(99, line, 3, SECONDS, "337", "-100", "7", "0", 0))
    told = client.await_event(of_type(best, "bbo"))
    assert (told["bid"], told["ask"], told["ask_size"]) == (337.0, None, 0.0)
    line = gateway.await_request(wire.MarketDepth).request_id
    gateway.say(message(13, 1, line, 0, "LSE", 0, 1, "-100", "0", 1))
    assert client.await_event(of_type(book, "depth"))["bids"] == [[None, 0.0, "LSE"]]
    line = gateway.await_request(wire.HistoricalData).request_id
    payload = f"17\0{line}\x001\0{SECONDS}\0-100\x00337\0-100\x00336\0-1\0-1\0-1\0".encode()
    gateway.say(len(payload).to_bytes(4, "big") + payload, message(108, line, "", ""))
    (bar,) = client.await_event(of_type(bids, "bars"))["bars"]
    assert [bar[each] for each in ("open", "high", "low", "close")] == [None, 337.0, None, 336.0]


@pytest.mark.usefixtures("node")
def test_a_text_in_place_of_a_price_ends_nothing_and_is_none(
    gateway: ScriptedGateway, client: PlainClient
) -> None:
    client.subscribe(QUOTE)
    name(gateway, listed())
    line = gateway.await_request(wire.MarketData).request_id
    gateway.say(message(46, 6, line, 1, "a hundred"), message(46, 6, line, 0, "many"))
    gateway.say(price(line, 2, "101", "4"))
    told = client.await_event(lambda at, event: at == QUOTE and event.get("ask") == 101.0)
    assert (told["bid"], told["bid_size"]) == (None, None)


# -- what a CFD's data come from


@pytest.mark.usefixtures("node")
def test_the_book_and_the_bars_of_a_cfd_come_from_its_share_too(
    gateway: ScriptedGateway, client: PlainClient
) -> None:
    cfd = listed(120549942)
    book, minutes = f"depth/CONID:{cfd.con_id}:SMART/", f"bars/1m/CONID:{cfd.con_id}:SMART/"
    client.subscribe(book)
    name(gateway, cfd)
    asked = gateway.await_request(wire.MarketDepth)
    gateway.say(message(92, asked.request_id, AAPL_ID, "NASDAQ"))
    assert gateway.await_request(wire.Cancel).request_id == asked.request_id
    source = gateway.await_request(wire.MarketDepth)
    assert (source.contract.con_id, source.contract.exchange) == (AAPL_ID, "NASDAQ")
    gateway.say(message(13, 1, source.request_id, 0, "ARCA", 0, 1, "100", "3", 1))
    assert client.await_event(of_type(book, "depth"))["bids"] == [[100.0, 3.0, "ARCA"]]
    client.subscribe(minutes)
    line = gateway.await_request(wire.HistoricalData)
    assert (line.contract.con_id, line.what) == (cfd.con_id, "MIDPOINT"), "a CFD has no trades"
    gateway.say(bars(line.request_id, 2, traded="-1\x00-1\x00-1"))
    found = client.await_event(of_type(minutes, "bars"))["bars"]
    assert [bar["volume"] for bar in found] == [None, None]
