"""What the gateway's reports about our orders do to the book.

Every report is looked up, reduced to a trigger and amounts, and recorded in the book, which drops what says
nothing new. What cannot be concluded from a report alone is returned as a `FollowUp`.

- openOrder brings values, ids and the status while the order works; that it is done is orderStatus's word,
  which always follows and has the amounts.
- Executions are in `executions`, ends without words and words without an end in `unexplained`, modifications
  in `changes`, orders that the broker has twice in `duplicates`.
- Errors are in `refusals`.

Not taken over from a report, and why: orderStatus `remaining` (follows from quantity and filled), `parentId`
and the order's `parentPermId` (the tie is ours), `lastFillPrice` (the execution has it); of openOrder all
fields that only repeat what was asked or are defaults that nobody set (see `wire.values_shown`); of
OrderState the margins, which are a what-if's, and the commission, which the commission report has; of an
execution `cumQty` and `avgPrice` (follow from the executions), `evRule`, `evMultiplier`, `modelCode`.
"""

from __future__ import annotations

from collections import Counter

import msgspec

from twsmq_nodes.tws import events as tws
from twsmq_nodes.tws.orders import OrderStateView, OrderView

from ..attributes import PLACED_AS, Standing, stands
from ..book import Book
from ..ids import Key
from ..pipeline.wire import as_placed, values_shown
from ..reconciliation.follow_ups import (
    CancelUnexplained,
    ExecutionsMissing,
    FollowUp,
    InDoubt,
    StaleAttempt,
    SurvivorLeft,
    ZoneUnknown,
)
from ..record import EPSILON, OrderChanges, Record
from ..states import Trigger, trigger_of
from .changes import Changes
from .duplicates import Duplicates
from .executions import ON_ITS_WORD, UNREPORTED, Executions
from .identity import Identity
from .recorder import LONGEST_TEXT, Recorder
from .refusals import Refusals
from .unexplained import UNEXPLAINED, Unexplained, lacks_cause

MOST_TOLD = 20
"""How often it is told that one attribute of an order was changed: a gateway may show it now and then."""


