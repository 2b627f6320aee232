"""Sockets that clients reach: requests and events, and what one client may make us hold and do.

Bounds: whatever a peer does, what it makes us hold is bounded in bytes, by a limit on each message, by a
queue of few messages for each peer, behind which TCP makes it wait, and by an account of each connection
(`peers`), which ends it. Its share of our time is bounded by `turns`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import Any

import zmq
from twsmq_protocol.errors import ConfigError

from . import descriptors
from .connections import Connections, acknowledged
from .grants import Grants
from .peers import Bounds, request_bounds, topic_bounds, wire_size
from .security import OFF, Security
from .sockets import SWALLOWED_S, LoopSocket, tuned
from .turns import Turns

REQUEST_BYTES = 1024 * 1024 + 64 * 1024
"""Above this libzmq drops the peer without a word; requests are refused in words from 256 KiB on."""
REQUESTS_PER_PEER = 16
"""Complete requests of one peer that libzmq reads ahead; the rest waits in its own send queue. With the bound
on each this bounds what a peer can make us hold."""
REPLIES_PER_PEER = 128
"""Replies that libzmq holds for one peer; see `mailbox` for those beyond."""
TOPIC_BYTES = 1024
"""The longest topic a subscription may name: SPEC's longest is some 600 bytes."""
SUBSCRIPTION_BYTES = TOPIC_BYTES + 64
"""What comes in on an XPUB is a topic and a few bytes around it. libzmq keeps each subscription in a tree
that takes about 50 times the bytes of a topic; `peers` keeps the account."""
SUBSCRIPTIONS_PER_PEER = 8
SUBSCRIPTION_BUFFER, REQUEST_BUFFER = 16 * 1024, 512 * 1024
"""Of the kernel, for each peer: what it has still comes in after the connection was ended."""
SETTLE_S = 0.1
_EVENTS, _POLLIN, _RCVMORE = int(zmq.EVENTS), int(zmq.POLLIN), int(zmq.RCVMORE)
_NOBLOCK, _MORE = int(zmq.NOBLOCK), int(zmq.NOBLOCK | zmq.SNDMORE)
"""Plain numbers: flags that are enums cost more than the message."""
FRAMES = 1000
"""Of a request; one that has more ends its peer's connection. A request has one, or two."""
PEERS_KNOWN = 10_000
"""Connections whose name is remembered, from a request to its turn."""
NOBODY: tuple[str, int | None] = ("", None)
SKIPPED_AT_ONCE = 2000
AHEAD_MESSAGES, AHEAD_BYTES = 256, 2 * 1024 * 1024
"""How many requests of all peers are taken out of libzmq to decide whose turn it is."""


class ServerSocket(LoopSocket):
    """A socket of which each connection has an account.

    encrypted: whether its peers have keys, and so names.
    """

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        socket: zmq.Socket[bytes],
        on_message: Callable[[list[bytes]], None],
        *,
        wanted_by: str,
        encrypted: bool,
        bounds: Bounds,
        swallowed_s: float = 0.0,
        after_pass: Callable[[], None] | None = None,
    ) -> None:
        self.user = ""
        """Who sent the message that is being handled: their public key, empty while keys are off."""
        self._encrypted = encrypted
        self._skipping = False
        # The backend's own, see `LoopSocket`.
        self._receive: Callable[..., Any] = super(zmq.Socket, socket).recv
        self._get: Callable[[int], Any] = super(zmq.Socket, socket).get
        super().__init__(socket, on_message, swallowed_s=swallowed_s, after_pass=after_pass)
        self.connections = Connections(context, socket, wanted_by, bounds, self._much_came)

    def close(self) -> None:
        if not self._closed:
            self.connections.close()
        super().close()

    def _much_came(self) -> None:
        """In the thread of `connections`."""

    def _rest(self, frames: list[bytes]) -> bool:
        """Read what follows the first frames of a message; False if it has more than any that means well.

        Those beyond are thrown away, a part in each pass, for nobody else is served before they are.
        """
        while self._get(_RCVMORE):
            if len(frames) > FRAMES:
                self._skipping = True
                return False
            frames.append(self._receive(zmq.NOBLOCK))
        return True

    def _skipped(self) -> bool:
        """Whether the rest of a message with too many frames has been thrown away."""
        for _ in range(SKIPPED_AT_ONCE):
            if not self._get(_RCVMORE):
                self._skipping = False
                return True
            self._receive(zmq.NOBLOCK)
        self._schedule_pass()
        return False

    def _account(self, fd: int | None, frames: list[bytes]) -> None:
        self.connections.handed(fd, wire_size(frames, encrypted=self._encrypted))


