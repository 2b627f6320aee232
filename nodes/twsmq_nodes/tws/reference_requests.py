"""What we ask of the gateway: contracts, calculations, the past, scanners and news. See `requests`."""

from __future__ import annotations

from twsmq_nodes.tws.contracts import Contract
from twsmq_nodes.tws.orders import TagValues
from twsmq_nodes.tws.requests import Request

# -- contracts and what is to be known of their markets ----------------------------------------------


class ReqContractDetails(Request, frozen=True):
    METHOD = "reqContractDetails"
    req_id: int
    contract: Contract


class ReqMatchingSymbols(Request, frozen=True):
    METHOD = "reqMatchingSymbols"
    req_id: int
    pattern: str


class ReqSecDefOptParams(Request, frozen=True):
    METHOD = "reqSecDefOptParams"
    req_id: int
    underlying_symbol: str
    fut_fop_exchange: str
    underlying_sec_type: str
    underlying_con_id: int


class ReqMarketRule(Request, frozen=True):
    METHOD = "reqMarketRule"
    market_rule_id: int


class ReqSmartComponents(Request, frozen=True):
    METHOD = "reqSmartComponents"
    req_id: int
    bbo_exchange: str


class ReqDepthExchanges(Request, frozen=True):
    METHOD = "reqMktDepthExchanges"


class ReqUserInfo(Request, frozen=True):
    METHOD = "reqUserInfo"
    req_id: int


# -- calculations ------------------------------------------------------------------------------------


class CalculateImpliedVolatility(Request, frozen=True):
    METHOD = "calculateImpliedVolatility"
    req_id: int
    contract: Contract
    option_price: float
    under_price: float
    options: TagValues = ()


class CancelImpliedVolatility(Request, frozen=True):
    METHOD = "cancelCalculateImpliedVolatility"
    req_id: int


class CalculateOptionPrice(Request, frozen=True):
    METHOD = "calculateOptionPrice"
    req_id: int
    contract: Contract
    volatility: float
    under_price: float
    options: TagValues = ()


class CancelOptionPrice(Request, frozen=True):
    METHOD = "cancelCalculateOptionPrice"
    req_id: int


# -- history -----------------------------------------------------------------------------------------


class ReqHistoricalData(Request, frozen=True):
    """`end` empty means now; `format_date` 1 is text, 2 seconds since the epoch."""

    METHOD = "reqHistoricalData"
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
    METHOD = "cancelHistoricalData"
    req_id: int


class ReqHistoricalTicks(Request, frozen=True):
    METHOD = "reqHistoricalTicks"
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
    METHOD = "reqHeadTimeStamp"
    req_id: int
    contract: Contract
    what_to_show: str
    use_rth: int = 1
    format_date: int = 1


class CancelHeadTimestamp(Request, frozen=True):
    METHOD = "cancelHeadTimeStamp"
    req_id: int


class ReqHistogram(Request, frozen=True):
    METHOD = "reqHistogramData"
    req_id: int
    contract: Contract
    use_rth: bool
    period: str


class CancelHistogram(Request, frozen=True):
    METHOD = "cancelHistogramData"
    req_id: int


# -- scanners ----------------------------------------------------------------------------------------


class ReqScannerParameters(Request, frozen=True):
    METHOD = "reqScannerParameters"


class ReqScanner(Request, frozen=True):
    """Own encoding. Bounds that are None are not asked for."""

    METHOD = "reqScannerSubscription"
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
    METHOD = "cancelScannerSubscription"
    req_id: int


# -- news --------------------------------------------------------------------------------------------


class ReqNewsProviders(Request, frozen=True):
    METHOD = "reqNewsProviders"


class ReqNewsArticle(Request, frozen=True):
    METHOD = "reqNewsArticle"
    req_id: int
    provider_code: str
    article_id: str
    options: TagValues = ()


class ReqHistoricalNews(Request, frozen=True):
    METHOD = "reqHistoricalNews"
    req_id: int
    con_id: int
    provider_codes: str
    start: str
    end: str
    total_results: int
    options: TagValues = ()


# -- companies' events -------------------------------------------------------------------------------


class ReqWshMetaData(Request, frozen=True):
    METHOD = "reqWshMetaData"
    req_id: int


class CancelWshMetaData(Request, frozen=True):
    METHOD = "cancelWshMetaData"
    req_id: int


class ReqWshEvents(Request, frozen=True):
    """Own encoding. Of a conId, or by a filter; days are YYYYMMDD."""

    METHOD = "reqWshEventData"
    req_id: int
    con_id: int | None = None
    filter: str = ""
    fill_watchlist: bool = False
    fill_portfolio: bool = False
    fill_competitors: bool = False
    start_date: str = ""
    end_date: str = ""
    total_limit: int | None = None


class CancelWshEvents(Request, frozen=True):
    METHOD = "cancelWshEventData"
    req_id: int


class ReqFundamentals(Request, frozen=True):
    METHOD = "reqFundamentalData"
    req_id: int
    contract: Contract
    report: str
    options: TagValues = ()


# -- an adviser's groups (1), profiles (2) and aliases (3) -------------------------------------------


class ReqFaGroups(Request, frozen=True):
    METHOD = "requestFA"
    kind: int


class ReplaceFaGroups(Request, frozen=True):
    METHOD = "replaceFA"
    req_id: int
    kind: int
    xml: str
