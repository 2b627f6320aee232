"""Who stands back where the processor is short.

Linux shares it among sessions first and only then by niceness (sched_autogroup, on by default in desktop and
most server distributions), and each process of a cluster has a session of its own: a niceness alone would
mean nothing. So a session's only leader makes the session as nice as itself. One that runs in a person's
shell does not: that would be the shell's niceness too.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

AUTOGROUP = Path("/proc/self/autogroup")
_TRIES, _PAUSE_S = 5, 0.1
"""The kernel takes such a wish of an ordinary user ten times a second, of all processes together."""


def stand_back(nice: int) -> None:
    """At least so nice from now on, with the threads that are yet to start."""
    with suppress(OSError):
        nice = max(nice, os.getpriority(os.PRIO_PROCESS, 0))
        os.setpriority(os.PRIO_PROCESS, 0, nice)
        if nice > 0 and os.getsid(0) == os.getpid():
            _set_session(nice)


def _set_session(nice: int) -> None:
    for _ in range(_TRIES):
        try:
            AUTOGROUP.write_text(f"{nice}\n")
        except BlockingIOError:
            time.sleep(_PAUSE_S)
        else:
            return
