"""What is asked about contracts: what they are, their options, when they trade, in which steps, what they are
worth. One question each (`question`). Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from msgspec.structs import replace
from twsmq_protocol import reference_requests as ops
from twsmq_protocol.errors import ErrorCode, FieldError, RequestError
from twsmq_protocol.instruments import parse_instrument

from twsmq_nodes.tws.codes import NO_DEFINITION
from twsmq_nodes.tws.contracts import Contract, ContractInfo
from twsmq_nodes.tws.gateway_times import iana_name
from twsmq_nodes.tws.instruments import contract_of, found_instrument
from twsmq_nodes.tws.reference_events import MarketRule
from twsmq_nodes.tws.reference_events import OptionChain as OptionParameters

from .hours import sessions
from .look_ups import Query, Rows
from .question import Found, Question, contracts_of, details, rows_of, the_one
from .rows import contract_row, distinct, listed_contract, told_apart_by

MOST_CANDIDATES = 100
EXPIRIES_AT_ONCE = 4
"""Details of options are slow at the gateway, and a chain must not take every place."""


def contract_details(args: ops.ContractDetails) -> Question:
    (found,) = yield (details(_described(args)),)
    after = args.after or 0
    rows = sorted(
        (info for info in contracts_of(found) if info.contract.con_id > after),
        key=lambda info: info.contract.con_id,
    )
    page = rows[: args.limit]
    following = page[-1].contract.con_id if len(rows) > args.limit else None
    return ops.ContractList(contracts=[contract_row(info) for info in page], next=following)


def qualify(args: ops.Qualify) -> Question:
    (found,) = yield (details(_described(args)),)
    rows = contracts_of(found)
    if len(rows) == 1:
        return ops.Qualified(contract=contract_row(rows[0]), candidates=[], told_apart_by=[], matches=1)
    return ops.Qualified(
        contract=None,
        candidates=[listed_contract(info) for info in rows[:MOST_CANDIDATES]],
        told_apart_by=told_apart_by(rows),
        matches=len(rows),
    )


def option_chain(args: ops.GetOptionChain) -> Question:
    under = yield from the_one(args.instrument)
    contract = under.contract
    exchange = contract.exchange if contract.sec_type == "FUT" else ""
    asked = (contract.symbol, exchange, contract.sec_type, contract.con_id)
    (found,) = yield (Query("option parameters", asked),)
    listings: list[OptionParameters] = list(rows_of(found))
    classes = [one for one in listings if args.trading_class in (None, one.trading_class)]
    expiries = sorted({expiry[:8] for one in classes for expiry in one.expirations})
    wanted = expiries
    if args.expiry is not None:
        wanted = [args.expiry]  # also one that the list does not have yet
    elif args.after is not None:
        wanted = [expiry for expiry in expiries if expiry > args.after]
    contracts: list[ops.ListedContract] = []
    following: str | None = None
    for at in range(0, len(wanted), EXPIRIES_AT_ONCE):
        some = wanted[at : at + EXPIRIES_AT_ONCE]
        asked_for = [
            (nth, _options(contract, expiry, where, args.trading_class))
            for nth, expiry in enumerate(some)
            for where in _where(contract, classes, expiry)
        ]
        answers = yield tuple(details(options) for _, options in asked_for)
        of_expiry: list[list[ContractInfo]] = [[] for _ in some]
        for (nth, _), answer in zip(asked_for, answers, strict=True):
            of_expiry[nth] += _rows_or_none(answer)
        for rows in of_expiry:
            contracts += _listed_on(contract.con_id, distinct(rows))
        if len(contracts) >= ops.MOST_ROWS and at + len(some) < len(wanted):
            following = some[-1]
            break
    return ops.OptionChain(
        underlying=contract_row(under).instrument,
        con_id=contract.con_id,
        expiries=expiries,
        contracts=contracts,
        next=following,
    )


def search(args: ops.Search) -> Question:
    (found,) = yield (Query("symbols", (args.pattern,)),)
    return ops.FoundSymbols(
        contracts=[
            ops.FoundSymbol(
                instrument=str(found_instrument(match.contract)),
                con_id=match.contract.con_id,
                sec_type=match.contract.sec_type,
                symbol=match.contract.symbol,
                primary_exchange=match.contract.primary_exchange or None,
                currency=match.contract.currency or None,
                long_name=match.contract.description or None,
                derivatives=list(match.derivative_sec_types),
            )
            for match in rows_of(found)
            if match.contract.con_id  # an issuer of bonds is no contract
        ]
    )


def trading_hours(args: ops.GetTradingHours) -> Question:
    info = yield from the_one(args.instrument)
    zone = iana_name(info.time_zone_id)
    if zone is None:
        text = f"the gateway gives the hours in {info.time_zone_id!r}, which is no time zone known here"
        if not (info.trading_hours or info.liquid_hours):
            text = "the gateway lists no hours of it"  # of a warrant (ib_async #46)
        raise RequestError(ErrorCode.GATEWAY_REJECTED, text)
    trading, closed = sessions(info.trading_hours, zone)
    liquid, _ = sessions(info.liquid_hours, zone)
    return ops.TradingHours(
        con_id=info.contract.con_id,
        time_zone=zone,
        time_zone_id=info.time_zone_id,
        trading=trading,
        liquid=liquid,
        closed=closed,
    )


def market_rule(args: ops.GetMarketRule) -> Question:
    info = yield from the_one(args.instrument)
    pairs = [
        (exchange, int(rule))
        for exchange, rule in zip(
            info.valid_exchanges.split(","), info.market_rule_ids.split(","), strict=False
        )
        if exchange and rule.isascii() and rule.isdecimal() and len(rule) < 10
    ]
    numbers = tuple(dict.fromkeys(rule for _, rule in pairs))
    found = yield tuple(Query("market rule", (number,)) for number in numbers)
    rules = {number: _increments(rows_of(answer)) for number, answer in zip(numbers, found, strict=True)}
    return ops.MarketRules(
        instrument=contract_row(info).instrument,
        con_id=info.contract.con_id,
        min_tick=info.min_tick,
        min_size=info.min_size,
        size_increment=info.size_increment,
        price_magnifier=info.price_magnifier or None,
        rules=[
            ops.ExchangeRule(exchange=exchange, rule=number, increments=rules[number])
            for exchange, number in pairs
        ],
    )


def implied_volatility(args: ops.GetImpliedVolatility) -> Question:
    return (
        yield from _option_value(args.instrument, "implied volatility", args.option_price, args.under_price)
    )


def option_price(args: ops.GetOptionPrice) -> Question:
    return (yield from _option_value(args.instrument, "option price", args.volatility, args.under_price))


QUESTIONS: dict[str, Callable[[Any], Question]] = {
    "contract_details": contract_details,
    "qualify": qualify,
    "option_chain": option_chain,
    "search": search,
    "trading_hours": trading_hours,
    "market_rule": market_rule,
    "implied_volatility": implied_volatility,
    "option_price": option_price,
}
"""By op."""


def _option_value(instrument: str, kind: str, value: float, under_price: float) -> Question:
    info = yield from the_one(instrument)
    contract = info.contract
    (found,) = yield (
        Query(kind, (Contract(con_id=contract.con_id, exchange=contract.exchange), value, under_price)),
    )
    (computed,) = rows_of(found)
    return ops.OptionValue(
        con_id=contract.con_id,
        option_price=computed.opt_price,
        implied_volatility=computed.implied_vol,
        under_price=computed.und_price,
        delta=computed.delta,
        gamma=computed.gamma,
        vega=computed.vega,
        theta=computed.theta,
        pv_dividend=computed.pv_dividend,
    )


def _described(args: Any) -> Contract:
    """The contract that the arguments name."""
    if args.instrument is not None:
        contract = contract_of(parse_instrument(args.instrument))
        return replace(contract, include_expired=args.expired)
    ids = {"ISIN": args.isin, "CUSIP": args.cusip}
    kind = next((name for name, value in ids.items() if value is not None), "")
    contract = Contract(
        sec_type=args.sec_type or ("" if args.local_symbol else "STK"),
        exchange=args.exchange or ("" if args.local_symbol else "SMART"),
        currency=args.currency or "",
        local_symbol=args.local_symbol or "",
        sec_id_type=kind,
        sec_id=ids.get(kind) or "",
    )
    if args.local_symbol and not args.sec_type:
        raise FieldError("sec_type", "the gateway finds a local symbol only with its sec_type, like FUT")
    return replace(contract, include_expired=args.expired)


def _where(under: Contract, classes: list[OptionParameters], expiry: str) -> list[str]:
    """Exchanges that between them list every class of an expiry. Not all are routed SMART: of those of EUREX
    or NSE the gateway knows none there (nautilus_trader #2622, ib_insync #325)."""
    if under.sec_type == "FUT":
        return [under.exchange]
    there = [one for one in classes if expiry in {each[:8] for each in one.expirations}] or classes
    exchanges: dict[str, set[str]] = {}
    for one in there:
        exchanges.setdefault(one.trading_class, set()).add(one.exchange)
    return sorted({"SMART" if "SMART" in found else min(found) for found in exchanges.values()}) or ["SMART"]


def _options(under: Contract, expiry: str, exchange: str, trading_class: str | None) -> Contract:
    """Every option of an expiry: the strike is left open."""
    return Contract(
        symbol=under.symbol,
        sec_type="FOP" if under.sec_type == "FUT" else "OPT",
        exchange=exchange,
        currency=under.currency,
        expiry=expiry,
        trading_class=trading_class or "",
    )


def _listed_on(con_id: int, rows: list[ContractInfo]) -> Iterator[ops.ListedContract]:
    """Those on this underlying: another may have the same symbol."""
    mine = (listed_contract(info) for info in rows if info.under_con_id in (0, con_id))
    yield from sorted(mine, key=lambda one: (one.trading_class or "", one.right or "", one.strike or 0.0))


def _increments(rows: Rows) -> list[ops.PriceIncrement]:
    rule: MarketRule = rows[0]
    return [
        ops.PriceIncrement(low=low, increment=increment)
        for low, increment in rule.increments
        if low is not None and increment
    ]


def _rows_or_none(found: Found) -> Rows:
    """Nothing of an expiry that has no contract after all."""
    if isinstance(found, RequestError):
        if (found.code, found.tws_code) != (ErrorCode.GATEWAY_REJECTED, NO_DEFINITION):
            raise found
        return ()
    return found
