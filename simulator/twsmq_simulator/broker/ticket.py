"""An order as the client wrote it: every attribute of a placeOrder request, None or empty where not set.

The broker acts on some of these and echoes all of them in openOrder; defaults that the gateway fills in
(`deltaNeutralOrderType` "None", `clearingIntent` "IB" …) are applied where the message is written.
"""

from decimal import Decimal

import msgspec

from twsmq_simulator.market.contracts import ContractSpec

Tags = tuple[tuple[str, str], ...]


class Condition(msgspec.Struct, frozen=True):
    """One condition. `kind`: 1 price, 3 time, 4 margin, 5 execution, 6 volume, 7 percent change (IBKR API
    docs).

    `value` is the threshold as text; an execution condition has sec_type, exchange and symbol instead.
    """

    kind: int
    conjunction: str
    is_more: bool = False
    value: str = ""
    con_id: int = 0
    exchange: str = ""
    trigger_method: int = 0
    sec_type: str = ""
    symbol: str = ""


class OrderTicket(msgspec.Struct, frozen=True, omit_defaults=True):
    order_id: int
    contract: ContractSpec
    action: str = ""
    quantity: Decimal = Decimal(0)
    order_type: str = ""
    limit_price: float | None = None
    aux_price: float | None = None
    tif: str = ""
    oca_group: str = ""
    account: str = ""
    open_close: str = ""
    origin: int = 0
    order_ref: str = ""
    transmit: bool = True
    parent_id: int = 0
    block_order: bool = False
    sweep_to_fill: bool = False
    display_size: int | None = None
    trigger_method: int = 0
    outside_rth: bool = False
    hidden: bool = False
    leg_prices: tuple[float | None, ...] = ()
    smart_combo_routing: Tags = ()
    discretionary_amount: float = 0.0
    good_after_time: str = ""
    good_till_date: str = ""
    fa_group: str = ""
    fa_method: str = ""
    fa_percentage: str = ""
    model_code: str = ""
    short_sale_slot: int = 0
    designated_location: str = ""
    exempt_code: int = -1
    oca_type: int = 0
    rule_80a: str = ""
    settling_firm: str = ""
    all_or_none: bool = False
    min_quantity: int | None = None
    percent_offset: float | None = None
    etrade_only: bool = False
    firm_quote_only: bool = False
    nbbo_price_cap: float | None = None
    auction_strategy: int = 0
    starting_price: float | None = None
    stock_ref_price: float | None = None
    delta: float | None = None
    stock_range_lower: float | None = None
    stock_range_upper: float | None = None
    override_percentage_constraints: bool = False
    volatility: float | None = None
    volatility_type: int | None = None
    delta_neutral_order_type: str = ""
    delta_neutral_aux_price: float | None = None
    delta_neutral_con_id: int = 0
    delta_neutral_settling_firm: str = ""
    delta_neutral_clearing_account: str = ""
    delta_neutral_clearing_intent: str = ""
    delta_neutral_open_close: str = ""
    delta_neutral_short_sale: bool = False
    delta_neutral_short_sale_slot: int = 0
    delta_neutral_designated_location: str = ""
    continuous_update: bool = False
    reference_price_type: int | None = None
    trail_stop_price: float | None = None
    trailing_percent: float | None = None
    scale_init_level_size: int | None = None
    scale_subs_level_size: int | None = None
    scale_price_increment: float | None = None
    scale_price_adjust_value: float | None = None
    scale_price_adjust_interval: int | None = None
    scale_profit_offset: float | None = None
    scale_auto_reset: bool = False
    scale_init_position: int | None = None
    scale_init_fill_quantity: int | None = None
    scale_random_percent: bool = False
    scale_table: str = ""
    active_start_time: str = ""
    active_stop_time: str = ""
    hedge_type: str = ""
    hedge_param: str = ""
    opt_out_smart_routing: bool = False
    clearing_account: str = ""
    clearing_intent: str = ""
    not_held: bool = False
    algo_strategy: str = ""
    algo_params: Tags = ()
    algo_id: str = ""
    what_if: bool = False
    misc_options: str = ""
    solicited: bool = False
    randomize_size: bool = False
    randomize_price: bool = False
    reference_contract_id: int = 0
    pegged_change_amount_decrease: bool = False
    pegged_change_amount: float = 0.0
    reference_change_amount: float = 0.0
    reference_exchange_id: str = ""
    conditions: tuple[Condition, ...] = ()
    conditions_ignore_rth: bool = False
    conditions_cancel_order: bool = False
    adjusted_order_type: str = ""
    trigger_price: float | None = None
    limit_price_offset: float | None = None
    adjusted_stop_price: float | None = None
    adjusted_stop_limit_price: float | None = None
    adjusted_trailing_amount: float | None = None
    adjustable_trailing_unit: int = 0
    ext_operator: str = ""
    soft_dollar_tier: str = ""
    soft_dollar_value: str = ""
    cash_quantity: float = 0.0
    mifid2_decision_maker: str = ""
    mifid2_decision_algo: str = ""
    mifid2_execution_trader: str = ""
    mifid2_execution_algo: str = ""
    no_auto_price_for_hedge: bool = False
    is_oms_container: bool = False
    discretionary_up_to_limit: bool = False
    use_price_mgmt_algo: int | None = None
    duration: int | None = None
    post_to_ats: int | None = None
    auto_cancel_parent: bool = False
    advanced_error_override: str = ""
    manual_order_time: str = ""
    min_trade_quantity: int | None = None
    min_compete_size: int | None = None
    compete_against_best_offset: float | None = None
    mid_offset_at_whole: float | None = None
    mid_offset_at_half: float | None = None
    customer_account: str = ""
    professional_customer: bool = False
    include_overnight: bool = False
    manual_order_indicator: int | None = None
    imbalance_only: bool = False
