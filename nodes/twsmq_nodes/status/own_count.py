"""Our own count of each position beside the broker's.

    own         the sum of all fills the orders node ever journaled, per account and contract
    outside     what the broker had beyond that when both were first compared: trades by hand, positions from
                before, from elsewhere. It is kept on disk, or every restart would forgive a difference.
    difference  broker - own - outside: must be 0. Fills and positions travel on two ways, so it is believed
                only once it has stood for a while; that is the alert's business.

An account is compared only when both sides are complete: the broker's listing and the replay of our journal.
What is outside is believed once it has stood for `SETTLED_S`, else a fill that is on one of the two ways at
that moment would be taken for a position from elsewhere, and differ for ever; until then the difference is
unknown.
A fill without a conId makes what it is about uncountable, and the row says None.
"""

from __future__ import annotations

from collections.abc import Mapping

from twsmq_protocol.order_events import Fill

Key = tuple[str, int]
SETTLED_S = 5.0


class OwnCount:
    """`outside`: as it was kept, None if nothing was ever compared. `outside_changed`: it has to be kept
    again."""

    def __init__(self, outside: Mapping[Key, float] | None = None) -> None:
        self.outside: dict[Key, float] = dict(outside or {})
        self.outside_changed = False
        self.complete = False
        self.compared = False
        """With a broker's listing, in this life."""
        self.counted_to = 0
        self._own: dict[Key, float] = {}
        self._fills: dict[str, tuple[Key, float]] = {}
        self._uncountable: set[str] = set()
        self._known = outside is not None
        self._seen: tuple[float, dict[Key, float]] | None = None
        self._since: dict[Key, float] = {}

    def event(self, fill: Fill) -> None:
        """A fill of the journal, in its order; one that is known is not counted again."""
        if fill.event_no and fill.event_no <= self.counted_to:
            return
        self.counted_to = max(self.counted_to, fill.event_no)
        if fill.corrects is not None and fill.corrects in self._fills:
            key, signed = self._fills.pop(fill.corrects)
            self._own[key] = self._own.get(key, 0.0) - signed
        if fill.exec_id in self._fills:
            return
        if fill.con_id is None:
            self._uncountable.add(fill.account)
            return
        key = (fill.account, fill.con_id)
        signed = fill.quantity if fill.side == "BUY" else -fill.quantity
        self._fills[fill.exec_id] = (key, signed)
        self._own[key] = self._own.get(key, 0.0) + signed

    def compare(self, broker: Mapping[Key, float], now: float) -> None:
        """`broker`: every position of a complete listing. The first that stands ever says what is outside."""
        if not self.complete:
            return
        if not self._known:
            beyond = self._beyond(broker)
            if self._seen is None or self._seen[1] != beyond:
                self._seen = (now, beyond)
            if now - self._seen[0] < SETTLED_S:
                return
            self._believe(beyond)
        self.compared = True
        for key in broker.keys() | self._own.keys() | self.outside.keys() | self._since.keys():
            if self.difference(key, broker.get(key, 0.0)):
                self._since.setdefault(key, now)
            else:
                self._since.pop(key, None)

    def forget(self) -> None:
        """The journal is another one: what it holds is counted from the beginning, and compared anew."""
        self.__init__(None)

    def own(self, key: Key) -> float | None:
        if not self.complete or key[0] in self._uncountable:
            return None
        return _rounded(self._own.get(key, 0.0))

    def difference(self, key: Key, broker: float) -> float | None:
        own = self.own(key)
        return None if own is None or not self._known else _rounded(broker - own - self.outside.get(key, 0.0))

    def _beyond(self, broker: Mapping[Key, float]) -> dict[Key, float]:
        """What the broker has more, or less, than was counted here."""
        return {
            key: more
            for key in broker.keys() | self._own.keys()
            if (more := _rounded(broker.get(key, 0.0) - self._own.get(key, 0.0)))
        }

    def _believe(self, beyond: dict[Key, float]) -> None:
        self._known, self._seen = True, None
        self.outside, self.outside_changed = beyond, True

    def keys(self) -> set[Key]:
        """Whatever is held by our own count or from outside."""
        return {key for key, units in self._own.items() if _rounded(units)} | self.outside.keys()

    def differing_since(self, now: float) -> dict[Key, float]:
        """How many seconds each difference has stood."""
        return {key: now - since for key, since in self._since.items()}


def _rounded(units: float) -> float:
    return round(units, 8) + 0.0
