"""Requests about the account: its codes, values, positions and profit."""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING

from twsmq_simulator.broker import statement
from twsmq_simulator.broker.model import Position
from twsmq_simulator.broker.statement import Told
from twsmq_simulator.errors import RequestRefused
from twsmq_simulator.handlers.table import Table, handles
from twsmq_simulator.wire import messages
from twsmq_simulator.wire import requests as r

if TYPE_CHECKING:
    from twsmq_simulator.gateway import Gateway
    from twsmq_simulator.session import Session

TABLE: Table = {}
REFRESH_NS = 180_000_000_000  # figures come with a change of position and every 3 minutes (IBKR docs)
UPDATES = ("account updates", 0)


@handles(TABLE, r.ManagedAccounts)
def managed_accounts(gateway: Gateway, session: Session, request: r.ManagedAccounts) -> None:
    del request
    session.write(messages.managed_accounts(",".join(gateway.settings.accounts)))


@handles(TABLE, r.CurrentTime)
def current_time(gateway: Gateway, session: Session, request: r.CurrentTime) -> None:
    """A second request within a second of the last is never answered (seen on live gateways)."""
    del request
    now = gateway.clock.now()
    if session.last_time_request is not None and now - session.last_time_request < 1_000_000_000:
        return
    session.last_time_request = now
    session.write(messages.current_time(now))


@handles(TABLE, r.CurrentTimeMillis)
def current_time_millis(gateway: Gateway, session: Session, request: r.CurrentTimeMillis) -> None:
    del request
    session.write(messages.current_time_millis(gateway.clock.now()))


@handles(TABLE, r.ServerLogLevel)
def server_log_level(gateway: Gateway, session: Session, request: r.ServerLogLevel) -> None:
    """Never answered."""
    del gateway, session, request


@handles(TABLE, r.Positions)
def positions(gateway: Gateway, session: Session, request: r.Positions) -> None:
    """Every position, the end, and from then on every change."""
    del request
    for position in gateway.broker.ledger.positions.values():
        if position.quantity:
            session.write(_position_row(gateway, position))
    session.write(messages.position_end())
    session.follows_positions = True


@handles(TABLE, r.CancelPositions)
def cancel_positions(gateway: Gateway, session: Session, request: r.CancelPositions) -> None:
    del gateway, request
    session.follows_positions = False


def _position_row(gateway: Gateway, position: Position) -> bytes:
    instrument = gateway.broker.instrument(position.con_id)
    account = gateway.settings.accounts[0]
    return messages.position(account, instrument, position.quantity, round(float(position.cost), 8))


@handles(TABLE, r.PositionsMulti)
def positions_multi(gateway: Gateway, session: Session, request: r.PositionsMulti) -> None:
    account = request.account or gateway.settings.accounts[0]
    for position in gateway.broker.ledger.positions.values():
        if position.quantity:
            instrument = gateway.broker.instrument(position.con_id)
            cost = round(float(position.cost), 8)
            session.write(
                messages.position_multi(
                    request.request_id, account, request.model, instrument, position.quantity, cost
                )
            )
    session.write(messages.position_multi_end(request.request_id))


@handles(TABLE, r.AccountSummary)
def account_summary(gateway: Gateway, session: Session, request: r.AccountSummary) -> None:
    """Rows are alphabetical; $LEDGER rows carry the account "All" (captured). Unknown tags have no row. Later
    only what has changed is sent, every three minutes (IBKR docs).
    """
    key = (r.Cancel.ACCOUNT_SUMMARY, request.request_id)
    gateway.repeat(
        session, key, partial(_send_summary, gateway, session, request, Told(), Told()), REFRESH_NS
    )
    session.write(messages.account_summary_end(request.request_id))


def _send_summary(
    gateway: Gateway, session: Session, request: r.AccountSummary, told: Told, ledger_told: Told
) -> None:
    account = gateway.settings.accounts[0]
    wanted = {tag.strip() for tag in request.tags.split(",") if tag.strip()}
    ledger = {tag.partition(":")[2] or "BASE" for tag in wanted if tag.startswith("$LEDGER")}
    rows = [row for row in statement.summary(gateway.broker) if row.key in wanted]
    ledger_rows = [
        row
        for row in (statement.ledger_rows(gateway.broker) if ledger else [])
        if row.currency in ledger or "ALL" in ledger
    ]
    for owner, fresh in ((account, told.fresh(rows)), ("All", ledger_told.fresh(ledger_rows))):
        for row in fresh:
            session.write(
                messages.account_summary(request.request_id, owner, row.key, row.value, row.currency)
            )


