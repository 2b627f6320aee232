"""What the gateway's reports about our orders do to the book.

Every report is looked up, reduced to a trigger and amounts, and told to the book, which drops what says
nothing new. What cannot be concluded from a report alone is returned as a `FollowUp` for the core.

- Executions are what `filled` rests on. orderStatus may run ahead of them (captured: Filled 100 ms before its
  execDetails), so a Filled whose executions are missing waits for them.
- openOrder brings values, ids and the status while the order works; that it is done is orderStatus's word,
  which always follows and has the amounts.
- A cancellation nobody here asked for may be a refusal: orderStatus Cancelled and then 201 (captured from a
  Gateway 10.40.1). It is held until the error that explains it has come (202 or 201), or `give_verdict`: who
  waits for an order's end must not be told a wrong one.
- A refusal belongs to the modification on its way if there is one and the order itself had been accepted; if
  that has not been told yet, it may belong to either, and the order is looked for.
- What ends one incarnation of an order (see `incarnations`) does not end the order while another is alive.
"""

from __future__ import annotations

import math
from typing import Any

from msgspec import Struct
from twsmq_protocol.order_events import Commission, Fill, Notice, OrderStatus

from twsmq_nodes.tws import events as tws

from . import codes
from .book import EPSILON, Book, Cost, Record
from .entries import CancelDropped, ChangeSettled, Fact
from .ids import Key, split_exec_id
from .incarnations import Incarnations
from .states import Trigger, after, shown, standing, trigger_of
from .times import execution_time_ns
from .wire import values_shown

UNEXPLAINED = "the gateway cancelled it and gave no reason"


class Held(Struct, frozen=True):
    order_id: int
    changes: dict[str, Any]


class Doubted(Struct, frozen=True):
    """Where this order is can only be told by a snapshot."""

    key: Key


class ExecutionsMissing(Struct, frozen=True):
    """The gateway says more is filled than executions have shown. `word`: its status if the order is done."""

    key: Key
    filled: float
    word: str | None


class IdsDoubted(Struct, frozen=True):
    """The gateway does not like our order id: ask for the next valid one."""


class StaleAttempt(Struct, frozen=True):
    """An attempt that had been proved absent is alive beside its successor."""

    key: Key
    order_id: int


class VerdictHeld(Struct, frozen=True):
    """It is cancelled and nobody here asked for that: `give_verdict` if nothing explains it soon."""

    key: Key


class SurvivorLeft(Struct, frozen=True):
    """One incarnation has ended, another is alive: cancelled too if the order is to end, or is filled."""

    key: Key


class CancelMissed(Struct, frozen=True):
    """The gateway does not know the order that was to be cancelled, nor has it ever spoken of it."""

    key: Key


FollowUp = Doubted | ExecutionsMissing | IdsDoubted | StaleAttempt | VerdictHeld | CancelMissed | SurvivorLeft