class Reports:
    """Reads the gateway's reports into `book`. `client_id` is our own."""

    def __init__(self, book: Book, client_id: int, changes: Changes) -> None:
        self._book = book
        self.client_id = client_id
        self.changes = changes
        self._recorder = Recorder(book, changes)
        self.move = self._recorder.move
        self.unexplained = Unexplained()
        self.executions = Executions(book, self._recorder)
        self.identity = Identity(book, client_id, self.executions.time_ns)
        self.duplicates = Duplicates()
        self.error = Refusals(
            book, self._recorder, changes, self.executions, self.duplicates, self.unexplained, self.identity
        ).error
        self._resurfaced: set[int] = set()  # order ids of attempts that turned up after their successor
        self._told: Counter[tuple[Key, str]] = Counter()  # changes of this session, by attribute
        self._noticed: dict[Key, set[str]] = {}  # texts of this session that come with every report

    def session_ended(self, ts: int) -> None:
        for key in list(self.unexplained.held):
            self.settle_unexplained(key, ts)
        self.unexplained.clear()
        self.executions.session_ended()
        self.changes.session_ended()
        self.duplicates.forget()
        self._resurfaced.clear()
        self._noticed.clear()
        self._told.clear()

    def look_again(self) -> None:
        """A new snapshot: what it shows of attempts given up is news."""
        self._resurfaced.clear()
        working = {record.order_id for record in self._book.active()}
        for order_id in (self.changes.last_shown.keys() | self.changes.shown_at.keys()) - working:
            self.changes.forget(order_id)

    # -- openOrder

    def open_order(self, event: tws.OpenOrder, ts: int) -> tuple[Record | None, list[FollowUp]]:
        view = event.order
        record = self.identity.of_open_order(event.order_id, view)
        if record is None:
            return None, []
        if _is_stale(record, event.order_id):
            return None, self._stale(record, event.order_id, ts, event.state.status)
        self._book.spellings.learn(record.order.instrument, event.contract.con_id)
        status = event.state.status
        trigger = trigger_of(status)
        follow_ups: list[FollowUp] = []
        if trigger in (Trigger.FILLED, Trigger.CANCELLED):
            self._say_why(record, event.state, ts)
            trigger, status = None, ""  # orderStatus follows with the amounts
        else:
            follow_ups = self._lives(record, view.perm_id or 0, ts)
        if self.duplicates.outdated(record.key, view.perm_id or 0):
            return record, follow_ups
        before = self.changes.standing(record)
        changes = OrderChanges()
        if record.order.status != "filled" or event.state.status == "Filled":  # else it is older than the end
            changes = values_shown(view, record.order, None if before is None else before.view)
        standing = self._stands(record, view, before, changes, ts) if trigger is Trigger.WORKING else None
        changes.update(self.changes.shown(record, view, ts))
        if record.request is not None and record.request.cash_quantity:
            changes.pop("quantity", None)  # what the gateway thinks the cash will buy
        if view.perm_id:
            changes["perm_id"] = view.perm_id
        if status:
            changes["gateway_status"] = status
        changes["staged"] = False
        if trigger is Trigger.INACTIVE and event.state.reject_reason:
            changes["reason"] = event.state.reject_reason[:LONGEST_TEXT]
        ended = record.order.status in ("cancelled", "rejected")
        self._recorder.move(record, trigger, ts, along=standing, **changes)
        self._remarks(record, event, ts)
        if ended and trigger is Trigger.WORKING:
            follow_ups.append(InDoubt(record.key))  # late, or it lives after all: only a snapshot shows
        return record, follow_ups

    def _say_why(self, record: Record, state: OrderStateView, ts: int) -> None:
        """Of an order that has ended: no error may repeat it."""
        words = state.reject_reason[:LONGEST_TEXT]
        if words and not record.done:
            self.unexplained.said.setdefault(record.key, (0, words, ts))
        elif words and lacks_cause(record) and not record.cancel_wanted:
            self._book.change(record, ts, reason=words)

    def _remarks(self, record: Record, event: tws.OpenOrder, ts: int) -> None:
        """What comes with the order in every report, published once."""
        if event.state.warning_text:
            self._notice_once(record, event.state.warning_text, ts)
        reference = event.order.order_ref
        if reference and reference != record.reference:
            self._notice_once(record, f"its reference was changed at the gateway to {reference!r}", ts)

    def _stands(
        self, record: Record, view: OrderView, before: Standing | None, changes: OrderChanges, ts: int
    ) -> Standing | None:
        """What of it is news, to be kept with the order. What somebody has changed that no `order` event
        shows is a notice, and kept with that."""
        request = record.request
        placed = None if request is None else lambda: as_placed(request, record.links)
        standing, changed = stands(view, before, placed)
        self.changes.last_shown[record.order_id] = standing
        if "oca_group" in changed:
            changes["oca_group"] = view.oca_group or None
        for name, value in changed.items():
            text = f"{PLACED_AS.get(name, name)} was changed at the gateway to {_plain(value)!r}"
            if name == "order_type" and value is None:
                text = f"order_type was changed at the gateway to {view.order_type!r}"
            if self._told[record.key, name] < MOST_TOLD:
                self._told[record.key, name] += 1
                self._recorder.note(record, 0, text, ts, fact=standing)
        return standing if standing != record.standing else None

    def _notice_once(self, record: Record, text: str, ts: int) -> None:
        noticed = self._noticed.setdefault(record.key, set())
        if text not in noticed:
            noticed.add(text)
            self._recorder.note(record, 0, text, ts)

    def _lives(self, record: Record, perm_id: int, ts: int) -> list[FollowUp]:
        """Take note of an incarnation that a report shows alive."""
        beside = self.duplicates.lives(record.key, perm_id)
        if beside:
            ids = " and ".join(map(str, beside))
            text = f"the broker has this order more than once, under the permanent ids {ids}"
            risk = "it may fill more than its quantity; a cancel goes to all of them"
            self._recorder.note(record, 0, f"{text}: {risk}", ts)
        unheard_of = bool(perm_id) and perm_id not in record.perm_ids
        not_ended = record.key in self.unexplained.held  # or this one is late: a snapshot shows
        return [InDoubt(record.key)] if not_ended or (record.done and unheard_of) else []

    # -- orderStatus

    def order_status(self, event: tws.OrderStatus, ts: int) -> tuple[Record | None, list[FollowUp]]:
        record = self.identity.of_status(event)
        if record is None:
            return None, []
        if _is_stale(record, event.order_id):
            return None, self._stale(record, event.order_id, ts, event.status)
        trigger = trigger_of(event.status)
        follow_ups: list[FollowUp] = []
        if trigger not in (Trigger.FILLED, Trigger.CANCELLED):
            follow_ups += self._lives(record, event.perm_id or 0, ts)
        elif self.duplicates.ended(record.key, event.perm_id or 0):
            return record, self._one_ended(record, event, ts)
        reported, executed = event.filled or 0.0, record.executed()
        if reported > executed + EPSILON or (trigger is Trigger.FILLED and not executed):
            done = event.status if trigger is Trigger.FILLED else None
            missing = ExecutionsMissing(record.key, reported, done, event.avg_fill_price or None)
            follow_ups.append(missing)
            if done is not None:
                return record, follow_ups
        elif trigger is Trigger.WORKING and reported > 0:
            trigger = Trigger.PARTLY_FILLED
        changes = self._status_changes(record, event)
        trigger = self._of_all(record, trigger, changes.get("filled", 0.0))
        self._finish_status(record, trigger, changes, ts, follow_ups)
        if record.done:
            self.changes.forget(record.order_id)
            self.unexplained.said.pop(record.key, None)
        return record, follow_ups

    def _status_changes(self, record: Record, event: tws.OrderStatus) -> OrderChanges:
        reported, executed = event.filled or 0.0, record.executed()
        changes = OrderChanges(
            gateway_status=event.status,
            filled=max(reported, executed),
            why_held=event.why_held or None,
            cap_price=event.mkt_cap_price or None,
            staged=False,
        )
        if event.perm_id and not self.duplicates.outdated(record.key, event.perm_id):
            changes["perm_id"] = event.perm_id
        if event.avg_fill_price and (reported > executed + EPSILON or record.order.avg_price is None):
            changes["avg_price"] = event.avg_fill_price  # cut off after some digits: else executions show it
        return changes

    def _finish_status(
        self,
        record: Record,
        trigger: Trigger | None,
        changes: OrderChanges,
        ts: int,
        follow_ups: list[FollowUp],
    ) -> None:
        if trigger is Trigger.CANCELLED and not record.cancel_wanted and not record.done:
            self.unexplained.hold(record, changes)
            follow_ups.append(CancelUnexplained(record.key))
            return
        if trigger in (Trigger.INACTIVE, Trigger.CANCELLED) and not record.done:
            changes.update(self.unexplained.cause(record, ts))
        self._recorder.move(record, trigger, ts, **changes)

    def _of_all(self, record: Record, trigger: Trigger | None, filled: float) -> Trigger | None:
        """What the end of its last incarnation makes of the order: filled only if all of it is."""
        if trigger is not Trigger.FILLED or not self.duplicates.of(record):
            return trigger
        return Trigger.FILLED if filled >= record.order.quantity - EPSILON else Trigger.CANCELLED

    def _one_ended(self, record: Record, event: tws.OrderStatus, ts: int) -> list[FollowUp]:
        """One of several incarnations; its executions show what it filled."""
        text = f"permanent id {event.perm_id} of this order is {event.status}, another one is still alive"
        self._recorder.note(record, 0, text, ts)
        follow_ups: list[FollowUp] = [SurvivorLeft(record.key)]
        reported = event.filled or 0.0
        if reported > record.executed() + EPSILON:
            follow_ups.insert(0, ExecutionsMissing(record.key, reported, None))
        return follow_ups

    # -- executions

    def execution(self, event: tws.ExecDetails, ts: int) -> tuple[Record | None, list[FollowUp]]:
        seen = event.execution
        record = self.identity.of_execution(seen)
        before = 0.0 if record is None else record.executed()
        if record is None or not self.executions.count(record, event, ts):
            return record, []
        if seen.client_id == self.client_id:
            self._note_id(record, seen.order_id, ts)
        was, stale = record.order.status, _is_stale(record, seen.order_id or 0)
        perm_id = (not stale and seen.perm_id) or record.order.perm_id
        corrected = record.executed() < before
        self.executions.settle(record, ts, corrected=corrected, perm_id=perm_id)
        self.executions.cost_of(seen.exec_id, ts)
        follow_ups = self._stale(record, seen.order_id or 0, ts, "Submitted") if stale else []
        if record.order.status == "filled" != was and (stale or self.duplicates.of(record)):
            follow_ups.append(SurvivorLeft(record.key))  # together they have reached the quantity
        if seen.time and self.executions.time_ns(seen.time) is None:
            follow_ups.append(ZoneUnknown(record.key, seen.time))
        return record, follow_ups

    def _note_id(self, record: Record, order_id: int, ts: int) -> None:
        if order_id and order_id not in record.order_ids:
            text = f"executions under order id {order_id}, which was never sent, are this order's: they count"
            self._notice_once(record, text, ts)

    def complete(self, record: Record) -> bool:
        """It is filled, and no other incarnation of it has been seen that might not be."""
        return record.order.status == "filled" and not self.duplicates.of(record)

    def finish_without_executions(
        self, record: Record, missing: ExecutionsMissing, ts: int, *, silent: bool
    ) -> None:
        """Executions were asked for and some do not exist, or nobody answers (`silent`): the gateway's word
        has to do."""
        status = missing.gateway_status or "Filled"
        if silent:
            reason = f"{ON_ITS_WORD}{status}, and does not answer for executions: they are to be confirmed"
        elif any(fill.leg for fill in record.fills.values()):
            reason = f"{ON_ITS_WORD}{status}; it reports this combo by the executions of its legs"
        else:
            reason = f"{ON_ITS_WORD}{status}; it reports executions of {record.executed():g} only"
        changes = OrderChanges(
            filled=missing.filled or record.order.quantity, gateway_status=status, reason=reason
        )
        if missing.avg_price is not None:
            changes["avg_price"] = missing.avg_price
        elif record.at_even():
            changes["avg_price"] = 0.0
        self._recorder.move(record, Trigger.FILLED, ts, **changes)

    # -- completed orders

    def completed(self, event: tws.CompletedOrder, ts: int) -> Record | None:
        """A row of the completed orders: all of them are done, whatever we thought."""
        view = event.order
        record = self.identity.of_completed(view)
        if record is None or self.duplicates.ended(record.key, view.perm_id or 0):
            return record
        if _is_stale(record, view.order_id):
            return record  # an earlier attempt's
        words = event.state.completed_status.strip()[:LONGEST_TEXT]
        if record.done:
            if words and lacks_cause(record) and record.order.perm_id == view.perm_id:
                self._book.change(record, ts, reason=words)
            return record
        status = event.state.status
        filled = max(view.filled_quantity or 0.0, record.executed())
        trigger = Trigger.FILLED if trigger_of(status) is Trigger.FILLED else Trigger.CANCELLED
        trigger = self._of_all(record, trigger, filled)
        reason = words or f"the gateway lists it as completed: {status}"
        code: int | None = None
        complaint = record.grievance
        if trigger is Trigger.CANCELLED and complaint is not None:
            reason, code = complaint.text, complaint.tws_code
            trigger = Trigger.REJECTED if record.refused_by(code) and not filled else trigger
        if trigger is Trigger.FILLED and filled > record.executed() + EPSILON:
            reason += UNREPORTED
        changes = OrderChanges(gateway_status=status, filled=filled, reason=reason, tws_code=code)
        if view.perm_id:
            changes["perm_id"] = view.perm_id
        self._recorder.move(record, trigger, ts, **changes)
        return record

    def settle_unexplained(self, key: Key, ts: int) -> None:
        """Nothing has explained the cancellation that is held, unless words came before it."""
        record = self._book.records[key]
        cause, held = self.unexplained.cause(record, ts), self.unexplained.release(record)
        self.unexplained.said.pop(key, None)
        if held is None:
            return
        held["reason"] = UNEXPLAINED
        held.update(cause)  # if it had worked: whether the words were about it or a change, it is cancelled
        refused = record.refused_by(cause.get("tws_code") or 0)
        self._recorder.move(record, Trigger.REJECTED if refused else Trigger.CANCELLED, ts, **held)

    def _stale(self, record: Record, order_id: int, ts: int, status: str) -> list[FollowUp]:
        """An attempt before the present one turned up: noted and cancelled, once until it is looked for."""
        ended = trigger_of(status) in (Trigger.FILLED, Trigger.CANCELLED)
        if ended or order_id in self._resurfaced:
            return []
        self._resurfaced.add(order_id)
        self._recorder.note(
            record, 0, f"order id {order_id}, given up as never sent, is alive at the gateway", ts
        )
        return [StaleAttempt(record.key, order_id)]


def _plain(value: object) -> object:
    """As a person reads it."""
    return msgspec.to_builtins(value) if isinstance(value, tuple) else value


def _is_stale(record: Record, order_id: int) -> bool:
    """It is about an attempt that has a successor."""
    return order_id != record.order_id and order_id in record.order_ids
