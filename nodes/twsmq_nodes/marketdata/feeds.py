"""What one gateway line carries, and the requests that start and end it.

Equal feeds share one line: topics of different kinds and spellings, as long as the gateway is asked the same.
So a feed holds what the request holds, spelled in one way, and nothing else.
"""

from __future__ import annotations

import re
from enum import Enum

from msgspec import Struct
from twsmq_protocol.errors import FieldError
from twsmq_protocol.topics import BAR_SIZES, StreamTopic

from twsmq_nodes.tws.contracts import Contract
from twsmq_nodes.tws.requests import (
    CancelDepth,
    CancelHistoricalData,
    CancelMktData,
    CancelRealTimeBars,
    CancelTickByTick,
    ReqDepth,
    ReqHistoricalData,
    ReqMktData,
    ReqRealTimeBars,
    ReqTickByTick,
    Request,
)

from .contracts import Listing


class FeedKind(Enum):
    """The gateway's kinds of subscriptions, each with a limit of its own."""

    MARKET_DATA = "market_data"
    TICK_BY_TICK = "tick_by_tick"
    DEPTH = "depth"
    REALTIME_BARS = "realtime_bars"
    HISTORY = "history"


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


_FLAG = (re.compile("[01]"), "0 or 1")
_GENERIC = (re.compile(r"\d{1,4}(,\d{1,4})*"), "tick numbers, like 233,236")
_WHAT = (re.compile("TRADES|MIDPOINT|BID|ASK"), "TRADES, MIDPOINT, BID or ASK")
_ROWS = (re.compile("[1-5]?[0-9]|60"), "1 to 60")
_BACK = (re.compile("[1-9][0-9]{0,4}[SDWMY]"), "a number and S, D, W, M or Y, like 2D")

_OPTIONS: dict[str, dict[str, tuple[re.Pattern[str], str]]] = {
    "quote": {"generic": _GENERIC, "regulatory": _FLAG},
    "tick": {"generic": _GENERIC, "regulatory": _FLAG},
    "greeks": {"generic": _GENERIC},
    "trade": {"all": _FLAG},
    "bbo": {"ignore_size": _FLAG},
    "midpoint": {},
    "depth": {"rows": _ROWS, "smart": _FLAG},
    "bar5s": {"rth": _FLAG, "what": _WHAT},
    "bars": {"rth": _FLAG, "what": _WHAT, "back": _BACK},
    "news": {},
}
_MIDPOINT_ONLY = frozenset(("CASH", "CMDTY"))
_LONG_BARS = frozenset(("1d", "1w", "1mo"))


def check_options(topic: StreamTopic) -> None:
    """Raises `FieldError` for an option that the topic's kind does not have, or a value it cannot take."""
    known = _OPTIONS[topic.kind]
    for name, value in topic.options:
        if name not in known:
            raise FieldError(
                "topic", f"{topic.kind}/ has no option {name!r}; it has {', '.join(known) or 'none'}"
            )
        pattern, wanted = known[name]
        if not pattern.fullmatch(value) or (name == "rows" and value == "0"):
            raise FieldError("topic", f"{name}={value}: write {wanted}")


def feed_of(topic: StreamTopic, listing: Listing) -> Feed:
    """The feed that serves `topic`, whose options have been checked."""
    options, contract = dict(topic.options), listing.contract
    match topic.kind:
        case "news":
            return news_feed(topic.qualifier)
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
            what = options.get("what") or ("MIDPOINT" if listing.sec_type in _MIDPOINT_ONLY else "TRADES")
            hours = options.get("rth") == "1"
            if topic.kind == "bar5s":
                return Feed(FeedKind.REALTIME_BARS, contract, what=what, regular_hours=hours)
            back = options.get("back") or ("1Y" if topic.qualifier in _LONG_BARS else "1D")
            size = topic.qualifier
            return Feed(FeedKind.HISTORY, contract, what=what, regular_hours=hours, bar_size=size, back=back)
        case _:
            generic = sorted({int(number) for number in options.get("generic", "").split(",") if number})
            regulatory = options.get("regulatory") == "1"
            return Feed(FeedKind.MARKET_DATA, contract, ",".join(map(str, generic)), regulatory=regulatory)


def news_feed(provider: str) -> Feed:
    """All headlines of one provider (IBKR API docs: a contract of the type NEWS, generic tick 292)."""
    contract = Contract(symbol=f"{provider}:{provider}_ALL", sec_type="NEWS", exchange=provider)
    return Feed(FeedKind.MARKET_DATA, contract, "mdoff,292")


def request_of(feed: Feed, req_id: int) -> Request:
    contract = feed.contract
    match feed.kind:
        case FeedKind.MARKET_DATA:
            return ReqMktData(req_id, contract, feed.generic_ticks, regulatory_snapshot=feed.regulatory)
        case FeedKind.TICK_BY_TICK:
            return ReqTickByTick(req_id, contract, feed.what, 0, feed.ignore_size)
        case FeedKind.DEPTH:
            return ReqDepth(req_id, contract, feed.rows, feed.smart)
        case FeedKind.REALTIME_BARS:
            return ReqRealTimeBars(req_id, contract, 5, feed.what, feed.regular_hours)
        case FeedKind.HISTORY:
            return ReqHistoricalData(
                req_id,
                contract,
                end="",
                duration=f"{feed.back[:-1]} {feed.back[-1]}",
                bar_size=BAR_SIZES[feed.bar_size],
                what_to_show=feed.what,
                use_rth=int(feed.regular_hours),
                format_date=2,
                keep_up_to_date=True,
            )


def cancel_of(feed: Feed, req_id: int) -> Request:
    match feed.kind:
        case FeedKind.MARKET_DATA:
            return CancelMktData(req_id)
        case FeedKind.TICK_BY_TICK:
            return CancelTickByTick(req_id)
        case FeedKind.DEPTH:
            return CancelDepth(req_id, feed.smart)
        case FeedKind.REALTIME_BARS:
            return CancelRealTimeBars(req_id)
        case FeedKind.HISTORY:
            return CancelHistoricalData(req_id)
