"""How many bytes of replies each peer has been sent and has not taken: libzmq counts messages only. Pure.

    left = bytes handed to libzmq − bytes that the peer's system has acknowledged

Theory: libzmq holds up to `REPLIES_PER_PEER` replies for each peer, of whatever length: of 5 MB each, a few
clients that do not read would take all memory. What a peer has taken is asked of the kernel only when what it
might still have before it is much. Where all together have too much, who has most must go: it does not read.

Invariants: a peer that has little before it is never refused, so that one reply longer than all bounds still
leaves; `total` is the sum of what every peer might have before it.
"""

from __future__ import annotations

from collections.abc import Callable

PEER_BYTES, ALL_BYTES = 4 * 1024 * 1024, 48 * 1024 * 1024
LITTLE_BYTES = 64 * 1024
PEERS = 2048
"""Whose account is kept before those are forgotten that have taken all."""


class _Account:
    """`handed` counts from what had been taken when it was opened."""

    __slots__ = ("handed", "left")

    def __init__(self, handed: int) -> None:
        self.handed = handed
        self.left = 0


class Outstanding:
    """`taken(peer)`: bytes it has acknowledged ever; None for one that is gone, or of which it cannot be
    known: such a one has no account.
    """

    def __init__(self, taken: Callable[[bytes], int | None]) -> None:
        self._taken = taken
        self._accounts: dict[bytes, _Account] = {}
        self.total = 0

    def room(self, peer: bytes, size: int) -> bool:
        """Whether a reply of so many bytes may go to it now."""
        account = self._accounts.get(peer)
        if account is None or account.left + size <= PEER_BYTES:
            return True
        self._look(peer, account)
        return account.left + size <= PEER_BYTES or account.left <= LITTLE_BYTES

    def handed(self, peer: bytes, size: int) -> list[bytes]:
        """A reply of so many bytes was handed to libzmq for it. Who must go."""
        account = self._accounts.get(peer)
        if account is None:
            taken = self._taken(peer)
            if taken is None:
                return []
            account = self._accounts[peer] = _Account(taken)
        account.handed += size
        account.left += size
        self.total += size
        if self.total <= ALL_BYTES and len(self._accounts) <= PEERS:
            return []
        for one, each in list(self._accounts.items()):
            self._look(one, each)
            if not each.left:
                del self._accounts[one]
        gone: list[bytes] = []
        for one in sorted(self._accounts, key=lambda name: self._accounts[name].left, reverse=True):
            if self.total <= ALL_BYTES:
                break
            gone.append(one)
            self.total -= self._accounts.pop(one).left
        return gone

    def _look(self, peer: bytes, account: _Account) -> None:
        taken = self._taken(peer)
        left = 0 if taken is None else max(0, account.handed - taken)
        self.total += left - account.left
        account.left = left

    def validate(self) -> None:
        """Raise AssertionError if an invariant is broken. For tests."""
        assert self.total == sum(account.left for account in self._accounts.values())
        assert all(account.left >= 0 for account in self._accounts.values())
