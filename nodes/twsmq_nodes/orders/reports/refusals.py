"""What the gateway's error codes do to an order: they inform, end it, refuse it or a change of it, or leave a
doubt.

A refusal belongs to the modification in flight if there is one and the order itself had been accepted; if
that is not known yet, or the words could end the order as well, it is looked for. Of several in flight it is
not the oldest for sure: what the gateway refuses by itself overtakes what the venue has yet to confirm.
"""

from __future__ import annotations

import re

from twsmq_protocol.errors import gateway_error
from twsmq_protocol.order_events import OrderStatus

from twsmq_nodes.tws import events as tws
from twsmq_nodes.tws.gateway_times import NS

from .. import codes
from ..book import Book
from ..codes import Meaning
from ..entries import CancelDropped, Fact
from ..reconciliation.follow_ups import CancelMissed, FollowUp, IdsDoubted, InDoubt
from ..record import OrderChanges, Record
from ..states import Trigger, standing, trigger_of
from .changes import Changes
from .duplicates import Duplicates
from .executions import Executions
from .identity import Identity
from .recorder import LONGEST_TEXT, Recorder
from .unexplained import Unexplained, lacks_cause

_WORKS = frozenset(("submitted", "partially_filled"))
STAGED_S = 3.0
"""How long bytes of a connection that has ended may still be read by the gateway."""
AT_ONCE_S = 2.0
"""So soon a gateway has refused what it refuses by itself, of an order that it holds back."""
_NAMED_STATE = re.compile(r"\bstate: (\w+)")
"""In "OrderId 5 that needs to be cancelled cannot be cancelled, state: Cancelled." (10148, captured)."""


