"""Finding out from the gateway where every order is: one complete snapshot, then a verdict per order.

Between them a smaller one looks for orders of others (`foreign_only`): it begins with the open orders of all
clients, and goes on only if some are missing or something was executed that nobody has reported.

A snapshot is open orders, our own and then everybody's, then executions, then completed orders, each asked
for once the one before has ended, all after nextValidId. In this order nothing slips through: what leaves the
open orders while we look shows up in what is asked next. An openOrderEnd that nobody asked for (the gateway
sends one before nextValidId to a client id that has working orders, captured) closes nothing.

An end closes the oldest question of its kind that is unanswered: the gateway answers in turn, and its answer
to a snapshot given up (it had lost its connection to the broker, so the answer may have been incomplete) must
not complete the next one.

What a verdict rests on:
- An order listed as open is live; one in the completed orders, or with all its executions, is done.
- An order the gateway never spoke of, absent from all three, never was accepted. That is a proof only if the
  snapshot covers the moment the order was sent (the gateway's lists reach back to its own midnight), and if
  it had time to arrive (`GRACE_S` since its connection ended: what a dead connection still had in its buffers
  may be read later).
- An order the gateway had spoken of, absent from all three, is `unknown`: it may have expired or been
  cancelled on an earlier day. One it had called Inactive on this day has ended; and any, if the executions
  that are listed reach back to before it was sent (a TWS keeps those of some days, a Gateway may not): they
  show all that was executed of it. So has one the gateway never spoke of, on an earlier day.
- What the gateway holds back untransmitted is in no list: nothing proves it absent.
- A gateway that is logged in with other accounts knows nothing of an order in one that it does not manage.
- A list that was not answered, or of which a row could not be read, proves nothing absent.

A gateway whose API is read-only refuses the question for our own open orders (321 for no request, captured):
nothing is known then, and nothing may be sent.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from msgspec import Struct
from twsmq_protocol.order_events import Order

from twsmq_nodes.tws import events as tws_events
from twsmq_nodes.tws import requests as tws
from twsmq_nodes.tws.gateway_times import NS
from twsmq_nodes.tws.orders import ExecutionFilter
from twsmq_nodes.tws.requests import Request

from ..ids import FIRST_REQ_ID, Key
from ..pipeline.exercises import GONE, NOT_CONFIRMED
from ..record import EPSILON, Record
from ..states import Trigger, trigger_of
from .follow_ups import ExecutionsMissing
from .times import covers

GRACE_S = 3.0
EXECUTION_DAYS = 7
"""How far back executions are asked for, where the gateway can do that (server version 200): what ended
while nobody was there is settled by them."""

REFUSES_QUESTION = frozenset((320, 321, 322))
"""Error reading, validating or processing a request: with no request's id, of a question without one."""
READ_ONLY = (
    'the gateway\'s API is read-only: untick "Read-Only API" there (Global Configuration, API, Settings; '
    "IBC: ReadOnlyApi=no; image: READ_ONLY_API=no)"
)

NEVER_SEEN = (
    "no list of the gateway has it, which show all that was executed since it was sent: it never arrived, or "
    "ended on an earlier day with nothing executed"
)
LISTS = "open orders, executions and completed orders"


class Step(Enum):
    OPEN_ORDERS = "open orders"
    ALL_OPEN_ORDERS = "open orders of all clients"
    EXECUTIONS = "executions"
    COMPLETED_ORDERS = "completed orders"
    COMPLETE = "complete"


