"""Niceness where Linux shares the processor among sessions."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from twsmq_protocol.niceness import AUTOGROUP

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