class TopicSocket(ServerSocket):
    """An XPUB, of which each subscription is put to its peer's account.

    sender: the connection that sent what is being handled, None where it has vanished.
    """

    sender: int | None = None

    def grants(self) -> Grants:
        """Of that connection, kept by whoever grants."""
        return self.connections.grants(self.sender)

    def _read(self) -> list[bytes] | None:
        # Not EVENTS for each: to ask lets libzmq add what came since, before we have learnt what it added.
        if self._skipping and not self._skipped():
            return None
        try:
            first = self._receive(zmq.NOBLOCK, copy=False)
        except zmq.Again:
            self.connections.drained()
            return None
        frames = [first.bytes]
        self.user, fd = _sender(first)
        self.sender = fd
        self.connections.learn()
        if not self._rest(frames) or len(frames) > 1:
            self.connections.drop(fd, "a subscription is one frame")
        self._account(fd, frames)
        if frames[0][:1] == b"\1":
            self.connections.subscribed(fd, frames[0][1:])
        elif frames[0][:1] == b"\0":
            self.connections.unsubscribed(fd, frames[0][1:])
        return frames


class FairSocket(ServerSocket):
    """A ROUTER whose peers share its time: see `turns`."""

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        socket: zmq.Socket[bytes],
        on_message: Callable[[list[bytes]], None],
        *,
        wanted_by: str,
        encrypted: bool,
        after_pass: Callable[[], None] | None = None,
    ) -> None:
        self._turns = Turns()
        self._known: dict[bytes, tuple[str, int | None]] = {}
        self._handled: dict[bytes, int] = {}  # in this pass, by peer
        super().__init__(
            context,
            socket,
            on_message,
            wanted_by=wanted_by,
            encrypted=encrypted,
            bounds=request_bounds(descriptors.peers_allowed()),
            after_pass=after_pass,
        )
        self._next_look = self._loop.call_later(SETTLE_S, self._look)

    def close(self) -> None:
        self._next_look.cancel()
        super().close()

    def send_frames(self, frames: list[bytes]) -> None:
        """One message, whole or not at all. Raises `zmq.Again` where the peer's queue is full, and another
        `ZMQError` where it is gone. `sent` is to be called afterwards.
        """
        for frame in frames[:-1]:
            self._send(frame, _MORE)
        self._send(frames[-1], _NOBLOCK)

    def taken_by(self, peer: bytes) -> int | None:
        """How many bytes its system has acknowledged ever; None if that cannot be known."""
        fd = self._known.get(peer, NOBODY)[1]
        return None if fd is None else acknowledged(fd)

    def drop(self, peer: bytes, reason: str) -> None:
        """End its connection."""
        self.connections.drop(self._known.get(peer, NOBODY)[1], reason)

    def _much_came(self) -> None:
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._look)

    def _look(self) -> None:
        """Whoever holds much although nothing complete waits sends what does not end."""
        if self._closed:
            return
        self._next_look.cancel()
        self._next_look = self._loop.call_later(SETTLE_S, self._look)
        if self._get(_EVENTS) & _POLLIN:
            self._schedule_pass()  # to ask has swallowed the edge
        else:
            self.connections.look(drained=True)

    def _next(self) -> list[bytes] | None:
        turns = self._turns
        while turns.count < AHEAD_MESSAGES and turns.size < AHEAD_BYTES:
            frames = self._read()
            if frames is None:
                break
            if frames:
                turns.add(frames)
        return turns.take()

    def _read(self) -> list[bytes] | None:
        """The next message, none of it if it is one to throw away; None if none waits."""
        if self._skipping and not self._skipped():
            return None
        if not self._get(_EVENTS) & _POLLIN:
            return None
        try:
            peer = self._receive(zmq.NOBLOCK)
        except zmq.Again:
            return None
        frames = [peer]
        known = self._known.get(peer)
        # With keys each time: a raw peer may take the name of one that is gone, and would get its rights.
        if known is None or self._encrypted:
            second = self._receive(zmq.NOBLOCK, copy=False)
            frames.append(second.bytes)
            sender = _sender(second)
            if sender != known:
                self.connections.learn()
            known = sender
            self._remember(peer, known)
        if not self._rest(frames):
            self.connections.drop(known[1], f"a request of more than {FRAMES} frames")
            return []
        self._account(known[1], frames[1:])
        return frames

    def _handle(self, frames: list[bytes]) -> None:
        began, peer = monotonic(), frames[0]
        self.user = self._known.get(peer, NOBODY)[0]
        self._handled[peer] = self._handled.get(peer, 0) + 1
        try:
            self._on_message(frames)
        finally:
            self._turns.charge(peer, monotonic() - began)

    def _remember(self, peer: bytes, known: tuple[str, int | None]) -> None:
        """Who has been silent longest is forgotten first."""
        self._known.pop(peer, None)
        self._known[peer] = known
        if len(self._known) > PEERS_KNOWN:
            del self._known[next(iter(self._known))]

    def _passed(self) -> None:
        began = monotonic()
        super()._passed()
        self._turns.bill(self._handled, monotonic() - began)
        self._handled.clear()