class Snapshot:
    """One being taken. `foreign_only`: it gives no verdict on our orders. `began_at` in ns since the epoch;
    `offset_s`: see `gateway_times.gateway_offset_s`."""

    def __init__(
        self,
        began_at: int,
        offset_s: int | None,
        req_id: int,
        accounts: tuple[str, ...] = (),
        *,
        foreign_only: bool = False,
    ) -> None:
        self.accounts = accounts
        self.began_at = began_at
        self.offset_s = offset_s
        self.req_id = req_id
        self.foreign_only = foreign_only
        self.step = Step.ALL_OPEN_ORDERS if foreign_only else Step.OPEN_ORDERS
        self.open: dict[Key, set[int]] = {}  # permanent ids, 0 for one that was not given
        self.written: set[Key] = set()  # since it began, so that it may have missed them
        self.foreign: set[int] = set()  # permanent ids of orders that were not placed here
        self.short: dict[Key, ExecutionsMissing] = {}  # what was missing when executions were asked for
        self.reaches_back: int | None = None  # when the oldest execution of its answer was, ns
        self.spoiled = False  # some of it could not be read: it proves the absence of nothing
        self.silent: set[Step] = set()  # what the gateway did not answer, likewise
        self.contested: set[Key] = set()  # an order id of ours is listed, and may be another's order

    def request(self) -> Request:
        """What to ask in this step."""
        match self.step:
            case Step.OPEN_ORDERS:
                return tws.ReqOpenOrders()
            case Step.ALL_OPEN_ORDERS:
                return tws.ReqAllOpenOrders()
            case Step.EXECUTIONS:
                return tws.ReqExecutions(self.req_id, ExecutionFilter(last_n_days=EXECUTION_DAYS))
            case _:
                return tws.ReqCompletedOrders()

    def skip(self) -> None:
        """Go on without an answer to the present question."""
        self.silent.add(self.step)
        self.advance()

    @property
    def answered(self) -> Step:
        """The step before the present one."""
        return list(Step)[list(Step).index(self.step) - 1]

    def advance(self) -> None:
        self.step = list(Step)[list(Step).index(self.step) + 1]

    def complete(self) -> None:
        """What is left need not be asked."""
        self.step = Step.COMPLETE


End = tws_events.OpenOrderEnd | tws_events.ExecDetailsEnd | tws_events.CompletedOrdersEnd


class Snapshots:
    """Takes one at a time. `current`: the one being taken. `accounts`: those that the gateway manages."""

    def __init__(self) -> None:
        self.current: Snapshot | None = None
        self.accounts: tuple[str, ...] = ()
        self._req_id = FIRST_REQ_ID
        self._questions: list[tuple[Snapshot, Step]] = []  # unanswered, in the order they were asked
        self._aside: Snapshot | None = None

    def begin(self, began_at: int, offset_s: int | None, *, foreign_only: bool = False) -> None:
        """In place of the current one."""
        self._req_id += 1
        self.current = Snapshot(began_at, offset_s, self._req_id, self.accounts, foreign_only=foreign_only)

    def give_up(self) -> None:
        self.current = None

    def forget(self) -> None:
        """Nothing asked before will be answered any more."""
        self.current = None
        self._questions.clear()

    def ask(self) -> Request:
        assert self.current is not None
        self._questions.append((self.current, self.current.step))
        return self.current.request()

    def ask_aside(self) -> Request:
        """Our open orders, for what the orders are now and not where they are."""
        self._aside = Snapshot(0, None, 0)
        self._questions.append((self._aside, Step.OPEN_ORDERS))
        return self._aside.request()

    @property
    def aside_answered(self) -> bool:
        """The last one."""
        return all(snapshot is not self._aside for snapshot, _ in self._questions)

    def ended(self, end: End) -> Snapshot | None:
        """The current snapshot, one step further; None if the end belongs to no question of its."""
        snapshot = self._out_no_more(lambda snapshot, step: _closes(end, snapshot, step))
        if snapshot is not None:
            snapshot.advance()
        return snapshot

    def refused(self) -> bool:
        """The gateway refuses a question that carries no id: whether that is what the current snapshot began
        with, which is given up."""
        if self._out_no_more(lambda _, step: step is Step.OPEN_ORDERS) is None:
            return False
        self.current = None
        return True

    def _out_no_more(self, is_meant: Callable[[Snapshot, Step], bool]) -> Snapshot | None:
        """The oldest question that is meant is settled; the current snapshot, if it waited for that."""
        question = next((one for one in self._questions if is_meant(*one)), None)
        if question is None:
            return None
        self._questions.remove(question)
        snapshot, step = question
        return snapshot if snapshot is self.current and snapshot.step is step else None

    def seen(self, key: Key, perm_id: int, *, listed: bool) -> None:
        """Keep the list of open orders right while live reports come in between."""
        if self.current is None:
            return
        found = self.current.open
        if listed:
            found.setdefault(key, set()).add(perm_id)
        elif key in found:
            found[key] -= {perm_id, 0}
            if not found[key] or not perm_id:
                del found[key]

    def written(self, key: Key) -> None:
        if self.current is not None:
            self.current.written.add(key)


