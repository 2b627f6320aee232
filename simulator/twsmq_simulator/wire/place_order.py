"""The placeOrder request (message 3), the longest of the protocol, at versions 157 to 200.

The layout follows the bytes sent by IBKR's clients 9.81, 10.19, 10.30 and 10.50 at each version they can
negotiate; blocks that depend on an earlier field (combo legs, delta neutral, scale, algo, conditions, pegged)
are read only where that field says so.
"""

from typing import Any

from twsmq_simulator.broker.ticket import Condition, OrderTicket, Tags
from twsmq_simulator.errors import MalformedRequest
from twsmq_simulator.market.contracts import ComboLeg, ContractSpec, DeltaNeutral
from twsmq_simulator.wire import versions
from twsmq_simulator.wire.fields import FieldReader

MAX_REPEATED = 1000
Fields = dict[str, Any]


def is_peg_bench(order_type: str) -> bool:
    return order_type in ("PEG BENCH", "PEGBENCH")


def read_count(f: FieldReader) -> int:
    """How many of something follow; an absurd number is a broken message, not a reason to allocate."""
    count = f.integer()
    if not 0 <= count <= MAX_REPEATED:
        raise MalformedRequest(f"{count} repeated entries")
    return count


def read_place_order(f: FieldReader) -> OrderTicket:
    order_id = f.integer()
    contract: Fields = {
        "con_id": f.integer(),
        "symbol": f.text(),
        "sec_type": f.text(),
        "expiry": f.text(),
        "strike": f.maybe_number(),
        "right": f.text(),
        "multiplier": f.text(),
        "exchange": f.text(),
        "primary_exchange": f.text(),
        "currency": f.text(),
        "local_symbol": f.text(),
        "trading_class": f.text(),
        "sec_id_type": f.text(),
        "sec_id": f.text(),
    }
    order: Fields = {}
    _main(f, order)
    if contract["sec_type"] == "BAG":
        contract["legs"] = _legs(f)
        order["leg_prices"] = tuple(f.maybe_number() for _ in range(read_count(f)))
        order["smart_combo_routing"] = _tags(f)
    _allocation(f, order)
    _restrictions(f, order)
    _volatility(f, order)
    _scale_and_hedge(f, order)
    if f.boolean():
        contract["delta_neutral"] = DeltaNeutral(f.integer(), f.number(), f.number())
    order["algo_strategy"] = f.text()
    if order["algo_strategy"]:
        order["algo_params"] = _tags(f)
    order["algo_id"] = f.text()
    order["what_if"] = f.boolean()
    order["misc_options"] = f.text()
    order["solicited"] = f.boolean()
    order["randomize_size"] = f.boolean()
    order["randomize_price"] = f.boolean()
    _pegged_and_conditions(f, order)
    _tail(f, order, contract["exchange"])
    return OrderTicket(order_id=order_id, contract=ContractSpec(**contract), **order)


def _main(f: FieldReader, order: Fields) -> None:
    order["action"] = f.text()
    order["quantity"] = f.quantity()
    order["order_type"] = f.text()
    order["limit_price"] = f.maybe_number()
    order["aux_price"] = f.maybe_number()
    order["tif"] = f.text()
    order["oca_group"] = f.text()
    order["account"] = f.text()
    order["open_close"] = f.text()
    order["origin"] = f.integer()
    order["order_ref"] = f.text()
    order["transmit"] = f.boolean()
    order["parent_id"] = f.integer()
    order["block_order"] = f.boolean()
    order["sweep_to_fill"] = f.boolean()
    order["display_size"] = f.maybe_integer()
    order["trigger_method"] = f.integer()
    order["outside_rth"] = f.boolean()
    order["hidden"] = f.boolean()


def _legs(f: FieldReader) -> tuple[ComboLeg, ...]:
    return tuple(
        ComboLeg(
            con_id=f.integer(),
            ratio=f.integer(),
            action=f.text(),
            exchange=f.text(),
            open_close=f.integer(),
            short_sale_slot=f.integer(),
            designated_location=f.text(),
            exempt_code=f.integer(-1),
        )
        for _ in range(read_count(f))
    )


