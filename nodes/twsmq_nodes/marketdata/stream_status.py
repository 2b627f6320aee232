"""Which `stream` event goes to whom: to a line's listeners, and to newcomers.

With several shards one of them publishes: the one that serves the contract, and until that is known the one
that the hash of the topic chooses. While the link is down, a stream that waits to start says why. After a
restart of this process those who listened before get a gap since this process was last alive; the first data
end it. They come back one by one, and each gets the whole story.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from zlib import crc32

from msgspec import structs
from twsmq_protocol.market_events import StreamState

from twsmq_nodes.tws.contracts import Contract

from . import events as ev
from .line import Line, LineState, StreamStatus
from .subscription import Missed, Subscription

RESTARTED = "the market data node was restarted"


class StatusAnnouncer:
    """`do` takes the actions, in order; `now` is set before each. This is shard `shard` of `shards`."""

    def __init__(
        self,
        shard: int,
        shards: int,
        subscriptions: Mapping[str, Subscription],
        do: Callable[[ev.Action], None],
    ) -> None:
        self._shard, self._shards = shard, shards
        self._subscriptions = subscriptions
        self._do = do
        self._blocked: str | None = None
        self.returning = False  # those who listened before a restart may still come back
        self.now = 0.0

    def set_blocked(self, reason: str | None) -> None:
        """Nothing can start at present, for this `reason`, or None: it can again. Announced if new."""
        if reason == self._blocked:
            return
        self._blocked = reason
        for subscription in self._subscriptions.values():
            if self._speaks_for(subscription) and subscription.status().state == "starting":
                self._do(
                    ev.PublishStatus(subscription.topic, self._present(subscription), subscription.con_id)
                )

    def announce(self, line: Line, statuses: Iterable[StreamStatus]) -> None:
        """Publish to all who listen to the line."""
        for status in statuses:
            for topic in line.listeners:
                subscription = self._subscriptions[topic]
                if subscription.missing and status.state not in ("gap", "starting"):
                    self._end_missed(subscription, status)
                else:
                    self._do(ev.PublishStatus(subscription.topic, status, subscription.con_id))

    def announce_current(self, subscription: Subscription, *, repeated: bool = False) -> None:
        """Publish how a topic stands, and the last value, for a newcomer."""
        if not self._speaks_for(subscription):
            return
        line, topic, status = subscription.line, subscription.topic, self._present(subscription)
        if subscription.missing and not subscription.missed_announced and self._serves(subscription):
            subscription.missed_announced = True
            self._publish_missed(subscription, "gap")
        if subscription.missing and line is not None and line.live:
            self._end_missed(subscription, status)
        else:
            self._do(ev.PublishStatus(topic, status, subscription.con_id, repeated))
        if line is not None and (line.state in (LineState.FLOWING, LineState.DONE) or line.gap is not None):
            self._do(ev.Greet(topic))

    def announce_missed(self, subscription: Subscription) -> None:
        """Announce to one who listened before the restart, and is back only now, what the first one got."""
        if self._serves(subscription):
            self._publish_missed(subscription, "gap", repeated=True)
            if not subscription.missing:
                self._publish_missed(subscription, "resumed", repeated=True)

    def remember(self, subscription: Subscription) -> None:
        """Should this process be restarted, who listens now is to get a gap."""
        missed = subscription.missed if subscription.missing or self.returning else None
        self._do(ev.RememberTopic(subscription.topic, True, missed.since if missed else None))

    def announce_moved(self, subscription: Subscription, con_id: int) -> None:
        """Its spelling means another contract from now on; the stream of that one follows."""
        text = f"{subscription.spelling} means conId {con_id} from now on; its stream starts anew"
        status = StreamStatus("closed", text=text)
        self._do(ev.PublishStatus(subscription.topic, status, subscription.con_id))

    def announce_closed(self, subscription: Subscription) -> None:
        """Publish that nobody is left."""
        if self._speaks_for(subscription):
            self._do(ev.PublishStatus(subscription.topic, StreamStatus("closed"), subscription.con_id))
        self._do(ev.ForgetTopic(subscription.topic))

    def shard_of(self, contract: Contract) -> int:
        """Which shard serves a contract."""
        key = contract.con_id or contract.combo_legs or contract.symbol
        return crc32(str(key).encode()) % self._shards

    def is_ours(self, contract: Contract) -> bool:
        """Whether this shard serves it."""
        return self.shard_of(contract) == self._shard

    def _present(self, subscription: Subscription) -> StreamStatus:
        status = subscription.status()
        if status.state != "starting" or self._blocked is None:
            return status
        return structs.replace(status, reason=self._blocked)

    def _end_missed(self, subscription: Subscription, status: StreamStatus) -> None:
        assert subscription.missed is not None
        subscription.missed = Missed(subscription.missed.since, self.now)
        if subscription.wanted:
            self.remember(subscription)
        if status.state != "error":
            self._publish_missed(subscription, "resumed")
        if status.state not in ("active", "resumed"):
            self._do(ev.PublishStatus(subscription.topic, status, subscription.con_id))

    def _publish_missed(
        self, subscription: Subscription, state: StreamState, *, repeated: bool = False
    ) -> None:
        missed = subscription.missed
        assert missed is not None
        until = missed.until if state == "resumed" else None
        status = StreamStatus(state, reason=RESTARTED, since=missed.since, until=until)
        self._do(ev.PublishStatus(subscription.topic, status, subscription.con_id, repeated))

    def _serves(self, subscription: Subscription) -> bool:
        """The shard that will announce its end announces a gap, once it is known which that is."""
        return subscription.line is not None or self._shards == 1

    def _speaks_for(self, subscription: Subscription) -> bool:
        if subscription.line is not None:
            return True
        return not subscription.foreign and crc32(subscription.topic.encode()) % self._shards == self._shard