def _closes(end: End, snapshot: Snapshot, step: Step) -> bool:
    match end:
        case tws_events.OpenOrderEnd():
            return step in (Step.OPEN_ORDERS, Step.ALL_OPEN_ORDERS)
        case tws_events.ExecDetailsEnd(req_id):
            return step is Step.EXECUTIONS and req_id == snapshot.req_id
        case tws_events.CompletedOrdersEnd():
            return step is Step.COMPLETED_ORDERS


def why_refused(text: str) -> str:
    """What the gateway's refusal to list our open orders means, and the cure if we know it."""
    if "read-only" in text.lower():
        return READ_ONLY
    return f"the gateway refuses to list our open orders: {text}"


class Verdict(Struct, frozen=True):
    """`trigger` None: nothing to change. `again`: too early to tell, look once more."""

    trigger: Trigger | None = None
    reason: str | None = None
    tws_code: int | None = None
    again: bool = False


_NOTHING = Verdict()


def verdict(record: Record, snapshot: Snapshot) -> Verdict:
    """What a complete snapshot says about an order that may be live or may be listed."""
    order = record.order
    if record.key in snapshot.open:
        return _listed(order) if order.status == "unknown" or record.done else _NOTHING
    if record.done:
        return _NOTHING
    if not record.is_managed(snapshot.accounts):
        return Verdict(Trigger.VANISHED, _not_managed(record, snapshot))
    if snapshot.spoiled or snapshot.silent or record.key in snapshot.contested or record.staged:
        return _NOTHING  # what is staged is never listed
    if record.exercise is not None:
        return _exercised(record, snapshot)
    if record.sent_at >= snapshot.began_at:  # since then, or by a clock that was set back since
        return Verdict(again=order.status == "unknown")
    if record.key in snapshot.written:
        return Verdict(again=True)
    if record.acknowledged:
        if snapshot.reaches_back is not None and snapshot.reaches_back < record.sent_at:
            return _gone(record, today=True) if _inactive(record) else _ended_meanwhile(record)
        if order.status == "unknown":
            return _NOTHING
        return _gone(record, covers(snapshot.began_at, record.sent_at, snapshot.offset_s))
    if max(record.sent_at, order.ts) + GRACE_S * NS > snapshot.began_at:
        return Verdict(again=True)
    if not covers(snapshot.began_at, record.sent_at, snapshot.offset_s):
        if snapshot.reaches_back is not None and snapshot.reaches_back < record.sent_at:
            return Verdict(Trigger.CANCELLED, NEVER_SEEN)
        return Verdict(
            Trigger.VANISHED,
            "sent on an earlier day of the gateway, whose lists do not reach back: use resolve_order "
            "(`twsmq order resolve`)",
        )
    return _absent(record)


def _not_managed(record: Record, snapshot: Snapshot) -> str:
    there = ", ".join(snapshot.accounts)
    where = f"it is in account {record.order.account}, and the gateway is logged in with {there}"
    return f"{where}: its lists prove nothing about it"


def _listed(order: Order) -> Verdict:
    if trigger_of(order.gateway_status or "") is Trigger.INACTIVE:
        return Verdict(Trigger.LISTED_INACTIVE, order.reason, order.tws_code)
    return Verdict(Trigger.LISTED, "the gateway lists it as open")


