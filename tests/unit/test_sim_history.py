"""The past of the simulated market, as clients ask for it: on a weekend, in the evening, while it goes on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from support.sim_stream import Client, connected, play
from twsmq_simulator import Server
from twsmq_simulator.market import listing
from twsmq_simulator.market.history import Span
from twsmq_simulator.wire import history_messages
from twsmq_simulator.wire.zones import CAPTURED

STOCK = ["0", "AAPL", "STK", "", "", "", "", "SMART", "", "USD", "", ""]
EURO = ["0", "EUR", "CASH", "", "", "", "", "IDEALPRO", "", "USD", "", ""]
EASTERN = ZoneInfo("America/New_York")
SUNDAY = datetime(2026, 4, 19, 14, 30, tzinfo=EASTERN)
EVENING = datetime(2026, 4, 15, 21, 0, tzinfo=EASTERN)  # a Wednesday; in UTC it is Thursday


async def ask(
    client: Client, size: str, back: str, *, regular: int = 0, live: int = 0, contract: list[str] = STOCK
) -> None:
    what = "TRADES" if contract is STOCK else "MIDPOINT"
    client.send("20", "1", *contract, "0", "", size, back, str(regular), what, "1", str(live), "")


def rows(fields: list[str]) -> list[list[str]]:
    """[date, open, high, low, close, volume, average, count] of each bar."""
    return [fields[at : at + 8] for at in range(3, len(fields), 8)]


def at(moment: datetime) -> int:
    return int(moment.timestamp() * 1e9)


def test_a_market_that_is_always_open_has_a_past_up_to_now(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        client = await connected(server.port, 1)
        await ask(client, "1 min", "600 S")
        found = rows(await client.until("17"))
        assert len(found) == 10
        assert found[-1][0] == "20260419 14:29:00 US/Eastern"

    play(tmp_path, story, start=at(SUNDAY), clock_speed=0)


@pytest.mark.parametrize(("hours", "regular"), [("exchange", 0), ("always", 1)])
def test_closed_or_regular_hours_have_none_on_a_weekend(tmp_path: Path, hours: str, regular: int) -> None:
    async def story(server: Server) -> None:
        client = await connected(server.port, 1)
        await ask(client, "1 min", "600 S", regular=regular)
        await client.error(162)

    play(tmp_path, story, start=at(SUNDAY), clock_speed=0, hours=hours)


@pytest.mark.parametrize(
    ("hours", "contract", "now", "day"),
    [
        ("always", STOCK, EVENING, "20260415"),
        ("always", STOCK, SUNDAY, "20260419"),
        ("always", EURO, EVENING, "20260415"),
        ("exchange", STOCK, EVENING.replace(hour=19), "20260415"),
        ("exchange", EURO, EVENING, "20260416"),
    ],
    ids=["evening", "sunday", "euro", "exchange", "euro's next day begins in the evening"],
)
def test_the_daily_bar_being_formed_carries_the_trading_date(
    tmp_path: Path, hours: str, contract: list[str], now: datetime, day: str
) -> None:
    async def story(server: Server) -> None:
        client = await connected(server.port, 1)
        await ask(client, "1 day", "5 D", live=1, contract=contract)
        found = rows(await client.until("17"))
        server.gateway.step_clock(10**10)
        server.gateway.settle()
        update = await client.until("90")
        assert (len(found), found[-1][0], update[3]) == (5, day, day)

    play(tmp_path, story, start=at(now), clock_speed=0, hours=hours)


def test_what_goes_on_is_the_last_bar_of_the_answer(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        client = await connected(server.port, 1)
        await ask(client, "1 hour", "7200 S", live=1)
        last = rows(await client.until("17"))[-1]
        server.gateway.step_clock(10**10)
        server.gateway.settle()
        _, _, _, date, opened, _, high, low, _, volume = await client.until("90")
        assert (date, opened) == (last[0], last[1])
        assert float(high) >= float(last[2]) > float(last[3]) >= float(low)
        assert int(volume) >= int(last[5])
        server.gateway.step_clock(45 * 60 * 10**9)
        server.gateway.settle()
        await client.until("90", lambda f: f[3] == "20260419 15:00:00 US/Eastern")

    play(tmp_path, story, start=at(SUNDAY), clock_speed=0, tick_rate=1)


@pytest.mark.parametrize("hours", ["always", "exchange"])
def test_a_week_is_seven_days_however_many_trade(tmp_path: Path, hours: str) -> None:
    async def story(server: Server) -> None:
        client = await connected(server.port, 1)
        await ask(client, "1 week", "6 W")
        found = rows(await client.until("17"))
        days = [datetime.strptime(row[0], "%Y%m%d").replace(tzinfo=UTC) for row in found]
        assert len(days) >= 6
        holidays = {datetime(2026, 4, 3, tzinfo=UTC)} if hours == "exchange" else set[datetime]()
        due = [days[-1] - timedelta(weeks=nth) for nth in reversed(range(len(days)))]
        assert days == [day - timedelta(days=day in holidays) for day in due]

    play(tmp_path, story, start=at(SUNDAY), clock_speed=0, hours=hours)


def test_bid_ask_and_midpoint_are_a_spread_apart(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        client = await connected(server.port, 1)
        found: dict[str, list[float]] = {}
        for what in ("BID", "MIDPOINT", "ASK", "BID_ASK", "HISTORICAL_VOLATILITY"):
            client.send("20", "1", *STOCK, "0", "", "1 hour", "1 D", "0", what, "1", "0", "")
            found[what] = [float(price) for price in rows(await client.until("17"))[-1][1:5]]
        bid, middle, ask = found["BID"], found["MIDPOINT"], found["ASK"]
        assert [round(high - low, 6) for low, high in zip(bid, ask, strict=True)] == [0.02] * 4
        assert middle == pytest.approx([price + 0.01 for price in bid])
        average_bid, highest, lowest, average_ask = found["BID_ASK"]
        assert (highest, lowest) == (ask[1], bid[2])
        assert bid[2] <= average_bid <= bid[1]
        assert ask[2] <= average_ask <= ask[1]
        assert all(0.1 < value < 0.5 for value in found["HISTORICAL_VOLATILITY"])

    play(tmp_path, story, clock_speed=0, start=at(EVENING))


def test_live_bars_are_of_the_price_asked_for(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        client = await connected(server.port, 1)
        for request_id, what in ((1, "BID"), (2, "ASK")):
            client.send("50", "3", str(request_id), *STOCK, "5", what, "0", "")
        await client.drained()
        server.gateway.step_clock(6 * 10**9)
        server.gateway.settle()
        bars = [await client.until("50"), await client.until("50")]
        closes = {fields[2]: float(fields[7]) for fields in bars}
        assert closes["2"] > closes["1"]

    play(tmp_path, story, clock_speed=0, tick_rate=2)


@pytest.mark.parametrize("symbol", ["AAPL", "SPX", "CL", "ES", "KWEB", "SAP", "BTC", "EUR"])
def test_times_are_in_the_zone_that_is_named_beside_them(symbol: str) -> None:
    """Of the SPX, CL, GC, SI and others schedules and bars were an hour off: in the zone of their exchange's
    hours, under the name of their own."""
    listed = [i for i in listing.build(SUNDAY.date()) if i.symbol == symbol and i.sec_type != "OPT"]
    opens, closes = at(EVENING), at(EVENING) + 3600 * 10**9
    for i in listed:
        frame = history_messages.schedule(1, i, [Span(opens, closes)])[4:].decode().split("\0")
        zone = ZoneInfo(frame[4])
        told = [datetime.strptime(text, "%Y%m%d-%H:%M:%S").replace(tzinfo=zone) for text in frame[6:8]]
        assert list(map(at, told)) == [opens, closes]
        text = history_messages.bar_date(200, i, opens, 60, 1)
        assert text == history_messages.Dates(200, i, 60, 1, CAPTURED).text(opens)
        moment, name = text.rsplit(" ", 1)
        assert at(datetime.strptime(moment, "%Y%m%d %H:%M:%S").replace(tzinfo=ZoneInfo(name))) == opens
