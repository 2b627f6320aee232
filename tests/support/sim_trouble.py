"""What tests of troubles on command share."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from twsmq_simulator import Server

from support.sim_stream import Client, Fields, connected

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


def details(
    client: Client, request_id: int, symbol: str, sec_type: str = "STK", exchange: str = "SMART"
) -> None:
    contract = ["0", symbol, sec_type, "", "", "", "", exchange, "", "USD", "", ""]
    client.send("9", "8", str(request_id), *contract, "0", "", "", "")
