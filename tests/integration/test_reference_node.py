"""The reference node as a process: contracts looked up once for all who ask, exactly one reply each."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

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

AAPL, AAPL_LISTED, AAPL_ID = "STK:AAPL:SMART:USD", "STK:AAPL:SMART@NASDAQ:USD", 265598


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
            assert (apple["instrument"], apple["con_id"], apple["long_name"]) == (
                AAPL_LISTED,
                AAPL_ID,
                "APPLE INC",
            )
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


@pytest.fixture
def desk(
    tmp_path: Path, config_file: Path, gateway_port: int, client: PlainClient
) -> Iterator[Callable[..., dict[str, Any]]]:
    """Ask any op of a node with the simulated market behind it."""
    gateway = GatewayProcess(tmp_path / "gateway", port=gateway_port).start()
    try:
        with running_node("reference", config_file):
            await_node(client, "ready")
            yield lambda op, **args: client.result("reference", op, **args)
    finally:
        gateway.kill()


Desk = Callable[..., dict[str, Any]]


def test_one_contract_or_what_tells_the_candidates_apart(desk: Desk) -> None:
    one = desk("qualify", instrument=AAPL)
    assert (one["contract"]["con_id"], one["candidates"]) == (AAPL_ID, [])
    assert one["contract"]["market_rule_ids"].count(",") == one["contract"]["valid_exchanges"].count(",")
    several = desk("qualify", instrument="FUT:ES:CME:USD")
    assert several["contract"] is None
    assert several["told_apart_by"] == ["expiry"]
    assert len(several["candidates"]) == several["matches"] > 1
    by_isin = desk("qualify", isin=one["contract"]["sec_ids"]["ISIN"], currency="USD")
    assert by_isin["contract"]["con_id"] == AAPL_ID
    local = several["candidates"][0]["local_symbol"]
    future = desk("qualify", local_symbol=local, sec_type="FUT", exchange="CME")["contract"]
    assert future["con_id"] == several["candidates"][0]["con_id"]
    assert future["under_symbol"]
    assert future["contract_month"]
    assert future["real_expiration"]


def test_a_chain_lists_what_is_there_and_pages_hold_it_all(desk: Desk) -> None:
    first = desk("option_chain", instrument=AAPL)
    assert first["con_id"] == AAPL_ID
    assert first["expiries"] == sorted(set(first["expiries"]))
    contracts, following = first["contracts"], first["next"]
    while following is not None:
        page = desk("option_chain", instrument=AAPL, after=following)
        contracts, following = contracts + page["contracts"], page["next"]
    assert {one["expiry"] for one in contracts} == set(first["expiries"])
    ids = [one["con_id"] for one in contracts]
    assert len(ids) == len(set(ids))
    expiry = first["expiries"][0]
    some = desk("option_chain", instrument=AAPL, expiry=expiry)["contracts"]
    assert some == [one for one in contracts if one["expiry"] == expiry]
    option = desk("qualify", instrument=some[0]["instrument"])["contract"]
    assert (option["con_id"], option["under_con_id"]) == (some[0]["con_id"], AAPL_ID)


def test_details_come_in_pages(desk: Desk) -> None:
    pages: list[list[int]] = []
    after: int | None = None
    while not pages or after is not None:
        page = desk("contract_details", instrument="OPT:AAPL:SMART:USD", limit=50, after=after)
        pages.append([row["con_id"] for row in page["contracts"]])
        after = page["next"]
    whole = desk("contract_details", instrument="OPT:AAPL:SMART:USD")["contracts"]
    assert [con_id for page in pages for con_id in page] == [row["con_id"] for row in whole]
    assert all(len(page) == 50 for page in pages[:-1])


def test_symbols_by_their_beginning_or_their_name(desk: Desk) -> None:
    found = desk("search", pattern="AAP")["contracts"]
    assert AAPL_ID in [one["con_id"] for one in found]
    assert "OPT" in next(one["derivatives"] for one in found if one["con_id"] == AAPL_ID)


def test_hours_are_moments(desk: Desk) -> None:
    hours = desk("trading_hours", instrument=AAPL)
    assert hours["time_zone"] == "US/Eastern"
    assert hours["trading"]
    assert hours["liquid"]
    for regular in hours["liquid"]:
        opens = datetime.fromtimestamp(regular["open"] / 1e9, ZoneInfo("America/New_York"))
        assert (f"{opens:%H:%M}", f"{opens:%Y%m%d}") == ("09:30", regular["date"])
        (around,) = [one for one in hours["trading"] if one["date"] == regular["date"]]
        assert around["open"] <= regular["open"] < regular["close"] <= around["close"]


def test_steps_of_prices_by_exchange(desk: Desk) -> None:
    rules = desk("market_rule", instrument=AAPL)
    by_exchange = {rule["exchange"]: rule["increments"] for rule in rules["rules"]}
    assert by_exchange["SMART"] == [{"low": 0.0, "increment": 0.01}]
    assert (rules["min_tick"], rules["con_id"]) == (0.01, AAPL_ID)


def test_news_and_what_stands_behind_them(desk: Desk) -> None:
    codes = [provider["code"] for provider in desk("news_providers")["providers"]]
    assert "BRFG" in codes
    headlines = desk("news", instrument=AAPL, providers=["BRFG"], limit=3)["headlines"]
    assert len(headlines) == 3
    article = desk("article", provider="BRFG", article_id=headlines[0]["article_id"])
    assert article["kind"] == "text"
    assert headlines[0]["article_id"] in article["text"]


def test_a_scan_and_what_may_be_asked(desk: Desk, client: PlainClient) -> None:
    codes = desk("scanner_parameters", search="perc gain")["parameters"]
    assert [one["code"] for one in codes] == ["TOP_PERC_GAIN"]
    rows = desk("scanner", scan="TOP_PERC_GAIN", rows=5)["rows"]
    assert [row["rank"] for row in rows] == [0, 1, 2, 3, 4]
    assert all(row["con_id"] and row["symbol"] for row in rows)
    unknown = client.error("reference", "scanner", scan="NO_SUCH")
    assert (unknown["code"], unknown["tws_code"]) == ("gateway_rejected", 162)


def test_a_configured_scan_stands_and_outlives_the_gateways_restart(
    tmp_path: Path, config_file: Path, gateway_port: int, port_base: int, client: PlainClient
) -> None:
    with config_file.open("a") as more:
        more.write('[reference.scans.gainers]\nscan = "TOP_PERC_GAIN"\nrows = 3\n')
        more.write('[reference.scans.wrong]\nscan = "NO_SUCH"\n')
    gateway = GatewayProcess(tmp_path / "gateway", port=gateway_port).start()

    def next_with(name: str, state: str) -> dict[str, Any]:
        return client.await_event(lambda topic, e: topic == f"scanner/{name}/" and e["state"] == state)

    try:
        client.subscribe("scanner/")
        with running_node("reference", config_file):
            first, second = next_with("gainers", "active"), next_with("gainers", "active")
            assert [row["rank"] for row in first["rows"]] == [0, 1, 2]
            assert second["time"] > first["time"]
            late = PlainClient(port_base)
            try:
                late.subscribe("scanner/")
                refused = late.await_event(lambda topic, _: topic == "scanner/wrong/")
                assert (refused["state"], refused["code"], refused["snapshot"]) == ("refused", 162, True)
                late.subscribe("scanner/typo/")
                typo = late.await_event(lambda topic, _: topic == "scanner/typo/")
                assert (typo["state"], typo["rows"]) == ("refused", [])
            finally:
                late.close()
            gateway.kill()
            kept = next_with("gainers", "interrupted")
            assert len(kept["rows"]) == 3
            gateway = GatewayProcess(tmp_path / "gateway", port=gateway_port).start()
            assert next_with("gainers", "active")["time"] > kept["time"]
    finally:
        gateway.stop()


def test_an_options_price_and_its_volatility_are_each_others_inverse(desk: Desk) -> None:
    chain = desk(
        "option_chain", instrument=AAPL, expiry=desk("option_chain", instrument=AAPL)["expiries"][-1]
    )
    middle = [one for one in chain["contracts"] if one["right"] == "C"]
    option = middle[len(middle) // 2]
    worth = desk(
        "option_price", instrument=option["instrument"], volatility=0.3, under_price=option["strike"]
    )
    implied = desk(
        "implied_volatility",
        instrument=option["instrument"],
        option_price=worth["option_price"],
        under_price=option["strike"],
    )
    assert implied["implied_volatility"] == pytest.approx(0.3, abs=1e-3)
    assert 0 < implied["delta"] < 1


def test_the_small_lists(desk: Desk) -> None:
    assert "ISLAND" in [row["exchange"] for row in desk("market_depth_exchanges")["exchanges"]]
    components = desk("smart_components", bbo_exchange="9c0001")["components"]
    assert {"bit": 0, "exchange": "NASDAQ", "letter": "Q"} in components
    assert desk("user_info") == {"white_branding_id": None}


def test_what_is_due_of_a_company(desk: Desk) -> None:
    tags = [kind["tag"] for kind in desk("wsh_meta")["meta"]["meta_data"]["event_types"]]
    due = desk("wsh_events", instrument=AAPL, limit=1)["events"]
    assert [(one["event_type"], one["conids"]) for one in due] == [(tags[0], [str(AAPL_ID)])]
    assert desk("wsh_events", instrument=AAPL, to="20200101") == {"events": []}
    assert desk("wsh_events", filter="{}", competitors=True) == {"events": []}


def test_a_report_about_a_company_and_groups_of_who_is_no_adviser(desk: Desk, client: PlainClient) -> None:
    assert "AAPL" in desk("fundamentals", instrument=AAPL, report="RESC")["xml"]
    option = desk("option_chain", instrument=AAPL)["contracts"][0]["instrument"]
    refused = [
        client.error("reference", "fundamentals", instrument=option),
        client.error("reference", "fa_groups"),
        client.error("reference", "replace_fa_groups", list="groups", xml="<ListOfGroups/>"),
    ]
    assert [(error["code"], error["tws_code"]) for error in refused] == [
        ("gateway_rejected", 430),
        ("gateway_rejected", 321),
        ("gateway_rejected", 321),
    ]


def test_groups_of_an_adviser_are_read_and_replaced(
    tmp_path: Path, config_file: Path, gateway_port: int, client: PlainClient
) -> None:
    accounts = ("--account", "DF1234567", "--account", "DU1234568")
    gateway = GatewayProcess(tmp_path / "gateway", *accounts, port=gateway_port).start()
    try:
        with running_node("reference", config_file):
            await_node(client, "ready")
            before = client.result("reference", "fa_groups")
            assert before["xml"].count("<String>") == 2
            others = before["xml"].replace("All", "Both")
            done = client.result("reference", "replace_fa_groups", list="groups", xml=others)
            assert done == {"message": "OK"}
            assert client.result("reference", "fa_groups", list="groups") == {"list": "groups", "xml": others}
            gone = client.error("reference", "fa_groups", list="profiles")
            assert gone["code"] == "gateway_rejected"
    finally:
        gateway.kill()


WRONG: list[tuple[str, str, dict[str, Any]]] = [
    ("contract_details", "instrument", {}),
    ("contract_details", "instrument", {"instrument": AAPL, "isin": "US0378331005"}),
    ("contract_details", "isin", {"isin": "APPLE"}),
    ("contract_details", "limit", {"instrument": AAPL, "limit": 2001}),
    ("contract_details", "after", {"instrument": AAPL, "after": 0}),
    ("qualify", "sec_type", {"local_symbol": "ESZ6"}),
    ("qualify", "exchange", {"instrument": AAPL, "exchange": "SMART"}),
    ("option_chain", "expiry", {"instrument": AAPL, "expiry": "tomorrow"}),
    ("option_chain", "after", {"instrument": AAPL, "expiry": "20261218", "after": "20261218"}),
    ("search", "pattern", {"pattern": ""}),
    ("market_rule", "instrument", {"instrument": "FUT:ES:CME:USD"}),
    ("news", "to", {"instrument": AAPL, "from": 1, "to": 2}),
    ("scanner", "rows", {"scan": "TOP_PERC_GAIN", "rows": 51}),
    ("option_price", "volatility", {"instrument": AAPL, "volatility": 0, "under_price": 1.0}),
]


def test_what_is_wrong_is_named(desk: Desk, client: PlainClient) -> None:
    named = [client.error("reference", op, **args) for op, _, args in WRONG]
    assert [(error["code"], error["field"]) for error in named] == [
        ("invalid_argument", field) for _, field, _ in WRONG
    ]
