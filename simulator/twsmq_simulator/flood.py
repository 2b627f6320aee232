"""Ticks as fast as a client can take them: a buffer encoded once and written over and over.

For measuring what is on the other side of the socket; the simulator is not to be what limits it. A congested
client is waited for, so nothing is left out.
"""

from __future__ import annotations

import asyncio

from twsmq_simulator.feeds import Receiver, TopOfBook
from twsmq_simulator.market.book import Book

BUFFER_MESSAGES = 5000
PACE = 0.005  # seconds between two writes of a paced flood


def encode_ticks(subscription: TopOfBook, book: Book, now: int) -> tuple[bytes, int]:
    """A buffer of whole messages from real steps of the book, and how many messages it has."""
    parts: list[bytes] = []
    count = 0
    while count < BUFFER_MESSAGES:
        data = subscription.ticks(book, book.step(), now)
        parts.append(data)
        count += count_messages(data)
    return b"".join(parts), count


def count_messages(data: bytes) -> int:
    count = at = 0
    while at < len(data):
        at += 4 + int.from_bytes(data[at : at + 4], "big")
        count += 1
    return count


class Flood:
    """Sends at least `messages` messages to one subscription, `per_second` at most (0: no limit)."""

    def __init__(self, session: Receiver, data: bytes, count: int, messages: int, per_second: int) -> None:
        self._session = session
        self._data = data
        self._count = count
        self._left = messages
        self._per_second = per_second
        self._begun = asyncio.get_running_loop().time()
        self._sent = 0
        self.pump()

    def pump(self) -> None:
        loop = asyncio.get_running_loop()
        session = self._session
        while self._left > 0 and session.is_open:
            if session.congested:
                session.when_writable(self.pump)
                return
            if self._per_second and self._sent > (loop.time() - self._begun) * self._per_second:
                loop.call_later(PACE, self.pump)
                return
            session.send_now(self._data)
            self._sent += self._count
            self._left -= self._count
