"""Requests beside trading: scanners, advisors, option values, display groups, user information."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from twsmq_simulator.broker.model import Order, Status
from twsmq_simulator.broker.ticket import OrderTicket
from twsmq_simulator.errors import RequestRefused
from twsmq_simulator.handlers.market_data import book_of
from twsmq_simulator.handlers.orders import client_id_of, refuse_if_read_only
from twsmq_simulator.handlers.table import Table, handles
from twsmq_simulator.market import pricing
from twsmq_simulator.market.book import Book
from twsmq_simulator.wire import messages, tick_messages
from twsmq_simulator.wire import requests as r

if TYPE_CHECKING:
    from twsmq_simulator.gateway import Gateway
    from twsmq_simulator.session import Session

TABLE: Table = {}
SCAN_CODES = ("TOP_PERC_GAIN", "TOP_PERC_LOSE", "MOST_ACTIVE", "HOT_BY_VOLUME", "HIGH_OPT_IMP_VOLAT")
SCANNER_XML = (
    '<?xml version="1.0" encoding="UTF-8"?><ScanParameterResponse><InstrumentList><Instrument>'
    "<name>US Stocks</name><type>STK</type></Instrument></InstrumentList><ScanTypeList>"
    + "".join(f"<ScanType><scanCode>{code}</scanCode></ScanType>" for code in SCAN_CODES)
    + "</ScanTypeList></ScanParameterResponse>"
)
WSH_KINDS = (("wshe_ed", "Earnings Date", 30), ("wshe_div", "Dividend", 45))
NO_FUNDAMENTALS = "We are sorry, but fundamentals data for the security specified is not available."
NO_ADVISOR = "Error validating request.-'bN' : cause - FA data operations ignored for non FA customers."


@handles(TABLE, r.ScannerParameters)
def scanner_parameters(gateway: Gateway, session: Session, request: r.ScannerParameters) -> None:
    del gateway, request
    session.write(messages.scanner_parameters(SCANNER_XML))


@handles(TABLE, r.ScannerSubscription)
def scanner(gateway: Gateway, session: Session, request: r.ScannerSubscription) -> None:
    """Stocks by their move since the open; sent again about every second until cancelled."""
    request_id = request.request_id
    if request.scan_code not in SCAN_CODES:
        text = "Historical Market Data Service error message:Invalid scanner code"
        raise RequestRefused(162, text, request_id)

    def send() -> None:
        books = [gateway.exchange.required(i.con_id) for i in gateway.catalogue if i.sec_type == "STK"]
        above, below = request.above_price or 0.0, request.below_price or float("inf")
        fitting = [b for b in books if above <= b.last <= below]
        falling = request.scan_code == "TOP_PERC_LOSE"
        ranked = sorted(fitting, key=_gain, reverse=not falling)
        rows = [
            book.instrument for book in ranked[: request.rows if request.rows and request.rows > 0 else 50]
        ]
        session.write(messages.scanner_data(request_id, rows))

    gateway.repeat(session, (r.Cancel.SCANNER, request_id), send)


def _gain(book: Book) -> float:
    return book.last_ticks / book.open_ticks - 1


@handles(TABLE, r.RequestFa)
def request_fa(gateway: Gateway, session: Session, request: r.RequestFa) -> None:
    if not _advisor(gateway):
        raise RequestRefused(321, NO_ADVISOR)
    xml = gateway.advisor_lists.get(request.kind) or _made_up(gateway, request.kind)
    session.write(messages.receive_fa(request.kind, xml))


@handles(TABLE, r.ReplaceFa)
def replace_fa(gateway: Gateway, session: Session, request: r.ReplaceFa) -> None:
    if not _advisor(gateway):
        raise RequestRefused(321, NO_ADVISOR)
    gateway.advisor_lists[request.kind] = request.xml
    if request.request_id is not None:
        session.write(messages.replace_fa_end(request.request_id, "OK"))


def _advisor(gateway: Gateway) -> bool:
    return any(account.startswith(("F", "DF")) for account in gateway.settings.accounts)


def _made_up(gateway: Gateway, kind: int) -> str:
    """One group of all accounts, an alias for each, no profile."""
    accounts = gateway.settings.accounts
    if kind == 1:
        listed = "".join(f"<String>{account}</String>" for account in accounts)
        within = f'<ListOfAccts varName="list">{listed}</ListOfAccts><defaultMethod>Equal</defaultMethod>'
        return f"<ListOfGroups><Group><name>All</name>{within}</Group></ListOfGroups>"
    if kind == 2:
        return "<ListOfAllocationProfiles></ListOfAllocationProfiles>"
    aliases = (
        f"<AccountAlias><account>{account}</account><alias>{account}</alias></AccountAlias>"
        for account in accounts
    )
    return f"<ListOfAccountAliases>{''.join(aliases)}</ListOfAccountAliases>"


@handles(TABLE, r.FamilyCodes)
def family_codes(gateway: Gateway, session: Session, request: r.FamilyCodes) -> None:
    del request
    session.write(messages.family_codes([(account, "") for account in gateway.settings.accounts]))


@handles(TABLE, r.SoftDollarTiers)
def soft_dollar_tiers(gateway: Gateway, session: Session, request: r.SoftDollarTiers) -> None:
    del gateway
    session.write(messages.soft_dollar_tiers(request.request_id, []))


@handles(TABLE, r.UserInfo)
def user_info(gateway: Gateway, session: Session, request: r.UserInfo) -> None:
    del gateway
    session.write(messages.user_info(request.request_id, ""))


@handles(TABLE, r.QueryDisplayGroups)
def query_display_groups(gateway: Gateway, session: Session, request: r.QueryDisplayGroups) -> None:
    del gateway
    session.write(messages.display_groups(request.request_id, "1|2|3|4|5|6|7"))


@handles(TABLE, r.SubscribeToGroup)
def subscribe_to_group(gateway: Gateway, session: Session, request: r.SubscribeToGroup) -> None:
    shown = gateway.display_groups.get(request.group_id, "none")
    session.display_groups[request.request_id] = request.group_id
    session.write(messages.display_group_updated(request.request_id, shown))


@handles(TABLE, r.UpdateDisplayGroup)
def update_display_group(gateway: Gateway, session: Session, request: r.UpdateDisplayGroup) -> None:
    """Everybody who subscribed to the group receives it."""
    group = session.display_groups.get(request.request_id)
    if group is None:
        raise RequestRefused(
            322, "Error processing request.-'bW' : cause - Not subscribed to a display group"
        )
    gateway.display_groups[group] = request.contract_info
    for other in gateway.by_client.values():
        for request_id, subscribed in other.display_groups.items():
            if subscribed == group:
                other.write(messages.display_group_updated(request_id, request.contract_info))


@handles(TABLE, r.UnsubscribeFromGroup)
def unsubscribe_from_group(gateway: Gateway, session: Session, request: r.UnsubscribeFromGroup) -> None:
    del gateway
    session.display_groups.pop(request.request_id, None)


@handles(TABLE, r.Verify)
def verify(gateway: Gateway, session: Session, request: r.Verify) -> None:
    raise RequestRefused(321, "Error validating request.-'bN' : cause - Verification is not supported")


@handles(TABLE, r.FundamentalData)
def fundamental_data(gateway: Gateway, session: Session, request: r.FundamentalData) -> None:
    """Made up, of stocks alone."""
    instrument = gateway.catalogue.get(request.contract.con_id or 0)
    if instrument is None or instrument.sec_type != "STK":
        raise RequestRefused(430, NO_FUNDAMENTALS, request.request_id)
    ids = f'<IssueID Type="Ticker">{escape(instrument.symbol)}</IssueID>'
    xml = f"<{request.report}><Issue>{ids}</Issue></{request.report}>"
    session.write(messages.fundamental_data(request.request_id, xml))


@handles(TABLE, r.WshMetaData)
def wsh_meta_data(gateway: Gateway, session: Session, request: r.WshMetaData) -> None:
    del gateway
    session.has_wsh_meta_data = True
    kinds = [{"tag": tag, "name": name} for tag, name, _ in WSH_KINDS]
    told = {"meta_data": {"event_types": kinds}}
    session.write(messages.wsh_meta_data(request.request_id, json.dumps(told)))


@handles(TABLE, r.WshEventData)
def wsh_event_data(gateway: Gateway, session: Session, request: r.WshEventData) -> None:
    """Made up: of a stock its earnings in 30 days and a dividend in 45; of a filter none."""
    if not session.has_wsh_meta_data:
        raise RequestRefused(10282, "WSH metadata not requested.", request.request_id)
    instrument = gateway.catalogue.get(request.con_id or 0)
    today = datetime.fromtimestamp(gateway.clock.now() // 10**9, UTC)
    due = [(f"{today + timedelta(days=days):%Y%m%d}", tag) for tag, _, days in WSH_KINDS]
    found = [
        {"event_type": tag, "conids": [str(request.con_id)], "data": {"date": day}}
        for day, tag in due
        if instrument is not None and instrument.sec_type == "STK"
        if (request.start or "0") <= day <= (request.end or "9")
    ]
    session.write(messages.wsh_event_data(request.request_id, json.dumps(found[: request.limit])))


def _option(gateway: Gateway, request: r.ImpliedVolatility | r.OptionPrice) -> tuple[Book, float]:
    book = book_of(gateway, request.contract, request.request_id)
    if book.instrument.sec_type not in ("OPT", "FOP"):
        raise RequestRefused(321, "Error validating request.-'bN' : cause - The contract is no option")
    return book, pricing.years_left(book.instrument.expiry, gateway.clock.now())


@handles(TABLE, r.ImpliedVolatility)
def implied_volatility(gateway: Gateway, session: Session, request: r.ImpliedVolatility) -> None:
    book, years = _option(gateway, request)
    i = book.instrument
    found = pricing.implied_volatility(
        request.option_price, request.under_price, i.strike, years, call=i.right == "C"
    )
    if found is None:
        raise RequestRefused(321, "Error validating request.-'bN' : cause - No volatility gives this price")
    _send_values(session, request, book, years, found)


@handles(TABLE, r.OptionPrice)
def option_price(gateway: Gateway, session: Session, request: r.OptionPrice) -> None:
    book, years = _option(gateway, request)
    if request.volatility <= 0 or request.under_price <= 0:
        raise RequestRefused(321, "Error validating request.-'bN' : cause - Invalid volatility or price")
    _send_values(session, request, book, years, request.volatility)


def _send_values(
    session: Session,
    request: r.ImpliedVolatility | r.OptionPrice,
    book: Book,
    years: float,
    volatility: float,
) -> None:
    i = book.instrument
    greeks = pricing.value(request.under_price, i.strike, years, volatility, call=i.right == "C")
    computed = pricing.Computation(greeks.price, volatility, greeks, request.under_price)
    session.write(tick_messages.tick_option(request.request_id, tick_messages.MODEL_OPTION, computed))


@handles(TABLE, r.ExerciseOptions)
def exercise_options(gateway: Gateway, session: Session, request: r.ExerciseOptions) -> None:
    """Exercise of a long option: it is bought or sold at the strike and the option is gone.

    The messages are those that a gateway sent (captured at server version 225, August 2026): 10349, then an
    order of the request's id that works, a purchase at a limit of 0. What becomes of it later was not
    captured; here it is carried out at once, and the order is in no list.
    """
    refuse_if_read_only(gateway)
    book = book_of(gateway, request.contract, request.request_id)
    effects = gateway.broker.exercise(book.instrument, request.quantity, exercise=request.exercise)
    if effects is None:
        raise RequestRefused(
            321, "Error validating request.-'bN' : cause - Options are not held", request.request_id
        )
    ticket = OrderTicket(
        request.request_id,
        request.contract,
        action="BUY",
        quantity=Decimal(request.quantity),
        order_type="LMT",
        limit_price=0.0,
        tif="DAY",
        account=request.account,
    )
    now, perm_id = gateway.clock.now(), gateway.broker.orders.use_perm_id()
    order = Order(perm_id, client_id_of(session), ticket, book.instrument.con_id, Status.PRE_SUBMITTED, now)
    words = "Order TIF was set to DAY based on order preset."
    session.write(messages.error(session.version, request.request_id, 10349, words, now))
    gateway.delivery.report(session, order)
    gateway.delivery.deliver(effects)
