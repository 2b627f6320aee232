"""Headlines as they come out: of one provider, and with a stock's market data."""

from __future__ import annotations

from pathlib import Path

from support.sim_stream import Client, connected, play
from twsmq_simulator import Server

AAPL = ["0", "AAPL", "STK", "", "", "", "", "SMART", "", "USD", "", ""]
MINUTE = 60 * 10**9


def ask(client: Client, contract: list[str], generic: str, request_id: int = 1) -> None:
    client.send("1", "11", str(request_id), *contract, "0", generic, "0", "0", "")


def of_provider(provider: str) -> list[str]:
    return ["0", f"{provider}:{provider}_ALL", "NEWS", "", "", "", "", provider, "", "", "", ""]


async def pass_time(server: Server, client: Client, ns: int) -> None:
    server.gateway.step_clock(ns)
    server.gateway.settle()
    await client.drained()


def test_a_providers_headlines_come_until_cancelled_and_can_be_read(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        client = await connected(server.port, 1)
        ask(client, of_provider("BRFG"), "mdoff,292")
        _, _, _, provider, article, headline, _ = await client.until("84")
        assert (provider, headline.split(":")[0]) == ("BRFG", "BRFG")
        client.send("84", "7", provider, article, "")
        assert article in (await client.until("83"))[3]
        await pass_time(server, client, 3 * MINUTE + 10**9)
        articles = [fields[4] for fields in client.all("84")]
        assert len(articles) == len(set(articles)) == 4
        client.send("2", "2", "1")
        await client.drained()
        await pass_time(server, client, 2 * MINUTE)
        assert len(client.all("84")) == 4
        assert not client.all("4")[6:]

    play(tmp_path, story, clock_speed=0)


def test_a_stocks_headlines_end_with_its_market_data(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        client = await connected(server.port, 1)
        ask(client, AAPL, "292")
        assert "APPLE" in (await client.until("84"))[5]
        client.send("2", "2", "1")
        await client.drained()
        await pass_time(server, client, 2 * MINUTE)
        assert len(client.all("84")) == 1

    play(tmp_path, story, clock_speed=0)


def test_an_unknown_provider_is_no_security(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        client = await connected(server.port, 1)
        ask(client, of_provider("NOBODY"), "mdoff,292")
        await client.error(200)

    play(tmp_path, story)


def test_a_lost_connection_with_lost_data_ends_headlines_too(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        client = await connected(server.port, 1)
        ask(client, of_provider("DJNL"), "mdoff,292")
        await client.until("84")
        server.gateway.end_subscriptions()
        await pass_time(server, client, 2 * MINUTE)
        assert len(client.all("84")) == 1

    play(tmp_path, story, clock_speed=0)
