"""The synchronous client: one thread asks and listens.

Threads: a `Client` belongs to the thread that uses it, because ZeroMQ sockets do; give each thread its own.
While a request waits for its reply, events queue up (`receive_queue`) and are not lost. But only a client
that receives, if only now and then, gets its subscriptions restored at a process that restarted: libzmq sends
them again from the thread that uses the socket.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

import zmq
from msgspec import Struct
from twsmq_protocol.config import Config
from twsmq_protocol.order_events import Order
from twsmq_protocol.requests import (
    ContractRow,
    Description,
    Health,
    OrderAccepted,
    PositionRow,
)

from . import ops, sockets
from .calls import Ask, Calls, result_of
from .errors import ClientClosed, OutcomeUnknown
from .inbox import Inbox, Received
from .loss import Loss
from .ops import ClusterState, NewOrder, OrderChange, OrderFilter, OrderName

R = TypeVar("R")

TIMEOUT_S = 5.0


class Client:
    """Connects to a cluster by its configuration: `config`, or `port_base`, or `./twsmq.toml`.

    Nothing needs to be running yet: sockets connect when the other side is there, and again when it is back.

    Every request takes `timeout` in seconds (5 unless given). It raises `RequestRefused` for an error reply
    and `OutcomeUnknown` when none came, which tells whether anybody listens there at all. After the timeout
    the request can no longer take effect.
    """

    def __init__(
        self,
        config: Config | None = None,
        *,
        port_base: int | None = None,
        receive_queue: int = sockets.RECEIVE_QUEUE,
    ) -> None:
        self._config = sockets.resolve(config, port_base)
        self._context: zmq.Context[sockets.Socket] = zmq.Context()
        self._events = sockets.open_events(self._context, self._config, receive_queue)
        self._dealers: dict[str, sockets.Socket] = {}
        self._inbox = Inbox()
        self._calls = Calls()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Nothing is waited for. May be called twice."""
        self._context.destroy(linger=0)

    # --- events --------------------------------------------------------------------------------------------

    @property
    def loss(self) -> Loss:
        """What is known to be lost so far."""
        return self._inbox.loss

    def subscribe(self, *topics: str) -> None:
        """Topics or prefixes, like `quote/STK:AAPL:SMART:USD/` or `order/alpha/`."""
        self._require_open()
        for topic in topics:
            for prefix in self._inbox.subscribe(topic):
                self._events.subscribe(prefix)

    def unsubscribe(self, *topics: str) -> None:
        self._require_open()
        for topic in topics:
            for prefix in self._inbox.unsubscribe(topic):
                self._events.unsubscribe(prefix)

    def receive(self, timeout: float | None = None) -> Received | None:
        """The next event, or None when `timeout` seconds have passed without one (None: wait for ever)."""
        self._require_open()
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            try:
                frame = self._events.recv(zmq.NOBLOCK)
            except zmq.Again:
                if not self._events.poll(_left_ms(deadline)):
                    return None
                continue
            received = self._inbox.receive(frame)
            if received is not None:
                return received

    def events(self, within: float | None = None) -> Iterator[Received]:
        """Events as they come, for `within` seconds in all (None: for ever)."""
        deadline = None if within is None else time.monotonic() + within
        while True:
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                return
            received = self.receive(left)
            if received is not None:
                yield received

    # --- requests ------------------------------------------------------------------------------------------

    def request(
        self,
        process: str,
        op: str,
        args: Struct | dict[str, Any] | None = None,
        *,
        timeout: float = TIMEOUT_S,
        valid_until: int | None = None,
    ) -> Any:
        """Ask any op; its result as plain data. `valid_until`: ns since epoch (default: now + timeout)."""
        return self._ask(ops.anything(process, op, args), timeout, valid_until)

    def place_order(self, *, timeout: float = TIMEOUT_S, **order: Unpack[NewOrder]) -> OrderAccepted:
        """Accepted means durable and written; the verdict comes on `order/<strategy>/<client_order_id>/`."""
        return self._ask(ops.place_order(order), timeout)

    def modify_order(self, *, timeout: float = TIMEOUT_S, **change: Unpack[OrderChange]) -> OrderAccepted:
        return self._ask(ops.modify_order(change), timeout)

    def cancel_order(self, *, timeout: float = TIMEOUT_S, **name: Unpack[OrderName]) -> OrderAccepted:
        return self._ask(ops.cancel_order(name), timeout)

    def orders(self, *, timeout: float = TIMEOUT_S, **wanted: Unpack[OrderFilter]) -> list[Order]:
        """All orders, finished ones too, oldest first."""
        return self._ask(ops.orders(wanted), timeout).orders

    def positions(self, *, timeout: float = TIMEOUT_S) -> list[PositionRow]:
        return self._ask(ops.positions(), timeout).positions

    def contract_details(self, instrument: str, *, timeout: float = 30.0) -> list[ContractRow]:
        """Every contract that matches; the gateway answers these slowly."""
        return self._ask(ops.contract_details(instrument), timeout).contracts

    def status(self, *, timeout: float = TIMEOUT_S) -> ClusterState:
        """Every process, as the supervisor sees it."""
        return self._ask(ops.status(), timeout)

    def health(self, *, timeout: float = TIMEOUT_S) -> Health:
        """Every process, as the status node hears it; also without a supervisor."""
        return self._ask(ops.health(), timeout)

    def describe(self, process: str, *, timeout: float = TIMEOUT_S) -> Description:
        return self._ask(ops.describe(process), timeout)

    def _ask(self, ask: Ask[R], timeout: float, valid_until: int | None = None) -> R:
        self._require_open()
        dealer = self._dealer(ask.process)
        deadline = time.monotonic() + timeout
        if valid_until is None:
            valid_until = time.time_ns() + int(timeout * 1e9)
        call, frame = self._calls.begin(ask, valid_until)
        try:
            dealer.send(frame, zmq.NOBLOCK)
            while dealer.poll(_left_ms(deadline)):
                matched = self._calls.match(dealer.recv())
                if matched is not None:
                    return result_of(ask, matched[1])
        except zmq.Again:
            pass  # so many requests wait for a process that is down that not even this one fits
        finally:
            self._calls.give_up(call)
        raise OutcomeUnknown(ask.process, ask.op, timeout, sockets.absent(self._config, ask.process))

    def _dealer(self, process: str) -> sockets.Socket:
        if process not in self._dealers:
            self._dealers[process] = sockets.open_requests(self._context, self._config, process)
        return self._dealers[process]

    def _require_open(self) -> None:
        if self._context.closed:
            raise ClientClosed


def _left_ms(deadline: float | None) -> int | None:
    # Rounded up: a wait of 0.4 ms must not become a busy loop.
    return None if deadline is None else max(0, int((deadline - time.monotonic()) * 1000) + 1)
