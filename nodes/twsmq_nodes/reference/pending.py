"""Look-ups that calls wait for: whose turn it is, what is at the gateway, how long it may be silent. Pure.

Those who ask take turns: only a few requests wait for the message budget at a time, and the next one is that
of the peer that has been given the least (`turns`).

Invariants: a look-up lives as long as somebody waits for it; one without a `req_id` waits for its turn, or
for another try of what was not believed; of a kind no more are at the gateway than it answers at a time.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from msgspec import Struct, field
from twsmq_protocol.errors import ErrorCode, RequestError

from twsmq_nodes.runtime.room import has_room
from twsmq_nodes.tws.calls import CallId, Cancel, Send
from twsmq_nodes.tws.events import Event

from .look_ups import KINDS, Kind, Query, occupied
from .turns import PeerTurns

MOST_LOOK_UPS = 1000
"""At the node's share of the message budget these take minutes already: more are refused, not queued."""
AGAIN_S = 5.0
"""Between two tries of what was not believed."""
_UNNUMBERED: dict[type[Event], str] = {
    event: name for name, kind in KINDS.items() if not kind.numbered for event in kind.rows
}


class LookUp(Struct):
    """`req_id`: of the request on its way; `doubted`: the refusal that was not believed; `peer`: who asked
    first."""

    query: Query
    kind: Kind
    peer: bytes
    silent_at: float = math.inf
    waiting: set[CallId] = field(default_factory=set[CallId])
    rows: list[Any] = field(default_factory=list[Any])
    req_id: int | None = None
    not_before: float = 0.0
    doubted: RequestError | None = None


