"""Browsers that listen: each change is encoded once and handed to all; one that does not read loses only
itself.

A browser that is `MOST_WAITING` messages or `MOST_WAITING_BYTES` behind gets the whole board instead of
what it missed: memory is bounded, and what it shows afterwards is the present. Several changes that wait go
out together.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable

MOST_WAITING = 200
MOST_WAITING_BYTES = 1_000_000
KEEP_ALIVE_S = 1.0


class Browser:
    """One stream. `whole` gives the message that holds everything."""

    def __init__(self, whole: Callable[[], bytes]) -> None:
        self._whole = whole
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        self._behind = True
        self._wake = asyncio.Event()
        self._wake.set()
        self.over = False

    def offer(self, message: bytes) -> None:
        if self._behind:
            return  # the whole board is to come
        if len(self._waiting) >= MOST_WAITING or self._bytes >= MOST_WAITING_BYTES:
            self.resync()
        else:
            self._waiting.append(message)
            self._bytes += len(message)
        self._wake.set()

    def resync(self) -> None:
        """The whole board again."""
        self._waiting.clear()
        self._bytes = 0
        self._behind = True
        self._wake.set()

    def end(self) -> None:
        self.over = True
        self._wake.set()

    async def messages(self, alive: Callable[[], bytes]) -> AsyncIterator[bytes]:
        """Until `end`. `alive` is sent whenever nothing else was for a second."""
        while not self.over:
            if not self._wake.is_set():
                try:
                    async with asyncio.timeout(KEEP_ALIVE_S):
                        await self._wake.wait()
                except TimeoutError:
                    yield alive()
                    continue
            self._wake.clear()
            if self._behind:
                self._behind = False
                yield self._whole()
            if self._waiting:
                together = b"".join(self._waiting)
                self._waiting.clear()
                self._bytes = 0
                yield together


class Browsers:
    """All of them."""

    def __init__(self) -> None:
        self._all: set[Browser] = set()

    def __len__(self) -> int:
        return len(self._all)

    def add(self, whole: Callable[[], bytes]) -> Browser:
        browser = Browser(whole)
        self._all.add(browser)
        return browser

    def remove(self, browser: Browser) -> None:
        self._all.discard(browser)

    def offer(self, message: bytes) -> None:
        for browser in self._all:
            browser.offer(message)

    def resync(self) -> None:
        for browser in self._all:
            browser.resync()

    def end(self) -> None:
        for browser in self._all:
            browser.end()


def sse(event: str, data: bytes) -> bytes:
    """One server-sent event; `data` is JSON and so holds no newline."""
    return b"event: %s\ndata: %s\n\n" % (event.encode(), data)
