"""What the histories of a market-data core draw from: topics, limits of the gateway, its objections."""

from __future__ import annotations

from hypothesis import strategies as st
from twsmq_nodes.marketdata.feeds import FeedKind
from twsmq_nodes.tws import reference_requests as ref
from twsmq_nodes.tws import requests as req
from twsmq_nodes.tws import stream_requests as streams
from twsmq_protocol.config import Marketdata

SYMBOLS = ("AAPL", "MSFT", "NVDA", "TSLA")
TOPICS = [
    *(f"{kind}/STK:{symbol}:SMART:USD/" for symbol in SYMBOLS for kind in ("quote", "tick", "trade")),
    *(f"quote/CONID:{number}:SMART/" for number in range(1, 5)),
    *(f"{kind}/STK:AAPL:SMART:USD/" for kind in ("bars/1m", "bars/5s", "bar5s", "depth", "midpoint")),
    "quote/STK:AAPL:SMART:USD;data=any/",
    "news/BRFG/",
]
LIMITS = Marketdata(grace_s=5, lines=3, tick_by_tick_lines=2, depth_lines=1)
POOLS: dict[type[req.Request], FeedKind] = {
    streams.ReqMktData: FeedKind.MARKET_DATA,
    streams.ReqTickByTick: FeedKind.TICK_BY_TICK,
    streams.ReqDepth: FeedKind.DEPTH,
    streams.ReqRealTimeBars: FeedKind.REALTIME_BARS,
    ref.ReqHistoricalData: FeedKind.HISTORY,
}
FULL = {FeedKind.MARKET_DATA: 101, FeedKind.TICK_BY_TICK: 10190, FeedKind.DEPTH: 309}
LIMIT = {
    FeedKind.MARKET_DATA: LIMITS.lines,
    FeedKind.TICK_BY_TICK: LIMITS.tick_by_tick_lines,
    FeedKind.DEPTH: 1,
}
CANCELS = (
    streams.CancelMktData,
    streams.CancelTickByTick,
    streams.CancelDepth,
    streams.CancelRealTimeBars,
    ref.CancelHistoricalData,
)
FLOWING = frozenset(("active", "delayed", "frozen", "resumed"))
STANDING = (317, 2150, 2188, 165)
OBJECTIONS = (100, 102, 162, 200, 316, 354, 420, 10182, 10197, 10225, 10299, 99999)
topics = st.sampled_from(TOPICS)
