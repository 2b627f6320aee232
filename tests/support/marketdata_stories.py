"""What tests of lines share: topics, words of gateways, a line that was asked for."""

from __future__ import annotations

from twsmq_nodes.marketdata import events as ev
from twsmq_nodes.tws.session_events import FarmState, FarmStatus

from support.marketdata_core import UP, Desk

BARS = "bars/1m/STK:AAPL:SMART:USD/"
TRADES = "trade/STK:AAPL:SMART:USD/"
PACING = "Historical Market Data Service error message:Historical data request pacing violation"
OTHER_ADDRESS = "Trading TWS session is connected from a different IP address"
BROKEN = FarmStatus("market", "usfarm", FarmState.BROKEN)
OK = FarmStatus("market", "usfarm", FarmState.OK)


def cancelled(desk: Desk) -> list[int]:
    return [cancel.req_id for cancel in desk.take(ev.Cancel) if cancel.request is not None]


def started(topic: str, **config: object) -> tuple[Desk, int]:
    desk = Desk(**config)
    desk.feed(UP)
    desk.want(topic)
    desk.answer_lookups()
    return desk, desk.line()
