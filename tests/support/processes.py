"""What became of processes that were to end."""

from __future__ import annotations

from collections.abc import Iterable

import psutil


def still_running(processes: Iterable[psutil.Process], within: float) -> list[psutil.Process]:
    """Which have not ended after `within` seconds. One that has, and that nobody has waited for yet (init is
    slow at that in some containers), has ended.
    """
    _, left = psutil.wait_procs(list(processes), within)
    return [process for process in left if _runs(process)]


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