class Refusals:
    def __init__(
        self,
        book: Book,
        recorder: Recorder,
        changes: Changes,
        executions: Executions,
        duplicates: Duplicates,
        unexplained: Unexplained,
        identity: Identity,
    ) -> None:
        self._book = book
        self._recorder = recorder
        self._changes = changes
        self._executions = executions
        self._duplicates = duplicates
        self._unexplained = unexplained
        self._identity = identity

    def error(self, event: tws.GatewayError, ts: int) -> list[FollowUp]:
        record = self._book.by_order_id(event.req_id)
        if record is None:
            return []
        event = tws.GatewayError(
            event.req_id, event.code, event.text[:LONGEST_TEXT], None, event.advanced_reject_json
        )
        meaning = codes.meaning(event.code)
        if event.req_id != record.order_id:
            said = event.text + gateway_error(event.code)  # the code alone would be about this one
            self._recorder.note(record, 0, f"about order id {event.req_id}, an earlier attempt: {said}", ts)
            return []
        shared = self._identity.is_shared(event.req_id)
        if shared and record.done:
            return []
        several = shared or self._duplicates.of(record)
        if several and meaning in codes.ENDS_OR_REFUSES and not self._held(record):
            # of which one it does not say; orderStatus does
            self._recorder.note(record, event.code, event.text, ts)
            return [InDoubt(record.key)]
        if event.advanced_reject_json and meaning is not Meaning.INFORMS:
            self._recorder.note(record, event.code, event.text, ts, event.advanced_reject_json)
        return self._meant(meaning, record, event, ts)

    def _meant(self, meaning: Meaning, record: Record, event: tws.GatewayError, ts: int) -> list[FollowUp]:
        code, text = event.code, event.text
        changing = bool(record.changes) and not record.done and record.acknowledged
        changed = changing or (record.change_no > 0 and record.order.status in _WORKS)
        changes = bool(record.changes) or (record.staged and record.change_no > 0)
        match meaning:
            case Meaning.INFORMS:
                self._recorder.note(record, code, text, ts, event.advanced_reject_json)
            case Meaning.CANCELLED if not changed or record.cancel_wanted or self._held(record):
                self._end(record, Trigger.CANCELLED, code, text, ts)
            case Meaning.REJECTED_LATE if self._held(record) or not (changed or changes):
                self._end(record, Trigger.REJECTED, code, text, ts)
            case Meaning.CANCELLED | Meaning.REJECTED_LATE if changed:
                return self._change_or_order(record, code, text, ts)
            case Meaning.NOT_FOUND if not record.acknowledged and not record.done:
                return self._never_there(record, code, text, ts)
            case Meaning.CANCEL_REFUSED if (ended := _named_state(text)) and not record.done:
                if ended is Trigger.CANCELLED:
                    self._end(record, ended, code, text, ts)
                else:
                    self._recorder.move(record, ended, ts, gateway_status="PendingCancel")
                return [InDoubt(record.key)]
            case Meaning.NOT_FOUND | Meaning.CANCEL_REFUSED | Meaning.NOT_CANCELLABLE:
                self._cancel_refused(record, code, text, ts)
                return [] if meaning is Meaning.NOT_CANCELLABLE else [InDoubt(record.key)]
            case _ if record.staged and record.changes:
                return self._held_back_refused(record, meaning, code, text, ts)
            case _ if changing or (meaning is Meaning.CHANGE_REFUSED and record.changes):
                return self._change_refused(record, meaning, code, text, ts)
            case Meaning.REJECTED | Meaning.IDS_WRONG if not record.acknowledged and not changes:
                self._end(record, Trigger.REJECTED, code, text, ts)
                return [IdsDoubted()] if meaning is Meaning.IDS_WRONG else []
            case _:
                return self._complained(record, code, text, ts)
        return []

    def _held(self, record: Record) -> bool:
        return record.key in self._unexplained.held

    def _end(self, record: Record, trigger: Trigger, code: int, text: str, ts: int) -> None:
        if record.done and record.order.status != "not_sent":
            self._late(record, trigger, code, text, ts)
            return
        held = self._unexplained.release(record) or OrderChanges()
        held.update(OrderChanges(reason=text, tws_code=code))
        if not codes.names_cause(code, text):
            cause = self._unexplained.cause(record, ts)
            held.update(cause)
            held["tws_code"] = cause.get("tws_code") or code
            if record.refused_by(cause.get("tws_code") or 0):
                trigger = Trigger.REJECTED
        self._unexplained.said.pop(record.key, None)
        self._recorder.move(record, trigger, ts, **held)

    def _late(self, record: Record, trigger: Trigger, code: int, text: str, ts: int) -> None:
        """Words about an order that has ended already: by others, or without any."""
        order = record.order
        if trigger is Trigger.REJECTED and order.status == "cancelled" and not record.change_no:
            self._recorder.move(record, trigger, ts, reason=text, tws_code=code)
        elif lacks_cause(record):
            self._book.change(record, ts, reason=text, tws_code=code)
        elif order.status == "cancelled" and order.tws_code is None and trigger is Trigger.CANCELLED:
            self._book.change(record, ts, tws_code=code)
        elif codes.names_cause(code, text) and text != order.reason:
            self._recorder.note(record, code, text, ts)

    def _complained(self, record: Record, code: int, text: str, ts: int) -> list[FollowUp]:
        """It says that something is wrong, not whether the order exists: see whether it does. An order that
        has ended without a cause, or does not work, has it now."""
        self._recorder.note(record, code, text, ts)
        doubt: list[FollowUp] = [] if record.acknowledged else [InDoubt(record.key)]
        if record.changes and codes.may_end(code):
            # of the change or the order: 103 for one too soon after its order (InterReact issue 12)
            self._changes.complained(record, code, text)
            if not record.acknowledged:
                self._unexplained.said[record.key] = (code, text, ts)
        if record.change_no or not codes.may_end(code):
            return doubt
        refused = record.refused_by(code)
        if self._held(record):
            self._end(record, Trigger.REJECTED if refused else Trigger.CANCELLED, code, text, ts)
        elif record.done and lacks_cause(record) and (refused or not record.cancel_wanted):
            trigger = Trigger.REJECTED if refused else None
            self._recorder.move(record, trigger, ts, reason=text, tws_code=code)
        elif record.order.status == "inactive":
            self._book.change(record, ts, reason=text, tws_code=code)
        return doubt

    def _change_or_order(self, record: Record, code: int, text: str, ts: int) -> list[FollowUp]:
        """201 or 202 while a modification is in flight, or after one that the gateway has shown and the venue
        may refuse yet: it may end that, or the order. The status that may follow, or a snapshot, tells: who
        takes a working order for a rejected one places another."""
        self._unexplained.said[record.key] = (code, text, ts)
        if record.changes:
            self._changes.complained(record, code, text)
        self._recorder.note(record, code, text, ts)
        return [InDoubt(record.key)]

    def _change_refused(
        self, record: Record, meaning: Meaning, code: int, text: str, ts: int
    ) -> list[FollowUp]:
        """The old values stand, if it is known of which modification."""
        several = len(record.changes) > 1
        if meaning is Meaning.COMPLAINS or several:
            self._recorder.note(record, code, text, ts)
        if meaning is not Meaning.CHANGE_REFUSED:  # the order may end with it; that follows, or has just come
            self._unexplained.said[record.key] = (code, text, ts)
        if not self._changes.refused(record, code, text, ts):
            return [InDoubt(record.key)]
        self._book.change(record, ts, reason=text, tws_code=code)
        self._executions.settle(record, ts)  # what is executed may be all of it
        return []

    def _held_back_refused(
        self, record: Record, meaning: Meaning, code: int, text: str, ts: int
    ) -> list[FollowUp]:
        """Of an order that it holds back the gateway shows nothing. So a refusal is about what was sent just
        before it, if that was one thing; else what it means is seen once the order is handed on."""
        just = [one for one in record.changes if one.at + AT_ONCE_S * NS > ts]
        if len(just) == 1 and record.sent_at + AT_ONCE_S * NS <= ts:
            self._changes.refused_alone(record, just[0], code, text, ts)
            self._book.change(record, ts, reason=text, tws_code=code)
        else:
            self._recorder.note(record, code, text, ts)
            self._changes.complained(record, code, text)
            if record.held_back and codes.refuses(code) and record.sent_at + AT_ONCE_S * NS > ts:
                why = f"{text} (whether that is about the order or a change of it, no list shows)"
                self._recorder.move(record, Trigger.VANISHED, ts, reason=why, tws_code=code)
        if any(one.transmit for one in just) or meaning in (Meaning.REJECTED_LATE, Meaning.IDS_WRONG):
            self._unexplained.said[record.key] = (code, text, ts)  # the order itself does not come to work
            return [InDoubt(record.key)]
        return []

    def _never_there(self, record: Record, code: int, text: str, ts: int) -> list[FollowUp]:
        """It may be on its way yet: the wish is kept until it is known where the order is. A staged one is in
        no list, so that the gateway's word has to do, once nothing of it can be under way any more."""
        if record.staged and record.cancel_wanted and record.sent_at + STAGED_S * NS <= ts:
            said, words, _ = self._unexplained.words(record)
            trigger = Trigger.REJECTED if words and record.refused_by(said) else Trigger.ABANDONED
            self._end(record, trigger, said if words else code, words or text, ts)
            return []
        self._book.change(record, ts, reason=text, tws_code=code)
        return [InDoubt(record.key), CancelMissed(record.key)]

    def _cancel_refused(self, record: Record, code: int, text: str, ts: int) -> None:
        order = record.order
        if record.done or order.gateway_status == "PendingCancel":  # one before this is under way
            self._recorder.note(record, code, text, ts)
            return
        status: OrderStatus = order.status
        if status == "pending_cancel":
            status = standing(order.gateway_status, order.filled)
        fact: Fact | None = CancelDropped() if record.cancel_wanted else None
        self._book.change(record, ts, fact, status=status, reason=text, tws_code=code)


def _named_state(text: str) -> Trigger | None:
    """That an order is cancelled, or is being, in the words of what refuses to cancel it."""
    named = _NAMED_STATE.search(text)
    trigger = None if named is None else trigger_of(named[1])
    return trigger if trigger in (Trigger.CANCELLED, Trigger.CANCELLING) else None
