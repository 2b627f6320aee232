"""Market data the account has not subscribed to, as clients at the socket see it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.sim_stream import Client, connected, play
from twsmq_simulator import BadSettings, Server, Settings, serve
from twsmq_simulator.commands import carry_out

AAPL = ["0", "AAPL", "STK", "", "", "", "", "SMART", "", "USD", "", ""]
LIVE_TICKS = {"1", "2", "4", "6", "7", "9", "14"}
DELAYED_TICKS = {"66", "67", "68", "72", "73", "75", "76"}
SUBSCRIBE = (
    "Requested market data requires additional subscription for API. "
    "See link in 'Market Data Connections' dialog for more details."
)
NOT_ENABLED = "Requested market data is not subscribed. Delayed market data is not enabled."
NO_PERMISSIONS = f"No market data permissions for ISLAND STK. {SUBSCRIBE}"


async def ask(client: Client, kind: int, request_id: int = 1, symbol: str = "AAPL") -> list[list[str]]:
    """What a request for market data of a type is answered at first."""
    before = len(client.seen)
    client.send("59", "1", str(kind))
    client.subscribe(request_id, symbol)
    await client.drained()
    return client.seen[before:-1]


def prices(fields: list[list[str]]) -> set[str]:
    return {f[3] for f in fields if f[0] == "1"}


@pytest.mark.parametrize(
    ("delayed", "kind", "code", "text"),
    [
        ("available", 1, "10089", SUBSCRIBE + "Delayed market data is available.AAPL NASDAQ.NMS/TOP/ALL"),
        ("available", 2, "10089", SUBSCRIBE + "Delayed market data is available.AAPL NASDAQ.NMS/TOP/ALL"),
        ("disabled", 1, "10168", NOT_ENABLED),
        ("disabled", 3, "10168", NOT_ENABLED),
        ("none", 3, "354", "Requested market data is not subscribed."),
    ],
)
@pytest.mark.parametrize("unsubscribed", ["NASDAQ", "stk"])
def test_a_refusal_follows_tick_req_params(
    tmp_path: Path, unsubscribed: str, delayed: str, kind: int, code: str, text: str
) -> None:
    async def story(server: Server) -> None:
        client = await connected(server.port, 1)
        parameters, refusal = await ask(client, kind)
        assert parameters == ["81", "1", "0.01", "9c0001", "4"]
        assert refusal[1:4] == ["1", code, text]
        assert not server.gateway.floor.followers

    play(tmp_path, story, unsubscribed=(unsubscribed,), delayed_data=delayed)


@pytest.mark.parametrize("kind", [3, 4])
def test_delayed_data_stand_in_for_who_asks_for_them(tmp_path: Path, kind: int) -> None:
    async def story(server: Server) -> None:
        client = await connected(server.port, 1)
        answer = await ask(client, kind)
        assert answer[0][0] == "81"  # before the type of the data, other than for live data
        assert answer[1] == ["58", "1", "1", "3"]
        assert answer[2][1:4] == [
            "1", "10167", "Requested market data is not subscribed. Displaying delayed market data."
        ]  # fmt: skip
        assert prices(answer) == {"76"}
        server.gateway.step_clock(30_000_000_000)
        server.gateway.settle()
        before = len(client.seen)
        await client.drained()
        assert prices(client.seen[before:]) == DELAYED_TICKS - {"76"}

    play(tmp_path, story, unsubscribed=("NASDAQ",), clock_speed=0)


def test_a_delayed_stream_goes_on_for_a_moment_after_its_cancel(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        client = await connected(server.port, 1)
        await ask(client, 3)
        before = len(client.seen)
        client.send("2", "2", "1")
        await client.drained()
        late = client.seen[before:-1]
        assert {"72", "73", "75"} < prices(late), "what had not come yet comes now"
        kinds = [(f[0], f[3]) for f in late]
        after = kinds[kinds.index(("1", "68")) :]
        assert after == [
            ("1", "68"),
            ("46", "88"),
            ("1", "66"),
            ("1", "67"),
            ("2", "71"),
            ("2", "69"),
            ("2", "70"),
        ]
        server.gateway.step_clock(30_000_000_000)
        server.gateway.settle()
        await client.drained()
        assert client.seen[before + len(late) + 1 : -1] == [], "and nothing after that"

    play(tmp_path, story, unsubscribed=("NASDAQ",), clock_speed=0)


def test_a_snapshot_of_delayed_data_is_not_announced(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        client = await connected(server.port, 1)
        client.send("59", "1", "3")
        client.send("1", "11", "1", *AAPL, "0", "", "1", "0", "")
        await client.until("57")
        assert "10167" not in {fields[2] for fields in client.all("4")}
        assert prices(client.seen) == DELAYED_TICKS

    play(tmp_path, story, unsubscribed=("NASDAQ",))


def test_live_data_are_sent_wherever_they_are_subscribed(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        client = await connected(server.port, 1)
        answer = await ask(client, 3, symbol="IBM")
        assert answer[0] == ["58", "1", "1", "1"]
        assert prices(answer) == LIVE_TICKS

    play(tmp_path, story, unsubscribed=("NASDAQ",))


STREAMS: dict[str, tuple[Callable[[Client], None], str, str]] = {
    "trades": (
        lambda c: c.send("97", "1", *AAPL, "Last", "0", "0"),
        "10189",
        f"Failed to request tick-by-tick data.{NO_PERMISSIONS}",
    ),
    "quotes": (lambda c: c.send("97", "1", *AAPL, "BidAsk", "0", "0"), "10089", SUBSCRIBE),
    "depth": (
        lambda c: c.send("10", "5", "1", *AAPL[:7], "ISLAND", *AAPL[8:], "5", "0", ""),
        "354",
        "Requested market data is not subscribed.",
    ),
    "five-second bars": (
        lambda c: c.send("50", "3", "1", *AAPL, "5", "TRADES", "1", ""),
        "420",
        f"Invalid Real-time Query:{NO_PERMISSIONS}",
    ),
    "history up to now": (
        lambda c: c.send("20", "1", *AAPL, "0", "", "1 hour", "2 D", "1", "TRADES", "1", "0", ""),
        "2188",
        "Up-to-the-second historical data requires additional subscription for the API.",
    ),
    "history": (
        lambda c: c.send(
            "20", "1", *AAPL, "0", "20260415-20:00:00", "1 hour", "2 D", "1", "TRADES", "1", "0", ""
        ),
        "162",
        f"Historical Market Data Service error message:{NO_PERMISSIONS}",
    ),
    "historical ticks": (
        lambda c: c.send(
            "96", "1", *AAPL, "0", "20260415 10:00:00 US/Eastern", "", "9", "TRADES", "1", "0", ""
        ),
        "10187",
        "Failed to request historical ticks:No market data permissions",
    ),
}


@pytest.mark.parametrize("what", STREAMS)
def test_delayed_data_never_stand_in_elsewhere(tmp_path: Path, what: str) -> None:
    send, code, text = STREAMS[what]

    async def story(server: Server) -> None:
        client = await connected(server.port, 1)
        client.send("59", "1", "3")
        send(client)
        assert (await client.until("4", lambda f: f[1] == "1"))[2:4] == [code, text]

    play(tmp_path, story, unsubscribed=("STK",))


def test_one_instrument_is_unsubscribed_and_subscribed_on_command(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        client = await connected(server.port, 1)
        carry_out(server.gateway, "unsubscribed", {"symbol": "AAPL"})
        assert (await ask(client, 1))[1][2] == "10089"
        assert (await ask(client, 1, 2, "MSFT"))[0] == ["58", "1", "2", "1"]
        carry_out(server.gateway, "unsubscribed", {"symbol": "AAPL", "on": False})
        assert (await ask(client, 1, 3))[0] == ["58", "1", "3", "1"]

    play(tmp_path, story)


@pytest.mark.parametrize("wrong", [{"unsubscribed": ("NASDQ",)}, {"delayed_data": "some"}])
def test_a_wrong_setting_is_named_with_what_there_is(tmp_path: Path, wrong: dict[str, Any]) -> None:
    async def story(server: Server) -> None:
        with pytest.raises(BadSettings, match=r"NASDQ.*NASDAQ|some.*available"):
            await serve(Settings(data_dir=tmp_path / "other", **wrong))

    play(tmp_path, story)
