"""Contracts as the gateway describes them, as rows of our answers.

A contract is what its conId says: of one that is described once for each of its exchanges, as the gateway
does where none was named, one row counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations
from operator import attrgetter

from twsmq_protocol.reference_requests import ContractRow, ListedContract

from twsmq_nodes.tws.contracts import Contract, ContractInfo, Scalar
from twsmq_nodes.tws.instruments import canonical_instrument

TELLING = (
    "sec_type",
    "currency",
    "expiry",
    "right",
    "strike",
    "trading_class",
    "multiplier",
    "primary_exchange",
    "exchange",
)
"""What a user would name to say which contract is meant, the likeliest first; else its local symbol, which no
spelling has a place for and each option has one of its own, or its conId."""


def distinct(rows: Iterable[ContractInfo]) -> list[ContractInfo]:
    """One row for each contract, in the order in which they came: that of SMART where it is routed so, else
    the first (an option on each of its exchanges under one conId: ib_insync #564)."""
    found: dict[int, ContractInfo] = {}
    for info in rows:
        if info.contract.con_id not in found or info.contract.exchange == "SMART":
            found[info.contract.con_id] = info
    return list(found.values())


def contract_row(info: ContractInfo) -> ContractRow:
    contract = info.contract
    return ContractRow(
        instrument=str(canonical_instrument(info)),
        con_id=contract.con_id,
        sec_type=contract.sec_type,
        symbol=contract.symbol,
        exchange=contract.exchange or None,
        primary_exchange=contract.primary_exchange or None,
        currency=contract.currency or None,
        local_symbol=contract.local_symbol or None,
        trading_class=contract.trading_class or None,
        expiry=contract.expiry or None,
        right=contract.right or None,
        strike=contract.strike,
        multiplier=contract.multiplier or None,
        long_name=info.long_name or None,
        min_tick=info.min_tick,
        min_size=info.min_size,
        size_increment=info.size_increment,
        price_magnifier=info.price_magnifier or None,
        order_types=info.order_types or None,
        valid_exchanges=info.valid_exchanges or None,
        time_zone_id=info.time_zone_id or None,
        trading_hours=info.trading_hours or None,
        liquid_hours=info.liquid_hours or None,
        market_rule_ids=info.market_rule_ids or None,
        under_con_id=info.under_con_id or None,
        under_symbol=info.under_symbol or None,
        under_sec_type=info.under_sec_type or None,
        contract_month=info.contract_month or None,
        real_expiration=info.real_expiration_date or None,
        last_trade_time=info.last_trade_time or None,
        stock_type=info.stock_type or None,
        industry=info.industry or None,
        category=info.category or None,
        subcategory=info.subcategory or None,
        sec_ids=dict(info.sec_id_list),
        suggested_size_increment=info.suggested_size_increment,
        market_name=info.market_name or None,
        maturity=info.maturity or None,
        coupon=info.coupon if contract.sec_type == "BOND" else info.coupon or None,
        extra=_extra(info),
    )


_IN_EXTRA = {
    "agg_group": "aggGroup", "ev_rule": "evRule", "ev_multiplier": "evMultiplier", "cusip": "cusip",
    "ratings": "ratings", "desc_append": "descAppend", "bond_type": "bondType", "coupon_type": "couponType",
    "callable": "callable", "putable": "putable", "convertible": "convertible", "issue_date": "issueDate",
    "next_option_date": "nextOptionDate", "next_option_type": "nextOptionType",
    "next_option_partial": "nextOptionPartial", "notes": "notes",
}  # fmt: skip
"""Fields of `ContractInfo` that have none in a row, by ibapi's names."""


def _extra(info: ContractInfo) -> dict[str, Scalar]:
    named: dict[str, Scalar] = {theirs: getattr(info, ours) for ours, theirs in _IN_EXTRA.items()}
    return {name: value for name, value in (named | info.extra).items() if value}


def listed_contract(info: ContractInfo) -> ListedContract:
    contract = info.contract
    return ListedContract(
        instrument=str(canonical_instrument(info)),
        con_id=contract.con_id,
        sec_type=contract.sec_type,
        symbol=contract.symbol,
        exchange=contract.exchange or None,
        primary_exchange=contract.primary_exchange or None,
        currency=contract.currency or None,
        local_symbol=contract.local_symbol or None,
        trading_class=contract.trading_class or None,
        expiry=contract.expiry[:8] or None,
        right=contract.right or None,
        strike=contract.strike,
        multiplier=contract.multiplier or None,
        long_name=info.long_name or None,
    )


def told_apart_by(rows: Iterable[ContractInfo]) -> list[str]:
    """The fewest fields, of `TELLING`, by which each of them is another; else their local symbol or conId. A
    chain has tens of thousands, and nearly every choice fails among the first few."""
    contracts = [info.contract for info in rows]
    differing = [name for name in TELLING if len(set(map(attrgetter(name), contracts))) > 1]
    for count in range(1, len(differing) + 1):
        for names in combinations(differing, count):
            if _all_differ(contracts, names):
                return list(names)
    return ["local_symbol" if _all_differ(contracts, ("local_symbol",)) else "con_id"]


def _all_differ(contracts: list[Contract], names: tuple[str, ...]) -> bool:
    of, seen = attrgetter(*names), set[object]()
    for contract in contracts:
        value = of(contract)
        if value in seen:
            return False
        seen.add(value)
    return True
