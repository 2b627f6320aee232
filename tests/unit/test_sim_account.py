"""What a client hears of the account while nothing but prices and time go on."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.sim_stream import Client, connected, play
from twsmq_simulator import Server

MINUTE = 60 * 10**9
VALUES = {"summary": "63", "updates": "6", "updates multi": "73"}
ENDS = {"summary": "64", "updates": "54", "updates multi": "74"}


def ask(client: Client, what: str) -> None:
    match what:
        case "summary":
            client.send("62", "1", "1", "All", "NetLiquidation,AccountType,$LEDGER:ALL")
        case "updates":
            client.send("6", "2", "1", "")
        case _:
            client.send("76", "1", "1", "", "", "0")


def cancel(client: Client, what: str) -> None:
    match what:
        case "summary":
            client.send("63", "1", "1")
        case "updates":
            client.send("6", "2", "0", "")
        case _:
            client.send("77", "1", "1")


async def with_a_position(server: Server) -> Client:
    client = await connected(server.port, 1)
    client.place(1, "BUY", 100, "MKT")
    await client.drained()
    pass_time(server, 10**9)
    await client.status(1, "Filled")
    client.subscribe(9)  # somebody follows the stock, so its price moves
    return client


def pass_time(server: Server, ns: int) -> None:
    server.gateway.step_clock(ns)
    server.gateway.settle()


@pytest.mark.parametrize("what", VALUES)
def test_what_changed_is_told_after_three_minutes(tmp_path: Path, what: str) -> None:
    async def story(server: Server) -> None:
        client = await with_a_position(server)
        ask(client, what)
        await client.until(ENDS[what])
        whole = len(client.all(VALUES[what]))
        pass_time(server, 2 * MINUTE)
        await client.drained()
        assert len(client.all(VALUES[what])) == whole
        pass_time(server, MINUTE + 10**9)
        await client.drained()
        changed = client.all(VALUES[what])[whole:]
        for _ in range(5):
            if any("NetLiquidation" in fields for fields in changed):
                break
            # A price may be back where it was three minutes ago.
            pass_time(server, 3 * MINUTE + 10**9)
            await client.drained()
            changed = client.all(VALUES[what])[whole:]
        assert any("NetLiquidation" in fields for fields in changed), "the price has moved"
        assert not any("AccountType" in fields for fields in changed), "that stays as it is"
        assert len(client.all(ENDS[what])) == 1
        cancel(client, what)
        await client.drained()
        pass_time(server, 4 * MINUTE)
        await client.drained()
        assert len(client.all(VALUES[what])) == whole + len(changed)

    play(tmp_path, story, clock_speed=0, tick_rate=1)


def test_portfolio_rows_come_again_with_their_prices(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        client = await with_a_position(server)
        ask(client, "updates")
        await client.until("54")
        before = client.all("7")[-1]
        for _ in range(20):  # three minutes may end at the price at which they began
            pass_time(server, 3 * MINUTE + 10**9)
            after = await client.until("7")
            assert after[2] == before[2]
            if after[14] != before[14]:
                return
        pytest.fail("the market price is always the same")

    play(tmp_path, story, clock_speed=0, tick_rate=1)
