"""Working an order: may it trade now, at what price, and what do its fills mean for it, its group and the
ledger.

The order of callbacks of a fill is as captured: execDetails, openOrder and orderStatus with the new state,
the same pair again once the commission is known, then commissionReport.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from msgspec.structs import replace

from twsmq_simulator.broker import algos, rules, triggers
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
from twsmq_simulator.market import hours

if TYPE_CHECKING:
    from twsmq_simulator.broker.core import Broker
    from twsmq_simulator.market.book import Book
    from twsmq_simulator.market.instruments import Instrument

EXECUTION_PREFIX = "0000e0d5"


def why_held(broker: Broker, order: Order) -> str:
    """Captured: "trigger" for an untriggered stop, "child" and "child,trigger" for a waiting bracket
    child.
    """
    reasons = ["child"] if _waits_for_parent(broker, order) else []
    if triggers.waits_for_trigger(order):
        reasons.append("trigger")
    return ",".join(reasons)


def _waits_for_parent(broker: Broker, order: Order) -> bool:
    parent = broker.orders.get(order.parent_perm_id)
    return parent is not None and parent.status is not Status.FILLED and parent.remaining > 0


def activate(broker: Broker, order: Order, now: int) -> list[Effect]:
    """An order (or its new version) reaches the exchange."""
    if order.status is Status.PENDING_CANCEL:
        return []
    order = broker.save(replace(order, arrived=True))
    modified = order.status is Status.SUBMITTED
    if not modified and _is_held(broker, order, now):
        return work(broker, order, now, fresh=True)
    if order.ticket.order_type == "MKT" and not modified:
        return work(broker, order, now, fresh=True)  # captured: a market order fills without being Submitted
    return [*_submitted(broker, order), *work(broker, broker.orders[order.perm_id], now, fresh=True)]


def _submitted(broker: Broker, order: Order) -> list[Effect]:
    waits = triggers.waits_for_trigger(order)
    status = Status.PRE_SUBMITTED if waits else Status.SUBMITTED
    changed = broker.save(replace(order, status=status, why_held=why_held(broker, order)))
    return [OrderReported(changed)]


def _is_held(broker: Broker, order: Order, now: int) -> bool:
    """Not at the exchange: waits for its parent, a condition, a time, the close or a trigger."""
    ticket = order.ticket
    if _waits_for_parent(broker, order):
        return True
    after = triggers.parse_time(ticket.good_after_time)
    if after is not None and now < after:
        return True
    if ticket.conditions and not order.released:
        executed = frozenset((e.symbol, e.sec_type) for e in _executed_instruments(broker))
        if not triggers.conditions_met(order, broker.markets, now, executed):
            return True
    if ticket.order_type in rules.ON_CLOSE and not _closing(broker, order, now):
        return True
    if not broker.is_open(order, now):
        return True
    return triggers.waits_for_trigger(order)


def _executed_instruments(broker: Broker) -> list[Instrument]:
    return [broker.instrument(e.con_id) for e in broker.executions.values()]


def _closing(broker: Broker, order: Order, now: int) -> bool:
    """On-close orders trade when the close they were placed for has come."""
    return now >= hours.next_close(broker.instrument(order.con_id).hours, order.created)


def work(broker: Broker, order: Order, now: int, *, fresh: bool) -> list[Effect]:
    """One look at a working order: release it, trigger it, trade it."""
    if order.status is Status.PENDING_CANCEL:
        return _trade(broker, order, now, fresh=False) if order.triggered or not order.why_held else []
    book = broker.markets.book(order.con_id)
    if book is None or order.status is Status.STAGED:
        return []
    effects: list[Effect] = []
    followed = triggers.follow(order, book)
    if followed is not order:
        order = broker.save(followed)
    if _is_held(broker, order, now):
        only_trigger = triggers.waits_for_trigger(order) and not _is_held(
            broker, replace(order, triggered=True), now
        )
        if not only_trigger:
            return effects
        if order.why_held == "child,trigger":
            order = broker.save(replace(order, why_held="trigger"))
            effects.append(OrderReported(order))
        if not triggers.is_triggered(order, book):
            return effects
        order = broker.save(replace(order, triggered=True, why_held=""))
    if order.ticket.conditions and not order.released:
        order = broker.save(replace(order, released=True))
    if order.status is Status.PRE_SUBMITTED and not (fresh and order.ticket.order_type == "MKT"):
        effects += _submitted(broker, order)
        order = broker.orders[order.perm_id]
    return effects + _trade(broker, order, now, fresh=fresh)


def _trade(broker: Broker, order: Order, now: int, *, fresh: bool) -> list[Effect]:
    book = broker.markets.book(order.con_id)
    if book is None or not broker.is_open(order, now):
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
        effects += fill(broker, order, price, quantity, now)
        order = broker.orders[order.perm_id]
    if fills and ticket.order_type == "MTL" and order.remaining > 0 and order.limit is None:
        order = broker.save(replace(order, limit=fills[-1][0]))
    if order.remaining > 0:
        effects += _after_attempt(broker, order, now)
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


def _after_attempt(broker: Broker, order: Order, now: int) -> list[Effect]:
    """IOC cancels what is left (captured: PendingCancel, then Cancelled); an unfillable FOK goes Inactive."""
    ticket = order.ticket
    if order.status is Status.PENDING_CANCEL:
        return []
    if ticket.tif == "FOK":
        done = broker.save(replace(order, status=Status.INACTIVE, completed=now, completed_status="Inactive"))
        return [StatusReported(done)]
    if ticket.tif == "IOC":
        pending = broker.save(replace(order, status=Status.PENDING_CANCEL))
        return [StatusReported(pending), *broker.finish_cancel(pending, now)]
    if order.status is Status.PRE_SUBMITTED:
        return _submitted(broker, order)
    return []


def fill(broker: Broker, order: Order, price: float, quantity: Decimal, now: int) -> list[Effect]:
    """Books one execution and reports it."""
    instrument = broker.instrument(order.con_id)
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
    executions = _executions(broker, changed, instrument, price, quantity, fee - charged, now)
    broker.save(changed)
    effects: list[Effect] = [Executed(e) for e in executions]
    effects.append(OrderReported(changed))
    changed = broker.save(replace(changed, commission=fee))
    effects.append(OrderReported(changed))
    effects += [CommissionReported(e) for e in executions]
    effects += [AccountChanged(e.con_id) for e in executions]
    return effects + _group_after_fill(broker, changed, now)


def _executions(
    broker: Broker, order: Order, i: Instrument, price: float, quantity: Decimal, fee: Decimal, now: int
) -> list[Execution]:
    """The execution of an order; a combo has one for itself and one for each leg, and only legs are
    booked.
    """
    number = max(broker.next_execution, now // 1_000_000_000)
    broker.next_execution = number + 1
    broker.save_record("counter", "execution", broker.next_execution)
    stem = f"{EXECUTION_PREFIX}.{number & 0xFFFFFFFF:08x}"
    if not i.legs:
        return [_execution(broker, order, i, f"{stem}.01.01", price, quantity, fee, now, bought=order.is_buy)]
    parts = [
        _execution(broker, order, i, f"{stem}.01.01", price, quantity, Decimal(0), now, bought=order.is_buy)
    ]
    share = fee / len(i.legs)
    for nth, leg in enumerate(i.legs, 2):
        member = broker.instrument(leg.con_id)
        leg_price = round(float(broker.account.market_price(leg.con_id)) / member.min_tick) * member.min_tick
        bought = order.is_buy is (leg.ratio > 0)
        exec_id = f"{stem}.{nth:02d}.01"
        size = quantity * abs(leg.ratio)
        leg_price = round(leg_price, 8)
        parts.append(_execution(broker, order, member, exec_id, leg_price, size, share, now, bought=bought))
    return parts


def _execution(
    broker: Broker,
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
        realized = broker.ledger.apply(i, bought=bought, quantity=quantity, price=price, fee=fee)
        broker.save_position(i.con_id)
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
    broker.executions[exec_id] = execution
    broker.save_record("execution", exec_id, execution)
    return execution


def _venue(order: Order, i: Instrument) -> str:
    wanted = order.ticket.contract.exchange
    return i.exchange if wanted in ("", "SMART") else wanted


def _group_after_fill(broker: Broker, order: Order, now: int) -> list[Effect]:
    """Children wake up with their parent's fill; an OCA group ends with a complete fill, or shrinks."""
    effects: list[Effect] = []
    for perm_id in [o.perm_id for o in broker.active()]:
        other = broker.orders[perm_id]  # an earlier one may have ended it
        if other.is_final or other.perm_id == order.perm_id or other.status is Status.STAGED:
            continue
        if order.status is Status.FILLED and other.parent_perm_id == order.perm_id:
            broker.schedule.add(now + broker.latency, "activate", other.perm_id)
        elif order.oca_group and other.oca_group == order.oca_group:
            effects += _sibling_after_fill(broker, order, other, now)
    return effects


def _sibling_after_fill(broker: Broker, order: Order, other: Order, now: int) -> list[Effect]:
    if order.status is Status.FILLED or order.oca_type in (0, 1):
        return [] if other.status is Status.PENDING_CANCEL else broker.finish_cancel(other, now)
    left = other.ticket.quantity - (order.ticket.quantity - order.remaining)
    if left <= other.filled:
        return broker.finish_cancel(other, now)
    reduced = broker.save(replace(other, ticket=replace(other.ticket, quantity=left)))
    text = "Order size was reduced."
    return [OrderMessage(other.client_id, other.order_id, 481, text), OrderReported(reduced)]
