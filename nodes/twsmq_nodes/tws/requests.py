"""What we ask of the gateway: one frozen struct per ibapi request.

Invariant: except for the structs marked "own encoding", the fields stand in the order of ibapi's
arguments; the adapter passes them on by position. Text must be printable ASCII. Options are (tag,
value) pairs. `Priority` says which request goes first when the message budget is short.
"""

from __future__ import annotations

from enum import IntEnum

from msgspec import Struct

from twsmq_nodes.tws.contracts import Contract
from twsmq_nodes.tws.orders import ExecutionFilter, OrderFields, TagValues


class Priority(IntEnum):
    """Lower goes first."""

    CANCEL = 0
    ORDER = 1
    CONTROL = 2
    DATA = 3


class Request(Struct, frozen=True):
    """Base of all requests."""


# -- control -----------------------------------------------------------------------------------------


class StartApi(Request, frozen=True):
    """Own encoding. Sent by the session itself."""

    client_id: int
    optional_capabilities: str = ""


class ReqCurrentTime(Request, frozen=True):
    """Sent by the session itself: of two within a second the gateway answers only one."""


class ReqIds(Request, frozen=True):
    """`count` is ignored by the gateway (IBKR API docs)."""

    count: int = 1


class ReqManagedAccounts(Request, frozen=True):
    pass


class SetServerLogLevel(Request, frozen=True):
    level: int = 2


# -- market data -------------------------------------------------------------------------------------


class ReqMktData(Request, frozen=True):
    req_id: int
    contract: Contract
    generic_ticks: str = ""
    snapshot: bool = False
    regulatory_snapshot: bool = False
    options: TagValues = ()


class CancelMktData(Request, frozen=True):
    req_id: int


class ReqMarketDataType(Request, frozen=True):
    """1 live, 2 frozen, 3 delayed, 4 delayed frozen; holds for later ReqMktData, is never answered."""

    market_data_type: int


class ReqTickByTick(Request, frozen=True):
    """`kind`: Last, AllLast, BidAsk or MidPoint."""

    req_id: int
    contract: Contract
    kind: str
    number_of_ticks: int = 0
    ignore_size: bool = False


class CancelTickByTick(Request, frozen=True):
    req_id: int


class ReqDepth(Request, frozen=True):
    req_id: int
    contract: Contract
    rows: int = 5
    smart: bool = False
    options: TagValues = ()


class CancelDepth(Request, frozen=True):
    req_id: int
    smart: bool = False


class ReqDepthExchanges(Request, frozen=True):
    pass


class ReqRealTimeBars(Request, frozen=True):
    req_id: int
    contract: Contract
    bar_size: int = 5
    what_to_show: str = "TRADES"
    use_rth: bool = False
    options: TagValues = ()


class CancelRealTimeBars(Request, frozen=True):
    req_id: int


class CalculateImpliedVolatility(Request, frozen=True):
    req_id: int
    contract: Contract
    option_price: float
    under_price: float
    options: TagValues = ()


class CancelImpliedVolatility(Request, frozen=True):
    req_id: int


class CalculateOptionPrice(Request, frozen=True):
    req_id: int
    contract: Contract
    volatility: float
    under_price: float
    options: TagValues = ()


class CancelOptionPrice(Request, frozen=True):
    req_id: int


# -- orders ------------------------------------------------------------------------------------------


class PlaceOrder(Request, frozen=True):
    """Places, or with the id of a working order modifies. Own encoding."""

    order_id: int
    contract: Contract
    order: OrderFields


class CancelOrder(Request, frozen=True):
    """Own encoding: its arguments changed twice between ibapi releases."""

    order_id: int
    manual_time: str = ""


class GlobalCancel(Request, frozen=True):
    """Cancels the orders of every client. Own encoding."""


class ReqOpenOrders(Request, frozen=True):
    pass


class ReqAllOpenOrders(Request, frozen=True):
    pass


class ReqAutoOpenOrders(Request, frozen=True):
    """Only client 0 may bind (327 otherwise)."""

    bind: bool


class ReqExecutions(Request, frozen=True):
    """Own encoding."""

    req_id: int
    filter: ExecutionFilter = ExecutionFilter()


class ReqCompletedOrders(Request, frozen=True):
    api_only: bool = False


class ExerciseOptions(Request, frozen=True):
    """`action`: 1 exercise, 2 lapse. Own encoding."""

    req_id: int
    contract: Contract
    action: int
    quantity: int
    account: str
    override: int = 0


# -- accounts ----------------------------------------------------------------------------------------


class ReqPositions(Request, frozen=True):
    pass


class CancelPositions(Request, frozen=True):
    pass


class ReqPositionsMulti(Request, frozen=True):
    req_id: int
    account: str
    model_code: str = ""


