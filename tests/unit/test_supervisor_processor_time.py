"""How long a process ran on a processor and waited for one, as the system counts it."""

from __future__ import annotations

import os
import sys

import pytest
from twsmq_supervisor.policy import Child
from twsmq_supervisor.policy_events import Starved, Worked
from twsmq_supervisor.processor_time import ProcessorTime, Spent, spent_by


@pytest.mark.skipif(sys.platform != "linux", reason="the system does not count it")
def test_who_runs_and_who_waits_for_a_processor_is_known_by_the_system() -> None:
    spent = spent_by(os.getpid())
    assert spent is not None
    assert spent.ran > 0.0
    assert spent.waited >= 0.0
    assert spent_by(2**22 + 1) is None
    announced: list[Starved | Worked] = []
    looking = ProcessorTime()
    child = Child("a", beats=True, burst=1)
    looking.look({"a": child}, announced.append)
    child.pid = os.getpid()
    looking._spent["a"] = child.pid, Spent(-1.0, -1.0)  # pyright: ignore[reportPrivateUsage]
    looking.look({"a": child}, announced.append)
    starved, worked = announced
    assert isinstance(starved, Starved)
    assert isinstance(worked, Worked)
    assert starved.name == worked.name == "a"
    assert starved.pid == worked.pid == os.getpid()
    assert starved.seconds >= 1.0
    assert worked.seconds >= 1.0
