"""Who waits for a contract: a wanted topic, as the core keeps it, and whoever else asks what a spelling
means.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

from msgspec import Struct
from twsmq_protocol.counted import counted
from twsmq_protocol.instruments import Instrument
from twsmq_protocol.topics import StreamTopic

from .line import Line, StreamStatus
from .listings import Listing, Matches, Refusal

RETURN_S = 30.0
"""How long after a restart subscribers may take to be connected again (ZeroMQ tries every 0.1 s)."""


class Waiter(ABC):
    """One that waits for a look-up. `key` tells it from others; `resolved` or `refused` is called once for
    each answer, and what a refused one waits for may still come: it stays in the look-up until it leaves.
    """

    __slots__ = ("instrument", "key", "lookup", "spelling")

    def __init__(self, key: str, instrument: Instrument | None) -> None:
        self.key = key
        self.instrument = instrument
        self.spelling = str(instrument or "")
        self.lookup: Lookup | None = None

    @property
    def wanted(self) -> bool:
        return True

    @abstractmethod
    def resolved(self, listing: Listing) -> None: ...
    @abstractmethod
    def refused(self) -> None: ...


class Asker(Waiter):
    """Whoever else asks than a topic."""

    __slots__ = ("_refused", "_resolved")

    def __init__(
        self,
        key: str,
        instrument: Instrument | None,
        resolved: Callable[[Listing], None],
        refused: Callable[[], None],
    ) -> None:
        super().__init__(key, instrument)
        self._resolved = resolved
        self._refused = refused

    def resolved(self, listing: Listing) -> None:
        self._resolved(listing)

    def refused(self) -> None:
        self._refused()


class Lookup:
    """A spelling being looked up for all who use it. `req_id` is set while it is out, since `asked_at`.

    `rows_counted`: how many rows had come when the answer was last due. `pauses`: how often in a row it was
    put off; `doubt`: why a refusal is not believed.
    """

    __slots__ = (
        "ahead", "asked_at", "doubt", "found", "pauses", "refusal", "refused_at", "req_id", "retry_at",
        "rows_counted", "spelling", "waiters",
    )  # fmt: skip

    def __init__(self, spelling: str) -> None:
        self.spelling = spelling
        self.waiters: dict[str, Waiter] = {}
        self.req_id: int | None = None
        self.asked_at = 0.0
        self.found = Matches()
        self.rows_counted = 0
        self.refusal: Refusal | None = None
        self.refused_at = 0.0
        self.retry_at: float | None = None
        self.pauses = 0
        self.doubt: str | None = None
        self.ahead = 0

    @property
    def wanted(self) -> bool:
        return any(waiter.wanted for waiter in self.waiters.values())

    def status(self) -> StreamStatus:
        """What who waits for it should know."""
        if self.refusal is not None:
            return StreamStatus("error", code=self.refusal.code, text=self.refusal.text)
        if self.doubt is not None:
            return StreamStatus("starting", reason=self.doubt)
        if self.req_id is None and self.ahead:
            others = counted(self.ahead, "other waits for its own", "others wait for theirs")
            reason = f"its contract is looked up in turn; {others}"
            return StreamStatus("starting", reason=reason)
        return StreamStatus("starting")


class Missed(Struct, frozen=True):
    """What the listeners of an earlier life of this process may have missed: everything after `since` (None:
    not known) and before `until`, None while no data came.
    """

    since: float | None
    until: float | None = None


class Subscription(Waiter):
    """One topic, served by a line, waiting for a look-up, refused for what it says, or another shard's.

    `joins` counts subscribe messages, repeats included: how much the topic is listened to, roughly. `missed`:
    it had listeners before this process started; they come back one by one until `returns_until`.

    Thousands of topics may come and go in a minute: one that is dropped is free at once, without a cycle that
    waits for the collector.
    """

    __slots__ = (
        "__weakref__", "_attach", "_refused", "_wanted", "joins", "lapses_at", "left_at", "line", "missed",
        "missed_announced", "parsed", "refusal", "returns_until", "since", "topic",
    )  # fmt: skip

    def __init__(
        self,
        topic: str,
        now: float,
        parsed: StreamTopic | None,
        resolved: Callable[[Subscription, Listing], None],
        refused: Callable[[Subscription], None],
        missed: Missed | None = None,
    ) -> None:
        super().__init__(topic, parsed.instrument if parsed else None)
        self._attach = resolved
        self._refused = refused
        self.topic = topic
        self.parsed = parsed
        self.since = now
        self.missed = missed
        self.missed_announced = False
        self.returns_until = now + RETURN_S if missed else now
        self.left_at = 0.0
        self.lapses_at = 0.0
        self.joins = 1
        self.refusal: Refusal | None = None
        self.line: Line | None = None
        self._wanted = True

    def resolved(self, listing: Listing) -> None:
        self._attach(self, listing)

    def refused(self) -> None:
        self._refused(self)

    @property
    def wanted(self) -> bool:
        return self._wanted

    @wanted.setter
    def wanted(self, wanted: bool) -> None:
        self._wanted = wanted

    @property
    def missing(self) -> bool:
        """No data came yet since this process was restarted."""
        return self.missed is not None and self.missed.until is None

    @property
    def con_id(self) -> int | None:
        return (self.line.feed.contract.con_id or None) if self.line else None

    @property
    def foreign(self) -> bool:
        """Another shard serves it."""
        return self.line is None and self.lookup is None and self.refusal is None

    def lapsed(self, now: float) -> bool:
        """Nobody came back in time."""
        return not self.wanted and now >= self.lapses_at

    def status(self) -> StreamStatus:
        """What somebody who joins now should know."""
        if self.line is not None:
            return self.line.status()
        if self.refusal is not None:
            return StreamStatus("error", code=self.refusal.code, text=self.refusal.text)
        return self.lookup.status() if self.lookup else StreamStatus("starting")
