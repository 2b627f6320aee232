"""Working an order: may it trade now, at what price, and what do its fills mean for it, its group and the
ledger.

The order of callbacks of a fill is as captured: execDetails, openOrder and orderStatus with the new state,
mostly the same pair again with the commission, then commissionReport.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from msgspec.structs import replace

from twsmq_simulator.broker import algos, rules, triggers
from twsmq_simulator.broker.cancelling import finish_cancel
from twsmq_simulator.broker.effects import (
    AccountChanged,
    CommissionReported,
    Effect,
    Executed,
    OrderMessage,
    OrderReported,
    StatusReported,
)
from twsmq_simulator.broker.model import Execution, Order, Status
from twsmq_simulator.broker.preview import commission
from twsmq_simulator.broker.state import State
from twsmq_simulator.market import hours
from twsmq_simulator.market.times import parse_time

if TYPE_CHECKING:
    from twsmq_simulator.market.book import Book
    from twsmq_simulator.market.instruments import Instrument

EXECUTION_PREFIX = "0000e0d5"


def why_held(state: State, order: Order) -> str:
    """Captured: "trigger" for an untriggered stop, "child" and "child,trigger" for a waiting bracket
    child.
    """
    reasons = ["child"] if _waits_for_parent(state, order) else []
    if triggers.waits_for_trigger(order):
        reasons.append("trigger")
    return ",".join(reasons)


def _waits_for_parent(state: State, order: Order) -> bool:
    parent = state.orders.get(order.parent_perm_id)
    return parent is not None and parent.status is not Status.FILLED and parent.remaining > 0


def is_quiet(state: State, order: Order, now: int) -> bool:
    """Whether a new order is first reported when it is Submitted: market orders in some ways of reporting."""
    way = state.habits.market_way(order)
    return (
        order.ticket.order_type == "MKT"
        and way[0] is Status.SUBMITTED
        and not (state.lost or _is_held(state, order, now))
    )


def activate(state: State, order: Order, now: int) -> list[Effect]:
    """An order (or its new version) reaches the exchange."""
    if order.status is Status.PENDING_CANCEL:
        return []
    first, heard = not order.arrived and not order.revision, order.reported
    revised = not order.arrived and order.revision > 0
    order = state.orders.save(replace(order, arrived=True, reported=True))
    if revised:
        return _revised(state, order, now)
    if order.status is not Status.SUBMITTED and _is_held(state, order, now):
        pairs = state.habits.waiting_pairs(order) if first else 1
        return [OrderReported(order)] * (pairs - heard) + work(state, order, now, fresh=True)
    if order.ticket.order_type == "MKT" and order.status is not Status.SUBMITTED:
        shows = Status.SUBMITTED in state.habits.market_way(order)
        effects = _submitted(state, order) if shows else [OrderReported(order)] * (not heard)
        return effects + work(state, state.orders[order.perm_id], now, fresh=True)
    return _at_work(state, order, state.habits.submitted_pairs(order), now)


def _revised(state: State, order: Order, now: int) -> list[Effect]:
    """A new version is reported once or twice, waiting or not (captured: stops, LMT made MKT at night)."""
    pairs = state.habits.changed_pairs(order)
    if order.status is not Status.SUBMITTED and _is_held(state, order, now):
        held = state.orders.save(replace(order, why_held=why_held(state, order)))
        return [OrderReported(held)] * pairs + work(state, held, now, fresh=True)
    return _at_work(state, order, pairs, now)


def _at_work(state: State, order: Order, pairs: int, now: int) -> list[Effect]:
    reported = _submitted(state, order) * pairs
    return [*reported, *work(state, state.orders[order.perm_id], now, fresh=True)]


def _submitted(state: State, order: Order) -> list[Effect]:
    waits = triggers.waits_for_trigger(order)
    status = Status.PRE_SUBMITTED if waits else Status.SUBMITTED
    changed = state.orders.save(replace(order, status=status, why_held=why_held(state, order)))
    return [OrderReported(changed)]


def _is_held(state: State, order: Order, now: int) -> bool:
    """Not at the exchange: waits for its parent, a condition, a time, the close or a trigger."""
    ticket = order.ticket
    if _waits_for_parent(state, order):
        return True
    after = parse_time(ticket.good_after_time)
    if after is not None and now < after:
        return True
    if ticket.conditions and not order.released:
        executed = frozenset((e.symbol, e.sec_type) for e in _executed_instruments(state))
        if not triggers.conditions_met(order, state.markets, now, executed):
            return True
    if ticket.order_type in rules.ON_CLOSE and not _closing(state, order, now):
        return True
    if not state.is_open(order, now):
        return True
    return triggers.waits_for_trigger(order)


def _executed_instruments(state: State) -> list[Instrument]:
    return [state.instrument(e.con_id) for e in state.executions.values()]


def _closing(state: State, order: Order, now: int) -> bool:
    """On-close orders trade when the close they were placed for has come."""
    return now >= hours.next_close(state.instrument(order.con_id).hours, order.created)


def work(state: State, order: Order, now: int, *, fresh: bool) -> list[Effect]:
    """One look at a working order: release it, trigger it, trade it."""
    if order.status is Status.PENDING_CANCEL:
        return _trade(state, order, now, fresh=False) if order.triggered or not order.why_held else []
    book = state.markets.book(order.con_id)
    if book is None or order.status is Status.STAGED:
        return []
    effects: list[Effect] = []
    followed = triggers.follow(order, book)
    if followed is not order:
        order = state.orders.save(followed)
    if _is_held(state, order, now):
        only_trigger = triggers.waits_for_trigger(order) and not _is_held(
            state, replace(order, triggered=True), now
        )
        if not only_trigger:
            return effects
        if order.why_held == "child,trigger":
            order = state.orders.save(replace(order, why_held="trigger"))
            effects.append(OrderReported(order))
        if not triggers.is_triggered(order, book):
            return effects
        order = state.orders.save(replace(order, triggered=True, why_held=""))
    if order.ticket.conditions and not order.released:
        order = state.orders.save(replace(order, released=True))
    if order.status is Status.PRE_SUBMITTED and not (fresh and order.ticket.order_type == "MKT"):
        effects += _submitted(state, order)
        order = state.orders[order.perm_id]
    return effects + _trade(state, order, now, fresh=fresh)


def _trade(state: State, order: Order, now: int, *, fresh: bool) -> list[Effect]:
    book = state.markets.book(order.con_id)
    if book is None or not state.is_open(order, now):
        return []
    limit = triggers.price_limit(order, book)
    ticket = order.ticket
    wanted = algos.wanted(order, now)
    all_or_nothing = ticket.tif == "FOK" or ticket.all_or_none
    least = wanted if all_or_nothing else Decimal(ticket.min_quantity or 0)
    fills: list[tuple[float, Decimal]] = []
    if wanted > 0 and least <= book.available(buy=order.is_buy, limit=limit):
        fills = book.take(buy=order.is_buy, limit=limit, quantity=wanted)
    if not fills and not fresh and limit is not None and 0 < wanted >= least:
        fills = _passive(book, order, limit, wanted)
    effects: list[Effect] = []
    for price, quantity in fills:
        effects += fill(state, order, price, quantity, now)
        order = state.orders[order.perm_id]
    if fills and ticket.order_type == "MTL" and order.remaining > 0 and order.limit is None:
        order = state.orders.save(replace(order, limit=fills[-1][0]))
    if order.remaining > 0:
        effects += _after_attempt(state, order, now)
    return effects


def _passive(book: Book, order: Order, limit: float, wanted: Decimal) -> list[tuple[float, Decimal]]:
    """A resting order trades at its own price when the market prints through it."""
    trade = book.trade
    if trade is None or trade.buyer is order.is_buy:
        return []
    price = book.price(trade.ticks)
    if price < limit if order.is_buy else price > limit:
        return [(limit, min(wanted, Decimal(trade.size)))]
    return []


def _after_attempt(state: State, order: Order, now: int) -> list[Effect]:
    """IOC cancels what is left (captured: PendingCancel, then Cancelled); an unfillable FOK goes Inactive."""
    ticket = order.ticket
    if order.status is Status.PENDING_CANCEL:
        return []
    if ticket.tif == "FOK":
        done = state.orders.save(
            replace(order, status=Status.INACTIVE, completed=now, completed_status="Inactive")
        )
        return [StatusReported(done)]
    if ticket.tif == "IOC":
        pending = state.orders.save(replace(order, status=Status.PENDING_CANCEL))
        return [StatusReported(pending), *finish_cancel(state, pending, now)]
    if order.status is Status.PRE_SUBMITTED:
        return _submitted(state, order)
    return []


def fill(state: State, order: Order, price: float, quantity: Decimal, now: int) -> list[Effect]:
    """Books one execution and reports it."""
    instrument = state.instrument(order.con_id)
    filled = order.filled + quantity
    total = Decimal(str(order.average_price)) * order.filled + Decimal(str(price)) * quantity
    average = float(round(total / filled, 8))
    fee = commission(instrument, filled, average)
    charged = order.commission or Decimal(0)
    done = filled >= order.ticket.quantity
    status = (
        Status.FILLED
        if done
        else (order.status if order.status is Status.PENDING_CANCEL else Status.SUBMITTED)
    )
    changed = replace(
        order,
        filled=filled,
        average_price=average,
        last_price=price,
        status=status,
        why_held="",
        completed=now if done else 0,
        completed_status=f"Filled Size: {filled.normalize():f}" if done else "",
    )
    executions = _executions(state, changed, instrument, price, quantity, fee - charged, now)
    state.orders.save(changed)
    effects: list[Effect] = [Executed(e) for e in executions]
    effects.append(OrderReported(changed))
    changed = state.orders.save(replace(changed, commission=fee))
    effects += [OrderReported(changed)] * (state.habits.filled_pairs(changed) - 1)
    effects += [CommissionReported(e) for e in executions]
    effects += [AccountChanged(e.con_id) for e in executions]
    return effects + _group_after_fill(state, changed, now)


def _executions(
    state: State, order: Order, i: Instrument, price: float, quantity: Decimal, fee: Decimal, now: int
) -> list[Execution]:
    """The execution of an order; a combo has one for itself and one for each leg, and only legs are
    booked.
    """
    number = max(state.next_execution, now // 1_000_000_000)
    state.next_execution = number + 1
    state.orders.save_record("counter", "execution", state.next_execution)
    stem = f"{EXECUTION_PREFIX}.{number & 0xFFFFFFFF:08x}"
    if not i.legs:
        return [_execution(state, order, i, f"{stem}.01.01", price, quantity, fee, now, bought=order.is_buy)]
    parts = [
        _execution(state, order, i, f"{stem}.01.01", price, quantity, Decimal(0), now, bought=order.is_buy)
    ]
    share = fee / len(i.legs)
    for nth, leg in enumerate(i.legs, 2):
        member = state.instrument(leg.con_id)
        leg_price = round(float(state.account.market_price(leg.con_id)) / member.min_tick) * member.min_tick
        bought = order.is_buy is (leg.ratio > 0)
        exec_id = f"{stem}.{nth:02d}.01"
        size = quantity * abs(leg.ratio)
        leg_price = round(leg_price, 8)
        parts.append(_execution(state, order, member, exec_id, leg_price, size, share, now, bought=bought))
    return parts


def _execution(
    state: State,
    order: Order,
    i: Instrument,
    exec_id: str,
    price: float,
    quantity: Decimal,
    fee: Decimal,
    now: int,
    *,
    bought: bool,
) -> Execution:
    realized = None
    if not i.legs:
        realized = state.ledger.apply(i, bought=bought, quantity=quantity, price=price, fee=fee)
        state.save_position(i.con_id)
    execution = Execution(
        exec_id=exec_id,
        perm_id=order.perm_id,
        client_id=order.client_id,
        order_id=order.order_id,
        con_id=i.con_id,
        account=order.ticket.account,
        exchange=_venue(order, i),
        bought=bought,
        quantity=quantity,
        price=price,
        time=now,
        cumulative=order.filled,
        average_price=order.average_price,
        order_ref=order.ticket.order_ref,
        commission=fee,
        currency=i.currency,
        realized=realized,
        submitter=order.ticket.account,
    )
    state.executions[exec_id] = execution
    state.orders.save_record("execution", exec_id, execution)
    return execution


def _venue(order: Order, i: Instrument) -> str:
    wanted = order.ticket.contract.exchange
    return i.exchange if wanted in ("", "SMART") else wanted


def _group_after_fill(state: State, order: Order, now: int) -> list[Effect]:
    """Children wake up with their parent's fill; an OCA group ends with a complete fill, or shrinks."""
    effects: list[Effect] = []
    for perm_id in state.orders.tied():
        other = state.orders[perm_id]  # an earlier one may have ended it
        if other.is_final or other.perm_id == order.perm_id or other.status is Status.STAGED:
            continue
        if order.status is Status.FILLED and other.parent_perm_id == order.perm_id:
            state.schedule.add(now + state.latency, "activate", other.perm_id)
        elif order.oca_group and other.oca_group == order.oca_group:
            effects += _sibling_after_fill(state, order, other, now)
    return effects


def _sibling_after_fill(state: State, order: Order, other: Order, now: int) -> list[Effect]:
    if order.status is Status.FILLED or order.oca_type in (0, 1):
        return [] if other.status is Status.PENDING_CANCEL else finish_cancel(state, other, now)
    left = other.ticket.quantity - (order.ticket.quantity - order.remaining)
    if left <= other.filled:
        return finish_cancel(state, other, now)
    reduced = state.orders.save(replace(other, ticket=replace(other.ticket, quantity=left)))
    text = "Order size was reduced."
    return [OrderMessage(other.client_id, other.order_id, 481, text), OrderReported(reduced)]
