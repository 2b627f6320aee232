"""The restart policy, told as stories: what happened at which second, and what it decided."""

from __future__ import annotations

import signal

import pytest
from msgspec.structs import replace
from twsmq_protocol.processes import EX_UNMENDABLE
from twsmq_supervisor.policy import Limits, Policy
from twsmq_supervisor.policy_events import (
    Action,
    Beaten,
    Exited,
    Finished,
    KillRequested,
    PolicyEvent,
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

LIMITS = Limits(
    turn_s=2,
    first_beat_s=20,
    beat_s=5,
    asked_s=15,
    grace_s=5,
    backoff_s=1,
    backoff_cap_s=4,
    failed_starts=3,
    failed_retry_s=30,
    burst=4,
    burst_s=60,
    own_stall_s=3,
)


class Story:
    """A policy and a world in which every spawn succeeds at once; pids count up from 1."""

    def __init__(self, *names: str, asked: tuple[str, ...] = (), limits: Limits = LIMITS) -> None:
        self.policy = Policy([(name, name not in asked) for name in names], limits)
        self.now = 0.0
        self.pids = 0

    def happens(self, event: PolicyEvent) -> list[Action]:
        """What it decides, without what it only shows."""
        decided = self._carried_out(event)
        self.policy.validate()
        return decided

    def _carried_out(self, event: PolicyEvent) -> list[Action]:
        decided: list[Action] = []
        for action in self.policy.handle(event, self.now):
            if isinstance(action, Spawn):
                self.pids += 1
                decided += [action, *self._carried_out(Spawned(action.name, self.pids))]
            elif isinstance(action, Signal | Finished):
                decided.append(action)
        return decided

    def passes(self, seconds: float) -> list[Action]:
        """Time goes by in ticks of half a second, in silence."""
        decided: list[Action] = []
        for _ in range(round(seconds * 2)):
            self.now += 0.5
            decided += self.happens(Ticked())
        return decided

    def beats(self, name: str, state: str = "ready") -> list[Action]:
        return self.happens(Beaten(name, self.pid(name), state))  # pyright: ignore[reportArgumentType]

    def dies(self, name: str, code: int = 1) -> list[Action]:
        return self.happens(Exited(name, self.pid(name), code))

    def pid(self, name: str) -> int:
        pid = self.policy.children[name].pid
        assert pid is not None
        return pid

    def state(self, name: str) -> str:
        return self.policy.children[name].state


def running(*names: str) -> Story:
    story = Story(*names)
    story.happens(StartRequested())
    for name in names:
        story.beats(name)
    return story


def test_each_starts_when_the_one_before_beats() -> None:
    story = Story("gateway", "link", "orders")
    assert story.happens(StartRequested()) == [Spawn("gateway")]
    assert story.passes(1) == []
    assert story.beats("gateway", "starting") == [Spawn("link")]
    assert story.beats("link", "connecting") == [Spawn("orders")]


def test_one_that_never_beats_delays_the_next_for_its_turn_only() -> None:
    story = Story("gateway", "link")
    story.happens(StartRequested())
    assert story.passes(2) == [Spawn("link")]


def test_one_that_dies_at_once_gives_its_turn_away() -> None:
    story = Story("gateway", "link")
    story.happens(StartRequested())
    assert story.dies("gateway") == [Spawn("gateway"), Spawn("link")]


def test_the_first_restart_is_at_once_the_next_wait_longer_up_to_the_cap() -> None:
    story = Story("link", limits=Limits(backoff_s=1, backoff_cap_s=4, failed_starts=99, own_stall_s=99))
    story.happens(StartRequested())
    assert story.dies("link") == [Spawn("link")]
    for wait in (1, 2, 4, 4, 4):
        assert story.dies("link") == []
        assert story.state("link") == "backoff"
        assert story.passes(wait - 0.5) == []
        assert story.passes(0.5) == [Spawn("link")]


def test_becoming_ready_ends_the_series() -> None:
    story = Story("link")
    story.happens(StartRequested())
    story.dies("link")
    story.dies("link")
    story.passes(1)
    story.beats("link")
    assert story.dies("link") == [Spawn("link")]


def test_only_failures_to_become_ready_make_it_failed() -> None:
    story = Story("link")
    story.happens(StartRequested())
    for _ in range(10):
        story.beats("link")
        story.dies("link", -signal.SIGKILL)
        assert story.state("link") != "failed"
        story.now += 60
        story.happens(Ticked())


def test_having_been_ready_once_excuses_no_later_failed_start() -> None:
    story = running("link")
    story.dies("link")
    story.dies("link")
    story.passes(1)
    story.dies("link")
    story.passes(2)
    story.dies("link")
    assert story.state("link") == "failed"


def test_repeated_failed_starts_are_shown_and_tried_again_at_long_intervals() -> None:
    story = Story("link")
    story.happens(StartRequested())
    story.dies("link")
    story.dies("link")
    story.passes(1)
    story.dies("link", 2)
    assert story.state("link") == "failed"
    assert story.policy.children["link"].reason == "ended with exit code 2"
    assert story.passes(29.5) == []
    assert story.passes(0.5) == [Spawn("link")]
    story.dies("link", 2)
    assert story.state("link") == "failed"
    story.passes(30)
    story.beats("link")
    assert story.state("link") == "ready"
    assert story.dies("link") == [Spawn("link")]


def test_a_refusal_that_no_restart_can_mend_is_failed_at_once() -> None:
    story = Story("orders")
    story.happens(StartRequested())
    assert story.dies("orders", EX_UNMENDABLE) == []
    assert story.state("orders") == "failed"
    assert story.passes(29) == []
    assert story.passes(1) == [Spawn("orders")]
    story.beats("orders")  # a person has looked
    assert story.dies("orders", -signal.SIGKILL) == [Spawn("orders")]


def test_one_that_gets_ready_and_dies_over_and_over_is_slowed_but_never_given_up() -> None:
    story = running("link")
    for _ in range(4):
        assert story.dies("link") == [Spawn("link")]
        story.beats("link")
    assert story.dies("link") == []
    assert story.state("link") == "backoff"
    assert story.passes(59.5) == []
    assert story.passes(0.5) == [Spawn("link")]


def test_a_program_that_cannot_be_started_is_a_failed_start() -> None:
    policy = Policy([("link", True)], LIMITS)
    policy.handle(StartRequested(), 0.0)
    policy.handle(SpawnFailed("link", "no such file"), 0.0)
    policy.handle(SpawnFailed("link", "no such file"), 0.0)
    assert policy.children["link"].state == "backoff"
    assert policy.children["link"].reason == "could not be started: no such file"


def test_silence_after_beating_is_a_hang_killed_and_restarted() -> None:
    story = running("link")
    assert story.passes(4.5) == []
    assert story.passes(0.5) == [Signal("link", signal.SIGKILL)]
    assert story.state("link") == "hung"
    assert story.passes(10) == []
    assert story.dies("link", -signal.SIGKILL) == [Spawn("link")]
    assert story.policy.children["link"].reason == "hung (no heartbeat for 5 s), killed"


def test_starting_may_take_longer_than_a_beat() -> None:
    story = Story("link")
    story.happens(StartRequested())
    assert story.passes(19.5) == []
    assert story.passes(0.5) == [Signal("link", signal.SIGKILL)]


def test_one_that_has_to_be_asked_may_be_busy_for_longer_but_not_for_ever() -> None:
    story = Story("gateway", asked=("gateway",))
    story.happens(StartRequested())
    story.beats("gateway")
    assert story.passes(14.5) == []
    assert story.beats("gateway") == []
    assert story.passes(14.5) == []
    assert story.passes(0.5) == [Signal("gateway", signal.SIGKILL)]
    assert story.dies("gateway", -signal.SIGKILL) == [Spawn("gateway")]


def test_waiting_for_a_client_id_is_neither_hanging_nor_failing() -> None:
    story = Story("orders")
    story.happens(StartRequested())
    for _ in range(300):
        story.passes(1)
        assert story.beats("orders", "waiting_client_id") == []
    assert story.state("orders") == "waiting_client_id"


def test_a_supervisor_that_stood_still_blames_nobody() -> None:
    story = running("link", "orders")
    story.now += 3600
    assert story.happens(Ticked()) == []
    assert story.passes(4.5) == []
    assert story.passes(0.5) == [Signal("link", signal.SIGKILL), Signal("orders", signal.SIGKILL)]


def test_beats_of_a_run_that_is_over_count_for_nothing() -> None:
    story = running("link")
    old = story.pid("link")
    story.dies("link")
    story.happens(Beaten("link", old, "ready"))
    assert story.state("link") == "starting"
    story.happens(Exited("link", old, 0))
    assert story.state("link") == "starting"


def test_stopping_goes_in_reverse_order_one_after_the_other() -> None:
    story = running("gateway", "link", "orders")
    assert story.happens(StopRequested()) == [Signal("orders", signal.SIGTERM)]
    assert story.happens(StopRequested()) == []
    assert story.dies("orders", 0) == [Signal("link", signal.SIGTERM)]
    assert story.dies("link", 0) == [Signal("gateway", signal.SIGTERM)]
    assert story.dies("gateway", 0) == [Finished()]
    assert story.passes(100) == []


def test_one_that_does_not_stop_is_killed_after_its_grace() -> None:
    story = running("link", "orders")
    story.happens(StopRequested())
    assert story.passes(4.5) == []
    story.beats("link")
    assert story.beats("orders") == []  # alive, beating, and still to end
    assert story.state("orders") == "stopping"
    assert story.passes(0.5) == [Signal("orders", signal.SIGKILL)]
    assert story.dies("orders", -signal.SIGKILL) == [Signal("link", signal.SIGTERM)]


def test_a_second_thought_kills_all_at_once() -> None:
    story = running("link", "orders")
    story.happens(StopRequested())
    assert story.happens(KillRequested()) == [
        Signal("link", signal.SIGKILL),
        Signal("orders", signal.SIGKILL),
    ]
    story.dies("link", -signal.SIGKILL)
    assert story.dies("orders", -signal.SIGKILL) == [Finished()]


def test_stopping_waits_for_nothing_that_is_not_running() -> None:
    story = Story("gateway", "link", "orders")
    story.happens(StartRequested())
    story.dies("gateway")
    story.dies("gateway")  # backs off now; link was started, orders waits for its turn
    assert story.happens(StopRequested()) == [Signal("link", signal.SIGTERM)]
    assert story.dies("link", 0) == [Finished()]


def test_what_was_killed_while_stopping_is_not_started_again() -> None:
    story = running("link")
    story.passes(5)
    story.happens(StopRequested())
    assert story.dies("link", -signal.SIGKILL) == [Finished()]


def test_a_restart_on_request_ends_it_in_order_and_starts_it_at_once() -> None:
    story = running("link", "orders")
    assert story.happens(RestartRequested("orders")) == [Signal("orders", signal.SIGTERM)]
    assert story.state("orders") == "stopping"
    assert story.happens(RestartRequested("orders")) == []
    assert story.dies("orders", 0) == [Spawn("orders")]
    assert story.policy.children["orders"].restarts == 1


def test_a_restart_that_the_stop_overtakes_ends_there() -> None:
    story = running("link", "orders")
    story.happens(RestartRequested("link"))
    assert story.happens(StopRequested()) == [Signal("orders", signal.SIGTERM)]
    assert story.dies("link", 0) == []
    assert story.dies("orders", 0) == [Finished()]


def test_no_restart_on_request_while_stopping() -> None:
    story = running("link", "orders")
    story.happens(StopRequested())
    assert story.happens(RestartRequested("link")) == []
    assert story.state("link") == "ready"


def test_a_restart_on_request_of_a_failed_process_does_not_wait() -> None:
    story = Story("link")
    story.happens(StartRequested())
    for _ in range(3):
        story.dies("link")
        story.passes(1)
    assert story.state("link") == "failed"
    assert story.happens(RestartRequested("link")) == [Spawn("link")]


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (0, "ended with exit code 0"),
        (70, "ended by a bug (exit code 70)"),
        (-signal.SIGSEGV, "killed by SIGSEGV"),
        (-99, "killed by signal 99"),
    ],
)
def test_the_reason_says_how_it_ended(code: int, reason: str) -> None:
    story = running("link")
    story.dies("link", code)
    assert story.policy.children["link"].reason == reason


