"""A small gateway that knows the truth of each order: what it accepted, refused, lost, executed."""

from __future__ import annotations

from collections import Counter
from typing import Any

from msgspec import Struct
from twsmq_nodes.tws import events as tws
from twsmq_nodes.tws import requests as rq

from support.orders_reports import completed, error, execution, open_order, order_status

BESIDES = ("hidden", "oca_group", "oca_type", "algo_strategy", "algo_params")
"""What no modification of ours is about, and each sends all the same."""


class Ticket:
    """An order as the gateway has it. `second`: what a modification of another one became."""

    def __init__(self, request: rq.PlaceOrder, *, second: bool = False) -> None:
        self.order_id = request.order_id
        self.perm_id = 9000 + request.order_id + 500 * second
        self.cid = request.order.order_ref.partition("/")[2]
        self.quantity = request.order.total_quantity
        self.limit = request.order.limit_price or 0.0
        self.tif = request.order.tif
        self.reference = request.order.order_ref
        self.besides: dict[str, Any] = {name: getattr(request.order, name) for name in BESIDES}
        self.word = "Submitted"
        self.executions: list[tws.ExecDetails] = []

    @property
    def filled(self) -> float:
        return sum(one.execution.shares or 0.0 for one in self.executions)

    @property
    def live(self) -> bool:
        return self.word not in ("Filled", "Cancelled")

    def pair(self) -> list[tws.Event]:
        view: dict[str, Any] = {
            "total_quantity": self.quantity,
            "limit_price": self.limit,
            "perm_id": self.perm_id,
            "tif": self.tif,
            "order_ref": self.reference,
            **self.besides,
        }
        return [open_order(self.order_id, self.cid, self.word, **view), self.status()]

    def status(self) -> tws.Event:
        rest = self.quantity - self.filled
        return order_status(
            self.order_id, self.word, filled=self.filled, remaining=rest, perm_id=self.perm_id
        )


class Upstream(Struct, frozen=True):
    """The gateway says how its own connection to the broker stands (1100, 1101, 1102)."""

    connected: bool
    data_lost: bool = False


