"""Whose message is next: that of the peer that has had the least of our time. Pure; times are passed in.

Theory: one peer's requests may cost a thousand times another's, so turns are counted in seconds, not in
messages (the "virtual runtime" of a fair scheduler). A peer that comes back after a rest starts at the level
of whoever waits with the least: rest is not saved up, and a flood that pauses gains nothing. So while two
peers wait, neither holds more than half.

Invariants: messages of one peer keep their order; `count` and `size` are what waits.
"""

from __future__ import annotations

import heapq
from collections import deque
from itertools import count

Frames = list[bytes]

REMEMBERED = 1024
"""Peers whose time is remembered although they do not wait."""


class Turns:
    """Messages by peer; the first frame names the peer."""

    def __init__(self) -> None:
        self.count = 0
        self.size = 0
        self._waiting: dict[bytes, deque[Frames]] = {}
        self._order: list[tuple[float, int, bytes]] = []  # one entry for each peer that waits
        self._spent: dict[bytes, float] = {}
        self._level = 0.0  # no peer that waits has had less
        self._numbers = count()

    def add(self, frames: Frames) -> None:
        peer = frames[0]
        self.count += 1
        self.size += sum(map(len, frames))
        queue = self._waiting.get(peer)
        if queue is not None:
            queue.append(frames)
            return
        self._waiting[peer] = deque((frames,))
        self._enqueue(peer)

    def take(self) -> Frames | None:
        """The next message, None if none waits. `charge` its peer when it has been handled."""
        if not self._order:
            return None
        self._level, _, peer = heapq.heappop(self._order)
        queue = self._waiting[peer]
        frames = queue.popleft()
        self.count -= 1
        self.size -= sum(map(len, frames))
        if not queue:
            del self._waiting[peer]
        return frames

    def charge(self, peer: bytes, seconds: float) -> None:
        """Its message took that long; if more of it wait, they queue up again."""
        self._spent[peer] = max(self._spent.get(peer, 0.0), self._level) + seconds
        if peer in self._waiting:
            self._enqueue(peer)
        elif len(self._spent) > REMEMBERED:
            self._spent = {peer: self._spent[peer] for peer in self._waiting if peer in self._spent}

    def bill(self, shares: dict[bytes, int], seconds: float) -> None:
        """What was done once for several messages, so many of each peer."""
        messages = sum(shares.values())
        for peer, own in shares.items():
            self._spent[peer] = max(self._spent.get(peer, 0.0), self._level) + seconds * own / messages

    def _enqueue(self, peer: bytes) -> None:
        entry = max(self._spent.get(peer, 0.0), self._level)
        heapq.heappush(self._order, (entry, next(self._numbers), peer))

    def validate(self) -> None:
        """Raise AssertionError if an invariant is broken. For tests, between a charge and the next take."""
        assert self.count == sum(map(len, self._waiting.values()))
        assert self.size == sum(len(part) for q in self._waiting.values() for each in q for part in each)
        assert sorted(peer for _, _, peer in self._order) == sorted(self._waiting)
