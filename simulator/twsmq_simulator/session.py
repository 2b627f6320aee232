"""One client's connection: bytes in, requests to the gateway; messages out, all of a batch in one write.

What a client sent right before its socket was reset is still read: an `asyncio.Protocol` gets what has
arrived, and where a failed write ended the connection first, the rest is taken from the socket itself. The
opening is answered with exactly one write and nothing follows before START_API, since IBKR's client throws
away whatever arrives with it (captured; seen in every release of that client).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable
from typing import Protocol, cast

import structlog

from twsmq_simulator.bad_line import CLEAN, BadLine
from twsmq_simulator.broker.statement import Told
from twsmq_simulator.errors import MalformedRequest, RequestRefused
from twsmq_simulator.faults import Faults
from twsmq_simulator.feeds import Subscription
from twsmq_simulator.limits import Limits
from twsmq_simulator.localised import localised
from twsmq_simulator.market.clock import Clock
from twsmq_simulator.settings import Settings
from twsmq_simulator.wire import messages, versions
from twsmq_simulator.wire.decode import decode
from twsmq_simulator.wire.framing import FrameSplitter
from twsmq_simulator.wire.requests import Request, StartApi
from twsmq_simulator.wire.zones import Zones

log = structlog.get_logger("twsmq.simulator")
MAX_UNSENT = 64 * 1024 * 1024  # a client that reads nothing is dropped before it costs more memory than this


class Repeat:
    """Something sent again and again: `every` and `sent` in ns."""

    def __init__(self, send: Callable[[], None], every: int, now: int) -> None:
        self.send = send
        self.every = every
        self.sent = now


class Owner(Protocol):
    """The gateway, as far as one client's connection concerns it."""

    settings: Settings
    clock: Clock
    faults: Faults
    zones: Zones
    dirty: dict[Session, None]

    def connected(self, session: Session) -> None: ...
    def disconnected(self, session: Session, how: str) -> None: ...
    def reads(self, session: Session) -> bool: ...
    def is_mute(self, session: Session) -> bool: ...
    def start_api(self, session: Session, request: StartApi) -> None: ...
    def handle(self, session: Session, request: Request) -> None: ...
    def settle(self) -> None: ...


