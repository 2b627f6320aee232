"""Contracts, chains, bars, ticks and quotes by the clients' methods, with all processes alive."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from support.cluster import Cluster
from twsmq import AmbiguousContract, Client, RequestRefused, StreamRefused, aio
from twsmq_protocol.market_events import BarRow

AAPL, AAPL_ID = "STK:AAPL:SMART:USD", 265598
NONE = "STK:NOSUCH:SMART:USD"


@pytest.fixture(scope="module")
def client(cluster: Cluster) -> Iterator[Client]:
    with Client(port_base=cluster.port_base) as connected:
        yield connected


def test_a_contract_or_what_tells_the_candidates_apart(client: Client) -> None:
    assert client.contract(AAPL).con_id == AAPL_ID
    with pytest.raises(AmbiguousContract, match="name its expiry") as several:
        client.contract("FUT:ES:CME:USD")
    assert len({one.expiry for one in several.value.candidates}) == len(several.value.candidates) > 1


def test_a_chain_of_one_expiry_is_part_of_the_whole(client: Client) -> None:
    whole = client.chain(AAPL)
    expiries = sorted({one.expiry or "" for one in whole})
    assert len(expiries) > 1
    assert list(client.chain(AAPL, expiries[0])) == [one for one in whole if one.expiry == expiries[0]]


def test_symbols(client: Client) -> None:
    assert AAPL_ID in client.search("AAP").column("con_id")


def test_bars_of_a_duration_and_of_a_range_are_the_same_bars(client: Client) -> None:
    end = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    by_duration = client.bars(AAPL, "1h", duration="5D", end=end)
    by_range = client.bars(AAPL, "1h", start=end - timedelta(days=5), end=end)
    assert by_duration.kind is BarRow
    assert len(by_range) > 1
    assert by_range.column("time") == sorted(set(by_range.column("time")))
    assert set(by_range.column("time")) <= set(by_duration.column("time"))


def test_pages_are_followed(client: Client) -> None:
    end = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    start = end - timedelta(days=4)
    several = client.ticks(AAPL, start, end, limit=2500)
    assert len(several) >= 2500
    times = several.column("time")
    assert times == sorted(times)
    assert len(client.ticks(AAPL, start, end, limit=5)) >= 5


def test_a_snapshot_and_a_live_quote(client: Client) -> None:
    assert client.snapshot(AAPL)["bid"] > 0
    quote = client.wait_quote(AAPL, live=False)
    assert quote.bid is not None
    assert quote.ask is not None
    assert quote is client.quotes[AAPL]


QUESTIONS: list[Callable[[Client], object]] = [
    lambda client: client.wait_quote(NONE),
    lambda client: client.snapshot(NONE),
    lambda client: client.contract(NONE),
    lambda client: client.chain(NONE),
    lambda client: client.bars(NONE, "1h", duration="2D"),
    lambda client: client.ticks(NONE, datetime.now(UTC) - timedelta(days=1)),
]


@pytest.mark.parametrize("ask", QUESTIONS)
def test_what_the_gateway_does_not_know_is_said_with_its_code(
    client: Client, ask: Callable[[Client], object]
) -> None:
    with pytest.raises((RequestRefused, StreamRefused), match="No security definition") as refused:
        ask(client)
    assert refused.value.tws_code == 200


async def _same_of_both(port_base: int) -> tuple[int, int, float | None]:
    async with aio.Client(port_base=port_base) as client:
        contract = await client.contract(AAPL)
        quote = await client.wait_quote(AAPL, live=False)
        bars = await client.bars(AAPL, "1d", duration="2W", end=datetime.now(UTC))
        return contract.con_id, len(bars), quote.mid


def test_the_asyncio_client_has_the_same(cluster: Cluster) -> None:
    import asyncio

    con_id, bars, mid = asyncio.run(_same_of_both(cluster.port_base))
    assert con_id == AAPL_ID
    assert bars >= 5
    assert mid
