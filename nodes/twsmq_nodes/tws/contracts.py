"""Contracts as this package speaks of them, in both directions.

Field names are ibapi's in snake_case, so that IBKR's documentation applies; the exception is `expiry`
for lastTradeDateOrContractMonth. Empty text and 0 mean "not given"; a missing number is None.
"""

from __future__ import annotations

from msgspec import Struct

Scalar = str | int | float | bool | None
"""A plain value of an ibapi attribute that has no field of its own here."""


class ComboLeg(Struct, frozen=True, omit_defaults=True):
    """One leg of a BAG contract."""

    con_id: int = 0
    ratio: int = 0
    action: str = ""
    exchange: str = ""
    open_close: int = 0
    short_sale_slot: int = 0
    designated_location: str = ""
    exempt_code: int = -1


class DeltaNeutralContract(Struct, frozen=True, omit_defaults=True):
    """The underlying a delta-neutral combo is hedged with."""

    con_id: int = 0
    delta: float | None = 0.0
    price: float | None = 0.0


class Contract(Struct, frozen=True, omit_defaults=True):
    """What is traded. A strike of 0.0 from the gateway is None: below server version 202 it means "none"."""

    con_id: int = 0
    symbol: str = ""
    sec_type: str = ""
    expiry: str = ""
    strike: float | None = None
    right: str = ""
    multiplier: str = ""
    exchange: str = ""
    primary_exchange: str = ""
    currency: str = ""
    local_symbol: str = ""
    trading_class: str = ""
    include_expired: bool = False
    sec_id_type: str = ""
    sec_id: str = ""
    description: str = ""
    issuer_id: str = ""
    combo_legs_descrip: str = ""
    combo_legs: tuple[ComboLeg, ...] = ()
    delta_neutral_contract: DeltaNeutralContract | None = None


class ContractInfo(Struct, frozen=True, omit_defaults=True):
    """ibapi's ContractDetails: a contract and what is known about trading it.

    Sizes are in units of the instrument. `extra` holds the attributes of the installed ibapi that have no
    field here and say something (fund data, ineligibility reasons …), under ibapi's names.
    """

    contract: Contract
    market_name: str = ""
    min_tick: float | None = None
    order_types: str = ""
    valid_exchanges: str = ""
    price_magnifier: int = 0
    under_con_id: int = 0
    long_name: str = ""
    contract_month: str = ""
    industry: str = ""
    category: str = ""
    subcategory: str = ""
    time_zone_id: str = ""
    trading_hours: str = ""
    liquid_hours: str = ""
    ev_rule: str = ""
    ev_multiplier: float | None = 0.0
    agg_group: int = 0
    under_symbol: str = ""
    under_sec_type: str = ""
    market_rule_ids: str = ""
    sec_id_list: tuple[tuple[str, str], ...] = ()
    real_expiration_date: str = ""
    last_trade_time: str = ""
    stock_type: str = ""
    min_size: float | None = None
    size_increment: float | None = None
    suggested_size_increment: float | None = None
    cusip: str = ""
    ratings: str = ""
    desc_append: str = ""
    bond_type: str = ""
    coupon_type: str = ""
    callable: bool = False
    putable: bool = False
    coupon: float | None = 0.0
    convertible: bool = False
    maturity: str = ""
    issue_date: str = ""
    next_option_date: str = ""
    next_option_type: str = ""
    next_option_partial: bool = False
    notes: str = ""
    extra: dict[str, Scalar] = {}
