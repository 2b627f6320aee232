"""What the supervisor decides: when a process starts, stops, is killed, is started again. Pure.

Events go in, a list of actions comes out; `now` is monotonic seconds. Whoever carries the actions out tells
of a `Spawn` at once by `Spawned` or `SpawnFailed`, of any process's end by `Exited`, and ticks several times
a second.

Start: in order. The next one's turn comes when the one before has beaten, has died, or has had `turn_s`; so
a gateway that does not come up delays the others but never keeps them from starting.

Restart: one for one. The first restart is at once, the following ones wait exponentially longer up to a cap.
Becoming ready ends the series. A run that ends without ever becoming ready is a failed start; so many of them
in a row make the process `failed`, which is shown and tried again at long intervals; one that says that no
restart can mend it (`EX_UNMENDABLE`) is so at once. Dying after having been
ready is never a failed start, but more than `burst` restarts within `burst_s` have to wait for the window
(OTP's restart intensity; here it slows instead of giving up).

Hang: alive without beating for `beat_s` (`first_beat_s` before the first beat) is hung: killed, then
restarted like any that died. One that beats only when it is asked has `asked_s`: what it does for somebody
else may keep it from answering for longer. Not being ready is not hanging: a node waiting for its client ID
or its gateway beats. If the supervisor itself stood still (stopped, starved), no beat could be received: that
time counts against nobody. Nor does the time that a process was ready to run and had no processor, up to
`starved_s` of a silence: on a machine with too much to do, to kill is to give it more. What works is late,
not hung, for up to `worked_s` more: libzmq adds and removes a flood of subscriptions in calls of seconds.

Memory: one that beats several times with more than `memory_bytes` is asked to end and started anew, at most
once in `memory_apart_s`.

Stop: in reverse order, each one asked by SIGTERM and killed after `grace_s`.

Invariants (see `validate`): processes not yet started are the last ones in the order; a dead process has no
pid, a live one has; once stopping nothing is spawned; `Finished` comes exactly once.
"""

from __future__ import annotations

import os
import signal
from collections import deque
from collections.abc import Iterable
from enum import Enum, auto

from msgspec import Struct
from twsmq_protocol.processes import EX_UNMENDABLE
from twsmq_protocol.system_events import ProcessState

from twsmq_supervisor.policy_events import (
    Action,
    Beaten,
    Exited,
    Finished,
    KillRequested,
    PolicyEvent,
    Publish,
    RestartRequested,
    Signal,
    Spawn,
    Spawned,
    SpawnFailed,
    StartRequested,
    Starved,
    StopRequested,
    Ticked,
    Worked,
)


class Limits(Struct, frozen=True, kw_only=True):
    """All in seconds but the counts."""

    turn_s: float = 1.0
    first_beat_s: float = 20.0
    beat_s: float = 5.0
    starved_s: float = 25.0
    worked_s: float = 10.0
    asked_s: float = 15.0
    grace_s: float = 5.0
    backoff_s: float = 0.5
    backoff_cap_s: float = 10.0
    failed_starts: int = 5
    failed_retry_s: float = 30.0
    burst: int = 10
    burst_s: float = 30.0
    own_stall_s: float = 1.5
    memory_bytes: int = 0
    memory_beats: int = 4
    memory_apart_s: float = 600.0


class Phase(Enum):
    """Where a process is in its life as the supervisor sees it."""

    WAITING = auto()  # its first turn has not come
    SILENT = auto()  # runs, has not beaten yet
    BEATING = auto()
    ENDING = auto()  # was asked to end
    KILLED = auto()  # only its end is awaited
    DUE = auto()  # dead, starts again at `due`
    ENDED = auto()  # dead for good


ALIVE = frozenset((Phase.SILENT, Phase.BEATING, Phase.ENDING, Phase.KILLED))
LISTENING = frozenset((Phase.SILENT, Phase.BEATING))
DEAD = frozenset((Phase.WAITING, Phase.DUE, Phase.ENDED))


class Child:
    """One process. `beats`: whether it does so by itself or has to be asked."""

    def __init__(self, name: str, *, beats: bool, burst: int) -> None:
        self.name = name
        self.beats = beats
        self.phase = Phase.WAITING
        self.state: ProcessState = "stopped"
        self.pid: int | None = None
        self.reason: str | None = None
        self.spawns = 0
        self.spawned_at = 0.0
        self.heard_at = 0.0
        self.starved = self.worked = 0.0  # of this silence, and forgiven
        self.due = 0.0  # when to start again, or when the grace ends
        self.was_ready = False  # in this run
        self.failed_starts = 0  # in a row
        self.attempts = 0  # restarts since it was last ready
        self.renewing = False  # was asked to end so as to start again
        self.fat_beats = 0  # in a row with more memory than is allowed
        self.slimmed_at: float | None = None
        self.recent: deque[float] = deque(maxlen=burst)  # its last restarts

    @property
    def restarts(self) -> int:
        return max(0, self.spawns - 1)

    def uptime(self, now: float) -> float:
        return now - self.spawned_at if self.phase in ALIVE else 0.0

    def shown(self) -> tuple[object, ...]:
        return self.state, self.pid, self.restarts, self.reason


