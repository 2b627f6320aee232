"""Faults of links, farms, data and contracts on command, as clients at the socket see them."""

from __future__ import annotations

import asyncio
import time
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from support.sim_stream import Client, Fields, connected, play
from twsmq_simulator import Server
from twsmq_simulator.command import CommandRefused
from twsmq_simulator.commands import carry_out
from twsmq_simulator.faults import HISTORY_TROUBLES
from twsmq_simulator.hostile import KINDS
from twsmq_simulator.market import listing

STOCK = ["0", "AAPL", "STK", "", "", "", "", "SMART", "", "USD", "", ""]
NOW = int(datetime(2026, 4, 15, 12, 20, tzinfo=ZoneInfo("America/New_York")).timestamp()) * 1_000_000_000
SECOND = 1_000_000_000
BAR = "20260415 12:19:00"


def query(
    client: Client, request_id: int, *, live: int = 0, size: str = "1 min", back: str = "600 S"
) -> None:
    client.send("20", str(request_id), *STOCK, "0", "", size, back, "0", "TRADES", "1", str(live), "")


async def moved(server: Server, client: Client, seconds: float = 3.0) -> list[Fields]:
    """What comes while the market moves for some seconds."""
    await client.drained()
    before = len(client.seen)
    server.gateway.step_clock(int(seconds * SECOND))
    server.gateway.settle()
    await client.drained()
    return client.seen[before:-1]


def kinds(fields: list[Fields]) -> set[str]:
    return {f[0] for f in fields}


async def watching(server: Server) -> Client:
    """A client with quotes, bars that keep up to date and ticks of AAPL."""
    client = await connected(server.port, 1)
    client.subscribe(1)
    query(client, 2, live=1)
    client.send("97", "3", *STOCK, "BidAsk", "0", "0")
    assert kinds(await moved(server, client)) >= {"1", "90", "99"}
    return client


# ---- links and farms


