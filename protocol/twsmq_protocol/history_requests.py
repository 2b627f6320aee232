"""Arguments and results of the history node's ops. SPEC.md documents each for other languages.

Times are ns since the epoch; a range is `from` (included) to `to` (not included). An answer holds at most
`limit` rows and, where there is more, `next`: ask again with it as `from` and nothing is lost or doubled.

What the gateway gave before is kept and answered again: every op takes `max_age`, how old that may be, in
seconds (as configured unless given; 0: the gateway is asked), and every result says `fetched_at`: when the
gateway gave the oldest of it, ns.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from .envelope import Args, Finite
from .errors import FieldError
from .forms import form
from .instruments import parse_instrument
from .market_events import BarRow
from .streams import BAR_SIZES, seconds_of

HISTORY_SIZES: dict[str, str] = {"1s": "1 secs", **BAR_SIZES}
"""Sizes of bars of the past, and what the gateway calls them (`1 sec` is refused; captured)."""
PACED_SIZES = frozenset(size for size in HISTORY_SIZES if seconds_of(size) <= 30)
"""Of these IBKR allows sixty requests in ten minutes (its documentation 21.01.03)."""
Ns = Annotated[int, Meta(ge=0, le=2**63 - 1)]
MaxAge = Annotated[float, Meta(ge=0, le=1e9)]
"""Seconds."""
Duration = Annotated[str, form(r"^[1-9][0-9]{0,5}[SDWMY]$", "written like '2D', '6M' or '1Y'")]
What = Literal[
    "TRADES", "AGGTRADES", "MIDPOINT", "BID", "ASK", "BID_ASK", "ADJUSTED_LAST", "HISTORICAL_VOLATILITY",
    "OPTION_IMPLIED_VOLATILITY", "FEE_RATE", "YIELD_BID", "YIELD_ASK", "YIELD_BID_ASK", "YIELD_LAST",
]  # fmt: skip
NEWEST_S = 1_200
"""That no bar follows the last one is not known for so many seconds: where live data are not subscribed the
newest are left out (2188, captured; exchanges delay theirs by up to twenty minutes)."""
MOST_BARS = 20_000
MOST_TICKS = 10_000


def up_to_now(what: str | None, sec_type: str) -> bool:
    """Whether the gateway takes no end of such bars (IBKR's documentation 21.03.01, 21.04; its 10339)."""
    return what == "ADJUSTED_LAST" or sec_type == "CONTFUT"


def check_range(begin: int | None, end: int | None) -> None:
    """Raises `FieldError` where it ends before it begins."""
    if begin is not None and end is not None and end <= begin:
        raise FieldError("to", "to must be later than from")


class _OfInstrument(Args, frozen=True, kw_only=True):
    instrument: str
    max_age: MaxAge | None = None

    def __post_init__(self) -> None:
        parse_instrument(self.instrument)


class GetBars(_OfInstrument, frozen=True, kw_only=True):
    """`bars`: bars of the past, oldest first. Give `duration` (before `to`), or `from`.

    `to`: now unless given. `what`: TRADES, or what the instrument has instead. `bulk`: after everything that
    is not. `columns`: the bars by columns; `packed`: these as bytes, by far the quickest for many.
    """

    size: str
    duration: Duration | None = None
    from_: Ns | None = msgspec.field(name="from", default=None)
    to: Ns | None = None
    what: What | None = None
    rth: bool = False
    limit: Annotated[int, Meta(ge=1, le=MOST_BARS)] = MOST_BARS
    bulk: bool = False
    columns: bool = False
    packed: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.columns and self.packed:
            raise FieldError("packed", "give either columns or packed")
        if self.size not in HISTORY_SIZES:
            raise FieldError("size", f"{self.size[:20]!r} is no size of bars: {', '.join(HISTORY_SIZES)}")
        if (self.duration is None) == (self.from_ is None):
            raise FieldError("duration", "give either duration, like 2D, or from")
        check_range(self.from_, self.to)
        sec_type = parse_instrument(self.instrument).sec_type
        if self.to is not None and up_to_now(self.what, sec_type):
            kind = "CONTFUT" if sec_type == "CONTFUT" else "ADJUSTED_LAST"
            raise FieldError("to", f"{kind} goes up to now only: leave to out (IBKR's rule)")


class BarColumns(Struct, frozen=True):
    """Bars by columns, all of one length; fields as in a row."""

    time: list[int] = []
    open: list[Finite | None] = []
    high: list[Finite | None] = []
    low: list[Finite | None] = []
    close: list[Finite | None] = []
    volume: list[Finite | None] = []
    wap: list[Finite | None] = []
    count: list[int | None] = []

    def __post_init__(self) -> None:
        lengths = {len(column) for column in msgspec.structs.astuple(self)}
        if len(lengths) != 1:
            raise ValueError("columns of one table differ in length")


class PackedBars(Struct, frozen=True):
    """Bars by columns, each as bytes, eight for a bar, little-endian: `time` 64-bit integers, ns, all others
    64-bit floats, NaN where there is nothing; fields as in a row."""

    time: bytes = b""
    open: bytes = b""
    high: bytes = b""
    low: bytes = b""
    close: bytes = b""
    volume: bytes = b""
    wap: bytes = b""
    count: bytes = b""

    def __post_init__(self) -> None:
        lengths = {len(column) for column in msgspec.structs.astuple(self)}
        if len(lengths) != 1 or len(self.time) % 8:
            raise ValueError("columns of one table differ in length, or have a part of a number")

    def __len__(self) -> int:
        return len(self.time) // 8


class BarPage(Struct, frozen=True, kw_only=True):
    """Result of `bars`. `bars` or, where they were asked for, `columns` or `packed`. `what`: what was
    asked of the gateway. `next`: as `from` for more, nil at the end.
    """

    bars: list[BarRow]
    con_id: int | None
    what: str
    columns: BarColumns | None = None
    packed: PackedBars | None = None
    fetched_at: int | None = None
    next: int | None = None


class GetTicks(_OfInstrument, frozen=True, kw_only=True):
    """`ticks`: ticks of the past, oldest first, whole seconds: a page never ends inside of one."""

    from_: Ns = msgspec.field(name="from")
    to: Ns | None = None
    what: Literal["TRADES", "BID_ASK", "MIDPOINT"] = "TRADES"
    rth: bool = False
    ignore_size: bool = False
    limit: Annotated[int, Meta(ge=1, le=MOST_TICKS)] = 1000
    bulk: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range(self.from_, self.to)


class TickRow(Struct, frozen=True, kw_only=True):
    """A trade has price, size, exchange and conditions, a quote bid and ask, a mid-point its price. `time`:
    to the second. `attributes` as in `trade` and `bbo`: 1 past limit (or bid past low), 2 unreported (or ask
    past high).
    """

    time: int
    price: Finite | None = None
    size: Finite | None = None
    bid: Finite | None = None
    ask: Finite | None = None
    bid_size: Finite | None = None
    ask_size: Finite | None = None
    exchange: str = ""
    conditions: str = ""
    attributes: int = 0


class TickPage(Struct, frozen=True, kw_only=True):
    """Result of `ticks`. `next`: as `from` for more, nil at the end."""

    ticks: list[TickRow]
    con_id: int | None
    fetched_at: int | None = None
    next: int | None = None


class GetHeadTimestamp(_OfInstrument, frozen=True, kw_only=True):
    """`head_timestamp`: when the history of an instrument begins."""

    what: What | None = None
    rth: bool = False


class Head(Struct, frozen=True, kw_only=True):
    """Result of `head_timestamp`."""

    time: int
    what: str
    fetched_at: int | None = None


class GetSchedule(_OfInstrument, frozen=True, kw_only=True):
    """`schedule`: the trading sessions between two moments, as far back as the gateway knows them."""

    from_: Ns = msgspec.field(name="from")
    to: Ns | None = None
    rth: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range(self.from_, self.to)


class SessionRow(Struct, frozen=True, kw_only=True):
    """`open` and `close`: ns. `date`: the trading day it counts for, YYYYMMDD."""

    open: int
    close: int
    date: str


class Schedule(Struct, frozen=True, kw_only=True):
    """Result of `schedule`: sessions in their order, those that touch the range."""

    sessions: list[SessionRow]
    time_zone: str
    fetched_at: int | None = None


class GetHistogram(_OfInstrument, frozen=True, kw_only=True):
    """`histogram`: how much was traded at which price, over a period up to now."""

    period: Annotated[str, form(r"^[1-9][0-9]{0,3}[SDWMY]$", "written like '2D', '6M' or '1Y'")] = "1D"
    rth: bool = False


class Histogram(Struct, frozen=True, kw_only=True):
    """Result of `histogram`: `[price, size]` in the gateway's order."""

    prices: list[tuple[Finite | None, Finite | None]]
    fetched_at: int | None = None
