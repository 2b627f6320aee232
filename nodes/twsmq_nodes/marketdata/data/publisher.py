"""Topics on their way out: numbering, encoding, quiet repeats.

A topic's bytes are made once: its outlet's buffer holds `topic NUL`, and each message is encoded behind them,
in place. One reading of the clocks serves all messages of a read.

Invariant: an outlet stands from the first word about its topic to the last. Whatever has been quiet for
`quiet_repeat_s` is repeated, so that a lost last message shows in `seq`.
"""

from __future__ import annotations

from collections.abc import Callable
from time import time_ns
from typing import Any, Protocol

import msgspec
from twsmq_protocol.envelope import Event
from twsmq_protocol.market_events import Stream

_encode_into = msgspec.msgpack.Encoder().encode_into


class Outlet:
    """One topic's way out. `status` is the last event on how its stream stands; `gaps`: how many it had."""

    __slots__ = ("buffer", "gaps", "prefix", "sent_at", "status", "topic")

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self.buffer = bytearray(topic.encode() + b"\0")
        self.prefix = len(self.buffer)
        self.sent_at = 0.0
        self.gaps = 0
        self.status: Stream | None = None


class Sender(Protocol):
    """The node's outbox, as far as it is used here."""

    @property
    def name(self) -> str: ...
    @property
    def incarnation(self) -> int: ...
    def next_seq(self, topic: str) -> int: ...
    def send_frame(self, frame: bytearray) -> None: ...
    def publish(self, topic: str, event: Event) -> object: ...


class Held(Protocol):
    """What waits for its conflation interval to pass."""

    def flush_held(self) -> None: ...


class Publisher:
    """Sends under outlets. `begin` before each batch of `send`s.

    `quote_interval_s`: no more than one quote of an instrument goes out in that time; what is held back goes
    out when it has passed (`call_later`). `unit_volumes`: the session's volumes count single units, whatever
    is known of a contract.
    """

    def __init__(
        self,
        outbox: Sender,
        clock: Callable[[], float],
        *,
        quote_interval_s: float,
        call_later: Callable[[float, Callable[[], None]], object],
    ) -> None:
        self._outbox = outbox
        self.clock = clock
        self._call_later = call_later
        self._outlets: dict[str, Outlet] = {}
        self._held: list[Held] = []
        self._ts = 0
        self.src = outbox.name
        self.inc = outbox.incarnation
        self.quote_interval_s = quote_interval_s
        self.unit_volumes = False
        self.now = 0.0
        self.gaps = 0

    def begin(self) -> None:
        """Read the clocks for what is sent next."""
        self.now = self.clock()
        self._ts = time_ns()

    def outlet(self, topic: str) -> Outlet:
        found = self._outlets.get(topic)
        if found is None:
            found = self._outlets[topic] = Outlet(topic)
        return found

    def forget(self, topic: str) -> None:
        self._outlets.pop(topic, None)

    def gaps_of(self, topic: str) -> int:
        """How many gaps were announced on a topic since it was first wanted."""
        outlet = self._outlets.get(topic)
        return 0 if outlet is None else outlet.gaps

    def send(self, outlet: Outlet, row: Any) -> None:
        """Send a mutable event, whose numbers this fills in."""
        row.seq = self._outbox.next_seq(outlet.topic)
        row.ts = self._ts
        outlet.sent_at = self.now
        buffer = outlet.buffer
        _encode_into(row, buffer, outlet.prefix)
        self._outbox.send_frame(buffer)

    def post(self, outlet: Outlet, event: Event) -> None:
        """Send a frozen event."""
        outlet.sent_at = self.now
        self._outbox.publish(outlet.topic, event)

    def repost(self, outlet: Outlet, event: Event) -> None:
        """Send a frozen event again, for newcomers."""
        marked: dict[str, Any] = {"snapshot": True}
        self.post(outlet, msgspec.structs.replace(event, **marked))

    def hold(self, held: Held) -> None:
        """Have it flushed when the interval has passed."""
        if not self._held:
            self._call_later(self.quote_interval_s, self._release)
        if held not in self._held:
            self._held.append(held)

    def _release(self) -> None:
        held, self._held = self._held, []
        self.begin()
        for each in held:
            each.flush_held()

    def publish_status(self, topic: str, event: Stream) -> None:
        """Send a stream event."""
        outlet = self.outlet(topic)
        before, outlet.status = outlet.status, event
        if event.state == "gap" and (before is None or before.state != "gap"):
            outlet.gaps += 1
            self.gaps += 1
        outlet.sent_at = self.clock()
        self._outbox.publish(topic, event)

    def quiet(self, for_s: float) -> list[Outlet]:
        """Outlets under which nothing was sent for so long."""
        before = self.clock() - for_s
        return [outlet for outlet in self._outlets.values() if outlet.sent_at <= before]

    def repeat(self, outlet: Outlet) -> None:
        """Publish the last stream event again."""
        if outlet.status is not None:
            self.publish_status(outlet.topic, msgspec.structs.replace(outlet.status, repeated=True))
