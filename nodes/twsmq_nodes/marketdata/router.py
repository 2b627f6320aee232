"""The way of ticks: from the session's batches to the publisher, one pass per read.

No core, no task, no log, no await is on this way. The core hears of data only where it asked to (`arm`): the
first after a request, or after a gap. Ticks under a request id that is nobody's fall on the floor.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

from twsmq_nodes.tws.ticks import Tick

from .feeds import Feed
from .publisher import Outlet, Publisher
from .quotes import QuoteBook, QuoteRow

_FLOWING = frozenset(("active", "delayed", "frozen", "resumed"))


class Channel:
    """One feed's data on its way out: the book it keeps and the outlets it goes to.

    `armed` is the request id whose next data is to be told, or None. `renewed`: the next data is the first of
    a new request, what the book holds is of the old one.
    """

    __slots__ = ("armed", "book", "heard_at", "outlets", "renewed")

    def __init__(self, book: QuoteBook) -> None:
        self.book = book
        self.outlets: dict[str, Outlet] = {}
        self.armed: int | None = None
        self.renewed = False
        self.heard_at = 0.0


class Router:
    """Feeds, the request ids they come under, and the topics they go to."""

    def __init__(
        self, publisher: Publisher, src: str, incarnation: int, on_data: Callable[[int], None]
    ) -> None:
        """`on_data(req_id)`: data came under an armed id; called before that data is published."""
        self._publisher = publisher
        self._src, self._incarnation = src, incarnation
        self._on_data = on_data
        self._channels: dict[Feed, Channel] = {}
        self._by_req_id: dict[int, Channel] = {}
        self._by_topic: dict[str, Channel] = {}

    # -- ticks

    def on_ticks(self, ticks: Sequence[Tick]) -> None:
        """The ticks of one read: one quote for each instrument they change."""
        self._publisher.begin()
        batches: defaultdict[int, list[Tick]] = defaultdict(list)
        for tick in ticks:
            batches[tick[0]].append(tick)
        for req_id, batch in batches.items():
            channel = self._by_req_id.get(req_id)
            if channel is not None:
                self._take(channel, batch)

    def _take(self, channel: Channel, batch: Sequence[Tick]) -> None:
        channel.heard_at = self._publisher.now
        book = channel.book
        if channel.renewed:
            channel.renewed = False
            book.clear()
        if channel.armed is not None:
            req_id, channel.armed = channel.armed, None
            self._on_data(req_id)
        if book.apply(batch):
            for outlet in channel.outlets.values():
                self._publisher.send(outlet, book.row)

    # -- what the core wants

    def open(self, req_id: int, feed: Feed) -> None:
        channel = self._channels[feed]
        self._by_req_id[req_id] = channel
        channel.armed = req_id
        channel.renewed = True

    def close(self, req_id: int) -> None:
        channel = self._by_req_id.pop(req_id, None)
        if channel is not None:
            channel.armed = None

    def arm(self, req_id: int) -> None:
        channel = self._by_req_id.get(req_id)
        if channel is not None:
            channel.armed = req_id

    def join(self, feed: Feed, topic: str) -> None:
        channel = self._channels.get(feed)
        if channel is None:
            row = QuoteRow(src=self._src, inc=self._incarnation, con_id=feed.contract.con_id or None)
            channel = self._channels[feed] = Channel(QuoteBook(row))
        channel.outlets[topic] = self._publisher.outlet(topic)
        self._by_topic[topic] = channel

    def part(self, feed: Feed, topic: str) -> None:
        channel = self._channels[feed]
        del channel.outlets[topic], self._by_topic[topic]
        if not channel.outlets:
            del self._channels[feed]

    def greet(self, topic: str) -> bool:
        """Send the last value once more, if there is any."""
        channel = self._by_topic.get(topic)
        if channel is None or channel.book.empty:
            return False
        self._publisher.begin()
        channel.book.row.snapshot = True
        self._publisher.send(channel.outlets[topic], channel.book.row)
        channel.book.row.snapshot = False
        return True

    def repeat_quiet(self, quiet_s: float) -> None:
        """Say again what has not been said for `quiet_s`: the value while data flows, else how it stands."""
        for outlet in self._publisher.quiet(quiet_s):
            flowing = outlet.told is not None and outlet.told.state in _FLOWING
            if not (flowing and self.greet(outlet.topic)):
                self._publisher.repeat(outlet)
