"""Requests about orders, executions and ids."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from twsmq_simulator.broker import cancelling
from twsmq_simulator.broker.model import FINAL, Execution, Status
from twsmq_simulator.errors import RequestRefused
from twsmq_simulator.handlers.table import Table, handles
from twsmq_simulator.market import hours
from twsmq_simulator.market.times import parse_time
from twsmq_simulator.wire import messages, order_messages
from twsmq_simulator.wire import requests as r

if TYPE_CHECKING:
    from twsmq_simulator.gateway import Gateway
    from twsmq_simulator.session import Session

TABLE: Table = {}
DOUBLED = (Status.PRE_SUBMITTED, Status.SUBMITTED)
READ_ONLY = "Error validating request.-'bN' : cause - The API interface is currently in Read-Only mode."
NOT_CLIENT_ZERO = "Only API connections with clientId set to 0 can set the auto bind orders property."


def client_id_of(session: Session) -> int:
    assert session.client_id is not None, "requests are handled after START_API only"
    return session.client_id


@handles(TABLE, r.PlaceOrder)
def place_order(gateway: Gateway, session: Session, request: r.PlaceOrder) -> None:
    """A new order, a modification, or whatever a fault on command makes of it."""
    client_id, ticket, now = client_id_of(session), request.ticket, gateway.clock.now()
    refuse_if_read_only(gateway)
    armed = gateway.faults.armed
    if armed.take("swallow", client_id) is not None:
        return
    reason = armed.take("reject", client_id)
    if reason is not None:
        gateway.delivery.deliver(gateway.broker.discard(client_id, ticket, reason, now))
        return
    known = gateway.broker.orders.find(client_id, ticket.order_id)
    if known is not None and known.status in DOUBLED and armed.take("double_perm_id", client_id) is not None:
        gateway.delivery.deliver(gateway.broker.double(known, ticket, now))
        return
    effects = gateway.broker.place(client_id, ticket, now)
    after = gateway.broker.orders.find(client_id, ticket.order_id)
    if after is not None and armed.take("lose_ack", client_id) is not None:
        gateway.delivery.unheard.add(after.perm_id)
    gateway.delivery.deliver(effects)


def refuse_if_read_only(gateway: Gateway) -> None:
    if gateway.faults.read_only:
        raise RequestRefused(321, READ_ONLY)


@handles(TABLE, r.CancelOrder)
def cancel_order(gateway: Gateway, session: Session, request: r.CancelOrder) -> None:
    refuse_if_read_only(gateway)
    now = gateway.clock.now()
    gateway.delivery.deliver(gateway.broker.cancel(client_id_of(session), request.order_id, now))


@handles(TABLE, r.GlobalCancel)
def global_cancel(gateway: Gateway, session: Session, request: r.GlobalCancel) -> None:
    del request
    gateway.delivery.deliver(
        cancelling.cancel_all(gateway.broker, client_id_of(session), gateway.clock.now())
    )


@handles(TABLE, r.OpenOrders)
def open_orders(gateway: Gateway, session: Session, request: r.OpenOrders) -> None:
    """Refused like an order while the API is read-only (captured: ib_insync issue 1)."""
    del request
    refuse_if_read_only(gateway)
    for order in gateway.broker.orders.open(session.client_id):
        gateway.delivery.report(session, order)
    session.write(messages.open_order_end())


@handles(TABLE, r.AllOpenOrders)
def all_open_orders(gateway: Gateway, session: Session, request: r.AllOpenOrders) -> None:
    """Everyone's orders, under their owners' ids, and none of them bound to this client (captured)."""
    del request
    for order in gateway.broker.orders.open():
        gateway.delivery.report(session, order)
    session.write(messages.open_order_end())


@handles(TABLE, r.AutoOpenOrders)
def auto_open_orders(gateway: Gateway, session: Session, request: r.AutoOpenOrders) -> None:
    del gateway
    if session.client_id != 0:
        raise RequestRefused(327, NOT_CLIENT_ZERO)
    session.binds_orders = request.bind


@handles(TABLE, r.CompletedOrders)
def completed_orders(gateway: Gateway, session: Session, request: r.CompletedOrders) -> None:
    """Finished orders of the current day, latest first."""
    del request
    since = midnight(gateway.clock.now())
    done = [o for o in gateway.broker.orders.values() if o.status in FINAL and o.completed >= since]
    for order in sorted(done, key=lambda o: -o.completed):
        instrument = gateway.broker.instrument(order.con_id)
        session.write(order_messages.completed_order(session.version, order, instrument))
    session.write(messages.completed_orders_end())


@handles(TABLE, r.Executions)
def executions(gateway: Gateway, session: Session, request: r.Executions) -> None:
    """Executions of the current day that pass the filter, each with its commission report, then the end."""
    since = max(midnight(gateway.clock.now()), parse_time(request.since) or 0)
    found = [
        e for e in gateway.broker.executions.values() if e.time >= since and _passes(gateway, e, request)
    ]
    for execution in found:
        instrument = gateway.broker.instrument(execution.con_id)
        ids = (execution.order_id, execution.client_id)
        session.write(
            order_messages.execution_details(
                session.version, request.request_id, execution, instrument, *ids, gateway.zones
            )
        )
        session.write(order_messages.commission_report(session.version, execution))
    session.write(messages.execution_details_end(request.request_id))


def _passes(gateway: Gateway, e: Execution, request: r.Executions) -> bool:
    instrument = gateway.broker.instrument(e.con_id)
    side = {"BUY": True, "BOT": True, "SELL": False, "SLD": False}.get(request.side.upper())
    return (
        (not request.client_id or e.client_id == request.client_id)
        and (not request.account or e.account == request.account)
        and (not request.symbol or instrument.symbol == request.symbol)
        and (not request.sec_type or instrument.sec_type == request.sec_type)
        and (not request.exchange or e.exchange == request.exchange)
        and (side is None or e.bought is side)
    )


def midnight(ns: int) -> int:
    """The start of the day at the exchange, ns UTC."""
    local = datetime.fromtimestamp(ns / 1e9, UTC).astimezone(ZoneInfo(hours.SESSIONS["us_equity"].zone))
    return round(local.replace(hour=0, minute=0, second=0, microsecond=0).timestamp() * 1e9)


@handles(TABLE, r.NextIds)
def next_ids(gateway: Gateway, session: Session, request: r.NextIds) -> None:
    """The request's count is ignored (IBKR docs)."""
    del request
    session.write(messages.next_valid_id(gateway.next_order_id(client_id_of(session))))
