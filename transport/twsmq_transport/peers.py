"""What each connection of one server socket makes this process hold, and which of them must go. Pure.

Theory: libzmq bounds how many complete messages of a peer it holds, and how long a frame is, but neither how
many frames a message has, nor what a peer subscribes to, nor how many peers there are. So each connection has
an account, known by its descriptor:

    held   = bytes libzmq took from the kernel − bytes of messages that were handed to us
    topics = bytes that its subscriptions take, in libzmq's tree and above

What is held while nothing complete waits is a message that has not ended. Who is over a bound goes; where all
together are, who holds most, and nobody who holds little: what is over is somebody else's then. What a peer
that has gone had subscribed to counts no more, although libzmq announces the end of each topic later; and
what a peer is said to have subscribed to although it has not sent so much was another's, who had its
descriptor before. Where connections are too many, one that has never sent a message, the oldest
first, else the one that has been silent longest.

A peer that goes has lost nothing that lasts: sockets reconnect by themselves and subscribe anew. So a flood
comes back ten times a second, and libzmq's own work for it (to add each topic, and to walk through the whole
tree for each peer that leaves) would keep the loop inside libzmq for as long as it lasts. Therefore, once
somebody had to go for subscriptions, those who come enter one by one for a while, the others are left outside
(`listener`); who is already there notices nothing. So are those beyond `NEWCOMERS_PER_S`, whatever they want:
what they cost before they are refused has its bound, and whoever means well knocks again.

Invariants: `held` and `topics` are never negative; who was named to go is not named again and counts no more;
whoever holds less than half of an equal part of what all may hold never goes for what others hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from msgspec import Struct

from .grants import Grants

NODE_BYTES = 48
"""Of libzmq's tree, for each byte of a topic that no other shares."""
TOPIC_BYTES = 3000
"""Of everything else that is kept for a topic: a market-data shard keeps most."""
TOPICS, ALL_TOPICS = 12_000_000, 48_000_000
"""What the topics of one peer may take, and all of them: some 2,000 and 8,000 usual ones."""
STORM_S, ONE_BY_ONE_S = 10.0, 0.5
"""So long after somebody had to go for subscriptions only one newcomer may stay in each such time."""
NEWCOMERS_PER_S, NEWCOMERS_AT_ONCE = 500.0, 1000.0
"""Each costs the loop up to 0.4 ms, most where it has to show a key."""
AROUND = 3
"""Bytes around a topic on the wire, at least."""
COMING_BYTES = 90
"""Of both, for each byte of subscriptions that libzmq has not handed over yet."""


class Bounds(Struct, frozen=True, kw_only=True):
    """In bytes of memory. `unfinished`: of one message that has not ended; `held`: with complete ones that
    wait. weight: how much memory a byte takes until it is handed over; it counts as topics where it is more
    than one.
    """

    unfinished: int = 1_280_000
    all_unfinished: int = 3_000_000
    held: int = 5_000_000
    all_held: int = 16_000_000
    weight: int = 1
    peers: int = 1000
    """How many, whatever they do."""


def request_bounds(peers: int) -> Bounds:
    return Bounds(peers=peers)


def topic_bounds(peers: int) -> Bounds:
    """libzmq puts into its tree whatever has come, long before it hands it over. All together it may be half
    of what may be subscribed to: libzmq walks through it as often as somebody leaves.
    """
    return Bounds(
        unfinished=TOPICS,
        all_unfinished=ALL_TOPICS,
        held=TOPICS,
        all_held=ALL_TOPICS // 2,
        weight=COMING_BYTES,
        peers=peers,
    )


class Dropped(NamedTuple):
    """`fd` must go, and why."""

    fd: int
    reason: str


SUBSCRIPTIONS = "its subscriptions take too much memory"
UNFINISHED = "its messages take too much memory before they end"
ONE_BY_ONE = "another had to go for its subscriptions: newcomers enter one by one for some seconds"


