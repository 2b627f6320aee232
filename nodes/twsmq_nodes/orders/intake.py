"""The way of a client's request: looked up, checked, through the gate, into the journal, onto the wire.

Invariants:
- One key (strategy, client_order_id) is at most one order: a second request under it joins the first one's
  answer, or is a `conflict`.
- An order takes its id past the gate, is encoded (what cannot be is refused and leaves no trace), journaled,
  and written once that is durable, in id order.
- A caller is answered once: placed and modified orders when their bytes are written, cancels when the wish is
  durable, since the node owes a cancel from then on, through crashes and reconnects.
- Between the journal and the wire lies one session: if it ends there the order was certainly not sent.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct
from twsmq_protocol.errors import ErrorCode, RequestError
from twsmq_protocol.order_events import Order
from twsmq_protocol.requests import CancelOrder, ModifyOrder, OrderAccepted, OrderKey, PlaceOrder

from twsmq_nodes.tws import requests as tws
from twsmq_nodes.tws.errors import EncodeRefused
from twsmq_nodes.tws.requests import Request

from .actions import Action, Caller, Now, Reply, Write
from .book import EPSILON, Book, Record
from .entries import CancelWanted, ChangeSent, ChangeSettled, Placed, Values
from .gate import Gate
from .ids import HIGHEST_ORDER_ID, Key
from .states import Trigger, after, shown
from .wire import encode_order, prices_of

PAPER = ("DU", "DF")


class Placing(Struct):
    """An order before the gate. Repeats of the request join `callers`."""

    args: PlaceOrder
    account: str
    callers: list[Caller]


class Modifying(Struct, frozen=True):
    args: ModifyOrder
    caller: Caller


class CancelDue(Struct, frozen=True):
    """Goes to the gate once the wish is durable."""

    key: Key


Afterwards = Action | CancelDue


class Intake:
    """`check` raises EncodeRefused for what cannot be sent; `actions` collects what is decided."""

    def __init__(
        self, book: Book, check: Callable[[Request], None], allow_live: bool, actions: list[Action]
    ) -> None:
        self.accounts: tuple[str, ...] = ()
        self.closed: str | None = "it is starting"  # why no order can be sent now
        self.connected = False
        self.durable_no = book.last_no
        self.unwritten: set[Key] = set()  # journaled attempts whose bytes have not been handed over
        self.gate: Gate[Key, Placing | Modifying] = Gate()
        self._waiting: dict[Key, Placing] = {}
        self._callers: dict[Key, list[Caller]] = {}  # of orders and modifications between gate and wire
        self._cancels_written: set[Key] = set()
        self._session_no = 0  # a write belongs to the session it was journaled in
        self._afterwards: dict[int, list[Afterwards]] = {}  # by the event number that must be durable first
        self._book = book
        self._check = check
        self._allow_live = allow_live
        self._actions = actions

    # -- requests

    def place(self, args: PlaceOrder, caller: Caller) -> None:
        key = _key(args)
        waiting = self._waiting.get(key)
        if waiting is not None:
            self._require_same(args, waiting.args)
            waiting.callers.append(caller)
            return
        record = self._book.records.get(key)
        if record is not None:
            self._require_same(args, record.request)
            if key in self.unwritten:
                self._callers[key].append(caller)
                return
            if record.order.status == "unknown":
                raise RequestError(
                    ErrorCode.TIMEOUT,
                    f"it is unknown where this order is ({record.order.reason}); ask again once it is known",
                )
            if record.order.status != "not_sent":
                self._reply(caller, OrderAccepted(
                    client_order_id=key[1], order_id=record.order_id, status="pending"
                ))  # fmt: skip
                return
        self.require_open()
        placing = Placing(args, self._account(args.account), [caller])
        self._waiting[key] = placing
        self.gate.push(args.strategy, placing)

    def modify(self, args: ModifyOrder, caller: Caller) -> None:
        record = self._require_live(args)
        values = self._changed(record, args)
        if values == (record.wanted or record.values):
            self._reply(caller, self._accepted(record))
            return
        self.require_open()
        self.gate.push(args.strategy, Modifying(args, caller))

    def cancel(self, args: CancelOrder, caller: Caller, now: Now) -> None:
        key = _key(args)
        waiting = self._waiting.pop(key, None)
        if waiting is not None:
            self.gate.remove(key[0], lambda item: item is waiting)
            for other in waiting.callers:
                self._refuse(other, ErrorCode.CONFLICT, "cancelled before it was sent; it had no effect")
            record = self._book.records.get(key)
            if record is None:
                self._reply(caller, OrderAccepted(client_order_id=key[1], order_id=None, status="cancelled"))
                return
        record = self._record(args)
        status = record.order.status
        if status in ("filled", "rejected"):
            raise RequestError(ErrorCode.CONFLICT, f"the order is {status}; there is nothing to cancel")
        if status == "not_sent":
            reason = "cancelled; it was never sent"
            self._book.change(record, now.ns, status=after(status, Trigger.ABANDONED), reason=reason)
        elif status != "cancelled" and not record.cancel_wanted:
            self._cancels_written.discard(key)
            self._book.change(record, now.ns, CancelWanted(), status=shown(status, cancel_wanted=True))
            self._once_durable(CancelDue(key))
        self._once_durable(Reply(caller, self._accepted(record)))

    # -- through the gate

    def admit(self, now: Now) -> None:
        """Let one item through: one message of the budget."""
        cancel = self.gate.pop_cancel()
        if cancel is not None:
            self._write_cancel(cancel)
            return
        item = self.gate.pop()
        match item:
            case Placing():
                self._waiting.pop(_key(item.args))
                self._admit_order(item, now)
            case Modifying():
                self._admit_change(item, now)
            case None:
                pass

    def _admit_order(self, item: Placing, now: Now) -> None:
        args, key = item.args, _key(item.args)
        if _expired(item.callers[0], now):
            for caller in item.callers:
                self._refuse(caller, ErrorCode.TIMEOUT, "valid_until passed while it waited; no effect")
            return
        order_id = self._book.ids.next
        if order_id > HIGHEST_ORDER_ID:
            for caller in item.callers:
                self._refuse(caller, ErrorCode.INTERNAL, "order ids are used up; reset them at the gateway")
            return
        values = Values(args.quantity, args.limit_price, args.stop_price)
        request = encode_order(key, args, values, order_id, item.account)
        if not self._sendable(request, item.callers):
            return
        order = Order(
            client_order_id=args.client_order_id,
            strategy=args.strategy,
            instrument=args.instrument,
            side=args.side,
            quantity=args.quantity,
            order_type=args.order_type,
            status="pending",
            order_id=order_id,
            account=item.account,
            limit_price=args.limit_price,
            stop_price=args.stop_price,
            tif=args.tif,
            remaining=args.quantity,
        )
        self._book.tell(order, now.ns, Placed(args, order_id, now.ns))
        self.unwritten.add(key)
        self._callers[key] = item.callers
        self._once_durable(Write(key, request, self._session_no))

    def _admit_change(self, item: Modifying, now: Now) -> None:
        args, key = item.args, _key(item.args)
        if _expired(item.caller, now):
            self._refuse(item.caller, ErrorCode.TIMEOUT, "valid_until passed while it waited; no effect")
            return
        try:
            record = self._require_live(args)
            values = self._changed(record, args)
        except RequestError as error:  # it was filled or cancelled while this waited
            self._actions.append(Reply(item.caller, error))
            return
        account = record.order.account or ""
        request = encode_order(key, record.request, values, record.order_id, account)
        if not self._sendable(request, [item.caller]):
            return
        self._book.change(record, now.ns, ChangeSent(values))
        self._callers.setdefault(key, []).append(item.caller)
        self._once_durable(Write(key, request, self._session_no))

    def _write_cancel(self, key: Key) -> None:
        record = self._book.records[key]
        if self.connected and not record.done and record.cancel_wanted and key not in self._cancels_written:
            self._cancels_written.add(key)
            self._actions.append(Write(key, tws.CancelOrder(record.order_id), self._session_no))

    def _sendable(self, request: Request, callers: list[Caller]) -> bool:
        try:
            self._check(request)
        except EncodeRefused as refused:
            field = refused.field or "order_type"
            for caller in callers:
                self._refuse(caller, ErrorCode.INVALID_ARGUMENT, str(refused), field=field)
            return False
        return True

    # -- onto the wire

    def durable(self, event_no: int, now: Now) -> None:
        """Everything up to `event_no` is on disk: what waited for it goes on."""
        self.durable_no = event_no
        while self._afterwards and (first := next(iter(self._afterwards))) <= event_no:
            for action in self._afterwards.pop(first):
                if isinstance(action, Write) and action.session_no != self._session_no:
                    self.not_written(action.key, action.request, now)
                else:
                    self._do(action)

    def repeat_cancel(self, record: Record) -> None:
        """A cancel that is still owed, after a crash or a reconnect."""
        if record.key not in self._cancels_written:
            self._once_durable(CancelDue(record.key))

    def written(self, key: Key, request: Request) -> None:
        """The bytes of an order or a modification are handed to the socket."""
        if not isinstance(request, tws.PlaceOrder):
            return
        placed = key in self.unwritten
        self.unwritten.discard(key)
        record = self._book.records[key]
        for caller in self._callers.pop(key, ()):
            accepted = self._accepted(record)
            self._reply(caller, OrderAccepted(
                client_order_id=key[1], order_id=record.order_id, status="pending"
            ) if placed else accepted)  # fmt: skip

    def not_written(self, key: Key, request: Request, now: Now) -> None:
        """The session ended before the bytes were handed over: certainly not sent."""
        record = self._book.records[key]
        if not isinstance(request, tws.PlaceOrder):
            self._cancels_written.discard(key)
            return
        why = "the session ended before it was written; nothing was sent"
        if key in self.unwritten:
            self.unwritten.discard(key)
            trigger = Trigger.ABANDONED if record.cancel_wanted else Trigger.NOT_WRITTEN
            self._book.change(record, now.ns, status=after(record.order.status, trigger), reason=why)
        else:
            self._book.change(record, now.ns, ChangeSettled(), reason=f"modification: {why}")
        for caller in self._callers.pop(key, ()):
            self._refuse(caller, ErrorCode.NOT_READY, f"{why}; send the same request again")

    def session_began(self) -> None:
        self.connected = True
        self._session_no += 1
        self._cancels_written.clear()

    def session_ended(self) -> None:
        """Nothing waiting at the gate will be sent: each is told so, none leaves a trace."""
        self.connected = False
        self._session_no += 1
        self._waiting.clear()
        for item in self.gate.clear():
            callers = item.callers if isinstance(item, Placing) else [item.caller]
            for caller in callers:
                self._refuse(caller, ErrorCode.NOT_READY, "the session ended before it was sent; no effect")

    # -- checks

    def require_open(self) -> None:
        if self.closed is not None:
            raise RequestError(ErrorCode.NOT_READY, f"orders cannot be sent: {self.closed}; try again")

    def _require_same(self, args: PlaceOrder, first: PlaceOrder) -> None:
        if args == first:
            return
        different = [name for name in args.__struct_fields__ if getattr(args, name) != getattr(first, name)]
        raise RequestError(
            ErrorCode.CONFLICT,
            f"{args.strategy}/{args.client_order_id} is another order already "
            f"({', '.join(different)} differ); take a new client_order_id, or modify_order",
            field=different[0],
        )

    def _record(self, args: OrderKey) -> Record:
        record = self._book.records.get(_key(args))
        if record is None:
            raise RequestError(
                ErrorCode.UNKNOWN_ORDER,
                f"no order {args.strategy}/{args.client_order_id} was placed here",
            )
        return record

    def _require_live(self, args: ModifyOrder) -> Record:
        if _key(args) in self._waiting:
            raise RequestError(ErrorCode.CONFLICT, "the order has not been sent yet; modify it then")
        record = self._record(args)
        status = record.order.status
        if status == "unknown":
            raise RequestError(ErrorCode.TIMEOUT, "it is unknown where this order is; ask again later")
        if record.done or record.cancel_wanted:
            raise RequestError(ErrorCode.CONFLICT, f"the order is {status}; it cannot be modified any more")
        return record

    def _changed(self, record: Record, args: ModifyOrder) -> Values:
        """The values after the modification. Raises for those this order cannot have."""
        base = record.wanted or record.values
        prices = prices_of(record.order.order_type)
        for name in ("limit_price", "stop_price"):
            if getattr(args, name) is not None and name not in prices:
                raise RequestError(
                    ErrorCode.INVALID_ARGUMENT, f"a {record.order.order_type} order has no {name}", field=name
                )
        if args.quantity is not None and args.quantity <= record.order.filled + EPSILON:
            raise RequestError(
                ErrorCode.INVALID_ARGUMENT,
                f"{record.order.filled:g} are filled already; the new quantity must be more",
                field="quantity",
            )
        return Values(
            base.quantity if args.quantity is None else args.quantity,
            base.limit_price if args.limit_price is None else args.limit_price,
            base.stop_price if args.stop_price is None else args.stop_price,
        )

    def _account(self, asked: str | None) -> str:
        known = ", ".join(self.accounts)
        if asked is None and len(self.accounts) != 1:
            raise RequestError(
                ErrorCode.INVALID_ARGUMENT, f"name one of the accounts {known}", field="account"
            )
        account = self.accounts[0] if asked is None else asked
        if account not in self.accounts:
            raise RequestError(
                ErrorCode.INVALID_ARGUMENT,
                f"the gateway does not manage {account}; it has {known}",
                field="account",
            )
        if not self._allow_live and not account.startswith(PAPER):
            raise RequestError(
                ErrorCode.RISK_REJECTED,
                f"{account} is a live account and [orders] allow_live is not set",
                field="account",
            )
        return account

    # -- answers

    def _accepted(self, record: Record) -> OrderAccepted:
        order = record.order
        return OrderAccepted(
            client_order_id=order.client_order_id, order_id=order.order_id, status=order.status
        )

    def _once_durable(self, action: Afterwards) -> None:
        """Once everything told so far is durable."""
        if self._book.last_no > self.durable_no:
            self._afterwards.setdefault(self._book.last_no, []).append(action)
        else:
            self._do(action)

    def _do(self, action: Afterwards) -> None:
        if not isinstance(action, CancelDue):
            self._actions.append(action)
        elif self.connected:
            self.gate.push_cancel(action.key)

    def _reply(self, caller: Caller, outcome: Any) -> None:
        self._actions.append(Reply(caller, outcome))

    def _refuse(self, caller: Caller, code: ErrorCode, message: str, *, field: str | None = None) -> None:
        self._actions.append(Reply(caller, RequestError(code, message, field=field)))


def _key(args: OrderKey) -> Key:
    return (args.strategy, args.client_order_id)


def _expired(caller: Caller, now: Now) -> bool:
    return caller.valid_until is not None and now.ns > caller.valid_until
