"""Which of the broker's orders stand for one of ours, by permanent id.

One is the rule. But an order modified while the gateway has lost the broker may come out as a second one: the
same order id, a permanent id of its own, and the first stays alive (nautilus_trader issue 4564, on a paper
Gateway: the cancel ended one of them, the other filled six hours later). So an order of ours has ended only
when none of its incarnations is left, and a cancel goes out again until then.

Invariant: what is live is this session's knowledge, never the journal's; the open orders of the next snapshot
show it anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Set

from ..ids import Key
from ..record import Record


class Duplicates:
    """A permanent id of 0 is one the gateway did not give."""

    def __init__(self) -> None:
        self._live: dict[Key, set[int]] = {}
        self._doubled: set[Key] = set()

    def lives(self, key: Key, perm_id: int) -> tuple[int, ...]:
        """A report shows this one alive: all that are, if it is news that it stands beside another."""
        live = self._live.setdefault(key, set())
        if not perm_id or perm_id in live:
            return ()
        live.add(perm_id)
        if len(live) == 1:
            return ()
        self._doubled.add(key)
        return tuple(sorted(live))

    def outdated(self, key: Key, perm_id: int) -> bool:
        """A younger one is alive, whose values are the order's. Assumed: permanent ids rise."""
        return perm_id < max(self._live.get(key, ()), default=0)

    def ended(self, key: Key, perm_id: int) -> tuple[int, ...]:
        """A report shows this one ended: those that are left."""
        live = self._live.get(key, set())
        live.discard(perm_id)
        if not perm_id and key not in self._doubled:
            live.clear()
        if not live:
            self._live.pop(key, None)
        return tuple(sorted(live))

    def doubled(self, key: Key) -> bool:
        """There has been more than one: what the gateway says of the order id alone may be about either."""
        return key in self._doubled

    def of(self, record: Record) -> bool:
        """There has been more than one of this order, in this session or an earlier one."""
        return self.doubled(record.key) or len(record.perm_ids) > 1

    def listed(self, open_orders: Mapping[Key, Set[int]]) -> None:
        """A snapshot's open orders are in: nothing else is alive."""
        self._live = {key: set(perm_ids) - {0} for key, perm_ids in open_orders.items()}
        self._doubled |= {key for key, live in self._live.items() if len(live) > 1}

    def forget(self) -> None:
        """The session is over."""
        self._live.clear()
        self._doubled.clear()
