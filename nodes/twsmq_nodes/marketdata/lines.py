"""All gateway lines: which there are, who listens to each, which request each has out.

At the limit of a kind the idle line that was left longest ago gives way; if all are listened to, the
newcomer is refused and asked for when a line is free, most listened to first. The gateway's own word (101,
309, 10190) lowers a limit for a while: other programs may hold lines of the same account. With several shards
the limits are those of all together (`shared_lines`).

Invariants: a feed has at most one line; a line has at least one listener; a request id is used once and
belongs to one line, which knows it; what still comes under an old id is nobody's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count

from msgspec.structs import replace
from twsmq_protocol.config import Marketdata

from twsmq_nodes.tws.requests import Request

from . import events as ev
from .asking import Asking
from .deadlines import Deadlines, LineDue
from .feeds import FEEDS, Feed, FeedKind
from .line import Line, LineState, StreamStatus
from .listings import Listing, Refusal
from .shared_lines import SharedLines, Statement
from .subscription import Subscription

GRANTED = "the gateway grants no more at present"


_POOLS = tuple(kind.value for kind, spec in FEEDS.items() if spec.pool is None)


def limits_of(config: Marketdata) -> dict[str, int]:
    """Lines of all shards together, by pool."""
    return {kind.value: spec.limit(config) for kind, spec in FEEDS.items() if spec.pool is None}


class Lines:
    """`do` takes the actions, in order; `shared` knows how many lines of each pool there may be."""

    def __init__(
        self,
        shared: SharedLines,
        asking: Asking,
        deadlines: Deadlines,
        do: Callable[[ev.Action], None],
    ) -> None:
        self.asked: dict[int, Line] = {}
        self.now = 0.0
        self.shared = shared
        self._granted: dict[str, int] = {}  # of all shards together, by pool
        self._lines: dict[Feed, Line] = {}
        self._held = dict.fromkeys(_POOLS, 0)  # of `asked`, by pool
        self._numbers = count(1)
        self._freed = False
        self._asking = asking
        self._deadlines = deadlines
        self._do = do

    def __iter__(self) -> Iterator[Line]:
        return iter(self._lines.values())

    def __len__(self) -> int:
        return len(self._lines)

    def get(self, feed: Feed) -> Line | None:
        return self._lines.get(feed)

    def used(self, kind: FeedKind) -> int:
        return sum(line.feed.kind is kind for line in self.asked.values())

    def crowded(self, kind: FeedKind) -> int:
        """Lines that are listened to and found no room."""
        return sum(line.crowded and line.feed.kind is kind for line in self._lines.values())

    def allowed(self, kind: FeedKind) -> int:
        """Of this shard: what others leave of what there is."""
        pool = _pool(kind)
        return self.shared.allowed(pool.value, self._out(kind), self._granted.get(pool.value), self.now)

    def total(self, kind: FeedKind) -> int:
        """Of all shards together."""
        pool = _pool(kind).value
        return self.shared.total(pool, self._granted.get(pool), self.now)

    def held(self) -> dict[str, int]:
        """Requests out, by pool."""
        return dict(self._held)

    def statement(self) -> Statement:
        """What this shard states to the others."""
        return self.shared.state(self.held(), self._granted, self.now)

    def others_gave_way(self) -> bool:
        """Whether there is more for this shard than at the last look."""
        return self.shared.gave_way(self._granted, self.now)

    def has_room(self, kind: FeedKind) -> bool:
        return self._out(kind) < self.allowed(kind)

    def join(self, feed: Feed, listing: Listing, subscription: Subscription) -> Line:
        """The feed's line, with one more listener."""
        line = self._lines.get(feed)
        if line is None:
            line = self._lines[feed] = Line(feed, listing, next(self._numbers))
        line.listeners[subscription.topic] = subscription
        subscription.line = line
        self._do(ev.Join(feed, listing, subscription.topic))
        return line

    def leave(self, subscription: Subscription) -> None:
        """With its last listener the line ends."""
        line, subscription.line = subscription.line, None
        if line is not None:
            del line.listeners[subscription.topic]
            self._do(ev.Part(line.feed, subscription.topic))
            if not line.listeners:
                del self._lines[line.feed]
                self.withdraw(line)

    def ask(self, line: Line, now: float) -> list[StreamStatus]:
        """Send the line's request under a new id, unless one is out, it was refused, or pacing puts it off;
        the stream events for its listeners.
        """
        if line.state is not LineState.WAITING:
            return []
        kind = line.feed.kind
        if not self.has_room(kind) and not self._make_room(kind):
            line.crowded = True
            why = GRANTED if _pool(kind).value in self._granted else line.spec.number_is
            text = (
                f"all {self._in_sum(kind)} {kind.value} lines are in use and listened to; this one is asked"
                f" for when one is free (op `subscriptions` shows them, {why})"
            )
            return line.refused(Refusal(None, text), now)
        req_id = self._asking.new_id()
        request = line.spec.request(_as_asked(line), req_id)
        at, rule = self._asking.allows_at(request, now)
        if at > now:
            self._deadlines.add(at, LineDue(line.feed))
            return line.waits(f"IBKR allows {rule}: asked for in {at - now:.0f} s")
        line.asked(req_id)
        self.asked[req_id] = line
        self._held[_pool(kind).value] += 1
        self._do(ev.OpenFeed(req_id, line.feed))
        self._asking.ask(req_id, request, now, line.feed.data)
        return []

    def waiting(self, *, crowded: bool = False) -> list[Line]:
        """Lines to ask for, most listened to first: all without a request, or those that found no room."""
        lines = (line for line in self._lines.values() if line.req_id is None and line.interest())
        chosen = [line for line in lines if line.crowded or not crowded]
        return sorted(chosen, key=Line.interest, reverse=True)

    def take_freed(self) -> bool:
        """Whether a request ended since the last look: there may be room for who found none."""
        freed, self._freed = self._freed, False
        return freed

    def _in_sum(self, kind: FeedKind) -> int:
        """Of all shards, as far as it is known."""
        return max(self._out(kind), self.allowed(kind)) + self.shared.of_others(_pool(kind).value, self.now)

    def grant(self, kind: FeedKind) -> None:
        """The gateway refused one more line of a kind: what is out now, of all shards, is all there is, which
        may be none."""
        pool = _pool(kind).value
        self._granted[pool] = self._out(kind) + self.shared.of_others(pool, self.now)

    def raise_grants(self) -> bool:
        """Try for a quarter more, since others may have left; whether some limit is still low."""
        raised = {pool: number + max(1, number // 4) for pool, number in self._granted.items()}
        self._granted = {pool: number for pool, number in raised.items() if self.shared.limits(pool) > number}
        self._freed = True
        return bool(self._granted)

    def renew_grants(self) -> None:
        """A new session: nothing is known of what the gateway grants."""
        self._granted.clear()

    def _out(self, kind: FeedKind) -> int:
        """Lines of the kind and of those that share its limit."""
        return self._held[_pool(kind).value]

    def _make_room(self, kind: FeedKind) -> bool:
        """Give back the idle line of a kind that was left longest ago; whether there was one."""
        idle = [
            line
            for line in self.asked.values()
            if _pool(line.feed.kind) is _pool(kind) and not line.interest()
        ]
        if not idle:
            return False
        line = min(idle, key=Line.idle_since)
        self.withdraw(line)
        line.lost(line.idle_since(), "given back for another")
        return True

    def release(self, line: Line) -> None:
        """The line's request is gone, by the gateway's word or with the session: nothing to cancel."""
        self._end(line, None)

    def withdraw(self, line: Line) -> None:
        """End the line's request ourselves, if one is out. Whether it was written the shell knows better."""
        if line.req_id is not None:
            self._end(line, line.spec.cancel(line.feed, line.req_id))

    def _end(self, line: Line, cancel: Request | None) -> None:
        req_id = line.req_id
        if req_id is not None:
            line.req_id = None
            del self.asked[req_id]
            self._held[_pool(line.feed.kind).value] -= 1
            self._freed = True
            self._do(ev.CloseFeed(req_id))
            self._asking.end(req_id, cancel)


def _as_asked(line: Line) -> Feed:
    """The feed with what the gateway said to ask for instead."""
    feed = line.feed
    if line.source is not None:
        feed = replace(feed, contract=line.source)
    return feed if line.what is None else replace(feed, what=line.what)


def _pool(kind: FeedKind) -> FeedKind:
    """The kind whose limit counts for lines of `kind`."""
    return FEEDS[kind].pool or kind
