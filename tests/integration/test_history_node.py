"""The history node with a simulated gateway: the same bars as another client gets, in whatever pages."""

from __future__ import annotations

import asyncio
import struct
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import ib_async
import msgspec
import pytest
from support.node_process import NodeProcess, running_node
from support.plain_client import PlainClient
from support.simulated_gateway import GatewayProcess, running_gateway
from twsmq_protocol.history_requests import PackedBars
from twsmq_protocol.packed_bars import rows_of

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


def is_ready_since(moment: int, _: str, event: dict[str, Any]) -> bool:
    return event.get("state") == "ready" and event["inc"] > moment


def sent(client: PlainClient) -> int:
    """Messages that the node has written to the gateway."""
    told = client.request("history", "metrics")["result"]["metrics"]
    (row,) = (row for row in told if row["name"] == "gateway_messages_sent_total")
    return int(row["samples"][0]["value"])


ASKED: list[tuple[str, dict[str, Any]]] = [
    ("bars", {"size": "5m", "from": midnight(9), "to": midnight(4)}),
    ("bars", {"size": "1d", "from": midnight(90), "to": midnight(30), "rth": True}),
    ("ticks", {"from": midnight(4) + 15 * 3600 * NS, "to": midnight(4) + 15 * 3600 * NS + 60 * NS}),
    ("head_timestamp", {}),
    ("schedule", {"from": midnight(30), "to": midnight(2)}),
    ("histogram", {"period": "2D"}),
]


@pytest.mark.parametrize(("op", "args"), ASKED, ids=[op for op, _ in ASKED])
def test_what_was_fetched_before_costs_no_request(op: str, args: dict[str, Any], client: PlainClient) -> None:
    first = result(client, op, **args)
    before = sent(client)
    again = result(client, op, **args)
    assert again == first | {"fetched_at": again["fetched_at"]}
    assert abs(again["fetched_at"] - first["fetched_at"]) < 10 * NS
    assert sent(client) == before


def test_whoever_wants_the_gateway_s_own_word_gets_it(client: PlainClient) -> None:
    args = {"size": "5m", "from": midnight(9), "to": midnight(4)}
    first = result(client, "bars", **args)
    before = sent(client)
    again = result(client, "bars", **args, max_age=0)
    assert again["bars"] == first["bars"]
    assert sent(client) > before


def test_a_part_and_a_whole_share_what_they_have_in_common(client: PlainClient) -> None:
    result(client, "bars", size="5m", **{"from": midnight(6)}, to=midnight(5))
    before = sent(client)
    whole = result(client, "bars", size="5m", **{"from": midnight(6)}, to=midnight(5) + DAY)
    assert sent(client) == before + 1
    fresh = result(client, "bars", size="5m", **{"from": midnight(6)}, to=midnight(5) + DAY, max_age=0)
    assert whole["bars"] == fresh["bars"]


def test_what_was_fetched_outlives_the_node_and_a_damaged_store_does_not_matter(
    client: PlainClient, node: NodeProcess, config_file: Path
) -> None:
    args = {"size": "5m", "from": midnight(9), "to": midnight(4)}
    first = result(client, "bars", **args)
    (store,) = config_file.parent.rglob("history.store")
    for damaged in (False, True):
        node.stop()
        if damaged:
            store.write_bytes(b"no database" * 1000)
        stopped = time.time_ns()
        node.start()
        client.await_event(partial(is_ready_since, stopped))
        before = sent(client)
        assert result(client, "bars", **args)["bars"] == first["bars"]
        assert (sent(client) > before) is damaged
    assert store.with_suffix(".damaged").exists()


def test_columns_are_the_bars(client: PlainClient) -> None:
    args = {"size": "5m", "from": midnight(9), "to": midnight(4), "what": "MIDPOINT"}
    rows = result(client, "bars", **args)["bars"]
    page = result(client, "bars", **args, columns=True)
    assert page["bars"] == []
    assert [
        dict(zip(page["columns"], values, strict=True))
        for values in zip(*page["columns"].values(), strict=True)
    ] == rows
    assert {row["volume"] for row in rows} == {None}, "quotes have no volume, not -1"
    page = result(client, "bars", **args, packed=True)
    assert (page["bars"], page["columns"]) == ([], None)
    assert msgspec.to_builtins(rows_of(msgspec.convert(page["packed"], PackedBars))) == rows
    times = struct.unpack(f"<{len(rows)}q", page["packed"]["time"])
    assert list(times) == [row["time"] for row in rows], "as the specification says, without our own code"


def test_head_timestamp_and_histogram(client: PlainClient) -> None:
    assert 0 < result(client, "head_timestamp")["time"] < midnight(365)
    assert result(client, "histogram", period="2D")["prices"]


def test_a_continuous_future_has_bars_and_sessions(client: PlainClient) -> None:
    """The gateway takes no end for either."""
    front: dict[str, Any] = {"instrument": "CONTFUT:ES:CME:USD"}
    bars = result(client, "bars", size="1h", duration="5D", **front)["bars"]
    assert len(bars) > 20
    assert len(result(client, "schedule", **{"from": midnight(10)}, to=midnight(3), **front)["sessions"]) >= 4


def test_ranges_that_begin_within_one_second_are_not_the_same(client: PlainClient) -> None:
    """Who asks for what follows the last bar must not be given it again, nor the other be without it."""
    (bar,) = result(client, "bars", size="1h", **{"from": midnight(9)}, to=midnight(4), limit=1)["bars"]
    at, args = bar["time"], {"instrument": AAPL, "size": "1h", "to": bar["time"] + DAY, "max_age": 0}
    asked = [client.send("history", "bars", **args, **{"from": begin}) for begin in (at, at + 1)]
    replies = {reply["id"]: reply["result"]["bars"] for reply in (client.receive("history") for _ in asked)}
    first, second = ([row["time"] for row in replies[one]] for one in asked)
    assert len(second) > 1
    assert first == [at, *second]


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
        ({"size": "1m", "duration": "2D", "max_age": -1}, "max_age"),
        ({"size": "1m", "duration": "2D", "columns": 1}, "columns"),
        ({"size": "1m", "duration": "2D", "packed": 1}, "packed"),
        ({"size": "1m", "duration": "2D", "columns": True, "packed": True}, "packed"),
        ({"size": "1d", "duration": "2D", "what": "ADJUSTED_LAST", "to": 10**18}, "to"),
        ({"size": "1m", "duration": "2Y", "what": "ADJUSTED_LAST"}, "duration"),
        ({"size": "1m", "from": 10**18, "instrument": "CONTFUT:ES:CME:USD"}, "from"),
        ({"size": "1d", "duration": "2D", "to": 10**18, "instrument": "CONTFUT:ES:CME:USD"}, "to"),
    ],
)
def test_each_wrong_argument_is_named(client: PlainClient, args: dict[str, Any], field: str) -> None:
    assert error(client, "bars", **args) == ("invalid_argument", field)


def test_an_unknown_instrument_is_the_gateway_s_refusal(client: PlainClient) -> None:
    code, _ = error(client, "bars", instrument="STK:NOSUCH:SMART:USD", size="1d", duration="1W")
    assert code == "gateway_rejected"
