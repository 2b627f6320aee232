"""What a subscriber heard, and what that says: how much was lost, how old the ticks were.

Invariant: what receives only appends; all sums are made afterwards, from the feed's log of its writes.
"""

from __future__ import annotations

import json
from array import array
from bisect import bisect_right
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .tape import CYCLE, size_of

PERCENTILES = {"p50": 0.5, "p99": 0.99}

Heard = tuple[int, int, int, int]
"""(ns, instrument, the size of its first tick, number of ticks) of one message."""


class Hearing:
    """Of the frames `first` up to `end`, `first` being one of instrument 0. `heard` is called for every
    message with the sizes in it. What comes late from a play before is passed over.
    """

    def __init__(self, instruments: int, first: int, end: int, *, keep: bool) -> None:
        """`keep`: the ages of the ticks are wanted, so every message is remembered."""
        self.frames = end - first
        self.count = 0
        self.last_ns = 0
        self.missing = 0
        self._first_number = first // instruments
        self._next = [size_of(self._first_number)] * instruments
        self._keep = keep
        self._messages: list[Heard] = []

    @property
    def done(self) -> bool:
        return self.count >= self.frames

    def heard(self, ns: int, instrument: int, sizes: Sequence[float]) -> None:
        first, many = int(sizes[0]), len(sizes)
        skipped = (first - self._next[instrument]) % CYCLE
        if skipped:
            if skipped > CYCLE // 2:
                return
            self.missing += skipped
        self._next[instrument] = (first - 1 + many) % CYCLE + 1
        self.count += many
        self.last_ns = ns
        if self._keep:
            self._messages.append((ns, instrument, first, many))

    def ages(self, log: Sequence[tuple[int, int]]) -> array[int]:
        """The ns from each tick's write to its arrival here, sorted."""
        ends = [end for end, _ in log]
        instruments = len(self._next)
        numbers = [self._first_number] * instruments
        found = array("q")
        for ns, instrument, first, many in self._messages:
            number = numbers[instrument]
            number += (first - size_of(number)) % CYCLE
            numbers[instrument] = number + many
            for each in range(number, number + many):
                sent = log[bisect_right(ends, each * instruments + instrument)][1]
                found.append(ns - sent)
        return array("q", sorted(found))

    def report(self, log_path: str | None) -> dict[str, Any]:
        """`lost`: ticks that did not come. Ages in µs, if kept."""
        result: dict[str, Any] = {
            "heard": self.count,
            "lost": max(self.missing, self.frames - self.count),
            "last": self.last_ns,
        }
        if log_path is not None and self._messages:
            ages = self.ages(json.loads(Path(log_path).read_text()))
            result |= {name: ages[int(len(ages) * share)] / 1000 for name, share in PERCENTILES.items()}
        return result
