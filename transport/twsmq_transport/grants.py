"""What came of each wish of one connection, where topics are granted by name (XPUB_MANUAL). Pure.

Invariant: a prefix is withdrawn with the last wish that came to it. libzmq keeps a prefix once for each
peer, however often it is granted: of `order/` and `order/alpha/`, which are one to a trader of alpha, the end
of the first must not end the second.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable


class Grants:
    __slots__ = ("_by_wish", "_wishes")

    def __init__(self) -> None:
        self._by_wish: dict[str, tuple[str, ...]] = {}
        self._wishes: Counter[str] = Counter()  # how many came to a prefix

    def grant(self, wish: str, prefixes: Iterable[str]) -> None:
        """A wish that is repeated, maybe under other rights, has what it was given each time."""
        had = self._by_wish.get(wish, ())
        more = [prefix for prefix in dict.fromkeys(prefixes) if prefix not in had]
        if more:
            self._by_wish[wish] = (*had, *more)
            self._wishes.update(more)

    def withdraw(self, wish: str) -> list[str]:
        """The prefixes that end with this wish."""
        ended: list[str] = []
        for prefix in self._by_wish.pop(wish, ()):
            self._wishes[prefix] -= 1
            if not self._wishes[prefix]:
                del self._wishes[prefix]
                ended.append(prefix)
        return ended
