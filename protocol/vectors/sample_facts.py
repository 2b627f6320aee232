"""Replies with contracts, history and news: what the reference and history nodes know."""

from __future__ import annotations

import struct

from msgspec import Struct
from twsmq_protocol.errors import RequestError
from twsmq_protocol.history_requests import (
    BarPage,
    PackedBars,
    TickPage,
    TickRow,
)
from twsmq_protocol.market_events import BarRow
from twsmq_protocol.requests import (
    ContractList,
    ContractRow,
)

FACTS: dict[str, tuple[str | int | None, Struct | RequestError]] = {
    "bars": (
        3,
        BarPage(
            bars=[
                BarRow(
                    time=1_790_000_040_000_000_000,
                    open=187.4,
                    high=187.5,
                    low=187.3,
                    close=187.41,
                    volume=1200.0,
                    wap=187.42,
                    count=37,
                )
            ],
            con_id=None,
            what="TRADES",
            next=1_790_000_100_000_000_000,
        ),
    ),
    "packed bars": (
        4,
        BarPage(
            bars=[],
            con_id=265598,
            what="TRADES",
            packed=PackedBars(
                time=struct.pack("<2q", 1_790_000_040_000_000_000, 1_790_000_100_000_000_000),
                **{
                    name: struct.pack("<2d", value, float("nan"))
                    for name, value in (
                        ("open", 187.4),
                        ("high", 187.5),
                        ("low", 187.3),
                        ("close", 187.41),
                        ("volume", 1200.0),
                        ("wap", 187.42),
                        ("count", 37.0),
                    )
                },
            ),
        ),
    ),
    "ticks": (
        5,
        TickPage(
            ticks=[TickRow(time=1_790_000_001_000_000_000, price=187.4, size=100.0, exchange="ISLAND")],
            con_id=265598,
        ),
    ),
    "contract details": (
        2,
        ContractList(
            contracts=[
                ContractRow(
                    instrument="CONID:265598:SMART",
                    con_id=265598,
                    sec_type="STK",
                    symbol="AAPL",
                    exchange="SMART",
                    primary_exchange="NASDAQ",
                    currency="USD",
                    local_symbol="AAPL",
                    trading_class="NMS",
                    long_name="APPLE INC",
                    min_tick=0.01,
                    order_types="LMT,MKT,STP",
                    valid_exchanges="SMART,NASDAQ",
                    time_zone_id="US/Eastern",
                )
            ]
        ),
    ),
}
