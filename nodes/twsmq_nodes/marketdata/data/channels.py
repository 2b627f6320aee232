"""A feed's data on its way out: one channel per feed keeps its state and publishes it.

A channel collects what came in one read (`take` ticks, `on_event` events) and publishes it in `flush`: so one
quote goes out for a whole burst, and one `ticks` event holds every tick of it. `greet` publishes the state
again, for a newcomer. `renew` says that what comes now answers a new request: the state of the old one is
worth nothing.
"""

from __future__ import annotations

from typing import ClassVar, Protocol

from twsmq_protocol.envelope import Event as WireEvent

from twsmq_nodes.tws.events import Event

from ..listings import Listing
from .publisher import Outlet, Publisher
from .quotes import AnyTick


class DataEvent(Protocol):
    """An event of a feed that is no plain tick."""

    @property
    def req_id(self) -> int: ...


class Channel:
    """Base of all channels. `takes`: what comes to `on_event`. `batch` holds the ticks since the last flush.

    `armed` is the request id whose next data the core wants, or None. `data_at`: when data last came, 0 for
    never; `asked_at`: when they were last asked for.
    `repeats_value`: a quiet topic repeats the value itself, which is small, and not only how the stream
    stands.
    """

    takes: ClassVar[tuple[type[Event], ...]] = ()
    repeats_value = True
    __slots__ = (
        "armed",
        "asked_at",
        "batch",
        "con_id",
        "data_at",
        "listing",
        "outlets",
        "publisher",
        "renewed",
    )

    def __init__(self, publisher: Publisher, listing: Listing) -> None:
        self.publisher = publisher
        self.listing = listing
        self.con_id = listing.contract.con_id or None
        self.outlets: dict[str, Outlet] = {}
        self.batch: list[AnyTick] = []
        self.armed: int | None = None
        self.renewed = False
        self.data_at = 0.0
        self.asked_at = 0.0

    def join(self, outlet: Outlet) -> None:
        self.outlets[outlet.topic] = outlet

    def part(self, topic: str) -> None:
        del self.outlets[topic]

    def renew(self) -> None:
        """Forget the state of the request before."""

    def on_event(self, event: DataEvent) -> None:
        """Take in one of those that it `takes`."""

    def reset(self) -> None:
        """The gateway emptied what it keeps of it."""

    def flush(self) -> None:
        """Publish what came in this read; ticks that the kind has no use for are dropped."""
        self.batch = []

    def use_data_type(self, *, delayed: bool) -> None:
        """The gateway said whether its data are delayed."""

    def use_listing(self, listing: Listing) -> None:
        """What is known of the contract has changed."""
        self.listing = listing

    def settle(self) -> None:
        """What can wait until all channels have flushed."""

    def greet(self, outlet: Outlet) -> bool:
        """Publish the state for newcomers; whether there is any."""
        del outlet
        return False

    def publish(self, event: WireEvent) -> None:
        for outlet in self.outlets.values():
            self.publisher.post(outlet, event)


class LastEventChannel(Channel):
    """Its state is the last event. `renew` forgets it: it belongs to the request before."""

    __slots__ = ("_last",)

    def __init__(self, publisher: Publisher, listing: Listing) -> None:
        super().__init__(publisher, listing)
        self._last: WireEvent | None = None

    def renew(self) -> None:
        self._last = None

    def publish_last(self, event: WireEvent) -> None:
        self._last = event
        self.publish(event)

    def greet(self, outlet: Outlet) -> bool:
        if self._last is not None:
            self.publisher.repost(outlet, self._last)
        return self._last is not None
