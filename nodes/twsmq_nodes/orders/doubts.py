"""What is not certain about orders, and how it is found out.

While a session is up, a snapshot is taken at its beginning, and again whenever an order's place is in doubt:
it or its cancel unanswered for `UNANSWERED_S`, a complaint that does not say what became of it, executions
missing, a grace not over. No snapshot is begun or concluded while the gateway has lost its own connection to
the broker. What a complete snapshot proves is in `reconcile`.
"""

from __future__ import annotations

from collections.abc import Collection

from msgspec import Struct
from twsmq_protocol.order_requests import ForeignOrder

from twsmq_nodes.tws import events as tws
from twsmq_nodes.tws.requests import CancelOrder, ReqIds

from .actions import Action, Now, Send, Warn
from .book import Book, Record
from .ids import Key, parse_ref
from .pipeline import Pipeline
from .reconcile import End, Snapshot, Snapshots, Step, verdict
from .reports import (
    CancelMissed,
    Doubted,
    ExecutionsMissing,
    FollowUp,
    IdsDoubted,
    Reports,
    StaleAttempt,
    SurvivorLeft,
    VerdictHeld,
)
from .states import TABLE, Trigger
from .wire import foreign_order

UNANSWERED_S = 5.0
"""A written order the gateway says nothing about for so long is looked for."""
VERDICT_S = 0.5
"""How long a cancellation nobody here asked for waits for its reason: it may be a refusal."""
DOUBT_S = 0.25
EXECUTIONS_S = 1.0
AGAIN_S = 1.0
STEP_TIMEOUT_S = 10.0
IDS_S = 10.0
"""How often the gateway is asked whether its order ids were reset, once none are left."""
UNREAD_S = 30.0
"""How soon a report that cannot be read may have everything looked at again."""

_LOOK, _STEP, _UNANSWERED, _VERDICT, _IDS = "look", "step", "unanswered", "verdict", "ids"


class Claim(Struct, frozen=True):
    """An order at the gateway that carries the reference of a key. `perm_id`: 0 if it cannot be adopted."""

    what: str
    perm_id: int


