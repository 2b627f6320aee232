"""All orders, as a fold over journal entries.

Invariants:
- State changes only in `apply`; `record` makes an entry, applies it, leaves it in `outgoing` for the journal.
- Event numbers count without gaps, over the node and within each strategy.
- Each execution counts once: `fills` maps the part of its id before the correction number to the newest one.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Unpack

from msgspec.structs import replace
from twsmq_protocol.errors import Unmendable
from twsmq_protocol.order_events import Change, Commission, Fill, Notice, Order

from twsmq_nodes.tws.accounts import is_adviser

from . import codes
from .attributes import Standing
from .entries import (
    Adopted,
    CancelDropped,
    CancelWanted,
    ChangeSent,
    ChangeSettled,
    Entry,
    ExercisePlaced,
    Fact,
    JournalEvent,
    Placed,
)
from .ids import Key, OrderIds, parse_ref, split_exec_id
from .journal.watermark import Mark
from .record import Cost, OrderChanges, Record, units
from .results import DayResults
from .spellings import Spellings
from .states import Trigger, trigger_of

_HELD_BACK = frozenset((None, "PendingCancel", "Cancelled", "ApiCancelled", "Inactive"))
"""What the gateway may call what it holds back; a refusal may begin with one of the last three (captured)."""


class Book:
    """Call `apply` for what was journaled before, then `record` for everything new."""

    def __init__(self) -> None:
        self.records: dict[Key, Record] = {}
        self.ids = OrderIds()
        self.last_no = 0
        self.strategy_nos: dict[str, int] = {}
        self.outgoing: list[Entry] = []
        self.positions: dict[tuple[str, str, str], float] = {}  # by strategy, account (of an order for
        # several: "") and instrument: what is executed
        self.spellings = Spellings()
        self.results = DayResults()
        self.staged: dict[Key, None] = {}  # what the gateway holds back, the oldest first
        self._groups: dict[Key, dict[Key, None]] = {}  # by strategy and first order
        self._live: dict[Key, None] = {}
        self._by_order_id: dict[int, Key] = {}
        self._by_perm_id: dict[int, Key] = {}
        self._by_exec_id: dict[str, Key] = {}
        self._who = ""

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> Book:
        """What was journaled. Raises Unmendable for an entry that does not follow from those before it."""
        book = cls()
        for entry in entries:
            try:
                book.apply(entry)
            except (AssertionError, LookupError, TypeError, ValueError, ArithmeticError) as error:
                event, kind = entry.event, type(error).__name__
                raise Unmendable(
                    f"the journal's event {event.event_no}, about {event.strategy}/{event.client_order_id}, "
                    f"does not follow from those before it ({kind}): entries are missing or were changed; "
                    "restore the journal from a backup, or give up what was placed: twsmq orders forget --yes"
                ) from error
        return book

    def apply(self, entry: Entry) -> None:
        event = entry.event
        key = (event.strategy, event.client_order_id)
        self.last_no = event.event_no
        self.strategy_nos[event.strategy] = event.strategy_no
        record = self.records.get(key)
        if record is None:
            assert isinstance(event, Order)
            assert isinstance(entry.fact, Placed | ExercisePlaced | Adopted)
            record = self.records[key] = Record(event)
        match event:
            case Order():
                self._apply_order(record, key, event)
            case Fill():
                self._apply_fill(record, event)
                self._by_exec_id[event.exec_id] = key
            case Commission():
                fill = record.fills.get(split_exec_id(event.exec_id)[0])
                account = record.order.account if fill is None else fill.account
                if fill is None or not record.allots(fill):
                    self.results.add(event, fill, account or "")
                record.costs[event.exec_id] = Cost(event.commission, event.currency, event.realized_pnl)
            case Notice(tws_code=code, text=text):
                better = record.complaint is None or codes.names_cause(code, text)
                if better and codes.may_end(code):
                    record.complaint = event
            case Change():
                pass  # its fact has all
        if isinstance(event, Order | Fill):
            self._count(record)
        if entry.fact is not None:
            self._apply_fact(record, key, entry.fact)
        if record.staged and not record.done:
            self.staged[key] = None
        else:
            self.staged.pop(key, None)

    def skip(self, mark: Mark) -> None:
        """No number that may have been given out before a power loss is given out again, at any later start
        either. What a strategy has counted is never more than what the node has."""
        self.last_no = max(self.last_no, mark.skipped)
        self.strategy_nos = {name: max(number, mark.skipped) for name, number in self.strategy_nos.items()}
        if mark.end_is_lost:
            self.ids.raise_floor(mark.order_id + 1)

    def _apply_fill(self, record: Record, fill: Fill) -> None:
        prefix = split_exec_id(fill.exec_id)[0]
        if record.of_several and is_adviser(fill.account):
            self._without_allotted(record)
        record.fills[prefix] = fill
        cost = record.costs.get(fill.corrects or "")
        if cost is not None and not fill.quantity:
            self.results.take_back(fill, cost.currency, record.order.account or "")
        if not fill.leg:
            self.spellings.learn(record.order.instrument, fill.con_id)

    def _without_allotted(self, record: Record) -> None:
        """An adviser's own execution comes after what others got of it: that has cost nothing besides."""
        for fill in record.fills.values():
            cost = record.costs.get(fill.exec_id)
            if cost is not None and not is_adviser(fill.account):
                self.results.take_back(fill, cost.currency, fill.account)

    def _count(self, record: Record) -> None:
        """Towards the position: what its executions show, or the gateway's word if that is ahead of them."""
        order = record.order
        done = max(order.filled, record.executed())
        signed = done if order.side == "BUY" else -done
        if signed != record.counted:
            at = (order.strategy, order.account or "", order.instrument)
            self.positions[at] = units(self.positions.get(at, 0.0) + signed - record.counted)
            record.counted = signed

    def _apply_order(self, record: Record, key: Key, order: Order) -> None:
        if order.filled > 0:
            record.worked = True
        if order.gateway_status != record.order.gateway_status and _works(order):
            record.worked = True
            if not _works(record.order):
                record.complaint = None  # it was accepted all the same
        record.order = order
        if record.done:
            self._live.pop(key, None)
        else:
            self._live[key] = None
        record.acknowledged = (
            order.gateway_status is not None or order.perm_id is not None or order.filled > 0
        )
        if order.perm_id is not None:
            record.perm_ids.add(order.perm_id)
            self._by_perm_id[order.perm_id] = key
        if order.filled > 0 or order.gateway_status not in _HELD_BACK:
            record.never_worked = False
        if record.acknowledged:
            record.staged = False
            if self.staged and record.worked:
                self._handed_on(record)
        if record.done:
            record.changes = ()
            if record.standing is not None and not record.standing.taken:
                record.standing = None  # years of orders are kept
        if record.changes and not record.changes[-1].number and _old(record.changes[-1]) == _old(record):
            record.changes = ()

    def _handed_on(self, record: Record) -> None:
        """What was held back for an order that works is held back no longer."""
        group = self._groups.get((record.key[0], record.links.group), {})
        last = record.links.kind == "bracket" and record.key == list(group)[-1]
        for key in list(self.staged):
            other = self.records[key]
            if (last and key in group) or other.order_id == record.links.parent_id:
                other.staged = other.never_worked = False
                del self.staged[key]

    def _apply_fact(self, record: Record, key: Key, fact: Fact) -> None:
        match fact:
            case Placed():
                record.request, record.links = fact.request, fact.links
                self._attempt(record, key, fact.order_id, fact.at)
                record.staged = record.never_worked = not fact.transmit
                if fact.links.group:
                    self._groups.setdefault((key[0], fact.links.group), {})[key] = None
            case ExercisePlaced():
                record.exercise = fact.request
                self._attempt(record, key, fact.order_id, fact.at)
            case Adopted():
                record.reference = fact.reference
                self._attempt(record, key, fact.order_id, fact.at)
            case ChangeSent(number=number):
                record.changes = (*record.changes, fact) if number else (fact,)
                record.change_no = max(number, record.change_no)
                record.never_worked = record.never_worked and not fact.transmit
            case ChangeSettled(number, alone=True):
                record.changes = tuple(one for one in record.changes if one.number != number)
            case ChangeSettled(number):
                record.changes = tuple(one for one in record.changes if number and one.number > number)
            case CancelWanted():
                record.cancel_wanted = True
            case CancelDropped():
                record.cancel_wanted = False
            case Standing():
                record.standing = fact

    def _attempt(self, record: Record, key: Key, order_id: int, at: int) -> None:
        record.order_ids.append(order_id)
        record.sent_at = at
        record.cancel_wanted = False
        record.complaint, record.changes, record.staged, record.standing = None, (), False, None
        record.worked = False
        self._by_order_id[order_id] = key
        self.ids.raise_floor(order_id + 1)

    @contextmanager
    def asked_by(self, who: str) -> Generator[None]:
        """What is recorded meanwhile is a request's doing, and was asked for by the key called `who`."""
        before, self._who = self._who, who
        try:
            yield
        finally:
            self._who = before

    def record(
        self,
        event: JournalEvent,
        ts: int,
        fact: Fact | None = None,
        changes: OrderChanges = OrderChanges(),  # noqa: B008 - never written to
    ) -> Entry:
        """Number, apply and queue a new event. `ts` in ns since the epoch. `changes`: of an order's event."""
        number: dict[str, Any] = {
            "event_no": self.last_no + 1,
            "strategy_no": self.strategy_nos.get(event.strategy, 0) + 1,
            "ts": ts,
        }
        entry = Entry(replace(event, **number, **changes), fact, self._who)
        self.apply(entry)
        self.outgoing.append(entry)
        return entry

    def change(
        self,
        record: Record,
        ts: int,
        fact: Fact | None = None,
        *,
        along: Fact | None = None,
        **changes: Unpack[OrderChanges],
    ) -> bool:
        """Record the order with `changes`, unless nothing differs. A new status forgets the old reason.
        `along`: a fact that is worth no entry of its own."""
        order = record.order
        if changes.get("status", order.status) != order.status:
            changes.setdefault("reason", None)
            changes.setdefault("tws_code", None)
        if fact is None and all(getattr(order, name) == value for name, value in changes.items()):
            return False
        self.record(order, ts, along if fact is None else fact, changes)
        return True

    def last_of_group(self, record: Record) -> Record | None:
        """The order of a bracket that hands on those before it; None for one in no bracket."""
        group = self._groups.get((record.key[0], record.links.group))
        if not group or record.links.kind != "bracket":
            return None
        return self.records[list(group)[-1]]

    def children(self, record: Record) -> Iterator[Record]:
        """What is attached to its newest attempt and has not ended."""
        return (one for one in self.active() if record.order_id == one.links.parent_id)

    def active(self) -> Iterator[Record]:
        return (self.records[key] for key in list(self._live))

    def find(
        self, client_id: int | None, order_id: int | None, perm_id: int | None, ref: str, ours: int
    ) -> Record | None:
        """Whose order a report is about. `ours` is our client id, `client_id` the order's owner, None where
        the report names none (completed orders).

        Ids identify; a reference is a text that a person may edit, and that TWS copies with the order. It
        counts where there is no id, unless the order is another client's, or where an id alone may mislead:
        under our own client id, an order id whose permanent id is not known, since after a reset or a
        rollback it may have been someone else's.
        """
        if order_id and client_id == ours:
            key = self._by_order_id.get(order_id)
            if key is not None:
                record = self.records[key]
                if not ref or ref == record.reference or perm_id in record.perm_ids:
                    return record
        if perm_id:
            key = self._by_perm_id.get(perm_id)
            if key is not None:
                return self.records[key]
        return self.named(ref) if client_id is None or (client_id == ours and not order_id) else None

    def named(self, ref: str) -> Record | None:
        """By its reference alone."""
        key = parse_ref(ref)
        return None if key is None else self.records.get(key)

    def by_order_id(self, order_id: int) -> Record | None:
        key = self._by_order_id.get(order_id)
        return None if key is None else self.records[key]

    def by_exec_id(self, exec_id: str) -> Record | None:
        key = self._by_exec_id.get(exec_id)
        return None if key is None else self.records[key]

    def validate(self) -> None:
        """Assert what must hold after every entry."""
        assert set(self._live) == {key for key, record in self.records.items() if not record.done}
        for key, record in self.records.items():
            assert record.key == key
            assert len(set(record.order_ids)) == len(record.order_ids), "an order id used twice"
            assert self.ids.was_reset or all(order_id < self.ids.next for order_id in record.order_ids)
            assert record.order.order_id in (None, record.order_id), "the event names another attempt"
            assert all(split_exec_id(fill.exec_id)[0] == prefix for prefix, fill in record.fills.items())
            if record.order.status == "filled":
                assert record.order.filled > 0 or record.fills, "what was filled may be taken back"
            assert not record.done or not record.changes, "a modification of what has ended is still awaited"
            numbers = [one.number for one in record.changes]
            assert numbers == sorted(set(numbers)), "modifications in flight are in order"


def _works(order: Order) -> bool:
    return trigger_of(order.gateway_status or "") is Trigger.WORKING


def _old(one: ChangeSent | Record) -> tuple[float, float | None, float | None]:
    """What a modification could change before each had a number."""
    values = one.values
    return values.quantity, values.limit_price, values.stop_price
