"""Market data of a closed market: frozen for who allowed it, without quotes for others."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from support.sim_stream import Client, connected, play
from twsmq_simulator import Server

EASTERN = ZoneInfo("America/New_York")
SATURDAY = datetime(2026, 4, 18, 12, tzinfo=EASTERN)
GOOD_FRIDAY = datetime(2026, 4, 3, 12, tzinfo=EASTERN)
BEFORE_THE_CLOSE = datetime(2026, 4, 15, 19, 59, 55, tzinfo=EASTERN)
BEFORE_THE_OPENING = datetime(2026, 4, 15, 3, 59, 55, tzinfo=EASTERN)
TICKS = ("1", "2", "45", "46")


def ns(moment: datetime) -> int:
    return int(moment.timestamp() * 1e9)


async def ask(client: Client, kind: int) -> list[list[str]]:
    client.send("59", "1", str(kind))
    client.subscribe(1)
    await client.drained()
    return [fields for fields in client.seen if fields[0] in ("58", *TICKS)]


async def step(server: Server, client: Client, seconds: int) -> list[list[str]]:
    """What comes in the next seconds."""
    before = len(client.seen)
    server.gateway.step_clock(seconds * 1_000_000_000)
    server.gateway.settle()
    await client.drained()
    return client.seen[before:-1]


def price(fields: list[list[str]], kind: int) -> float:
    (value,) = [float(f[4]) for f in fields if f[0] == "1" and f[3] == str(kind)]
    return value


@pytest.mark.parametrize("closed", [SATURDAY, GOOD_FRIDAY], ids=["saturday", "holiday"])
@pytest.mark.parametrize(
    ("asked", "unsubscribed", "told", "bid"), [(2, (), "2", 1), (4, (), "2", 1), (4, ("STK",), "4", 66)]
)
def test_a_closed_market_is_frozen_for_who_allows_it(
    tmp_path: Path, closed: datetime, asked: int, unsubscribed: tuple[str, ...], told: str, bid: int
) -> None:
    async def story(server: Server) -> None:
        client = await connected(server.port, 1)
        answer = await ask(client, asked)
        assert answer[0] == ["58", "1", "1", told]
        assert 0 < price(answer, bid) < price(answer, bid + 1)
        assert await step(server, client, 60) == [], "nothing moves"

    play(tmp_path, story, hours="exchange", unsubscribed=unsubscribed, start=ns(closed), clock_speed=0)


def test_others_have_no_quotes_but_the_last_price(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        client = await connected(server.port, 1)
        answer = await ask(client, 1)
        assert answer[0] == ["58", "1", "1", "1"]
        assert (price(answer, 1), price(answer, 2)) == (-1, -1)
        assert price(answer, 4) > 0
        assert await step(server, client, 60) == []

    play(tmp_path, story, hours="exchange", start=ns(SATURDAY), clock_speed=0)


def test_delayed_data_of_a_closed_market_are_its_last_price_and_the_days_range(tmp_path: Path) -> None:
    """Captured on a Saturday: ticks 72, 73, 74, 75, 68 and 88, and neither bid nor ask."""

    async def story(server: Server) -> None:
        client = await connected(server.port, 1)
        answer = await ask(client, 3)
        assert answer[0] == ["58", "1", "1", "3"]
        kinds = {fields[3] for fields in answer if fields[0] in ("1", "46")}
        assert {"68", "72", "73", "75", "88"} <= kinds
        assert not {"66", "67"} & kinds

    play(tmp_path, story, hours="exchange", unsubscribed=("STK",), start=ns(SATURDAY), clock_speed=0)


def test_an_open_market_is_live_whatever_is_allowed(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        client = await connected(server.port, 1)
        assert (await ask(client, 2))[0] == ["58", "1", "1", "1"]

    play(tmp_path, story, hours="exchange", start=ns(BEFORE_THE_CLOSE), clock_speed=0)


def test_the_close_freezes_what_was_live_and_takes_the_quotes_of_others(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        frozen, other = await connected(server.port, 1), await connected(server.port, 2)
        await ask(frozen, 2)
        await ask(other, 1)
        assert (await step(server, frozen, 10))[-1] == ["58", "1", "1", "2"]
        await other.drained()
        assert [f[4] for f in other.all("1") if f[3] in ("1", "2")][-2:] == ["-1.0", "-1.0"]

    play(tmp_path, story, hours="exchange", start=ns(BEFORE_THE_CLOSE), clock_speed=0)


def test_the_opening_thaws_it_and_brings_quotes(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        frozen, other = await connected(server.port, 1), await connected(server.port, 2)
        await ask(frozen, 2)
        await ask(other, 1)
        opening = [f for f in await step(server, frozen, 10) if f[0] in ("58", *TICKS)]
        assert opening[0] == ["58", "1", "1", "1"]
        assert len(opening) > 5, "and it trades"
        await other.drained()
        quotes = [f[4] for f in other.all("1") if f[3] == "1"]
        assert quotes[0] == "-1.0"
        assert all(float(quote) > 0 for quote in quotes[1:])

    play(tmp_path, story, hours="exchange", start=ns(BEFORE_THE_OPENING), clock_speed=0)