class Peer:
    __slots__ = (
        "active_at",
        "asked",
        "going",
        "grants",
        "handed",
        "safe",
        "settled",
        "since",
        "spoke",
        "taken",
        "topics",
    )

    def __init__(self, now: float) -> None:
        self.since = self.active_at = now
        self.spoke = self.going = False
        self.taken = 0  # bytes that libzmq had taken when it was looked last
        self.settled = 0  # when nothing complete waited last
        self.safe = 0  # the time before: a message that is handed over now ended behind these
        self.handed = 0
        self.topics = 0
        self.asked = 0  # bytes of subscriptions that came under its descriptor, at least
        self.grants = Grants()

    @property
    def held(self) -> int:
        return max(0, self.taken - self.handed)


class Peers:
    """The connections of one socket. `now` is monotonic, in seconds."""

    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        self._peers: dict[int, Peer] = {}
        self._wanted: set[bytes] = set()
        self._all_topics = 0  # of those that are wanted, by however many
        self._going_topics = 0
        self._leaving = 0  # of those who have gone, until libzmq has announced the end of each
        self._drains_left = 0
        self._going = 0  # how many have been named to go and are still there
        self.came = 0
        """Bytes, from all of them, between the last two times that was looked."""
        self._newcomers, self._counted_at = NEWCOMERS_AT_ONCE, float("-inf")
        self._storm_until = self._next_may_enter = float("-inf")

    def __len__(self) -> int:
        return len(self._peers)

    def descriptors(self) -> list[int]:
        return [fd for fd, peer in self._peers.items() if not peer.going]

    def storming(self, now: float) -> bool:
        """Somebody had to go for subscriptions, so newcomers enter one by one."""
        return now < self._storm_until

    def may_enter(self, now: float) -> bool:
        """Whether a newcomer is to be accepted. One that comes in spite of it stays, unless it is not its
        turn.
        """
        passed, self._counted_at = now - self._counted_at, now
        self._newcomers = min(NEWCOMERS_AT_ONCE, self._newcomers + passed * NEWCOMERS_PER_S)
        return self._newcomers >= 1.0 and not self._must_wait(now)

    def _must_wait(self, now: float) -> bool:
        return self.storming(now) and now < self._next_may_enter

    def accepted(self, fd: int, now: float) -> list[Dropped]:
        """A new connection; a descriptor that is taken again belonged to one that is gone."""
        self.gone(fd)
        self._peers[fd] = Peer(now)
        self._newcomers = max(-NEWCOMERS_PER_S, self._newcomers - 1.0)
        if self._must_wait(now):
            return [self._drop(fd, ONE_BY_ONE)]
        if self.storming(now):
            self._next_may_enter = now + ONE_BY_ONE_S
        if len(self._peers) - self._going <= self.bounds.peers:
            return []
        staying = {fd: peer for fd, peer in self._peers.items() if not peer.going}
        fd = min(staying, key=lambda fd: _worth(staying[fd]))
        return [self._drop(fd, f"more than {self.bounds.peers} connections, and it was idle longest")]

    def gone(self, fd: int) -> None:
        peer = self._peers.pop(fd, None)
        if peer is None:
            return
        if peer.going:
            self._going_topics -= peer.topics
            self._going -= 1
        self._leaving += peer.topics
        self._drains_left = 2  # one may be over already for libzmq's thread, which announces both

    def grants(self, fd: int) -> Grants:
        """Kept by whoever grants; they end with the connection."""
        peer = self._peers.get(fd)
        return Grants() if peer is None else peer.grants

    def handed(self, fd: int, size: int, now: float) -> None:
        """A message of so many bytes on the wire was handed to us."""
        peer = self._peers.get(fd)
        if peer is not None:
            peer.spoke, peer.active_at = True, now
            peer.handed = max(peer.handed + size, peer.safe)

    def subscribed(self, fd: int | None, topic: bytes) -> bool:
        """Whether its topics take too much, so that it must be looked at now."""
        if topic not in self._wanted:
            self._wanted.add(topic)
            self._all_topics += _cost(topic)
        peer = self._staying(fd)
        if peer is None:
            return False
        peer.topics += _cost(topic)
        peer.asked += len(topic) + AROUND
        return peer.topics > TOPICS

    def unsubscribed(self, fd: int | None, topic: bytes) -> None:
        """The last one left; libzmq announces no other's leaving. So the account of a peer may be too high,
        never too low for long: who goes for it is counted anew when it is back.
        """
        if topic in self._wanted:
            self._wanted.remove(topic)
            self._all_topics -= _cost(topic)
            self._leaving = max(0, self._leaving - _cost(topic))
        peer = self._staying(fd)
        if peer is not None:
            peer.topics = max(0, peer.topics - _cost(topic))

    def drained(self) -> None:
        """Nothing complete waits, so all that was taken before the time before has been handed over, but for
        a message that has not ended.
        """
        for peer in self._peers.values():
            peer.safe, peer.settled = peer.settled, peer.taken
        if self._drains_left:
            self._drains_left -= 1
            if not self._drains_left:
                self._leaving = 0  # the rest of it is wanted by others too

    def looked(self, taken: Mapping[int, int], now: float, *, drained: bool) -> list[Dropped]:
        """How many bytes libzmq has taken from each connection. drained: see there."""
        self.came = 0
        for fd, count in taken.items():
            peer = self._peers.get(fd)
            if peer is None:
                continue
            self.came += max(0, count - peer.taken)
            if count != peer.taken:
                peer.active_at = now
            peer.taken = count
            peer.handed = min(peer.handed, count)
            if peer.asked > count and not peer.going:
                peer.topics = peer.asked = 0
        if drained:
            self.drained()
            gone = self._over(self.bounds.unfinished, self.bounds.all_unfinished)
        else:
            gone = self._over(self.bounds.held, self.bounds.all_held)
        if gone and self.bounds.weight > 1:
            self._storm_until = now + STORM_S
        return gone

    def _over(self, each: int, together: int) -> list[Dropped]:
        weight = self.bounds.weight
        kept = {fd: peer.topics + weight * peer.held for fd, peer in self._peers.items() if not peer.going}
        over = weight * sum(self._peers[fd].held for fd in kept) - together
        over += max(0, self._all_topics - self._going_topics - self._leaving)
        little = together / (2 * max(1, len(kept)))
        gone: list[Dropped] = []
        for fd in sorted(kept, key=kept.__getitem__, reverse=True):
            if kept[fd] <= each and (over <= 0 or kept[fd] < little):
                break
            over -= kept[fd]
            gone.append(self._drop(fd, SUBSCRIPTIONS if weight > 1 else UNFINISHED))
        return gone

    def drop(self, fd: int, reason: str) -> list[Dropped]:
        """It must go whatever it holds; none if it is no peer (any more)."""
        return [self._drop(fd, reason)] if self._staying(fd) is not None else []

    def _staying(self, fd: int | None) -> Peer | None:
        peer = None if fd is None else self._peers.get(fd)
        return None if peer is None or peer.going else peer

    def _drop(self, fd: int, reason: str) -> Dropped:
        peer = self._peers[fd]
        peer.going = True
        self._going += 1
        self._going_topics += peer.topics
        return Dropped(fd, reason)

    def validate(self) -> None:
        """Raise AssertionError if an invariant is broken. For tests."""
        going = [peer for peer in self._peers.values() if peer.going]
        assert self._going == len(going)
        assert self._going_topics == sum(peer.topics for peer in going)
        assert self._all_topics == sum(map(_cost, self._wanted))
        assert self._leaving >= 0
        assert all(peer.topics >= 0 and peer.held >= 0 for peer in self._peers.values())
        assert len(self._peers) - len(going) <= self.bounds.peers


def wire_size(frames: list[bytes], *, encrypted: bool) -> int:
    """Bytes of a message on the wire (ZMTP 3.1; with CURVE each frame is a command of 33 bytes more)."""
    total = 0
    for frame in frames:
        size = len(frame) + (33 if encrypted else 0)
        total += size + (2 if size < 256 else 9)
    return total


def _worth(peer: Peer) -> tuple[bool, float]:
    return (peer.spoke, peer.active_at if peer.spoke else peer.since)


def _cost(topic: bytes) -> int:
    return TOPIC_BYTES + NODE_BYTES * len(topic)
