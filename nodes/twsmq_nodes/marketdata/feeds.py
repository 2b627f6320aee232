"""What one gateway line carries, and the requests that start and end it.

Equal feeds share one line: topics of different kinds and spellings, as long as the gateway is asked the same.
So a feed holds what the request holds, spelled in one way, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from msgspec import Struct
from twsmq_protocol.config import Marketdata
from twsmq_protocol.instruments import usual_bars
from twsmq_protocol.streams import BAR_SIZES, seconds_of
from twsmq_protocol.topics import StreamTopic

from twsmq_nodes.tws.contracts import Contract
from twsmq_nodes.tws.ledger import OPEN_HISTORIES, OPEN_LOOK_BACKS
from twsmq_nodes.tws.reference_requests import CancelHistoricalData, ReqHistoricalData
from twsmq_nodes.tws.requests import Request
from twsmq_nodes.tws.stream_requests import (
    CancelDepth,
    CancelMktData,
    CancelRealTimeBars,
    CancelTickByTick,
    ReqDepth,
    ReqMktData,
    ReqRealTimeBars,
    ReqTickByTick,
)

from .data.bars import HistoryChannel, RealTimeBarChannel
from .data.channels import Channel
from .data.depth import DepthChannel
from .data.market_data import MarketDataChannel
from .data.news import NewsChannel
from .data.tick_by_tick import TickByTickChannel
from .listings import Listing


class FeedKind(Enum):
    """The gateway's kinds of subscriptions, each with a limit of its own."""

    MARKET_DATA = "market_data"
    TICK_BY_TICK = "tick_by_tick"
    DEPTH = "depth"
    REALTIME_BARS = "realtime_bars"
    HISTORY = "history"
    NEWS = "news"


class Feed(Struct, frozen=True):
    """`contract` is the least that names it to the gateway. Of the rest each kind uses what its request
    has.
    """

    kind: FeedKind
    contract: Contract
    generic_ticks: str = ""
    regulatory: bool = False
    what: str = ""
    ignore_size: bool = False
    rows: int = 0
    smart: bool = False
    regular_hours: bool = False
    bar_size: str = ""
    back: str = ""
    data: str = ""


_LONG_BARS = frozenset(("1d", "1w", "1mo"))


def listing_without_instrument(topic: StreamTopic) -> Listing:
    """What stands for the contract where a kind has no instrument: what its own feed asks for."""
    return Listing(feed_of(topic, Listing(Contract())).contract)


def feed_of(topic: StreamTopic, listing: Listing, default_data: str = "live") -> Feed:
    """The feed that serves `topic`. `default_data`: which data it accepts unless it says so."""
    options, contract = dict(topic.options), listing.contract
    match topic.kind:
        case "news":
            return _news_feed(topic.qualifier)
        case "trade" | "bbo" | "midpoint":
            what = {"bbo": "BidAsk", "midpoint": "MidPoint"}.get(topic.kind) or (
                "AllLast" if options.get("all") == "1" else "Last"
            )
            return Feed(
                FeedKind.TICK_BY_TICK, contract, what=what, ignore_size=options.get("ignore_size") == "1"
            )
        case "depth":
            smart = options.get("smart", "1" if contract.exchange == "SMART" else "0") == "1"
            return Feed(FeedKind.DEPTH, contract, rows=int(options.get("rows", "5")), smart=smart)
        case "bar5s" | "bars":
            what = options.get("what") or usual_bars(listing.sec_type)
            hours = options.get("rth") == "1"
            if topic.kind == "bar5s":
                return Feed(FeedKind.REALTIME_BARS, contract, what=what, regular_hours=hours)
            back = options.get("back") or ("1Y" if topic.qualifier in _LONG_BARS else "1D")
            size = topic.qualifier
            return Feed(FeedKind.HISTORY, contract, what=what, regular_hours=hours, bar_size=size, back=back)
        case "quote" | "tick" | "greeks":
            generic = sorted({int(number) for number in options.get("generic", "").split(",") if number})
            return Feed(
                FeedKind.MARKET_DATA,
                contract,
                ",".join(map(str, generic)),
                regulatory=options.get("regulatory") == "1",
                data=options.get("data") or default_data,
            )
        case _:
            raise AssertionError(f"no feed serves {topic.kind}/: add its case here")


def _news_feed(provider: str) -> Feed:
    """All headlines of one provider (IBKR API docs: a contract of the type NEWS, generic tick 292)."""
    contract = Contract(symbol=f"{provider}:{provider}_ALL", sec_type="NEWS", exchange=provider)
    return Feed(FeedKind.NEWS, contract, "mdoff,292")


def bar_seconds(feed: Feed) -> float:
    """How long a bar of a history lasts."""
    return float(seconds_of(feed.bar_size))


def _market_data(feed: Feed, req_id: int) -> Request:
    return ReqMktData(req_id, feed.contract, feed.generic_ticks, regulatory_snapshot=feed.regulatory)


