"""The session's shell: one socket, one timer, and the way of bytes and requests between them and the core.

Everything runs on one event loop (plain asyncio or uvloop). Received bytes are cut into frames; ticks go
out in batches through `on_ticks`, everything else becomes an event for the core and then for `on_event`;
the order in which the gateway sent them is kept between the two. Requests pass the message budget and are
encoded when they are written, so that an order can take its id at that moment: a lower id written after a
higher one would be a duplicate (103).

Callbacks are called from the loop and must not raise: an exception drops the connection.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from time import monotonic

from twsmq_protocol.metrics import METRICS
from twsmq_transport.metrics import Histogram

from twsmq_nodes.runtime.alarm import Alarm
from twsmq_nodes.runtime.driver import Driver
from twsmq_nodes.runtime.timer import TimerFired
from twsmq_nodes.tws import core_events as ev
from twsmq_nodes.tws.adapter import HIGHEST_SERVER_VERSION, MAX_SERVER_VERSION, Codec
from twsmq_nodes.tws.connection import Connection, why_unreachable
from twsmq_nodes.tws.core import DEFAULT_TIMING, SessionCore, State, Timing
from twsmq_nodes.tws.encoded import Encoded, Sent
from twsmq_nodes.tws.errors import EncodeRefused, NotConnected, TwsError
from twsmq_nodes.tws.events import Event, GatewayError
from twsmq_nodes.tws.framing import MIN_SERVER_VERSION, handshake
from twsmq_nodes.tws.learned_rate import LearnedRate
from twsmq_nodes.tws.pacing import Pacer, Priority
from twsmq_nodes.tws.requests import ReqCurrentTime, Request, StartApi
from twsmq_nodes.tws.session_events import SessionEvent
from twsmq_nodes.tws.ticks import Tick, take_ticks, tick_of
from twsmq_nodes.tws.waiting import Thunk, Waiting, name_of

FRAMES_A_TURN, EVENT_FRAMES, TURN_S = 16_384, 64, 0.01
"""What one turn of the loop is spent on: so many ticks, of which a frame for ibapi's decoder counts as many
as it costs, and no longer than that once there was one. As many as a read of 256 KiB holds, or each topic
would be published more often; few enough that the mailbox is answered between."""


class TwsSession:
    """A connection to TWS or IB Gateway that comes back by itself."""

    def __init__(
        self,
        host: str,
        port: int,
        client_id: int,
        *,
        on_event: Callable[[Event], None],
        on_session_event: Callable[[SessionEvent], None],
        on_ticks: Callable[[list[Tick]], None],
        on_read_end: Callable[[], None] | None = None,
        on_short: Callable[[], None] | None = None,
        rate: float = 45.0,
        max_server_version: int = MAX_SERVER_VERSION,
        timing: Timing = DEFAULT_TIMING,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """`rate`: messages per second this session may write, 0 for no limit. Needs a running loop.

        `max_server_version`: above 200 messages are protobuf, read and written by ibapi's own classes, slower
        than text; never more than the installed ibapi speaks.

        `on_read_end`: everything that came in one read of the socket has been handed over. `on_short`:
        something waits for the message budget.
        """
        self._loop = asyncio.get_running_loop()
        self._host = host
        self._on_short = on_short
        self._on_event = on_event
        self._on_session_event = on_session_event
        self._on_ticks = on_ticks
        self._on_read_end = on_read_end
        self._highest = max(MIN_SERVER_VERSION, min(max_server_version, HIGHEST_SERVER_VERSION))
        versions = range(MIN_SERVER_VERSION, self._highest + 1)
        self._core = SessionCore(client_id, port, versions, jitter, timing)
        self.pacer: Pacer[Waiting] = Pacer(rate, self._loop.time())
        self._sent = 0
        self.waits = Histogram(METRICS["gateway_budget_wait_seconds"].bounds)
        self.learned = LearnedRate(rate)
        self._codec: Codec | None = None
        self._connection: Connection | None = None
        self._connections: set[Connection] = set()  # with those that are closing
        self._attempt: asyncio.Task[None] | None = None
        self._wake = Alarm(self._drain)
        self._driver: Driver[ev.Input, ev.Action] = Driver(
            self._core.handle, self._carry_out, lambda: self._core.wake_at, TimerFired()
        )
        self._feed = self._driver.feed
        self._draining = False
        self._last_req_id = 0

    # -- for the node

    @property
    def state(self) -> State:
        return self._core.state

    @property
    def server_version(self) -> int | None:
        """As negotiated; None before."""
        return self._core.server_version

    @property
    def connection_time(self) -> str:
        """The gateway's clock at the last handshake, as sent: "20260415 18:28:34 Central European Time"."""
        return self._core.connection_time

    @property
    def upstream(self) -> bool:
        """Whether the gateway is connected to IBKR, as far as is known."""
        return self._core.upstream

    @property
    def last_received(self) -> float:
        """When anything last came from the gateway, by the loop's clock."""
        return self._core.last_received

    @property
    def queued(self) -> int:
        """Requests waiting for the message budget or for the socket."""
        return len(self.pacer)

    @property
    def sent(self) -> int:
        """Messages written to the gateway since this process started."""
        return self._sent + (0 if self._connection is None else self._connection.written)

    def _count_written(self) -> None:
        """The connection is about to be replaced: what it wrote stays counted."""
        if self._connection is not None:
            self._sent += self._connection.written
            self._connection.written = 0

    def open(self) -> None:
        """Starts connecting, and keeps at it until `close`."""
        self._feed(ev.Open())

    def close(self) -> None:
        """Ends the session; requests still queued are refused."""
        self._feed(ev.Shut())

    async def wait_closed(self) -> None:
        """Returns once every socket this session has opened is closed."""
        while self._connections:
            await asyncio.gather(*(connection.gone for connection in self._connections))

    def next_req_id(self) -> int:
        """An id no other request of this session has had. Order ids are another matter: they are the
        orders node's own."""
        self._last_req_id += 1
        return self._last_req_id

    def send(
        self,
        request: Request | Encoded | Thunk,
        *,
        priority: Priority | None = None,
        on_written: Callable[[Sent], None] | None = None,
        on_refused: Callable[[TwsError], None] | None = None,
    ) -> None:
        """Queues a request, or what makes it when its turn comes.

        Exactly one of `on_written` (the bytes are handed to the socket, no proof of delivery) and
        `on_refused` (EncodeRefused, or NotConnected: surely never written) is called, unless the thunk
        returns None. What is still queued when the session goes down is refused before SessionLost.
        Raises NotConnected if the session is not up.
        """
        if isinstance(request, StartApi | ReqCurrentTime):
            raise EncodeRefused("the session sends it itself, see probe()", request=name_of(request))
        if self._core.state is not State.UP:
            raise NotConnected(name_of(request))
        if priority is None:
            priority = request.PRIORITY if isinstance(request, Request) else Priority.ORDER
        self.pacer.push(Waiting(request, on_written, on_refused, self._loop.time()), priority)
        self._drain()

    def check(self, request: Request) -> None:
        """Raises EncodeRefused if `request` could not be sent; sends nothing."""
        (self._codec or Codec(self._highest)).encode(request)

    def encode(self, request: Sent) -> Encoded:
        """The bytes of `request`, to be sent later in this session and no other. Raises EncodeRefused."""
        return Encoded(request, (self._codec or Codec(self._highest)).encode(request))

    @property
    def thread_writer(self) -> Callable[[bytes], bool] | None:
        """For another thread: writes what `encode` has made on the present connection at once, past all that
        is queued here, if it says True; otherwise nothing was written. None if the session is not up.
        """
        return self._connection.write_from_thread if self._connection and self.state is State.UP else None

    def probe(self) -> None:
        """Asks for the gateway's time, at most once a second; a CurrentTime event answers."""
        self._feed(ev.ProbeWanted())

    def budget_changed(self) -> None:
        """The pacer may let more out than before."""
        self._drain()

    def set_rate(self, rate: float) -> None:
        """Changes the message budget, in messages per second."""
        self.learned.configure(rate)
        self.pacer.set_rate(self.learned.rate, self._loop.time())
        self._drain()

    @property
    def rate(self) -> float:
        """Messages per second at present: less than configured while the gateway complains (code 100)."""
        return self.learned.rate

    # -- the core's actions

    def _carry_out(self, action: ev.Action) -> None:
        match action:
            case ev.Notify(event):
                if self._connection is None:
                    self._forget()  # what will not be written any more is refused before anything else
                self._on_session_event(event)
            case ev.Send(request):
                self.pacer.charge(self._loop.time())
                if self._codec is not None and self._connection is not None:
                    self._connection.write(self._codec.encode(request))
            case ev.Connect(port):
                self._attempt = self._loop.create_task(self._connect(port))
            case ev.SendHandshake():
                if self._connection is not None:
                    self._connection.write(handshake(MIN_SERVER_VERSION, self._highest))
            case ev.UseVersion(server_version):
                self._codec = Codec(server_version)
                self.learned.began()
                self.pacer.set_rate(self.learned.rate, self._loop.time())
                if self._codec.raw_ids and self._connection is not None:
                    self._connection.use_raw_ids()
            case ev.Close(_, flush):
                self._drop_connection(flush=flush)

    async def _connect(self, port: int) -> None:
        connection = Connection(self)
        self._count_written()
        self._connection = connection
        try:
            await self._loop.create_connection(lambda: connection, self._host, port)
        except OSError as error:
            reason, ours = why_unreachable(error, self._host, port)
            self.connection_lost(connection, reason, ours=ours)

    def _drop_connection(self, *, flush: bool) -> None:
        self._count_written()
        connection, self._connection = self._connection, None
        if self._attempt is not None:
            self._attempt.cancel()
            self._attempt = None
        if connection is not None:
            connection.close(flush=flush)
        self._forget()

    def _forget(self) -> None:
        """The connection is gone: nothing queued will be written any more."""
        self._codec = None
        self._wake.set(None)
        for waiting in self.pacer.clear():
            if waiting.on_refused is not None:
                waiting.on_refused(NotConnected(name_of(waiting.request)))

    # -- from the connection; a connection that is not the current one is not listened to

    def connection_opened(self, connection: Connection) -> None:
        self._connections.add(connection)
        if connection is self._connection:
            self._feed(ev.Connected())

    def connection_lost(self, connection: Connection, reason: str, *, ours: bool = False) -> None:
        if connection is self._connection:
            self._count_written()
            self._connection = None
            self._feed(ev.LinkLost(reason, garbled=connection.garbled, ours=ours))

    def connection_gone(self, connection: Connection) -> None:
        self._connections.discard(connection)

    def connection_writable(self, connection: Connection) -> None:
        if connection is self._connection:
            self._drain()

    def frames_received(self, connection: Connection, frames: list[bytes]) -> int:
        """Delivers what one turn of the loop may be spent on; how many frames that was, all of them if the
        connection was dropped by what one of them brought about."""
        if connection is not self._connection:
            return len(frames)
        self._core.received(self._loop.time())
        at = 0
        if self._core.state is State.HANDSHAKING and frames:
            self._feed(ev.HandshakeReceived(frames[0]))
            at = 1
        at = self._take_turn(connection, frames, at)
        if self._on_read_end is not None:
            self._on_read_end()
        return at if connection is self._connection and self._codec is not None else len(frames)

    def _take_turn(self, connection: Connection, frames: list[bytes], at: int) -> int:
        """From `at` on; where it ends."""
        left, until = FRAMES_A_TURN, monotonic() + TURN_S
        while at < len(frames) and left > 0 and connection is self._connection and self._codec is not None:
            ticks: list[Tick] = []
            frame = b""
            if self._codec.raw_ids:  # text takes the fast way too, protobuf only ibapi's
                frame = self._codec.plain(frames[at])
                taken = 0 if frame.startswith(b"\0") else take_ticks((frame,), 0, ticks)
            else:
                taken = take_ticks(frames, at, ticks, left) - at
            at, left = at + taken, left - taken
            if ticks:
                self._on_ticks(ticks)
            if at == len(frames) or left <= 0 or connection is not self._connection or (frame and taken):
                continue
            for event in self._codec.decode(frame or frames[at]):
                if connection is self._connection:
                    self._deliver(event)
            at, left = at + 1, left - EVENT_FRAMES
            if monotonic() >= until:
                break
        return at

    def _deliver(self, event: Event) -> None:
        ticks = tick_of(event)
        if ticks is not None:
            self._on_ticks(ticks)
            return
        if isinstance(event, GatewayError):
            self._learn_rate(event)
        self._on_event(event)
        if self._core.concerns(event):
            self._feed(event)

    def _learn_rate(self, error: GatewayError) -> None:
        now = self._loop.time()
        if self.learned.complained(error, now):
            self.pacer.set_rate(self.learned.rate, now)
            self.pacer.charge(now, int(self.learned.rate) + 1)  # a second of silence
            self._come_back()

    # -- outgoing

    def _drain(self) -> None:
        """Writes what the budget allows; comes back by itself for the rest."""
        if self._draining:  # called again from a callback below: the loop there goes on
            return
        self._draining = True
        if self.learned.recovered(self._loop.time()):
            self.pacer.set_rate(self.learned.rate, self._loop.time())
        try:
            while self._connection is not None and self._codec is not None and self._connection.writable:
                waiting = self.pacer.take(self._loop.time())
                if waiting is None:
                    break
                self._write(waiting, self._connection, self._codec)
        finally:
            self._draining = False
            self._come_back()

    def _come_back(self) -> None:
        writable = self._connection is not None and self._connection.writable
        now = self._loop.time()
        wake_at = self.pacer.wake_at(now) if writable else None
        if wake_at is not None and wake_at > now and self._on_short is not None:
            self._on_short()
        self._wake.set(wake_at)

    def _write(self, waiting: Waiting, connection: Connection, codec: Codec) -> None:
        given = waiting.request
        request = given if isinstance(given, Request | Encoded) else given()
        if request is None:
            self.pacer.refund()
            return
        try:
            data = request.data if isinstance(request, Encoded) else codec.encode(request)
        except EncodeRefused as refused:
            self.pacer.refund()
            if waiting.on_refused is not None:
                waiting.on_refused(refused)
            return
        connection.write(data)
        self.waits.observe(self._loop.time() - waiting.since)
        if waiting.on_written is not None:
            waiting.on_written(request.request if isinstance(request, Encoded) else request)
