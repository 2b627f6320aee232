"""A random machine around a core, with a clock that honours the core's timer as its driver would."""

from __future__ import annotations

from typing import Any

from hypothesis.stateful import RuleBasedStateMachine
from twsmq_nodes.runtime.timer import TimerFired


class CoreMachine(RuleBasedStateMachine):
    """`feed` hands the core an input and sets `timer` to when it wants to be woken."""

    def __init__(self) -> None:
        super().__init__()
        self.now: float = 0.0
        self.timer: float | None = None

    def feed(self, happened: Any) -> None:
        raise NotImplementedError

    def pass_time(self, seconds: float) -> None:
        until = self.now + seconds
        while self.timer is not None and self.timer <= until:
            self.now, self.timer = max(self.now, self.timer), None
            self.feed(TimerFired())
        self.now = until
