"""All orders, as a fold over journal entries.

Invariants:
- State changes only in `apply`; `tell` makes an entry, applies it, leaves it in `outgoing` for the journal.
- Event numbers count without gaps, over the node and within each strategy.
- Each execution counts once: `fills` maps the part of its id before the correction number to the newest one.
- An order's own values (`order.quantity`, `limit_price`, `stop_price`) are those the gateway has shown, or
  was first sent; a modification on its way is in `wanted`.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from typing import Any, TypedDict, Unpack

from msgspec import Struct
from msgspec.structs import replace
from twsmq_protocol.order_events import (
    TERMINAL_STATUSES,
    Change,
    Commission,
    Fill,
    Notice,
    Order,
    OrderStatus,
)
from twsmq_protocol.order_requests import PlaceOrder

from .entries import (
    Adopted,
    CancelDropped,
    CancelWanted,
    ChangeSent,
    ChangeSettled,
    Entry,
    Fact,
    JournalEvent,
    Links,
    Placed,
    Values,
)
from .ids import Key, OrderIds, order_ref, parse_ref, split_exec_id
from .spellings import Spellings

EPSILON = 1e-9
_NEVER_WORKED = frozenset(("Cancelled", "ApiCancelled", "Inactive"))
"""A refusal may begin with one of these (captured): such an order has handed nothing on."""
_DAY_NS = 86_400_000_000_000


class OrderChanges(TypedDict, total=False):
    """What may change about an order, under the names of the `order` event."""

    quantity: float
    order_type: str
    status: OrderStatus
    order_id: int | None
    perm_id: int | None
    limit_price: float | None
    stop_price: float | None
    tif: str
    filled: float
    remaining: float
    avg_price: float | None
    reason: str | None
    tws_code: int | None
    gateway_status: str | None
    trail_amount: float | None
    trail_percent: float | None
    trail_stop_price: float | None
    limit_offset: float | None
    offset: float | None
    good_till: str | None
    outside_rth: bool | None
    display_size: int | None
    staged: bool
    why_held: str | None
    cap_price: float | None


class Cost(Struct, frozen=True):
    commission: float
    currency: str
    realized_pnl: float | None


class Record:
    """One order and everything known of it."""

    __slots__ = (
        "acknowledged",
        "born",
        "cancel_wanted",
        "change_no",
        "changes",
        "complaint",
        "costs",
        "fills",
        "links",
        "order",
        "order_ids",
        "perm_ids",
        "reference",
        "request",
        "sent_at",
        "staged",
    )

    def __init__(self, order: Order) -> None:
        self.order = order  # as last told
        self.born = order.event_no
        self.request: PlaceOrder | None = None  # None: adopted
        self.reference = order_ref(self.key)  # the orderRef it carries at the gateway
        self.order_ids: list[int] = []  # one per attempt, the newest last
        self.perm_ids: set[int] = set()
        self.links = Links()
        self.sent_at = 0  # ns, the newest attempt's
        self.acknowledged = False  # the gateway has spoken of the newest attempt
        self.cancel_wanted = False
        self.changes: tuple[ChangeSent, ...] = ()  # modifications on their way, the oldest first
        self.change_no = 0  # of the newest
        self.staged = False  # sent to be held back by the gateway, which has not spoken of it since
        self.fills: dict[str, Fill] = {}
        self.costs: dict[str, Cost] = {}
        self.complaint: Notice | None = None  # the last notice since the newest attempt

    @property
    def key(self) -> Key:
        return (self.order.strategy, self.order.client_order_id)

    @property
    def order_id(self) -> int:
        return self.order_ids[-1]

    @property
    def done(self) -> bool:
        return self.order.status in TERMINAL_STATUSES

    @property
    def values(self) -> Values:
        """As they stand at the gateway."""
        return Values(*[getattr(self.order, name) for name in Values.__struct_fields__])

    @property
    def wanted(self) -> Values | None:
        """What the newest modification on its way makes of it."""
        return self.changes[-1].values if self.changes else None

    @property
    def held_back(self) -> bool:
        """Staged, and nothing is on its way that hands it on."""
        return self.staged and not any(change.transmit for change in self.changes)

    @property
    def largest(self) -> float:
        """The quantity it has or may have, if modifications are on their way."""
        return max((self.order.quantity, *(change.values.quantity for change in self.changes)))

    def executed(self) -> float:
        """Units executed according to executions alone; those of a combo's legs do not count."""
        if not self.fills:  # of most reports
            return 0.0
        return sum(fill.quantity for fill in self.fills.values() if not fill.leg)

    def average(self) -> float | None:
        units = self.executed()
        if units <= 0:
            return None
        return sum(fill.quantity * fill.price for fill in self.fills.values() if not fill.leg) / units

    def state(self) -> tuple[Any, ...]:
        """A copy of everything, for comparing one record with another."""
        return tuple(copy(getattr(self, name)) for name in self.__slots__)