def test_last_words_are_part_of_the_reason() -> None:
    story = running("link")
    story.happens(Exited("link", story.pid("link"), 1, "ValueError: no"))
    assert story.policy.children["link"].reason == "ended with exit code 1: ValueError: no"


def test_time_without_a_processor_is_no_silence_but_not_without_end() -> None:
    """Two processors and thirty who want them: whoever is killed then costs a start more."""
    story = Story("link", limits=replace(LIMITS, starved_s=10))
    story.happens(StartRequested())
    story.beats("link")
    for _ in range(14):
        assert story.passes(1) == []
        story.happens(Starved("link", 1, 0.9))
    assert story.passes(3) == [Signal("link", signal.SIGKILL)]

    story.happens(Exited("link", 1, -9))
    story.beats("link")
    story.happens(Starved("link", 1, 100.0))  # of the run before
    assert story.passes(4.5) == []
    story.happens(Starved("link", 2, 100.0))
    assert story.passes(4.5) == [], "as if it had just beaten, not later"
    assert story.passes(0.5) != []


def test_what_works_is_late_and_not_hung_but_not_without_end() -> None:
    """Ten listeners with a hundred thousand long topics leave: libzmq takes seconds, in single calls."""
    story = Story("link", limits=replace(LIMITS, worked_s=10))
    story.happens(StartRequested())
    story.beats("link")
    for _ in range(14):
        assert story.passes(1) == []
        story.happens(Worked("link", 1, 0.9))
    assert story.passes(3) == [Signal("link", signal.SIGKILL)]
