"""History and reference data as the gateway sends it; see `events` for what holds for every event."""

from __future__ import annotations

from array import array

from msgspec import Struct

from twsmq_nodes.tws.contracts import Contract, ContractInfo
from twsmq_nodes.tws.events import Event

# -- history -----------------------------------------------------------------------------------------


class Bar(Struct, frozen=True):
    """`date` is text as asked for: "yyyymmdd", "yyyymmdd hh:mm:ss zone" or seconds since the epoch."""

    date: str
    open: float | None
    high: float | None
    low: float | None
    close: float | None
    volume: float | None
    wap: float | None
    count: int | None


class HistoricalBars(Event, frozen=True):
    """All bars of one message; `HistoricalBarsEnd` follows."""

    req_id: int
    bars: tuple[Bar, ...]


class HistoricalBarColumns(Event, frozen=True):
    """All bars of one message by columns, each as long as the others: those that are plain numbers
    (`whole_bars`); `dates` as in `Bar`, as numbers; NaN is an absent value."""

    req_id: int
    dates: array[int]
    open: array[float]
    high: array[float]
    low: array[float]
    close: array[float]
    volume: array[float]
    wap: array[float]
    count: array[float]


class HistoricalBarsEnd(Event, frozen=True):
    req_id: int
    start: str
    end: str


class HistoricalBarUpdate(Event, frozen=True):
    """The newest bar of a request kept up to date."""

    req_id: int
    bar: Bar


class HistoricalTick(Struct, frozen=True):
    """A mid-point tick has `price` only, a trade `size`, `exchange` and `special_conditions` too, a quote
    `bid…`/`ask…`. `attribs` as in the tick-by-tick events."""

    time_s: int
    price: float | None = None
    size: float | None = None
    bid_price: float | None = None
    ask_price: float | None = None
    bid_size: float | None = None
    ask_size: float | None = None
    attribs: int = 0
    exchange: str = ""
    special_conditions: str = ""


class HistoricalTicks(Event, frozen=True):
    """`kind`: MIDPOINT, BID_ASK or TRADES."""

    req_id: int
    kind: str
    ticks: tuple[HistoricalTick, ...]
    done: bool


class HeadTimestamp(Event, frozen=True):
    req_id: int
    timestamp: str


class Histogram(Event, frozen=True):
    """(price, size) pairs as sent."""

    req_id: int
    items: tuple[tuple[float | None, float | None], ...]


class HistoricalSchedule(Event, frozen=True):
    """`sessions`: (start, end, reference date) in `time_zone`."""

    req_id: int
    start: str
    end: str
    time_zone: str
    sessions: tuple[tuple[str, str, str], ...]


# -- reference ---------------------------------------------------------------------------------------


class ContractDetailsReceived(Event, frozen=True):
    req_id: int
    details: ContractInfo
    bond: bool = False


class ContractDetailsEnd(Event, frozen=True):
    req_id: int


class SymbolMatch(Struct, frozen=True):
    contract: Contract
    derivative_sec_types: tuple[str, ...]


class MatchingSymbols(Event, frozen=True):
    req_id: int
    matches: tuple[SymbolMatch, ...]


class OptionChain(Event, frozen=True):
    """One exchange and trading class; expirations and strikes sorted."""

    req_id: int
    exchange: str
    underlying_con_id: int
    trading_class: str
    multiplier: str
    expirations: tuple[str, ...]
    strikes: tuple[float, ...]


class OptionChainEnd(Event, frozen=True):
    req_id: int


class MarketRule(Event, frozen=True):
    """`increments`: (from this price on, price increment)."""

    market_rule_id: int
    increments: tuple[tuple[float | None, float | None], ...]


class SmartComponents(Event, frozen=True):
    """`components`: (bit number, exchange, exchange letter)."""

    req_id: int
    components: tuple[tuple[int, str, str], ...]


class DepthExchange(Struct, frozen=True):
    exchange: str
    sec_type: str
    listing_exch: str
    service_data_type: str
    agg_group: int | None


class DepthExchanges(Event, frozen=True):
    exchanges: tuple[DepthExchange, ...]


class ScannerRow(Struct, frozen=True):
    rank: int
    contract: Contract
    market_name: str
    distance: str
    benchmark: str
    projection: str
    legs: str


class ScannerRows(Event, frozen=True):
    """One complete scan, best first."""

    req_id: int
    rows: tuple[ScannerRow, ...]


class ScannerParameters(Event, frozen=True):
    xml: str


class NewsProviders(Event, frozen=True):
    """(code, name) pairs."""

    providers: tuple[tuple[str, str], ...]


class NewsArticle(Event, frozen=True):
    """`article_type`: 0 text or HTML, 1 base64 PDF."""

    req_id: int
    article_type: int
    text: str


class HistoricalNews(Event, frozen=True):
    req_id: int
    time: str
    provider_code: str
    article_id: str
    headline: str


class HistoricalNewsEnd(Event, frozen=True):
    req_id: int
    has_more: bool


class NewsBulletin(Event, frozen=True):
    message_id: int
    message_type: int
    text: str
    exchange: str


class UserInfo(Event, frozen=True):
    req_id: int
    white_branding_id: str


class WshMetaData(Event, frozen=True):
    req_id: int
    json: str


class WshEvents(Event, frozen=True):
    req_id: int
    json: str


class Fundamentals(Event, frozen=True):
    req_id: int
    xml: str


class FaGroups(Event, frozen=True):
    """`kind`: 1 groups, 2 profiles, 3 aliases."""

    kind: int
    xml: str


class FaGroupsReplaced(Event, frozen=True):
    req_id: int
    text: str
