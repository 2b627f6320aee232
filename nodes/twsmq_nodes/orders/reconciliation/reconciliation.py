"""What is not certain about orders, and how it is found out.

While a session is up, a snapshot is taken at its beginning, and again whenever an order's place is in doubt:
it or its cancel unanswered for `UNANSWERED_S`, a complaint that does not say what became of it, executions
missing, a grace not over, or it works and is not among everybody's open orders when those are listed. No
snapshot is begun or concluded while the gateway has lost its own connection to the broker. What a complete
snapshot proves is in `snapshots`, what is made of it in `conclusions`.
"""

from __future__ import annotations

from collections.abc import Collection

from twsmq_nodes.tws import events as tws
from twsmq_nodes.tws.requests import CancelOrder, ReqIds

from ..actions import Action, Now, Send, Warn
from ..book import Book
from ..foreign.orders import ForeignOrders
from ..foreign.watch import ForeignWatch
from ..ids import Key
from ..pipeline.pipeline import Pipeline
from ..record import Record
from ..reports.reports import Reports
from ..states import TABLE, Trigger
from .conclusions import AGAIN_S, Conclusions
from .follow_ups import (
    CancelMissed,
    CancelUnexplained,
    ExecutionsMissing,
    FollowUp,
    IdsDoubted,
    InDoubt,
    StaleAttempt,
    SurvivorLeft,
    ZoneUnknown,
)
from .in_flight import InFlight
from .snapshots import REFUSES_QUESTION, End, Snapshot, Step, why_refused

EXPLANATION_S = 0.5
"""How long a cancellation nobody here asked for waits for its reason: it may be a refusal."""
DOUBT_S = 0.25
EXECUTIONS_S = 1.0
STEP_TIMEOUT_S = 10.0
MOST_TRIES = 2
"""How often a list other than our own open orders is asked for before work begins without it."""
DEGRADED_S = 60.0
"""How often it is asked for then."""
IDS_S = 10.0
"""How often the gateway is asked whether its order ids were reset, once none are left."""
REFUSED_S = 10.0
"""How often our open orders are asked for while the gateway refuses that."""
UNREAD_S = 30.0
"""How soon a report that cannot be read may have everything looked at again."""

_LOOK, _STEP, _UNANSWERED, _EXPLAIN, _IDS = "look", "step", "unanswered", "explain", "ids"


