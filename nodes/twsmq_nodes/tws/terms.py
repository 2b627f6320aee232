"""Rates that were promised, each until a moment of its own. Pure: moments in seconds, monotonic.

Several may hold at once; then the highest counts, alone: who promised 5 until now + 1 and 3 until now + 2 has
promised 5 for a second and 3 for another. Promises are never taken back, they only run out.
"""

from __future__ import annotations


class Terms:
    """Messages per second that hold for a while."""

    def __init__(self) -> None:
        self._terms: list[tuple[float, float]] = []  # (until, rate)

    def add(self, rate: float, until: float, now: float) -> None:
        """`rate` holds until `until`, which is not counted any more."""
        self._terms = [term for term in self._terms if term[0] > now]
        if rate > 0 and until > now:
            self._terms.append((until, rate))

    def at(self, moment: float) -> float:
        """What holds at `moment`; 0 for nothing."""
        return max((rate for until, rate in self._terms if until > moment), default=0.0)

    def throughout(self, until: float) -> float:
        """What holds from now on as long as `until`."""
        return max((rate for end, rate in self._terms if end >= until), default=0.0)

    def next_end(self, after: float) -> float | None:
        """When the next of them runs out."""
        return min((until for until, _ in self._terms if until > after), default=None)

    def clear(self) -> None:
        """For a borrower only: what was lent to it is not used any more."""
        self._terms.clear()
