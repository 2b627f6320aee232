"""Arguments and results of the ops about market scanners."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from .envelope import Args, Event
from .reference_requests import Price, Word


class Scan(Args, frozen=True, kw_only=True):
    """`scanner` (reference): the best of a market by some measure; of the op, once.

    `filters`: by the codes that `scanner_parameters` lists.
    """

    scan: Word
    """A scan code, as TOP_PERC_GAIN; `twsmq scanner --codes` lists them."""
    instrument_type: Word = "STK"
    """As `twsmq scanner --codes` lists them."""
    location: Word = "STK.US.MAJOR"
    """Where, as `twsmq scanner --codes` lists them."""
    rows: Annotated[int, Meta(ge=1, le=50)] = 50
    """At most."""
    above_price: Price | None = None
    """Only what costs more."""
    below_price: Price | None = None
    """Only what costs less."""
    above_volume: Annotated[int, Meta(ge=0, le=2**31 - 1)] | None = None
    """Only what was traded more."""
    filters: Annotated[dict[Word, Word], Meta(max_length=50)] = msgspec.field(default_factory=dict)
    """Values by the codes of filters."""


class ScannerRow(Struct, frozen=True, kw_only=True):
    """`rank` from 0. The gateway sends no prices with them."""

    rank: int
    instrument: str
    con_id: int
    symbol: str
    sec_type: str
    exchange: str | None = None
    currency: str | None = None
    local_symbol: str | None = None
    distance: str | None = None
    benchmark: str | None = None
    projection: str | None = None
    legs: str | None = None


class Scanned(Struct, frozen=True, kw_only=True):
    """Result of `scanner`, best first."""

    rows: list[ScannerRow]


ScanState = Literal["starting", "active", "interrupted", "refused"]


class Ranking(Event, frozen=True, kw_only=True, tag="ranking"):
    """A configured scan as it stands, on `scanner/<name>/`: at each ranking and each change of its state.

    `rows`: the last ranking, best first. `time`: ns, when it came; nil: none has come yet. starting: asked
    for. active: the gateway sends rankings. interrupted: it does not, and is asked again by itself.
    refused: it will not; asked again after ten minutes and in the next session. `code`, `text`: what the
    gateway says, or why.
    """

    state: ScanState
    time: int | None = None
    rows: list[ScannerRow] = msgspec.field(default_factory=list[ScannerRow])
    code: int | None = None
    text: str | None = None
    snapshot: bool = False


class GetScannerParameters(Args, frozen=True, kw_only=True):
    """`scanner_parameters` (reference): what a scanner may be asked. `search`: only what has these words."""

    search: Word | None = None
    limit: Annotated[int, Meta(ge=1, le=5000)] = 500


class ScannerParameter(Struct, frozen=True, kw_only=True):
    """`kind`: `instrument_type`, `location`, `scan` or `filter`, as an argument of `scanner`."""

    kind: Literal["instrument_type", "location", "scan", "filter"]
    code: str
    name: str


class ScannerParameterList(Struct, frozen=True, kw_only=True):
    """Result of `scanner_parameters`. `total`: so many there are."""

    parameters: list[ScannerParameter]
    total: int