class Book:
    """Call `apply` for what was journaled before, then `tell` for everything new."""

    def __init__(self) -> None:
        self.records: dict[Key, Record] = {}
        self.ids = OrderIds()
        self.last_no = 0
        self.strategy_nos: dict[str, int] = {}
        self.outgoing: list[Entry] = []
        self.positions: dict[tuple[str, str], float] = {}  # by strategy and instrument, from fills
        self.spellings = Spellings()
        self._results: dict[str, dict[tuple[str, str], float]] = {}  # see `results`; of `_result_day` (UTC)
        self._result_day = 0
        self._result_parts: dict[str, float] = {}  # of that day, by execution: a later report replaces
        self.staged: dict[Key, None] = {}  # what the gateway holds back, the oldest first
        self._groups: dict[Key, dict[Key, None]] = {}  # by strategy and first order
        self._live: dict[Key, None] = {}
        self._by_order_id: dict[int, Key] = {}
        self._by_perm_id: dict[int, Key] = {}
        self._by_exec_id: dict[str, Key] = {}

    def apply(self, entry: Entry) -> None:
        event = entry.event
        key = (event.strategy, event.client_order_id)
        self.last_no = event.event_no
        self.strategy_nos[event.strategy] = event.strategy_no
        record = self.records.get(key)
        if record is None:
            assert isinstance(event, Order)
            assert isinstance(entry.fact, Placed | Adopted)
            record = self.records[key] = Record(event)
        match event:
            case Order():
                self._apply_order(record, key, event)
            case Fill():
                self._apply_fill(record, event)
                self._by_exec_id[event.exec_id] = key
            case Commission():
                fill = record.fills.get(split_exec_id(event.exec_id)[0])
                late = (
                    fill is not None and fill.time is not None and fill.time // _DAY_NS < event.ts // _DAY_NS
                )
                if not late:  # of an earlier day it says nothing of this one
                    self._add_result(event, record.order.account or "")
                record.costs[event.exec_id] = Cost(event.commission, event.currency, event.realized_pnl)
            case Notice():
                record.complaint = event
            case Change():
                pass  # its fact tells all
        if entry.fact is not None:
            self._apply_fact(record, key, entry.fact)
        if record.staged and not record.done:
            self.staged[key] = None
        else:
            self.staged.pop(key, None)

    def skip(self, event_no: int, order_id: int) -> None:
        """Entries up to these numbers are lost: none of them is given out again."""
        missing = event_no - self.last_no
        self.last_no = event_no
        self.strategy_nos = {name: number + missing for name, number in self.strategy_nos.items()}
        self.ids.raise_floor(order_id + 1)

    def _apply_fill(self, record: Record, fill: Fill) -> None:
        prefix = split_exec_id(fill.exec_id)[0]
        before, record.fills[prefix] = record.fills.get(prefix), fill
        if fill.leg:
            return
        at = (fill.strategy, record.order.instrument)
        self.spellings.learn(record.order.instrument, fill.con_id)
        change = _signed(fill) - (0.0 if before is None else _signed(before))
        self.positions[at] = self.positions.get(at, 0.0) + change

    def _add_result(self, cost: Commission, account: str) -> None:
        day = cost.ts // _DAY_NS
        if day > self._result_day:
            self._result_day, self._results, self._result_parts = day, {}, {}
        result, prefix = (cost.realized_pnl or 0.0) - cost.commission, split_exec_id(cost.exec_id)[0]
        change = result - self._result_parts.get(prefix, 0.0)
        self._result_parts[prefix] = result
        mine, at = self._results.setdefault(cost.strategy, {}), (account, cost.currency)
        mine[at] = mine.get(at, 0.0) + change

    def results(self, strategy: str, ns: int) -> dict[tuple[str, str], float]:
        """Of the day (UTC) of `ns`, the present moment: realised less costs, by account and currency."""
        return self._results.get(strategy, {}) if ns // _DAY_NS <= self._result_day else {}

    def _apply_order(self, record: Record, key: Key, order: Order) -> None:
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
        if record.acknowledged:
            record.staged = False
            if self.staged and (order.filled > 0 or order.gateway_status not in _NEVER_WORKED):
                self._handed_on(record)
        if record.done:
            record.changes = ()
        if record.changes and not record.changes[-1].number and _old(record.changes[-1]) == _old(record):
            record.changes = ()

    def _handed_on(self, record: Record) -> None:
        """What was held back for an order that has been accepted is held back no longer."""
        group = self._groups.get((record.key[0], record.links.group), {})
        last = record.links.kind == "bracket" and record.key == list(group)[-1]
        for key in list(self.staged):
            other = self.records[key]
            if (last and key in group) or other.order_id == record.links.parent_id:
                other.staged = False
                del self.staged[key]

    def _apply_fact(self, record: Record, key: Key, fact: Fact) -> None:
        match fact:
            case Placed():
                record.request, record.links = fact.request, fact.links
                self._attempt(record, key, fact.order_id, fact.at)
                record.staged = not fact.transmit
                if fact.links.group:
                    self._groups.setdefault((key[0], fact.links.group), {})[key] = None
            case Adopted():
                record.reference = fact.reference
                self._attempt(record, key, fact.order_id, fact.at)
            case ChangeSent(number=number):
                record.changes = (*record.changes, fact) if number else (fact,)
                record.change_no = max(number, record.change_no)
            case ChangeSettled(number):
                record.changes = tuple(one for one in record.changes if number and one.number > number)
            case CancelWanted():
                record.cancel_wanted = True
            case CancelDropped():
                record.cancel_wanted = False

    def _attempt(self, record: Record, key: Key, order_id: int, at: int) -> None:
        record.order_ids.append(order_id)
        record.sent_at = at
        record.cancel_wanted = False
        record.complaint, record.changes, record.staged = None, (), False
        self._by_order_id[order_id] = key
        self.ids.raise_floor(order_id + 1)

    def tell(self, event: JournalEvent, ts: int, fact: Fact | None = None) -> Entry:
        """Number, apply and queue a new event. `ts` in ns since the epoch."""
        number: dict[str, Any] = {
            "event_no": self.last_no + 1,
            "strategy_no": self.strategy_nos.get(event.strategy, 0) + 1,
            "ts": ts,
        }
        entry = Entry(replace(event, **number), fact)
        self.apply(entry)
        self.outgoing.append(entry)
        return entry

    def change(
        self, record: Record, ts: int, fact: Fact | None = None, **changes: Unpack[OrderChanges]
    ) -> bool:
        """Tell the order with `changes`, unless nothing would differ. A new status forgets the old reason."""
        order = record.order
        if changes.get("status", order.status) != order.status:
            changes.setdefault("reason", None)
            changes.setdefault("tws_code", None)
        if fact is None and all(getattr(order, name) == value for name, value in changes.items()):
            return False
        self.tell(replace(order, **changes), ts, fact)
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
        """Whose order a report is about. `ours` is our client id, `client_id` the order's owner.

        Ids identify; a reference is a text that a person may edit, and counts where there is no id (completed
        orders), or where an id alone may mislead: under our own client id, an order id whose permanent id is
        not known, since after a reset or a rollback it may have been someone else's.
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
        named = parse_ref(ref) if ref and not order_id else None
        return None if named is None else self.records.get(named)

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
                assert record.order.filled > 0
            assert not record.done or not record.changes, "a modification of what has ended is still awaited"
            numbers = [one.number for one in record.changes]
            assert numbers == sorted(set(numbers)), "modifications in flight are in order"


def _old(one: ChangeSent | Record) -> tuple[float, float | None, float | None]:
    """What a modification could change before each had a number."""
    values = one.values
    return values.quantity, values.limit_price, values.stop_price


def _signed(fill: Fill) -> float:
    return fill.quantity if fill.side == "BUY" else -fill.quantity
