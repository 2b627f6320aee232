"""A shard's lines stay silent though asked for again: what is done about it.

    silent, others flow ─→ published on `gateway/`, and left to the shard, which asks ever more rarely
    silent, none flows ──→ published, our own session probed ─ answers, PATIENCE_S later still none ─→ the
                           shard is asked to connect anew ─ still none ─→ again, each time twice as long after
    any line flows ──────→ published

Theory: escalation is relative. A line that is dead among living ones is dead by itself; a new connection
would cost the living ones and mend nothing. A gateway can, however, go on answering one connection and feed
another nothing at all. A probe of our own session decides the rest: if ours is dead too, or the gateway
has lost IBKR, a new connection would mend nothing and every session's own watch sees to it.

Invariant: a shard on which anything flows is never asked to connect anew. Heartbeats are the clock.
"""

from __future__ import annotations

from msgspec import Struct
from twsmq_protocol.counted import counted

PATIENCE_S = 15.0
"""Longer than a session takes to find out that it is dead."""
APART_S, MOST_APART_S = 300.0, 3600.0


class ShardReport(Struct, frozen=True):
    """A shard's heartbeat: whether its session is up, how many of its lines stay silent though asked for
    again, and on how many data came lately.
    """

    name: str
    up: bool
    silent_lines: int
    flowing_lines: int = 0


class Probe(Struct, frozen=True):
    """Ask the gateway for its time in our own session."""


class Reconnect(Struct, frozen=True):
    """Ask a shard to end its session and connect again."""

    name: str


class Reason(Struct, frozen=True):
    """Announce it on `gateway/`."""

    text: str


Step = Probe | Reconnect | Reason


class _Case:
    """Silent lines of one shard. `dead_since`: nothing flows since then; None while something does."""

    def __init__(self) -> None:
        self.dead_since: float | None = None
        self.announced_dead: bool | None = None
        self.we_are_answered = False


class Escalation:
    """Times in seconds, monotonic."""

    def __init__(self) -> None:
        self._cases: dict[str, _Case] = {}
        self._asked_at: dict[str, float] = {}
        self._apart: dict[str, float] = {}

    def answered(self) -> None:
        """The gateway answered a probe in our own session."""
        for case in self._cases.values():
            case.we_are_answered = True

    def reported(self, shard: ShardReport, now: float, *, link_up: bool) -> list[Step]:
        """`link_up`: our own session is up, and the gateway reaches IBKR."""
        name, case = shard.name, self._cases.get(shard.name)
        if not shard.up:
            return []
        if not shard.silent_lines:
            self._apart.pop(name, None)
            return [Reason(f"{name} has no silent lines any more")] if self._cases.pop(name, None) else []
        if case is None:
            case = self._cases[name] = _Case()
        if shard.flowing_lines:
            case.dead_since = None
            self._apart.pop(name, None)
            return self._announced(case, shard, dead=False)
        if case.dead_since is None:
            case.dead_since, case.we_are_answered = now, False
            return [*self._announced(case, shard, dead=True), Probe()]
        if not case.we_are_answered:
            return [Probe()]
        if not link_up or now < case.dead_since + PATIENCE_S or now < self._earliest(name):
            return []
        self._asked_at[name] = now
        self._apart[name] = min(2 * self._apart.get(name, APART_S / 2), MOST_APART_S)
        words = "nothing flows on its session, while ours is answered"
        return [Reason(f"{name} is asked to connect anew: {words}"), Reconnect(name)]

    def _earliest(self, name: str) -> float:
        asked_at = self._asked_at.get(name)
        return 0.0 if asked_at is None else asked_at + self._apart.get(name, APART_S)

    def _announced(self, case: _Case, shard: ShardReport, *, dead: bool) -> list[Step]:
        if case.announced_dead == dead:
            return []
        case.announced_dead = dead
        lines = counted(shard.silent_lines, "line stays", "lines stay")
        silent = f"{shard.name}: {lines} silent though asked for again"
        if dead:
            return [Reason(f"{silent}, and nothing flows, in a session that is up")]
        others = counted(shard.flowing_lines, "other flows", "others flow")
        return [Reason(f"{silent}, while {others}: it is these lines, not the session")]
