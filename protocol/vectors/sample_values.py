"""Values that many samples share."""

from __future__ import annotations

from twsmq_protocol.market_events import (
    BarRow,
)

BORN = 1_800_000_000_000_000_000
NOW = 1_800_000_060_500_000_000
"""Whole tenths of a second, so that they survive JSON readers that know only doubles."""

AAPL = "STK:AAPL:SMART:USD"
MINUTE = BarRow(
    time=1_800_000_000_000_000_000,
    open=187.3,
    high=187.45,
    low=187.25,
    close=187.42,
    volume=48_120.0,
    wap=187.375,
    count=311,
)
