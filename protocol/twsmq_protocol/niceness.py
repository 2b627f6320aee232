"""How much of a short processor a process takes, and how soon it gets its turn.

Linux shares it among sessions first and only then by niceness (sched_autogroup, on by default in desktop and
most server distributions), and each process of a cluster has a session of its own: a niceness alone would
mean nothing. So a session's only leader makes the session as nice as itself. One that runs in a person's
shell does not: that would be the shell's niceness too.

Niceness is how much, not how soon: whoever wakes up beside a program that is no nicer than itself waits for
the end of that one's turn, 3 ms by default on two processors. Since Linux 6.12 a process may ask for turns
of another length, and who asks for shorter ones does not wait for who runs. What a process gets in all stays
the same: it pays for coming at once by leaving sooner. So whoever answers somebody takes short turns, and who
stands back takes long ones.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import sys
import time
from contextlib import suppress
from pathlib import Path

AUTOGROUP = Path("/proc/self/autogroup")
_TRIES, _PAUSE_S = 5, 0.1
"""The kernel takes such a wish of an ordinary user ten times a second, of all processes together."""
_SCHED_SETATTR = {"x86_64": 314, "aarch64": 274, "riscv64": 274}
"""The number of the system call, which Python's library does not offer."""
_SHORT_NS, _LONG_NS = 100_000, 3_000_000
"""The least and the most that the kernel takes (kernel documentation, sched-eevdf)."""


def take_short_turns() -> None:
    """This thread, and those that it starts from now on."""
    _take_turns(_SHORT_NS)


def stand_back(nice: int) -> None:
    """At least so nice from now on and in long turns, with the threads that are yet to start."""
    with suppress(OSError):
        nice = max(nice, os.getpriority(os.PRIO_PROCESS, 0))
        os.setpriority(os.PRIO_PROCESS, 0, nice)
        if nice > 0:
            _take_turns(_LONG_NS)
        if nice > 0 and os.getsid(0) == os.getpid():
            _set_session(nice)


def _take_turns(length_ns: int) -> None:
    """Nothing where the kernel knows of none, or where the process was given a policy of another kind."""
    number = _SCHED_SETATTR.get(platform.machine()) if sys.platform == "linux" else None
    if number is None or os.sched_getscheduler(0) != os.SCHED_OTHER:
        return
    nice = os.getpriority(os.PRIO_PROCESS, 0)
    attributes = struct.pack("=IIQiIQQQ", 48, os.SCHED_OTHER, 0, nice, 0, length_ns, 0, 0)
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).syscall(ctypes.c_long(number), 0, attributes, 0)


def _set_session(nice: int) -> None:
    for _ in range(_TRIES):
        try:
            AUTOGROUP.write_text(f"{nice}\n")
        except BlockingIOError:
            time.sleep(_PAUSE_S)
        else:
            return