def _tags(f: FieldReader) -> Tags:
    return tuple((f.text(), f.text()) for _ in range(read_count(f)))


def _allocation(f: FieldReader, order: Fields) -> None:
    f.text()  # shares allocation, deprecated
    order["discretionary_amount"] = f.number()
    order["good_after_time"] = f.text()
    order["good_till_date"] = f.text()
    order["fa_group"] = f.text()
    order["fa_method"] = f.text()
    order["fa_percentage"] = f.text()
    if f.version < versions.NO_FA_PROFILE:
        f.text()
    order["model_code"] = f.text()
    order["short_sale_slot"] = f.integer()
    order["designated_location"] = f.text()
    order["exempt_code"] = f.integer(-1)
    order["oca_type"] = f.integer()


def _restrictions(f: FieldReader, order: Fields) -> None:
    order["rule_80a"] = f.text()
    order["settling_firm"] = f.text()
    order["all_or_none"] = f.boolean()
    order["min_quantity"] = f.maybe_integer()
    order["percent_offset"] = f.maybe_number()
    order["etrade_only"] = f.boolean()
    order["firm_quote_only"] = f.boolean()
    order["nbbo_price_cap"] = f.maybe_number()
    order["auction_strategy"] = f.integer()
    order["starting_price"] = f.maybe_number()
    order["stock_ref_price"] = f.maybe_number()
    order["delta"] = f.maybe_number()
    order["stock_range_lower"] = f.maybe_number()
    order["stock_range_upper"] = f.maybe_number()
    order["override_percentage_constraints"] = f.boolean()


def _volatility(f: FieldReader, order: Fields) -> None:
    order["volatility"] = f.maybe_number()
    order["volatility_type"] = f.maybe_integer()
    order["delta_neutral_order_type"] = f.text()
    order["delta_neutral_aux_price"] = f.maybe_number()
    if order["delta_neutral_order_type"]:
        order["delta_neutral_con_id"] = f.integer()
        order["delta_neutral_settling_firm"] = f.text()
        order["delta_neutral_clearing_account"] = f.text()
        order["delta_neutral_clearing_intent"] = f.text()
        order["delta_neutral_open_close"] = f.text()
        order["delta_neutral_short_sale"] = f.boolean()
        order["delta_neutral_short_sale_slot"] = f.integer()
        order["delta_neutral_designated_location"] = f.text()
    order["continuous_update"] = f.boolean()
    order["reference_price_type"] = f.maybe_integer()
    order["trail_stop_price"] = f.maybe_number()
    order["trailing_percent"] = f.maybe_number()


def _scale_and_hedge(f: FieldReader, order: Fields) -> None:
    order["scale_init_level_size"] = f.maybe_integer()
    order["scale_subs_level_size"] = f.maybe_integer()
    increment = f.maybe_number()
    order["scale_price_increment"] = increment
    if increment is not None and increment > 0:
        order["scale_price_adjust_value"] = f.maybe_number()
        order["scale_price_adjust_interval"] = f.maybe_integer()
        order["scale_profit_offset"] = f.maybe_number()
        order["scale_auto_reset"] = f.boolean()
        order["scale_init_position"] = f.maybe_integer()
        order["scale_init_fill_quantity"] = f.maybe_integer()
        order["scale_random_percent"] = f.boolean()
    order["scale_table"] = f.text()
    order["active_start_time"] = f.text()
    order["active_stop_time"] = f.text()
    order["hedge_type"] = f.text()
    if order["hedge_type"]:
        order["hedge_param"] = f.text()
    order["opt_out_smart_routing"] = f.boolean()
    order["clearing_account"] = f.text()
    order["clearing_intent"] = f.text()
    order["not_held"] = f.boolean()


