"""Streaming market data messages: the hot path, so each is one bytes format.

A tickPrice that has a size is followed by the tickSize of the same side (captured). Sizes of US stocks are
shares from version 159 on and round lots of 100 before; fractional sizes exist from 163 on and are truncated
before (IBKR's constants MARKET_DATA_IN_SHARES and FRACTIONAL_SIZE_SUPPORT).
"""

from decimal import Decimal
from typing import Final

from twsmq_simulator.market.pricing import Computation
from twsmq_simulator.wire import versions
from twsmq_simulator.wire.fields import message, number, text

BID_SIZE: Final = 0
BID: Final = 1
ASK: Final = 2
ASK_SIZE: Final = 3
LAST: Final = 4
LAST_SIZE: Final = 5
HIGH: Final = 6
LOW: Final = 7
VOLUME: Final = 8
CLOSE: Final = 9
OPEN: Final = 14
LOW_13_WEEKS: Final = 15  # then its high, and both of 26 and of 52 weeks
AVERAGE_VOLUME: Final = 21
OPTION_HISTORICAL_VOLATILITY: Final = 23
OPTION_IMPLIED_VOLATILITY: Final = 24
CALL_OPEN_INTEREST: Final = 27
PUT_OPEN_INTEREST: Final = 28
CALL_OPTION_VOLUME: Final = 29
PUT_OPTION_VOLUME: Final = 30
BID_EXCHANGE: Final = 32
ASK_EXCHANGE: Final = 33
AUCTION_VOLUME: Final = 34
AUCTION_PRICE: Final = 35
AUCTION_IMBALANCE: Final = 36
MARK_PRICE: Final = 37
LAST_TIMESTAMP: Final = 45
RT_VOLUME: Final = 48
HALTED: Final = 49
TRADE_COUNT: Final = 54
TRADE_RATE: Final = 55
VOLUME_RATE: Final = 56
LAST_RTH_TRADE: Final = 57
REAL_TIME_VOLATILITY: Final = 58
IB_DIVIDENDS: Final = 59
REGULATORY_IMBALANCE: Final = 61
RT_TRADE_VOLUME: Final = 77
FUTURES_OPEN_INTEREST: Final = 86
SHORTABLE: Final = 46
SHORTABLE_SHARES: Final = 89
BID_OPTION: Final = 10
ASK_OPTION: Final = 11
LAST_OPTION: Final = 12
MODEL_OPTION: Final = 13
PRICE_BASED: Final = 1  # the tick attribute of values computed from prices, not from returns (IBKR docs)
SIZE_OF: Final = {BID: BID_SIZE, ASK: ASK_SIZE, LAST: LAST_SIZE}
DELAYED: Final = {
    BID: 66, ASK: 67, LAST: 68, BID_SIZE: 69, ASK_SIZE: 70, LAST_SIZE: 71,
    HIGH: 72, LOW: 73, VOLUME: 74, CLOSE: 75, OPEN: 76, LAST_TIMESTAMP: 88,
    BID_OPTION: 80, ASK_OPTION: 81, LAST_OPTION: 82, MODEL_OPTION: 83,
}  # fmt: skip


def size_text(version: int, size: Decimal | int, *, stock: bool) -> bytes:
    """A market-data size as this version sees it."""
    if stock and version < versions.MARKET_DATA_IN_SHARES:
        return b"%d" % (int(size) // 100)
    if isinstance(size, int):
        return b"%d" % size
    if version < versions.FRACTIONAL_SIZES or size == size.to_integral_value():
        return b"%d" % int(size)
    return format(size.normalize(), "f").encode("ascii")


def _framed(payload: bytes) -> bytes:
    return len(payload).to_bytes(4, "big") + payload


def tick_price(request_id: int, kind: int, price: bytes, size: bytes, mask: int = 0) -> bytes:
    return _framed(b"1\x006\x00%d\x00%d\x00%b\x00%b\x00%d\x00" % (request_id, kind, price, size, mask))


def tick_size(request_id: int, kind: int, size: bytes) -> bytes:
    return _framed(b"2\x006\x00%d\x00%d\x00%b\x00" % (request_id, kind, size))


def tick_string(request_id: int, kind: int, value: str) -> bytes:
    return _framed(b"46\x006\x00%d\x00%d\x00%b\x00" % (request_id, kind, text(value).encode("ascii")))


def tick_generic(request_id: int, kind: int, value: float) -> bytes:
    return message(45, 6, request_id, kind, value)


def price_text(price: float) -> bytes:
    return repr(price).encode("ascii")


def tick_option(request_id: int, kind: int, c: Computation) -> bytes:
    """Where there is no volatility it is -1 and the greeks are -2: not computed, to IBKR's decoders."""
    g = c.greeks
    delta, gamma, vega, theta = (-2.0,) * 4 if g is None else (g.delta, g.gamma, g.vega, g.theta)
    volatility = -1.0 if c.volatility is None else c.volatility
    values = (volatility, delta, c.price, 0.0, gamma, vega, theta, c.under_price)
    return message(21, request_id, kind, PRICE_BASED, *values)


def tick_request_params(request_id: int, min_tick: float, bbo_exchange: str, permissions: int) -> bytes:
    return message(81, request_id, number(min_tick), bbo_exchange, permissions)


def market_data_type(request_id: int, kind: int) -> bytes:
    return message(58, 1, request_id, kind)


def snapshot_end(request_id: int) -> bytes:
    return message(57, 1, request_id)


def tick_news(request_id: int, ms: int, provider: str, article: str, headline: str) -> bytes:
    return message(84, request_id, ms, provider, article, headline, "")


def depth(request_id: int, row: int, operation: int, side: int, price: bytes, size: bytes) -> bytes:
    return _framed(
        b"12\x001\x00%d\x00%d\x00%d\x00%d\x00%b\x00%b\x00" % (request_id, row, operation, side, price, size)
    )


def depth_smart(
    request_id: int, row: int, maker: bytes, operation: int, side: int, price: bytes, size: bytes, smart: int
) -> bytes:
    fields = (request_id, row, maker, operation, side, price, size, smart)
    return _framed(b"13\x001\x00%d\x00%d\x00%b\x00%d\x00%d\x00%b\x00%b\x00%d\x00" % fields)


def by_tick_last(
    request_id: int, kind: int, seconds: int, price: bytes, size: bytes, exchange: bytes
) -> bytes:
    return _framed(
        b"99\x00%d\x00%d\x00%d\x00%b\x00%b\x000\x00%b\x00\x00"
        % (request_id, kind, seconds, price, size, exchange)
    )


def by_tick_bid_ask(
    request_id: int, seconds: int, bid: bytes, ask: bytes, bid_size: bytes, ask_size: bytes
) -> bytes:
    fields = (request_id, seconds, bid, ask, bid_size, ask_size)
    return _framed(b"99\x00%d\x003\x00%d\x00%b\x00%b\x00%b\x00%b\x000\x00" % fields)


def by_tick_midpoint(request_id: int, seconds: int, price: bytes) -> bytes:
    return _framed(b"99\x00%d\x004\x00%d\x00%b\x00" % (request_id, seconds, price))