def _tick_by_tick(feed: Feed, req_id: int) -> Request:
    return ReqTickByTick(req_id, feed.contract, feed.what, 0, feed.ignore_size)


def _depth(feed: Feed, req_id: int) -> Request:
    return ReqDepth(req_id, feed.contract, feed.rows, feed.smart)


def _real_time_bars(feed: Feed, req_id: int) -> Request:
    return ReqRealTimeBars(req_id, feed.contract, 5, feed.what, feed.regular_hours)


def _history(feed: Feed, req_id: int) -> Request:
    return ReqHistoricalData(
        req_id,
        feed.contract,
        end="",
        duration=f"{feed.back[:-1]} {feed.back[-1]}",
        bar_size=BAR_SIZES[feed.bar_size],
        what_to_show=feed.what,
        use_rth=int(feed.regular_hours),
        format_date=2,
        keep_up_to_date=True,
    )


def _slow(_feed: Feed, silent_s: float) -> float:
    """Trades and five-second bars of a slow instrument come far apart."""
    return 5 * silent_s


def _by_bar(feed: Feed, silent_s: float) -> float:
    """The newest bar is sent anew every 4 to 6 s (IBKR API docs), at the latest when the next one begins."""
    return max(silent_s, bar_seconds(feed) + BAR_DUE_S)


BAR_DUE_S = 15.0
LONGEST_PATIENCE_S = 3600.0
_MARKET = frozenset(("market",))


class FeedSpec(Struct, frozen=True):
    """What there is to know of a kind of line.

    `limit`: lines at once, of the whole account. `pool`: the kind with which it shares that limit, None for
    itself. `farms`: the gateway's kinds of data farms that it needs. `patience`: seconds of silence that are
    normal for a feed of it as long as its own pace is not known, given the configured ones; never more than
    `most_patience`. `answered_at_once`: a request is answered with the present state, if there is any.
    `refilled`: it has a past that an interruption makes a hole in, so it is asked for again after one.
    `number_is`: where their limit comes from.
    """

    request: Callable[[Feed, int], Request]
    cancel: Callable[[Feed, int], Request]
    channel: type[Channel]
    limit: Callable[[Marketdata], int]
    patience: Callable[[Feed, float], float]
    farms: frozenset[str] = _MARKET
    pool: FeedKind | None = None
    most_patience: float = LONGEST_PATIENCE_S
    answered_at_once: bool = False
    refilled: bool = False
    number_is: str = "[marketdata] sets their number"


FEEDS: dict[FeedKind, FeedSpec] = {
    FeedKind.MARKET_DATA: FeedSpec(
        request=_market_data,
        cancel=lambda _, req_id: CancelMktData(req_id),
        channel=MarketDataChannel,
        limit=lambda config: config.lines,
        patience=lambda _, silent_s: silent_s,
        answered_at_once=True,
    ),
    FeedKind.TICK_BY_TICK: FeedSpec(
        request=_tick_by_tick,
        cancel=lambda _, req_id: CancelTickByTick(req_id),
        channel=TickByTickChannel,
        limit=lambda config: config.tick_by_tick_lines,
        patience=_slow,
    ),
    FeedKind.DEPTH: FeedSpec(
        request=_depth,
        cancel=lambda feed, req_id: CancelDepth(req_id, feed.smart),
        channel=DepthChannel,
        limit=lambda config: config.depth_lines,
        patience=lambda _, silent_s: silent_s,
        answered_at_once=True,
    ),
    FeedKind.REALTIME_BARS: FeedSpec(
        request=_real_time_bars,
        cancel=lambda _, req_id: CancelRealTimeBars(req_id),
        channel=RealTimeBarChannel,
        limit=lambda config: config.lines,
        patience=lambda _, silent_s: silent_s,
    ),
    # Of all histories the gateway allows 50 at once; the updates of those kept up to date need a market farm
    # too, the bars up to now a historical one (IBKR API docs; nautilus_trader #3968).
    FeedKind.HISTORY: FeedSpec(
        request=_history,
        cancel=lambda _, req_id: CancelHistoricalData(req_id),
        channel=HistoryChannel,
        limit=lambda _: OPEN_HISTORIES - OPEN_LOOK_BACKS,
        patience=_by_bar,
        farms=frozenset(("historical", "market")),
        refilled=True,
        number_is=f"IBKR allows {OPEN_HISTORIES} histories at once, and {OPEN_LOOK_BACKS} are for look-backs",
    ),
    # A provider may have nothing to say for a night.
    FeedKind.NEWS: FeedSpec(
        request=_market_data,
        cancel=lambda _, req_id: CancelMktData(req_id),
        channel=NewsChannel,
        limit=lambda config: config.lines,
        pool=FeedKind.MARKET_DATA,
        patience=lambda _, silent_s: max(silent_s, LONGEST_PATIENCE_S),
        most_patience=86400.0,
    ),
}
"""A row per kind of line: what the rest of the node knows of it."""
