"""Requests about instruments: details, chains, symbols, rules."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING

from twsmq_simulator.errors import RequestRefused
from twsmq_simulator.handlers.table import Table, handles
from twsmq_simulator.market.instruments import NO_DEFINITION, Instrument
from twsmq_simulator.wire import messages
from twsmq_simulator.wire import requests as r

if TYPE_CHECKING:
    from twsmq_simulator.gateway import Gateway
    from twsmq_simulator.session import Session

TABLE: Table = {}
MARKET_RULES = {
    26: [(0.0, 0.01)],
    32: [(0.0, 0.01), (3.0, 0.05)],
    67: [(0.0, 0.25)],
    109: [(0.0, 0.05), (3.0, 0.1)],
    239: [(0.0, 0.00005)],
}
MAX_SYMBOLS = 16
SLICES = 20  # of a second


@handles(TABLE, r.ContractDetails)
def contract_details(gateway: Gateway, session: Session, request: r.ContractDetails) -> None:
    """One message per instrument that fits, under the exchange asked for, then the end; none is error 200.
    Where neither an exchange nor a conId was named, one on each of its exchanges (ib_insync #564).
    """
    spec = request.contract
    if spec.sec_type == "BAG":
        raise RequestRefused(321, "Error validating request.-'bN' : cause - Invalid contract security type")
    found = [] if gateway.faults.finds_nothing else gateway.catalogue.resolve(spec)
    if not found:
        raise RequestRefused(200, NO_DEFINITION, request.request_id)
    now = gateway.clock.now()

    def rows(instrument: Instrument) -> Iterator[bytes]:
        version, request_id = session.version, request.request_id
        exchanges = instrument.valid_exchanges[:1] if spec.con_id else instrument.valid_exchanges
        for exchange in (spec.exchange,) if spec.exchange else exchanges:
            yield messages.contract_details(version, request_id, instrument, exchange, now, gateway.zones)

    answer = [*chain.from_iterable(map(rows, found)), messages.contract_details_end(request.request_id)]
    if gateway.faults.details_rate:
        _one_after_the_other(gateway, session, answer)
        return
    for each in answer:
        session.write(each)


def _one_after_the_other(gateway: Gateway, session: Session, rows: list[bytes]) -> None:
    """Some every twentieth of a second, at the rate on command; none to a client that has gone."""
    rate = gateway.faults.details_rate or len(rows) * SLICES
    count = max(1, round(rate / SLICES))
    session.write(b"".join(rows[:count]))
    if rows[count:] and session.is_open:
        gateway.later(count / rate, lambda: _one_after_the_other(gateway, session, rows[count:]))


@handles(TABLE, r.MatchingSymbols)
def matching_symbols(gateway: Gateway, session: Session, request: r.MatchingSymbols) -> None:
    """Underlyings whose symbol starts with the pattern or whose name contains it. Only IBKR knows them."""
    if gateway.faults.disconnected:
        return
    pattern = request.pattern.upper()
    found: list[tuple[Instrument, list[str]]] = []
    for i in gateway.catalogue:
        if i.sec_type not in ("STK", "IND", "CASH", "BOND") or len(found) == MAX_SYMBOLS:
            continue
        if pattern and (i.symbol.startswith(pattern) or pattern in i.long_name.upper()):
            kinds = sorted({d.sec_type for d in gateway.catalogue.derivatives(i.con_id)})
            found.append((i, kinds))
    session.write(messages.symbol_samples(session.version, request.request_id, found))


@handles(TABLE, r.OptionParameters)
def option_parameters(gateway: Gateway, session: Session, request: r.OptionParameters) -> None:
    """Expirations and strikes of every option class on an underlying, by exchange."""
    options = [i for i in gateway.catalogue.derivatives(request.con_id) if i.sec_type in ("OPT", "FOP")]
    exchanges = sorted({exchange for i in options for exchange in i.valid_exchanges})
    for exchange in exchanges:
        if request.exchange and exchange != request.exchange:
            continue
        members = [i for i in options if exchange in i.valid_exchanges]
        expirations = sorted({i.expiry for i in members})
        strikes = sorted({i.strike for i in members})
        session.write(
            messages.option_parameters(
                request.request_id, exchange, request.con_id, members[0], expirations, strikes
            )
        )
    session.write(messages.option_parameters_end(request.request_id))


@handles(TABLE, r.MarketRule)
def market_rule(gateway: Gateway, session: Session, request: r.MarketRule) -> None:
    del gateway
    rule = MARKET_RULES.get(request.rule_id)
    if rule is None:
        raise RequestRefused(321, "Error validating request.-'bN' : cause - Invalid market rule id")
    session.write(messages.market_rule(request.rule_id, rule))


@handles(TABLE, r.SmartComponents)
def smart_components(gateway: Gateway, session: Session, request: r.SmartComponents) -> None:
    del gateway
    rows = [(0, "NASDAQ", "Q"), (1, "NYSE", "N"), (2, "ARCA", "P"), (3, "BATS", "Z"), (4, "IEX", "V")]
    session.write(messages.smart_components(request.request_id, rows))


@handles(TABLE, r.DepthExchanges)
def depth_exchanges(gateway: Gateway, session: Session, request: r.DepthExchanges) -> None:
    del gateway, request
    rows = [
        ("ISLAND", "STK", "", "Deep2", 2147483647),
        ("NYSE", "STK", "", "Deep", 2147483647),
        ("CME", "FUT", "", "Deep", 2147483647),
        ("IDEALPRO", "CASH", "", "Deep", 4),
        ("PAXOS", "CRYPTO", "", "Deep", 2147483647),
    ]
    session.write(messages.depth_exchanges(rows))