def bind_requests(
    context: zmq.Context[zmq.Socket[bytes]],
    endpoint: str,
    on_message: Callable[[list[bytes]], None],
    *,
    wanted_by: str,
    after_pass: Callable[[], None] | None = None,
    security: Security = OFF,
) -> FairSocket:
    """A ROUTER that listens on `endpoint`. Raises `ConfigError` when it cannot.

    It tells a peer that is gone (EHOSTUNREACH) and one that does not read (EAGAIN) from one that does. No
    ROUTER_HANDOVER: a second peer of the same name would get the replies to the first.
    """
    socket = tuned(
        context,
        zmq.ROUTER,
        {
            zmq.SNDHWM: REPLIES_PER_PEER,
            zmq.RCVHWM: REQUESTS_PER_PEER,
            zmq.RCVBUF: REQUEST_BUFFER,
            zmq.MAXMSGSIZE: REQUEST_BYTES,
            zmq.ROUTER_MANDATORY: 1,
        },
        security.serving(wanted_by),
    )
    bound = _bound(socket, endpoint, wanted_by)
    return FairSocket(
        context, bound, on_message, wanted_by=wanted_by, encrypted=security.on, after_pass=after_pass
    )


def bind_events(
    context: zmq.Context[zmq.Socket[bytes]],
    endpoint: str,
    on_message: Callable[[list[bytes]], None],
    *,
    send_queue: int,
    wanted_by: str,
    security: Security = OFF,
    manual: bool = False,
) -> TopicSocket:
    """An XPUB that listens on `endpoint`. Raises `ConfigError` when it cannot.

    manual: nothing is subscribed to but what is granted while a wish is being handled.
    """
    socket = tuned(
        context,
        zmq.XPUB,
        {
            zmq.SNDHWM: send_queue,
            zmq.RCVHWM: SUBSCRIPTIONS_PER_PEER,
            zmq.RCVBUF: SUBSCRIPTION_BUFFER,
            zmq.MAXMSGSIZE: SUBSCRIPTION_BYTES,
            zmq.XPUB_VERBOSE: 1,  # never VERBOSER: its counts leak
            **({zmq.XPUB_MANUAL: 1} if manual else {}),
        },
        security.serving(wanted_by),
    )
    bound = _bound(socket, endpoint, wanted_by)
    return TopicSocket(
        context,
        bound,
        on_message,
        wanted_by=wanted_by,
        encrypted=security.on,
        bounds=topic_bounds(descriptors.peers_allowed()),
        swallowed_s=SWALLOWED_S,
    )


def _bound(socket: zmq.Socket[bytes], endpoint: str, wanted_by: str) -> zmq.Socket[bytes]:
    try:
        socket.bind(endpoint)
    except zmq.ZMQError as error:
        socket.close(0)
        raise ConfigError(
            f"cannot listen on {endpoint} for {wanted_by}: {error.strerror}; end whoever uses that port "
            "or set another [cluster] port_base"
        ) from error
    return socket


def _sender(frame: zmq.Frame) -> tuple[str, int | None]:
    """Who sent it: the public key it came under, as the gatekeeper let it in, and the descriptor of its
    connection. Empty without keys, None for what came from no connection.
    """
    try:
        user = str(frame.get("User-Id"))
    except zmq.ZMQError:
        user = ""
    try:
        return user, int(frame.get("__fd"))
    except (zmq.ZMQError, ValueError):
        return user, None
