"""Market data as it goes out. The topic names the instrument; `con_id` says which contract it really is.

Prices are in the instrument's currency, sizes in its own units (shares, contracts, coins), never in lots.
"""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import Struct

from .envelope import Event, Finite

StreamState = Literal["starting", "active", "delayed", "frozen", "gap", "resumed", "error", "closed"]


class Quote(Event, frozen=True, kw_only=True, tag="quote"):
    """The instrument's state after a burst of ticks; nil where the gateway has not said anything yet.

    Prices are `magnifier` times the currency's own (100: in pence, cents). `volume` is nil too where it is
    not known what the gateway counts. `snapshot` is true when nothing changed and the message is for those
    who just joined.
    """

    con_id: int | None = None
    bid: Finite | None = None
    ask: Finite | None = None
    last: Finite | None = None
    bid_size: Finite | None = None
    ask_size: Finite | None = None
    last_size: Finite | None = None
    volume: Finite | None = None
    open: Finite | None = None
    high: Finite | None = None
    low: Finite | None = None
    close: Finite | None = None
    last_time: int | None = None
    halted: bool | None = None
    delayed: bool = False
    magnifier: int = 1
    snapshot: bool = False


Tick = tuple[int, Finite | str | list[Finite | None] | None, int]
"""(tick type, value, attributes), numbered as IBKR numbers them: 1 bid, 2 ask, 4 last, 0, 3, 5 their sizes …

A price, size or generic tick has a float, a string tick its text, an option computation the list [implied
volatility, delta, price, present value of dividends, gamma, vega, theta, underlying price]. Attributes of a
price: 1 can be executed automatically, 2 past limit, 4 pre-open.
"""


class Ticks(Event, frozen=True, kw_only=True, tag="ticks"):
    """Every tick the gateway sent, in its order: all that came in one read."""

    con_id: int | None = None
    ticks: list[Tick]
    snapshot: bool = False


class Trade(Event, frozen=True, kw_only=True, tag="trade"):
    """One trade. `time`: ns, to the second."""

    con_id: int | None = None
    time: int
    price: Finite | None
    size: Finite | None
    exchange: str = ""
    conditions: str = ""
    past_limit: bool = False
    unreported: bool = False
    snapshot: bool = False


class BestBidOffer(Event, frozen=True, kw_only=True, tag="bbo"):
    """The best bid and offer after one change. `time`: ns, to the second."""

    con_id: int | None = None
    time: int
    bid: Finite | None
    ask: Finite | None
    bid_size: Finite | None
    ask_size: Finite | None
    bid_past_low: bool = False
    ask_past_high: bool = False
    snapshot: bool = False


class Midpoint(Event, frozen=True, kw_only=True, tag="midpoint"):
    """The mid-point after one change. `time`: ns, to the second."""

    con_id: int | None = None
    time: int
    price: Finite | None
    snapshot: bool = False


DepthRow = tuple[Finite | None, Finite | None, str]
"""(price, size, market maker): the last is the exchange in a book over many, empty in a book of one."""

DepthChange = tuple[
    Literal["bid", "ask"], Literal["insert", "update", "delete"], int, Finite | None, Finite | None, str
]
"""(side, operation, position, price, size, market maker). Insert a row at the position (the rest move away),
update it in place, or delete it (the rest close up)."""


class Depth(Event, frozen=True, kw_only=True, tag="depth"):
    """The whole order book, best rows first: it replaces whatever a client has kept."""

    con_id: int | None = None
    bids: list[DepthRow]
    asks: list[DepthRow]
    snapshot: bool = False


class DepthDelta(Event, frozen=True, kw_only=True, tag="depth_delta"):
    """What changed in the book, in order: all that came in one read."""

    con_id: int | None = None
    changes: list[DepthChange]


class BarRow(Struct, frozen=True, kw_only=True):
    """`time`: ns at which the bar begins; of a day midnight UTC of its date, of a week its Monday's."""

    time: int
    open: Finite | None
    high: Finite | None
    low: Finite | None
    close: Finite | None
    volume: Finite | None
    wap: Finite | None
    count: int | None


class Bar(Event, frozen=True, kw_only=True, tag="bar"):
    """A bar, or its present state while it is still being formed (`final` false). Fields as in `BarRow`."""

    con_id: int | None = None
    time: int
    open: Finite | None
    high: Finite | None
    low: Finite | None
    close: Finite | None
    volume: Finite | None
    wap: Finite | None
    count: int | None
    final: bool = True
    snapshot: bool = False


class Bars(Event, frozen=True, kw_only=True, tag="bars"):
    """The bars up to now, oldest first: they replace whatever a client has kept."""

    con_id: int | None = None
    bars: list[BarRow]
    snapshot: bool = False


class Greeks(Event, frozen=True, kw_only=True, tag="greeks"):
    """What an option is worth, computed from one price: `basis` bid, ask, last or model."""

    con_id: int | None = None
    basis: Literal["bid", "ask", "last", "model"]
    implied_vol: Finite | None = None
    delta: Finite | None = None
    price: Finite | None = None
    pv_dividend: Finite | None = None
    gamma: Finite | None = None
    vega: Finite | None = None
    theta: Finite | None = None
    underlying: Finite | None = None
    delayed: bool = False
    snapshot: bool = False


class Headline(Event, frozen=True, kw_only=True, tag="headline"):
    """A headline as it came out. `time`: ns; `extra`: the provider's own notes, as sent."""

    provider: str
    article_id: str
    headline: str
    time: int
    extra: str = ""
    snapshot: bool = False


class Stream(Event, frozen=True, kw_only=True, tag="stream"):
    """The life of a stream, published on the stream's own topic. Never silence.

    starting: a line was asked for. active: data flows. delayed/frozen: data of that kind flows.
    gap: data may be missing `from` … `to` (ns, `to` nil while it lasts). resumed: data flows again.
    error: the gateway or this node refused it, `code` is the gateway's number (or nil) and `text` says why.
    closed: the line was given back, nobody is left.
    A repeat of the present state (`repeated`) goes out on quiet topics so that a lost last message shows.
    """

    state: StreamState
    code: int | None = None
    text: str | None = None
    reason: str | None = None
    from_: int | None = msgspec.field(name="from", default=None)
    to: int | None = None
    con_id: int | None = None
    repeated: bool = False


AnyMarketEvent = (
    Quote
    | Ticks
    | Trade
    | BestBidOffer
    | Midpoint
    | Depth
    | DepthDelta
    | Bar
    | Bars
    | Greeks
    | Headline
    | Stream
)
"""Every event of a market-data stream."""
