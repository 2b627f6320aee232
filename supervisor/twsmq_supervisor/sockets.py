"""The supervisor's ZeroMQ sockets on an asyncio loop: a mailbox, an outbox, an ear for the nodes, and an
asker for a simulator.

A ZeroMQ socket's FD is edge-triggered, and sending swallows the edge. So whenever the FD fires, and after
every send, all that is there is read; looking at EVENTS is the last thing done before the loop goes on.

Nothing here blocks: what a peer does not take is dropped.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, cast

import msgspec
import zmq
from msgspec import Struct
from msgspec.structs import replace
from twsmq_protocol.codec import encode_event
from twsmq_protocol.envelope import Event

Frames = list[bytes]

_HEARTBEAT_MS, _HEARTBEAT_TIMEOUT_MS = 1000, 3000
_MAX_MESSAGE_BYTES = 8 * 1024 * 1024
_BATCH = 200
LINGER_MS = 500
_STATUS = msgspec.msgpack.encode({"v": 1, "id": None, "op": "status"})


def _new_socket(context: zmq.Context[Any], kind: int) -> zmq.Socket[bytes]:
    """Its options are set before it is bound or connected: later ones do not count for that."""
    socket = context.socket(kind)
    socket.setsockopt(zmq.LINGER, LINGER_MS)
    socket.setsockopt(zmq.MAXMSGSIZE, _MAX_MESSAGE_BYTES)
    socket.setsockopt(zmq.HEARTBEAT_IVL, _HEARTBEAT_MS)
    socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, _HEARTBEAT_TIMEOUT_MS)
    return socket


class Watched:
    """A socket whose incoming messages are handed to `on_message` as they come."""

    def __init__(self, socket: zmq.Socket[bytes], on_message: Callable[[Frames], None]) -> None:
        self.socket = socket
        self._on_message = on_message
        self._loop = asyncio.get_running_loop()
        self._scheduled = False
        self._fd = cast("int", socket.getsockopt(zmq.FD))
        self._loop.add_reader(self._fd, self._read)
        self.look_again()

    def send(self, frames: Frames) -> None:
        with suppress(zmq.ZMQError):  # the peer is gone or takes nothing: it asks again or sees the gap
            self.socket.send_multipart(frames, zmq.NOBLOCK)
        self.look_again()

    def look_again(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._read)

    def close(self) -> None:
        self._loop.remove_reader(self._fd)
        self.socket.close()

    def _read(self) -> None:
        self._scheduled = False
        if self.socket.closed:
            return
        for _ in range(_BATCH):
            if not self.socket.getsockopt(zmq.EVENTS) & zmq.POLLIN:  # pyright: ignore[reportOperatorIssue]
                return
            self._on_message(self.socket.recv_multipart(zmq.NOBLOCK))
        self.look_again()


class Mailbox:
    """Requests in, exactly one reply each, to DEALER and REQ alike (a delimiter frame is mirrored)."""

    def __init__(self, context: zmq.Context[Any], endpoint: str, answer: Callable[[bytes], bytes]) -> None:
        socket = _new_socket(context, zmq.ROUTER)
        socket.bind(endpoint)
        self._answer = answer
        self._watched = Watched(socket, self._on_message)

    def _on_message(self, frames: Frames) -> None:
        sender, *body = frames
        delimiter = [b""] if len(body) > 1 and not body[0] else []
        request = body[len(delimiter) :]
        # More frames than one are no request either: an empty one gets the answer that says so.
        self._watched.send([sender, *delimiter, self._answer(request[0] if len(request) == 1 else b"")])

    def close(self) -> None:
        self._watched.close()


class Outbox:
    """Events out. `snapshot` gives the present state by topic: each newcomer is told what it asked for."""

    def __init__(
        self,
        context: zmq.Context[Any],
        endpoint: str,
        snapshot: Callable[[], Iterable[tuple[str, Event]]],
        *,
        source: str,
        queue: int,
    ) -> None:
        socket = _new_socket(context, zmq.XPUB)
        socket.setsockopt(zmq.XPUB_VERBOSE, 1)
        socket.setsockopt(zmq.SNDHWM, queue)
        socket.bind(endpoint)
        self.incarnation = time.time_ns()
        self._snapshot = snapshot
        self._source = source
        self._seqs: Counter[str] = Counter()
        self._watched = Watched(socket, self._on_message)

    def publish(self, topic: str, event: Event) -> None:
        self._seqs[topic] += 1
        stamped = replace(
            event, src=self._source, inc=self.incarnation, seq=self._seqs[topic], ts=time.time_ns()
        )
        self._watched.send([encode_event(topic, stamped)])

    def close(self) -> None:
        self._watched.close()

    def _on_message(self, frames: Frames) -> None:
        kind, prefix = frames[0][:1], frames[0][1:]
        if kind != b"\x01":
            return
        for topic, event in self._snapshot():
            if topic.encode().startswith(prefix):
                self.publish(topic, event)


class Ear:
    """Events from others. `endpoints` need not be there yet."""

    def __init__(
        self,
        context: zmq.Context[Any],
        endpoints: Iterable[str],
        topics: Iterable[str],
        on_frame: Callable[[bytes], None],
    ) -> None:
        socket = _new_socket(context, zmq.SUB)
        socket.setsockopt(zmq.RECONNECT_IVL, 50)
        for topic in topics:
            socket.subscribe(topic)
        for endpoint in endpoints:
            socket.connect(endpoint)
        self._watched = Watched(socket, lambda frames: on_frame(frames[0]))

    def close(self) -> None:
        self._watched.close()


class Life(Struct, frozen=True):
    """What an answer to `status` must hold, whatever else is in it."""

    pid: int


class _Answer(Struct, frozen=True):
    result: Life


class Asker:
    """Asks a simulator's control socket how it is; `on_answer` is given the pid of whoever answered.

    Only who is there is asked: nothing is kept for one that is still to come.
    """

    def __init__(self, context: zmq.Context[Any], endpoint: str, on_answer: Callable[[int], None]) -> None:
        socket = _new_socket(context, zmq.DEALER)
        socket.setsockopt(zmq.RECONNECT_IVL, 50)
        socket.setsockopt(zmq.IMMEDIATE, 1)
        socket.setsockopt(zmq.LINGER, 0)
        socket.connect(endpoint)
        self._on_answer = on_answer
        self._watched = Watched(socket, self._on_message)

    def ask(self) -> None:
        self._watched.send([_STATUS])

    def close(self) -> None:
        self._watched.close()

    def _on_message(self, frames: Frames) -> None:
        with suppress(msgspec.MsgspecError):  # somebody else on that port: no sign of life of ours
            self._on_answer(msgspec.msgpack.decode(frames[-1], type=_Answer).result.pid)