@handles(TABLE, r.AccountUpdates)
def account_updates(gateway: Gateway, session: Session, request: r.AccountUpdates) -> None:
    """Values, then portfolio rows each followed by the update time, then the end (captured)."""
    if not request.subscribe:
        session.account_updates = None
        gateway.stop_repeating(session, UPDATES)
        return
    account = request.account or gateway.settings.accounts[0]
    if account not in gateway.settings.accounts:
        raise RequestRefused(321, "Error validating request.-'bN' : cause - Invalid account code")
    session.account_updates = account
    session.account_told = Told()
    gateway.repeat(session, UPDATES, partial(_send_updates, gateway, session), REFRESH_NS)
    session.write(messages.account_download_end(account))


def _send_updates(gateway: Gateway, session: Session) -> None:
    send_account_values(gateway, session)
    for con_id in gateway.broker.ledger.positions:
        send_portfolio_row(gateway, session, con_id)
    session.write(messages.account_update_time(gateway.clock.now()))


def send_account_values(gateway: Gateway, session: Session) -> None:
    """All values the first time, then those that have changed."""
    account = session.account_updates or gateway.settings.accounts[0]
    for row in session.account_told.fresh(statement.updates(gateway.broker)):
        session.write(messages.account_value(row.key, row.value, row.currency, account))


def send_portfolio_row(gateway: Gateway, session: Session, con_id: int) -> None:
    broker = gateway.broker
    position = broker.ledger.positions[con_id]
    session.write(
        messages.portfolio_value(
            broker.instrument(con_id),
            position.quantity,
            float(broker.account.market_price(con_id)),
            round(float(broker.account.market_value(position)), 2),
            round(float(position.cost), 8),
            round(float(statement.unrealized(broker, con_id)), 2),
            round(float(position.realized), 2),
            session.account_updates or gateway.settings.accounts[0],
        )
    )
    session.write(messages.account_update_time(gateway.clock.now()))


def report_change(gateway: Gateway, con_id: int) -> None:
    """A fill changed a position: it is sent to its followers, and the account's values follow."""
    position = gateway.broker.ledger.positions.get(con_id)
    for session in gateway.by_client.values():
        if session.follows_positions and position is not None:
            session.write(_position_row(gateway, position))
        if session.account_updates is not None and position is not None:
            send_portfolio_row(gateway, session, con_id)
            send_account_values(gateway, session)


@handles(TABLE, r.AccountUpdatesMulti)
def account_updates_multi(gateway: Gateway, session: Session, request: r.AccountUpdatesMulti) -> None:
    key = (r.Cancel.ACCOUNT_UPDATES_MULTI, request.request_id)
    gateway.repeat(session, key, partial(_send_updates_multi, gateway, session, request, Told()), REFRESH_NS)
    session.write(messages.account_update_multi_end(request.request_id))


def _send_updates_multi(
    gateway: Gateway, session: Session, request: r.AccountUpdatesMulti, told: Told
) -> None:
    account = request.account or gateway.settings.accounts[0]
    broker = gateway.broker
    rows = statement.ledger_rows(broker)
    rows += [
        row for row in statement.summary(broker) if not request.ledger_and_nlv or row.key == "NetLiquidation"
    ]
    for row in told.fresh(sorted(rows)):
        session.write(
            messages.account_update_multi(
                request.request_id, account, request.model, row.key, row.value, row.currency
            )
        )


@handles(TABLE, r.ProfitAndLoss)
def profit_and_loss(gateway: Gateway, session: Session, request: r.ProfitAndLoss) -> None:
    """Sent at once and then every second until cancelled."""
    key = (r.Cancel.PNL, request.request_id)
    gateway.repeat(session, key, partial(_send_pnl, gateway, session, request.request_id))


def _send_pnl(gateway: Gateway, session: Session, request_id: int) -> None:
    broker = gateway.broker
    open_profit = sum((statement.unrealized(broker, c) for c in broker.ledger.positions), Decimal(0))
    realized = broker.ledger.realized
    session.write(
        messages.profit_and_loss(
            request_id, float(open_profit + realized), float(open_profit), float(realized)
        )
    )


@handles(TABLE, r.ProfitAndLossSingle)
def profit_and_loss_single(gateway: Gateway, session: Session, request: r.ProfitAndLossSingle) -> None:
    if request.con_id not in gateway.broker.ledger.positions:
        raise RequestRefused(2150, "Invalid position trade derived value")
    key = (r.Cancel.PNL_SINGLE, request.request_id)
    gateway.repeat(session, key, partial(_send_pnl_single, gateway, session, request))


def _send_pnl_single(gateway: Gateway, session: Session, request: r.ProfitAndLossSingle) -> None:
    broker = gateway.broker
    position = broker.ledger.positions[request.con_id]
    profit = float(statement.unrealized(broker, request.con_id))
    realized = float(position.realized)
    value = float(broker.account.market_value(position))
    session.write(
        messages.profit_and_loss_single(
            request.request_id, position.quantity, profit + realized, profit, realized, value
        )
    )
