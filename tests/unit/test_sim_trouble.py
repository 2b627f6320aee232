"""Faults of links, farms, data and contracts on command, as clients at the socket see them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from support.sim_stream import Client, connected, play
from support.sim_trouble import NOW, details, kinds, moved, watching
from twsmq_simulator import Server
from twsmq_simulator.command import CommandRefused
from twsmq_simulator.commands import carry_out
from twsmq_simulator.hostile import KINDS

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
