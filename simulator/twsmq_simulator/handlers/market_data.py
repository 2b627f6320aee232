"""Requests for streaming market data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twsmq_simulator.errors import RequestRefused
from twsmq_simulator.feeds import TopOfBook
from twsmq_simulator.handlers.table import Table, handles
from twsmq_simulator.market.book import Book
from twsmq_simulator.market.contracts import ContractSpec
from twsmq_simulator.wire import requests as r
from twsmq_simulator.wire import tick_messages

if TYPE_CHECKING:
    from twsmq_simulator.gateway import Gateway
    from twsmq_simulator.session import Session

TABLE: Table = {}
BBO_EXCHANGE = "9c0001"  # captured


def book_of(gateway: Gateway, contract: ContractSpec, request_id: int) -> Book:
    """The book of the one instrument a request describes. Raises RequestRefused(200)."""
    instrument = gateway.catalogue.one(contract, request_id)
    return gateway.exchange.required(instrument.con_id)


@handles(TABLE, r.MarketDataType)
def market_data_type(gateway: Gateway, session: Session, request: r.MarketDataType) -> None:
    """Never answered, whatever the number (captured); it applies to requests that follow."""
    del gateway
    if request.kind in (1, 2, 3, 4):
        session.market_data_type = request.kind


@handles(TABLE, r.MarketData)
def market_data(gateway: Gateway, session: Session, request: r.MarketData) -> None:
    """marketDataType, tickReqParams, then what is known and every change (captured); a snapshot ends with
    57.
    """
    request_id = request.request_id
    if (r.Cancel.MARKET_DATA, request_id) in session.subscriptions:
        raise RequestRefused(322, "Error processing request.-'bW' : cause - Duplicate ticker id", request_id)
    book = book_of(gateway, request.contract, request_id)
    kind = session.market_data_type
    session.write(tick_messages.market_data_type(request_id, kind))
    session.write(tick_messages.tick_request_params(request_id, book.instrument.min_tick, BBO_EXCHANGE, 3))
    subscription = TopOfBook(session, request_id, book, delayed=kind in (3, 4))
    session.write(subscription.snapshot(book, gateway.clock.now()))
    if request.snapshot or request.regulatory_snapshot:
        session.write(tick_messages.snapshot_end(request_id))
        return
    gateway.follow(subscription, r.Cancel.MARKET_DATA)


@handles(TABLE, r.Cancel)
def cancel(gateway: Gateway, session: Session, request: r.Cancel) -> None:
    """The end of a subscription; an unknown one is an error for market data only."""
    subscription = session.subscriptions.pop((request.what, request.request_id), None)
    if subscription is not None:
        gateway.unfollow(subscription)
        return
    if gateway.stop_repeating(session, (request.what, request.request_id)):
        return
    match request.what:
        case r.Cancel.MARKET_DATA:
            raise RequestRefused(300, f"Can't find EId with tickerId:{request.request_id}")
        case r.Cancel.DEPTH:
            text = f"Can't find the subscribed market depth with tickerId:{request.request_id}"
            raise RequestRefused(310, text)
        case r.Cancel.HISTORY:
            raise RequestRefused(366, f"No historical data query found for ticker id:{request.request_id}")
        case r.Cancel.SCANNER:
            raise RequestRefused(365, f"No scanner subscription found for ticker id:{request.request_id}")
        case r.Cancel.PNL_SINGLE:
            raise RequestRefused(10186, "Failed to cancel PNL single (not subscribed)")
        case _:
            return