def unlisted(record: Record, snapshot: Snapshot) -> bool:
    """Whether an order that the gateway has said to work is not among everybody's open orders: it has ended,
    and what said so was lost, or it is left out. One that is inactive need not be listed."""
    order = record.order
    inactive = trigger_of(order.gateway_status or "") is Trigger.INACTIVE
    if not record.acknowledged or inactive or record.exercise is not None or order.status == "unknown":
        return False
    since = record.key in snapshot.written or record.sent_at >= snapshot.began_at
    hidden = snapshot.spoiled or record.key in snapshot.open or record.key in snapshot.contested
    return not record.done and not since and not hidden


def _exercised(record: Record, snapshot: Snapshot) -> Verdict:
    """Whether a gateway lists it at all is not known."""
    if record.order.status == "unknown":
        return _NOTHING
    if record.acknowledged:  # an instruction for the day (captured)
        today = covers(snapshot.began_at, record.sent_at, snapshot.offset_s)
        return _NOTHING if today else Verdict(Trigger.VANISHED, GONE)
    if record.sent_at + GRACE_S * NS > snapshot.began_at:
        return Verdict(again=True)
    complaint = "" if record.complaint is None else f"{record.complaint.text}; "
    return Verdict(Trigger.VANISHED, complaint + NOT_CONFIRMED)


def _ended_meanwhile(record: Record) -> Verdict:
    """The gateway had it, has it no more, and lists every execution since before it was sent."""
    executed = f"{record.executed():g} executed, as all executions since it was sent show"
    whole = 0 < record.order.quantity <= record.executed() + EPSILON
    refused = None if record.executed() else _refused(record)
    if refused is not None:
        return refused
    trigger = Trigger.FILLED if whole else Trigger.CANCELLED
    return Verdict(trigger, f"the gateway lists it no more: it has ended, {executed}")


def _inactive(record: Record) -> bool:
    """Also while a cancel is under way, which a gateway may leave unanswered (ib_insync issue 363)."""
    order = record.order
    called = trigger_of(order.gateway_status or "") is Trigger.INACTIVE
    return called and order.status in ("inactive", "pending_cancel")


def _refused(record: Record) -> Verdict | None:
    """By what the gateway has complained of."""
    complaint = record.grievance
    if complaint is None:
        return None
    trigger = Trigger.REJECTED if record.refused_by(complaint.tws_code) else Trigger.CANCELLED
    return Verdict(trigger, complaint.text, complaint.tws_code)


def _gone(record: Record, today: bool) -> Verdict:
    """The gateway had it, and none of its lists has it any more."""
    inactive = _inactive(record)
    refused = _refused(record) if inactive or not record.worked else None
    if today and refused is not None:
        return refused
    if today and inactive:  # a killed FOK, a refused order: Inactive, and nothing else comes (captured)
        words, code = record.order.reason, record.order.tws_code
        trigger = Trigger.REJECTED if record.refused_by(code or 0) else Trigger.CANCELLED
        return Verdict(trigger, words or "the gateway called it Inactive and lists it no more", code)
    when = "how it ended it does not tell" if today else "it ended on an earlier day"
    return Verdict(Trigger.VANISHED, f"the gateway had it, and its {LISTS} do not know it any more: {when}")


def _absent(record: Record) -> Verdict:
    complaint = record.complaint
    if complaint is not None:
        reason = f"{complaint.text} (and absent from the gateway's {LISTS})"
        return Verdict(Trigger.REJECTED, reason, complaint.tws_code)
    if record.cancel_wanted:
        return Verdict(Trigger.ABANDONED, f"cancelled; it never reached the gateway: absent from its {LISTS}")
    reason = f"absent from the gateway's {LISTS}: it never arrived, or was refused and the refusal lost"
    return Verdict(Trigger.PROVED_ABSENT, reason)
