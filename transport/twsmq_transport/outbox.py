"""A node's outbox: an XPUB that numbers what it publishes and greets newcomers.

Invariants: `seq` counts per topic from 1 without gaps for the life of this incarnation; every frame is topic,
NUL, map. What was published with `retain` is state: whoever subscribes to any prefix of its topic gets it
again, marked `snapshot`, under the next seq (all subscribers of the topic see that repeat).

XPUB tells presence per topic, never who: nothing here knows subscribers. A raw peer may send any frame.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from time import time_ns
from typing import Any

import msgspec
import structlog
import zmq
from twsmq_protocol import codec
from twsmq_protocol.envelope import PROTOCOL_VERSION, Event

from . import sockets

log = structlog.stdlib.get_logger()


class Outbox:
    """Binds `endpoint`. `on_presence(topic, wanted)`: somebody wants exactly `topic`, or nobody is left."""

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        endpoint: str,
        *,
        name: str,
        incarnation: int,
        send_queue: int,
        on_presence: Callable[[str, bool], None] | None = None,
    ) -> None:
        self.name = name
        self.incarnation = incarnation
        self._on_presence = on_presence
        self._seqs: dict[str, int] = {}
        self._retained: dict[str, Event] = {}
        self._socket = sockets.bind_events(
            context, endpoint, self._received, send_queue=send_queue, wanted_by=f"{name} events"
        )
        self.send_frame = self._socket.send
        """An XPUB never blocks: a subscriber whose queue is full loses the message and sees it in `seq`."""

    def publish(self, topic: str, event: Event, *, retain: bool = False) -> Event:
        """Stamp `event` with this process's header and the topic's next seq, and send it."""
        stamped = self.stamp(topic, event)
        if retain:
            self._retained[topic] = stamped
        self.send_frame(codec.encode_event(topic, stamped))
        return stamped

    def stamp(self, topic: str, event: Event) -> Event:
        header: dict[str, Any] = {
            "v": PROTOCOL_VERSION,
            "src": self.name,
            "inc": self.incarnation,
            "seq": self.next_seq(topic),
            "ts": time_ns(),
        }
        return msgspec.structs.replace(event, **header)

    def next_seq(self, topic: str) -> int:
        """Take the topic's next number: whoever takes it must publish under it."""
        seq = self._seqs[topic] = self._seqs.get(topic, 0) + 1
        return seq

    def last_seq(self, topic: str) -> int:
        return self._seqs.get(topic, 0)

    def last_seqs(self) -> Iterable[tuple[str, int]]:
        """Every topic that was published under, with its newest number."""
        return self._seqs.items()

    def forget(self, topic: str) -> None:
        """No longer greet newcomers of `topic`; its seq goes on."""
        self._retained.pop(topic, None)

    def close(self) -> None:
        self._socket.close()

    def _received(self, frames: list[bytes]) -> None:
        frame = frames[0]
        if len(frames) != 1 or not frame or frame[0] > 1 or len(frame) > sockets.TOPIC_BYTES:
            log.info("frame on the events socket ignored", bytes=len(frame), frames=len(frames))
            return
        try:
            topic = frame[1:].decode()
        except UnicodeDecodeError:
            log.info("subscription that is not UTF-8 ignored")
            return
        if "\0" in topic:  # no topic holds one: an event under it would be cut there by everybody
            log.info("subscription with a NUL ignored")
            return
        wanted = frame[0] == 1
        if wanted:
            self._greet(topic)
        if self._on_presence is not None:
            self._on_presence(topic, wanted)

    def _greet(self, prefix: str) -> None:
        for topic in [topic for topic in self._retained if topic.startswith(prefix)]:
            event = self._retained[topic]
            marked: dict[str, Any] = {"snapshot": True} if hasattr(event, "snapshot") else {}
            self.publish(topic, msgspec.structs.replace(event, **marked))
