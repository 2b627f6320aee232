"""The way of an order from the gate into the journal and onto the wire.

Invariants:
- Past the gate an order takes its id, is encoded (what cannot be is refused and leaves no trace), journaled,
  and written once that is durable, in id order. The orders of a group take this way together, all or none.
- Between the journal and the wire lies one session: if it ends there, the order was certainly not sent.
- A cancel goes before orders, but never before its own order.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from typing import Any

from msgspec.structs import replace
from twsmq_protocol.errors import ErrorCode, RequestError
from twsmq_protocol.order_requests import PlaceOrder

from twsmq_nodes.tws import requests as tws
from twsmq_nodes.tws.encoded import Encoded, Sent
from twsmq_nodes.tws.errors import EncodeRefused

from ..actions import Action, Now, Reply, Send, Withhold, Write
from ..answers import require_time
from ..book import Book
from ..entries import ExercisePlaced, Links, Placed
from ..ids import Key, order_ref
from ..reconciliation.snapshots import Snapshots
from ..record import Record
from ..reports.changes import Changes
from ..risk.inputs import working_as
from ..states import Trigger, after
from . import exercises
from .callers import Callers, Waiter
from .cancels import CancelDue, Cancels
from .gate import Gate
from .items import Exercising, Guard, Item, Modifying, Placing, Previewing
from .modifications import Modifications
from .pending import pending
from .previews import Previews
from .wire import shaped_order

Afterwards = Action | CancelDue
STOP_NOT_SHOWN = (
    "the gateway has not shown where the trailing stop is now; the modification had no effect; try again, or "
    "give trail_stop_price"
)
PREVIEWS, MOST_PREVIEWS = "(previews)", 100
"""Where previews wait at the gate, which no strategy can be called; and how many may wait, there or for the
gateway."""


class Pipeline:
    """`encode` raises EncodeRefused for what cannot be sent, `guard` says what must not be."""

    def __init__(
        self, book: Book, changes: Changes, encode: Callable[[Sent], Encoded], actions: list[Action]
    ) -> None:
        self.guard: Guard | None = None
        self.connected = False
        self.durable_no = book.last_no
        self.gate: Gate[Key, Item] = Gate()
        self.waiting: dict[Key, Placing] = {}  # at the gate
        self.callers = Callers(book, actions)
        self.unwritten = self.callers.unwritten
        self.previews = Previews(actions)
        self.snapshots = Snapshots()
        self.cancels = Cancels(
            book,
            self.unwritten,
            self.once_durable,
            self.gate.push_cancel,
            lambda record: record.is_managed(self.snapshots.accounts),
        )
        self.modifications = Modifications(
            book,
            changes,
            self.callers,
            self.snapshots,
            guard=lambda: self.guard,
            encode=encode,
            rounded=self._rounded,
            write=lambda key, encoded, no: self.once_durable(self._to_write(key, encoded, no)),
            ask=self.once_durable,
        )
        self._afterwards: dict[int, list[Afterwards]] = {}  # by the event number that must be durable first
        self.session_no = 0  # a write belongs to the session it was journaled in
        self.parked: list[Write] = []  # since they were last taken, in `_afterwards`
        self.held = 0
        """Messages let through the gate that wait for the disk."""
        self._write_no = 0
        self._withheld: set[int] = set()  # by number: halted while they wait for the disk
        self._book = book
        self._changes = changes
        self._encode = encode
        self._actions = actions

    # -- before the gate

    def push(self, strategy: str, item: Item) -> None:
        if isinstance(item, Placing):
            self.waiting.update(dict.fromkeys(item.keys, item))
        self.gate.push(strategy, item)

    def push_preview(self, item: Previewing) -> None:
        """What-ifs have one turn among the strategies: however many wait, they delay no order by more.

        Raises `RequestError` where too many wait.
        """
        if self.gate.waiting(PREVIEWS) + len(self.previews) >= MOST_PREVIEWS:
            why = f"{MOST_PREVIEWS} previews wait for the gateway; try again later"
            raise RequestError(ErrorCode.THROTTLED, why)
        self.gate.push(PREVIEWS, item)

    def withdraw(self, key: Key, code: ErrorCode, why: str) -> bool:
        """Take the order of `key`, and its group, out of the gate; whether it stood there."""
        placing = self.waiting.get(key)
        if placing is None:
            return False
        self.gate.remove(key[0], lambda item: item is placing)
        self._drop(placing, RequestError(code, why))
        return True

    def _drop(self, item: Item, error: RequestError) -> None:
        if not isinstance(item, Placing):
            self._actions.append(Reply(item.caller, error))
            return
        for key in item.keys:
            self.waiting.pop(key, None)
        for waiter in item.waiters:
            self._actions.append(Reply(waiter.caller, error))

    def withdraw_all(self, strategy: str | None, error: RequestError) -> None:
        """Refuse every order and modification that waits, of one strategy or of all."""
        for item in (*self.gate.drain(strategy), *self.modifications.drain(strategy)):
            self._drop(item, error)

    # -- through the gate

    def admit(self, now: Now) -> int:
        """Let one item through: how many messages of the budget it takes."""
        cancel = self.gate.pop_cancel()
        if cancel is not None:
            return self._write_cancel(cancel, now)
        item = self.gate.pop()
        return 0 if item is None else self._go(item, lambda: self._let_through(item, now))

    def _let_through(self, item: Item, now: Now) -> int:
        match item:
            case Placing():
                self._place(item, now)
                return len(item.orders)
            case Modifying():
                return self.modifications.admit(item, now)
            case Previewing():
                self._preview(item, now)
                return 1
            case Exercising():
                return self._exercise(item, now)

    def listed(self, now: Now) -> None:
        """Open orders have been listed: modifications that waited for them go."""
        for item in self.modifications.shown():
            self._go(item, partial(self.modifications.send, item, now))

    def _go(self, item: Item, go: Callable[[], int]) -> int:
        """What it takes of the budget; one that is refused is answered."""
        try:
            return go()
        except EncodeRefused as refused:
            code, field = ErrorCode.INVALID_ARGUMENT, refused.field or "order_type"
            self._drop(item, RequestError(code, str(refused), field=field))
        except RequestError as error:
            self._drop(item, error)
        return 0

    def _place(self, item: Placing, now: Now) -> None:
        require_time(item.waiters[0].caller, now)
        first_id = self._book.ids.next
        writes: list[Write] = []
        links: list[Links] = []
        orders = [self._rounded(*each) for each in zip(item.orders, item.accounts, strict=True)]
        for index, (args, account) in enumerate(zip(orders, item.accounts, strict=True)):
            link = self._links(item, index, first_id)
            key = (args.strategy, args.client_order_id)
            transmit = item.transmits(index)
            request = shaped_order(order_ref(key), args, first_id + index, account, link, transmit=transmit)
            writes.append(self._to_write(key, self._encode(request)))
            links.append(link)
        if self.guard is not None and self.guard.judges(orders):
            working = [
                working_as(args, first_id + index, links[index], args, args.quantity, item.accounts[index])
                for index, args in enumerate(orders)
            ]
            self.guard.check(orders, working, now.ns)  # last: what passes counts as sent
        for index, (args, account) in enumerate(zip(item.orders, item.accounts, strict=True)):
            order_id = first_id + index
            transmit = item.transmits(index)
            fact = Placed(args, order_id, now.ns, links[index], transmit)  # as asked: it may be asked again
            order = pending(orders[index], order_id, account, links[index], staged=not transmit)
            with self._book.asked_by(item.waiters[0].caller.who):
                self._book.record(order, now.ns, fact)
        for key in item.keys:
            self.waiting.pop(key, None)
            self.unwritten.add(key)
        for waiter in item.waiters:
            self.callers.join(waiter)
        for write in writes:
            self.once_durable(write)

    def _exercise(self, item: Exercising, now: Now) -> int:
        require_time(item.caller, now)
        if item.answered():
            return 0
        args, order_id = item.args, self._book.ids.next
        encoded = self._encode(exercises.instruction(args, order_id, item.account))
        shares = None if self.guard is None else self.guard.shares(args, item.account)
        trade = exercises.trade_of(args, shares)
        if self.guard is not None and trade is not None:
            working = working_as(trade, order_id, Links(), trade, trade.quantity, item.account)
            self.guard.check([trade], [working], now.ns)
        key = (args.strategy, args.client_order_id)
        fact = ExercisePlaced(args, order_id, now.ns)
        self._book.record(exercises.pending(args, order_id, item.account), now.ns, fact)
        self.unwritten.add(key)
        self.callers.join(Waiter(item.caller, (key,)))
        self.once_durable(self._to_write(key, encoded))
        return 1

    def _rounded(self, order: PlaceOrder, account: str) -> PlaceOrder:
        return order if self.guard is None else self.guard.rounded(order, account)

    def _to_write(self, key: Key, encoded: Encoded, change_no: int = 0) -> Write:
        self._write_no += 1
        return Write(key, encoded, self.session_no, self._write_no, change_no)

    def _links(self, item: Placing, index: int, first_id: int) -> Links:
        args = item.orders[index]
        if not item.link and args.parent is None:
            return Links()
        first = item.orders[0]
        ties: dict[str, Any] = {"group": first.client_order_id, "kind": item.link} if item.link else {}
        if item.link == "bracket" and index > 0:
            ties["parent_id"] = first_id
        elif item.link == "oca":
            ties |= {"oca_group": f"{first.strategy}/{first.client_order_id}", "oca_type": item.oca_type}
        if args.parent is not None:
            ties["parent_id"] = self.require_parent(args).order_id
        return Links(**ties)

    def require_parent(self, args: PlaceOrder) -> Record:
        """The working order that this one is to be attached to."""
        parent = self._book.records.get((args.strategy, args.parent or ""))
        if parent is None:
            why = f"no order {args.strategy}/{args.parent} was placed here"
            raise RequestError(ErrorCode.UNKNOWN_ORDER, why, field="parent")
        if parent.done or parent.cancel_wanted or parent.order.status == "unknown":
            why = (
                f"the parent {args.strategy}/{args.parent} is {parent.order.status}: nothing can be attached"
            )
            raise RequestError(ErrorCode.CONFLICT, why, field="parent")
        return parent

    def _preview(self, item: Previewing, now: Now) -> None:
        """It takes an id, and so keeps its place in the line."""
        require_time(item.caller, now)
        order_id = self._book.ids.next
        request = shaped_order("", item.args, order_id, item.account, what_if=True)
        encoded = self._encode(request)
        self._book.ids.raise_floor(order_id + 1)
        self.previews.sent(order_id, item.caller, now)
        self.once_durable(Send(encoded, paid=True))

    def _write_cancel(self, key: Key, now: Now) -> int:
        record = self._book.records[key]
        if self.cancels.may_write(record, now):
            request = self._encode(tws.CancelOrder(record.order_id))
            self._actions.append(self._to_write(key, request))
            return 1
        return 0

    @property
    def due(self) -> list[float]:
        """When to call `tick`, monotonic."""
        return [*self.previews.due, *self.cancels.due, *self.modifications.due]

    def tick(self, now: Now) -> None:
        self.previews.tick(now)
        self.cancels.tick(now)
        for item in self.modifications.overdue(now):
            self._drop(item, RequestError(ErrorCode.TIMEOUT, STOP_NOT_SHOWN))

    # -- onto the wire

    def once_durable(self, action: Afterwards) -> None:
        """When everything recorded so far is durable."""
        if self._book.last_no > self.durable_no:
            self._afterwards.setdefault(self._book.last_no, []).append(action)
            self.held += _costs(action)
            if isinstance(action, Write):
                self.parked.append(action)
        else:
            self._do(action)

    def count_held(self) -> int:
        return sum(_costs(action) for waiting in self._afterwards.values() for action in waiting)

    def _do(self, action: Afterwards) -> None:
        if isinstance(action, CancelDue):
            self.cancels.durable(action)
        elif self.connected or not isinstance(action, Send):
            self._actions.append(action)

    @property
    def may_write_directly(self) -> bool:
        """No what-if, whose id is lower, may still be on its way to the wire."""
        return not self.previews

    def durable(self, event_no: int, now: Now, written: Collection[Write] = ()) -> None:
        """Everything up to `event_no` is on disk: what waited for it goes on. `written`: what has gone."""
        self.durable_no = event_no
        gone = {write.number for write in written}
        self._withheld -= gone
        while self._afterwards and (first := next(iter(self._afterwards))) <= event_no:
            for action in self._afterwards.pop(first):
                self.held -= _costs(action)
                if isinstance(action, Write) and action.number in gone:
                    assert action.session_no == self.session_no, "the end of a session came too early"
                    self.written(action.key, action.request.request)
                elif isinstance(action, Write) and action.session_no != self.session_no:
                    self.not_written(action, now)
                elif isinstance(action, Write) and action.number in self._withheld:
                    self._do(replace(action, withheld=True))
                else:
                    self._do(action)

    def withhold(self, strategy: str | None) -> None:
        """New orders and modifications are stopped: what waits for the disk is not written any more."""
        waiting = [action for actions in self._afterwards.values() for action in actions]
        numbers = frozenset(
            one.number for one in waiting if isinstance(one, Write) and strategy in (None, one.key[0])
        )
        self._withheld |= numbers
        if numbers:
            self._actions.append(Withhold(numbers))

    def written(self, key: Key, request: Sent) -> None:
        """The bytes of an order or a modification are handed to the socket."""
        if isinstance(request, tws.CancelOrder):
            return
        self.callers.written(key)

    def not_written(self, write: Write, now: Now) -> None:
        """The session ended, or orders were halted, before the bytes were handed over: certainly not sent."""
        key = write.key
        self._withheld.discard(write.number)
        record = self._book.records[key]
        if isinstance(write.request.request, tws.CancelOrder):
            self.cancels.forget(key)
            return
        halted = write.withheld
        before = "new orders were stopped" if halted else "the session ended"
        why = f"{before} before it was written; nothing was sent"
        if write.change_no:
            self._changes.not_written(record, write.change_no, why, now.ns)
        else:
            trigger = Trigger.ABANDONED if record.cancel_wanted else Trigger.NOT_WRITTEN
            self._book.change(record, now.ns, status=after(record.order.status, trigger), reason=why)
        code = ErrorCode.HALTED if halted else ErrorCode.NOT_READY
        error = RequestError(code, f"{why}; send the same request again")
        self.callers.not_written(key, error)

    # -- sessions

    def session_began(self) -> None:
        self.connected = True
        self.session_no += 1
        self.cancels.session_began()

    def session_ended(self) -> None:
        """Nothing waiting at the gate will be sent: each caller learns it, none leaves a trace."""
        self.connected = False
        self.session_no += 1
        error = RequestError(ErrorCode.NOT_READY, "the session ended before it was sent; no effect")
        self.withdraw_all(None, error)
        self.cancels.session_ended()
        self.gate.clear_cancels()
        for waiting in self._afterwards.values():
            self.held -= sum(_costs(action) for action in waiting if isinstance(action, Send))
            waiting[:] = [action for action in waiting if not isinstance(action, Send)]
        self.previews.session_ended(error)


def _costs(action: Afterwards) -> int:
    """Of the budget, paid for at the gate."""
    return int(isinstance(action, Write) or (isinstance(action, Send) and action.paid))
