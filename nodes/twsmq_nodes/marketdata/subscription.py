"""One wanted topic, and one look-up of the contract behind a spelling, as the core keeps them."""

from __future__ import annotations

from msgspec import Struct
from twsmq_protocol.instruments import Instrument
from twsmq_protocol.topics import StreamTopic

from twsmq_nodes.tws.contracts import ContractInfo

from .line import Line, StreamStatus
from .listings import Refusal

RETURN_S = 30.0
"""How long after a restart subscribers may take to be connected again (ZeroMQ tries every 0.1 s)."""


class Lookup:
    """A spelling being looked up for all subscriptions that use it. `req_id` is set while it is out.

    `counted`: how many rows had come when the answer was last due.
    """

    def __init__(self, spelling: str) -> None:
        self.spelling = spelling
        self.subscriptions: dict[str, Subscription] = {}
        self.req_id: int | None = None
        self.rows: list[ContractInfo] = []
        self.counted = 0
        self.refusal: Refusal | None = None


class Missed(Struct, frozen=True):
    """What the listeners of an earlier life of this process may have missed: everything after `since` (None:
    not known) and before `until`, None while no data came.
    """

    since: float | None
    until: float | None = None


class Subscription:
    """One topic, served by a line, waiting for a look-up, refused for what it says, or another shard's.

    `joins` counts subscribe messages, repeats included: how much the topic is listened to, roughly. `missed`:
    it had listeners before this process started; they come back one by one until `returns_until`.
    """

    def __init__(self, topic: str, now: float, missed: Missed | None = None) -> None:
        self.topic = topic
        self.since = now
        self.missed = missed
        self.missed_told = False
        self.returns_until = now + RETURN_S if missed else now
        self.wanted = True
        self.left_at = 0.0
        self.joins = 1
        self.parsed: StreamTopic | None = None
        self.refusal: Refusal | None = None
        self.lookup: Lookup | None = None
        self.line: Line | None = None

    @property
    def instrument(self) -> Instrument | None:
        return self.parsed.instrument if self.parsed else None

    @property
    def spelling(self) -> str:
        return str(self.instrument or "")

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

    def outlived(self, now: float, grace_s: float) -> bool:
        """Nobody came back in time."""
        return not self.wanted and now >= self.left_at + grace_s

    def status(self) -> StreamStatus:
        """What somebody who joins now should know."""
        if self.line is not None:
            return self.line.status()
        refusal = self.refusal or (self.lookup.refusal if self.lookup else None)
        return (
            StreamStatus("error", code=refusal.code, text=refusal.text)
            if refusal
            else StreamStatus("starting")
        )


class PendingCall(Subscription):
    """A call that waits for a look-up, and perhaps for a quote, as a subscription does; nobody listens to
    it.
    """

    def __init__(
        self, call: int, parsed: StreamTopic, now: float, *, preview: bool, regulatory: bool
    ) -> None:
        super().__init__(f"?{call}", now)
        self.call = call
        self.parsed = parsed
        self.preview = preview
        self.regulatory = regulatory
