"""Events of market data."""

from __future__ import annotations

from msgspec import structs
from sample_values import AAPL, MINUTE, NOW
from twsmq_protocol import topics
from twsmq_protocol.envelope import Event
from twsmq_protocol.market_events import (
    Bar,
    Bars,
    BestBidOffer,
    Depth,
    DepthDelta,
    Greeks,
    Headline,
    Midpoint,
    Quote,
    Stream,
    Ticks,
    Trade,
)

SPY_CALL = "OPT:SPY:SMART:USD:20261218:C:450"
AAPL_QUOTE = topics.quote_topic(AAPL)


MARKET: dict[str, tuple[str, str, Event]] = {
    "quote with every field": (
        "marketdata-0",
        AAPL_QUOTE,
        Quote(
            con_id=265598,
            bid=187.41,
            ask=187.43,
            last=187.42,
            bid_size=300.0,
            ask_size=200.0,
            last_size=100.0,
            volume=48_120_300.0,
            open=186.1,
            high=188.05,
            low=185.83,
            close=186.72,
            last_time=NOW,
            halted=False,
        ),
    ),
    "quote for those who just joined, most still unknown": (
        "marketdata-0",
        "quote/CASH:EUR:IDEALPRO:USD/",
        Quote(con_id=12087792, bid=1.08125, delayed=True, snapshot=True),
    ),
    "quote with options in the topic": (
        "marketdata-0",
        "quote/STK:AAPL:SMART:USD;generic=233/",
        Quote(con_id=265598, last=187.42),
    ),
    "ticks of one read": (
        "marketdata-0",
        f"tick/{AAPL}/",
        Ticks(con_id=265598, ticks=[(1, 187.41, 1), (0, 300.0, 0), (45, "1800000060", 0), (2, None, 0)]),
    ),
    "ticks with an option computation": (
        "marketdata-0",
        f"tick/{SPY_CALL}/",
        Ticks(con_id=700123456, ticks=[(13, [0.185, 0.52, 12.5, None, 0.01, 0.45, -0.125, 450.25], 0)]),
    ),
    "trade": (
        "marketdata-0",
        f"trade/{AAPL}/",
        Trade(con_id=265598, time=NOW, price=187.42, size=100.0, exchange="ISLAND", conditions=" FTI"),
    ),
    "bbo": (
        "marketdata-0",
        f"bbo/{AAPL}/",
        BestBidOffer(con_id=265598, time=NOW, bid=187.41, ask=187.43, bid_size=300.0, ask_size=200.0),
    ),
    "midpoint": ("marketdata-0", f"midpoint/{AAPL}/", Midpoint(con_id=265598, time=NOW, price=187.42)),
    "depth": (
        "marketdata-0",
        f"depth/{AAPL};rows=2/",
        Depth(
            con_id=265598,
            bids=[(187.41, 300.0, "ISLAND"), (187.4, 500.0, "ARCA")],
            asks=[(187.43, 200.0, "ISLAND")],
            snapshot=True,
        ),
    ),
    "depth delta": (
        "marketdata-0",
        f"depth/{AAPL};rows=2/",
        DepthDelta(
            con_id=265598,
            changes=[("ask", "insert", 1, 187.44, 100.0, "BATS"), ("bid", "delete", 1, 0.0, 0.0, "")],
        ),
    ),
    "bar still being formed": (
        "marketdata-0",
        f"bars/1m/{AAPL}/",
        Bar(con_id=265598, final=False, **structs.asdict(MINUTE)),
    ),
    "bars up to now": ("marketdata-0", f"bars/1m/{AAPL}/", Bars(con_id=265598, bars=[MINUTE])),
    "greeks": (
        "marketdata-0",
        f"greeks/{SPY_CALL}/",
        Greeks(con_id=700123456, basis="model", implied_vol=0.185, delta=0.52, price=12.5, underlying=450.25),
    ),
    "headline": (
        "marketdata-0",
        "news/BRFG/",
        Headline(provider="BRFG", article_id="BRFG$12345", headline="Apple opens a shop", time=NOW),
    ),
    "stream starting": ("marketdata-0", AAPL_QUOTE, Stream(state="starting")),
    "stream active": ("marketdata-0", AAPL_QUOTE, Stream(state="active", con_id=265598)),
    "stream active, repeated": (
        "marketdata-0",
        AAPL_QUOTE,
        Stream(state="active", con_id=265598, repeated=True),
    ),
    "stream delayed": (
        "marketdata-0",
        AAPL_QUOTE,
        Stream(state="delayed", code=10167, text="Displaying delayed market data.", con_id=265598),
    ),
    "stream frozen": ("marketdata-0", AAPL_QUOTE, Stream(state="frozen", con_id=265598)),
    "stream gap that lasts": (
        "marketdata-0",
        AAPL_QUOTE,
        Stream(state="gap", from_=NOW, reason="the gateway lost its connection to IB", con_id=265598),
    ),
    "stream resumed": (
        "marketdata-0",
        AAPL_QUOTE,
        Stream(state="resumed", from_=NOW, to=NOW + 2_300_000_000, con_id=265598),
    ),
    "stream error of the gateway": (
        "marketdata-0",
        "quote/STK:NOSUCH:SMART:USD/",
        Stream(state="error", code=200, text="No security definition has been found for the request"),
    ),
    "stream closed": ("marketdata-0", AAPL_QUOTE, Stream(state="closed", reason="nobody is left")),
}
