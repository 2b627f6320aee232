"""What the gateway does with each request: one function per request type, in one table.

A handler writes its answer to the session or raises RequestRefused; it never waits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twsmq_simulator.errors import RequestRefused
from twsmq_simulator.handlers import account, history, market_data, news, orders, others, reference
from twsmq_simulator.handlers.table import Table
from twsmq_simulator.wire.requests import Request

if TYPE_CHECKING:
    from twsmq_simulator.gateway import Gateway
    from twsmq_simulator.session import Session

HANDLERS: Table = (
    orders.TABLE
    | account.TABLE
    | reference.TABLE
    | market_data.TABLE
    | history.TABLE
    | news.TABLE
    | others.TABLE
)


def dispatch(gateway: Gateway, session: Session, request: Request) -> None:
    handler = HANDLERS.get(type(request))
    if handler is None:
        raise RequestRefused(320, f"Error reading request:{type(request).__name__} is not supported")
    handler(gateway, session, request)
