"""Ctrl-C while modules load: a person wants silence then, not a traceback through the imports."""

from __future__ import annotations

import signal
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def killed_by_ctrl_c() -> Generator[None]:
    """SIGINT has the effect it has on any program, unless it is ignored (`nohup`, `&` in a script)."""
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