class Gateway:
    """Reads what reaches it, in order; what it says queues in `saying` until it is delivered."""

    def __init__(self) -> None:
        self.tickets: dict[int, Ticket] = {}
        self.seconds: dict[int, Ticket] = {}  # by order id: modifications that became orders of their own
        self.staged: dict[int, rq.PlaceOrder] = {}  # held back, in no list
        self.refused: set[int] = set()
        self.accepted: Counter[str] = Counter()
        self.saying: list[tws.Event | Upstream] = []
        self.upstream = True

    @property
    def all(self) -> list[Ticket]:
        return [*self.tickets.values(), *self.seconds.values()]

    @property
    def live(self) -> list[Ticket]:
        return [ticket for ticket in self.all if ticket.live]

    def under(self, order_id: int) -> list[Ticket]:
        """What has this id, the one that a request is about first."""
        found = [each[order_id] for each in (self.seconds, self.tickets) if order_id in each]
        return sorted(found, key=lambda ticket: not ticket.live)

    def read(self, request: rq.Request, fate: str = "take") -> None:
        """`fate` of a new order: take it, refuse it, openly or in disguise, swallow it, or complain; of a
        modification: take it, or make an order of it.
        """
        match request:
            case rq.PlaceOrder(order_id) if order_id in self.tickets:
                ticket = self.under(order_id)[0]
                if fate == "double" and ticket.live and order_id not in self.seconds:
                    self.seconds[order_id] = Ticket(request, second=True)
                    self.saying += self.seconds[order_id].pair()
                else:
                    self.change(ticket, request, fate)
            case rq.PlaceOrder(order_id) if order_id in self.refused:
                self.saying.append(error(order_id, 103, "Duplicate order id"))
            case rq.PlaceOrder(order_id) if not request.order.transmit and fate != "swallow":
                self.staged[order_id] = request
            case rq.PlaceOrder(order_id) if fate == "refuse":
                self.refuse(order_id)
                self.saying.append(error(order_id, 201, "Order rejected - reason:no"))
            case rq.PlaceOrder(order_id) if fate == "discard":
                self.refuse(order_id)
                told = order_status(order_id, "Cancelled")
                self.saying += [told, error(order_id, 201, "Order rejected - reason:discarded")]
            case rq.PlaceOrder(order_id) if fate == "complain":
                self.refuse(order_id)
                self.saying.append(error(order_id, 110, "The price does not conform"))
            case rq.PlaceOrder() if fate == "swallow":
                pass
            case rq.PlaceOrder(order_id):
                parent = self.staged.pop(request.order.parent_id, None)
                self.staged.pop(order_id, None)
                for each in (parent, request):
                    if each is not None:
                        self.accept(each)
            case rq.CancelOrder(order_id):
                self.cancel(order_id)
            case _:
                raise AssertionError(request)

    def refuse(self, order_id: int) -> None:
        self.staged.pop(order_id, None)
        self.refused.add(order_id)

    def accept(self, request: rq.PlaceOrder) -> None:
        ticket = self.tickets[request.order_id] = Ticket(request)
        self.accepted[ticket.cid] += 1
        self.saying += ticket.pair()

    def change(self, ticket: Ticket, request: rq.PlaceOrder, fate: str) -> None:
        """A modification: refused, lost on the way, applied without a word, or told."""
        if fate in ("refuse", "complain") and ticket.live:
            code = 110 if fate == "complain" else 201
            self.saying.append(error(ticket.order_id, code, "not like this"))
        elif fate != "swallow":
            said = len(self.saying)
            self.modify(ticket, request)
            if fate == "discard" and ticket.live:
                del self.saying[said:]

    def modify(self, ticket: Ticket, request: rq.PlaceOrder) -> None:
        if not ticket.live or request.order.total_quantity <= ticket.filled:
            self.saying.append(error(ticket.order_id, 104, "Cannot modify a filled order."))
            return
        ticket.quantity, ticket.limit = request.order.total_quantity, request.order.limit_price or 0.0
        ticket.tif = request.order.tif
        ticket.besides = {name: getattr(request.order, name) for name in BESIDES}
        self.saying += ticket.pair()

    def cancel(self, order_id: int) -> None:
        if self.staged.pop(order_id, None) is not None:
            self.saying.append(error(order_id, 202, "Order was discarded."))
            return
        if order_id not in self.tickets:
            self.saying.append(error(order_id, 10147, "not found"))
            return
        ticket = self.under(order_id)[0]
        if not ticket.live:
            self.saying.append(error(order_id, 10148, f"cannot be cancelled, state: {ticket.word}."))
        else:
            ticket.word = "Cancelled"
            self.saying += [ticket.status(), error(order_id, 202, "Order Canceled - reason:")]

    def fill(self, ticket: Ticket, share: float, status_first: bool) -> None:
        shares = max(1.0, round((ticket.quantity - ticket.filled) * share))
        exec_id = f"0000e0d5.{ticket.perm_id:08x}.{len(ticket.executions) + 1:02d}.01"
        names: dict[str, Any] = {"order_ref": ticket.reference, "perm_id": ticket.perm_id}
        done = execution(ticket.order_id, exec_id, shares, ticket.limit, **names)
        ticket.executions.append(done)
        if ticket.filled >= ticket.quantity:
            ticket.word = "Filled"
        told: list[tws.Event] = [done, *ticket.pair()]
        if status_first:
            told = [*ticket.pair(), done]
        self.saying += [*told, tws.CommissionReport(exec_id, 1.0, "USD", None, None, None)]

    def answer(self, request: rq.Request) -> None:
        """Without its own connection to the broker it knows of nothing."""
        tickets = self.all if self.upstream else ()
        match request:
            case rq.ReqOpenOrders() | rq.ReqAllOpenOrders():
                rows = [event for ticket in tickets if ticket.live for event in ticket.pair()]
                self.saying += [*rows, tws.OpenOrderEnd()]
            case rq.ReqExecutions(req_id):
                done = [execution for ticket in tickets for execution in ticket.executions]
                again = [tws.ExecDetails(req_id, one.contract, one.execution) for one in done]
                self.saying += [*again, tws.ExecDetailsEnd(req_id)]
            case rq.ReqCompletedOrders():
                rows = [
                    completed(t.cid, t.word, t.perm_id, filled_quantity=t.filled)
                    for t in tickets
                    if not t.live
                ]
                self.saying += [*rows, tws.CompletedOrdersEnd()]
            case rq.CancelOrder(order_id):
                self.cancel(order_id)
            case _:
                pass
