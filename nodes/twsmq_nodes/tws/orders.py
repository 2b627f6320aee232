"""Orders as this package speaks of them: what we send (`OrderFields`) and what comes back (`OrderView`).

Names are ibapi's in snake_case, except `limit_price` for lmtPrice. None means "not given". Whatever has
no field here travels in `extra` under ibapi's own attribute name, checked against the installed release
when it is encoded.
"""

from __future__ import annotations

from msgspec import Struct

from twsmq_nodes.tws.contracts import Scalar

TagValues = tuple[tuple[str, str], ...]
"""ibapi's TagValueList: (tag, value) pairs in order."""


class Condition(Struct, frozen=True, omit_defaults=True):
    """An order condition. `kind` is ibapi's condition type (1 price, 3 time, 4 margin, 5 execution,
    6 volume, 7 percent change); `fields` are that condition's attributes under ibapi's names."""

    kind: int
    conjunction: bool = True
    fields: dict[str, Scalar] = {}


class OrderFields(Struct, frozen=True, omit_defaults=True):
    """An order to place or to modify. Quantities in units of the instrument, prices in its currency.

    `aux_price` is the stop price of STP and STP LMT orders and the trailing amount of TRAIL ones.
    """

    action: str
    total_quantity: float
    order_type: str
    limit_price: float | None = None
    aux_price: float | None = None
    tif: str = ""
    account: str = ""
    order_ref: str = ""
    transmit: bool = True
    parent_id: int = 0
    oca_group: str = ""
    oca_type: int = 0
    outside_rth: bool = False
    hidden: bool = False
    what_if: bool = False
    all_or_none: bool = False
    sweep_to_fill: bool = False
    display_size: int | None = None
    min_qty: int | None = None
    trigger_method: int = 0
    good_after_time: str = ""
    good_till_date: str = ""
    trail_stop_price: float | None = None
    trailing_percent: float | None = None
    percent_offset: float | None = None
    cash_qty: float | None = None
    algo_strategy: str = ""
    algo_params: TagValues = ()
    smart_combo_routing_params: TagValues = ()
    combo_leg_prices: tuple[float | None, ...] = ()
    conditions: tuple[Condition, ...] = ()
    conditions_cancel_order: bool = False
    conditions_ignore_rth: bool = False
    extra: dict[str, Scalar] = {}


class OrderView(Struct, frozen=True, omit_defaults=True):
    """An order as the gateway reports it. `extra` holds the attributes without a field here that say
    something: not zero, no or empty."""

    order_id: int = 0
    client_id: int = 0
    perm_id: int = 0
    parent_id: int = 0
    parent_perm_id: int = 0
    action: str = ""
    total_quantity: float | None = None
    filled_quantity: float | None = None
    order_type: str = ""
    limit_price: float | None = None
    aux_price: float | None = None
    tif: str = ""
    account: str = ""
    order_ref: str = ""
    oca_group: str = ""
    oca_type: int = 0
    outside_rth: bool = False
    hidden: bool = False
    what_if: bool = False
    all_or_none: bool = False
    sweep_to_fill: bool = False
    display_size: int = 0
    min_qty: int | None = None
    trigger_method: int = 0
    good_after_time: str = ""
    good_till_date: str = ""
    auto_cancel_date: str = ""
    trail_stop_price: float | None = None
    trailing_percent: float | None = None
    percent_offset: float | None = None
    cash_qty: float | None = None
    algo_strategy: str = ""
    algo_params: TagValues = ()
    smart_combo_routing_params: TagValues = ()
    combo_leg_prices: tuple[float | None, ...] = ()
    conditions: tuple[Condition, ...] = ()
    conditions_cancel_order: bool = False
    conditions_ignore_rth: bool = False
    model_code: str = ""
    clearing_intent: str = ""
    submitter: str = ""
    extra: dict[str, Scalar] = {}


class OrderStateView(Struct, frozen=True, omit_defaults=True):
    """Status, margins and costs that come with an order. Money as float, None where not computed."""

    status: str = ""
    init_margin_before: float | None = None
    maint_margin_before: float | None = None
    equity_with_loan_before: float | None = None
    init_margin_change: float | None = None
    maint_margin_change: float | None = None
    equity_with_loan_change: float | None = None
    init_margin_after: float | None = None
    maint_margin_after: float | None = None
    equity_with_loan_after: float | None = None
    commission: float | None = None
    min_commission: float | None = None
    max_commission: float | None = None
    commission_currency: str = ""
    warning_text: str = ""
    reject_reason: str = ""
    completed_time: str = ""
    completed_status: str = ""


class ExecutionView(Struct, frozen=True, omit_defaults=True):
    """One execution. `exec_id` ends in a correction number: same prefix, higher suffix replaces.

    `time` is text as sent ("20260928 05:04:56 US/Eastern"); `side` is BOT or SLD.
    """

    exec_id: str = ""
    time: str = ""
    acct_number: str = ""
    exchange: str = ""
    side: str = ""
    shares: float | None = None
    price: float | None = None
    perm_id: int = 0
    client_id: int = 0
    order_id: int = 0
    liquidation: int = 0
    cum_qty: float | None = None
    avg_price: float | None = None
    order_ref: str = ""
    ev_rule: str = ""
    ev_multiplier: float | None = 0.0
    model_code: str = ""
    last_liquidity: int = 0
    pending_price_revision: bool = False
    submitter: str = ""


class ExecutionFilter(Struct, frozen=True, omit_defaults=True):
    """Which executions to report; everything empty means all of the current day. `time` is UTC,
    "yyyymmdd-hh:mm:ss"; `last_n_days` counts only from server version 200 on, in releases that know it."""

    client_id: int = 0
    acct_code: str = ""
    time: str = ""
    symbol: str = ""
    sec_type: str = ""
    exchange: str = ""
    side: str = ""
    last_n_days: int = 0
