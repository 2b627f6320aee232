"""Messages about orders: openOrder (5), orderStatus (3), completedOrder (101), execDetails (11),
commissionReport (59).

Field order and defaults follow openOrder messages captured from TWS at versions 164 and 173 and from a
Gateway at 200: `ocaType` 3, `deltaNeutralOrderType` and `adjustedOrderType` "None", `clearingIntent` "IB",
`dontUseAutoPriceForHedge` 1, the peg defaults 100 and 0.02, and the largest double for margins not computed.
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

from twsmq_simulator.broker.model import Execution, Order, Status
from twsmq_simulator.broker.ticket import OrderTicket
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
from twsmq_simulator.wire.order_fields import (
    EASTERN,
    Margin,
    adjusted_fields,
    allocation_fields,
    combo_fields,
    condition_fields,
    contract_fields,
    delta_neutral_and_algo_fields,
    pegged_fields,
    price_fields,
    price_management,
    scale_and_hedge_fields,
    stamp,
    trail_stop,
    volatility_fields,
)
from twsmq_simulator.wire.zones import CAPTURED, Zones

SHAREHOLDER: Final = "Not an insider or substantial shareholder"


def open_order(
    version: int,
    order: Order,
    instrument: Instrument,
    order_id: int,
    client_id: int,
    margin: Margin | None = None,
) -> bytes:
    t = order.ticket
    fields: list[Field] = [5, order_id, *contract_fields(instrument, t)]
    fields += [t.action, t.quantity, t.order_type, *price_fields(order), t.tif or "DAY", order.oca_group]
    fields += [t.account, t.open_close, t.origin, t.order_ref, client_id, order.perm_id]
    fields += [
        t.outside_rth,
        t.hidden,
        t.discretionary_amount if t.discretionary_amount else 0,
        t.good_after_time,
    ]
    fields.append(f"{order.perm_id}.0/{t.account}/{t.quantity}")
    fields += allocation_fields(version, t)
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
    fields += volatility_fields(t, open_order=True)
    fields += [trail_stop(order), t.trailing_percent, None, None]
    fields += combo_fields(t)
    fields += scale_and_hedge_fields(t)
    fields += [t.opt_out_smart_routing, t.clearing_account, t.clearing_intent or "IB", t.not_held]
    fields += delta_neutral_and_algo_fields(t)
    fields += [t.solicited, t.what_if, order.status.value]
    fields += _state(version, order, margin)
    fields += [t.randomize_size, t.randomize_price, *pegged_fields(t), *condition_fields(t.conditions, t)]
    fields += adjusted_fields(order)
    fields += [t.soft_dollar_tier, t.soft_dollar_value, ""]
    fields += [
        t.cash_quantity or 0,
        not t.no_auto_price_for_hedge,
        t.is_oms_container,
        t.discretionary_up_to_limit,
    ]
    fields.append(price_management(t))
    fields += _open_order_tail(version, t)
    return message(*fields)


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
    fields: list[Field] = [101, *contract_fields(instrument, t)]
    fields += [
        t.action,
        Decimal(0) if filled else t.quantity,
        t.order_type,
        *price_fields(order),
        t.tif or "DAY",
    ]
    fields += [order.oca_group, t.account, t.open_close, t.origin, t.order_ref, order.perm_id]
    fields += [
        t.outside_rth,
        t.hidden,
        t.discretionary_amount if t.discretionary_amount else 0,
        t.good_after_time,
    ]
    fields += allocation_fields(version, t)
    fields += [t.starting_price, t.stock_ref_price, t.delta, t.stock_range_lower, t.stock_range_upper]
    fields += [integer_or_unset(t.display_size), t.sweep_to_fill, t.all_or_none, t.min_quantity]
    fields += [order.oca_type or t.oca_type or 3, t.trigger_method, *volatility_fields(t, open_order=False)]
    fields += [trail_stop(order), t.trailing_percent, *combo_fields(t), *scale_and_hedge_fields(t)]
    fields += [t.clearing_account, t.clearing_intent or "IB", t.not_held, *delta_neutral_and_algo_fields(t)]
    fields += [t.solicited, order.status.value, t.randomize_size, t.randomize_price, *pegged_fields(t)]
    fields += condition_fields(t.conditions, t)
    fields += [number_or_unset(trail_stop(order)), number_or_unset(t.limit_price_offset)]
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
    placed = datetime.fromtimestamp(order.created / 1e9, UTC).astimezone(EASTERN)
    quarter = placed.year * 4 + (placed.month - 1) // 3 + 2  # the one that begins then
    begins = datetime(quarter // 4, quarter % 4 * 3 + 1, 1, 16, tzinfo=EASTERN)
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
