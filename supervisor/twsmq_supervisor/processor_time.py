"""Which processes ran on a processor, and which were ready to run and had none: on a machine with far more
work than it can do, or in the midst of much work of its own, a process that is well may be silent for
seconds.

Linux counts both for each thread (`schedstat`); where the system does not, nobody is known to have either.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

from .policy_events import Starved, Worked

LEAST_S = 0.02
"""Of a look; less is nothing unusual."""


class Running(Protocol):
    pid: int | None


class Spent(NamedTuple):
    """Seconds of a thread's life."""

    ran: float
    waited: float


class ProcessorTime:
    def __init__(self) -> None:
        self._spent: dict[str, tuple[int, Spent]] = {}

    def look(self, children: Mapping[str, Running], announce: Callable[[Starved | Worked], None]) -> None:
        """Announce who had no processor since the last look and who had one, and for how long."""
        for name, child in children.items():
            pid = child.pid
            spent = None if pid is None else spent_by(pid)
            if pid is None or spent is None:
                continue
            known, before = self._spent.get(name, (pid, spent))
            self._spent[name] = pid, spent
            if known != pid:
                continue
            if (waited := spent.waited - before.waited) >= LEAST_S:
                announce(Starved(name, pid, waited))
            if (ran := spent.ran - before.ran) >= LEAST_S:
                announce(Worked(name, pid, ran))


def spent_by(pid: int) -> Spent | None:
    """How its first thread, that of its loop, has spent its life; None if that is not known."""
    try:
        ran, waited, *_ = Path(f"/proc/{pid}/task/{pid}/schedstat").read_text().split()
        return Spent(int(ran) / 1e9, int(waited) / 1e9)
    except (OSError, ValueError):
        return None
