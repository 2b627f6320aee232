"""The asyncio client: `from twsmq.aio import Client`. The same as the synchronous one, with `await`.

Sockets are plain ones driven by the loop, not `zmq.asyncio`, which costs a future for each event. A ZeroMQ
descriptor is edge-triggered and sending or subscribing swallows edges, so after either the socket is read
until it is empty before anybody waits on the descriptor.

A client belongs to the loop it was made in. Requests may run at once, in as many tasks as you like; events
have one reader at a time. Waiting may be cancelled: no event is lost by it, and a request cancelled may still
take effect until its `valid_until`.
"""
# Timeouts are arguments: a request's becomes its `valid_until` too, and ends in an error of its own.
# ruff: noqa: ASYNC109

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

import zmq
from msgspec import Struct
from twsmq_protocol.config import Config
from twsmq_protocol.envelope import Reply
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
from .client import TIMEOUT_S
from .errors import ClientClosed, OutcomeUnknown
from .inbox import Inbox, Received
from .loss import Loss
from .ops import ClusterState, NewOrder, OrderChange, OrderFilter, OrderName

R = TypeVar("R")

YIELD_EVERY = 100
"""Events handed out in a row before other tasks get their turn."""


class Client:
    """Connects to a cluster by its configuration: `config`, or `port_base`, or `./twsmq.toml`.

    Make it inside a running loop. Requests take `timeout` in seconds and raise as those of `twsmq.Client`.
    """

    def __init__(
        self,
        config: Config | None = None,
        *,
        port_base: int | None = None,
        receive_queue: int = sockets.RECEIVE_QUEUE,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._config = sockets.resolve(config, port_base)
        self._context: zmq.Context[sockets.Socket] = zmq.Context()
        self._events = sockets.open_events(self._context, self._config, receive_queue)
        self._dealers: dict[str, sockets.Socket] = {}
        self._inbox = Inbox()
        self._calls = Calls()
        self._replies: dict[int, asyncio.Future[Reply]] = {}
        self._arrival: asyncio.Future[None] | None = None
        self._in_a_row = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Whoever still waits gets `ClientClosed`. May be called twice."""
        if self._context.closed:
            return
        for dealer in self._dealers.values():
            self._loop.remove_reader(dealer.fileno())
        self._loop.remove_reader(self._events.fileno())
        if self._arrival is not None and not self._arrival.done():
            self._arrival.set_exception(ClientClosed())
        for reply in self._replies.values():
            if not reply.done():
                reply.set_exception(ClientClosed())
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
        self._wake()

    def unsubscribe(self, *topics: str) -> None:
        self._require_open()
        for topic in topics:
            for prefix in self._inbox.unsubscribe(topic):
                self._events.unsubscribe(prefix)
        self._wake()

    async def receive(self, timeout: float | None = None) -> Received | None:
        """The next event, or None when `timeout` seconds have passed without one (None: wait for ever)."""
        try:
            async with asyncio.timeout(timeout):
                return await self._next()
        except TimeoutError:
            return self._at_hand()  # without time to wait, the turn of other tasks used it up

    async def events(self, within: float | None = None) -> AsyncIterator[Received]:
        """Events as they come, for `within` seconds in all (None: for ever)."""
        deadline = None if within is None else self._loop.time() + within
        while deadline is None or self._loop.time() < deadline:
            received = await self.receive(None if deadline is None else deadline - self._loop.time())
            if received is not None:
                yield received

    async def _next(self) -> Received:
        while True:
            self._require_open()
            self._in_a_row += 1
            if self._in_a_row >= YIELD_EVERY:
                self._in_a_row = 0
                await asyncio.sleep(0)
                continue
            received = self._at_hand()
            if received is not None:
                return received
            await self._arrive()

    def _at_hand(self) -> Received | None:
        """The next event that has come already."""
        self._require_open()
        while True:
            try:
                frame = self._events.recv(zmq.NOBLOCK)
            except zmq.Again:
                return None
            received = self._inbox.receive(frame)
            if received is not None:
                return received

    async def _arrive(self) -> None:
        """Until something may have come. The descriptor is watched only while somebody waits: it stays
        readable until the socket is read.
        """
        if self._arrival is not None:
            raise RuntimeError("events of one client have one reader at a time")
        self._arrival = self._loop.create_future()
        self._loop.add_reader(self._events.fileno(), self._wake)
        try:
            await self._arrival
        finally:
            self._arrival = None
            if not self._context.closed:
                self._loop.remove_reader(self._events.fileno())

    def _wake(self) -> None:
        if self._arrival is not None and not self._arrival.done():
            self._arrival.set_result(None)

    # --- requests ------------------------------------------------------------------------------------------

    async def request(
        self,
        process: str,
        op: str,
        args: Struct | dict[str, Any] | None = None,
        *,
        timeout: float = TIMEOUT_S,
        valid_until: int | None = None,
    ) -> Any:
        """Ask any op; its result as plain data. `valid_until`: ns since epoch (default: now + timeout)."""
        return await self._ask(ops.anything(process, op, args), timeout, valid_until)

    async def place_order(self, *, timeout: float = TIMEOUT_S, **order: Unpack[NewOrder]) -> OrderAccepted:
        """Accepted means durable and written; the verdict comes on `order/<strategy>/<client_order_id>/`."""
        return await self._ask(ops.place_order(order), timeout)

    async def modify_order(
        self, *, timeout: float = TIMEOUT_S, **change: Unpack[OrderChange]
    ) -> OrderAccepted:
        return await self._ask(ops.modify_order(change), timeout)

    async def cancel_order(self, *, timeout: float = TIMEOUT_S, **name: Unpack[OrderName]) -> OrderAccepted:
        return await self._ask(ops.cancel_order(name), timeout)

    async def orders(self, *, timeout: float = TIMEOUT_S, **wanted: Unpack[OrderFilter]) -> list[Order]:
        """All orders, finished ones too, oldest first."""
        return (await self._ask(ops.orders(wanted), timeout)).orders

    async def positions(self, *, timeout: float = TIMEOUT_S) -> list[PositionRow]:
        return (await self._ask(ops.positions(), timeout)).positions

    async def contract_details(self, instrument: str, *, timeout: float = 30.0) -> list[ContractRow]:
        """Every contract that matches; the gateway answers these slowly."""
        return (await self._ask(ops.contract_details(instrument), timeout)).contracts

    async def status(self, *, timeout: float = TIMEOUT_S) -> ClusterState:
        """Every process, as the supervisor sees it."""
        return await self._ask(ops.status(), timeout)

    async def health(self, *, timeout: float = TIMEOUT_S) -> Health:
        """Every process, as the status node hears it; also without a supervisor."""
        return await self._ask(ops.health(), timeout)

    async def describe(self, process: str, *, timeout: float = TIMEOUT_S) -> Description:
        return await self._ask(ops.describe(process), timeout)

    async def _ask(self, ask: Ask[R], timeout: float, valid_until: int | None = None) -> R:
        self._require_open()
        dealer = self._dealer(ask.process)
        if valid_until is None:
            valid_until = time.time_ns() + int(timeout * 1e9)
        call, frame = self._calls.begin(ask, valid_until)
        reply = self._replies[call] = self._loop.create_future()
        try:
            dealer.send(frame, zmq.NOBLOCK)
            self._loop.call_soon(self._drain, dealer)
            async with asyncio.timeout(timeout):
                return result_of(ask, await reply)
        except (zmq.Again, TimeoutError):
            absent = await asyncio.to_thread(sockets.absent, self._config, ask.process)
            raise OutcomeUnknown(ask.process, ask.op, timeout, absent) from None
        finally:
            self._calls.give_up(call)
            del self._replies[call]

    def _dealer(self, process: str) -> sockets.Socket:
        if process not in self._dealers:
            dealer = sockets.open_requests(self._context, self._config, process)
            self._loop.add_reader(dealer.fileno(), self._drain, dealer)
            self._dealers[process] = dealer
        return self._dealers[process]

    def _drain(self, dealer: sockets.Socket) -> None:
        while not dealer.closed:
            try:
                matched = self._calls.match(dealer.recv(zmq.NOBLOCK))
            except zmq.Again:
                return
            if matched is not None:
                call, reply = matched
                if not self._replies[call].done():
                    self._replies[call].set_result(reply)

    def _require_open(self) -> None:
        if self._context.closed:
            raise ClientClosed