def _pegged_and_conditions(f: FieldReader, order: Fields) -> None:
    if is_peg_bench(order["order_type"]):
        order["reference_contract_id"] = f.integer()
        order["pegged_change_amount_decrease"] = f.boolean()
        order["pegged_change_amount"] = f.number()
        order["reference_change_amount"] = f.number()
        order["reference_exchange_id"] = f.text()
    order["conditions"] = tuple(_condition(f) for _ in range(read_count(f)))
    if order["conditions"]:
        order["conditions_ignore_rth"] = f.boolean()
        order["conditions_cancel_order"] = f.boolean()
    order["adjusted_order_type"] = f.text()
    order["trigger_price"] = f.maybe_number()
    order["limit_price_offset"] = f.maybe_number()
    order["adjusted_stop_price"] = f.maybe_number()
    order["adjusted_stop_limit_price"] = f.maybe_number()
    order["adjusted_trailing_amount"] = f.maybe_number()
    order["adjustable_trailing_unit"] = f.integer()


def _condition(f: FieldReader) -> Condition:
    kind = f.integer()
    conjunction = f.text()
    if kind == 5:
        return Condition(kind, conjunction, sec_type=f.text(), exchange=f.text(), symbol=f.text())
    if kind not in (1, 3, 4, 6, 7):
        raise MalformedRequest(f"{kind} is no kind of condition")
    is_more, value = f.boolean(), f.text()
    if kind in (3, 4):
        return Condition(kind, conjunction, is_more, value)
    con_id, exchange = f.integer(), f.text()
    trigger = f.integer() if kind == 1 else 0
    return Condition(kind, conjunction, is_more, value, con_id, exchange, trigger)


def _tail(f: FieldReader, order: Fields, exchange: str) -> None:
    version = f.version
    order["ext_operator"] = f.text()
    order["soft_dollar_tier"] = f.text()
    order["soft_dollar_value"] = f.text()
    order["cash_quantity"] = f.number()
    order["mifid2_decision_maker"] = f.text()
    order["mifid2_decision_algo"] = f.text()
    order["mifid2_execution_trader"] = f.text()
    order["mifid2_execution_algo"] = f.text()
    order["no_auto_price_for_hedge"] = f.boolean()
    order["is_oms_container"] = f.boolean()
    order["discretionary_up_to_limit"] = f.boolean()
    order["use_price_mgmt_algo"] = f.maybe_integer()
    if version >= versions.DURATION:
        order["duration"] = f.maybe_integer()
    if version >= versions.POST_TO_ATS:
        order["post_to_ats"] = f.maybe_integer()
    if version >= versions.AUTO_CANCEL_PARENT:
        order["auto_cancel_parent"] = f.boolean()
    if version >= versions.ADVANCED_ORDER_REJECT:
        order["advanced_error_override"] = f.text()
    if version >= versions.MANUAL_ORDER_TIME:
        order["manual_order_time"] = f.text()
    if version >= versions.PEG_OFFSETS:
        _peg_offsets(f, order, exchange)
    if version >= versions.CUSTOMER_ACCOUNT:
        order["customer_account"] = f.text()
    if version >= versions.PROFESSIONAL_CUSTOMER:
        order["professional_customer"] = f.boolean()
    if versions.RFQ <= version < versions.NO_RFQ:
        f.text()
        f.text()
    if version >= versions.INCLUDE_OVERNIGHT:
        order["include_overnight"] = f.boolean()
    if version >= versions.CME_TAGGING:
        order["manual_order_indicator"] = f.maybe_integer()
    if version >= versions.IMBALANCE_ONLY:
        order["imbalance_only"] = f.boolean()


def _peg_offsets(f: FieldReader, order: Fields, exchange: str) -> None:
    order_type: str = order["order_type"]
    if exchange == "IBKRATS":
        order["min_trade_quantity"] = f.maybe_integer()
    mid_offsets = order_type in ("PEG MID", "PEGMID")
    if order_type in ("PEG BEST", "PEGBEST"):
        order["min_compete_size"] = f.maybe_integer()
        order["compete_against_best_offset"] = f.maybe_number()
        mid_offsets = order["compete_against_best_offset"] == float("inf")
    if mid_offsets:
        order["mid_offset_at_whole"] = f.maybe_number()
        order["mid_offset_at_half"] = f.maybe_number()
