"""A line for whoever waits at a terminal: what for, how long already, how far it is, how long it will take.

On stderr only, only where that is a terminal, and gone before anything else is printed.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from threading import Event, Thread

from ..board_text import duration
from .terminal import overwrite

_PATIENCE_S, _DRAW_S = 1.0, 0.25


class Waiting:
    """`clock` in seconds, monotonic."""

    def __init__(self, what: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._what, self._clock = what, clock
        self._began = clock()
        self._share, self._counted = 0.0, ""

    def reached(self, share: float, counted: str) -> None:
        """So much of all of it is there, from 0 to 1, which is `counted`."""
        self._share, self._counted = min(max(share, 0.0), 1.0), counted

    def line(self) -> str:
        took = self._clock() - self._began
        parts = [f"{self._what}: {duration(took)}"]
        if self._counted:
            parts.append(self._counted)
        if self._share:
            left = took * (1 - self._share) / self._share
            parts += [f"{100 * self._share:.0f} %", f"{duration(left)} left"]
        return ", ".join(parts)


@contextmanager
def waiting(what: str, *, quiet: bool = False) -> Generator[Waiting]:
    """Shown where it takes longer than a second. `quiet`: a program reads."""
    progress = Waiting(what)
    if quiet or not sys.stderr.isatty():
        yield progress
        return
    over = Event()
    drawing = Thread(target=_draw, args=(progress, over), daemon=True)
    drawing.start()
    try:
        yield progress
    finally:
        over.set()
        drawing.join()


def _draw(progress: Waiting, over: Event) -> None:
    if over.wait(_PATIENCE_S):
        return
    while True:
        overwrite(progress.line())
        if over.wait(_DRAW_S):
            break
    overwrite("")