class PendingLookUps:
    """`next_req_id` gives an id the session has not used. `ahead`: so many requests may wait to be written.
    `reserved`: so many of a kind others keep open at the gateway. `sent`: by the ids of their requests.
    """

    def __init__(
        self, next_req_id: Callable[[], int], ahead: int, reserved: Mapping[str, int] | None = None
    ) -> None:
        self.sent: dict[int, LookUp] = {}
        self._all: dict[Query, LookUp] = {}
        self._unwritten: set[int] = set()
        self._paced: dict[str, float] = {}
        self._turns = PeerTurns()
        self._next_req_id = next_req_id
        self._ahead = ahead
        self._reserved = reserved

    def no_room(self, missing: list[Query], peer: bytes) -> RequestError | None:
        """Why `peer` may not wait for these too."""
        new = sum(query not in self._all for query in missing)
        waiting = len(self._all) + max(0, new - 1)
        if not new or waiting < MOST_LOOK_UPS:
            return None
        own = Counter(look_up.peer for look_up in self._all.values())
        if has_room(waiting, own[peer] + new - 1, len(own | {peer: 1}), MOST_LOOK_UPS):
            return None
        text = f"{len(self._all)} other things are being looked up; ask again later"
        return RequestError(ErrorCode.THROTTLED, text)

    def join(self, query: Query, call: CallId, peer: bytes) -> None:
        look_up = self._all.get(query)
        if look_up is None:
            look_up = self._all[query] = LookUp(query, KINDS[query.kind], peer)
        look_up.waiting.add(call)

    def leave(self, query: Query, call: CallId) -> list[Cancel]:
        """The call has waited long enough."""
        look_up = self._all.get(query)
        if look_up is None or call not in look_up.waiting:
            return []
        look_up.waiting.discard(call)
        return [] if look_up.waiting else self.close(look_up)

    def doubt(self, query: Query) -> RequestError | None:
        """What the gateway has said about it and was not believed."""
        look_up = self._all.get(query)
        return None if look_up is None else look_up.doubted

    def unconfirmed(self, query: Query) -> str | None:
        """What is to be said if it may have changed something."""
        look_up = self._all.get(query)
        return None if look_up is None or look_up.req_id is None else look_up.kind.unconfirmed

    def refused_by(self, text: str) -> list[LookUp]:
        """Those that a refusal without an id means."""
        words = ((one, one.kind.refused_as) for one in self.sent.values())
        return [one for one, known in words if known is not None and known in text]

    def close(self, look_up: LookUp) -> list[Cancel]:
        """Nothing more is expected of it."""
        del self._all[look_up.query]
        if look_up.req_id is None:
            return []
        del self.sent[look_up.req_id]
        self._unwritten.discard(look_up.req_id)
        cancel = look_up.kind.cancel
        return [] if cancel is None else [Cancel(cancel(look_up.req_id))]

    def clear(self) -> None:
        """The session is lost."""
        self._all.clear()
        self.sent.clear()
        self._unwritten.clear()

    # --- their requests ------------------------------------------------------------------------------------

    def send(self, now: float) -> Iterator[Send]:
        """Those whose turn has come."""
        while len(self._unwritten) < self._ahead and len(self.sent) < len(self._all):
            look_up = self._next_in_turn(now)
            if look_up is None:
                break
            yield self._sending(look_up, now)

    def _next_in_turn(self, now: float) -> LookUp | None:
        """Of the peer that has been given the least, the one that has waited longest."""
        best: LookUp | None = None
        least, full = math.inf, self._full()
        for look_up in self._all.values():
            if look_up.req_id is not None or look_up.query.kind in full:
                continue
            turn = self._turns.of(look_up.peer)
            if turn >= least:
                continue
            if look_up.kind.pace_s:
                look_up.not_before = max(look_up.not_before, self._paced.get(look_up.query.kind, 0.0))
            if look_up.not_before <= now:
                best, least = look_up, turn
        return best

    def _full(self) -> set[str]:
        unwritten = (self.sent[req_id].query.kind for req_id in self._unwritten)
        return occupied((look_up.query.kind for look_up in self.sent.values()), unwritten, self._reserved)

    def _sending(self, look_up: LookUp, now: float) -> Send:
        kind = look_up.kind
        self._turns.take(look_up.peer)
        self._paced[look_up.query.kind] = now + kind.pace_s
        req_id = look_up.req_id = self._next_req_id()
        self.sent[req_id] = look_up
        self._unwritten.add(req_id)
        look_up.rows = []
        if look_up.doubted is None:
            look_up.silent_at = now + kind.idle_s
        return Send(req_id, kind.asking(req_id, look_up.query.args))

    def written(self, req_id: int, now: float) -> None:
        """The gateway has it from now on: it has not been silent before."""
        self._unwritten.discard(req_id)
        if (look_up := self.sent.get(req_id)) is None:
            return
        self._paced[look_up.query.kind] = now + look_up.kind.pace_s
        if look_up.doubted is None:
            look_up.silent_at = max(look_up.silent_at, now + look_up.kind.idle_s)

    def ask_again(self, look_up: LookUp, doubted: RequestError, now: float) -> None:
        """What the gateway has said is not believed."""
        assert look_up.req_id is not None
        look_up.doubted = doubted
        del self.sent[look_up.req_id]
        self._unwritten.discard(look_up.req_id)
        look_up.req_id, look_up.not_before = None, now + AGAIN_S

    def meant(self, event: Event) -> LookUp | None:
        """The look-up that an event belongs to."""
        req_id = getattr(event, "req_id", None)
        if req_id is not None:
            look_up = self.sent.get(req_id)
            known = look_up is not None and (
                type(event) in look_up.kind.rows or type(event) in look_up.kind.ends
            )
            return look_up if known else None
        name = _UNNUMBERED.get(type(event))
        about = None if name is None else KINDS[name].about
        if name is None or about is None:
            return None
        look_up = self._all.get(Query(name, about(event)))
        return look_up if look_up is not None and look_up.req_id is not None else None

    # --- the clock -----------------------------------------------------------------------------------------

    def silent(self, now: float) -> list[LookUp]:
        """Those of which nothing more is expected."""
        return [one for one in self._all.values() if one.silent_at <= now]

    def moments(self) -> Iterator[float]:
        """When to look at the clock."""
        held, full = len(self._unwritten) >= self._ahead, self._full()
        for look_up in self._all.values():
            yield look_up.silent_at
            if look_up.req_id is None and not held and look_up.query.kind not in full:
                yield look_up.not_before

    def validate(self) -> set[CallId]:
        """Raises `AssertionError` where an invariant is broken; who waits."""
        assert all(look_up.waiting for look_up in self._all.values())
        assert all(look_up.req_id == req_id for req_id, look_up in self.sent.items())
        assert self._unwritten <= self.sent.keys()
        assert len(self._unwritten) <= self._ahead
        return {call for look_up in self._all.values() for call in look_up.waiting}
