"""The restart policy under any sequence of events: its invariants hold, and it never forgets a process."""

from __future__ import annotations

import signal
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from twsmq_supervisor.policy import Limits, Policy
from twsmq_supervisor.policy_events import (
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

NAMES = ("gateway", "link", "quotes", "orders")
names = st.sampled_from(NAMES)
LIMITS = Limits(failed_starts=3, burst=3)
LONGEST_WAIT_S = max(LIMITS.failed_retry_s, LIMITS.burst_s) + 1


class World(RuleBasedStateMachine):
    """Processes that live, beat, hang and die as hypothesis likes, and obey signals as a kernel would."""

    def __init__(self) -> None:
        super().__init__()
        self.policy = Policy(((name, name != "gateway") for name in NAMES), LIMITS)
        self.now = 0.0
        self.running: dict[str, int] = {}
        self.doomed: set[str] = set()  # SIGKILL is on its way
        self.asked: set[str] = set()
        self.shown: dict[str, Any] = {}
        self.pids = 0
        self.spawnable = True
        self.stopping = False
        self.finished = 0

    def tell(self, event: PolicyEvent) -> None:
        for action in self.policy.handle(event, self.now):
            match action:
                case Spawn(name):
                    self._spawn(name)
                case Signal(name, number):
                    assert name in self.running, "signalled what is dead"
                    if self.stopping and number == signal.SIGTERM:
                        later = NAMES[NAMES.index(name) + 1 :]
                        assert not set(later) & set(self.running), "stopped before its turn"
                    (self.doomed if number == signal.SIGKILL else self.asked).add(name)
                case Publish(name):
                    self.shown[name] = self.policy.children[name].shown()
                case Finished():
                    self.finished += 1
                    assert not self.running

    def _spawn(self, name: str) -> None:
        assert not self.stopping, "spawned while stopping"
        assert name not in self.running, "spawned twice"
        if not self.spawnable:
            self.tell(SpawnFailed(name, "too many processes"))
            return
        self.pids += 1
        self.running[name] = self.pids
        self.tell(Spawned(name, self.pids))

    @initialize()
    def start(self) -> None:
        self.tell(StartRequested())

    @rule(seconds=st.floats(0.01, 40))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self.tell(Ticked())

    @rule(seconds=st.floats(1, 40))
    def time_passes_in_silence(self, seconds: float) -> None:
        for _ in range(int(seconds)):
            self.now += 1
            self.tell(Ticked())

    @rule(name=names, state=st.sampled_from(["starting", "connecting", "waiting_client_id", "ready"]))
    def beats(self, name: str, state: Any) -> None:
        if name in self.running:
            self.tell(Beaten(name, self.running[name], state))

    @rule(name=names, pid=st.integers(1, 50), seconds=st.floats(0.0, 40.0))
    def somebody_had_no_processor(self, name: str, pid: int, seconds: float) -> None:
        self.tell(Starved(name, self.running.get(name, pid), seconds))

    @rule(name=names, pid=st.integers(1, 50), seconds=st.floats(0.0, 40.0))
    def somebody_worked(self, name: str, pid: int, seconds: float) -> None:
        self.tell(Worked(name, self.running.get(name, pid), seconds))

    @rule(name=names, pid=st.integers(1, 50))
    def an_old_beat_arrives(self, name: str, pid: int) -> None:
        if self.running.get(name) != pid:
            self.tell(Beaten(name, pid, "ready"))

    @rule(name=names, code=st.sampled_from([0, 1, 2, -9, -11]))
    def dies(self, name: str, code: int) -> None:
        if name in self.running:
            self.doomed.discard(name)
            self.asked.discard(name)
            self.tell(Exited(name, self.running.pop(name), code))

    @rule(spawnable=st.booleans())
    def the_system_has_room_or_not(self, spawnable: bool) -> None:
        self.spawnable = spawnable

    @rule(name=names)
    def restart(self, name: str) -> None:
        self.tell(RestartRequested(name))

    @precondition(lambda self: self.pids >= len(NAMES))
    @rule(kill=st.booleans())
    def stop(self, kill: bool) -> None:
        self.stopping = True
        self.tell(KillRequested() if kill else StopRequested())

    @invariant()
    def valid(self) -> None:
        self.policy.validate()
        alive = {name for name, child in self.policy.children.items() if child.pid is not None}
        assert alive == set(self.running)

    @invariant()
    def everything_shown_is_up_to_date(self) -> None:
        for name, shown in self.shown.items():
            assert shown == self.policy.children[name].shown()

    def teardown(self) -> None:
        """Left alone, a stopping cluster ends and a running one gets every process back."""
        self.spawnable = True
        for _ in range(int(LONGEST_WAIT_S) * 4):
            self.now += 1
            for name in list(self.doomed | self.asked):
                self.dies(name, -9)
            for name in list(self.running):
                self.beats(name, "ready")
            self.tell(Ticked())
        if self.stopping:
            assert self.finished == 1
        else:
            assert self.policy.all_ready()


World.TestCase.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
TestPolicy = World.TestCase