class Reports:
    """Reads the gateway's reports into `book`. `client_id` is our own."""

    def __init__(self, book: Book, client_id: int) -> None:
        self._book = book
        self._client_id = client_id
        self._early_costs: dict[str, tws.CommissionReport] = {}
        self.held: dict[Key, Held] = {}  # cancellations nothing has explained yet
        self.incarnations = Incarnations()
        self.revenants: set[int] = set()  # order ids of attempts that turned up after their successor

    def session_ended(self, ts: int) -> None:
        """Costs that nobody asked after were other clients'; ours come again with the next snapshot."""
        for key in list(self.held):
            self.give_verdict(key, ts)
        self._early_costs.clear()
        self.incarnations.forget()
        self.revenants.clear()

    def open_order(self, event: tws.OpenOrder, ts: int) -> tuple[Record | None, list[FollowUp]]:
        view = event.order
        record = self._find(view.client_id, event.order_id, view.perm_id, view.order_ref)
        if record is None:
            return None, []
        if _is_stale(record, event.order_id):
            return None, self._stale(record, event.order_id, ts, event.state.status)
        self._book.spellings.learn(record.order.instrument, event.contract.con_id)
        word = event.state.status
        trigger = trigger_of(word)
        follow_ups: list[FollowUp] = []
        if trigger in (Trigger.FILLED, Trigger.CANCELLED):
            trigger, word = None, ""  # orderStatus follows with the amounts
        else:
            follow_ups = self._lives(record, view.perm_id or 0, ts)
        if self.incarnations.outdated(record.key, view.perm_id or 0):
            return record, follow_ups
        changes: dict[str, Any] = values_shown(view, record.order.order_type)
        if record.request is not None and record.request.cash_quantity:
            changes.pop("quantity", None)  # what the gateway thinks the cash will buy
        if view.perm_id:
            changes["perm_id"] = view.perm_id
        if word:
            changes["gateway_status"] = word
        ended = record.order.status in ("cancelled", "rejected")
        self.move(record, trigger, ts, **changes)
        if ended and trigger is Trigger.WORKING:
            follow_ups.append(Doubted(record.key))  # late, or it lives after all: only a snapshot tells
        return record, follow_ups

    def _lives(self, record: Record, perm_id: int, ts: int) -> list[FollowUp]:
        """Take note of an incarnation that a report shows alive."""
        beside = self.incarnations.lives(record.key, perm_id)
        if beside:
            ids = " and ".join(map(str, beside))
            text = f"the broker has this order more than once, under the permanent ids {ids}"
            risk = "it may fill more than its quantity; a cancel goes to all of them"
            self.note(record, 0, f"{text}: {risk}", ts)
        unheard_of = bool(perm_id) and perm_id not in record.perm_ids
        return [Doubted(record.key)] if record.done and unheard_of else []

    def order_status(self, event: tws.OrderStatus, ts: int) -> tuple[Record | None, list[FollowUp]]:
        record = self._find(event.client_id, event.order_id, event.perm_id, "")
        if record is None:
            return None, []
        if _is_stale(record, event.order_id):
            return None, self._stale(record, event.order_id, ts, event.status)
        reported, executed = event.filled or 0.0, record.executed()
        trigger = trigger_of(event.status)
        follow_ups: list[FollowUp] = []
        if trigger not in (Trigger.FILLED, Trigger.CANCELLED):
            follow_ups += self._lives(record, event.perm_id or 0, ts)
        elif self.incarnations.ended(record.key, event.perm_id or 0):
            return record, self._one_ended(record, event, ts)
        if reported > executed + EPSILON or (trigger is Trigger.FILLED and not executed):
            word = event.status if trigger is Trigger.FILLED else None
            follow_ups.append(ExecutionsMissing(record.key, reported, word))
            if word is not None:
                return record, follow_ups
        elif trigger is Trigger.WORKING and reported > 0:
            trigger = Trigger.PARTLY_FILLED
        changes: dict[str, Any] = {"gateway_status": event.status, "filled": max(reported, executed)}
        if event.perm_id and not self.incarnations.outdated(record.key, event.perm_id):
            changes["perm_id"] = event.perm_id
        trigger = self._of_all(record, trigger, changes["filled"])
        if event.avg_fill_price and reported >= executed - EPSILON:
            changes["avg_price"] = event.avg_fill_price
        if trigger is Trigger.CANCELLED and not record.cancel_wanted and not record.done:
            self.held[record.key] = Held(record.order_id, changes)
            return record, [*follow_ups, VerdictHeld(record.key)]
        self.move(record, trigger, ts, **changes)
        return record, follow_ups

    def _of_all(self, record: Record, trigger: Trigger | None, filled: float) -> Trigger | None:
        """What the end of its last incarnation makes of the order: filled only if all of it is."""
        if trigger is not Trigger.FILLED or not self._doubled(record):
            return trigger
        return Trigger.FILLED if filled >= record.order.quantity - EPSILON else Trigger.CANCELLED

    def _one_ended(self, record: Record, event: tws.OrderStatus, ts: int) -> list[FollowUp]:
        """One of several incarnations; what it filled its executions tell."""
        text = f"permanent id {event.perm_id} of this order is {event.status}, another one is still alive"
        self.note(record, 0, text, ts)
        follow_ups: list[FollowUp] = [SurvivorLeft(record.key)]
        reported = event.filled or 0.0
        if reported > record.executed() + EPSILON:
            follow_ups.insert(0, ExecutionsMissing(record.key, reported, None))
        return follow_ups

    def execution(self, event: tws.ExecDetails, ts: int) -> tuple[Record | None, list[FollowUp]]:
        seen = event.execution
        record = self._find(seen.client_id, seen.order_id, seen.perm_id, seen.order_ref)
        if record is None or not seen.shares or seen.price is None:
            return record, []
        prefix, number = split_exec_id(seen.exec_id)
        before = record.fills.get(prefix)
        if before is not None and split_exec_id(before.exec_id)[1] >= number:
            return record, []
        fill = Fill(
            client_order_id=record.order.client_order_id,
            strategy=record.order.strategy,
            exec_id=seen.exec_id,
            account=seen.acct_number,
            side="BUY" if seen.side == "BOT" else "SELL",
            quantity=seen.shares,
            price=seen.price,
            time=execution_time_ns(seen.time),
            corrects=None if before is None else before.exec_id,
            recovered=event.req_id != -1,
            con_id=event.contract.con_id or None,
            leg=_is_leg(record, event),
        )
        self._book.tell(fill, ts)
        was, stale = record.order.status, _is_stale(record, seen.order_id or 0)
        self._count(record, ts, perm_id=(not stale and seen.perm_id) or record.order.perm_id)
        early = self._early_costs.pop(seen.exec_id, None)
        if early is not None:
            self.commission(early, ts)
        follow_ups = self._stale(record, seen.order_id or 0, ts, "Submitted") if stale else []
        if record.order.status == "filled" != was and (stale or self._doubled(record)):
            follow_ups.append(SurvivorLeft(record.key))  # together they have reached the quantity
        return record, follow_ups

    def _count(self, record: Record, ts: int, **changes: Any) -> None:
        """The order's amounts and state after its executions changed."""
        executed = record.executed()
        if not executed:
            return  # only legs of a combo so far
        # An order for an amount of cash has no quantity: that it is filled only the gateway can say. So it is
        # of one that is to become larger: the gateway may have taken that already.
        complete = executed >= (record.largest or math.inf) - EPSILON
        trigger = Trigger.FILLED if complete else Trigger.PARTLY_FILLED
        self.move(record, trigger, ts, filled=executed, avg_price=record.average(), **changes)

    def _doubled(self, record: Record) -> bool:
        """There has been more than one incarnation, in this session or an earlier one."""
        return self.incarnations.doubled(record.key) or len(record.perm_ids) > 1

    def complete(self, record: Record) -> bool:
        """It is filled, and no other incarnation of it has been seen that might not be."""
        return record.order.status == "filled" and not self._doubled(record)

    def settle(self, record: Record, ts: int, **why: Any) -> None:
        """The modification on its way has no effect, so what is executed may be all of it."""
        self._book.change(record, ts, ChangeSettled(), **why)
        self._count(record, ts)

    def commission(self, event: tws.CommissionReport, ts: int) -> None:
        record = self._book.by_exec_id(event.exec_id)
        if record is None:
            self._early_costs[event.exec_id] = event  # of another client, or ahead of its execution
            return
        if event.commission is None:
            return
        cost = Cost(event.commission, event.currency, event.realized_pnl)
        if record.costs.get(event.exec_id) == cost:
            return
        commission = Commission(
            client_order_id=record.order.client_order_id,
            strategy=record.order.strategy,
            exec_id=event.exec_id,
            commission=event.commission,
            currency=event.currency,
            realized_pnl=event.realized_pnl,
        )
        self._book.tell(commission, ts)

    def error(self, event: tws.GatewayError, ts: int) -> list[FollowUp]:
        record = self._book.by_order_id(event.req_id)
        if record is None:
            return []
        code, why = event.code, {"reason": event.text, "tws_code": event.code}
        doubled = self._doubled(record)
        if doubled and (code in codes.CANCELLED or code in codes.CANCEL_REFUSED or code in codes.REJECTED):
            self.note(record, code, event.text, ts)  # of which one it does not say; orderStatus does
            return [Doubted(record.key)]
        if event.req_id != record.order_id:
            self.note(record, code, event.text, ts)  # about an attempt that has a successor
            return []
        if codes.is_informational(code):
            complaint = codes.is_complaint(code)
            settled = complaint and record.acknowledged and record.wanted is not None
            self.note(record, code, event.text, ts, ChangeSettled() if settled else None)
            # Says that something does not fit, not whether the order exists: see whether it does.
            return [Doubted(record.key)] if complaint and not record.acknowledged else []
        if code in codes.CANCELLED:
            self.move(record, Trigger.CANCELLED, ts, **self._release(record), **why)
            return []
        if code == 201 and (held := self._release(record)):
            self.move(record, Trigger.REJECTED, ts, **held, **why)
            return []
        if code == codes.NOT_FOUND and not record.acknowledged:
            # It may be on its way yet: the wish is kept until it is known where the order is.
            self._book.change(record, ts, None, **why)
            return [Doubted(record.key), CancelMissed(record.key)]
        if code in codes.CANCEL_REFUSED:
            self._cancel_refused(record, why, ts)
            return [] if code == 161 else [Doubted(record.key)]
        changing = record.wanted is not None and not record.done
        if changing and (record.acknowledged or code in codes.MODIFICATION_REFUSED):
            self.settle(record, ts, **why)
            return []
        if code in codes.REJECTED and (not record.acknowledged or code == 201) and not changing:
            self.move(record, Trigger.REJECTED, ts, **why)
            return [IdsDoubted()] if code in codes.NEW_IDS_WANTED else []
        self.note(record, code, event.text, ts)
        return [] if record.acknowledged else [Doubted(record.key)]

    def _cancel_refused(self, record: Record, why: dict[str, Any], ts: int) -> None:
        order = record.order
        status: OrderStatus = order.status
        if status == "pending_cancel":
            status = standing(order.gateway_status, order.filled)
        fact: Fact | None = CancelDropped() if record.cancel_wanted else None
        self._book.change(record, ts, fact, status=status, **why)

    def completed(self, event: tws.CompletedOrder, ts: int) -> Record | None:
        """A row of the completed orders: all of them are done, whatever we thought."""
        view = event.order
        record = self._find(self._client_id, view.order_id, view.perm_id, view.order_ref)
        if record is None or self.incarnations.ended(record.key, view.perm_id or 0) or record.done:
            return record
        if record.order_ids[1:] and record.perm_ids and view.perm_id not in record.perm_ids:
            return record  # an earlier attempt's, which only the reference ties to this order
        word = event.state.status
        filled = max(view.filled_quantity or 0.0, record.executed())
        trigger = Trigger.FILLED if trigger_of(word) is Trigger.FILLED else Trigger.CANCELLED
        trigger = self._of_all(record, trigger, filled)
        reason = event.state.completed_status.strip() or f"the gateway lists it as completed: {word}"
        if trigger is Trigger.FILLED and filled > record.executed() + EPSILON:
            reason += "; executions of an earlier day are not reported any more"
        changes: dict[str, Any] = {"gateway_status": word, "filled": filled, "reason": reason}
        if view.perm_id:
            changes["perm_id"] = view.perm_id
        self.move(record, trigger, ts, **changes)
        return record

    def give_verdict(self, key: Key, ts: int) -> None:
        """Nothing explained the cancellation that is held."""
        record = self._book.records[key]
        held = self._release(record)
        if held:
            self.move(record, Trigger.CANCELLED, ts, **held, reason=UNEXPLAINED)

    def _release(self, record: Record) -> dict[str, Any]:
        """What came with the cancellation that is held, empty if there is none or something else decided."""
        held = self.held.pop(record.key, None)
        if held is None or record.done or held.order_id != record.order_id:
            return {}
        changes = held.changes
        if record.executed() > changes["filled"]:  # executions that came after it
            changes |= {"filled": record.executed(), "avg_price": record.average()}
        return changes

    def finish_without_executions(self, record: Record, word: str, filled: float, ts: int) -> None:
        """Executions were asked for and some do not exist: the gateway's word has to do."""
        reason = f"the gateway says {word}; it reports executions of {record.executed():g} only"
        filled = max(filled, record.order.quantity)
        self.move(record, Trigger.FILLED, ts, filled=filled, gateway_status=word, reason=reason)

    def move(self, record: Record, trigger: Trigger | None, ts: int, **changes: Any) -> None:
        """Tell what `trigger` and `changes` make of the order, if anything."""
        order = record.order
        status = order.status if trigger is None else after(order.status, trigger)
        changes["status"] = shown(status, cancel_wanted=record.cancel_wanted)
        quantity = changes.get("quantity", order.quantity)
        filled = changes.get("filled", order.filled)
        changes["remaining"] = max(0.0, quantity - filled)
        self._book.change(record, ts, None, **changes)

    def note(self, record: Record, code: int, text: str, ts: int, fact: Fact | None = None) -> None:
        order = record.order
        notice = Notice(
            client_order_id=order.client_order_id, strategy=order.strategy, tws_code=code, text=text
        )
        self._book.tell(notice, ts, fact)

    def _find(
        self, client_id: int | None, order_id: int | None, perm_id: int | None, ref: str
    ) -> Record | None:
        return self._book.find(client_id, order_id, perm_id, ref, self._client_id)

    def _stale(self, record: Record, order_id: int, ts: int, word: str) -> list[FollowUp]:
        """An attempt before the present one turned up: told and cancelled, once until it is looked for."""
        ended = trigger_of(word) in (Trigger.FILLED, Trigger.CANCELLED)
        if ended or order_id in self.revenants:
            return []
        self.revenants.add(order_id)
        self.note(record, 0, f"order id {order_id}, given up as never sent, is alive at the gateway", ts)
        return [StaleAttempt(record.key, order_id)]


def _is_leg(record: Record, event: tws.ExecDetails) -> bool:
    """A combo is reported as a whole and leg by leg, all under one order id (IBKR API docs)."""
    return record.order.instrument.startswith("BAG:") and event.contract.sec_type not in ("BAG", "")


def _is_stale(record: Record, order_id: int) -> bool:
    """It is about an attempt that has a successor."""
    return order_id != record.order_id and order_id in record.order_ids
