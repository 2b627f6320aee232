"""Frames in, events out, with what was lost before each. Pure: no socket, no clock.

A subscription to all orders or to one strategy also listens to the orders node's heartbeats, because they
name the newest order numbers. Such a heartbeat is handed on only where it was subscribed too, or where it is
the one that shows a loss. And to what a key is denied: where it opens only a part of the wish, only the
numbers of that part are without gaps. What has been seen already is not handed on again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from twsmq_protocol.codec import decode_event
from twsmq_protocol.endpoints import ORDERS
from twsmq_protocol.envelope import Event
from twsmq_protocol.errors import MalformedMessage, UnknownEvent
from twsmq_protocol.order_events import Order, OrderEvent
from twsmq_protocol.rights import DENIED
from twsmq_protocol.system_events import Denied, Heartbeat
from twsmq_protocol.topics import node_topic

from .loss import Loss, NumberLine, TopicLoss

ALL_ORDERS = "order/"
BEATS = node_topic(ORDERS)
DENIALS = f"{DENIED}/"


class Received(NamedTuple):
    """An event, its topic, and how many events are known to be lost just before it.

    For order events inside a subscription to `order/` or `order/<strategy>/` the loss is that of the whole
    subscription, otherwise of the topic. With a heartbeat of the orders node it is that of order events.
    """

    topic: str
    event: Event
    lost: int


class Inbox:
    """`subscribe` and `unsubscribe` return what the SUB socket must do; `receive` takes its frames."""

    def __init__(self) -> None:
        self.loss = Loss()
        self.topics: set[str] = set()
        self._narrowed: dict[str, dict[str, NumberLine]] = {}
        """What is open of a wish in `loss.orders` that the key does not open as a whole."""

    def subscribe(self, topic: str) -> list[str]:
        """Prefixes to subscribe to now, in this order: heartbeats must not overtake the events they count."""
        before = self._wire()
        self.topics.add(topic)
        if is_numbered(topic):
            self.loss.orders.setdefault(topic, NumberLine())
        return [prefix for prefix in self._wire() if prefix not in before]

    def unsubscribe(self, topic: str) -> list[str]:
        """Prefixes to unsubscribe from now. The counters of topics nobody listens to any more are dropped."""
        before = self._wire()
        self.topics.discard(topic)
        self.loss.orders.pop(topic, None)
        self._narrowed.pop(topic, None)
        after = self._wire()
        left = tuple(after)
        for known in [known for known in self.loss.topics if not known.startswith(left)]:
            del self.loss.topics[known]
        return [prefix for prefix in before if prefix not in after]

    def receive(self, frame: bytes) -> Received | None:
        """The event, or None for what is only counted: another's, unknown, malformed."""
        try:
            topic, event = decode_event(frame)
        except UnknownEvent as error:
            self.loss.unknown += 1
            self._observe(error.topic, error.inc, error.seq)
            return None
        except MalformedMessage:
            self.loss.malformed += 1
            return None
        counter = topic + event.src if topic.startswith(DENIALS) else topic  # each process has its own there
        known = self.loss.topics.get(counter)
        if known is not None and known.seen(event.inc, event.seq):
            self.loss.repeated += 1
            return None
        lost = self._observe(counter, event.inc, event.seq)
        if isinstance(event, Denied):
            self._narrow(event)
            return Received(topic, event, lost) if self._listens(topic) else None
        if isinstance(event, OrderEvent):
            return Received(topic, event, self._observe_order(topic, event, lost))
        if topic == BEATS and isinstance(event, Heartbeat):
            lost = self._observe_beat(event)
            return Received(topic, event, lost) if lost or self._listens(topic) else None
        return Received(topic, event, lost)

    def _wire(self) -> list[str]:
        numbered = any(is_numbered(topic) for topic in self.topics)
        ours = {BEATS, DENIALS}
        narrowable = any(map(_is_of_all, self.topics))
        denials = [DENIALS] if narrowable or DENIALS in self.topics else []
        beats = [BEATS] if numbered or BEATS in self.topics else []
        return [*denials, *sorted(self.topics - ours), *beats]

    def _listens(self, topic: str) -> bool:
        return topic.startswith(tuple(self.topics))

    def _observe(self, topic: str, inc: int, seq: int) -> int:
        known = self.loss.topics.get(topic)
        if known is None:
            known = self.loss.topics[topic] = TopicLoss()
        return known.observe(inc, seq)

    def _narrow(self, denied: Denied) -> None:
        if denied.wish in self.loss.orders:
            had = self._narrowed.get(denied.wish, {})
            open_to_us = filter(is_numbered, denied.granted)
            self._narrowed[denied.wish] = {prefix: had.get(prefix, NumberLine()) for prefix in open_to_us}

    def _over_all(self, observe: Callable[[str, NumberLine], int | None]) -> list[int]:
        """What `observe` gives for each series; of a wish that was narrowed, the sum of its parts."""
        found: list[int] = []
        for prefix, line in self.loss.orders.items():
            parts = self._narrowed.get(prefix)
            if parts is None:
                lost = observe(prefix, line)
            else:
                each = [lost for part, own in parts.items() if (lost := observe(part, own)) is not None]
                lost = sum(each) if each else None
                line.lost += lost or 0
            if lost is not None:
                found.append(lost)
        return found

    def _observe_order(self, topic: str, event: OrderEvent, lost_by_seq: int) -> int:
        snapshot = isinstance(event, Order) and event.snapshot

        def observe(prefix: str, line: NumberLine) -> int | None:
            if not topic.startswith(prefix):
                return None
            return line.observe_event(_number(prefix, event), snapshot=snapshot)

        return max(self._over_all(observe), default=lost_by_seq)

    def _observe_beat(self, beat: Heartbeat) -> int:
        def observe(prefix: str, line: NumberLine) -> int | None:
            if _is_of_all(prefix):
                number = beat.last_event_no
            else:
                number = None if beat.strategy_nos is None else beat.strategy_nos.get(_strategy(prefix), 0)
            return None if number is None else line.observe_heartbeat(number)

        return max(self._over_all(observe), default=0)


def is_numbered(topic: str) -> bool:
    """Whether one durable series counts everything below this prefix: all orders, or those of a strategy."""
    return _is_of_all(topic) or (
        topic.startswith(ALL_ORDERS) and topic.count("/") == 2 and topic.endswith("/")
    )


def _is_of_all(prefix: str) -> bool:
    return ALL_ORDERS.startswith(prefix)


def _strategy(prefix: str) -> str:
    return prefix[len(ALL_ORDERS) : -1]


def _number(prefix: str, event: OrderEvent) -> int:
    return event.event_no if _is_of_all(prefix) else event.strategy_no