class Policy:
    """`children`: (name, whether it beats without being asked) in start order. Names are unique."""

    def __init__(self, children: Iterable[tuple[str, bool]], limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self.children = {name: Child(name, beats=beats, burst=self.limits.burst) for name, beats in children}
        self.started = False
        self.stopping = False
        self.finished = False
        self._looked_at: float | None = None
        self._actions: list[Action] = []

    def handle(self, event: PolicyEvent, now: float) -> list[Action]:
        """The actions to take, in this order."""
        before = {name: child.shown() for name, child in self.children.items()}
        self._forgive_own_stall(now)
        match event:
            case StartRequested():
                self.started = True
            case StopRequested():
                self._stop()
            case KillRequested():
                self._stop()
                self._kill_all()
            case Ticked():
                self._look_at_clocks(now)
            case _:
                child = self.children.get(event.name)
                if child is not None:
                    self._handle_child(child, event, now)
        self._move_on(now)
        self._actions += [Publish(n) for n, child in self.children.items() if child.shown() != before[n]]
        if self.stopping and not self.finished and self._all_in(Phase.ENDED):
            self.finished = True
            self._actions.append(Finished())
        actions, self._actions = self._actions, []
        return actions

    def all_ready(self) -> bool:
        return all(child.state == "ready" for child in self.children.values())

    # --- one process ---------------------------------------------------------------------------------------

    def _handle_child(
        self,
        child: Child,
        event: Spawned | SpawnFailed | Exited | Beaten | Starved | Worked | RestartRequested,
        now: float,
    ) -> None:
        match event:
            case Spawned():
                child.pid = event.pid
            case SpawnFailed():
                self._fell(child, f"could not be started: {event.problem}", now)
            case Exited() if event.pid == child.pid:
                self._exited(child, event, now)
            case Beaten() if event.pid == child.pid and child.phase in LISTENING:
                self._beaten(child, event, now)
            case Starved() if event.pid == child.pid and child.phase in LISTENING:
                left = self.limits.starved_s - child.starved
                child.starved += self._forgive(child, min(event.seconds, left), now)
            case Worked() if event.pid == child.pid and child.phase in LISTENING:
                left = self.limits.worked_s - child.worked
                child.worked += self._forgive(child, min(event.seconds, left), now)
            case RestartRequested():
                self._renew(child, now)
            case _:
                pass  # of a run that is over

    def _forgive(self, child: Child, seconds: float, now: float) -> float:
        """So much of a silence is no hanging; how much there was to forgive."""
        forgiven = min(seconds, now - child.heard_at)
        child.heard_at += forgiven
        return forgiven

    def _beaten(self, child: Child, event: Beaten, now: float) -> None:
        child.phase, child.heard_at, child.starved, child.worked = Phase.BEATING, now, 0.0, 0.0
        child.state, child.reason = event.state, event.detail
        if event.state == "ready":
            child.was_ready = True
            child.failed_starts = child.attempts = 0
        self._bound_memory(child, event.memory_bytes or 0, now)

    def _bound_memory(self, child: Child, held: int, now: float) -> None:
        """One that grows beyond its bound is started anew in order, before the machine swaps for all."""
        limits = self.limits
        child.fat_beats = child.fat_beats + 1 if 0 < limits.memory_bytes < held else 0
        recently = child.slimmed_at is not None and now < child.slimmed_at + limits.memory_apart_s
        if child.fat_beats >= limits.memory_beats and not recently and not self.stopping:
            child.slimmed_at, child.fat_beats = now, 0
            self._renew(child, now)
            held_mb, bound_mb = held // 1_000_000, limits.memory_bytes // 1_000_000
            child.reason = f"held {held_mb:,} MB, more than [cluster] memory_mb = {bound_mb}: started anew"

    def _exited(self, child: Child, event: Exited, now: float) -> None:
        if child.renewing and not self.stopping:
            self._spawn(child, now)
            return
        hung = child.state == "hung"
        reason = f"hung ({child.reason}), killed" if hung else _ending(event.code)
        self._fell(child, f"{reason}: {event.last_words}" if event.last_words else reason, now)
        if event.code == EX_UNMENDABLE and child.phase is Phase.DUE:
            child.state, child.due = "failed", now + self.limits.failed_retry_s

    def _fell(self, child: Child, reason: str, now: float) -> None:
        """It is dead and nobody wanted that, unless the cluster stops."""
        child.pid, child.reason = None, reason
        if self.stopping:
            child.phase, child.state, child.reason = Phase.ENDED, "stopped", None
            return
        if not child.was_ready:
            child.failed_starts += 1
        child.phase, child.state = Phase.DUE, "backoff"
        child.due = now + self._delay(child)
        child.attempts += 1
        if len(child.recent) == self.limits.burst:
            child.due = max(child.due, child.recent[0] + self.limits.burst_s)
        if child.failed_starts >= self.limits.failed_starts:
            child.state, child.due = "failed", now + self.limits.failed_retry_s

    def _delay(self, child: Child) -> float:
        if child.attempts == 0:
            return 0.0
        doublings = min(child.attempts - 1, 30)
        return min(self.limits.backoff_s * 2**doublings, self.limits.backoff_cap_s)

    def _renew(self, child: Child, now: float) -> None:
        if self.stopping:
            return
        if child.phase in LISTENING:
            child.renewing = True
            self._ask_to_end(child, now)
        elif child.phase is Phase.DUE:
            child.due = now

    def _spawn(self, child: Child, now: float) -> None:
        if child.phase is Phase.DUE:
            child.recent.append(now)
        child.phase, child.state, child.pid = Phase.SILENT, "starting", None
        child.spawns += 1
        child.spawned_at = child.heard_at = now
        child.starved = child.worked = 0.0
        child.was_ready = child.renewing = False
        self._actions.append(Spawn(child.name))

    def _ask_to_end(self, child: Child, now: float) -> None:
        child.phase, child.state, child.due = Phase.ENDING, "stopping", now + self.limits.grace_s
        self._actions.append(Signal(child.name, signal.SIGTERM))

    def _kill(self, child: Child) -> None:
        child.phase = Phase.KILLED
        self._actions.append(Signal(child.name, signal.SIGKILL))

    # --- clocks --------------------------------------------------------------------------------------------

    def _forgive_own_stall(self, now: float) -> None:
        if self._looked_at is not None and now - self._looked_at > self.limits.own_stall_s:
            for child in self.children.values():
                child.heard_at += now - self._looked_at
        self._looked_at = now

    def _look_at_clocks(self, now: float) -> None:
        for child in self.children.values():
            silence = now - child.heard_at
            if child.phase is Phase.ENDING and now >= child.due:
                self._kill(child)
            elif child.phase in LISTENING and silence >= self._patience(child):
                child.state, child.reason = "hung", f"no heartbeat for {silence:.0f} s"
                self._kill(child)

    def _patience(self, child: Child) -> float:
        if child.phase is Phase.SILENT:
            return self.limits.first_beat_s
        return self.limits.beat_s if child.beats else self.limits.asked_s

    # --- all of them ---------------------------------------------------------------------------------------

    def _stop(self) -> None:
        self.stopping = True
        for child in self.children.values():
            if child.phase in DEAD:
                child.phase, child.state, child.reason = Phase.ENDED, "stopped", None

    def _kill_all(self) -> None:
        for child in self.children.values():
            if child.phase in ALIVE - {Phase.KILLED}:
                child.state = "stopping"
                self._kill(child)

    def _move_on(self, now: float) -> None:
        if self.stopping:
            self._end_next(now)
        elif self.started:
            for child in self.children.values():
                if child.phase is Phase.DUE and now >= child.due:
                    self._spawn(child, now)
            self._start_next(now)

    def _start_next(self, now: float) -> None:
        before: Child | None = None
        for child in self.children.values():
            if child.phase is Phase.WAITING:
                if before is None or self._gave_way(before, now):
                    self._spawn(child, now)
                return
            before = child

    def _gave_way(self, child: Child, now: float) -> bool:
        return (
            child.phase is not Phase.SILENT
            or child.spawns > 1
            or now >= child.spawned_at + self.limits.turn_s
        )

    def _end_next(self, now: float) -> None:
        for child in reversed(self.children.values()):
            if child.phase in LISTENING:
                self._ask_to_end(child, now)
            if child.phase is not Phase.ENDED:
                return

    def _all_in(self, phase: Phase) -> bool:
        return all(child.phase is phase for child in self.children.values())

    def validate(self) -> None:
        """Raise AssertionError if an invariant is broken. For tests."""
        children = list(self.children.values())
        for child in children:
            assert (child.pid is not None) == (child.phase in ALIVE), (child.name, child.phase, child.pid)
            assert not (child.state == "ready" and child.phase is not Phase.BEATING), child.name
            assert child.failed_starts == 0 or not child.was_ready, child.name
            if self.stopping:
                assert child.phase not in (Phase.WAITING, Phase.DUE), child.name
        waiting = [child.phase is Phase.WAITING for child in children]
        assert waiting == sorted(waiting), "a process was started before its turn"
        assert self.finished == (self.stopping and self._all_in(Phase.ENDED))


def _ending(code: int) -> str:
    if code == os.EX_SOFTWARE:
        return f"ended by a bug (exit code {code})"
    if code == EX_UNMENDABLE:
        return "refused to start until a person has looked"
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"
