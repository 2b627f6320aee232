"""All gateway lines: which there are, who listens to each, which request each has out.

Invariants: a feed has at most one line; a line has at least one listener; a request id is used once and
belongs to one line, which knows it; what still comes under an old id is nobody's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count

from . import events as ev
from .feeds import Feed, cancel_of, request_of
from .line import Line, LineState
from .subscription import Subscription


class Lines:
    """`do` takes the actions, in order."""

    def __init__(self, req_ids: count[int], do: Callable[[ev.Action], None]) -> None:
        self.asked: dict[int, Line] = {}
        self._lines: dict[Feed, Line] = {}
        self._numbers = count(1)
        self._req_ids = req_ids
        self._do = do

    def __iter__(self) -> Iterator[Line]:
        return iter(self._lines.values())

    def __len__(self) -> int:
        return len(self._lines)

    def get(self, feed: Feed) -> Line | None:
        return self._lines.get(feed)

    def join(self, feed: Feed, subscription: Subscription) -> Line:
        """The feed's line, with one more listener."""
        line = self._lines.get(feed)
        if line is None:
            line = self._lines[feed] = Line(feed, next(self._numbers))
        line.listeners[subscription.topic] = subscription
        subscription.line = line
        self._do(ev.Join(feed, subscription.topic))
        return line

    def leave(self, subscription: Subscription) -> None:
        """With its last listener the line ends."""
        line, subscription.line = subscription.line, None
        if line is not None:
            del line.listeners[subscription.topic]
            self._do(ev.Part(line.feed, subscription.topic))
            if not line.listeners:
                del self._lines[line.feed]
                self._withdraw(line)

    def ask(self, line: Line) -> None:
        """Send the line's request under a new id, unless one is out or it was refused."""
        if line.state is LineState.WAITING:
            req_id = next(self._req_ids)
            line.asked(req_id)
            self.asked[req_id] = line
            self._do(ev.OpenFeed(req_id, line.feed))
            self._do(ev.Ask(req_id, request_of(line.feed, req_id)))

    def ask_all(self) -> None:
        """A new session: everything wanted, what was refused before too, most listened to first."""
        for line in sorted(self._lines.values(), key=Line.interest, reverse=True):
            if line.interest():
                line.forgive()
                self.ask(line)

    def release(self, line: Line) -> None:
        """The line's request is gone, by the gateway's word or with the session: nothing to cancel."""
        req_id = line.req_id
        if req_id is not None:
            line.req_id = None
            del self.asked[req_id]
            self._do(ev.CloseFeed(req_id))
            self._do(ev.Cancel(req_id, None))

    def _withdraw(self, line: Line) -> None:
        """End the line's request ourselves."""
        req_id = line.req_id
        if req_id is not None:
            line.req_id = None
            del self.asked[req_id]
            self._do(ev.CloseFeed(req_id))
            self._do(ev.Cancel(req_id, cancel_of(line.feed, req_id) if line.written else None))
