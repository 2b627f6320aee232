"""A client's request: looked up, checked, answered at once or sent on its way (see `pipeline`).

Invariants:
- One key (strategy, client_order_id) is at most one order: a second request under it joins the first one's
  answer, or is a `conflict`.
- A cancel is answered when the wish is durable: from then on the node owes it, through crashes as well.
- Halted means: no new orders and no modifications; cancels pass.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from msgspec.structs import replace
from twsmq_protocol.errors import ErrorCode, FieldError, RequestError
from twsmq_protocol.order_events import Order
from twsmq_protocol.order_requests import (
    CHANGEABLE,
    CancelOrder,
    CancelOrders,
    ExerciseOption,
    ModifyOrder,
    OrderAccepted,
    OrdersAccepted,
    PlaceOrder,
    PlaceOrders,
    PreviewOrder,
)
from twsmq_protocol.order_types import ORDER_TYPES, PRICE_FIELDS

from twsmq_nodes.tws.accounts import is_paper

from .actions import Action, Caller, Now, Reply
from .answers import accepted, conflict, invalid, key_of, not_ready, require_record
from .book import Book
from .entries import Values
from .ids import Key, order_ref
from .pipeline.callers import Waiter
from .pipeline.items import Exercising, Modifying, Placing, Previewing
from .pipeline.pipeline import Pipeline
from .pipeline.wire import as_changed, prices_of
from .record import EPSILON, Record
from .risk.refused import RiskRefused

EVERYBODY = ""
_ALLOCATIONS = ("faGroup", "faProfile")
MOST_WAITING = 1000
"""At the gate. An order that would wait for most of a minute is not what its client wants any more."""


class Claim(Protocol):
    """An order at the gateway that has the reference of a key."""

    @property
    def what(self) -> str: ...
    @property
    def perm_id(self) -> int: ...


class Intake:
    """Raises the RequestError that is the reply. `closed`: why no order can be sent now."""

    def __init__(self, book: Book, pipeline: Pipeline, allow_live: bool, actions: list[Action]) -> None:
        self.accounts: tuple[str, ...] = ()
        self.closed: str | None = "it is starting"
        self.halted: dict[str, str] = {}  # why, by strategy; EVERYBODY for all
        self.claimed: Mapping[Key, Claim] = {}
        self.killed: set[str] = set()  # those whose halt also cancels
        self._book = book
        self._pipeline = pipeline
        self._allow_live = allow_live
        self._actions = actions

    # -- placing

    def place(self, args: PlaceOrder, caller: Caller, _now: Now) -> None:
        self._place((args,), Waiter(caller, (key_of(args),)))

    def place_group(self, args: PlaceOrders, caller: Caller, _now: Now) -> None:
        keys = tuple(map(key_of, args.orders))
        self._place(args.orders, Waiter(caller, keys, group=True), args.link, args.oca_type)

    def _place(
        self, orders: tuple[PlaceOrder, ...], waiter: Waiter, link: str = "", oca_type: int = 0
    ) -> None:
        if self._joined(orders, waiter, link):
            return
        self._require_open(orders[0].strategy)
        self._require_unclaimed(waiter.keys)
        for order in orders:
            if order.parent is not None:
                self._pipeline.require_parent(order)
        accounts = tuple(map(self._account_of, orders))
        self._pipeline.push(orders[0].strategy, Placing(orders, accounts, [waiter], link, oca_type))

    def _joined(self, orders: tuple[PlaceOrder, ...], waiter: Waiter, link: str) -> bool:
        """Whether this repeats what is there; `waiter` has or will have the first answer. False: it is new,
        or was proved not sent and may go again."""
        keys = waiter.keys
        placing = self._pipeline.waiting.get(keys[0])
        if placing is not None and placing.keys == keys:
            self._require_same(orders, placing.orders)
            if waiter.group and placing.link != link:
                raise conflict("these orders are there already, linked otherwise")
            placing.waiters.append(waiter)
            return True
        records = [record for key in keys if (record := self._book.records.get(key)) is not None]
        waits = [key for key in keys if key in self._pipeline.waiting]
        if not records and not waits:
            return False
        if waits or len(records) < len(keys):
            raise conflict("some of these orders are there already, others are not; place them one by one")
        self._require_same(orders, tuple(map(_first_request, records, orders)))
        tie = (link, keys[0][1])
        if waiter.group and any((record.links.kind, record.links.group) != tie for record in records):
            raise conflict("these orders are there already, linked otherwise")
        if any(key in self._pipeline.unwritten for key in keys):
            self._pipeline.callers.join(waiter)
            return True
        if waiter.group and records[-1].order.status == "not_sent":  # the one that hands on the others
            if all(record.may_go_again for record in records):
                return False
            if all(record.may_go_again or (record.never_worked and not record.done) for record in records):
                why = "the rest of its group is being cancelled, without having worked; ask again later"
                raise RequestError(ErrorCode.TIMEOUT, why)
        statuses = {record.order.status for record in records}
        if "unknown" in statuses:
            raise RequestError(ErrorCode.TIMEOUT, f"unknown where this is ({_why(records)}); ask again later")
        if "not_sent" not in statuses:
            self._pipeline.callers.answer(waiter)
            return True
        if statuses != {"not_sent"} or (not waiter.group and records[0].links.group):
            raise conflict("part of its group was sent; cancel the rest and place it anew under other ids")
        return False

    def preview(self, args: PreviewOrder, caller: Caller, _now: Now) -> None:
        if self.closed is not None:
            raise not_ready(self.closed)
        self._pipeline.push_preview(Previewing(args, self._account_of(args), caller))

    def exercise(self, args: ExerciseOption, caller: Caller, _now: Now) -> None:
        waiter = Waiter(caller, (key_of(args),))
        if self._exercised(args, waiter):
            return
        self._require_open(args.strategy)
        self._require_unclaimed(waiter.keys)
        account = self._account(args.account)
        again = Exercising(args, account, caller, lambda: self._exercised(args, waiter))
        self._pipeline.push(args.strategy, again)

    def _exercised(self, args: ExerciseOption, waiter: Waiter) -> bool:
        """Whether this repeats what is there, and is or will be answered by it."""
        key = waiter.keys[0]
        record = self._book.records.get(key)
        if record is None and key not in self._pipeline.waiting:
            return False
        if record is None or record.exercise != args:
            raise conflict(f"{key[0]}/{key[1]} is something else already; take a new client_order_id")
        if key in self._pipeline.unwritten:
            self._pipeline.callers.join(waiter)
        elif record.order.status == "not_sent":
            return False
        elif record.order.status == "unknown":
            why = f"unknown what became of this ({record.order.reason})"
            raise RequestError(ErrorCode.TIMEOUT, why)
        else:
            self._pipeline.callers.answer(waiter)
        return True

    # -- changing and ending

    def modify(self, args: ModifyOrder, caller: Caller, _now: Now) -> None:
        record = self._require_live(args)
        transmits = bool(args.transmit) and record.held_back
        if not transmits and self._changed(record, args)[1] == (record.wanted or record.values):
            self._reply(caller, accepted(record))
            return
        self._require_open(args.strategy)

        def order() -> tuple[PlaceOrder, Values]:  # it may have been filled or cancelled while this waited
            return self._changed(self._require_live(args), args)

        self._pipeline.push(args.strategy, Modifying(args, order, caller))

    def cancel(self, args: CancelOrder, caller: Caller, now: Now) -> None:
        key = key_of(args)
        why = "cancelled before it was sent; it had no effect"
        withdrawn = self._pipeline.withdraw(key, ErrorCode.CONFLICT, why)
        if withdrawn and key not in self._book.records:
            self._reply(caller, OrderAccepted(client_order_id=key[1], order_id=None, status="cancelled"))
            return
        record = require_record(self._book, args)
        status = record.order.status
        if record.exercise is not None and status not in ("not_sent", "cancelled"):
            raise conflict("an exercise cannot be taken back from here; TWS may let you (Option Exercise)")
        if status in ("filled", "rejected"):
            raise conflict(f"the order is {status}; there is nothing to cancel")
        self._pipeline.cancels.want_all(record, now)
        self._pipeline.once_durable(Reply(caller, accepted(record)))

    def cancel_matching(self, args: CancelOrders, caller: Caller, now: Now) -> None:
        """All at once; what waits at the gate is withdrawn."""
        rows = [accepted(record) for record in self.cancel_all(args, now)]
        self._pipeline.once_durable(Reply(caller, OrdersAccepted(orders=rows)))

    def cancel_all(self, args: CancelOrders, now: Now) -> list[Record]:
        for placing in set(self._pipeline.waiting.values()):
            if any(self._matches(args, o, a) for o, a in zip(placing.orders, placing.accounts, strict=True)):
                why = "cancelled before it was sent; it had no effect"
                self._pipeline.withdraw(placing.keys[0], ErrorCode.CONFLICT, why)
        records = [
            record
            for record in self._book.records.values()
            if (not record.done or record.order.status == "not_sent")
            and record.exercise is None
            and self._matches(args, record.order, record.order.account)
        ]
        for record in records:
            self._pipeline.cancels.want_all(record, now)
        return records

    def _matches(self, args: CancelOrders, order: PlaceOrder | Order, account: str | None) -> bool:
        """An instrument is meant under every spelling that is known to be the same contract."""
        named = args.instrument
        return (
            args.strategy in (None, order.strategy)
            and (named is None or self._book.spellings.same(named, order.instrument) is True)
            and args.account in (None, account)
        )

    def halt(self, strategy: str, reason: str) -> None:
        self.halted[strategy] = reason
        error = RequestError(ErrorCode.HALTED, f"new orders are stopped ({reason}); it had no effect")
        self._pipeline.withdraw_all(strategy or None, error)
        self._pipeline.withhold(strategy or None)

    # -- checks

    def _require_open(self, strategy: str) -> None:
        why = self.halted.get(EVERYBODY) or self.halted.get(strategy)
        if why is not None:
            raise RequestError(ErrorCode.HALTED, f"new orders are stopped ({why}); only cancels pass")
        if self.closed is not None:
            raise not_ready(self.closed)
        if not self._pipeline.gate.has_room(strategy, MOST_WAITING):
            why = f"{MOST_WAITING} orders wait for the message budget; try again later"
            raise RequestError(ErrorCode.THROTTLED, why)

    def _require_unclaimed(self, keys: tuple[Key, ...]) -> None:
        """An order that carries the reference of a key *is* that order, whatever the journal knows of it."""
        for key in keys if self.claimed else ():
            claim = self.claimed.get(key)
            if claim is not None:
                cure = f"take it over: adopt_order with perm_id {claim.perm_id}" if claim.perm_id else ""
                cure += " under another id" if cure and key in self._book.records else ""
                raise conflict(
                    f"the gateway has {claim.what} with the reference {key[0]}/{key[1]}, which this journal "
                    f"does not know; {cure or 'it has ended'}, or take a new client_order_id"
                )

    def _require_same(self, asked: tuple[PlaceOrder, ...], first: tuple[PlaceOrder | None, ...]) -> None:
        if asked == first:
            return
        for one, other in zip(asked, first, strict=False):
            if other is None:
                raise conflict(f"{one.strategy}/{one.client_order_id} was not placed by place_order")
            names = [name for name in one.__struct_fields__ if getattr(one, name) != getattr(other, name)]
            if names:
                raise RequestError(
                    ErrorCode.CONFLICT,
                    f"{one.strategy}/{one.client_order_id} is another order already "
                    f"({', '.join(names)} differ); take a new client_order_id, or modify_order",
                    field=names[0],
                )
        raise conflict("these orders were placed in another group already")

    def _require_live(self, args: ModifyOrder) -> Record:
        if key_of(args) in self._pipeline.waiting or key_of(args) in self._pipeline.unwritten:
            raise conflict("the order has not been sent yet; modify it then")
        record = require_record(self._book, args)
        status = record.order.status
        if status == "unknown" and not (record.staged and args.transmit):
            raise RequestError(ErrorCode.TIMEOUT, "it is unknown where this order is; ask again later")
        if record.done or record.cancel_wanted:
            raise conflict(f"the order is {status}; it cannot be modified any more")
        if record.exercise is not None:
            raise conflict("an exercise cannot be changed")
        if record.request is None:
            raise conflict("an adopted order may have attributes we do not know: cancel it and place another")
        return record

    def _changed(self, record: Record, args: ModifyOrder) -> tuple[PlaceOrder, Values]:
        """The order after the modification, as it would be placed, and its values. Raises for those this
        order cannot have."""
        base = record.wanted or record.values
        request = record.request
        assert request is not None  # an adopted order is not modified
        if args.quantity is not None and request.cash_quantity:
            raise invalid("quantity", "the order is for an amount of cash; cancel it and place another")
        if args.quantity is not None and args.quantity <= record.order.filled + EPSILON:
            filled = f"{record.order.filled:g} are filled already; the new quantity must be more"
            raise invalid("quantity", filled)
        given = {name: value for name in CHANGEABLE if (value := getattr(args, name)) is not None}
        known = prices_of(args.order_type or base.order_type or request.order_type)
        for name in PRICE_FIELDS:
            if name in given and name not in known and args.order_type in (None, *ORDER_TYPES):
                order_type = args.order_type or record.order.order_type
                raise invalid(name, f"a {order_type} order has no {name}")
        if "trail_amount" in given or "trail_percent" in given:  # one of them, whichever was given last
            given = {"trail_amount": None, "trail_percent": None, **given}
        if args.good_till:
            given.setdefault("tif", "GTD")
        values = replace(base, **given)
        try:
            order = as_changed(request, values)
        except FieldError as error:
            raise invalid(error.field, str(error)) from error
        kept = {name: getattr(order, name) for name in PRICE_FIELDS}
        return order, replace(values, **kept)

    def _account_of(self, args: PlaceOrder) -> str:
        """The account to send; "" for an order of a group of accounts, which names them itself (FA)."""
        group = next((name for name in _ALLOCATIONS if args.extra.get(name)), None)
        if group is None:
            return self._account(args.account)
        if args.account is not None:
            raise invalid("account", f"give either account or extra.{group}, not both (201 at the gateway)")
        if not self._allow_live and not all(map(is_paper, self.accounts)):
            why = f"{group} may mean a live account and [orders] allow_live is not set"
            raise RiskRefused("allow_live", why, field=f"extra.{group}")
        return ""

    def _account(self, asked: str | None) -> str:
        if asked is None and len(self.accounts) != 1:
            raise invalid("account", f"name one of the accounts {', '.join(self.accounts)}")
        account = self.accounts[0] if asked is None else asked
        if account not in self.accounts:
            known = ", ".join(self.accounts)
            raise invalid("account", f"the gateway does not manage {account}; it has {known}")
        if not self._allow_live and not is_paper(account):
            why = f"{account} is a live account and [orders] allow_live is not set"
            raise RiskRefused("allow_live", why, field="account")
        return account

    def _reply(self, caller: Caller, outcome: Any) -> None:
        self._actions.append(Reply(caller, outcome))


def _first_request(record: Record, again: PlaceOrder) -> PlaceOrder | None:
    """What an order was placed with. Of one that was taken over under its own reference that is not known; a
    request that agrees in all that is known is taken for it."""
    if record.request is not None or record.reference != order_ref(record.key):
        return record.request
    names = ("side", "quantity", "order_type", "limit_price", "stop_price")
    same = all(getattr(record.order, name) == getattr(again, name) for name in names)
    return again if same else None


def _why(records: list[Record]) -> str:
    return "; ".join(r.order.reason or "" for r in records if r.order.status == "unknown")
