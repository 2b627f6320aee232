"""Every request a client can send, as a frozen struct. `decode` turns one frame's payload into one.

Requests that IBKR's client sends with a leading version field have it dropped here: from version 157 on it
never decides anything. Where a request names a contract the fields differ in small ways from one request to
the next; see `read_contract` below.
"""

from typing import ClassVar

import msgspec

from twsmq_simulator.broker.ticket import OrderTicket
from twsmq_simulator.market.contracts import ContractSpec


class Request(msgspec.Struct, frozen=True):
    """`request_id` is the client's own number for it, -1 where the request has none."""

    @property
    def reply_id(self) -> int:
        """The id under which an error about this request is reported."""
        return getattr(self, "request_id", -1)


class StartApi(Request, frozen=True):
    client_id: int
    capabilities: str = ""


class PlaceOrder(Request, frozen=True):
    ticket: OrderTicket

    @property
    def reply_id(self) -> int:
        return self.ticket.order_id


class CancelOrder(Request, frozen=True):
    order_id: int
    manual_time: str = ""

    @property
    def reply_id(self) -> int:
        return self.order_id


class GlobalCancel(Request, frozen=True):
    pass


class OpenOrders(Request, frozen=True):
    pass


class AllOpenOrders(Request, frozen=True):
    pass


class AutoOpenOrders(Request, frozen=True):
    bind: bool


class CompletedOrders(Request, frozen=True):
    api_only: bool


class Executions(Request, frozen=True):
    request_id: int
    client_id: int
    account: str
    since: str
    symbol: str
    sec_type: str
    exchange: str
    side: str
    last_days: int | None = None
    dates: tuple[str, ...] = ()


class NextIds(Request, frozen=True):
    pass


class ManagedAccounts(Request, frozen=True):
    pass


class CurrentTime(Request, frozen=True):
    pass


class CurrentTimeMillis(Request, frozen=True):
    pass


class ServerLogLevel(Request, frozen=True):
    level: int


class AccountUpdates(Request, frozen=True):
    subscribe: bool
    account: str


class AccountUpdatesMulti(Request, frozen=True):
    request_id: int
    account: str
    model: str
    ledger_and_nlv: bool


class AccountSummary(Request, frozen=True):
    request_id: int
    group: str
    tags: str


class Positions(Request, frozen=True):
    pass


class CancelPositions(Request, frozen=True):
    pass


class PositionsMulti(Request, frozen=True):
    request_id: int
    account: str
    model: str


class ProfitAndLoss(Request, frozen=True):
    request_id: int
    account: str
    model: str


class ProfitAndLossSingle(Request, frozen=True):
    request_id: int
    account: str
    model: str
    con_id: int


class ContractDetails(Request, frozen=True):
    request_id: int
    contract: ContractSpec


class OptionParameters(Request, frozen=True):
    request_id: int
    symbol: str
    exchange: str
    sec_type: str
    con_id: int


class MatchingSymbols(Request, frozen=True):
    request_id: int
    pattern: str


class MarketRule(Request, frozen=True):
    rule_id: int


class SmartComponents(Request, frozen=True):
    request_id: int
    bbo_exchange: str


class DepthExchanges(Request, frozen=True):
    pass


class MarketDataType(Request, frozen=True):
    kind: int


class MarketData(Request, frozen=True):
    request_id: int
    contract: ContractSpec
    generic_ticks: str
    snapshot: bool
    regulatory_snapshot: bool


class MarketDepth(Request, frozen=True):
    request_id: int
    contract: ContractSpec
    rows: int
    smart: bool


class TickByTick(Request, frozen=True):
    request_id: int
    contract: ContractSpec
    kind: str
    count: int
    ignore_size: bool


class RealTimeBars(Request, frozen=True):
    request_id: int
    contract: ContractSpec
    bar_seconds: int
    what: str
    regular_hours: bool


class HistoricalData(Request, frozen=True):
    request_id: int
    contract: ContractSpec
    end: str
    bar_size: str
    duration: str
    regular_hours: bool
    what: str
    date_format: int
    keep_up_to_date: bool


