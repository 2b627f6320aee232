"""The message budget: a token bucket in front of the socket, with priorities behind it.

Pure: `now` is an argument, in seconds of any monotonic clock. A second never sees more than
rate + burst messages; with the default burst of a ninth that is 50 for the usual rate of 45, the
gateway's own limit (error 100). Rate 0 means no limit. Within a priority the order is kept; a lower
priority waits as long as a higher one has anything.

Beside the rate stand what was given up for a while, so that another process may use it, and what was borrowed
from others likewise (`connection/budget.py`); both end by themselves. The burst is that of the rate alone.

What was let out but waits before it is written (orders for the disk) is held: it still counts against the
burst, else all that a stalled disk kept back would be written in one moment.
"""

from __future__ import annotations

import math
from collections import deque
from enum import IntEnum
from typing import Generic, TypeVar

from twsmq_protocol.processes import message_burst

from twsmq_nodes.tws.terms import Terms

T = TypeVar("T")

_ONE = 1.0 - 1e-9  # a whole message but for rounding, else the wake-up could be for right now, forever


class Priority(IntEnum):
    """Lower goes first."""

    CANCEL = 0
    ORDER = 1
    CONTROL = 2
    DATA = 3


class Pacer(Generic[T]):
    """Queues items by priority and lets them out as the budget allows."""

    def __init__(self, rate: float, now: float, burst: float | None = None) -> None:
        """`rate` in messages per second, `burst` in messages."""
        self._queues: tuple[deque[T], ...] = tuple(deque() for _ in Priority)
        self._at = now
        self._rate = rate
        self._fixed_burst = burst
        self._tokens = self._burst
        self._given_up = Terms()
        self._borrowed = Terms()
        self._held = 0

    @property
    def _burst(self) -> float:
        return self._fixed_burst if self._fixed_burst is not None else message_burst(self._rate)

    def set_rate(self, rate: float, now: float) -> None:
        """Changes the budget from now on."""
        self._refill(now)
        self._rate = rate
        self._tokens = min(self._tokens, self._burst)

    def give_up(self, rate: float, until: float, now: float) -> None:
        """Do without so many messages a second until then. What has already been saved up stays."""
        self._refill(now)
        self._given_up.add(rate, until, now)

    def borrow(self, rate: float, until: float, now: float) -> None:
        """So many messages a second more, until then."""
        self._refill(now)
        self._borrowed.add(rate, until, now)

    def return_all(self, now: float) -> None:
        """Use nothing of what was borrowed any more."""
        self._refill(now)
        self._borrowed.clear()

    def hold(self, messages: int, now: float) -> None:
        """So many have been paid for and are not written yet."""
        if messages != self._held:
            self._refill(now)
            self._held = messages

    def allowed(self, now: float) -> float:
        """Messages per second at present, 0 for no limit or, with one, where all of it is given up."""
        return max(0.0, self._rate - self._given_up.at(now) + self._borrowed.at(now))

    @property
    def unlimited(self) -> bool:
        return self._rate <= 0

    def push(self, item: T, priority: Priority) -> None:
        self._queues[priority].append(item)

    def take(self, now: float) -> T | None:
        """The next item that may be written now, or None; it costs one message."""
        queue = next((queue for queue in self._queues if queue), None)
        if queue is None:
            return None
        self._refill(now)
        if self._rate > 0 and self._tokens < _ONE:
            return None
        self._tokens -= 1.0
        return queue.popleft()

    def affordable(self, now: float, *, past_held: bool = False) -> float:
        """How many messages may be written now, besides those that are queued. past_held: by what need not
        wait behind those that are held."""
        self._refill(now)
        tokens = self._tokens + self._held if past_held else self._tokens
        return math.inf if self._rate <= 0 else tokens // _ONE

    def affords_at(self, now: float, *, past_held: bool = False) -> float:
        """When there will be one, or when to ask again because the rate changes before."""
        self._refill(now)
        tokens = self._tokens + self._held if past_held else self._tokens
        if self._rate <= 0 or tokens >= _ONE:
            return now
        rate, end = self.allowed(now), self._next_end(now)
        at = now + (1.0 - tokens) / rate if rate > 0 else math.inf
        return at if end is None else min(at, end)

    def refund(self) -> None:
        """The item just taken was not written after all."""
        self._tokens += 1.0

    def charge(self, now: float, messages: int = 1) -> None:
        """They were written past the queue; the budget may go into debt for them."""
        self._refill(now)
        self._tokens -= messages

    def wake_at(self, now: float) -> float | None:
        """When to call `take` again: None if nothing waits, `now` if something may go at once."""
        return self.affords_at(now) if len(self) else None

    def clear(self) -> list[T]:
        """Empties the queues and returns what was in them, in the order it would have gone."""
        waiting = [item for queue in self._queues for item in queue]
        for queue in self._queues:
            queue.clear()
        return waiting

    def __len__(self) -> int:
        return sum(map(len, self._queues))

    def _refill(self, now: float) -> None:
        if self._rate > 0:
            while (end := self._next_end(self._at)) is not None and end < now:
                self._save_up(end)
            self._save_up(now)
        else:
            self._tokens = self._burst
        self._at = now

    def _save_up(self, until: float) -> None:
        """The rate does not change before then."""
        saved = max(0.0, until - self._at) * self.allowed(self._at)
        self._tokens = max(self._tokens, min(self._burst - self._held, self._tokens + saved))
        self._at = until

    def _next_end(self, after: float) -> float | None:
        ends = (self._given_up.next_end(after), self._borrowed.next_end(after))
        return min((end for end in ends if end is not None), default=None)
