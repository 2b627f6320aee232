"""Since when there are data of an instrument."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final
from zlib import crc32

from twsmq_simulator.market.hours import session_span
from twsmq_simulator.market.instruments import Instrument

KNOWN: Final = {265598: date(1980, 12, 12)}  # AAPL: captured, 19801212-14:30:00
EARLIEST: Final = {"STK": 1985, "IND": 1990, "CASH": 2005, "CMDTY": 2006, "CRYPTO": 2019, "CFD": 2014}
SPREAD_YEARS: Final = {"STK": 22, "IND": 10, "CASH": 1, "CMDTY": 1, "CRYPTO": 2, "CFD": 3}
LISTED_BEFORE: Final = {"OPT": 300, "FOP": 300, "FUT": 730}  # days before the expiry


def head(i: Instrument) -> int:
    """The opening of its first session, ns UTC; the same always."""
    if i.con_id in KNOWN:
        day = KNOWN[i.con_id]
    elif i.expiry and i.sec_type in LISTED_BEFORE:
        day = date.fromisoformat(i.expiry) - timedelta(days=LISTED_BEFORE[i.sec_type])
    else:
        drawn = crc32(str(i.con_id).encode())
        year = EARLIEST.get(i.sec_type, 2008) + drawn % SPREAD_YEARS.get(i.sec_type, 4)
        day = date(year, 1 + drawn // 32 % 12, 1 + drawn // 1024 % 28)
    while (span := session_span(i.hours, day, regular=True)) is None:
        day += timedelta(days=1)
    return round(span[0].timestamp()) * 1_000_000_000
