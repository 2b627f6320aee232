"""The way of data: from the session's reads to the channels, flushed once per read.

With a batch interval, at most once in that time: what came in several reads then goes out in one message per
topic. Each subscriber pays for each message, so on few cores that decides how many can keep up.

No core, no task, no log, no await is on this way. The core receives data only where it asked to (`arm`): the
first after a request, or after a gap. Data under a request id that is nobody's fall on the floor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeGuard

from twsmq_nodes.tws.ticks import Tick

from ..feeds import FEEDS, Feed
from ..listings import Listing
from .channels import Channel, DataEvent
from .market_data import MarketDataChannel
from .publisher import Publisher
from .quotes import QuoteRow

DATA = frozenset(event for spec in FEEDS.values() for event in spec.channel.takes)
"""Events of some feed that are no plain ticks."""

_FLOWING = frozenset(("active", "delayed", "frozen", "resumed"))


def is_data(event: object) -> TypeGuard[DataEvent]:
    """Whether some feed takes it."""
    return type(event) in DATA


class Router:
    """Feeds, the request ids they come under, and the topics they go to."""

    def __init__(
        self,
        publisher: Publisher,
        on_data: Callable[[int], None],
        *,
        batch_interval_s: float,
        call_later: Callable[[float, Callable[[], None]], object],
    ) -> None:
        """`on_data(req_id)`: data came under an armed id; called before that data is published."""
        self._publisher = publisher
        self._on_data = on_data
        self._channels: dict[Feed, Channel] = {}
        self._by_req_id: dict[int, Channel] = {}
        self._by_topic: dict[str, Channel] = {}
        self._touched: dict[Channel, None] = {}
        self._batch_interval_s = batch_interval_s
        self.read_end = self._batch if batch_interval_s else self.flush
        """To be called when a read is over: what came goes out now, or when the interval has passed."""
        self._call_later = call_later
        self._next_batch_at = 0.0
        self._waiting = False
        self.received = 0
        """Ticks and other data that came, whoever wanted them."""

    # -- data

    def on_ticks(self, ticks: Sequence[Tick]) -> None:
        """Some of the ticks of a read."""
        self.received += len(ticks)
        by_req_id, touched = self._by_req_id, self._touched
        for tick in ticks:
            channel = by_req_id.get(tick[0])
            if channel is not None:
                batch = channel.batch
                if not batch:
                    touched[channel] = None
                batch.append(tick)

    def on_event(self, event: DataEvent) -> None:
        """An event of a read."""
        self.received += 1
        channel = self._by_req_id.get(event.req_id)
        if channel is not None:
            self._touched[channel] = None
            self._publisher.begin()
            channel.data_at = self._publisher.now
            self._begin(channel)
            channel.on_event(event)

    def _batch(self) -> None:
        if self._touched and not self._waiting:
            self._waiting = True
            self._call_later(max(0.0, self._next_batch_at - self._publisher.clock()), self._waited)

    def _waited(self) -> None:
        self._waiting = False
        self._next_batch_at = self._publisher.clock() + self._batch_interval_s
        self.flush()

    def flush(self) -> None:
        """Publish what came so far."""
        touched = self._touched
        if touched:
            self._touched = {}
            publisher = self._publisher
            publisher.begin()
            now = publisher.now
            for channel in touched:
                channel.data_at = now
                if channel.renewed or channel.armed is not None:
                    self._begin(channel)
                channel.flush()
            for channel in touched:
                channel.settle()

    def _begin(self, channel: Channel) -> None:
        """The first data since a request, or since the core asked for word of them."""
        if channel.renewed:
            channel.renewed = False
            channel.renew()
        if channel.armed is not None:
            req_id, channel.armed = channel.armed, None
            self._on_data(req_id)

    # -- what the core wants

    def open(self, req_id: int, feed: Feed) -> None:
        channel = self._channels[feed]
        self._by_req_id[req_id] = channel
        channel.armed = req_id
        channel.renewed = True
        channel.asked_at = self._publisher.clock()

    def close(self, req_id: int) -> None:
        channel = self._by_req_id.pop(req_id, None)
        if channel is not None:
            channel.armed = None

    def arm(self, req_id: int) -> None:
        channel = self._by_req_id.get(req_id)
        if channel is not None:
            channel.armed = req_id

    def reset(self, req_id: int) -> None:
        """The gateway emptied an order book."""
        channel = self._by_req_id.get(req_id)
        if channel is not None:
            channel.reset()

    def use_data_type(self, req_id: int, *, delayed: bool) -> None:
        """The gateway said whether data under the id are delayed."""
        channel = self._by_req_id.get(req_id)
        if channel is not None:
            if channel.renewed:  # the state of the request before is not to be mistaken for this one's
                channel.renewed = False
                channel.renew()
            self.flush()  # what came before was of the other kind
            channel.use_data_type(delayed=delayed)

    def use_listing(self, feed: Feed, listing: Listing) -> None:
        """What is known of a feed's contract has changed."""
        channel = self._channels.get(feed)
        if channel is not None:
            channel.use_listing(listing)

    def join(self, feed: Feed, listing: Listing, topic: str) -> None:
        channel = self._channels.get(feed)
        if channel is None:
            channel = self._channels[feed] = FEEDS[feed.kind].channel(self._publisher, listing)
        channel.join(self._publisher.outlet(topic))
        self._by_topic[topic] = channel

    def part(self, feed: Feed, topic: str) -> None:
        channel = self._channels[feed]
        channel.part(topic)
        del self._by_topic[topic]
        if not channel.outlets:
            del self._channels[feed]

    def greet(self, topic: str) -> bool:
        """Send the last value once more, if there is any."""
        channel = self._by_topic.get(topic)
        if channel is None:
            return False
        self._publisher.begin()
        return channel.greet(channel.outlets[topic])

    def repeat_quiet(self, quiet_s: float) -> None:
        """Repeat what has been quiet for `quiet_s`: the value while data flows, else the stream's status."""
        for outlet in self._publisher.quiet(quiet_s):
            channel = self._by_topic.get(outlet.topic)
            flowing = outlet.status is not None and outlet.status.state in _FLOWING
            if not (flowing and channel and channel.repeats_value and self.greet(outlet.topic)):
                self._publisher.repeat(outlet)

    def data_times(self) -> Iterator[tuple[int, float]]:
        """When data last came under each request id, or when it was asked for."""
        return (
            (req_id, max(channel.data_at, channel.asked_at)) for req_id, channel in self._by_req_id.items()
        )

    def last_data(self, topic: str) -> float | None:
        """When data last came for a topic, None for never."""
        channel = self._by_topic.get(topic)
        return None if channel is None else channel.data_at or None

    def newest_data(self) -> float | None:
        """When data last came for any topic."""
        return max((channel.data_at for channel in self._channels.values()), default=0.0) or None

    def collect(self, req_id: int, listing: Listing) -> None:
        """Keep what comes under `req_id` for `collected`, published nowhere."""
        self._by_req_id[req_id] = MarketDataChannel(self._publisher, listing)

    def collected(self, req_id: int) -> QuoteRow | None:
        """What came since `collect`; the id is nobody's from now on."""
        self.flush()
        channel = self._by_req_id.pop(req_id, None)
        return channel.quote if isinstance(channel, MarketDataChannel) else None

    def quote(self, feed: Feed) -> QuoteRow | None:
        """The present quote of a feed, if there is one."""
        channel = self._channels.get(feed)
        return channel.quote if isinstance(channel, MarketDataChannel) else None