class Session(asyncio.Protocol):
    """`client_id` is None until START_API was accepted. `write` only collects; the gateway flushes."""

    def __init__(self, gateway: Owner) -> None:
        self._gateway = gateway
        self._splitter = FrameSplitter()
        self._out: list[bytes] = []
        self.transport: asyncio.Transport | None = None
        self._socket: socket.socket | None = None
        self._ended_here = False
        self._bad_line = BadLine(self.send_now)
        self.version = 0
        self.client_id: int | None = None
        self.congested = False
        self._waiting: list[Callable[[], None]] = []
        self.subscriptions: dict[tuple[str, int], Subscription] = {}
        self.repeats: dict[tuple[str, int], Repeat] = {}
        self.market_data_type = 1
        self.binds_orders = False
        self.account_updates: str | None = None
        self.account_told = Told()
        self.follows_positions = False
        self.limits = Limits(enforced=gateway.settings.limits == "paper")
        self.has_wsh_meta_data = False
        self.display_groups: dict[int, int] = {}  # request id -> group
        self.last_time_request: int | None = None

    # ---- asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.transport.set_write_buffer_limits(high=1024 * 1024)
        sock = cast("socket.socket", self.transport.get_extra_info("socket"))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = socket.socket(fileno=os.dup(sock.fileno()))  # outlives the transport's own
        self._socket.setblocking(False)
        self._gateway.connected(self)

    def connection_lost(self, exc: Exception | None) -> None:
        assert self._socket is not None
        if not self._ended_here:
            self._take_rest(self._socket)
        self._socket.close()
        self._gateway.disconnected(self, "reset" if exc is not None else "closed")
        self._gateway.settle()

    def _take_rest(self, sock: socket.socket) -> None:
        """Handles what the kernel still holds of a connection that a failed write has ended."""
        with contextlib.suppress(OSError):
            while data := sock.recv(262_144):
                self.data_received(data)

    def pause_writing(self) -> None:
        self.congested = True

    def resume_writing(self) -> None:
        self.congested = False
        waiting, self._waiting = self._waiting, []
        for call in waiting:
            call()

    def when_writable(self, call: Callable[[], None]) -> None:
        """Calls once, when the client has caught up."""
        self._waiting.append(call)

    @property
    def is_open(self) -> bool:
        return self.transport is not None and not self.transport.is_closing()

    def data_received(self, data: bytes) -> None:
        self._splitter.feed(data)
        if not self._gateway.reads(self):
            return
        try:
            self._read()
        except MalformedRequest as broken:
            log.warning("malformed", client_id=self.client_id, error=str(broken))
            self.reset()
        self._gateway.settle()

    # ---- out

    def write(self, data: bytes) -> None:
        self._out.append(data)
        self._gateway.dirty[self] = None

    def error(self, request_id: int, code: int, text: str, advanced: str = "") -> None:
        text = localised(code, text, self._gateway.faults.language)
        self.write(messages.error(self.version, request_id, code, text, self._gateway.clock.now(), advanced))

    def flush(self) -> None:
        """Sends what was collected, as one write, through the line as faults have made it."""
        if self._gateway.is_mute(self):
            return
        out, self._out = self._out, []
        if not out:
            return
        line = self._gateway.faults.line_of(self.client_id)
        data = out[0] if len(out) == 1 else b"".join(out)
        if line == CLEAN and self._bad_line.idle:
            self.send_now(data)
        else:
            self._bad_line.send(data, line)

    def send_now(self, data: bytes) -> None:
        """Writes past everything collected."""
        transport = self.transport
        if transport is None or transport.is_closing():
            return
        transport.write(data)
        if transport.get_write_buffer_size() > MAX_UNSENT:
            log.warning("client_too_slow", client_id=self.client_id)
            transport.abort()

    def close(self) -> None:
        """Sends what is left and ends the connection."""
        self._ended_here = True
        self.flush()
        if self.transport is not None:
            self.transport.close()

    def pause_reading(self) -> None:
        if self.transport is not None:
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.resume_reading()
            self.data_received(b"")

    def count(self, kind: str) -> int:
        """How many subscriptions of a kind there are."""
        return sum(1 for held, _ in self.subscriptions if held == kind)

    def drop_subscription(self, subscription: Subscription) -> None:
        for key, here in list(self.subscriptions.items()):
            if here is subscription:
                del self.subscriptions[key]

    def reset(self) -> None:
        self._ended_here = True
        if self.transport is not None:
            self.transport.abort()

    # ---- in

    def _read(self) -> None:
        if not self.version:
            offered = self._splitter.version_range()
            if offered is None:
                return
            version = min(offered.highest, self._gateway.settings.max_version)
            if version < versions.MIN_VERSION or offered.lowest > version:
                log.warning("version_refused", lowest=offered.lowest, highest=offered.highest)
                raise MalformedRequest(f"version {offered.highest} is too old")
            self.version = version
            self.write(messages.handshake(version, self._gateway.clock.now(), self._gateway.zones))
            self.flush()
        while (payload := self._splitter.payload()) is not None:
            self._one(payload)
            if self._ended_here:
                return

    def _one(self, payload: bytes) -> None:
        try:
            request = decode(payload, self.version)
        except MalformedRequest as broken:
            self.error(-1, 320, f"Error reading request:{broken}")
            return
        if self.client_id is None:
            if not isinstance(request, StartApi):
                raise MalformedRequest(f"{type(request).__name__} before START_API")
            self._gateway.start_api(self, request)
            return
        self._handle(request)

    def _handle(self, request: Request) -> None:
        exceeded = self.limits.rate_exceeded(self._gateway.clock.now())
        if exceeded is not None:
            self.error(request.reply_id, 100, exceeded)
        try:
            self._gateway.handle(self, request)
        except RequestRefused as refused:
            self.error(
                refused.request_id if refused.request_id != -1 else request.reply_id,
                refused.code,
                refused.text,
            )
