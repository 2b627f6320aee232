"""The same questions asked of the simulated gateway by ib_async and over the bus: equal answers.

ib_async decodes by itself, and speaks an older version of the wire: what both say is what the gateway said.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

import ib_async
import pytest
from support.cluster import Cluster
from twsmq import Client

NS = 1_000_000_000
DAY = timedelta(days=1)
END = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - DAY
AAPL = ib_async.Stock("AAPL", "SMART", "USD")
EURO = ib_async.Forex("EURUSD")
ES = ib_async.Future("ES", "20261218", "CME", currency="USD")
NAMES: dict[str, Any] = {
    "STK:AAPL:SMART:USD": AAPL,
    "STK:KO:SMART:USD": ib_async.Stock("KO", "SMART", "USD"),
    "STK:SPY:SMART:USD": ib_async.Stock("SPY", "SMART", "USD"),
    "CASH:EUR:IDEALPRO:USD": EURO,
    "FUT:ES:CME:USD:20261218": ES,
}
OTHERS: dict[str, Any] = {
    "CFD:AAPL:SMART:USD": ib_async.CFD("AAPL", "SMART", "USD"),
    "FUND:VINIX:FUNDSERV:USD": ib_async.Contract(
        secType="FUND", symbol="VINIX", exchange="FUNDSERV", currency="USD"
    ),
    "IND:SPX:CBOE:USD": ib_async.Index("SPX", "CBOE", "USD"),
    "CRYPTO:BTC:PAXOS:USD": ib_async.Crypto("BTC", "PAXOS", "USD"),
    "CONTFUT:ES:CME:USD": ib_async.ContFuture("ES", "CME", currency="USD"),
    "FUT:SI:COMEX:USD:202612:::1000": ib_async.Future(
        "SI", "202612", "COMEX", multiplier="1000", currency="USD"
    ),
    "STK:KWEB:SMART@LSEETF:USD": ib_async.Stock("KWEB", "SMART", "USD", primaryExchange="LSEETF"),
}
NAMES |= OTHERS


class Question(NamedTuple):
    """`theirs` and `ours` give the same rows."""

    name: str
    theirs: Callable[[ib_async.IB], Awaitable[list[Any]]]
    ours: Callable[[Client], list[Any]]


def ns(moment: date | datetime) -> int:
    if not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day, tzinfo=UTC)
    return int(moment.timestamp()) * NS


def known(value: float) -> float | None:
    """-1 is how the gateway says that there is none."""
    return None if value == -1 else float(value)


BARS = [
    ("STK:AAPL:SMART:USD", "1m", "1 min", "TRADES", True, 3),
    ("STK:AAPL:SMART:USD", "1m", "1 min", "TRADES", False, 3),
    ("STK:AAPL:SMART:USD", "5m", "5 mins", "BID", True, 5),
    ("STK:AAPL:SMART:USD", "5m", "5 mins", "ASK", True, 5),
    ("STK:AAPL:SMART:USD", "15m", "15 mins", "MIDPOINT", True, 7),
    ("STK:AAPL:SMART:USD", "30m", "30 mins", "BID_ASK", True, 7),
    ("STK:AAPL:SMART:USD", "1h", "1 hour", "TRADES", True, 20),
    ("STK:AAPL:SMART:USD", "1d", "1 day", "TRADES", True, 60),
    ("STK:KO:SMART:USD", "2m", "2 mins", "TRADES", True, 4),
    ("STK:KO:SMART:USD", "10m", "10 mins", "TRADES", True, 10),
    ("STK:SPY:SMART:USD", "3m", "3 mins", "TRADES", True, 4),
    ("STK:SPY:SMART:USD", "20m", "20 mins", "HISTORICAL_VOLATILITY", True, 10),
    ("CASH:EUR:IDEALPRO:USD", "5m", "5 mins", "MIDPOINT", False, 3),
    ("CASH:EUR:IDEALPRO:USD", "1d", "1 day", "BID", False, 40),
    ("FUT:ES:CME:USD:20261218", "1m", "1 min", "TRADES", False, 2),
    ("FUT:ES:CME:USD:20261218", "1h", "1 hour", "TRADES", False, 15),
    ("CRYPTO:BTC:PAXOS:USD", "1h", "1 hour", "AGGTRADES", False, 3),
    ("FUT:SI:COMEX:USD:202612:::1000", "30m", "30 mins", "BID_ASK", False, 3),
]


def bars(instrument: str, size: str, setting: str, what: str, rth: bool, days: int) -> Question:
    begin = END - days * DAY

    async def theirs(api: ib_async.IB) -> list[Any]:
        rows = await api.reqHistoricalDataAsync(
            NAMES[instrument], END, f"{days + 1} D", setting, what, useRTH=rth, formatDate=2
        )
        return [
            (ns(row.date), row.open, row.high, row.low, row.close, known(row.volume), known(row.average),
             None if row.barCount == -1 else row.barCount)
            for row in rows
            if begin <= datetime.fromtimestamp(ns(row.date) // NS, UTC) < END
        ]  # fmt: skip

    def ours(client: Client) -> list[Any]:
        found = client.bars(instrument, size, start=begin, end=END, what=what, rth=rth)
        return [
            (row.time, row.open, row.high, row.low, row.close, row.volume, row.wap, row.count)
            for row in found
        ]

    return Question(f"bars {instrument} {size} {what} {'rth' if rth else 'all'}", theirs, ours)


def details(instrument: str) -> Question:
    async def theirs(api: ib_async.IB) -> list[Any]:
        (found,) = await api.reqContractDetailsAsync(NAMES[instrument])
        one = found.contract
        assert one is not None
        return [
            one.conId, one.symbol, one.localSymbol, one.tradingClass, one.currency, found.longName or None,
            found.minTick, found.orderTypes, found.validExchanges, found.priceMagnifier, found.timeZoneId,
            found.tradingHours, found.liquidHours, found.marketRuleIds, found.minSize, found.sizeIncrement,
        ]  # fmt: skip

    def ours(client: Client) -> list[Any]:
        one = client.contract(instrument)
        return [
            one.con_id, one.symbol, one.local_symbol, one.trading_class, one.currency, one.long_name,
            one.min_tick, one.order_types, one.valid_exchanges, one.price_magnifier, one.time_zone_id,
            one.trading_hours, one.liquid_hours, one.market_rule_ids, one.min_size, one.size_increment,
        ]  # fmt: skip

    return Question(f"contract {instrument}", theirs, ours)


def head(instrument: str, what: str) -> Question:
    async def theirs(api: ib_async.IB) -> list[Any]:
        return [ns(await api.reqHeadTimeStampAsync(NAMES[instrument], what, True, 2))]

    def ours(client: Client) -> list[Any]:
        return [
            client.request("history", "head_timestamp", _of(instrument, what=what, rth=True), timeout=60)[
                "time"
            ]
        ]

    return Question(f"head {instrument}", theirs, ours)


def schedule(instrument: str) -> Question:
    async def theirs(api: ib_async.IB) -> list[Any]:
        found = await api.reqHistoricalScheduleAsync(NAMES[instrument], 30, END, True)
        return [(row.refDate, row.startDateTime, row.endDateTime) for row in found.sessions][-15:]

    def ours(client: Client) -> list[Any]:
        args = _of(instrument, rth=True, **{"from": ns(END - 30 * DAY), "to": ns(END)})
        found = client.request("history", "schedule", args, timeout=60)
        from zoneinfo import ZoneInfo

        zone = ZoneInfo(found["time_zone"])

        def local(at: int) -> str:
            return f"{datetime.fromtimestamp(at // NS, zone):%Y%m%d-%H:%M:%S}"

        return [(row["date"], local(row["open"]), local(row["close"])) for row in found["sessions"]][-15:]

    return Question(f"schedule {instrument}", theirs, ours)


def ticks(what: str) -> Question:
    begin = END - 4 * DAY + timedelta(hours=15)

    async def theirs(api: ib_async.IB) -> list[Any]:
        rows = await api.reqHistoricalTicksAsync(AAPL, begin, "", 1000, what, True)
        names = ("priceBid", "priceAsk", "sizeBid", "sizeAsk") if what == "BID_ASK" else ("price", "size")
        found = [(ns(row.time), *(float(getattr(row, name)) for name in names)) for row in rows]
        return [row for row in found if row[0] < ns(begin) + 120 * NS]

    def ours(client: Client) -> list[Any]:
        rows = client.ticks("STK:AAPL:SMART:USD", begin, begin + timedelta(seconds=120), what=what, rth=True)
        if what == "BID_ASK":
            return [(row.time, row.bid, row.ask, row.bid_size, row.ask_size) for row in rows]
        return [(row.time, row.price, row.size or 0.0) for row in rows]

    return Question(f"ticks {what}", theirs, ours)


def matching(pattern: str) -> Question:
    async def theirs(api: ib_async.IB) -> list[Any]:
        found = await api.reqMatchingSymbolsAsync(pattern)
        pairs = [(one.contract, one.derivativeSecTypes) for one in found or []]
        return [(one.conId, one.symbol, one.secType, list(kinds)) for one, kinds in pairs if one is not None]

    def ours(client: Client) -> list[Any]:
        return [(one.con_id, one.symbol, one.sec_type, one.derivatives) for one in client.search(pattern)]

    return Question(f"search {pattern}", theirs, ours)


def expiries() -> Question:
    async def theirs(api: ib_async.IB) -> list[Any]:
        found = await api.reqSecDefOptParamsAsync("AAPL", "", "STK", 265598)
        return sorted({day for one in found for day in one.expirations})

    def ours(client: Client) -> list[Any]:
        args = _of("STK:AAPL:SMART:USD")
        return client.request("reference", "option_chain", args, timeout=120)["expiries"]

    return Question("expiries", theirs, ours)


def scan() -> Question:
    """Which stocks they are depends on the moment."""

    async def theirs(api: ib_async.IB) -> list[Any]:
        wanted = ib_async.ScannerSubscription(
            instrument="STK", locationCode="STK.US.MAJOR", scanCode="MOST_ACTIVE", numberOfRows=5
        )
        return [one.rank for one in await api.reqScannerDataAsync(wanted)]

    def ours(client: Client) -> list[Any]:
        found = client.request("reference", "scanner", {"scan": "MOST_ACTIVE", "rows": 5}, timeout=60)
        return [one["rank"] for one in found["rows"]]

    return Question("scan", theirs, ours)


def providers() -> Question:
    async def theirs(api: ib_async.IB) -> list[Any]:
        return [(one.code, one.name) for one in await api.reqNewsProvidersAsync()]

    def ours(client: Client) -> list[Any]:
        found = client.request("reference", "news_providers", {}, timeout=60)["providers"]
        return [(one["code"], one["name"]) for one in found]

    return Question("news providers", theirs, ours)


def _of(instrument: str, **more: Any) -> dict[str, Any]:
    return {"instrument": instrument, **more}


QUESTIONS = [
    *(bars(*row) for row in BARS),
    *(details(instrument) for instrument in NAMES),
    head("STK:AAPL:SMART:USD", "TRADES"),
    head("CASH:EUR:IDEALPRO:USD", "MIDPOINT"),
    schedule("STK:AAPL:SMART:USD"),
    ticks("TRADES"),
    ticks("BID_ASK"),
    matching("AAP"),
    matching("SP"),
    expiries(),
    scan(),
    providers(),
]


@pytest.fixture(scope="module")
def client(cluster: Cluster) -> Iterator[Client]:
    with Client(port_base=cluster.port_base) as connected:
        yield connected


@pytest.fixture(scope="module")
def their_answers(cluster: Cluster) -> dict[str, list[Any]]:
    async def ask() -> dict[str, list[Any]]:
        api = ib_async.IB()
        await api.connectAsync("127.0.0.1", cluster.gateway_port, clientId=77, timeout=60)
        try:
            return {question.name: await question.theirs(api) for question in QUESTIONS}
        finally:
            api.disconnect()

    return asyncio.run(ask())


def test_there_are_thirty() -> None:
    assert len({question.name for question in QUESTIONS}) == len(QUESTIONS) >= 30


@pytest.mark.timeout(300)
@pytest.mark.parametrize("question", QUESTIONS, ids=[question.name for question in QUESTIONS])
def test_both_are_told_the_same(
    question: Question, client: Client, their_answers: dict[str, list[Any]]
) -> None:
    theirs = their_answers[question.name]
    assert theirs
    assert question.ours(client) == theirs
