"""What the shards of a cluster hold together of the lines that a gateway gives to one user.

Theory. The gateway counts lines for the user, not for a session. So they belong to all shards: whoever has
somebody to serve takes the next one, as long as the sum stays within the limit. A line is held for hours,
unlike a message; it is therefore not lent for moments but kept until nobody listens. Each shard states what
it holds and reads what the others state, under one lock with its decision (`lines_record`), so that no two
take the last line at once, and nobody has to be asked: not `connection`, and no shard that is dead.

    held     requests out, per pool of kinds that share a limit
    claimed  held, and for `LINGER_S` what was given back, for its cancel may still be on its way; after a
             lost session or a restart at least what it had held before, until `SETTLE_S` after the session is
             up again: a reconnect costs no shard its lines
    granted  of all shards together, once the gateway has refused one more (101, 309, 10190)

Invariants: a shard holds no more than the others' claims leave of the limit (but for what it already has when
the limit falls); a statement older than `STALE_S` counts no more (its process is gone, and the gateway has
ended its lines); where statements cannot be exchanged each shard keeps to its own part of the limit. Pure:
seconds, monotonic, one clock for all processes of a machine.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from msgspec import Struct

LINGER_S = 1.0
STALE_S = 15.0
SETTLE_S = 30.0
"""As long as a topic's listeners may take to come back after a restart."""

Counts = Mapping[str, int]


class Statement(Struct, frozen=True, kw_only=True):
    """What one shard states, at `at`."""

    shard: int
    at: float
    claimed: dict[str, int]
    granted: dict[str, int] = {}


class SharedLines:
    """Of one shard among `shards`; `limits`: of all together, per pool."""

    def __init__(self, limits: Counts, shard: int = 0, shards: int = 1) -> None:
        self._limits = dict(limits)
        self._shard, self._shards = shard, shards
        self._others: dict[int, Statement] = {}
        self._recent: dict[str, list[tuple[int, float]]] = {}  # held by this one, and until when it counts
        self._before: dict[str, int] = {}  # held before the session was lost, or in an earlier life
        self._settled_at = math.inf
        self._known = shards == 1
        self._left_seen: dict[str, int] = {}

    # -- what there is

    def of_others(self, pool: str, now: float) -> int:
        """Lines that other shards hold, or may still hold."""
        fresh = (said for said in self._others.values() if said.at > now - STALE_S)
        return sum(said.claimed.get(pool, 0) for said in fresh)

    def limits(self, pool: str) -> int:
        """Of all shards together, by the configuration."""
        return self._limits[pool]

    def total(self, pool: str, granted: int | None, now: float) -> int:
        """Of all shards together, by the configuration and by what the gateway has let any of them know."""
        fresh = (said for said in self._others.values() if said.at > now - STALE_S)
        told = [said.granted[pool] for said in fresh if pool in said.granted]
        return min([self._limits[pool], *told, *([] if granted is None else [granted])])

    def allowed(self, pool: str, held: int, granted: int | None, now: float) -> int:
        """How many this shard may hold."""
        total = self.total(pool, granted, now)
        if self._known:
            return max(0, total - self.of_others(pool, now))
        part = total // self._shards + (self._shard < total % self._shards)
        return part if held <= part else held

    # -- statements

    def state(self, held: Counts, granted: Counts, now: float) -> Statement:
        """This shard's own."""
        if now >= self._settled_at:
            self._before = {}
        claimed: dict[str, int] = {}
        for pool, count in held.items():
            recent = [one for one in self._recent.get(pool, ()) if one[1] > now and one[0] > count]
            claimed[pool] = max([count, self._before.get(pool, 0), *(kept for kept, _ in recent)])
            self._recent[pool] = [*recent, (count, now + LINGER_S)]
        return Statement(shard=self._shard, at=now, claimed=claimed, granted=dict(granted))

    def learn(self, statements: Iterable[Statement], now: float) -> None:
        """All that there are. Its own is one of an earlier life."""
        self._known = True
        for said in statements:
            if said.shard == self._shard or not now - STALE_S < said.at <= now + 1.0:
                continue
            self._others[said.shard] = said

    def remember(self, earlier: Statement, now: float) -> None:
        """This shard's statement of an earlier life."""
        if earlier.shard == self._shard and now - STALE_S < earlier.at <= now:
            self._before = dict(earlier.claimed)

    def forget_others(self) -> None:
        """Statements cannot be exchanged at present."""
        self._known = self._shards == 1

    def gave_way(self, granted: Counts, now: float) -> bool:
        """Whether there is more for this shard than at the last look."""
        seen = {pool: self.allowed(pool, 0, granted.get(pool), now) for pool in self._limits}
        before, self._left_seen = self._left_seen, seen
        return any(seen[pool] > before.get(pool, seen[pool]) for pool in seen)

    # -- the session

    def session_up(self, now: float) -> None:
        self._settled_at = now + SETTLE_S

    def session_lost(self, held: Counts) -> None:
        """`held`: as the session ended."""
        self._settled_at = math.inf
        self._before = {pool: max(count, self._before.get(pool, 0)) for pool, count in held.items()}
