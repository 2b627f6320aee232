"""Messages about orders: openOrder (5), orderStatus (3), completedOrder (101), execDetails (11),
commissionReport (59).

Field order and defaults follow openOrder messages captured from TWS at versions 164 and 173 and from a
Gateway at 200: `ocaType` 3, `deltaNeutralOrderType` and `adjustedOrderType` "None", `clearingIntent` "IB",
`dontUseAutoPriceForHedge` 1, the peg defaults 100 and 0.02, and the largest double for margins not computed.
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from twsmq_simulator.broker.model import Execution, Order, Status
from twsmq_simulator.broker.ticket import Condition, OrderTicket, Tags
from twsmq_simulator.market.contracts import ComboLeg
from twsmq_simulator.market.instruments import Instrument
from twsmq_simulator.wire import versions
from twsmq_simulator.wire.fields import (
    UNSET_DOUBLE_TEXT,
    UNSET_INTEGER,
    Field,
    integer_or_unset,
    message,
    number_or_unset,
)
from twsmq_simulator.wire.place_order import is_peg_bench
from twsmq_simulator.wire.zones import CAPTURED, Zones

SHAREHOLDER: Final = "Not an insider or substantial shareholder"
_EASTERN: Final = ZoneInfo("America/New_York")


class Margin(msgspec.Struct, frozen=True):
    """What a what-if order would do to the account, in its currency."""

    initial_before: float
    maintenance_before: float
    equity_before: float
    initial_change: float
    maintenance_change: float
    equity_change: float
    commission: float
    currency: str


def stamp(ns: int, version: int, zones: Zones = CAPTURED) -> str:
    """A time as the gateway prints it: with its zone from version 174 on, before that with two spaces and no
    zone (captured: "20260413 15:27:04 US/Eastern", "20230224  12:04:56").
    """
    local = datetime.fromtimestamp(ns / 1e9, UTC).astimezone(_EASTERN)
    if version >= versions.INSTRUMENT_TIMEZONE:
        return zones.text(ns, "US/Eastern")
    return f"{local:%Y%m%d  %H:%M:%S}"


def open_order(
    version: int,
    order: Order,
    instrument: Instrument,
    order_id: int,
    client_id: int,
    margin: Margin | None = None,
) -> bytes:
    t = order.ticket
    fields: list[Field] = [5, order_id, *_contract(instrument, t)]
    fields += [t.action, t.quantity, t.order_type, *_prices(order), t.tif or "DAY", order.oca_group]
    fields += [t.account, t.open_close, t.origin, t.order_ref, client_id, order.perm_id]
    fields += [
        t.outside_rth,
        t.hidden,
        t.discretionary_amount if t.discretionary_amount else 0,
        t.good_after_time,
    ]
    fields.append(f"{order.perm_id}.0/{t.account}/{t.quantity}")
    fields += _allocation(version, t)
    fields += [t.auction_strategy, t.starting_price, t.stock_ref_price, t.delta]
    fields += [t.stock_range_lower, t.stock_range_upper, integer_or_unset(t.display_size)]
    fields += [
        t.block_order,
        t.sweep_to_fill,
        t.all_or_none,
        t.min_quantity,
        order.oca_type or t.oca_type or 3,
    ]
    fields += [t.etrade_only, t.firm_quote_only, t.nbbo_price_cap, t.parent_id, t.trigger_method]
    fields += _volatility(t, open_order=True)
    fields += [_trail_stop(order), t.trailing_percent, None, None]
    fields += _combo(t)
    fields += _scale_and_hedge(t)
    fields += [t.opt_out_smart_routing, t.clearing_account, t.clearing_intent or "IB", t.not_held]
    fields += _delta_neutral_and_algo(t)
    fields += [t.solicited, t.what_if, order.status.value]
    fields += _state(version, order, margin)
    fields += [t.randomize_size, t.randomize_price, *_pegged(t), *_conditions(t.conditions, t)]
    fields += _adjusted(order)
    fields += [t.soft_dollar_tier, t.soft_dollar_value, ""]
    fields += [
        t.cash_quantity or 0,
        not t.no_auto_price_for_hedge,
        t.is_oms_container,
        t.discretionary_up_to_limit,
    ]
    fields.append(_price_mgmt(t))
    fields += _open_order_tail(version, t)
    return message(*fields)


def _contract(i: Instrument, t: OrderTicket) -> list[Field]:
    """The contract as openOrder shows it: strike 0 and right "?" where there is none (captured)."""
    strike = i.strike if i.strike else 0
    return [
        i.shown_con_id,
        i.symbol,
        i.sec_type,
        i.expiry,
        strike,
        i.right or "?",
        i.multiplier,
        t.contract.exchange or i.exchange,
        i.currency,
        i.local_symbol,
        i.trading_class,
    ]


def _prices(order: Order) -> list[Field]:
    t = order.ticket
    limit = order.limit if order.limit is not None else t.limit_price
    return [float(limit or 0.0), float(t.aux_price or 0.0)]


def _trail_stop(order: Order) -> float | None:
    """LMT orders show trailStopPrice = lmtPrice + 1 (captured); trailing orders their stop."""
    if order.stop is not None and order.ticket.order_type.startswith("TRAIL"):
        return order.stop
    if order.ticket.order_type == "LMT" and order.ticket.limit_price is not None:
        return round(order.ticket.limit_price + 1, 8)
    return order.ticket.trail_stop_price


def _allocation(version: int, t: OrderTicket) -> list[Field]:
    fields: list[Field] = [t.fa_group, t.fa_method, t.fa_percentage]
    if version < versions.NO_FA_PROFILE:
        fields.append("")
    fields += [t.model_code, t.good_till_date, t.rule_80a, t.percent_offset, t.settling_firm]
    fields += [t.short_sale_slot, t.designated_location, t.exempt_code]
    return fields


def _volatility(t: OrderTicket, *, open_order: bool) -> list[Field]:
    kind = t.delta_neutral_order_type or "None"
    fields: list[Field] = [t.volatility, t.volatility_type or 0, kind, t.delta_neutral_aux_price]
    fields.append(t.delta_neutral_con_id)
    if open_order:
        fields += [
            t.delta_neutral_settling_firm,
            t.delta_neutral_clearing_account,
            t.delta_neutral_clearing_intent,
            t.delta_neutral_open_close or "?",
        ]
    fields += [
        t.delta_neutral_short_sale,
        t.delta_neutral_short_sale_slot,
        t.delta_neutral_designated_location,
    ]
    fields += [t.continuous_update, t.reference_price_type or 0]
    return fields


def _combo(t: OrderTicket) -> list[Field]:
    legs = t.contract.legs
    described = ",".join(f"{leg.con_id}|{leg.ratio if leg.action == 'BUY' else -leg.ratio}" for leg in legs)
    fields: list[Field] = [described, len(legs)]
    for leg in legs:
        fields += _leg(leg)
    fields += [len(t.leg_prices), *t.leg_prices]
    fields += _tags(t.smart_combo_routing)
    return fields


def _leg(leg: ComboLeg) -> list[Field]:
    return [
        leg.con_id,
        leg.ratio,
        leg.action,
        leg.exchange,
        leg.open_close,
        leg.short_sale_slot,
        leg.designated_location,
        leg.exempt_code,
    ]


def _tags(tags: Tags) -> list[Field]:
    fields: list[Field] = [len(tags)]
    for tag, value in tags:
        fields += [tag, value]
    return fields


def _scale_and_hedge(t: OrderTicket) -> list[Field]:
    fields: list[Field] = [
        integer_or_unset(t.scale_init_level_size),
        integer_or_unset(t.scale_subs_level_size),
    ]
    fields.append(t.scale_price_increment)
    if t.scale_price_increment is not None and t.scale_price_increment > 0:
        fields += [
            t.scale_price_adjust_value,
            integer_or_unset(t.scale_price_adjust_interval),
            t.scale_profit_offset,
        ]
        fields += [t.scale_auto_reset, integer_or_unset(t.scale_init_position)]
        fields += [integer_or_unset(t.scale_init_fill_quantity), t.scale_random_percent]
    fields.append(t.hedge_type)
    if t.hedge_type:
        fields.append(t.hedge_param)
    return fields


def _delta_neutral_and_algo(t: OrderTicket) -> list[Field]:
    neutral = t.contract.delta_neutral
    fields: list[Field] = [False] if neutral is None else [True, neutral.con_id, neutral.delta, neutral.price]
    fields.append(t.algo_strategy)
    if t.algo_strategy:
        fields += _tags(t.algo_params)
    return fields


def _state(version: int, order: Order, margin: Margin | None) -> list[Field]:
    """Status is written before; here margins, commission and warning. Margins come as text, unset as
    1.79E308.
    """
    if margin is None:
        fields: list[Field] = [UNSET_DOUBLE_TEXT] * 9
        commission = None if order.commission is None else float(order.commission)
        fields += [commission, None, None, "" if commission is None else "USD"]
    else:
        fields = [
            margin.initial_before,
            margin.maintenance_before,
            margin.equity_before,
            margin.initial_change,
            margin.maintenance_change,
            margin.equity_change,
            margin.initial_before + margin.initial_change,
            margin.maintenance_before + margin.maintenance_change,
            margin.equity_before + margin.equity_change,
        ]
        fields += [margin.commission, None, None, margin.currency]
    if version >= versions.FULL_ORDER_PREVIEW:
        fields.append("" if margin is None else margin.currency)
        fields += [None] * 9
        fields += [None, "", 0]
    fields.append("")
    return fields


def _pegged(t: OrderTicket) -> list[Field]:
    if not is_peg_bench(t.order_type):
        return []
    return [
        t.reference_contract_id,
        t.pegged_change_amount_decrease,
        t.pegged_change_amount,
        t.reference_change_amount,
        t.reference_exchange_id,
    ]


def _conditions(conditions: tuple[Condition, ...], t: OrderTicket) -> list[Field]:
    fields: list[Field] = [len(conditions)]
    for c in conditions:
        fields += [c.kind, c.conjunction]
        if c.kind == 5:
            fields += [c.sec_type, c.exchange, c.symbol]
            continue
        fields += [c.is_more, c.value]
        if c.kind not in (3, 4):
            fields += [c.con_id, c.exchange]
        if c.kind == 1:
            fields.append(c.trigger_method)
    if conditions:
        fields += [t.conditions_ignore_rth, t.conditions_cancel_order]
    return fields


def _adjusted(order: Order) -> list[Field]:
    t = order.ticket
    values = (t.trigger_price, _trail_stop(order), t.limit_price_offset)
    adjusted = (t.adjusted_stop_price, t.adjusted_stop_limit_price, t.adjusted_trailing_amount)
    return [
        t.adjusted_order_type or "None",
        *(number_or_unset(v) for v in values + adjusted),
        t.adjustable_trailing_unit,
    ]


def _price_mgmt(t: OrderTicket) -> int:
    """1 for a limit order, 0 otherwise, unless the client said (captured)."""
    if t.use_price_mgmt_algo is not None:
        return t.use_price_mgmt_algo
    return 1 if t.order_type == "LMT" else 0


def _open_order_tail(version: int, t: OrderTicket) -> list[Field]:
    fields: list[Field] = []
    if version >= versions.DURATION:
        fields.append(t.duration)
    if version >= versions.POST_TO_ATS:
        fields.append(t.post_to_ats)
    if version >= versions.AUTO_CANCEL_PARENT:
        fields.append(t.auto_cancel_parent)
    if version >= versions.PEG_OFFSETS:
        fields += _peg_offsets(t)
    if version >= versions.CUSTOMER_ACCOUNT:
        fields.append(t.customer_account)
    if version >= versions.PROFESSIONAL_CUSTOMER:
        fields.append(t.professional_customer)
    if version >= versions.BOND_ACCRUED_INTEREST:
        fields.append("")
    if version >= versions.INCLUDE_OVERNIGHT:
        fields.append(t.include_overnight)
    if version >= versions.CME_TAGGING_IN_OPEN_ORDER:
        fields += [t.ext_operator, integer_or_unset(t.manual_order_indicator)]
    if version >= versions.SUBMITTER:
        fields.append(t.account)
    if version >= versions.IMBALANCE_ONLY:
        fields.append(t.imbalance_only)
    return fields


def _peg_offsets(t: OrderTicket) -> list[Field]:
    compete = 0.02 if t.compete_against_best_offset is None else t.compete_against_best_offset
    min_compete = 100 if t.min_compete_size is None else t.min_compete_size
    return [t.min_trade_quantity, min_compete, compete, t.mid_offset_at_whole, t.mid_offset_at_half]


def order_status(version: int, order: Order, order_id: int, client_id: int) -> bytes:
    del version  # the layout did not change between 131 and 200
    parent = order.ticket.parent_id
    last = order.last_price or 0
    average = order.average_price or 0
    return message(
        3,
        order_id,
        order.status.value,
        order.filled,
        order.remaining,
        average,
        order.perm_id,
        parent,
        last,
        client_id,
        order.why_held,
        0,
    )


def completed_order(version: int, order: Order, instrument: Instrument) -> bytes:
    """A finished order. A filled one shows totalQuantity 0 and its size in filledQuantity; none shows the
    defaults of its peg offsets (captured at 200 and 204).
    """
    t = order.ticket
    filled = order.status is Status.FILLED
    fields: list[Field] = [101, *_contract(instrument, t)]
    fields += [t.action, Decimal(0) if filled else t.quantity, t.order_type, *_prices(order), t.tif or "DAY"]
    fields += [order.oca_group, t.account, t.open_close, t.origin, t.order_ref, order.perm_id]
    fields += [
        t.outside_rth,
        t.hidden,
        t.discretionary_amount if t.discretionary_amount else 0,
        t.good_after_time,
    ]
    fields += _allocation(version, t)
    fields += [t.starting_price, t.stock_ref_price, t.delta, t.stock_range_lower, t.stock_range_upper]
    fields += [integer_or_unset(t.display_size), t.sweep_to_fill, t.all_or_none, t.min_quantity]
    fields += [order.oca_type or t.oca_type or 3, t.trigger_method, *_volatility(t, open_order=False)]
    fields += [_trail_stop(order), t.trailing_percent, *_combo(t), *_scale_and_hedge(t)]
    fields += [t.clearing_account, t.clearing_intent or "IB", t.not_held, *_delta_neutral_and_algo(t)]
    fields += [t.solicited, order.status.value, t.randomize_size, t.randomize_price, *_pegged(t)]
    fields += _conditions(t.conditions, t)
    fields += [number_or_unset(_trail_stop(order)), number_or_unset(t.limit_price_offset)]
    fields += [t.cash_quantity or 0, not t.no_auto_price_for_hedge, t.is_oms_container]
    fields.append(_cancelled_by_itself(order))
    fields += [order.filled, UNSET_INTEGER, t.auto_cancel_parent, SHAREHOLDER, t.imbalance_only, False]
    fields += [order.parent_perm_id or 9223372036854775807, stamp(order.completed, versions.MAX_VERSION)]
    fields.append(order.completed_status)
    if version >= versions.PEG_OFFSETS:
        fields += [t.min_trade_quantity, t.min_compete_size, t.compete_against_best_offset]
        fields += [t.mid_offset_at_whole, t.mid_offset_at_half]
    if version >= versions.CUSTOMER_ACCOUNT:
        fields.append(t.customer_account)
    if version >= versions.PROFESSIONAL_CUSTOMER:
        fields.append(t.professional_customer)
    if version >= versions.SUBMITTER:
        fields.append(t.account)
    return message(*fields)


def _cancelled_by_itself(order: Order) -> str:
    """autoCancelDate: a GTC order ends with the quarter after the one it was placed in, as the market closes
    (captured: placed in April, "20260930 22:00:00 Central European Standard Time").
    """
    if order.ticket.tif != "GTC":
        return ""
    placed = datetime.fromtimestamp(order.created / 1e9, UTC).astimezone(_EASTERN)
    quarter = placed.year * 4 + (placed.month - 1) // 3 + 2  # the one that begins then
    begins = datetime(quarter // 4, quarter % 4 * 3 + 1, 1, 16, tzinfo=_EASTERN)
    return f"{begins - timedelta(days=1):%Y%m%d %H:%M:%S} US/Eastern"


def execution_details(
    version: int,
    request_id: int,
    e: Execution,
    i: Instrument,
    order_id: int,
    client_id: int,
    zones: Zones = CAPTURED,
) -> bytes:
    """execDetails; a live fill has request id -1. The contract's strike is 0.0 and its right empty here
    (captured).
    """
    fields: list[Field] = [
        11,
        request_id,
        order_id,
        i.shown_con_id,
        i.symbol,
        i.sec_type,
        i.expiry,
        float(i.strike),
    ]
    fields += [i.right, i.multiplier, e.exchange, i.currency, i.local_symbol, i.trading_class]
    fields += [e.exec_id, stamp(e.time, version, zones), e.account, e.exchange, "BOT" if e.bought else "SLD"]
    fields += [e.quantity, e.price, e.perm_id, client_id, 0, e.cumulative, e.average_price]
    fields += [e.order_ref, "", "", "", e.liquidity]
    if version >= versions.PENDING_PRICE_REVISION:
        fields.append(False)
    if version >= versions.SUBMITTER:
        fields.append(e.submitter)
    return message(*fields)


def commission_report(version: int, e: Execution) -> bytes:
    del version  # unchanged
    realized = UNSET_DOUBLE_TEXT if e.realized is None else float(e.realized)
    return message(59, 1, e.exec_id, float(e.commission), e.currency, realized, UNSET_DOUBLE_TEXT, "")
