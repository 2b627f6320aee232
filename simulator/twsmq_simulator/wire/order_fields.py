"""Fields that every report of an order has, in groups as on the wire."""

from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from twsmq_simulator.broker.model import Order
from twsmq_simulator.broker.ticket import Condition, OrderTicket, Tags
from twsmq_simulator.market.contracts import ComboLeg
from twsmq_simulator.market.instruments import Instrument
from twsmq_simulator.wire import versions
from twsmq_simulator.wire.fields import (
    Field,
    integer_or_unset,
    number_or_unset,
)
from twsmq_simulator.wire.place_order import is_peg_bench
from twsmq_simulator.wire.zones import CAPTURED, Zones

EASTERN: Final = ZoneInfo("America/New_York")


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
    local = datetime.fromtimestamp(ns / 1e9, UTC).astimezone(EASTERN)
    if version >= versions.INSTRUMENT_TIMEZONE:
        return zones.text(ns, "US/Eastern")
    return f"{local:%Y%m%d  %H:%M:%S}"


def contract_fields(i: Instrument, t: OrderTicket) -> list[Field]:
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


def price_fields(order: Order) -> list[Field]:
    t = order.ticket
    limit = order.limit if order.limit is not None else t.limit_price
    return [float(limit or 0.0), float(t.aux_price or 0.0)]


def trail_stop(order: Order) -> float | None:
    """LMT orders show trailStopPrice = lmtPrice + 1 (captured); trailing orders their stop."""
    if order.stop is not None and order.ticket.order_type.startswith("TRAIL"):
        return order.stop
    if order.ticket.order_type == "LMT" and order.ticket.limit_price is not None:
        return round(order.ticket.limit_price + 1, 8)
    return order.ticket.trail_stop_price


def allocation_fields(version: int, t: OrderTicket) -> list[Field]:
    fields: list[Field] = [t.fa_group, t.fa_method, t.fa_percentage]
    if version < versions.NO_FA_PROFILE:
        fields.append("")
    fields += [t.model_code, t.good_till_date, t.rule_80a, t.percent_offset, t.settling_firm]
    fields += [t.short_sale_slot, t.designated_location, t.exempt_code]
    return fields


def volatility_fields(t: OrderTicket, *, open_order: bool) -> list[Field]:
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


def combo_fields(t: OrderTicket) -> list[Field]:
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


def scale_and_hedge_fields(t: OrderTicket) -> list[Field]:
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


def delta_neutral_and_algo_fields(t: OrderTicket) -> list[Field]:
    neutral = t.contract.delta_neutral
    fields: list[Field] = [False] if neutral is None else [True, neutral.con_id, neutral.delta, neutral.price]
    fields.append(t.algo_strategy)
    if t.algo_strategy:
        fields += _tags(t.algo_params)
    return fields


def pegged_fields(t: OrderTicket) -> list[Field]:
    if not is_peg_bench(t.order_type):
        return []
    return [
        t.reference_contract_id,
        t.pegged_change_amount_decrease,
        t.pegged_change_amount,
        t.reference_change_amount,
        t.reference_exchange_id,
    ]


def condition_fields(conditions: tuple[Condition, ...], t: OrderTicket) -> list[Field]:
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


def adjusted_fields(order: Order) -> list[Field]:
    t = order.ticket
    values = (t.trigger_price, trail_stop(order), t.limit_price_offset)
    adjusted = (t.adjusted_stop_price, t.adjusted_stop_limit_price, t.adjusted_trailing_amount)
    return [
        t.adjusted_order_type or "None",
        *(number_or_unset(v) for v in values + adjusted),
        t.adjustable_trailing_unit,
    ]


def price_management(t: OrderTicket) -> int:
    """1 for a limit order, 0 otherwise, unless the client sent it (captured)."""
    if t.use_price_mgmt_algo is not None:
        return t.use_price_mgmt_algo
    return 1 if t.order_type == "LMT" else 0
