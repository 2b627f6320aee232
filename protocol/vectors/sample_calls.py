"""What an op is asked and what it answers, in one row: a new op has its row here.

Ops whose samples are many, or shared, have requests and replies apart (`sample_requests`, `sample_replies`).
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct
from sample_values import AAPL, NOW
from twsmq_protocol.adviser_requests import FaGroups, FaGroupsReplaced
from twsmq_protocol.calendar_requests import WshEvents, WshMeta
from twsmq_protocol.fundamental_requests import Fundamentals
from twsmq_protocol.history_requests import (
    Head,
    Histogram,
    Schedule,
    SessionRow,
)
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
from twsmq_protocol.scanner_requests import Scanned, ScannerParameter, ScannerParameterList, ScannerRow


class Call(Struct, frozen=True):
    """`id`: of the request and its reply."""

    id: str | int
    op: str
    args: dict[str, Any] | None
    result: Struct
    valid_until: int | None = None


CALLS: dict[str, Call] = {
    "head timestamp": Call(
        6, "head_timestamp", {"instrument": AAPL}, Head(time=345_479_400_000_000_000, what="TRADES")
    ),
    "schedule": Call(
        7,
        "schedule",
        {"instrument": AAPL, "from": 1_790_000_000_000_000_000},
        Schedule(
            sessions=[
                SessionRow(open=1_790_001_000_000_000_000, close=1_790_024_400_000_000_000, date="20260921")
            ],
            time_zone="US/Eastern",
        ),
    ),
    "histogram": Call(
        8,
        "histogram",
        {"instrument": AAPL, "period": "3D"},
        Histogram(prices=[(187.4, 1200.0), (187.41, 300.0)]),
    ),
    "qualify": Call(
        10,
        "qualify",
        {"instrument": "FUT:ES:CME:USD"},
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
        NOW,
    ),
    "option chain": Call(
        11,
        "option_chain",
        {"instrument": AAPL, "expiry": "20261218"},
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
    "search": Call(
        12,
        "search",
        {"pattern": "APPL"},
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
    "trading hours": Call(
        13,
        "trading_hours",
        {"instrument": AAPL},
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
    "market rule": Call(
        14,
        "market_rule",
        {"instrument": AAPL},
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
    "news providers": Call(
        15, "news_providers", None, NewsProviders(providers=[NewsProvider(code="BRFG", name="Briefing.com")])
    ),
    "news": Call(
        16,
        "news",
        {"instrument": AAPL, "providers": ["BRFG"], "limit": 20},
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
    "article": Call(
        17, "article", {"provider": "BRFG", "article_id": "BRFG$12"}, Article(kind="text", text="An article.")
    ),
    "scanner": Call(
        18,
        "scanner",
        {"scan": "TOP_PERC_GAIN", "filters": {"priceAbove": "5"}},
        Scanned(rows=[ScannerRow(rank=0, instrument=AAPL, con_id=265598, symbol="AAPL", sec_type="STK")]),
    ),
    "scanner parameters": Call(
        19,
        "scanner_parameters",
        {"search": "percent"},
        ScannerParameterList(
            parameters=[ScannerParameter(kind="scan", code="TOP_PERC_GAIN", name="Top % Gainers")], total=1
        ),
    ),
    "option price": Call(
        21,
        "option_price",
        {"instrument": "CONID:500000001:SMART", "volatility": 0.25, "under_price": 187.5},
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
    "market depth exchanges": Call(
        22,
        "market_depth_exchanges",
        None,
        DepthExchanges(exchanges=[DepthExchangeRow(exchange="ISLAND", sec_type="STK", kind="Deep2")]),
    ),
    "smart components": Call(
        23,
        "smart_components",
        {"bbo_exchange": "9c0001"},
        SmartComponents(components=[SmartComponent(bit=0, exchange="NASDAQ", letter="Q")]),
    ),
    "events of companies": Call(
        25,
        "wsh_events",
        {"instrument": "STK:AAPL:SMART:USD", "from": "20261201", "limit": 10},
        WshEvents(events=[{"event_type": "wshe_ed", "conids": ["265598"]}]),
    ),
    "kinds of events": Call(
        26, "wsh_meta", None, WshMeta(meta={"meta_data": {"event_types": [{"tag": "wshe_ed"}]}})
    ),
    "a report about a company": Call(
        27,
        "fundamentals",
        {"instrument": "STK:AAPL:SMART:USD", "report": "ReportSnapshot"},
        Fundamentals(report="ReportSnapshot", xml="<ReportSnapshot/>"),
    ),
    "an adviser's groups": Call(
        28, "fa_groups", {"list": "groups"}, FaGroups(list="groups", xml="<ListOfGroups/>")
    ),
    "an adviser's groups, replaced": Call(
        29,
        "replace_fa_groups",
        {"list": "groups", "xml": "<ListOfGroups/>"},
        FaGroupsReplaced(message="OK"),
    ),
    "user info": Call(24, "user_info", None, UserInfo(white_branding_id=None)),
}
