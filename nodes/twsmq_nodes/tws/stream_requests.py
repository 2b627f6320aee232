"""What we ask of the gateway: market data that comes until it is cancelled. See `requests`."""

from __future__ import annotations

from twsmq_nodes.tws.contracts import Contract
from twsmq_nodes.tws.orders import TagValues
from twsmq_nodes.tws.requests import Request


class ReqMktData(Request, frozen=True):
    METHOD = "reqMktData"
    req_id: int
    contract: Contract
    generic_ticks: str = ""
    snapshot: bool = False
    regulatory_snapshot: bool = False
    options: TagValues = ()


class CancelMktData(Request, frozen=True):
    METHOD = "cancelMktData"
    req_id: int


class ReqMarketDataType(Request, frozen=True):
    """1 live, 2 frozen, 3 delayed, 4 delayed frozen; holds for later ReqMktData, is never answered."""

    METHOD = "reqMarketDataType"
    market_data_type: int


class ReqTickByTick(Request, frozen=True):
    """`kind`: Last, AllLast, BidAsk or MidPoint."""

    METHOD = "reqTickByTickData"
    req_id: int
    contract: Contract
    kind: str
    number_of_ticks: int = 0
    ignore_size: bool = False


class CancelTickByTick(Request, frozen=True):
    METHOD = "cancelTickByTickData"
    req_id: int


class ReqDepth(Request, frozen=True):
    METHOD = "reqMktDepth"
    req_id: int
    contract: Contract
    rows: int = 5
    smart: bool = False
    options: TagValues = ()


class CancelDepth(Request, frozen=True):
    METHOD = "cancelMktDepth"
    req_id: int
    smart: bool = False


class ReqRealTimeBars(Request, frozen=True):
    METHOD = "reqRealTimeBars"
    req_id: int
    contract: Contract
    bar_size: int = 5
    what_to_show: str = "TRADES"
    use_rth: bool = False
    options: TagValues = ()


class CancelRealTimeBars(Request, frozen=True):
    METHOD = "cancelRealTimeBars"
    req_id: int
