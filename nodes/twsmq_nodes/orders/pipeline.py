"""The way of an order from the gate into the journal and onto the wire.

Invariants:
- Past the gate an order takes its id, is encoded (what cannot be is refused and leaves no trace), journaled,
  and written once that is durable, in id order. The orders of a group take this way together, all or none.
- Between the journal and the wire lies one session: if it ends there, the order was certainly not sent.
- A cancel goes before orders, but never before its own order.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from msgspec.structs import replace
from twsmq_protocol.errors import ErrorCode, RequestError
from twsmq_protocol.order_events import Order
from twsmq_protocol.order_requests import CHANGEABLE, PlaceOrder
from twsmq_protocol.order_types import PRICE_FIELDS

from twsmq_nodes.tws import requests as tws
from twsmq_nodes.tws.encoded import Encoded, Sent
from twsmq_nodes.tws.errors import EncodeRefused

from . import exercises
from .actions import Action, Caller, Now, Reply, Send, Write
from .book import Book
from .callers import Callers, Waiter
from .cancels import CancelDue, Cancels
from .changes import Changes
from .entries import ExercisePlaced, Links, Placed
from .gate import Gate
from .ids import Key, order_ref
from .items import Exercising, Guard, Item, Modifying, Placing, Previewing
from .previews import Previews
from .record import Record
from .risk.inputs import working_as
from .states import Trigger, after
from .wire import shaped_order

Afterwards = Action | CancelDue
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
        self.cancels = Cancels(book, self.unwritten, self.once_durable, self.gate.push_cancel)
        self._afterwards: dict[int, list[Afterwards]] = {}  # by the event number that must be durable first
        self.session_no = 0  # a write belongs to the session it was journaled in
        self.parked: list[Write] = []  # since they were last taken, in `_afterwards`
        self._write_no = 0
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
        for item in self.gate.drain(strategy):
            self._drop(item, error)

    # -- through the gate

    def admit(self, now: Now) -> int:
        """Let one item through: how many messages of the budget it takes."""
        cancel = self.gate.pop_cancel()
        if cancel is not None:
            return self._write_cancel(cancel, now)
        item = self.gate.pop()
        if item is None:
            return 0
        try:
            match item:
                case Placing():
                    self._place(item, now)
                    return len(item.orders)
                case Modifying():
                    return self._modify(item, now)
                case Previewing():
                    self._preview(item, now)
                    return 1
                case Exercising():
                    return self._exercise(item, now)
        except EncodeRefused as refused:
            code, field = ErrorCode.INVALID_ARGUMENT, refused.field or "order_type"
            self._drop(item, RequestError(code, str(refused), field=field))
        except RequestError as error:
            self._drop(item, error)
        return 0

    def _place(self, item: Placing, now: Now) -> None:
        _require_time(item.waiters[0].caller, now)
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
        if self.guard is not None:
            working = [
                working_as(args, first_id + index, links[index], args, args.quantity, item.accounts[index])
                for index, args in enumerate(orders)
            ]
            self.guard.check(orders, working, now.ns)  # last: what passes counts as sent
        for index, (args, account) in enumerate(zip(item.orders, item.accounts, strict=True)):
            order_id = first_id + index
            transmit = item.transmits(index)
            fact = Placed(args, order_id, now.ns, links[index], transmit)  # as asked: it may be asked again
            order = _pending(orders[index], order_id, account, links[index], staged=not transmit)
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
        _require_time(item.caller, now)
        if item.answered():
            return 0
        args, order_id = item.args, self._book.ids.next
        encoded = self._encode(exercises.instruction(args, order_id, item.account))
        trade = exercises.trade_of(args)
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

    def _modify(self, item: Modifying, now: Now) -> int:
        _require_time(item.caller, now)
        key = (item.args.strategy, item.args.client_order_id)
        order, values = item.order()
        record, transmit = self._book.records[key], bool(item.args.transmit)
        account = record.order.account or ""
        order = self._rounded(order, account)
        values = replace(values, **{name: getattr(order, name) for name in PRICE_FIELDS})
        if values == (record.wanted or record.values) and not (transmit and record.held_back):
            self.callers.answer(Waiter(item.caller, (key,)), None)  # one before it in the line has seen to it
            return 0
        if self.guard is not None:
            remaining = record.order.remaining + max(values.quantity, record.largest) - record.order.quantity
            own = working_as(order, record.order_id, record.links, order, remaining, account)
            self.guard.check_change(order, own, values.quantity - record.largest, now.ns)
        links, held_back = self._ties(record), record.held_back and not transmit
        request = shaped_order(
            record.reference, order, record.order_id, account, links, transmit=not held_back
        )
        encoded = self._encode(request)
        asked = tuple(name for name in CHANGEABLE if getattr(item.args, name) is not None)
        with self._book.asked_by(item.caller.who):
            number = self._changes.sent(record, values, asked, now.ns, transmit=transmit and record.held_back)
        self.callers.await_change(item.caller, key)
        self.once_durable(self._to_write(key, encoded, number))
        return 1

    def _ties(self, record: Record) -> Links:
        """As they stand: a child whose parent is done is on its own (135 otherwise, ib_insync issue 647)."""
        links = record.links
        parent = self._book.by_order_id(links.parent_id) if links.parent_id else None
        return replace(links, parent_id=0) if parent is not None and parent.done else links

    def _preview(self, item: Previewing, now: Now) -> None:
        """It takes an id, and so keeps its place in the line."""
        _require_time(item.caller, now)
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
        return [*self.previews.due, *self.cancels.due]

    def tick(self, now: Now) -> None:
        self.previews.tick(now)
        self.cancels.tick(now)

    # -- onto the wire

    def once_durable(self, action: Afterwards) -> None:
        """When everything recorded so far is durable."""
        if self._book.last_no > self.durable_no:
            self._afterwards.setdefault(self._book.last_no, []).append(action)
            if isinstance(action, Write):
                self.parked.append(action)
        else:
            self._do(action)

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
        while self._afterwards and (first := next(iter(self._afterwards))) <= event_no:
            for action in self._afterwards.pop(first):
                if isinstance(action, Write) and action.number in gone:
                    assert action.session_no == self.session_no, "the end of a session came too early"
                    self.written(action.key, action.request.request)
                elif isinstance(action, Write) and action.session_no != self.session_no:
                    self.not_written(action, now)
                else:
                    self._do(action)

    def written(self, key: Key, request: Sent) -> None:
        """The bytes of an order or a modification are handed to the socket."""
        if isinstance(request, tws.CancelOrder):
            return
        self.callers.written(key)

    def not_written(self, write: Write, now: Now) -> None:
        """The session ended before the bytes were handed over: certainly not sent."""
        key = write.key
        record = self._book.records[key]
        if isinstance(write.request.request, tws.CancelOrder):
            self.cancels.forget(key)
            return
        why = "the session ended before it was written; nothing was sent"
        if write.change_no:
            self._changes.not_written(record, write.change_no, why, now.ns)
        else:
            trigger = Trigger.ABANDONED if record.cancel_wanted else Trigger.NOT_WRITTEN
            self._book.change(record, now.ns, status=after(record.order.status, trigger), reason=why)
        error = RequestError(ErrorCode.NOT_READY, f"{why}; send the same request again")
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
            waiting[:] = [action for action in waiting if not isinstance(action, Send)]
        self.previews.session_ended(error)


def _pending(args: PlaceOrder, order_id: int, account: str, links: Links, *, staged: bool) -> Order:
    return Order(
        client_order_id=args.client_order_id,
        strategy=args.strategy,
        instrument=args.instrument,
        side=args.side,
        quantity=args.quantity,
        order_type=args.order_type,
        status="pending",
        order_id=order_id,
        account=account,
        limit_price=args.limit_price,
        stop_price=args.stop_price,
        tif=args.tif,
        remaining=args.quantity,
        trail_amount=args.trail_amount,
        trail_percent=args.trail_percent,
        trail_stop_price=args.trail_stop_price,
        limit_offset=args.limit_offset,
        offset=args.offset,
        good_till=args.good_till or None,
        outside_rth=args.outside_rth,
        display_size=args.display_size,
        parent=args.parent or (links.group if links.parent_id else None),
        group=links.group or None,
        oca_group=links.oca_group or args.oca_group or None,
        staged=staged,
    )


def _require_time(caller: Caller, now: Now) -> None:
    if caller.valid_until is not None and now.ns > caller.valid_until:
        raise RequestError(ErrorCode.TIMEOUT, "valid_until passed while it waited; no effect")
