"""Follows the orders node's journal: every order event once, in the order of its numbers, whatever is lost.

Theory: event numbers rise and outlive restarts. An event with the next number is taken; one further on, or a
heartbeat that names a later number, shows that something is missing, and pages of the journal are asked for
until all is there. So what was lost, what came before this process started, and what came while it was
stopped are one case. A page is whole: a number that it lacks no event has (a power loss leaves such a gap). A
journal whose newest number is lower than what was taken is another journal: all is forgotten and read anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from twsmq_protocol.order_events import OrderEvent

PAGE = 1000
ASK_AGAIN_S = 3.0
BETWEEN_PAGES_S = 0.02
"""The orders node has other things to do than to read its journal to us."""


class JournalFollower:
    """`take` receives every event once. `forget` is called before a journal is read anew."""

    def __init__(self, take: Callable[[OrderEvent], None], forget: Callable[[], None]) -> None:
        self._take = take
        self._forget = forget
        self._last = 0  # the last event taken
        self._head: int | None = None  # the newest there is, as far as known
        self._ask_at = 0.0
        self._asked = False

    @property
    def complete(self) -> bool:
        """Everything that is known to be there has been taken."""
        return self._head is not None and self._last >= self._head

    @property
    def last(self) -> int:
        return self._last

    def event(self, event: OrderEvent) -> None:
        number = event.event_no
        if number == self._last + 1:
            self._last = number
            self._take(event)
        if number > (self._head or 0):
            self._head = number

    def head(self, newest: int) -> None:
        """The orders node says which number is the newest."""
        if newest < self._last:
            self._forget()
            self._last, self._asked, self._ask_at = 0, False, 0.0
        self._head = newest

    def wants(self, now: float) -> int | None:
        """The number after which a page is to be asked for now."""
        if self._head is None or self.complete or now < self._ask_at:
            return None
        self._ask_at = now + ASK_AGAIN_S
        self._asked = True
        return self._last

    def page(self, events: Iterable[OrderEvent], after: int, following: int, now: float) -> None:
        """A page of the journal came: all numbered above `after` and up to `following`."""
        if after > self._last:
            return  # of the journal that is forgotten
        for event in events:
            if event.event_no > self._last:
                self._last = event.event_no
                self._take(event)
        self._last = max(self._last, following)
        if self._asked:
            self._asked = False
            self._ask_at = now + BETWEEN_PAGES_S
