"""Connecting, limits and who hears what, as clients at the socket see it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from support.sim_stream import Client, connected, play
from twsmq_simulator import BadSettings, Server, Settings, serve


async def stranger(server: Server) -> Client:
    return Client(*await asyncio.open_connection("127.0.0.1", server.port))


def test_nothing_follows_the_handshake_before_start_api(tmp_path: Path) -> None:
    """IBKR's client throws away what arrives with the handshake."""

    async def story(server: Server) -> None:
        client = await stranger(server)
        client.hello("v100..187")
        version, time = await client.receive()
        assert version == "187"
        assert len(time.split(" ")) == 3
        await client.quiet(0.1)
        client.send("71", "2", "3", "")
        assert [(await client.receive())[0] for _ in range(3)] == ["15", "9", "4"]

    play(tmp_path, story)


@pytest.mark.parametrize("versions", ["v100..156", "v100.200", "v201..222", "garbage"])
def test_who_cannot_speak_the_protocol_is_reset(tmp_path: Path, versions: str) -> None:
    async def story(server: Server) -> None:
        client = await stranger(server)
        client.hello(versions)
        await client.hung_up()
        assert client.seen == []

    play(tmp_path, story)


def test_newer_clients_negotiate_down_to_200(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        client = await stranger(server)
        await client.greet(1, "v100..226")
        assert client.version == 200

    play(tmp_path, story)


def test_a_request_before_start_api_is_no_client_of_ours(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        client = await stranger(server)
        client.hello("v157..200")
        await client.receive()
        client.send("49", "1")
        await client.hung_up()

    play(tmp_path, story)


def test_a_used_client_id_is_326_and_the_first_client_stays(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        first = await connected(server.port, 1)
        second = await stranger(server)
        await second.greet(1)
        assert (await second.error(326))[1] == "-1"
        await second.hung_up()
        await first.drained()

    play(tmp_path, story)


def test_there_are_32_clients_at_most(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        for client_id in range(32):
            await connected(server.port, client_id)
        extra = await stranger(server)
        await extra.greet(99)
        await extra.error(326)
        await extra.hung_up()

    play(tmp_path, story)


@pytest.mark.parametrize(
    "fields",
    [["9999"], ["x"], ["3", "1"], ["1", "11", "nan"], ["20", "1", *["7"] * 30], []],
    ids=["unknown id", "no number", "too short", "nan", "nonsense", "empty"],
)
def test_a_broken_request_is_one_error_and_the_session_lives(tmp_path: Path, fields: list[str]) -> None:
    async def story(server: Server) -> None:
        client = await connected(server.port, 1)
        client.send(*fields)
        assert (await client.until("4"))[2] in ("320", "321", "200")
        await client.drained()

    play(tmp_path, story)


def test_another_clients_order_cannot_be_cancelled(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        owner, other = await connected(server.port, 1), await connected(server.port, 2)
        owner.place(5, "BUY", 10, "LMT", limit="1.0")
        await owner.status(5, "Submitted")
        other.cancel(5)
        await other.error(10147)
        other.send("16", "1")
        seen = await other.until("3")
        assert (seen[1], seen[9]) == ("5", "1"), "under its owner's ids"

    play(tmp_path, story)


def test_the_master_client_hears_of_everybodys_orders(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        owner, master = await connected(server.port, 1), await connected(server.port, 7)
        bystander = await connected(server.port, 2)
        owner.place(1, "BUY", 10, "MKT")
        assert (await master.status(1, "Filled"))[9] == "1"
        await bystander.drained()
        assert not bystander.all("3")

    play(tmp_path, story, master_client_id=7)


def test_only_client_0_binds_orders(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        zero, one = await connected(server.port, 0), await connected(server.port, 1)
        one.send("15", "1", "1")
        await one.error(327)
        zero.send("15", "1", "1")
        await zero.drained()
        one.place(1, "BUY", 10, "LMT", limit="1.0")
        await zero.status(1, "Submitted")

    play(tmp_path, story)


def test_limits_of_a_paper_gateway(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        client = await connected(server.port, 1)
        for request_id in range(101):
            client.subscribe(request_id)
        assert (await client.error(100))[3].startswith(
            "Max rate of messages per second has been exceeded:max=50"
        )
        assert (await client.error(101))[1] == "100"
        stock = ["0", "AAPL", "STK", "", "", "", "", "ISLAND", "", "USD", "", ""]
        for request_id in range(4):
            client.send("10", "5", str(request_id), *stock, "5", "0", "")
        assert (await client.error(309))[1] == "3"
        for request_id, symbol in enumerate(("AAPL", "MSFT", "TSLA", "NVDA", "AMZN", "GOOG")):
            client.send("97", str(request_id), "0", symbol, *stock[2:], "BidAsk", "0", "0")
        assert (await client.error(10190))[1] == "5"

    play(tmp_path, story, tick_rate=1)


def test_the_same_history_twice_is_a_pacing_violation(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        client = await connected(server.port, 1)
        query = ["0", "AAPL", "STK", "", "", "", "", "SMART", "", "USD", "", "", "0", ""]
        for size, back in (("5 secs", "120 S"), ("1 hour", "2 D"), ("1 hour", "2 D")):
            client.send("20", "1", *query, size, back, "0", "TRADES", "1", "0", "")
            await client.until("108")  # bars of a minute and more have no such rule
        client.send("20", "2", *query, "5 secs", "120 S", "0", "TRADES", "1", "0", "")
        assert "pacing" in (await client.error(162))[3]

    play(tmp_path, story)


def test_six_small_queries_for_one_contract_within_two_seconds_are_too_many(tmp_path: Path) -> None:
    """Of another kind of data there may be more, and BID_ASK counts twice among the sixty in ten minutes."""

    async def story(server: Server) -> None:
        client = await connected(server.port, 1)
        asked = 0

        def ask(what: str, seconds: int) -> None:
            nonlocal asked
            asked += 1
            query = ["0", "AAPL", "STK", "", "", "", "", "SMART", "", "USD", "", "", "0", ""]
            client.send("20", str(asked), *query, "5 secs", f"{seconds} S", "0", what, "1", "0", "")

        for seconds in range(60, 66):
            ask("TRADES", seconds)
        assert (await client.error(162))[1] == "6"
        ask("BID", 60)
        await client.until("108", lambda f: f[1] == "7")
        for window in range(27):
            server.gateway.step_clock(3 * 10**9)
            ask("BID_ASK", 60 + window)
            await client.until("108")
        server.gateway.step_clock(3 * 10**9)
        ask("BID_ASK", 200)  # 5 + 1 + 27 x 2 were counted
        assert "pacing" in (await client.error(162))[3]
        server.gateway.step_clock(600 * 10**9)
        ask("BID_ASK", 200)
        await client.until("108")

    play(tmp_path, story, clock_speed=0, tick_rate=1)


def test_fifty_queries_may_be_open_and_head_timestamps_stay_open(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        client = await connected(server.port, 1)
        stock = ["0", "AAPL", "STK", "", "", "", "", "SMART", "", "USD", "", ""]
        client.send("87", "1000", *stock, "0", "1", "TRADES", "1")
        await client.until("88")
        for request_id in range(50):
            server.gateway.step_clock(10**9)
            client.send("20", str(request_id), *stock, "0", "", "1 min", "600 S", "0", "TRADES", "1", "1", "")
        refused = await client.error(322)
        assert (refused[1], "50 simultaneous" in refused[3]) == ("49", True)
        client.send("90", "1000")  # the head timestamp's end makes room
        client.send("20", "60", *stock, "0", "", "1 min", "600 S", "0", "TRADES", "1", "1", "")
        await client.until("108", lambda f: f[1] == "60")

    play(tmp_path, story, clock_speed=0, tick_rate=1)


def test_one_tick_by_tick_request_for_an_instrument_in_fifteen_seconds(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        client = await connected(server.port, 1)
        stock = ["0", "AAPL", "STK", "", "", "", "", "SMART", "", "USD", "", ""]
        client.send("97", "1", *stock, "BidAsk", "0", "0")
        client.send("98", "1")
        client.send("97", "2", *stock, "BidAsk", "0", "0")
        assert (await client.error(10190))[1] == "2"
        server.gateway.step_clock(16 * 10**9)
        client.send("97", "3", *stock, "BidAsk", "0", "0")
        await client.until("99", lambda f: f[1] == "3")

    play(tmp_path, story, clock_speed=0, tick_rate=1)


def test_an_option_comes_with_its_greeks_and_a_stock_with_its_generic_ticks(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        client = await connected(server.port, 1)
        option = next(i for i in server.gateway.catalogue if i.sec_type == "OPT" and i.symbol == "AAPL")
        client.send("1", "11", "1", str(option.con_id), *[""] * 6, "SMART", *[""] * 4, "0", "", "0", "0", "")
        values = await client.until("21")
        assert values[2] == "13"
        assert 0 < abs(float(values[5])) <= 1
        assert 200 < float(values[-1]) < 350
        stock = ["0", "AAPL", "STK", "", "", "", "", "SMART", "", "USD", "", ""]
        client.send("1", "11", "2", *stock, "0", "233,236", "0", "0", "")
        await client.until("45", lambda f: f[3] == "46")
        assert (await client.until("46", lambda f: f[3] == "48"))[4].count(";") == 5

    play(tmp_path, story)


def test_time_is_told_once_a_second(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        client = await connected(server.port, 1)
        client.send("49", "1")
        client.send("49", "1")
        await client.drained()
        assert len(client.all("49")) == 1

    play(tmp_path, story)


@pytest.mark.parametrize(
    "wrong", [{"tick_rate": 0}, {"accounts": ("U123",)}, {"hours": "never"}, {"limits": "some"}]
)
def test_bad_settings_name_the_setting(tmp_path: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(BadSettings):
        Settings(data_dir=tmp_path, **wrong).checked()


def test_a_taken_port_is_said_so(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        with pytest.raises(BadSettings, match=str(server.port)):
            await serve(Settings(data_dir=tmp_path / "other", port=server.port))

    play(tmp_path, story)