class Reconciliation:
    """`reconciled`: a snapshot of this session is complete. `upstream`: the gateway reaches the broker.
    `refused`: why the gateway does not list our open orders, so that nothing may be sent.
    """

    def __init__(
        self,
        book: Book,
        pipeline: Pipeline,
        reports: Reports,
        foreign: ForeignOrders,
        actions: list[Action],
    ) -> None:
        self.reconciled = False
        self.refused: str | None = None
        self.upstream = True
        self._book = book
        self._pipeline = pipeline
        self._reports = reports
        self._foreign = foreign
        self.foreign_watch = ForeignWatch(foreign)
        self._actions = actions
        self._offset_s: int | None = None
        self._snapshots = pipeline.snapshots
        self._timers: dict[str, float] = {}
        self._in_flight = InFlight(book, pipeline.cancels)
        self._explanations_due: dict[Key, float] = {}
        self._unread_at: float | None = None
        self.conclusions = Conclusions(book, pipeline, reports, actions, self.look_within)
        self._tries: dict[Step, int] = {}  # of this session, unanswered
        self._silent: frozenset[Step] = frozenset()  # as of the last snapshot
        self._zones: set[str] = set()  # that have been warned of

    @property
    def degraded(self) -> str | None:
        """What the orders rest on less than usual."""
        if not self._silent:
            return None
        lists = " and ".join(step.value for step in Step if step in self._silent)
        return f"degraded: the gateway does not answer for {lists}; what they would tell is to be confirmed"

    @property
    def executions_known(self) -> bool:
        """Whether the gateway has answered for them."""
        return self.reconciled and Step.EXECUTIONS not in self._silent

    # -- sessions

    def session_began(self, upstream: bool, offset_s: int | None, now: Now) -> None:
        self._offset_s = offset_s
        self.conclusions.session_began(now.ns)
        self._tries.clear()
        self._silent = frozenset()
        self.upstream = upstream
        self.reconciled = False
        self.refused = None
        self._look(now)

    def session_ended(self, reason: str, now: Now) -> None:
        self._reports.session_ended(now.ns)
        self._snapshots.forget()
        self.reconciled = False
        self._timers.clear()
        self._in_flight.clear()
        self.conclusions.session_ended()
        self._explanations_due.clear()
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

    # -- what happened

    def written(self, key: Key, now: Now) -> None:
        """An order, a modification or a cancel is on its way."""
        self._snapshots.written(key)
        self._in_flight.written(key, now)
        if self._in_flight.due is not None:
            self._timers.setdefault(_UNANSWERED, self._in_flight.due)

    def open_order(self, event: tws.OpenOrder, record: Record | None, *, listed: bool) -> None:
        """Keep a snapshot that is being taken right."""
        perm_id, snapshot = event.order.perm_id or 0, self._snapshots.current
        if record is not None:
            self._snapshots.seen(record.key, perm_id, listed=listed)
            return
        reported = self._foreign.reported(event)
        if snapshot is not None and perm_id:
            mine = self._book.by_order_id(event.order_id)
            if mine is not None and event.order.client_id == self._reports.client_id:
                snapshot.contested.add(mine.key)
            snapshot.foreign |= {reported} - {0}

    def execution(self, event: tws.ExecDetails, executed_at: int | None) -> None:
        """An execution is listed, or has just happened."""
        snapshot = self._snapshots.current
        if snapshot is not None and executed_at is not None and event.req_id == snapshot.req_id:
            snapshot.reaches_back = min(executed_at, snapshot.reaches_back or executed_at)

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
                case InDoubt():
                    self.look_within(DOUBT_S, now)
                case ExecutionsMissing():
                    if self.conclusions.executions_missing(follow_up):
                        self.look_within(EXECUTIONS_S, now)
                case CancelUnexplained(key):
                    due = self._explanations_due.setdefault(key, now.mono + EXPLANATION_S)
                    self._timers.setdefault(_EXPLAIN, due)
                case CancelMissed(key):
                    self._pipeline.cancels.forget(key)
                case IdsDoubted():
                    self._pipeline.once_durable(Send(ReqIds()))
                case StaleAttempt(key, order_id):
                    self._pipeline.once_durable(Send(CancelOrder(order_id)))
                    self._actions.append(Warn(f"order id {order_id} is alive beside its successor", key))
                case ZoneUnknown(key, text):
                    self._warn_of_zone(key, text)
                case SurvivorLeft(key):
                    self.conclusions.cancel_survivor(self._book.records[key], now)
                    self.look_within(DOUBT_S, now)

    def _warn_of_zone(self, key: Key, text: str) -> None:
        zone = text.partition(" ")[2].partition(" ")[2] or "none"
        if zone not in self._zones:
            self._zones.add(zone)
            self._actions.append(Warn(f"the time zone of executions cannot be read: {text[:100]!r}", key))

    # -- snapshots

    def _look(self, now: Now) -> None:
        """Take a new snapshot, in place of one that is being taken."""
        self._timers.pop(_LOOK, None)
        if self.upstream:
            self._reports.look_again()
            self._snapshots.begin(now.ns, self._offset_s)
            self._ask(now)

    def look_within(self, delay: float, now: Now) -> None:
        if not self._pipeline.connected:
            return  # the session's first snapshot will show
        self._timers[_LOOK] = min(self._timers.get(_LOOK, now.mono + delay), now.mono + delay)

    def _ask(self, now: Now) -> None:
        self._timers[_STEP] = now.mono + STEP_TIMEOUT_S
        self._actions.append(Send(self._snapshots.ask()))

    def ended(self, end: End, now: Now) -> None:
        snapshot = self._snapshots.ended(end)
        if snapshot is not None:
            self._tries.pop(snapshot.answered, None)
            self.refused = None
            self._go_on(snapshot, now)

    def question_refused(self, code: int, text: str, now: Now) -> None:
        """The gateway says so for no request's id."""
        if code in REFUSES_QUESTION and self._snapshots.refused():
            self.refused = why_refused(text)
            self._timers.pop(_STEP, None)
            self._timers[_LOOK] = now.mono + REFUSED_S

    def _go_on(self, snapshot: Snapshot, now: Now) -> None:
        """One question further."""
        if snapshot.foreign_only:
            self._go_on_with_foreign(snapshot, now)
            return
        if snapshot.step is Step.EXECUTIONS:
            self._reports.duplicates.listed(snapshot.open)
            snapshot.short = dict(self.conclusions.short)
        if snapshot.step is not Step.COMPLETE:
            self._ask(now)
            return
        self._snapshots.give_up()
        self._timers.pop(_STEP, None)
        if self._book.ids.used_up:
            self._timers[_IDS] = now.mono + IDS_S
        self.foreign_watch.concluded(snapshot, now)
        self.reconciled = True
        self._silent = frozenset(snapshot.silent)
        if self._silent:
            self.look_within(DEGRADED_S, now)
        self.conclusions.conclude(snapshot, now)

    def _look_for_foreign(self, now: Now) -> None:
        """What is looked for about our own orders shows those of others as well."""
        if self.foreign_watch.due <= now.mono and self._snapshots.current is None:
            if self.reconciled and self.upstream:
                self.foreign_watch.begun(now)
                self._snapshots.begin(now.ns, self._offset_s, foreign_only=True)
                self._ask(now)
            else:
                self.foreign_watch.later(now)

    def _go_on_with_foreign(self, snapshot: Snapshot, now: Now) -> None:
        if snapshot.answered is Step.ALL_OPEN_ORDERS:
            if not self._silent and self.conclusions.some_unlisted(snapshot):
                self.look_within(DOUBT_S, now)
            if not self.foreign_watch.wants_more(snapshot):
                snapshot.complete()
        if snapshot.step is not Step.COMPLETE:
            self._ask(now)
            return
        self._snapshots.give_up()
        self._timers.pop(_STEP, None)
        self.foreign_watch.concluded(snapshot, now)

    # -- time

    @property
    def due(self) -> Collection[float]:
        """When to call `tick`, monotonic."""
        looks = self.reconciled and self._snapshots.current is None
        return [*self._timers.values(), *([self.foreign_watch.due] if looks else [])]

    def tick(self, now: Now) -> None:
        for name in [name for name, at in self._timers.items() if at <= now.mono]:
            if self._timers.pop(name, None) is None:
                continue  # what was done for the one before has made it needless
            match name:
                case "unanswered":
                    self._look_for_unanswered(now)
                case "explain":
                    self._settle_unexplained(now)
                case "ids":
                    if self._book.ids.used_up:
                        self._timers[_IDS] = now.mono + IDS_S
                        self._actions.append(Send(ReqIds()))
                case "look" if self._snapshots.current is None or self._snapshots.current.foreign_only:
                    self._look(now)
                case "look":
                    self.look_within(AGAIN_S, now)
                case _:
                    self._not_answered(now)
        self._look_for_foreign(now)

    def _not_answered(self, now: Now) -> None:
        """Our own open orders are asked for until they come; work does not wait for ever for the rest."""
        snapshot = self._snapshots.current
        assert snapshot is not None
        step = snapshot.step
        self._tries[step] = self._tries.get(step, 0) + 1
        if (
            not snapshot.foreign_only
            and step is not Step.OPEN_ORDERS
            and (self._tries[step] >= MOST_TRIES or step in self._silent)
        ):
            self._actions.append(Warn(f"the gateway does not answer for {step.value}; going on without"))
            snapshot.skip()
            self._go_on(snapshot, now)
            return
        self.refused = None
        self._snapshots.forget()
        if snapshot.foreign_only:
            self.foreign_watch.unanswered(now)
            return
        self._actions.append(Warn("the gateway did not finish a snapshot; asking again"))
        self._look(now)

    def _look_for_unanswered(self, now: Now) -> None:
        if self._in_flight.overdue(now):
            self.look_within(0.0, now)
        if self._in_flight.due is not None:
            self._timers[_UNANSWERED] = self._in_flight.due

    def _settle_unexplained(self, now: Now) -> None:
        for key in [key for key, due in self._explanations_due.items() if due <= now.mono]:
            del self._explanations_due[key]
            self._reports.settle_unexplained(key, now.ns)
        if self._explanations_due:
            self._timers[_EXPLAIN] = min(self._explanations_due.values())
