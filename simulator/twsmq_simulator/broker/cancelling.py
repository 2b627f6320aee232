"""How orders end before they are filled: a cancel and what goes along with it, dates passed, staged orders.

A cancel is one orderStatus Cancelled without openOrder, then 202 (captured), and the order may be reported as
PendingCancel before it. A staged order, which was reported to no client, is discarded: "Order was discarded."
(captured: a global cancel at 225).
"""

from __future__ import annotations

from msgspec.structs import replace

from twsmq_simulator.broker.effects import Effect, OrderMessage, OrderReported, StatusReported
from twsmq_simulator.broker.model import Order, Status, cancelled_by
from twsmq_simulator.broker.state import State

CANCELLED_TEXT = "Order Canceled - reason:"
DISCARDED = "Order was discarded."
NOT_CANCELLABLE = "Cancel attempted when order is not in a cancellable state.  Order permId ={}"


def begin_cancel(state: State, order: Order, now: int) -> list[Effect]:
    """The cancel is on its way to the exchange."""
    staged = order.status is Status.STAGED
    state.schedule.add(now if staged else now + state.latency, "cancel", order.perm_id)
    reason = DISCARDED if staged else ""
    pending = state.orders.save(replace(order, status=Status.PENDING_CANCEL, cancel_reason=reason))
    if staged:
        return []
    pairs = state.habits.pending_pairs(pending)
    return [StatusReported(pending)] if pairs < 0 else [OrderReported(pending)] * pairs


def cancel_all(state: State, client_id: int, now: int) -> list[Effect]:
    """reqGlobalCancel: every client's working orders; those past cancelling are named with 161.

    Of a staged group the parent alone is reported: Cancelled, 202 and 161; its children go without a message,
    and whatever was discarded before is named with 161 once more (captured at 225).
    """
    effects: list[Effect] = []
    earlier = list(state.discarded.values())
    for order in state.orders.active():
        if order.status is Status.PENDING_CANCEL:
            effects.append(_not_cancellable(client_id, order))
        elif order.status is Status.STAGED:
            effects += _discard(state, client_id, order)
        else:
            effects += begin_cancel(state, order, now)
    return effects + [_not_cancellable(client_id, order) for order in earlier]


def _not_cancellable(client_id: int, order: Order) -> Effect:
    return OrderMessage(client_id, order.order_id, 161, NOT_CANCELLABLE.format(order.perm_id))


def _discard(state: State, client_id: int, order: Order) -> list[Effect]:
    done = state.orders.save(replace(order, status=Status.CANCELLED, cancel_reason=DISCARDED))
    if order.parent_perm_id:
        return []
    state.discarded[order.perm_id] = done
    text = CANCELLED_TEXT + DISCARDED
    message = OrderMessage(done.client_id, done.order_id, 202, text)
    return [StatusReported(done), message, _not_cancellable(client_id, done)]


def finish_cancel(state: State, order: Order, now: int, *, along: bool = False) -> list[Effect]:
    """orderStatus Cancelled without openOrder, then 202 (captured); children and OCA siblings follow
    `along`.
    """
    done = replace(
        order,
        status=Status.CANCELLED,
        why_held="",
        completed=now,
        completed_status=cancelled_by(order.cancel_reason, along=along),
    )
    state.orders.save(done)
    for armed in (order.client_id, None):
        if armed in state.late_fills:
            state.late_fills.remove(armed)
            state.schedule.add(now + state.latency, "late_fill", order.perm_id)
            break
    text = CANCELLED_TEXT + order.cancel_reason
    effects: list[Effect] = [StatusReported(done), OrderMessage(done.client_id, done.order_id, 202, text)]
    for perm_id in [o.perm_id for o in state.orders.active()]:
        other = state.orders[perm_id]  # an earlier one may have taken it along
        if other.is_final or other.status is Status.PENDING_CANCEL:
            continue
        child = other.parent_perm_id == order.perm_id
        sibling = bool(order.oca_group) and other.oca_group == order.oca_group
        if (child and order.filled == 0) or (sibling and not child):
            reason = DISCARDED if other.status is Status.STAGED else ""
            effects += finish_cancel(state, replace(other, cancel_reason=reason), now, along=True)
    return effects


def expire(state: State, order: Order, now: int) -> list[Effect]:
    return finish_cancel(state, replace(order, cancel_reason="Order has expired"), now)


def end_day(state: State, now: int) -> list[Effect]:
    """The nightly restart: orders good for the day are gone, the others stay."""
    effects: list[Effect] = []
    for perm_id in [o.perm_id for o in state.orders.active()]:
        order = state.orders[perm_id]
        if not order.is_final and order.ticket.tif not in ("GTC", "GTD"):
            effects += expire(state, order, now)
    return effects
