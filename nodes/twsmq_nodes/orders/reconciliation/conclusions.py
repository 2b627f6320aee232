"""What is made of a complete snapshot: where it proves what became of an order, that is recorded.

An order that is listed though it has ended is cancelled; a modification is settled, whether it is listed or
not; executions that the gateway still does not report are given up, and its own count of what is filled has
to do.

Invariants: nothing is concluded about an order that is not written yet, whose cancellation still waits for
its reason, or whose executions are still asked for; executions given up are asked for again only once more is
filled.
"""

from __future__ import annotations

from collections.abc import Callable

from twsmq_nodes.tws.gateway_times import NS
from twsmq_nodes.tws.requests import CancelOrder

from .. import codes
from ..actions import Action, Now, Send, Warn
from ..book import Book
from ..ids import Key
from ..pipeline.pipeline import Pipeline
from ..pipeline.wire import as_sent
from ..record import Record
from ..reports.reports import Reports
from ..states import Trigger
from .follow_ups import ExecutionsMissing
from .snapshots import GRACE_S, Snapshot, Step, unlisted, verdict

AGAIN_S = 1.0
CANCELS_UNANSWERED = (
    "the gateway held it back, and answers no cancel of it: it may be gone, which no list shows; see that it "
    "is, then use resolve_order (`twsmq order resolve`)"
)