class CancelPositionsMulti(Request, frozen=True):
    req_id: int


class ReqAccountSummary(Request, frozen=True):
    req_id: int
    group: str = "All"
    tags: str = "NetLiquidation"


class CancelAccountSummary(Request, frozen=True):
    req_id: int


class ReqAccountUpdates(Request, frozen=True):
    subscribe: bool
    account: str = ""


class ReqAccountUpdatesMulti(Request, frozen=True):
    req_id: int
    account: str
    model_code: str = ""
    ledger_and_nlv: bool = False


class CancelAccountUpdatesMulti(Request, frozen=True):
    req_id: int


class ReqPnL(Request, frozen=True):
    req_id: int
    account: str
    model_code: str = ""


class CancelPnL(Request, frozen=True):
    req_id: int


class ReqPnLSingle(Request, frozen=True):
    req_id: int
    account: str
    model_code: str
    con_id: int


class CancelPnLSingle(Request, frozen=True):
    req_id: int


# -- reference and history ---------------------------------------------------------------------------


class ReqContractDetails(Request, frozen=True):
    req_id: int
    contract: Contract


class ReqMatchingSymbols(Request, frozen=True):
    req_id: int
    pattern: str


class ReqSecDefOptParams(Request, frozen=True):
    req_id: int
    underlying_symbol: str
    fut_fop_exchange: str
    underlying_sec_type: str
    underlying_con_id: int


class ReqMarketRule(Request, frozen=True):
    market_rule_id: int


class ReqSmartComponents(Request, frozen=True):
    req_id: int
    bbo_exchange: str


class ReqHistoricalData(Request, frozen=True):
    """`end` empty means now; `format_date` 1 is text, 2 seconds since the epoch."""

    req_id: int
    contract: Contract
    end: str
    duration: str
    bar_size: str
    what_to_show: str
    use_rth: int = 1
    format_date: int = 1
    keep_up_to_date: bool = False
    options: TagValues = ()


class CancelHistoricalData(Request, frozen=True):
    req_id: int


class ReqHistoricalTicks(Request, frozen=True):
    req_id: int
    contract: Contract
    start: str
    end: str
    number_of_ticks: int
    what_to_show: str
    use_rth: int = 1
    ignore_size: bool = False
    options: TagValues = ()


class ReqHeadTimestamp(Request, frozen=True):
    req_id: int
    contract: Contract
    what_to_show: str
    use_rth: int = 1
    format_date: int = 1


class CancelHeadTimestamp(Request, frozen=True):
    req_id: int


class ReqHistogram(Request, frozen=True):
    req_id: int
    contract: Contract
    use_rth: bool
    period: str


class CancelHistogram(Request, frozen=True):
    req_id: int


class ReqScannerParameters(Request, frozen=True):
    pass


class ReqScanner(Request, frozen=True):
    """Own encoding. Bounds that are None are not asked for."""

    req_id: int
    instrument: str
    location_code: str
    scan_code: str
    number_of_rows: int = -1
    above_price: float | None = None
    below_price: float | None = None
    above_volume: int | None = None
    market_cap_above: float | None = None
    market_cap_below: float | None = None
    stock_type_filter: str = ""
    options: TagValues = ()
    filters: TagValues = ()


class CancelScanner(Request, frozen=True):
    req_id: int


class ReqNewsProviders(Request, frozen=True):
    pass


class ReqNewsArticle(Request, frozen=True):
    req_id: int
    provider_code: str
    article_id: str
    options: TagValues = ()


class ReqHistoricalNews(Request, frozen=True):
    req_id: int
    con_id: int
    provider_codes: str
    start: str
    end: str
    total_results: int
    options: TagValues = ()


class ReqNewsBulletins(Request, frozen=True):
    all_messages: bool = True


class CancelNewsBulletins(Request, frozen=True):
    pass


class ReqUserInfo(Request, frozen=True):
    req_id: int


_PRIORITIES: dict[type[Request], Priority] = {
    CancelOrder: Priority.CANCEL,
    GlobalCancel: Priority.CANCEL,
    PlaceOrder: Priority.ORDER,
    ExerciseOptions: Priority.ORDER,
    ReqOpenOrders: Priority.CONTROL,
    ReqAllOpenOrders: Priority.CONTROL,
    ReqAutoOpenOrders: Priority.CONTROL,
    ReqExecutions: Priority.CONTROL,
    ReqCompletedOrders: Priority.CONTROL,
    ReqIds: Priority.CONTROL,
    ReqManagedAccounts: Priority.CONTROL,
}


def priority_of(request: Request) -> Priority:
    """The place in the queue a request has unless its sender says otherwise."""
    return _PRIORITIES.get(type(request), Priority.DATA)
