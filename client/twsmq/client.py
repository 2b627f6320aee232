"""The synchronous client: one thread asks and listens.

Threads: a `Client` belongs to the thread that uses it, because ZeroMQ sockets do; give each thread its own.
While a request waits for its reply, events queue up (`receive_queue`) and are not lost. But only a client
that receives, if only now and then, gets its subscriptions restored at a process that restarted: libzmq sends
them again from the thread that uses the socket.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar, Unpack

import zmq
from twsmq_protocol.config import Config
from twsmq_protocol.keys import ClientFile

from . import sockets
from ._sync.handles import SyncOrderHandle
from ._sync.requests import SyncRequests
from .calls import Ask, Calls, result_of
from .dealer import Dealer, poll_either
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


class Client(SyncRequests):
    """Connects to a cluster by `keys`, the file that `twsmq keys add` wrote; or by its configuration:
    `config`, or `port_base`, or `./twsmq.toml`.

    Nothing needs to be running yet: sockets connect when the other side is there, and again when it is back.

    Every request takes `timeout` in seconds (5 unless given). It raises `RequestRefused` for an error reply,
    `OutcomeUnknown` when none came, which shows whether anybody listens there at all, and `ConnectionRefused`
    when keys are wrong, within 2 s. After the timeout the request can no longer take effect.

    `quotes[instrument]` and `orders[strategy]` are live mirrors: they subscribe when first asked for, and are
    brought up to date whenever they are looked up or anything is received.
    """

    def __init__(
        self,
        config: Config | None = None,
        *,
        port_base: int | None = None,
        keys: Path | str | ClientFile | None = None,
        receive_queue: int = sockets.RECEIVE_QUEUE,
    ) -> None:
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
        mirrors = self._reception.mirrors
        self.quotes = Quotes(mirrors, self._mirror, self._pump)
        self.orders = Strategies(mirrors, self._mirror, self._pump, self.get_orders)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Nothing is waited for. May be called twice."""
        self._links.close()
        for dealer in self._dealers.values():
            dealer.close()
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

    def unsubscribe(self, *topics: str) -> None:
        self._require_open()
        for topic in topics:
            for prefix in self._reception.unsubscribe(topic):
                self._events.unsubscribe(prefix)

    def receive(self, timeout: float | None = None) -> Received | None:
        """The next event, or None when `timeout` seconds have passed without one (None: wait for ever).
        Raises `ConnectionRefused` when a process does not let this client in, and no other does."""
        self._require_open()
        if self._reception.backlog:
            return self._reception.backlog.popleft()
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            try:
                frame = self._events.recv(zmq.NOBLOCK)
            except zmq.Again:
                if not self._await_events(deadline):
                    return None
                continue
            received = self._reception.take(frame)
            if received is not None:
                return received

    def _await_events(self, deadline: float | None) -> bool:
        """Whether something came in time."""
        while True:
            self._links.look()
            self._links.require_one(self._reception.incidents)
            if poll_either(self._events, self._links, deadline):
                return True
            if deadline is not None and time.monotonic() >= deadline:
                return False

    def incidents(self) -> list[Incident]:
        """Losses, restarts and links noticed since this was asked last, oldest first."""
        self._pump()
        self._links.look(self._reception.incidents)
        return self._reception.incidents.drain()

    def _mirror(self, topic: str) -> None:
        self._require_open()
        for prefix in self._reception.mirror(topic):
            self._events.subscribe(prefix)

    def _pump(self) -> None:
        """Take what has come, without waiting; what is the reader's stays for `receive`."""
        self._require_open()
        self._links.look()
        while not self._reception.full:
            try:
                frame = self._events.recv(zmq.NOBLOCK)
            except zmq.Again:
                return
            received = self._reception.take(frame)
            if received is not None:
                self._reception.backlog.append(received)

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

    def place(self, *, timeout: float = TIMEOUT_S, **order: Unpack[NewOrder]) -> SyncOrderHandle:
        """Place an order and return its handle once it is written; its acknowledgement and end can be
        waited for. Raises as `place_order`; after `OutcomeUnknown` the same call again is safe."""
        handle = SyncOrderHandle(self, self.orders[order["strategy"]], order, timeout)
        handle.written()
        return handle

    def wait_until(self, look: Callable[[], T | None], timeout: float | None = None) -> T:
        """Receive until `look` gives something else than None or False; `receive` gets its events later.
        Raises `TimeoutError`."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            self._pump()
            found = look()
            if found is not None and found is not False:
                return found
            if deadline is not None and time.monotonic() >= deadline:
                raise TimeoutError(f"not within {timeout:g} s")
            self._await_events(deadline)

    def _ask(self, ask: Ask[R], timeout: float, valid_until: int | None = None) -> R:
        self._require_open()
        dealer = self._dealer(ask.process)
        deadline = time.monotonic() + timeout
        if valid_until is None:
            valid_until = time.time_ns() + int(timeout * 1e9)
        call, frame = self._calls.begin(ask, valid_until)
        try:
            sent = dealer.send(frame)
            while dealer.wait(deadline, sent, self._links):
                matched = self._calls.match(dealer.socket.recv())
                if matched is not None:
                    return result_of(ask, matched[1])
        except zmq.Again:
            pass  # so many requests wait for a process that is down that not even this one fits
        except ConnectionRefused:
            self._dealers.pop(ask.process).close()  # what waits in it is never sent; the next ask tries anew
            raise
        finally:
            self._calls.give_up(call)
        raise OutcomeUnknown(ask.process, ask.op, timeout, sockets.absent(self._config, ask.process))

    def _dealer(self, process: str) -> Dealer:
        if process not in self._dealers:
            self._dealers[process] = Dealer(self._context, self._config, process, keyed=self._keyed)
        return self._dealers[process]

    def _require_open(self) -> None:
        if self._context.closed:
            raise ClientClosed
