"""The simulated past: one answer to one question, whatever the size of the bars, and no seam to live data."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime
from itertools import pairwise
from pathlib import Path as Folder
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from support.sim_stream import Client, Fields, connected, play
from twsmq_simulator import Server
from twsmq_simulator.commands import carry_out
from twsmq_simulator.market import history, listing
from twsmq_simulator.market.exchange import Exchange
from twsmq_simulator.market.history import Bar, Kind, bars, sessions
from twsmq_simulator.market.path import MINUTE, SECOND
from twsmq_simulator.market.prints import prints_of

AAPL = 265598
DAY = 86_400 * SECOND
EASTERN = ZoneInfo("America/New_York")
NOW = int(datetime(2026, 4, 15, 15, 20, 30, tzinfo=EASTERN).timestamp()) * SECOND
STOCK = ["0", "AAPL", "STK", "", "", "", "", "SMART", "", "USD", "", ""]


class Market:
    """An exchange whose clock stands where it is put; `anchor` is when it began."""

    def __init__(self, *, seed: int = 1, now: int = NOW, anchor: int = NOW) -> None:
        self.now = now
        self.exchange = Exchange(
            listing.build(date(2026, 4, 15)), seed, lambda: self.now, 0.25, anchor=anchor, always_open=False
        )

    def bars(
        self,
        seconds: int,
        begin: int,
        end: int,
        what: str = "TRADES",
        con_id: int = AAPL,
        *,
        rth: bool = True,
    ) -> list[Bar]:
        past = self.exchange.past(con_id)
        kind = Kind(past, what, self.now)
        spans = sessions(past.instrument.hours, begin, end, regular=rth, always=False)
        return bars(kind, spans, begin, end, seconds, self.now)


def summed(parts: list[Bar], start: int) -> Bar:
    volume = sum(bar.volume for bar in parts)
    average: Any = parts[0].average
    if volume:
        average = pytest.approx(sum(bar.average * bar.volume for bar in parts) / volume)
    return Bar(
        start,
        parts[0].open,
        max(bar.high for bar in parts),
        min(bar.low for bar in parts),
        parts[-1].close,
        volume,
        average,
        sum(bar.trades for bar in parts),
    )


@pytest.mark.parametrize("seconds", [1, 5, 30])
def test_bars_are_the_same_wherever_a_question_begins(seconds: int) -> None:
    """Also those in which nobody trades, at its beginning."""
    market, end = Market(), NOW - 5 * MINUTE
    whole = market.bars(seconds, end - 20 * MINUTE, end, con_id=AAPL, rth=False)
    for late in range(0, 5 * MINUTE, 13 * SECOND):
        part = market.bars(seconds, end - 10 * MINUTE + late, end, con_id=AAPL, rth=False)
        assert part == whole[-len(part) :]


@pytest.mark.parametrize("con_id", [AAPL, 12087792, 479624278], ids=["stock", "pair", "coin"])
@pytest.mark.parametrize("seconds", [5, 30, 300, 3600, 7200, 86_400])
def test_bars_of_every_size_come_to_the_same(con_id: int, seconds: int) -> None:
    market = Market()
    small = 1 if seconds < 60 else 60
    begin, end = NOW - DAY, NOW - 5 * MINUTE if seconds < 60 else NOW
    begin = end - 20 * MINUTE if seconds < 60 else begin
    large = market.bars(seconds, begin, end, con_id=con_id, rth=False)
    ones = market.bars(small, begin, end, con_id=con_id, rth=False)
    assert large
    for bar, after in pairwise(large):
        parts = [one for one in ones if bar.start <= one.start < after.start]
        traded = [part for part in parts if part.trades] or parts
        assert bar == summed(traded if seconds < 60 and bar.trades else parts, bar.start)


def test_a_minute_is_its_trades() -> None:
    market = Market()
    past = market.exchange.past(AAPL)
    for minute, bar in list(past.minutes((NOW - DAY) // MINUTE, (NOW - DAY) // MINUTE + 200, NOW)):
        prints = prints_of(f"1/{AAPL}/p{minute}", bar)
        prices = [price for _, price, _ in prints]
        assert (prices[0], max(prices), min(prices), prices[-1]) == bar[:4]
        assert (sum(size for *_, size in prints), len(prints)) == bar[4:6]
        assert all(size > 0 for *_, size in prints)
        assert [second for second, *_ in prints] == sorted(second for second, *_ in prints)


def test_the_same_question_has_the_same_answer_later_and_elsewhere() -> None:
    begin, end = NOW - 400 * DAY, NOW - 399 * DAY
    first = Market().bars(60, begin, end)
    assert first == Market(now=NOW + 7 * DAY).bars(60, begin, end)
    assert first != Market(seed=2).bars(60, begin, end)


def test_the_price_at_the_beginning_is_the_listings() -> None:
    market = Market()
    for con_id, price in ((AAPL, 265.18), (12087792, 1.1725), (479624278, 95120.0)):
        assert market.exchange.past(con_id).price(NOW) == pytest.approx(price, rel=1e-4)


def test_hour_bars_are_counted_from_midnight() -> None:
    """Captured for AAPL: 09:30, then 10:00 to 15:00."""
    begin = int(datetime(2026, 4, 14, tzinfo=EASTERN).timestamp()) * SECOND
    starts = [datetime.fromtimestamp(b.start / 1e9, EASTERN) for b in Market().bars(3600, begin, begin + DAY)]
    assert [f"{start:%H:%M}" for start in starts] == ["09:30", *(f"{hour}:00" for hour in range(10, 16))]


def test_bars_over_a_change_of_the_clocks_begin_with_their_sessions() -> None:
    begin = int(datetime(2025, 10, 30, tzinfo=UTC).timestamp()) * SECOND
    found = Market().bars(14_400, begin, begin + 6 * DAY)
    starts = {f"{datetime.fromtimestamp(bar.start / 1e9, EASTERN):%H:%M}" for bar in found}
    assert starts == {"09:30", "12:00"}


def test_five_years_of_minutes_take_little_time() -> None:
    market = Market()
    begun = time.process_time()
    found = market.bars(60, NOW - 5 * 365 * DAY, NOW)
    spent = time.process_time() - begun
    assert 480_000 < len(found) < 495_000
    assert spent / len(found) < 40e-6, f"{spent / len(found) * 1e6:.1f} us a bar"
    starts = [bar.start for bar in found]
    assert all(one < other for one, other in pairwise(starts))
    assert all(bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high for bar in found)


def test_adjusted_prices_are_lower_before_a_dividend() -> None:
    market = Market()
    begin, end = NOW - 200 * DAY, NOW
    plain, adjusted = (market.bars(86_400, begin, end, what) for what in ("TRADES", "ADJUSTED_LAST"))
    assert adjusted[-1].close == plain[-1].close
    assert 0.994 < adjusted[0].close / plain[0].close < 0.997, "two quarters of 0.2 %"


def test_a_split_divides_the_past_and_a_jump_does_not() -> None:
    market = Market()
    before = market.bars(86_400, NOW - 10 * DAY, NOW - DAY)
    book = market.exchange.required(AAPL)
    book.jump(2.0)
    assert market.bars(86_400, NOW - 10 * DAY, NOW - DAY) == before
    assert market.exchange.past(AAPL).price(NOW + MINUTE) == pytest.approx(530, rel=0.02)
    market.exchange.split(AAPL, 10.0)
    after = market.bars(86_400, NOW - 10 * DAY, NOW - DAY)
    for old, new in zip(before, after, strict=True):
        assert new.close == pytest.approx(old.close / 10, abs=1)
        assert new.volume == pytest.approx(old.volume * 10, rel=1e-3)
    assert book.mid == pytest.approx(53, rel=0.02)


def test_an_option_has_a_past_that_follows_its_underlying() -> None:
    market = Market()
    call = next(
        i for i in market.exchange.catalogue
        if i.under_con_id == AAPL and i.right == "C" and i.strike == 230 and i.expiry > "20260601"
    )  # fmt: skip
    options = market.bars(3600, NOW - 5 * DAY, NOW, con_id=call.con_id)
    stocks = market.bars(3600, NOW - 5 * DAY, NOW)
    for option, stock in zip(options, stocks, strict=True):
        assert option.close * 0.01 > stock.close * 0.01 - 230 - 1


# ---- over the wire


def rows(fields: Fields) -> list[list[str]]:
    return [fields[at : at + 8] for at in range(3, len(fields), 8)]


async def ask(
    client: Client, size: str, back: str, what: str = "TRADES", *, live: int = 0, end: str = ""
) -> None:
    client.send("20", "1", *STOCK, "0", end, size, back, "0", what, "1", str(live), "")


def test_live_ticks_and_bars_of_the_same_minutes_agree(tmp_path: Folder) -> None:
    """From trades tick by tick, from five-second bars and from history: one and the same, byte by byte."""

    async def story(server: Server) -> None:
        client = await connected(server.port, 1)
        client.send("97", "7", *STOCK, "AllLast", "0", "0")
        client.send("50", "3", "8", *STOCK, "5", "TRADES", "0", "")
        await client.drained()
        for _ in range(4):
            server.gateway.step_clock(MINUTE)
            server.gateway.settle()
            await client.drained()
        await ask(client, "1 min", "300 S")
        minutes = rows(await client.until("17"))
        ticks = client.all("99")
        fives = client.all("50")
        whole = minutes[-4:-1]  # the first was watched in part, the last is not over
        assert len(whole) == 3
        for bar in whole:
            start = int(datetime.strptime(bar[0][:17], "%Y%m%d %H:%M:%S").replace(tzinfo=EASTERN).timestamp())
            here = [t for t in ticks if start <= int(t[3]) < start + 60]
            prices = [float(t[4]) for t in here]
            assert [float(p) for p in bar[1:5]] == [prices[0], max(prices), min(prices), prices[-1]]
            assert sum(float(t[5]) for t in here) == float(bar[5])
            assert len(here) == int(bar[7])
            parts = [f for f in fives if start <= int(f[3]) < start + 60]
            assert len(parts) == 12
            assert sum(float(f[8]) for f in parts) == float(bar[5])
            assert max(float(f[5]) for f in parts if int(f[10])) == float(bar[2])

    play(tmp_path, story, start=NOW, clock_speed=0, tick_rate=4)


def test_what_was_watched_is_told_the_same_after_a_restart(tmp_path: Folder) -> None:
    told: list[list[list[str]]] = []

    async def first(server: Server) -> None:
        client = await connected(server.port, 1)
        client.subscribe(5)
        carry_out(server.gateway, "price_jump", {"symbol": "AAPL", "percent": 5})
        server.gateway.step_clock(4 * MINUTE)
        server.gateway.settle()
        await ask(client, "1 min", "1 D", end="20260415-19:24:00")
        told.append(rows(await client.until("17")))

    async def second(server: Server) -> None:
        client = await connected(server.port, 1)
        await ask(client, "1 min", "1 D", end="20260415-19:24:00")
        told.append(rows(await client.until("17")))

    play(tmp_path, first, start=NOW, clock_speed=0)
    play(tmp_path, second, start=NOW + 5 * MINUTE, clock_speed=0)
    assert told[0] == told[1]
    assert float(told[0][-1][4]) > 270


def test_bars_that_go_on_end_as_history_tells_them(tmp_path: Folder) -> None:
    async def story(server: Server) -> None:
        client = await connected(server.port, 1)
        await ask(client, "1 min", "300 S", live=1)
        first = rows(await client.until("17"))[-1]
        for _ in range(3):
            server.gateway.step_clock(MINUTE)
            server.gateway.settle()
        await client.drained()
        updates: dict[str, Fields] = {}
        for f in client.all("90"):
            updates[f[3]] = f
        assert next(iter(updates)) == first[0], "the bar being formed continues the last one of the answer"
        await ask(client, "1 min", "300 S", end="20260415-19:23:30")
        for bar in rows(await client.until("17", lambda f: f[0] == "17"))[-3:-1]:
            _, _, count, _, opened, closed, high, low, average, volume = updates[bar[0]]
            assert [opened, high, low, closed, volume, average, count] == bar[1:]

    play(tmp_path, story, start=NOW, clock_speed=0, tick_rate=4)


@pytest.mark.parametrize(("hours", "goes_on"), [("always", True), ("exchange", False)])
def test_bars_of_regular_hours_go_on_only_while_the_market_trades(
    tmp_path: Folder, hours: str, goes_on: bool
) -> None:
    """A market that trades round the clock goes on at night, whichever hours the answer had."""

    async def story(server: Server) -> None:
        client = await connected(server.port, 1)
        client.send("20", "1", *STOCK, "0", "", "5 mins", "1 D", "1", "TRADES", "1", "1", "")
        await client.until("108")
        server.gateway.step_clock(3 * SECOND)
        server.gateway.settle()
        await client.drained()
        assert bool(client.all("90")) is goes_on

    night = NOW + 12 * 3600 * SECOND
    play(tmp_path, story, start=night, clock_speed=0, hours=hours)


def test_ticks_page_by_page_and_a_second_with_more_than_a_thousand(tmp_path: Folder) -> None:
    """An answer completes its last second, whatever it has; pages join without a gap."""

    async def story(server: Server) -> None:
        past = server.gateway.exchange.past(AAPL)
        day = sessions("us_equity", NOW - 12 * DAY, NOW - DAY, regular=True, always=False)
        burst = next(
            minute for span in day
            for minute, bar in past.minutes(span.opens // MINUTE, span.closes // MINUTE, NOW) if bar[5] > 1000
        )  # fmt: skip
        client = await connected(server.port, 1)
        at, end, got = burst * 60 - 60, burst * 60 + 60, list[tuple[int, ...]]()
        while at < end:
            start = f"{datetime.fromtimestamp(at, UTC):%Y%m%d-%H:%M:%S}"
            client.send("96", "1", *STOCK, "0", start, "", "1000", "TRADES", "1", "0", "")
            page = await client.until("98")
            ticks = [tuple(page[n : n + 4]) for n in range(3, len(page) - 1, 6)]
            assert len(ticks) >= 1000
            got += [t for t in ticks if int(t[0]) < end]
            at = int(ticks[-1][0]) + 1
        whole = [bar for _, bar in past.minutes(burst - 1, burst + 1, NOW)]
        assert len(got) == sum(bar[5] for bar in whole)
        assert sum(int(t[3]) for t in got) == sum(bar[4] for bar in whole)

    play(tmp_path, story, start=NOW, clock_speed=0)


@pytest.mark.parametrize(
    ("contract", "size", "back", "what", "end", "code", "words"),
    [
        ("BTC CRYPTO PAXOS", "1 min", "1 D", "TRADES", "", 10299, "AGGTRADES"),
        ("IBUS500 CFD SMART", "1 min", "1 D", "TRADES", "", 10299, "MIDPOINT"),
        ("VINIX FUND FUNDSERV", "1 day", "5 D", "TRADES", "", 10299, "instead of TRADES"),
        ("EUR CASH IDEALPRO", "1 min", "1 D", "TRADES", "", 162, "data for EUR/CASH@IDEALPRO"),
        ("SPX IND CBOE", "1 min", "1 D", "MIDPOINT", "", 162, "No historical market data for SPX/IND@CBOE"),
        ("AAPL STK SMART", "1 secs", "3600 S", "TRADES", "", 162, "Time length exceed max"),
        ("AAPL STK SMART", "30 secs", "1 Y", "TRADES", "", 162, "Time length exceed max"),
        ("AAPL STK SMART", "1 day", "366 D", "TRADES", "", 321, "must be made in years"),
        ("AAPL STK SMART", "1 sec", "60 S", "TRADES", "", 321, "Legal ones are: 1 secs"),
        ("AAPL STK SMART", "1 min", "1 D", "TRADES", "tomorrow", 10314, "time-zone entered is invalid"),
        ("ES CONTFUT CME", "1 min", "1 D", "TRADES", "20260410-12:00:00", 10339, "continuous future"),
        ("AAPL STK SMART", "1 min", "1 D", "SCHEDULE", "", 10295, "Only daily resolution"),
        ("AAPL STK SMART", "1 day", "1 D", "ADJUSTED_LAST", "20260410-12:00:00", 321, "adjusted last"),
        ("AAPL STK SMART", "1 day", "1 D", "TRADES", "19500101-12:00:00", 162, "no data: AAPL@SMART Trades"),
    ],
)  # fmt: skip
def test_what_cannot_be_answered_is_refused_in_a_gateways_words(
    tmp_path: Folder, contract: str, size: str, back: str, what: str, end: str, code: int, words: str
) -> None:
    async def story(server: Server) -> None:
        client = await connected(server.port, 1)
        symbol, sec_type, exchange = contract.split()
        described = ["0", symbol, sec_type, "", "", "", "", exchange, "", "USD", "", ""]
        client.send("20", "1", *described, "0", end, size, back, "0", what, "1", "0", "")
        refused = await client.error(code)
        assert words in refused[3]

    play(tmp_path, story, start=NOW, clock_speed=0)


def test_histogram_and_head_timestamp_fit_the_bars(tmp_path: Folder) -> None:
    async def story(server: Server) -> None:
        client = await connected(server.port, 1)
        client.send("87", "1", *STOCK, "0", "1", "TRADES", "1")
        assert (await client.until("88"))[2] == "19801212-14:30:00"
        client.send("88", "2", *STOCK, "0", "1", "1 day")
        histogram = await client.until("89")
        sizes = [int(float(histogram[n])) for n in range(4, len(histogram), 2)]
        past = server.gateway.exchange.past(AAPL)
        spans = history.sessions("us_equity", NOW - DAY, NOW, regular=True, always=True)
        begin = NOW - DAY
        wanted = sum(
            bar[4]
            for span in spans
            for _, bar in past.minutes(
                max(begin, span.opens) // MINUTE, -(-min(NOW, span.closes) // MINUTE), NOW
            )
        )
        assert sum(sizes) == wanted

    play(tmp_path, story, start=NOW, clock_speed=0)
