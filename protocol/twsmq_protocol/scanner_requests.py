"""Arguments and results of the ops about market scanners."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from .envelope import Args
from .reference_requests import Price, Word


class Scan(Args, frozen=True, kw_only=True):
    """`scanner` (reference): the best of a market by some measure, once.

    `filters`: by the codes that `scanner_parameters` lists.
    """

    scan: Word
    instrument_type: Word = "STK"
    location: Word = "STK.US.MAJOR"
    rows: Annotated[int, Meta(ge=1, le=50)] = 50
    above_price: Price | None = None
    below_price: Price | None = None
    above_volume: Annotated[int, Meta(ge=0, le=2**31 - 1)] | None = None
    filters: Annotated[dict[Word, Word], Meta(max_length=50)] = msgspec.field(default_factory=dict)


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
