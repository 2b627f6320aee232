"""Whose look-up is next: that of the peer that has been given the least. Pure.

One that comes anew, or back after a rest, begins at the level of those who wait: rest is not saved up.
"""

from __future__ import annotations

REMEMBERED = 1000
"""Peers."""


class PeerTurns:
    def __init__(self) -> None:
        self._given: dict[bytes, int] = {}
        self._level = 0  # no peer that waits has been given less

    def of(self, peer: bytes) -> int:
        """The lower, the sooner."""
        return max(self._given.get(peer, 0), self._level)

    def take(self, peer: bytes) -> None:
        """Its turn it was."""
        self._level = self.of(peer)
        self._given[peer] = self._level + 1
        if len(self._given) > REMEMBERED:
            self._given = {one: given for one, given in self._given.items() if given > self._level}
