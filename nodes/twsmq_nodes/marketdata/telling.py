"""What is said to whom: `stream` events for a line's listeners and for newcomers.

With several shards one of them speaks: the one that serves the contract, and until that is known the one
that the hash of the topic chooses. While the link is down, whoever waits for a stream to start is told why.
After a restart of this process those who listened before are told of a gap whose beginning nobody knows; the
first data end it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from zlib import crc32

from msgspec import structs
from twsmq_protocol.market_events import StreamState

from twsmq_nodes.tws.contracts import Contract

from . import events as ev
from .line import Line, LineState, Say
from .subscription import Inquiry, Subscription

RESTARTED = "the market data node was restarted"


class Teller:
    """`do` takes the actions, in order. This is shard number `shard` of `shards`."""

    def __init__(self, shard: int, shards: int, do: Callable[[ev.Action], None]) -> None:
        self._shard, self._shards = shard, shards
        self._do = do
        self._held_up: str | None = None

    def hold_up(self, reason: str | None, subscriptions: Iterable[Subscription]) -> None:
        """Nothing can start at present, for this `reason`, or None: it can again. Told when it changes."""
        if reason == self._held_up:
            return
        self._held_up = reason
        for subscription in subscriptions:
            if self._speaks_for(subscription) and subscription.present().state == "starting":
                self._do(ev.Tell(subscription.topic, self._present(subscription), subscription.con_id))

    def say(self, line: Line, says: Iterable[Say]) -> None:
        """Tell all who listen to the line."""
        for say in says:
            for subscription in line.listeners.values():
                if subscription.missed and say.state != "gap":
                    self._end_missed(subscription, say)
                else:
                    self._do(ev.Tell(subscription.topic, say, subscription.con_id))

    def say_present(self, subscription: Subscription, *, repeated: bool = False) -> None:
        """Tell a newcomer how its topic stands, and the last value."""
        if isinstance(subscription, Inquiry) or not self._speaks_for(subscription):
            return
        line, topic, say = subscription.line, subscription.topic, self._present(subscription)
        if subscription.missed and not repeated:
            self._do(ev.Tell(topic, Say("gap", reason=RESTARTED), subscription.con_id))
        if subscription.missed and line is not None and line.state is LineState.FLOWING:
            self._end_missed(subscription, say)
        else:
            self._do(ev.Tell(topic, say, subscription.con_id, repeated))
        if line is not None and (line.state in (LineState.FLOWING, LineState.DONE) or line.gap is not None):
            self._do(ev.Greet(topic))

    def say_missed(self, subscription: Subscription) -> None:
        """Tell one who listened before the restart, and is back only now, what the first one was told."""
        if self._speaks_for(subscription):
            states: tuple[StreamState, ...] = ("gap",) if subscription.missed else ("gap", "resumed")
            for state in states:
                self._do(ev.Tell(subscription.topic, Say(state, reason=RESTARTED), subscription.con_id, True))

    def say_closed(self, subscription: Subscription) -> None:
        """The last word."""
        if self._speaks_for(subscription):
            self._do(ev.Tell(subscription.topic, Say("closed"), subscription.con_id))
        self._do(ev.ForgetTopic(subscription.topic))

    def shard_of(self, contract: Contract) -> int:
        """Which shard serves a contract."""
        key = contract.con_id or contract.combo_legs or contract.symbol
        return crc32(str(key).encode()) % self._shards

    def _present(self, subscription: Subscription) -> Say:
        say = subscription.present()
        return structs.replace(say, reason=self._held_up) if say.state == "starting" else say

    def _end_missed(self, subscription: Subscription, say: Say) -> None:
        subscription.missed = False
        if say.state != "error":
            self._do(ev.Tell(subscription.topic, Say("resumed", reason=RESTARTED), subscription.con_id))
        if say.state not in ("active", "resumed"):
            self._do(ev.Tell(subscription.topic, say, subscription.con_id))

    def _speaks_for(self, subscription: Subscription) -> bool:
        if subscription.line is not None:
            return True
        return not subscription.foreign and crc32(subscription.topic.encode()) % self._shards == self._shard
