"""What was lost, by the numbers that events carry (SPEC: Numbering and loss).

Every topic counts its events (`seq`) within an incarnation (`inc`) of its publisher. Order events are also
numbered for ever, over the node and within each strategy, and the node's heartbeats name the newest of those
numbers, so that even a lost last event shows.

Another incarnation is a restart, a lower one too: clocks are set back.

Invariants: an event is reported lost at most once per count; what was published before we listened is never
reported; numbers that run backwards report nothing.
"""

from __future__ import annotations

from msgspec import Struct, field


class TopicLoss(Struct):
    """`lost`: events of this topic known to be lost. `restarts`: how often its publisher came back anew, each
    of which may have cost further events that nobody can count.
    """

    inc: int = 0
    seq: int = 0
    lost: int = 0
    restarts: int = 0

    def seen(self, inc: int, seq: int) -> bool:
        """Whether this event, or a later one, has come already."""
        return inc == self.inc and seq <= self.seq and inc != 0

    def observe(self, inc: int, seq: int) -> int:
        """Take note of an event; how many were lost just before it."""
        if inc == self.inc and seq <= self.seq:
            return 0
        missed = 0
        if self.inc:
            restarted = inc != self.inc
            self.restarts += restarted
            missed = max(0, seq - 1 - (0 if restarted else self.seq))
        self.inc, self.seq = inc, seq
        self.lost += missed
        return missed


class NumberLine(Struct):
    """One of the durable series of order events, from the first number we could have seen."""

    newest: int | None = None
    lost: int = 0

    def observe_event(self, number: int, *, snapshot: bool) -> int:
        """Take note of an order event; how many are missing before it. Snapshots repeat old numbers."""
        if self.newest is None:
            self.newest = None if snapshot else number
            return 0
        return self._advance(number, number - 1)

    def observe_heartbeat(self, number: int) -> int:
        """Take note of the newest number published; how many up to it never came."""
        if self.newest is None:
            self.newest = number
            return 0
        return self._advance(number, number)

    def _advance(self, number: int, accounted: int) -> int:
        assert self.newest is not None
        missed = max(0, accounted - self.newest)
        self.newest = max(self.newest, number)
        self.lost += missed
        return missed


class Loss(Struct):
    """The counters of a client since it subscribed.

    `topics`: by topic, from `seq`. `orders`: by subscription (`order/`, `order/<strategy>/`), from the
    durable numbers. `unknown`: events of types this package does not know. `malformed`: frames that were no
    event. `repeated`: events that had come already, and were not handed on again.
    """

    topics: dict[str, TopicLoss] = field(default_factory=dict[str, TopicLoss])
    orders: dict[str, NumberLine] = field(default_factory=dict[str, NumberLine])
    unknown: int = 0
    malformed: int = 0
    repeated: int = 0

    @property
    def lost(self) -> int:
        """Events known to be lost, by `seq`, over all topics."""
        return sum(topic.lost for topic in self.topics.values())

    @property
    def order_events_lost(self) -> int:
        """Order events known to be lost, by their durable numbers, in the subscription that lost most."""
        return max((line.lost for line in self.orders.values()), default=0)
