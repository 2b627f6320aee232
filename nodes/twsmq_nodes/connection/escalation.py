"""A shard's lines stay silent though asked for again: what is done about it.

    silent ─→ told on `gateway/`, our own session probed ─ answers, and PATIENCE_S later still silent ─→ the
    shard is asked to connect anew ─ still silent ─→ once more, APART_S later ─ its lines are heard ─→ told

Theory: a gateway can go on answering one connection and feed another nothing. A probe of our own session
tells the two apart: if ours is dead too, or the gateway has lost IBKR, a new connection would mend nothing
and every session's own watch sees to it. If ours lives, the shard's is taken to be the one that is stuck.

A shard that connects anew interrupts all its streams, so it is asked rarely; and it has told of a line only
after that has left several requests unanswered, more patiently each time. Heartbeats are the clock.
"""

from __future__ import annotations

from msgspec import Struct

PATIENCE_S = 15.0
"""Longer than a session takes to find out that it is dead."""
APART_S = 300.0


class ShardHeard(Struct, frozen=True):
    """A shard's heartbeat: whether its session is up, and how many of its lines stay silent."""

    name: str
    up: bool
    silent_lines: int


class Probe(Struct, frozen=True):
    """Ask the gateway for its time in our own session."""


class Reconnect(Struct, frozen=True):
    """Ask a shard to end its session and connect again."""

    name: str


class Reason(Struct, frozen=True):
    """Tell on `gateway/`."""

    text: str


Step = Probe | Reconnect | Reason


class _Case:
    def __init__(self, since: float) -> None:
        self.since = since
        self.we_are_answered = False


class Escalation:
    """Times in seconds, monotonic."""

    def __init__(self) -> None:
        self._cases: dict[str, _Case] = {}
        self._asked_at: dict[str, float] = {}

    def answered(self) -> None:
        """The gateway answered a probe in our own session."""
        for case in self._cases.values():
            case.we_are_answered = True

    def heard(self, shard: ShardHeard, now: float, *, link_up: bool) -> list[Step]:
        """`link_up`: our own session is up, and the gateway reaches IBKR."""
        name, case = shard.name, self._cases.get(shard.name)
        if not shard.up:
            return []
        if not shard.silent_lines:
            if case is None:
                return []
            del self._cases[name]
            return [Reason(f"{name} has no silent lines any more")]
        if case is None:
            case = self._cases[name] = _Case(now)
            silent = f"{shard.silent_lines} lines stay silent though asked for again"
            return [Reason(f"{name}: {silent}, in a session that is up"), Probe()]
        if not case.we_are_answered:
            return [Probe()]
        asked_at = self._asked_at.get(name)
        early = now < case.since + PATIENCE_S or (asked_at is not None and now < asked_at + APART_S)
        if early or not link_up:
            return []
        self._asked_at[name] = now
        return [Reason(f"{name} is asked to connect anew: only its own session is silent"), Reconnect(name)]
