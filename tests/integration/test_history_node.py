"""The history node with a simulated gateway: the same bars as another client gets, in whatever pages."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import ib_async
import pytest
from support.node_process import NodeProcess, running_node
from support.plain_client import PlainClient
from support.simulated_gateway import GatewayProcess, running_gateway

AAPL = "STK:AAPL:SMART:USD"
NS = 1_000_000_000
DAY = 86_400 * NS


@pytest.fixture
def gateway(tmp_path: Path, port_base: int) -> Iterator[GatewayProcess]:
    with running_gateway(tmp_path / "sim", "--port", str(port_base + 95), "--control-port", "0") as gateway:
        yield gateway


@pytest.fixture
def node(config_file: Path, gateway: GatewayProcess) -> Iterator[NodeProcess]:
    with running_node("history", config_file) as node:
        yield node


@pytest.fixture
def client(port_base: int, node: NodeProcess) -> Iterator[PlainClient]:
    with closing(PlainClient(port_base)) as client:
        client.subscribe("node/history/")
        client.await_event(lambda _, event: event.get("state") == "ready")
        yield client


def result(client: PlainClient, op: str, **args: Any) -> dict[str, Any]:
    reply = client.request("history", op, timeout=60, instrument=args.pop("instrument", AAPL), **args)
    assert reply["ok"], reply
    return reply["result"]


def error(client: PlainClient, op: str, **args: Any) -> tuple[str, str | None]:
    reply = client.request("history", op, instrument=args.pop("instrument", AAPL), **args)
    assert not reply["ok"], reply
    return reply["error"]["code"], reply["error"]["field"]


def of_ib_async(port: int, end: datetime, **more: Any) -> list[tuple[Any, ...]]:
    async def ask() -> list[tuple[Any, ...]]:
        api = ib_async.IB()
        await api.connectAsync("127.0.0.1", port, clientId=77)
        try:
            contract = ib_async.Stock("AAPL", "SMART", "USD")
            bars = await api.reqHistoricalDataAsync(contract, end, useRTH=True, formatDate=2, **more)
            return [(bar.date, bar.open, bar.high, bar.low, bar.close, bar.volume) for bar in bars or []]
        finally:
            api.disconnect()

    return asyncio.run(ask())


def midnight(days_ago: int) -> int:
    now = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return int(now.timestamp()) * NS - days_ago * DAY


def test_bars_are_those_that_another_client_gets(client: PlainClient, gateway: GatewayProcess) -> None:
    begin, end = midnight(9), midnight(4)
    ours = result(client, "bars", size="5m", **{"from": begin}, to=end, what="TRADES", rth=True)["bars"]
    theirs = of_ib_async(
        gateway.port,
        datetime.fromtimestamp(end / NS, UTC),
        durationStr="7 D",
        barSizeSetting="5 mins",
        whatToShow="TRADES",
    )
    wanted = [
        (int(date.timestamp()) * NS, *values)
        for date, *values in theirs
        if begin <= int(date.timestamp()) * NS < end
    ]
    assert len(wanted) > 150
    found = [tuple(bar[name] for name in ("time", "open", "high", "low", "close", "volume")) for bar in ours]
    assert found == wanted


def test_pages_are_the_whole_and_nothing_twice(client: PlainClient) -> None:
    begin, end = midnight(8), midnight(3)
    whole = result(client, "bars", size="1m", **{"from": begin}, to=end)["bars"]
    assert len(whole) > 1000
    paged: list[dict[str, Any]] = []
    at: int | None = begin
    while at is not None:
        page = result(client, "bars", size="1m", **{"from": at}, to=end, limit=700)
        paged += page["bars"]
        at = page["next"]
    assert paged == whole
    times = [bar["time"] for bar in whole]
    assert times == sorted(set(times))


def test_days_and_a_duration(client: PlainClient) -> None:
    bars = result(client, "bars", size="1d", duration="6M", rth=True)["bars"]
    assert 110 < len(bars) < 135
    assert all(bar["time"] % DAY == 0 for bar in bars)


def test_ticks_page_by_page_are_the_whole(client: PlainClient) -> None:
    sessions = result(client, "schedule", **{"from": midnight(8)}, to=midnight(1))["sessions"]
    assert sessions
    begin = sessions[0]["open"]
    whole = result(client, "ticks", **{"from": begin}, to=begin + 600 * NS, limit=10_000)
    paged: list[dict[str, Any]] = []
    at: int | None = begin
    while at is not None:
        page = result(client, "ticks", **{"from": at}, to=begin + 600 * NS, limit=200)
        paged += page["ticks"]
        at = page["next"]
    assert paged == whole["ticks"]
    assert len(paged) > 200


def test_head_timestamp_and_histogram(client: PlainClient) -> None:
    assert 0 < result(client, "head_timestamp")["time"] < midnight(365)
    assert result(client, "histogram", period="2D")["prices"]


@pytest.mark.parametrize(
    ("args", "field"),
    [
        ({"size": "1m"}, "duration"),
        ({"size": "1m", "duration": "2D", "from": 5}, "duration"),
        ({"size": "7m", "duration": "2D"}, "size"),
        ({"size": "1m", "duration": "2 D"}, "duration"),
        ({"size": "1m", "from": 10, "to": 10}, "to"),
        ({"size": "1m", "duration": "2D", "what": "EVERYTHING"}, "what"),
        ({"size": "1m", "duration": "2D", "limit": 0}, "limit"),
        ({"size": "1m", "duration": "2D", "rth": 1}, "rth"),
        ({"size": "1m", "duration": "2D", "instrument": "AAPL"}, "instrument"),
        ({"size": "1m", "from": 2**63}, "from"),
        ({"size": "1m", "duration": "2D", "colour": "red"}, "colour"),
        ({"size": "1d", "duration": "2D", "what": "ADJUSTED_LAST", "to": 10**18}, "to"),
    ],
)
def test_each_wrong_argument_is_named(client: PlainClient, args: dict[str, Any], field: str) -> None:
    assert error(client, "bars", **args) == ("invalid_argument", field)


def test_an_unknown_instrument_is_the_gateway_s_refusal(client: PlainClient) -> None:
    code, _ = error(client, "bars", instrument="STK:NOSUCH:SMART:USD", size="1d", duration="1W")
    assert code == "gateway_rejected"
