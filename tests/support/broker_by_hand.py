"""A gateway whose orders a test holds in its own hands: what it lists, what it says, and what it keeps quiet.

It answers an orders node's questions by itself, with the orders and executions as they are at that moment;
nothing else is said unless the test says it. `show` changes an order and reports it, `keep` only changes it.
"""

from __future__ import annotations

import itertools
import socket
import threading
import time
from contextlib import suppress
from datetime import date
from decimal import Decimal
from typing import Any

from msgspec.structs import replace
from twsmq_simulator.broker.model import Execution, Order, Status
from twsmq_simulator.broker.ticket import OrderTicket
from twsmq_simulator.market import listing
from twsmq_simulator.market.instruments import Instrument
from twsmq_simulator.wire import messages, order_messages, zones
from twsmq_simulator.wire import requests as rq

from support.scripted_gateway import IN_USE, VERSION, ScriptedGateway, error

OURS = 101
"""Client id of the orders node."""
AAPL = next(i for i in listing.build(date(2026, 4, 15)) if (i.symbol, i.sec_type) == ("AAPL", "STK"))
_WARNING_AFTER_STATUS = 27
"""Fields of an openOrder at server version 200, from the status to the warning text."""


class BrokerByHand(ScriptedGateway):
    """`silent`: kinds of questions it does not answer. Orders are in AAPL unless `instruments` says so."""

    def __init__(self, port: int, accounts: str = "DU1") -> None:
        self.orders: dict[int, Order] = {}
        self.instruments: dict[int, Instrument] = {}
        self.others: dict[int, Order] = {}  # by permanent id, whose clients are connected
        self.executions: list[bytes] = []  # as reported while they happen
        self.completed: list[Order] = []
        self.silent: set[type[rq.Request]] = set()
        self.asked: list[rq.Request] = []  # all there was
        self.zones = zones.Zones()
        self._exec_no = itertools.count(1)
        self._books = threading.Lock()
        super().__init__(port, accounts)

    # -- what the node sends

    def await_order(self) -> OrderTicket:
        """The next order or modification that comes, as it was written."""
        return self.await_request(rq.PlaceOrder).ticket

    def _heard(self, connection: socket.socket, request: rq.Request) -> None:
        taken = {order.client_id for order in self.others.values()}
        if isinstance(request, rq.StartApi) and request.client_id in taken:
            with suppress(OSError):
                connection.sendall(error(-1, 326, IN_USE))
                connection.shutdown(socket.SHUT_RDWR)
            return
        super()._heard(connection, request)
        self.asked.append(request)
        if type(request) not in self.silent:
            self.say(*self._answer(request))

    def _answer(self, request: rq.Request) -> list[bytes]:
        with self._books:
            match request:
                case rq.OpenOrders() | rq.AllOpenOrders():
                    listed = [one for one in self.orders.values() if not one.is_final]
                    listed += self.others.values() if isinstance(request, rq.AllOpenOrders) else ()
                    frames = [frame for order in listed for frame in self._reports(order)]
                    return [*frames, messages.open_order_end()]
                case rq.Executions(request_id=request_id):
                    frames = [_with(frame, {1: request_id}) for frame in self.executions]
                    return [*frames, messages.execution_details_end(request_id)]
                case rq.CompletedOrders():
                    done = [
                        order_messages.completed_order(VERSION, one, self._instrument(one))
                        for one in self.completed
                    ]
                    return [*done, messages.completed_orders_end()]
                case _:
                    return []

    # -- what the broker has

    def keep(self, ticket: OrderTicket, status: Status = Status.SUBMITTED, **order: Any) -> Order:
        """The order stands so from now on; nothing is said."""
        with self._books:
            known = self.orders.get(ticket.order_id)
            if known is None:
                known = Order(9_000 + ticket.order_id, OURS, ticket, AAPL.con_id, status, time.time_ns())
            if ticket.limit_price is not None:
                order.setdefault("limit", ticket.limit_price)
            changed = replace(known, ticket=ticket, status=status, **order)
            self.orders[ticket.order_id] = changed
            return changed

    def show(self, ticket: OrderTicket, status: Status = Status.SUBMITTED, **order: Any) -> Order:
        """It stands so, and that is reported: openOrder and orderStatus."""
        kept = self.keep(ticket, status, **order)
        self.say(*self._reports(kept))
        return kept

    def state(self, ticket: OrderTicket, status: Status, **order: Any) -> None:
        """It stands so, and orderStatus alone says it."""
        kept = self.keep(ticket, status, **order)
        self.say(self._reports(kept)[1])

    def execute(
        self,
        ticket: OrderTicket,
        quantity: float,
        price: float,
        *,
        say: bool = True,
        instrument: Instrument | None = None,
        **execution: Any,
    ) -> Execution:
        """Part of the order trades; `say` False: only a list of executions shows it."""
        order = self.orders[ticket.order_id]
        fields: dict[str, Any] = {"order_ref": ticket.order_ref} | execution
        done = self._execution(order.perm_id, OURS, ticket.order_id, quantity, price, **fields)
        done = replace(done, bought=ticket.action == "BUY")
        frame = self._list(done, instrument or self._instrument(order))
        if say:
            self.say(frame)
        return done

    def executed_earlier(
        self, order_id: int, order_ref: str, quantity: float, at: int, client_id: int = OURS
    ) -> None:
        """Something bought in AAPL at `at` (ns), while nobody was there."""
        self.executed_under(9_000 + order_id, client_id, order_id, quantity, order_ref=order_ref, time=at)

    def executed_under(
        self,
        perm_id: int,
        client_id: int,
        order_id: int,
        quantity: float,
        price: float = 100.0,
        **execution: Any,
    ) -> bytes:
        """Something bought in AAPL under these ids; it is listed, and said by whoever says the frame."""
        done = self._execution(perm_id, client_id, order_id, quantity, price, **execution)
        return self._list(done, AAPL)

    def copied_by_hand(self, ticket: OrderTicket, perm_id: int, **order: Any) -> bytes:
        """TWS has made an order like it, with its reference; all open orders show it, and whoever says the
        frames."""
        copy = Order(perm_id, 0, replace(ticket, order_id=0), AAPL.con_id, Status.SUBMITTED, time.time_ns())
        with self._books:
            self.others[perm_id] = replace(copy, **order)
        return b"".join(self._reports(self.others[perm_id]))

    def copy_ends(self, perm_id: int, status: Status) -> None:
        """The completed orders show it from now on."""
        with self._books:
            ended = replace(self.others.pop(perm_id), status=status)
            self.completed.append(replace(ended, filled=10) if status is Status.FILLED else ended)

    def others_order(self, client_id: int, ticket: OrderTicket, perm_id: int) -> None:
        """Another client, which is connected, has an order."""
        with self._books:
            self.others[perm_id] = Order(
                perm_id, client_id, ticket, AAPL.con_id, Status.SUBMITTED, time.time_ns()
            )

    def others_end(self, perm_id: int) -> None:
        with self._books:
            del self.others[perm_id]

    def charge(
        self, execution: Execution, commission: float, currency: str, realized: float | None = None
    ) -> None:
        """What an execution cost, and has realised."""
        result = None if realized is None else Decimal(str(realized))
        cost = replace(execution, commission=Decimal(str(commission)), currency=currency, realized=result)
        self.say(order_messages.commission_report(VERSION, cost))

    def _execution(
        self, perm_id: int, client_id: int, order_id: int, quantity: float, price: float, **fields: Any
    ) -> Execution:
        size, at = Decimal(str(quantity)), fields.pop("time", None) or time.time_ns()
        exec_id = f"0000e0d5.{perm_id:x}.{next(self._exec_no):x}.01"
        account = fields.pop("account", "DU1")
        return Execution(
            exec_id, perm_id, client_id, order_id, AAPL.con_id, account, "NASDAQ", True, size, price, at,
            size, price, **fields,
        )  # fmt: skip

    def _list(self, done: Execution, instrument: Instrument) -> bytes:
        frame = order_messages.execution_details(
            VERSION, -1, done, instrument, done.order_id, done.client_id, self.zones
        )
        with self._books:
            self.executions.append(frame)
        return frame

    def object(self, ticket: OrderTicket, code: int, text: str, advanced: str = "") -> None:
        """An error or a notice about the order."""
        self.say(messages.error(VERSION, ticket.order_id, code, text, time.time_ns(), advanced))

    def report(self, ticket: OrderTicket, *, warning: str = "", cap_price: float = 0) -> None:
        """The order as it stands, with words that the gateway adds."""
        shown, status = self._reports(self.orders[ticket.order_id])
        fields = _fields(shown)
        at = fields.index(self.orders[ticket.order_id].status.value) + _WARNING_AFTER_STATUS
        self.say(_with(shown, {at: warning}), _with(status, {-1: cap_price}))

    def _reports(self, order: Order) -> tuple[bytes, bytes]:
        shown = order_messages.open_order(
            VERSION, order, self._instrument(order), order.order_id, order.client_id
        )
        return shown, order_messages.order_status(VERSION, order, order.order_id, order.client_id)

    def _instrument(self, order: Order) -> Instrument:
        return self.instruments.get(order.order_id, AAPL)


def _fields(frame: bytes) -> list[str]:
    return frame[4:].decode().split("\0")[:-1]


def _with(frame: bytes, values: dict[int, object]) -> bytes:
    """The same message with other fields."""
    fields = _fields(frame)
    for at, value in values.items():
        fields[at] = str(value)
    return messages.message(*fields)
