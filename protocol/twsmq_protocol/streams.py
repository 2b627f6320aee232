"""The kinds of market-data streams: one row each, what a topic of it may say and which events it carries.

Adding a row here makes a kind part of the protocol: topics are parsed and refused by it, the market data node
serves it with the row of the same kind of line in its own table (`twsmq_nodes.marketdata.feeds.FEEDS`).
"""

from __future__ import annotations

import re
from typing import Literal

from msgspec import Struct

from .envelope import Event
from .errors import FieldError
from .market_events import (
    Bar,
    Bars,
    BestBidOffer,
    Depth,
    DepthDelta,
    Greeks,
    Headline,
    Midpoint,
    Quote,
    Stream,
    Ticks,
    Trade,
)

BAR_SIZES: dict[str, str] = {
    "5s": "5 secs", "10s": "10 secs", "15s": "15 secs", "30s": "30 secs",
    "1m": "1 min", "2m": "2 mins", "3m": "3 mins", "5m": "5 mins", "10m": "10 mins", "15m": "15 mins",
    "20m": "20 mins", "30m": "30 mins", "1h": "1 hour", "2h": "2 hours", "3h": "3 hours", "4h": "4 hours",
    "8h": "8 hours", "1d": "1 day", "1w": "1 week", "1mo": "1 month",
}  # fmt: skip
"""Sizes of `bars/<size>/…`, and what the gateway calls them (IBKR API docs)."""

_UNITS_S = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 7 * 86_400, "mo": 31 * 86_400}


def seconds_of(size: str) -> int:
    """How long a bar lasts at most, for a size such as `5m` or `1mo`."""
    unit = size.lstrip("0123456789")
    return int(size.removesuffix(unit)) * _UNITS_S[unit]


DataKind = Literal["live", "frozen", "delayed", "any"]
"""Which data a quote may be made of: live only; frozen (the last of a closed market) too; delayed where live
are not subscribed; or any of these, delayed and frozen included."""

_PROVIDER = re.compile(r"[A-Za-z0-9._+-]{1,32}")


class Option(Struct, frozen=True):
    """`pattern` is what a value must be like, `wanted` the same in words."""

    pattern: re.Pattern[str]
    wanted: str


class Qualifier(Struct, frozen=True):
    """The level between kind and instrument, or in the instrument's place. `example` is one of its values."""

    name: str
    pattern: re.Pattern[str]
    wanted: str
    example: str


class StreamKind(Struct, frozen=True):
    """A first level under which subscribing to a complete topic starts a line at the gateway."""

    events: tuple[type[Event], ...]
    options: dict[str, Option] = {}
    qualifier: Qualifier | None = None
    instrument: bool = True


_FLAG = Option(re.compile("[01]"), "0 or 1")
_GENERIC = Option(re.compile(r"\d{1,4}(,\d{1,4})*"), "tick numbers, like 233,236")
_NO_NEWS = Option(
    re.compile(rf"(?!(.*,)?0*292(,|$)){_GENERIC.pattern.pattern}"),
    "tick numbers, like 100,106; headlines (292) come on quote/ and tick/",
)
_DATA = Option(re.compile("live|frozen|delayed|any"), "live, frozen, delayed or any")
_WHAT = Option(re.compile("TRADES|AGGTRADES|MIDPOINT|BID|ASK"), "TRADES, AGGTRADES, MIDPOINT, BID or ASK")
_ROWS = Option(re.compile("[1-9]|[1-5][0-9]|60"), "1 to 60")
_BACK = Option(re.compile("[1-9][0-9]{0,4}[SDWMY]"), "a number and S, D, W, M or Y, like 2D")

_SIZE = Qualifier("size", re.compile("|".join(BAR_SIZES)), f"a size of bars: {', '.join(BAR_SIZES)}", "1m")
_CODE = Qualifier("provider", _PROVIDER, "a news provider's code, like news/BRFG/", "BRFG")

STREAMS: dict[str, StreamKind] = {
    "quote": StreamKind((Quote, Headline, Stream), {"generic": _GENERIC, "regulatory": _FLAG, "data": _DATA}),
    "tick": StreamKind((Ticks, Headline, Stream), {"generic": _GENERIC, "regulatory": _FLAG, "data": _DATA}),
    "trade": StreamKind((Trade, Stream), {"all": _FLAG}),
    "bbo": StreamKind((BestBidOffer, Stream), {"ignore_size": _FLAG}),
    "midpoint": StreamKind((Midpoint, Stream)),
    "depth": StreamKind((Depth, DepthDelta, Stream), {"rows": _ROWS, "smart": _FLAG}),
    "bar5s": StreamKind((Bar, Stream), {"rth": _FLAG, "what": _WHAT}),
    "bars": StreamKind((Bars, Bar, Stream), {"rth": _FLAG, "what": _WHAT, "back": _BACK}, qualifier=_SIZE),
    "greeks": StreamKind((Greeks, Stream), {"generic": _NO_NEWS, "data": _DATA}),
    "news": StreamKind((Headline, Stream), qualifier=_CODE, instrument=False),
}
"""By the topic's first level, in SPEC's order."""


def check_qualifier(kind: str, value: str) -> None:
    """Raises `FieldError` for a size or provider that there cannot be."""
    qualifier = STREAMS[kind].qualifier
    if qualifier is not None and not qualifier.pattern.fullmatch(value):
        raise FieldError("topic", f"{kind}/{value[:40]}/ must name {qualifier.wanted}")


def check_options(kind: str, options: dict[str, str]) -> None:
    """Raises `FieldError` for an option that the kind does not have, or a value it cannot take."""
    known = STREAMS[kind].options
    for name, value in options.items():
        option = known.get(name)
        if option is None:
            raise FieldError("topic", f"{kind}/ has no option {name!r}; it has {', '.join(known) or 'none'}")
        if not option.pattern.fullmatch(value):
            raise FieldError("topic", f"{name}={value}: write {option.wanted}")
