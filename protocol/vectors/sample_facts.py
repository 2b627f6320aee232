"""Replies with contracts, history and news: what the reference and history nodes know."""

from __future__ import annotations

from msgspec import Struct
from sample_values import AAPL
from twsmq_protocol.errors import RequestError
from twsmq_protocol.history_requests import (
    BarPage,
    Head,
    Histogram,
    Schedule,
    SessionRow,
    TickPage,
    TickRow,
)
from twsmq_protocol.market_events import BarRow
from twsmq_protocol.news_requests import Article, Headline, Headlines, NewsProvider, NewsProviders
from twsmq_protocol.reference_requests import (
    DepthExchangeRow,
    DepthExchanges,
    ExchangeRule,
    FoundSymbol,
    FoundSymbols,
    ListedContract,
    MarketRules,
    OptionChain,
    OptionValue,
    PriceIncrement,
    Qualified,
    SmartComponent,
    SmartComponents,
    TradingHours,
    UserInfo,
)
from twsmq_protocol.requests import (
    ContractList,
    ContractRow,
)
from twsmq_protocol.scanner_requests import Scanned, ScannerParameter, ScannerParameterList, ScannerRow

FACTS: dict[str, tuple[str | int | None, Struct | RequestError]] = {
    "bars": (
        3,
        BarPage(
            bars=[
                BarRow(
                    time=1_790_000_040_000_000_000,
                    open=187.4,
                    high=187.5,
                    low=187.3,
                    close=187.41,
                    volume=1200.0,
                    wap=187.42,
                    count=37,
                )
            ],
            con_id=None,
            what="TRADES",
            next=1_790_000_100_000_000_000,
        ),
    ),
    "ticks": (
        5,
        TickPage(
            ticks=[TickRow(time=1_790_000_001_000_000_000, price=187.4, size=100.0, exchange="ISLAND")],
            con_id=265598,
        ),
    ),
    "head timestamp": (6, Head(time=345_479_400_000_000_000, what="TRADES")),
    "schedule": (
        7,
        Schedule(
            sessions=[
                SessionRow(open=1_790_001_000_000_000_000, close=1_790_024_400_000_000_000, date="20260921")
            ],
            time_zone="US/Eastern",
        ),
    ),
    "histogram": (8, Histogram(prices=[(187.4, 1200.0), (187.41, 300.0)])),
    "qualify": (
        10,
        Qualified(
            contract=None,
            candidates=[
                ListedContract(
                    instrument="FUT:ES:CME:USD:20261218",
                    con_id=495512563,
                    sec_type="FUT",
                    symbol="ES",
                    exchange="CME",
                    expiry="20261218",
                    multiplier="50",
                )
            ],
            told_apart_by=["expiry"],
            matches=5,
        ),
    ),
    "option chain": (
        11,
        OptionChain(
            underlying=AAPL,
            con_id=265598,
            expiries=["20261218", "20270115"],
            contracts=[
                ListedContract(
                    instrument="OPT:AAPL:SMART:USD:20261218:C:190",
                    con_id=500000001,
                    sec_type="OPT",
                    symbol="AAPL",
                    exchange="SMART",
                    trading_class="AAPL",
                    expiry="20261218",
                    right="C",
                    strike=190.0,
                    multiplier="100",
                )
            ],
        ),
    ),
    "search": (
        12,
        FoundSymbols(
            contracts=[
                FoundSymbol(
                    instrument="STK:AAPL:NASDAQ:USD",
                    con_id=265598,
                    sec_type="STK",
                    symbol="AAPL",
                    primary_exchange="NASDAQ",
                    currency="USD",
                    long_name="APPLE INC",
                    derivatives=["OPT"],
                )
            ]
        ),
    ),
    "trading hours": (
        13,
        TradingHours(
            con_id=265598,
            time_zone="US/Eastern",
            time_zone_id="US/Eastern",
            trading=[
                SessionRow(open=1_790_001_000_000_000_000, close=1_790_024_400_000_000_000, date="20260921")
            ],
            liquid=[],
            closed=["20260920"],
        ),
    ),
    "market rule": (
        14,
        MarketRules(
            instrument=AAPL,
            con_id=265598,
            min_tick=0.01,
            min_size=0.0001,
            size_increment=0.0001,
            price_magnifier=1,
            rules=[
                ExchangeRule(exchange="SMART", rule=26, increments=[PriceIncrement(low=0.0, increment=0.01)])
            ],
        ),
    ),
    "news providers": (15, NewsProviders(providers=[NewsProvider(code="BRFG", name="Briefing.com")])),
    "news": (
        16,
        Headlines(
            headlines=[
                Headline(
                    time=1_774_272_315_000_000_000,
                    time_text="2026-03-23 13:25:15.0",
                    provider="BRFG",
                    article_id="BRFG$12",
                    headline="Apple: a headline",
                )
            ],
            more=True,
        ),
    ),
    "article": (17, Article(kind="text", text="An article.")),
    "scanner": (
        18,
        Scanned(rows=[ScannerRow(rank=0, instrument=AAPL, con_id=265598, symbol="AAPL", sec_type="STK")]),
    ),
    "scanner parameters": (
        19,
        ScannerParameterList(
            parameters=[ScannerParameter(kind="scan", code="TOP_PERC_GAIN", name="Top % Gainers")], total=1
        ),
    ),
    "option price": (
        21,
        OptionValue(
            con_id=500000001,
            option_price=4.2,
            implied_volatility=0.25,
            under_price=187.5,
            delta=0.45,
            gamma=0.02,
            vega=0.2,
            theta=-0.05,
            pv_dividend=None,
        ),
    ),
    "market depth exchanges": (
        22,
        DepthExchanges(exchanges=[DepthExchangeRow(exchange="ISLAND", sec_type="STK", kind="Deep2")]),
    ),
    "smart components": (
        23,
        SmartComponents(components=[SmartComponent(bit=0, exchange="NASDAQ", letter="Q")]),
    ),
    "user info": (24, UserInfo(white_branding_id=None)),
    "contract details": (
        2,
        ContractList(
            contracts=[
                ContractRow(
                    instrument="CONID:265598:SMART",
                    con_id=265598,
                    sec_type="STK",
                    symbol="AAPL",
                    exchange="SMART",
                    primary_exchange="NASDAQ",
                    currency="USD",
                    local_symbol="AAPL",
                    trading_class="NMS",
                    long_name="APPLE INC",
                    min_tick=0.01,
                    order_types="LMT,MKT,STP",
                    valid_exchanges="SMART,NASDAQ",
                    time_zone_id="US/Eastern",
                )
            ]
        ),
    ),
}