class HeadTimestamp(Request, frozen=True):
    request_id: int
    contract: ContractSpec
    regular_hours: bool
    what: str
    date_format: int


class Histogram(Request, frozen=True):
    request_id: int
    contract: ContractSpec
    regular_hours: bool
    period: str


class HistoricalTicks(Request, frozen=True):
    request_id: int
    contract: ContractSpec
    start: str
    end: str
    count: int
    what: str
    regular_hours: bool
    ignore_size: bool


class ImpliedVolatility(Request, frozen=True):
    request_id: int
    contract: ContractSpec
    option_price: float
    under_price: float


class OptionPrice(Request, frozen=True):
    request_id: int
    contract: ContractSpec
    volatility: float
    under_price: float


class ExerciseOptions(Request, frozen=True):
    request_id: int
    contract: ContractSpec
    exercise: bool
    quantity: int
    account: str
    override: bool


class ScannerSubscription(Request, frozen=True):
    request_id: int
    rows: int | None
    instrument: str
    location: str
    scan_code: str
    above_price: float | None = None
    below_price: float | None = None


class ScannerParameters(Request, frozen=True):
    pass


class NewsProviders(Request, frozen=True):
    pass


class NewsBulletins(Request, frozen=True):
    all_messages: bool


class CancelNewsBulletins(Request, frozen=True):
    pass


class NewsArticle(Request, frozen=True):
    request_id: int
    provider: str
    article_id: str


class HistoricalNews(Request, frozen=True):
    request_id: int
    con_id: int
    providers: str
    start: str
    end: str
    limit: int


class RequestFa(Request, frozen=True):
    kind: int


class ReplaceFa(Request, frozen=True):
    request_id: int | None
    kind: int
    xml: str


class FundamentalData(Request, frozen=True):
    request_id: int
    contract: ContractSpec
    report: str


class WshMetaData(Request, frozen=True):
    request_id: int


class WshEventData(Request, frozen=True):
    request_id: int
    con_id: int | None
    filter: str = ""
    start: str = ""
    end: str = ""
    limit: int | None = None


class UserInfo(Request, frozen=True):
    request_id: int


class SoftDollarTiers(Request, frozen=True):
    request_id: int


class FamilyCodes(Request, frozen=True):
    pass


class QueryDisplayGroups(Request, frozen=True):
    request_id: int


class SubscribeToGroup(Request, frozen=True):
    request_id: int
    group_id: int


class UpdateDisplayGroup(Request, frozen=True):
    request_id: int
    contract_info: str


class UnsubscribeFromGroup(Request, frozen=True):
    request_id: int


class Verify(Request, frozen=True):
    """Any of the four verification requests; they concern other programs than a client of the API."""


class Cancel(Request, frozen=True):
    """The end of a subscription or query; `what` is one of the class constants."""

    request_id: int
    what: str

    MARKET_DATA: ClassVar = "market data"
    DEPTH: ClassVar = "market depth"
    TICK_BY_TICK: ClassVar = "tick by tick"
    REAL_TIME_BARS: ClassVar = "real-time bars"
    HISTORY: ClassVar = "historical data"
    HEAD_TIMESTAMP: ClassVar = "head timestamp"
    HISTOGRAM: ClassVar = "histogram"
    SCANNER: ClassVar = "scanner"
    ACCOUNT_SUMMARY: ClassVar = "account summary"
    ACCOUNT_UPDATES_MULTI: ClassVar = "account updates multi"
    POSITIONS_MULTI: ClassVar = "positions multi"
    PNL: ClassVar = "pnl"
    PNL_SINGLE: ClassVar = "pnl single"
    FUNDAMENTAL: ClassVar = "fundamental data"
    IMPLIED_VOLATILITY: ClassVar = "implied volatility"
    OPTION_PRICE: ClassVar = "option price"
    WSH_META: ClassVar = "wsh meta data"
    WSH_EVENTS: ClassVar = "wsh event data"
