"""The generic ticks of the simulated market, by what each promises."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.sim_stream import Client, connected, play
from twsmq_simulator import Server

AAPL = ["0", "AAPL", "STK", "", "", "", "", "SMART", "", "USD", "", ""]
SPX = ["0", "SPX", "IND", "", "", "", "", "CBOE", "", "USD", "", ""]
EURO = ["0", "EUR", "CASH", "", "", "", "", "IDEALPRO", "", "USD", "", ""]
TICK_MESSAGES = ("1", "2", "45", "46")
# generic tick: the tick types it brings
ONCE = {
    "100": {29, 30}, "101": {27, 28}, "104": {23}, "106": {24}, "165": {15, 16, 17, 18, 19, 20, 21},
    "225": {34, 35, 36, 61}, "236": {46, 89}, "411": {58}, "456": {59},
}  # fmt: skip
WITH_TRADES = {
    "221": {37}, "232": {37}, "233": {48}, "293": {54}, "294": {55}, "295": {56}, "318": {57}, "375": {77},
}  # fmt: skip


async def ask(client: Client, contract: list[str], generic: str, *, request_id: int = 1) -> None:
    client.send("1", "11", str(request_id), *contract, "0", generic, "0", "0", "")
    await client.drained()


def kinds(client: Client) -> list[int]:
    """The tick types that came, in order."""
    return [int(fields[3]) for fields in client.seen if fields[0] in TICK_MESSAGES]


def value(client: Client, kind: int) -> str:
    """The last value of a tick type."""
    return [f[4] for f in client.seen if f[0] in TICK_MESSAGES and int(f[3]) == kind][-1]


@pytest.mark.parametrize(("generic", "brought"), (ONCE | WITH_TRADES).items())
def test_a_generic_tick_brings_its_types_and_nothing_else(
    tmp_path: Path, generic: str, brought: set[int]
) -> None:
    async def story(server: Server) -> None:
        plain, client = await connected(server.port, 1), await connected(server.port, 2)
        await ask(plain, AAPL, "")
        await ask(client, AAPL, generic)
        assert set(kinds(client)) - set(kinds(plain)) == brought
        before = len(client.seen)
        server.gateway.step_clock(20 * 10**9)
        server.gateway.settle()
        await client.drained()
        later = {int(f[3]) for f in client.seen[before:] if f[0] in TICK_MESSAGES}
        assert bool(brought & later) == (generic in WITH_TRADES)

    play(tmp_path, story, clock_speed=0, tick_rate=2)


def test_trades_are_counted_and_rated(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        client = await connected(server.port, 1)
        await ask(client, AAPL, "293,294,295,233")
        before = int(float(value(client, 54)))  # of the day so far
        for _ in range(4):
            server.gateway.step_clock(30 * 10**9)
            server.gateway.settle()
        await client.drained()
        trades = [f for f in client.seen if f[0] == "1" and f[3] == "4"][1:]
        assert float(value(client, 54)) == before + len(trades)
        assert 0 < float(value(client, 55)) < len(trades), "of the last of two minutes only"
        assert float(value(client, 56)) > float(value(client, 55))
        average = float(value(client, 48).split(";")[4])
        prices = [float(f[4]) for f in client.seen if f[0] == "1" and f[3] in ("6", "7")]
        assert min(prices) <= average <= max(prices)

    play(tmp_path, story, clock_speed=0, tick_rate=2)


def test_the_years_range_is_that_of_its_bars(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        client = await connected(server.port, 1)
        await ask(client, AAPL, "165,104")
        client.send("20", "2", *AAPL, "0", "", "1 day", "52 W", "1", "TRADES", "1", "0", "")
        bars = await client.until("17")
        rows = [bars[at : at + 8] for at in range(3, len(bars), 8)]
        assert float(value(client, 20)) == max(float(row[2]) for row in rows)
        assert float(value(client, 19)) == min(float(row[3]) for row in rows)
        assert float(value(client, 19)) <= float(value(client, 17)) <= float(value(client, 15))
        assert 0.05 < float(value(client, 23)) < 1

    play(tmp_path, story, clock_speed=0)


def test_option_volume_is_what_traded(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        client = await connected(server.port, 1)
        await ask(client, AAPL, "100", request_id=1)
        assert (value(client, 29), value(client, 30)) == ("0", "0")
        put = next(i for i in server.gateway.catalogue.underlying("AAPL", "OPT") if i.right == "P")
        book = server.gateway.exchange.required(put.con_id)
        while not book.volume:
            book.step()
        await ask(client, AAPL, "100", request_id=2)
        assert (value(client, 29), value(client, 30)) == ("0", str(book.volume))

    play(tmp_path, story, clock_speed=0)


def test_a_tick_that_is_not_for_this_instrument_is_silent(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        client = await connected(server.port, 1)
        await ask(client, EURO, "100,225,233,236,456,588,999")
        assert not set(kinds(client)) & {29, 34, 46, 48, 59, 86}
        await ask(client, SPX, "106,236", request_id=2)
        assert 24 in kinds(client)
        future = next(i for i in server.gateway.catalogue if i.sec_type == "FUT")
        await ask(client, [str(future.con_id), *[""] * 6, future.exchange, *[""] * 4], "588", request_id=3)
        assert int(value(client, 86)) > 0
        assert not client.all("4")[6:], "nothing was refused"

    play(tmp_path, story, clock_speed=0)