def test_a_farm_flaps_without_1102_and_bars_die_for_good(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        client = await watching(server)
        carry_out(server.gateway, "farm_flap", {"seconds": 0.05, "bars_lost": True})
        server.gateway.settle()
        assert (await client.error(2103))[3].endswith(":usfarm")
        assert not kinds(await moved(server, client)) & {"1", "90", "99"}
        await client.error(2104)
        assert kinds(await moved(server, client)) & {"1", "90", "99"} == {"1", "99"}, "bars are dead"
        assert not {f[2] for f in client.all("4")} & {"1100", "1101", "1102"}

    play(tmp_path, story, start=NOW, clock_speed=0)


def test_2110_is_ended_by_farms_alone(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        client = await watching(server)
        carry_out(server.gateway, "broken_link", {"seconds": 0.05})
        server.gateway.settle()
        await client.error(2110)
        assert not kinds(await moved(server, client)) & {"1", "90", "99"}
        for code in (2104, 2106, 2158):
            await client.error(code)
        assert kinds(await moved(server, client)) >= {"1", "90", "99"}
        assert not {f[2] for f in client.all("4")} & {"1101", "1102"}

    play(tmp_path, story, start=NOW, clock_speed=0)


def test_1100_again_and_again_and_an_end_without_1102(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        client = await watching(server)
        carry_out(server.gateway, "connectivity_lost", {"repeat_seconds": 0.02, "false_200": True})
        server.gateway.settle()
        for _ in range(3):
            await client.error(1100)
        details(client, 7, "AAPL")
        assert (await client.error(200))[1] == "7"
        carry_out(server.gateway, "connectivity_restored", {"quietly": True})
        server.gateway.settle()
        await client.error(2158)
        assert kinds(await moved(server, client)) >= {"1", "90", "99"}
        assert not {f[2] for f in client.all("4")} & {"1101", "1102"}
        details(client, 8, "AAPL")
        await client.until("10")

    play(tmp_path, story, start=NOW, clock_speed=0)


def test_1102_keeps_quotes_and_may_lose_bars(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        client = await watching(server)
        carry_out(server.gateway, "connectivity_lost", {})
        carry_out(server.gateway, "connectivity_restored", {"bars_lost": True})
        server.gateway.settle()
        await client.error(1102)
        assert kinds(await moved(server, client)) & {"1", "90", "99"} == {"1", "99"}

    play(tmp_path, story, start=NOW, clock_speed=0)


def test_one_client_stalls_and_others_go_on(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        stalled, other = await connected(server.port, 1), await connected(server.port, 2)
        carry_out(server.gateway, "stall", {"client_id": 1})
        stalled.send("49", "1")
        other.send("49", "1")
        await other.until("49")
        await stalled.quiet(0.1)
        carry_out(server.gateway, "stall", {"client_id": 1, "on": False})
        server.gateway.settle()
        await stalled.until("49")

    play(tmp_path, story)


def test_the_weekly_restart_waits_for_a_login_which_may_be_refused(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        client = await connected(server.port, 1)
        carry_out(server.gateway, "nightly_restart", {"seconds": 0.05, "login": True})
        await client.hung_up()
        waiting = await opened(server)
        waiting.hello("v157..200")
        await waiting.quiet(0.1)
        carry_out(server.gateway, "login", {"refused": True, "seconds": 0.05})
        await waiting.hung_up()
        again = await opened(server)
        again.hello("v157..200")
        await again.quiet(0.05)
        carry_out(server.gateway, "login", {})
        server.gateway.settle()
        assert (await again.receive())[0] == "200"

    play(tmp_path, story)


async def opened(server: Server) -> Client:
    """A socket as soon as the port is open again."""
    while True:
        try:
            return Client(*await asyncio.open_connection("127.0.0.1", server.port))
        except ConnectionRefusedError:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_hostile_frame_reaches_the_socket_as_it_is(tmp_path: Path, kind: str) -> None:
    async def story(server: Server) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        client = Client(reader, writer)
        await client.greet(1)
        await client.error(2158)
        assert carry_out(server.gateway, "hostile", {"kind": kind, "request_id": 5}) == {"clients": 1}
        server.gateway.settle()
        wanted = KINDS[kind](5)
        assert await reader.readexactly(len(wanted)) == wanted

    play(tmp_path, story)


def test_an_unknown_kind_of_hostility_is_answered_with_the_list(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        with pytest.raises(CommandRefused, match="price_nan") as refused:
            carry_out(server.gateway, "hostile", {"kind": "polite"})
        assert refused.value.field == "kind"

    play(tmp_path, story)


# ---- data


@pytest.mark.parametrize(("feed", "gone"), [("quotes", {"1"}), ("bars", {"90"}), ("ticks", {"99"})])
def test_one_kind_of_data_dies_while_the_others_live(tmp_path: Path, feed: str, gone: set[str]) -> None:
    async def story(server: Server) -> None:
        client = await watching(server)
        carry_out(server.gateway, "silent_feed", {"symbol": "AAPL", "feed": feed})
        assert kinds(await moved(server, client)) & {"1", "90", "99"} == {"1", "90", "99"} - gone
        carry_out(server.gateway, "silent_feed", {"symbol": "AAPL", "feed": feed, "on": False})
        assert kinds(await moved(server, client)) >= {"1", "90", "99"}

    play(tmp_path, story, start=NOW, clock_speed=0)


@pytest.mark.parametrize("price", [-1.0, 0.0])
def test_no_quote_is_a_price_that_is_none_with_size_0(tmp_path: Path, price: float) -> None:
    async def story(server: Server) -> None:
        client = await watching(server)
        carry_out(server.gateway, "no_quote", {"symbol": "AAPL", "price": price})
        server.gateway.settle()
        told = await moved(server, client, 10)
        told = client.seen[-len(told) - 8 :]
        quotes = [f for f in told if f[0] == "1" and f[3] in ("1", "2")][-2:]
        assert [(f[3], float(f[4]), f[5]) for f in quotes] == [("1", price, "0"), ("2", price, "0")]
        client.subscribe(9)
        first = [await client.until("1", lambda f: f[2] == "9"), await client.until("1")]
        assert {float(f[4]) for f in first} == {price}
        carry_out(server.gateway, "no_quote", {"symbol": "AAPL", "on": False})
        server.gateway.settle()
        assert float((await client.until("1", lambda f: f[3] == "1" and float(f[4]) > 0))[4]) > 200

    play(tmp_path, story, start=NOW, clock_speed=0)


@pytest.mark.parametrize("kind", [kind for kind, (code, _) in HISTORY_TROUBLES.items() if code])
def test_a_query_is_refused_on_command_and_the_next_is_not(tmp_path: Path, kind: str) -> None:
    code, words = HISTORY_TROUBLES[kind]

    async def story(server: Server) -> None:
        client = await connected(server.port, 1)
        carry_out(server.gateway, "history_trouble", {"kind": kind})
        query(client, 5)
        refused = await client.error(code)
        assert refused[1] == "5"
        assert words.partition("{")[0].strip() in refused[3]
        query(client, 6)
        await client.until("108", lambda f: f[1] == "6")

    play(tmp_path, story)


def test_a_query_may_stay_unanswered_or_without_an_end(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        client = await connected(server.port, 1)
        carry_out(server.gateway, "history_trouble", {"kind": "silent"})
        carry_out(server.gateway, "history_trouble", {"kind": "half"})
        for request_id in (1, 2, 3):
            query(client, request_id)
        await client.until("108", lambda f: f[1] == "3")
        answers = [(f[0], f[1]) for f in client.seen if f[0] in ("17", "108")]
        assert answers == [("17", "2"), ("17", "3"), ("108", "3")]
        carry_out(server.gateway, "farm_flap", {"kind": "history", "name": "ushmds", "seconds": 0.05})
        query(client, 4)
        await client.error(2106)
        query(client, 5)
        assert (await client.until("17"))[1] == "5"

    play(tmp_path, story)


def test_definitions_are_not_found_while_their_farm_is_broken(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        client = await connected(server.port, 1)
        carry_out(server.gateway, "false_200", {})
        for send in (lambda: client.subscribe(4), lambda: query(client, 4)):
            send()
            assert (await client.error(200))[1] == "4"
        carry_out(server.gateway, "false_200", {"on": False})
        carry_out(server.gateway, "farm_flap", {"kind": "definitions", "name": "secdefnj", "seconds": 0.05})
        client.subscribe(5)
        assert (await client.error(200))[1] == "5"
        await client.error(2158)
        client.subscribe(6)
        await client.until("81")

    play(tmp_path, story)


def test_rows_of_a_large_chain_come_slowly(tmp_path: Path) -> None:
    """No matter how long they take, each comes once, and then the end."""

    async def story(server: Server) -> None:
        client = await connected(server.port, 1)
        carry_out(server.gateway, "slow_details", {"rows_per_second": 2000})
        begun = time.monotonic()
        client.send(
            "9", "8", "1", "0", "AAPL", "OPT", "", "", "", "", "SMART", "", "USD", "", "", "0", "", "", ""
        )
        await client.until("52")
        rows = client.all("10")
        assert len({f[10] for f in rows}) == len(rows) > 200
        assert time.monotonic() - begun > 0.8 * (len(rows) - 100) / 2000
        gone = await connected(server.port, 2)
        gone.send(
            "9", "8", "1", "0", "AAPL", "OPT", "", "", "", "", "SMART", "", "USD", "", "", "0", "", "", ""
        )
        await gone.until("10")
        gone.close()

    play(tmp_path, story)


def test_a_full_chain_has_thousands_of_rows_and_two_classes() -> None:
    catalogue = listing.build(date(2026, 4, 15), full=True)
    chain = [i for i in catalogue if i.symbol == "SPX" and i.sec_type == "OPT"]
    assert len(chain) > 15_000
    assert {i.trading_class for i in chain} == {"SPX", "SPXW"}
    assert len({i.con_id for i in chain}) == len(chain)
    later = listing.build(date(2026, 4, 20), full=True)
    assert not any(i.expiry < "20260420" for i in later if i.sec_type == "OPT"), "what expired is gone"


# ---- contracts, words and zones


def details(
    client: Client, request_id: int, symbol: str, sec_type: str = "STK", exchange: str = "SMART"
) -> None:
    contract = ["0", symbol, sec_type, "", "", "", "", exchange, "", "USD", "", ""]
    client.send("9", "8", str(request_id), *contract, "0", "", "", "")


def test_two_listings_of_one_symbol_are_ambiguous_until_one_is_named(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        client = await connected(server.port, 1)
        client.subscribe(1, "KWEB")
        assert (await client.error(200))[3] == "The contract description specified for KWEB is ambiguous."
        details(client, 2, "KWEB")
        await client.until("52")
        assert len(client.all("10")) == 2
        contract = ["0", "KWEB", "STK", "", "", "", "", "SMART", "ARCA", "USD", "", ""]
        client.send("1", "11", "3", *contract, "0", "", "0", "0", "")
        await client.until("81")
        expiry = next(i.expiry for i in server.gateway.catalogue if i.symbol == "SI")
        future = ["0", "SI", "FUT", expiry, "", "", "", "COMEX", "", "USD", "", ""]
        client.send("1", "11", "4", *future, "0", "", "0", "0", "")
        assert "multiplier or trading class" in (await client.error(200))[3]

    play(tmp_path, story)


@pytest.mark.parametrize(
    ("style", "zone", "bar", "hello"),
    [
        ("captured", "US/Eastern", f"{BAR} US/Eastern", "EST"),
        ("iana", "America/New_York", f"{BAR} America/New_York", "America/New_York"),
        ("windows", "Eastern Standard Time", f"{BAR} Eastern Standard Time", "Eastern Standard Time"),
        ("utc", "US/Eastern", "20260415-16:19:00", "EST"),
    ],
)  # fmt: skip
def test_zones_are_spelled_as_set(tmp_path: Path, style: str, zone: str, bar: str, hello: str) -> None:
    async def story(server: Server) -> None:
        client = await connected(server.port, 1)
        assert client.seen[0][1].endswith(hello)
        details(client, 1, "AAPL")
        assert zone in await client.until("10")
        query(client, 2)
        answer = await client.until("17")
        assert answer[-8] == bar
        client.place(1, "BUY", 1, "MKT")
        await client.drained()
        server.gateway.step_clock(SECOND)
        server.gateway.settle()
        execution = await client.until("11")
        wanted = "20260415-16:20:00" if style == "utc" else f"20260415 12:20:00 {zone}"
        assert execution[15] == wanted
        carry_out(server.gateway, "zones", {"style": "captured"})
        details(client, 3, "AAPL")
        assert "US/Eastern" in await client.until("10", lambda f: f[1] == "3")

    play(tmp_path, story, zones=style, start=NOW, clock_speed=0)


@pytest.mark.parametrize("language", ["de", "zh"])
def test_localised_words_keep_codes_and_farms(tmp_path: Path, language: str) -> None:
    async def story(server: Server) -> None:
        client = await connected(server.port, 1)
        carry_out(server.gateway, "texts", {"language": language})
        details(client, 1, "NOSUCH")
        refused = await client.error(200)
        assert "security definition" not in refused[3]
        carry_out(server.gateway, "farm", {"code": 2103, "name": "usfarm"})
        server.gateway.settle()
        assert (await client.error(2103))[3].endswith(":usfarm")

    play(tmp_path, story)


async def bought(server: Server, client: Client, quantity: int) -> None:
    client.place(1, "BUY", quantity, "MKT")
    await client.drained()
    server.gateway.step_clock(SECOND)
    server.gateway.settle()
    await client.status(1, "Filled")


async def positions(client: Client) -> dict[str, tuple[str, str]]:
    before = len(client.seen)
    client.send("61", "1")
    await client.until("62")
    return {f[3]: (f[4], f[14]) for f in client.seen[before:] if f[0] == "61"}


def test_a_split_multiplies_the_position_and_divides_the_past(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        client = await connected(server.port, 1)
        await bought(server, client, 10)
        client.place(2, "BUY", 1, "LMT", limit="100", tif="GTC")
        await client.status(2, "PreSubmitted")
        query(client, 3, size="1 day", back="5 D")
        before = await client.until("17")
        carry_out(server.gateway, "split", {"symbol": "AAPL", "ratio": 10})
        server.gateway.settle()
        assert (await client.error(202))[3].endswith("Corporate action")
        query(client, 4, size="1 day", back="5 D")
        after = await client.until("17")
        assert float(after[7]) == pytest.approx(float(before[7]) / 10, abs=0.02)
        assert (await positions(client))["265598"] == ("AAPL", "100")

    play(tmp_path, story, start=NOW, clock_speed=0)


def test_a_reverse_split_gives_a_new_con_id_with_the_same_past(tmp_path: Path) -> None:
    con_ids: list[str] = []

    async def first(server: Server) -> None:
        client = await connected(server.port, 1)
        await bought(server, client, 100)
        query(client, 3, size="1 day", back="5 D")
        before = await client.until("17")
        con_ids.append(str(carry_out(server.gateway, "split", {"symbol": "AAPL", "ratio": 0.1})["con_id"]))
        server.gateway.settle()
        query(client, 4, size="1 day", back="5 D")
        after = await client.until("17")
        assert float(after[7]) == pytest.approx(float(before[7]) * 10, rel=1e-4)
        assert (await positions(client))[con_ids[0]] == ("AAPL", "10")

    async def second(server: Server) -> None:
        client = await connected(server.port, 1)
        details(client, 1, "AAPL")
        assert con_ids[0] in await client.until("10")
        details(client, 2, "AAPL.OLD")
        assert "265598" in await client.until("10", lambda f: f[1] == "2")
        query(client, 3, size="1 day", back="5 D")
        assert float((await client.until("17"))[7]) > 2000

    play(tmp_path, first, start=NOW, clock_speed=0)
    play(tmp_path, second, start=NOW + SECOND, clock_speed=0)


def test_a_ticker_changes_and_the_con_id_stays(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        client = await connected(server.port, 1)
        carry_out(server.gateway, "rename", {"symbol": "META", "to": "FB"})
        details(client, 1, "META")
        assert (await client.error(200))[1] == "1"
        details(client, 2, "FB")
        assert "107113386" in await client.until("10")
        with pytest.raises(CommandRefused):
            carry_out(server.gateway, "rename", {"symbol": "FB", "to": "AAPL"})

    play(tmp_path, story)
