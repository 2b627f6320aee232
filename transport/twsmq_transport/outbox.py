"""A node's outbox: an XPUB that numbers what it publishes and greets newcomers.

Invariants: `seq` counts per topic from 1 without gaps for the life of this incarnation; every frame is topic,
NUL, map. What was published with `retain` is state: whoever subscribes to any prefix of its topic gets it
again, marked `snapshot`, under the next seq (all subscribers of the topic see that repeat). So who subscribes
again and again would make everybody else read; beyond `REPEATS_AT_ONCE` repeats wait, each topic once for all
who want it, and go out `REPEATS_PER_S` a second.

XPUB shows presence per topic, never who: nothing here knows subscribers. A raw peer may send any frame.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from itertools import islice
from time import monotonic, time_ns
from typing import Any

import msgspec
import structlog
import zmq
from twsmq_protocol import codec, rights
from twsmq_protocol.envelope import PROTOCOL_VERSION, Event
from twsmq_protocol.errors import ConfigError
from twsmq_protocol.system_events import Denied

from . import servers
from .allowance import TOPICS_PER_KEY, is_own
from .retained import Retained
from .security import OFF, Security

log = structlog.stdlib.get_logger()

REBIND_S, REBIND_AGAIN_S = 10.0, 0.02
REPEATS_AT_ONCE, REPEATS_PER_S = 20_000.0, 5_000.0
REPEAT_S = 0.05
CLOSED_TOPICS = 20_000
"""Topics that ended whose numbers are remembered. Clients invent topics, so they must not add up."""


class Outbox:
    """Binds `endpoint`.

    on_presence(topic, wanted): somebody wants exactly `topic`, or nobody is left. narrows: with keys, each
    wish is narrowed to the rights of who wishes; nobody can count subscribers then.
    """

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        endpoint: str,
        *,
        name: str,
        incarnation: int,
        send_queue: int,
        on_presence: Callable[[str, bool], None] | None = None,
        security: Security = OFF,
        narrows: bool = False,
    ) -> None:
        self.name = name
        self._security = security
        self._narrows = security.on and narrows
        self.incarnation = incarnation
        self._on_presence = on_presence
        self._seqs: dict[str, int] = {}
        self._closed: dict[str, int] = {}
        self._floor = 0  # no number that was given up is higher
        self._given_up: Counter[str] = Counter()
        self._retained = Retained()
        self._owed: dict[str, None] = {}  # topics to be repeated, the oldest wish first
        self._repeats = REPEATS_AT_ONCE
        self._repeats_at = monotonic()
        self._repeating: asyncio.TimerHandle | None = None
        self._open = partial(
            servers.bind_events,
            context,
            endpoint,
            self._received,
            send_queue=send_queue,
            wanted_by=f"{name} events",
            security=security,
            manual=self._narrows,
        )
        self._wanted: set[str] = set()
        self._topics: dict[str, set[str]] = {}  # wishes, by the name of a key
        self._rebinding: asyncio.TimerHandle | None = None
        self._socket = self._open()
        self.send_frame = self._socket.send
        """An XPUB never blocks: a subscriber whose queue is full loses the message and sees it in `seq`. To
        be
        asked for at each use: it is another one after `reopen`."""

    def reopen(self) -> None:
        """Let everybody come in anew, by their rights as they are now: libzmq cannot drop a single peer.

        Their SUB sockets reconnect by themselves; what they miss meanwhile shows in `seq`.
        """
        self._socket.close()
        self.send_frame = _dropped
        self._bind_again(monotonic() + REBIND_S)
        gone, self._wanted = self._wanted, set()
        self._topics.clear()
        for topic in gone:
            self._announce_presence(topic, wanted=False)

    def _bind_again(self, deadline: float) -> None:
        """libzmq gives an address back some time after its socket was closed, and does not say when."""
        try:
            self._socket = self._open()
        except ConfigError:
            if monotonic() > deadline:
                raise  # ends the process, which starts anew
            loop = asyncio.get_running_loop()
            self._rebinding = loop.call_later(REBIND_AGAIN_S, self._bind_again, deadline)
        else:
            self.send_frame = self._socket.send

    def publish(self, topic: str, event: Event, *, retain: bool = False) -> Event:
        """Stamp `event` with this process's header and the topic's next seq, and send it."""
        stamped = self.stamp(topic, event)
        if retain:
            self._retained.keep(topic, stamped, monotonic())
        self.send_frame(codec.encode_event(topic, stamped))
        return stamped

    def retain(self, topic: str, event: Event) -> None:
        """State that newcomers of `topic` are greeted with, though it is not news."""
        self._retained.keep(topic, event, monotonic())

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
        seq = self._seqs.get(topic)
        if seq is None:
            seq = self._closed.pop(topic, self._floor)
        seq += 1
        self._seqs[topic] = seq
        return seq

    def last_seq(self, topic: str) -> int:
        return self._seqs.get(topic) or self._closed.get(topic, 0)

    def end(self, topic: str) -> None:
        """Nothing more is published under `topic`, unless somebody asks for it anew. Its numbers go on then,
        or from a higher one if very many topics have ended since.
        """
        self.forget(topic)
        seq = self._seqs.pop(topic, None)
        if seq is None:
            return
        self._closed[topic] = seq
        if len(self._closed) > CLOSED_TOPICS:
            for oldest in list(islice(self._closed, CLOSED_TOPICS // 2)):
                seq = self._closed.pop(oldest)
                self._floor = max(self._floor, seq)
                self._given_up[oldest.partition("/")[0]] += seq

    def published(self) -> Counter[str]:
        """How many events, by the first level of their topics."""
        counts = Counter(self._given_up)
        for seqs in (self._seqs, self._closed):
            for topic, seq in seqs.items():
                counts[topic.partition("/")[0]] += seq
        return counts

    def forget(self, topic: str) -> None:
        """No longer greet newcomers of `topic`; its seq goes on."""
        self._retained.forget(topic)

    def close(self) -> None:
        for timer in (self._rebinding, self._repeating):
            if timer is not None:
                timer.cancel()
        self._socket.close()

    def _received(self, frames: list[bytes]) -> None:
        frame = frames[0]
        if len(frames) != 1 or not frame or frame[0] > 1 or len(frame) > servers.TOPIC_BYTES:
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
        if self._narrows:
            self._grant(topic, wanted=wanted)
            return
        if wanted:
            self._greet(topic)
        self._announce_presence(topic, wanted=wanted)

    def _announce_presence(self, topic: str, *, wanted: bool) -> None:
        if self._security.on:  # only then can the socket be opened anew, which unsubscribes nobody in words
            (self._wanted.add if wanted else self._wanted.discard)(topic)
        if self._on_presence is not None:
            self._on_presence(topic, wanted)

    def _grant(self, wish: str, *, wanted: bool) -> None:
        """Subscribe the peer that wishes to what of it is open to its key, and publish to it what is not."""
        identity = self._security.identity(self._socket.user)
        grants = self._socket.grants()
        topics = self._topics.setdefault(identity.name, set())
        if not wanted:
            for held in [topics] if identity.name else self._topics.values():  # who vanished has no name
                held.discard(wish)
            for prefix in grants.withdraw(wish):
                with suppress(zmq.ZMQError):  # of a peer that has vanished: libzmq has forgotten it already
                    self._socket.socket.setsockopt(zmq.UNSUBSCRIBE, prefix.encode())
            return
        granted = rights.narrowed(identity, wish)
        if len(topics) >= TOPICS_PER_KEY and wish not in topics and not is_own(identity.name):
            granted = ()
        else:
            topics.add(wish)
        grants.grant(wish, granted)
        for prefix in granted:
            self._socket.socket.setsockopt(zmq.SUBSCRIBE, prefix.encode())
        if granted != (wish,) and wish != f"{rights.DENIED}/":
            log.warning("subscription narrowed", who=identity.name, wish=wish[:80], granted=granted)
            denied = Denied(wish=wish, granted=granted)
            self.publish(f"{rights.DENIED}/{identity.name}/", denied)
        for prefix in granted:
            self._greet(prefix)

    def _greet(self, prefix: str) -> None:
        self._owed.update((topic, None) for topic in self._retained.below(prefix))
        if self._owed and self._repeating is None:
            self._repeat()

    def _repeat(self) -> None:
        now = monotonic()
        left = self._repeats + (now - self._repeats_at) * REPEATS_PER_S
        self._repeats, self._repeats_at, self._repeating = min(REPEATS_AT_ONCE, left), now, None
        for topic in list(islice(self._owed, int(self._repeats))):
            del self._owed[topic]
            event = self._retained.get(topic, now)
            if event is not None:
                self._repeats -= 1.0
                marked: dict[str, Any] = {"snapshot": True} if hasattr(event, "snapshot") else {}
                self.publish(topic, msgspec.structs.replace(event, **marked))
        if self._owed:
            self._repeating = asyncio.get_running_loop().call_later(REPEAT_S, self._repeat)


def _dropped(frame: bytes | bytearray) -> None:
    """While the socket is opened anew nobody is there; the numbers say what was missed."""
    del frame
