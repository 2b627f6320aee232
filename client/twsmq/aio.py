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
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

import zmq
from twsmq_protocol.config import Config
from twsmq_protocol.envelope import Reply
from twsmq_protocol.keys import ClientFile

from . import sockets
from ._async.handles import AsyncOrderHandle
from ._async.requests import AsyncRequests
from .calls import Ask, Calls, result_of
from .dealer import Dealer
from .errors import ClientClosed, ConnectionRefused, OutcomeUnknown
from .inbox import Received
from .incidents import Incident
from .links import Links
from .loss import Loss
from .mirrors import Quotes, Strategies
from .ops import TIMEOUT_S, NewOrder
from .reception import Reception

R = TypeVar("R")
T = TypeVar("T")

YIELD_EVERY = 100
"""Events handed out in a row before other tasks get their turn."""


class Client(AsyncRequests):
    """Connects to a cluster by `keys`, the file that `twsmq keys add` wrote; or by its configuration:
    `config`, or `port_base`, or `./twsmq.toml`.

    Make it inside a running loop, also a notebook's. Requests take `timeout` in seconds and raise as those of
    `twsmq.Client`. `quotes[instrument]` and `orders[strategy]` are live mirrors: they subscribe when first
    asked for, and are kept up to date by the loop.
    """

    def __init__(
        self,
        config: Config | None = None,
        *,
        port_base: int | None = None,
        keys: Path | str | ClientFile | None = None,
        receive_queue: int = sockets.RECEIVE_QUEUE,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        if keys is None:
            self._config, shown = sockets.resolve(config, port_base), None
        else:
            self._config, shown = sockets.read_keys(keys)
        self._keyed = self._config.cluster.keys == "on"
        self._context = sockets.new_context(self._config, shown)
        self._events = sockets.open_events(self._context, receive_queue)
        self._dealers: dict[str, Dealer] = {}
        self._reception = Reception()
        self._calls = Calls()
        self._links = Links(self._events, keyed=self._keyed)
        self._links.connect(sockets.events_endpoints(self._config))
        self._loop.add_reader(self._links.monitor.fileno(), self._look_at_links)
        self._loop.call_soon(self._look_at_links)  # what has come by now has had its edge
        self._watching = False  # the loop reads by itself, for mirrors
        self._lookers: list[asyncio.Future[None]] = []  # who waits for any event
        mirrors = self._reception.mirrors
        self.quotes = Quotes(mirrors, self._mirror, self._require_open)
        self.orders = Strategies(mirrors, self._mirror, self._require_open, self.get_orders)
        self._replies: dict[int, asyncio.Future[Reply]] = {}
        self._unanswered: dict[int, tuple[Dealer, int | None]] = {}
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
            self._close_dealer(dealer)
        self._loop.remove_reader(self._links.monitor.fileno())
        self._loop.remove_reader(self._events.fileno())
        if self._arrival is not None and not self._arrival.done():
            self._arrival.set_exception(ClientClosed())
        for reply in (*self._replies.values(), *self._lookers):
            if not reply.done():
                reply.set_exception(ClientClosed())
        self._links.close()
        self._context.destroy(linger=0)

    # --- events --------------------------------------------------------------------------------------------

    @property
    def loss(self) -> Loss:
        """What is known to be lost so far."""
        return self._reception.inbox.loss

    def subscribe(self, *topics: str) -> None:
        """Topics or prefixes, like `quote/STK:AAPL:SMART:USD/` or `order/alpha/`."""
        self._require_open()
        for topic in topics:
            for prefix in self._reception.subscribe(topic):
                self._events.subscribe(prefix)
        self._wake()

    def unsubscribe(self, *topics: str) -> None:
        self._require_open()
        for topic in topics:
            for prefix in self._reception.unsubscribe(topic):
                self._events.unsubscribe(prefix)
        self._wake()

    async def receive(self, timeout: float | None = None) -> Received | None:
        """The next event, or None when `timeout` seconds have passed without one (None: wait for ever).
        Raises `ConnectionRefused` when a process does not let this client in, and no other does."""
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
            self._links.require_one(self._reception.incidents)
            await self._arrive()

    def _at_hand(self) -> Received | None:
        """The next event that has come already."""
        self._require_open()
        if self._reception.backlog:
            return self._reception.backlog.popleft()
        while True:
            try:
                frame = self._events.recv(zmq.NOBLOCK)
            except zmq.Again:
                return None
            received = self._reception.take(frame)
            if received is not None:
                return received

    async def _arrive(self) -> None:
        """Until something may have come. The descriptor is watched only while somebody waits: it stays
        readable until the socket is read.
        """
        if self._arrival is not None:
            raise RuntimeError("events of one client have one reader at a time")
        self._arrival = self._loop.create_future()
        if not self._watching:
            self._loop.add_reader(self._events.fileno(), self._wake)
        try:
            await self._arrival
        finally:
            self._arrival = None
            if not self._context.closed and not self._watching:
                self._loop.remove_reader(self._events.fileno())

    def _wake(self) -> None:
        if self._watching:
            self._pump()
        if self._arrival is not None and not self._arrival.done():
            self._arrival.set_result(None)

    def _mirror(self, topic: str) -> None:
        self._require_open()
        for prefix in self._reception.mirror(topic):
            self._events.subscribe(prefix)
        if not self._watching:
            self._watching = True
            self._loop.add_reader(self._events.fileno(), self._wake)
        self._loop.call_soon(self._wake)

    def _pump(self) -> None:
        """Take what has come, some at a time; what is the reader's stays for `receive`."""
        for _ in range(YIELD_EVERY):
            if self._context.closed or self._reception.full:
                break
            try:
                frame = self._events.recv(zmq.NOBLOCK)
            except zmq.Again:
                break
            received = self._reception.take(frame)
            if received is not None:
                self._reception.backlog.append(received)
        else:
            self._loop.call_soon(self._wake)  # the descriptor signals no more while some is left
        self._wake_lookers()

    def _wake_lookers(self) -> None:
        lookers, self._lookers = self._lookers, []
        for looker in lookers:
            if not looker.done():
                looker.set_result(None)

    def incidents(self) -> list[Incident]:
        """Losses, restarts and links noticed since this was asked last, oldest first."""
        self._require_open()
        self._links.look(self._reception.incidents)
        return self._reception.incidents.drain()

    # --- requests ------------------------------------------------------------------------------------------

    def place(self, *, timeout: float = TIMEOUT_S, **order: Unpack[NewOrder]) -> AsyncOrderHandle:
        """A handle of an order; nothing is sent before one of its waits begins: `written`, `acknowledged` or
        `done`. After `OutcomeUnknown` waiting again is safe."""
        return AsyncOrderHandle(self, self.orders[order["strategy"]], order, timeout)

    async def wait_until(self, look: Callable[[], T | None], timeout: float | None = None) -> T:
        """Until `look` gives something else than None or False; it is asked whenever an event has come.
        Raises `TimeoutError`."""
        async with asyncio.timeout(timeout):
            while True:
                self._require_open()
                found = look()
                if found is not None and found is not False:
                    return found
                self._links.require_one(self._reception.incidents)
                arrival = self._loop.create_future()
                self._lookers.append(arrival)
                await arrival

    async def _ask(self, ask: Ask[R], timeout: float, valid_until: int | None = None) -> R:
        self._require_open()
        dealer = self._dealer(ask.process)
        if valid_until is None:
            valid_until = time.time_ns() + int(timeout * 1e9)
        call, frame = self._calls.begin(ask, valid_until)
        reply: asyncio.Future[Reply] = self._loop.create_future()
        self._replies[call] = reply
        try:
            sent = dealer.send(frame)
            self._unanswered[call] = dealer, sent
            self._loop.call_soon(self._drain, dealer)
            if sent is not None:  # not let in yet
                self._loop.call_soon(self._require_let_in, dealer)
            async with asyncio.timeout(timeout):
                return result_of(ask, await reply)
        except (zmq.Again, TimeoutError):
            absent = await asyncio.to_thread(sockets.absent, self._config, ask.process)
            raise OutcomeUnknown(ask.process, ask.op, timeout, absent) from None
        finally:
            self._calls.give_up(call)
            del self._replies[call]
            self._unanswered.pop(call, None)

    def _dealer(self, process: str) -> Dealer:
        if process not in self._dealers:
            dealer = Dealer(self._context, self._config, process, keyed=self._keyed)
            self._loop.add_reader(dealer.socket.fileno(), self._drain, dealer)
            self._loop.add_reader(dealer.links.monitor.fileno(), self._require_let_in, dealer)
            self._dealers[process] = dealer
        return self._dealers[process]

    def _close_dealer(self, dealer: Dealer) -> None:
        if not dealer.socket.closed:
            self._loop.remove_reader(dealer.socket.fileno())
            self._loop.remove_reader(dealer.links.monitor.fileno())
            dealer.close()

    def _require_let_in(self, dealer: Dealer) -> None:
        """Something has happened to its connection, or has not happened for too long."""
        if dealer.socket.closed:
            return
        refused = False
        for call, (asked, sent) in self._unanswered.items():
            if asked is not dealer or self._replies[call].done():
                continue
            try:
                dealer.require_let_in(sent)
            except ConnectionRefused as error:
                self._replies[call].set_exception(error)
                refused = True
        if refused:  # what waits in it is never sent; the next ask tries anew
            del self._dealers[dealer.process]
            self._close_dealer(dealer)
            return
        dealer.links.look()
        self._look_again(dealer.links, self._require_let_in, dealer)

    def _look_again(self, links: Links, look: Callable[..., None], *args: Any) -> None:
        due = links.due()
        if due is not None:
            self._loop.call_later(max(0.0, due - time.monotonic()) + 0.001, look, *args)

    def _look_at_links(self) -> None:
        """Whoever waits for events looks himself whether they can come."""
        if self._context.closed:
            return
        self._links.look()
        if self._links.barred() is None:
            self._look_again(self._links, self._look_at_links)
            return
        if self._arrival is not None and not self._arrival.done():
            self._arrival.set_result(None)
        self._wake_lookers()

    def _drain(self, dealer: Dealer) -> None:
        while not dealer.socket.closed:
            try:
                matched = self._calls.match(dealer.socket.recv(zmq.NOBLOCK))
            except zmq.Again:
                return
            if matched is not None:
                call, reply = matched
                if not self._replies[call].done():
                    self._replies[call].set_result(reply)

    def _require_open(self) -> None:
        if self._context.closed:
            raise ClientClosed