class Conclusions:
    """`short`: orders whose executions are missing. `look_within(delay, now)` asks for another snapshot."""

    def __init__(
        self,
        book: Book,
        pipeline: Pipeline,
        reports: Reports,
        actions: list[Action],
        look_within: Callable[[float, Now], None],
    ) -> None:
        self.short: dict[Key, ExecutionsMissing] = {}
        self._book = book
        self._pipeline = pipeline
        self._reports = reports
        self._actions = actions
        self._look_within = look_within
        self._given_up: dict[Key, float] = {}  # filled so far, of which the gateway reports no executions
        self._began_ns = 0  # this session
        self._unlisted: set[Key] = set()  # when everybody's open orders were listed last

    def session_began(self, now_ns: int) -> None:
        self._began_ns = now_ns

    def session_ended(self) -> None:
        self.short.clear()
        self._given_up.clear()
        self._unlisted.clear()

    def executions_missing(self, missing: ExecutionsMissing) -> bool:
        """Whether it is worth another look."""
        if missing.gateway_status is None and missing.filled <= self._given_up.get(missing.key, 0.0):
            return False
        self.short[missing.key] = missing
        return True

    def conclude(self, snapshot: Snapshot, now: Now) -> None:
        self._finish_short(snapshot, now)
        keys = {record.key for record in self._book.active()} | snapshot.open.keys()
        for record in [self._book.records[key] for key in keys]:
            if record.key in snapshot.open:
                self._reports.unexplained.stands(record.key)
                if record.done:
                    self.cancel_survivor(record, now)
            if self._undecided(record.key):
                continue
            if record.changes and (record.key in snapshot.open or (record.staged and not record.held_back)):
                self._settle_changes(record, snapshot, now)
            ruling = verdict(record, snapshot)
            if ruling.again:
                self._look_within(AGAIN_S, now)
            elif ruling.trigger is not None:
                self._reports.move(
                    record, ruling.trigger, now.ns, reason=ruling.reason, tws_code=ruling.tws_code
                )
            if record.cancel_wanted and (record.acknowledged or record.staged) and not record.done:
                self._cancel_again(record, now)
            elif record.staged and not record.done and record.is_managed(snapshot.accounts):
                self._doubt_staged(record, snapshot, now)
        self.end_staged(now)

    def some_unlisted(self, snapshot: Snapshot) -> bool:
        """Whether orders of which nobody has said that they ended are missing from everybody's once more: a
        gateway may leave one out in passing (nautilus_trader pull request 3976)."""
        before = self._unlisted
        missing = (record.key for record in self._book.active() if unlisted(record, snapshot))
        self._unlisted = {key for key in missing if not self._undecided(key)}
        return not before.isdisjoint(self._unlisted)

    def _undecided(self, key: Key) -> bool:
        undecided = (self._pipeline.unwritten, self._reports.unexplained.held, self.short)
        return any(key in each for each in undecided)

    def _cancel_again(self, record: Record, now: Now) -> None:
        """What is attached to an order that is thrown away goes with it, silently (captured)."""
        parent = self._book.by_order_id(record.links.parent_id) if record.links.parent_id else None
        if not self._pipeline.cancels.unanswered(record):
            self._pipeline.cancels.again(record, now)
        elif parent is not None and parent.may_go_again:
            why = f"the gateway held it back, and threw it away with {parent.order.client_order_id}"
            self._reports.move(record, Trigger.ABANDONED, now.ns, reason=why)
        elif record.order.status != "unknown":
            self._reports.move(record, Trigger.VANISHED, now.ns, reason=CANCELS_UNANSWERED)

    def _doubt_staged(self, record: Record, snapshot: Snapshot, now: Now) -> None:
        """It is held back, and alone: what it was told of is not seen in any list. What is refused is taken
        back, and the answer to that shows whether it was there; of other words it is not known."""
        code, text, _ = self._reports.unexplained.words(record)
        if not text or self._book.last_of_group(record) is not None:
            return
        if record.sent_at + GRACE_S * NS > snapshot.began_at:
            self._look_within(AGAIN_S, now)
        elif codes.refuses(code):
            self._pipeline.cancels.want_all(record, now, text)
        elif record.order.status != "unknown":
            why = f"{text} (whether the gateway holds it back all the same, no list shows)"
            self._reports.move(record, Trigger.VANISHED, now.ns, reason=why, tws_code=code)

    def _settle_changes(self, record: Record, snapshot: Snapshot, now: Now) -> None:
        """The order is listed: what modifications made of it, or did not. One that was sent just before, or
        by a connection that has ended just before, may still be read."""
        before = snapshot.began_at - int(GRACE_S * NS)
        old = max((one.at for one in record.changes if one.at < self._began_ns), default=0)
        if old and before < self._began_ns:
            before = 0
        last_sent = record.wanted
        changes = self._reports.changes.listed(record, before, now.ns)
        if record.staged and last_sent is not None and not record.changes:
            changes = as_sent(last_sent)  # it is in no list: what it is, is what was sent
        self._reports.move(record, None, now.ns, **changes)
        self._reports.executions.settle(record, now.ns)
        if record.changes:
            self._look_within(AGAIN_S, now)

    def _finish_short(self, snapshot: Snapshot, now: Now) -> None:
        """All executions the gateway still reports are in: its word has to do for those that were missing."""
        for key, missing in snapshot.short.items():
            if self.short.get(key) is not missing:
                continue  # more came up since the executions were asked for
            del self.short[key]
            self._given_up[key] = missing.filled
            record = self._book.records[key]
            if missing.gateway_status is not None and not record.done:
                silent = Step.EXECUTIONS in snapshot.silent
                self._reports.finish_without_executions(record, missing, now.ns, silent=silent)

    def end_staged(self, now: Now) -> None:
        """Cancel what the gateway holds back of a group whose last order, which would have handed it on, has
        ended without having worked: it is in no list, and would be handed on by whatever comes next."""
        for key in list(self._book.staged):
            record = self._book.records[key]
            last = self._book.last_of_group(record)
            if last is None or last is record or record.cancel_wanted or key in self._pipeline.unwritten:
                continue
            if last.done:  # had it worked, nothing would be held back any more
                status = last.order.status
                why = f"its group was never handed on: {last.order.client_order_id} is {status}"
                self._pipeline.cancels.want(record, now, f"{why} ({last.order.reason})")

    def cancel_survivor(self, record: Record, now: Now) -> None:
        """An incarnation is alive that the order's end did not reach: its own cancel, or its last fill."""
        self._pipeline.cancels.forget(record.key)
        if record.order.status == "filled":
            self._pipeline.once_durable(Send(CancelOrder(record.order_id)))
            self._actions.append(Warn("filled, and the broker has it open once more: cancelled", record.key))
        elif record.cancel_wanted:
            self._pipeline.cancels.again(record, now)