class Doubts:
    """`reconciled`: a snapshot of this session is complete. `upstream`: the gateway reaches the broker.
    `foreign`: orders nobody placed here, by permanent id, as last listed. `claimed`: keys whose orders the
    gateway has, under our own client id, though the journal does not know them.
    """

    def __init__(self, book: Book, pipeline: Pipeline, reports: Reports, actions: list[Action]) -> None:
        self.foreign: dict[int, ForeignOrder] = {}
        self.claimed: dict[Key, Claim] = {}
        self.reconciled = False
        self.upstream = True
        self._book = book
        self._pipeline = pipeline
        self._reports = reports
        self._actions = actions
        self._offset_s: int | None = None
        self._snapshots = Snapshots()
        self._timers: dict[str, float] = {}
        self._in_flight: dict[Key, float] = {}  # written, itself or its cancel, and unanswered; since when
        self._short: dict[Key, ExecutionsMissing] = {}
        self._given_up: dict[Key, float] = {}  # filled so far, of which the gateway reports no executions
        self._verdicts_due: dict[Key, float] = {}
        self._unread_at: float | None = None

    # -- sessions

    def session_began(self, upstream: bool, offset_s: int | None, now: Now) -> None:
        self._offset_s = offset_s
        self.upstream = upstream
        self.reconciled = False
        self._look(now)

    def session_ended(self, reason: str, now: Now) -> None:
        self._reports.session_ended(now.ns)
        self._snapshots.forget()
        self.reconciled = False
        self._timers.clear()
        self._in_flight.clear()
        self._short.clear()
        self._given_up.clear()
        self._verdicts_due.clear()
        self._unread_at = None
        self.lose_all(f"the session ended before the gateway answered ({reason})", now)

    def upstream_changed(self, connected: bool, *, data_lost: bool, now: Now) -> None:
        self.upstream = connected
        if data_lost:
            self.reconciled = False
        if not connected:
            self._snapshots.give_up()
            self._timers.pop(_STEP, None)
        elif self._pipeline.connected:
            self._look(now)

    def lose_all(self, reason: str, now: Now) -> None:
        """Nobody is left who could answer for what was written."""
        for record in list(self._book.active()):
            lost = not record.acknowledged and Trigger.CONNECTION_LOST in TABLE[record.order.status]
            if lost and record.key not in self._pipeline.unwritten:
                self._reports.move(record, Trigger.CONNECTION_LOST, now.ns, reason=reason)

    @property
    def asking(self) -> str:
        """What the gateway is asked for just now."""
        snapshot = self._snapshots.current
        return (snapshot.step if snapshot else Step.OPEN_ORDERS).value

    # -- what is heard

    def written(self, key: Key, now: Now) -> None:
        """An order, a modification or a cancel is on its way."""
        self._snapshots.written(key)
        if _unanswered(self._book.records[key]):
            self._in_flight.setdefault(key, now.mono)
            self._timers.setdefault(_UNANSWERED, now.mono + UNANSWERED_S)

    def open_order(self, event: tws.OpenOrder, record: Record | None, *, listed: bool) -> None:
        """Keep a snapshot that is being taken right."""
        perm_id, snapshot = event.order.perm_id or 0, self._snapshots.current
        if record is not None:
            self._snapshots.seen(record.key, perm_id, listed=listed)
        elif snapshot is not None and perm_id:
            row = foreign_order(event.order_id, event.contract, event.order, event.state.status)
            snapshot.foreign[perm_id] = row

    def claim(self, reference: str, what: str, perm_id: int) -> None:
        """The gateway has an order of ours with this reference, and no record of ours is meant."""
        key = parse_ref(reference)
        if key is not None and key not in self._book.records:
            self.claimed[key] = Claim(what, perm_id)

    def unreadable(self, now: Now) -> None:
        """A report about some order could not be read."""
        if self._snapshots.current is not None:
            self._snapshots.current.spoiled = True
        elif self._unread_at is None or self._unread_at + UNREAD_S <= now.mono:
            self._unread_at = now.mono
            self.look_within(AGAIN_S, now)

    def closed(self, record: Record | None, perm_id: int | None) -> None:
        """A report says that this one is not open any more."""
        if record is not None:
            self._snapshots.seen(record.key, perm_id or 0, listed=False)

    def follow(self, follow_ups: list[FollowUp], now: Now) -> None:
        for follow_up in follow_ups:
            match follow_up:
                case Doubted():
                    self.look_within(DOUBT_S, now)
                case ExecutionsMissing(key, filled, word):
                    if word is not None or filled > self._given_up.get(key, 0.0):
                        self._short[key] = follow_up
                        self.look_within(EXECUTIONS_S, now)
                case VerdictHeld(key):
                    due = self._verdicts_due.setdefault(key, now.mono + VERDICT_S)
                    self._timers.setdefault(_VERDICT, due)
                case CancelMissed(key):
                    self._pipeline.forget_cancel(key)
                case IdsDoubted():
                    self._pipeline.once_durable(Send(ReqIds()))
                case StaleAttempt(key, order_id):
                    self._pipeline.once_durable(Send(CancelOrder(order_id)))
                    self._actions.append(Warn(f"order id {order_id} is alive beside its successor", key))
                case SurvivorLeft(key):
                    self._cancel_survivor(self._book.records[key], now)
                    self.look_within(DOUBT_S, now)

    def _cancel_survivor(self, record: Record, now: Now) -> None:
        """An incarnation is alive that the order's end did not reach: its own cancel, or its last fill."""
        self._pipeline.forget_cancel(record.key)
        if record.order.status == "filled":
            self._pipeline.once_durable(Send(CancelOrder(record.order_id)))
            self._actions.append(Warn("filled, and the broker has it open once more: cancelled", record.key))
        elif record.cancel_wanted:
            self._pipeline.cancel_again(record, now)

    # -- snapshots

    def _look(self, now: Now) -> None:
        """Take a new snapshot, in place of one that is being taken."""
        self._timers.pop(_LOOK, None)
        if self.upstream:
            self._reports.revenants.clear()
            self._snapshots.begin(now.ns, self._offset_s)
            self._ask(now)

    def look_within(self, delay: float, now: Now) -> None:
        if not self._pipeline.connected:
            return  # the session's first snapshot will tell
        self._timers[_LOOK] = min(self._timers.get(_LOOK, now.mono + delay), now.mono + delay)

    def _ask(self, now: Now) -> None:
        self._timers[_STEP] = now.mono + STEP_TIMEOUT_S
        self._actions.append(Send(self._snapshots.ask()))

    def ended(self, end: End, now: Now) -> None:
        snapshot = self._snapshots.ended(end)
        if snapshot is None:
            return
        if snapshot.step is Step.EXECUTIONS:
            self._reports.incarnations.listed(snapshot.open)
            snapshot.short = dict(self._short)
        if snapshot.step is not Step.COMPLETE:
            self._ask(now)
            return
        self._snapshots.give_up()
        self._timers.pop(_STEP, None)
        if self._book.ids.used_up:
            self._timers[_IDS] = now.mono + IDS_S
        self._conclude(snapshot, now)

    def _conclude(self, snapshot: Snapshot, now: Now) -> None:
        first = not self.reconciled
        self.foreign = snapshot.foreign
        self.reconciled = True
        self._finish_short(snapshot, now)
        keys = {record.key for record in self._book.active()} | snapshot.open.keys()
        for record in [self._book.records[key] for key in keys]:
            if record.key in snapshot.open:
                self._reports.held.pop(record.key, None)
                if record.done:
                    self._cancel_survivor(record, now)
            undecided = (self._pipeline.unwritten, self._reports.held, self._short)
            if any(record.key in each for each in undecided):
                continue
            if first and record.wanted is not None and record.sent_at < snapshot.began_at:
                why = "the modification had no effect: the gateway shows the order without it"
                self._reports.settle(record, now.ns, reason=why)
            ruling = verdict(record, snapshot)
            if ruling.again:
                self.look_within(AGAIN_S, now)
            elif ruling.trigger is not None:
                self._reports.move(
                    record, ruling.trigger, now.ns, reason=ruling.reason, tws_code=ruling.tws_code
                )
            if record.cancel_wanted and record.acknowledged and not record.done:
                self._pipeline.cancel_again(record, now)

    def _finish_short(self, snapshot: Snapshot, now: Now) -> None:
        """All executions the gateway still reports are in: its word has to do for those that were missing."""
        for key, missing in snapshot.short.items():
            if self._short.get(key) is not missing:
                continue  # more came up since the executions were asked for
            del self._short[key]
            self._given_up[key] = missing.filled
            record = self._book.records[key]
            if missing.word is not None and not record.done:
                self._reports.finish_without_executions(record, missing.word, missing.filled, now.ns)

    # -- time

    @property
    def due(self) -> Collection[float]:
        """When to call `tick`, monotonic."""
        return self._timers.values()

    def tick(self, now: Now) -> None:
        for name in [name for name, at in self._timers.items() if at <= now.mono]:
            if self._timers.pop(name, None) is None:
                continue  # what was done for the one before has made it needless
            match name:
                case "unanswered":
                    self._chase(now)
                case "verdict":
                    self._give_verdicts(now)
                case "ids":
                    if self._book.ids.used_up:
                        self._timers[_IDS] = now.mono + IDS_S
                        self._actions.append(Send(ReqIds()))
                case "look" if self._snapshots.current is None:
                    self._look(now)
                case "look":
                    self.look_within(AGAIN_S, now)
                case _:
                    self._actions.append(Warn("the gateway did not finish a snapshot; asking again"))
                    self._snapshots.forget()
                    self._look(now)

    def _chase(self, now: Now) -> None:
        """Look for orders and cancels nobody has answered."""
        for key in list(self._in_flight):
            if not _unanswered(self._book.records[key]):
                del self._in_flight[key]
        if not self._in_flight:
            return
        oldest = min(self._in_flight.values())
        if oldest + UNANSWERED_S <= now.mono:
            self.look_within(0.0, now)
            self._in_flight = dict.fromkeys(self._in_flight, now.mono)
            oldest = now.mono
        self._timers[_UNANSWERED] = oldest + UNANSWERED_S

    def _give_verdicts(self, now: Now) -> None:
        for key in [key for key, due in self._verdicts_due.items() if due <= now.mono]:
            del self._verdicts_due[key]
            self._reports.give_verdict(key, now.ns)
        if self._verdicts_due:
            self._timers[_VERDICT] = min(self._verdicts_due.values())


def _unanswered(record: Record) -> bool:
    """The gateway has not spoken of it, or not of its cancel."""
    cancelling = record.cancel_wanted and record.order.gateway_status != "PendingCancel"
    return not record.done and (not record.acknowledged or cancelling)
