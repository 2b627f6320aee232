"""Niceness where Linux shares the processor among sessions."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from twsmq_protocol.niceness import AUTOGROUP

SCHEDULING = Path("/proc/self/sched")
TURNS_SINCE = (6, 12)
"""Of Linux."""

TELL = (
    "import os; from twsmq_protocol.niceness import AUTOGROUP, stand_back; stand_back(7);"
    "print(os.getpriority(os.PRIO_PROCESS, 0), AUTOGROUP.read_text())"
)


def session_niceness(shown: str) -> int | None:
    """What is after "nice"; None of a session that Linux shares nothing to: it began before the switch was on
    (a container's first process), or the kernel has no such groups."""
    words = shown.split()
    return int(words[-1]) if "nice" in words else None


def told(*, own_session: bool) -> tuple[int, int | None]:
    command = [sys.executable, "-c", TELL]
    found = subprocess.run(command, start_new_session=own_session, capture_output=True, text=True, check=True)
    nice, _, shown = found.stdout.partition(" ")
    return int(nice), session_niceness(shown)


@pytest.mark.skipif(not AUTOGROUP.exists(), reason="this kernel has no sessions that share the processor")
def test_a_process_with_a_session_of_its_own_makes_the_session_nice_and_no_other_s() -> None:
    ours = session_niceness(AUTOGROUP.read_text())
    nice = max(7, os.getpriority(os.PRIO_PROCESS, 0))
    assert told(own_session=True) in ((nice, nice), (nice, None))
    assert told(own_session=False) == (nice, ours)
    assert session_niceness(AUTOGROUP.read_text()) == ours


def turn_ns(asked: str) -> int:
    """How long a turn of a process is that asked for `asked`."""
    program = (
        f"from pathlib import Path; from twsmq_protocol.niceness import *; {asked};"
        f"lines = Path('{SCHEDULING}').read_text().splitlines();"
        "print(next((line.split()[-1] for line in lines if line.startswith('se.slice')), 0))"
    )
    command = [sys.executable, "-c", program]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def linux_version() -> tuple[int, ...]:
    if sys.platform != "linux":
        return (0,)
    return tuple(int(part) for part in os.uname().release.split("-")[0].split(".")[:2])


@pytest.mark.skipif(
    not SCHEDULING.exists() or linux_version() < TURNS_SINCE or not turn_ns("pass"),
    reason="this kernel does not show how long a turn is",
)
def test_who_answers_takes_shorter_turns_than_others_and_who_stands_back_longer_ones() -> None:
    assert turn_ns("take_short_turns()") == 100_000 < turn_ns("pass") < turn_ns("stand_back(7)")
