"""Arguments and results of the op about a company's fundamentals."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

from .envelope import Args
from .instruments import parse_instrument

Report: TypeAlias = Literal[
    "ReportSnapshot",
    "ReportsFinSummary",
    "ReportRatios",
    "ReportsFinStatements",
    "RESC",
    "CalendarReport",
    "ReportsOwnership",
]


class GetFundamentals(Args, frozen=True, kw_only=True):
    """`fundamentals` (reference): a report about a company, which IBKR serves to ever fewer users; ibapi has
    it no more from 10.50 on.
    """

    instrument: str
    report: Report = "ReportSnapshot"

    def __post_init__(self) -> None:
        parse_instrument(self.instrument)


class Fundamentals(Struct, frozen=True, kw_only=True):
    """Result of `fundamentals`: the XML that the gateway sends, as it is."""

    report: Report
    xml: str
