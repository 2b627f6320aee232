"""How a shell runs its core: inputs in, one action list after the other carried out, one timer set.

    feed(input) ─→ [before_each] ─→ handle(input, now) ─→ carry_out(action) … ─→ next input
                   nothing left ─→ idle() ─→ carry_out … ─→ alarm = wake_at()

Invariants: an input that comes up while an action is carried out waits until the whole list is done, so a
core never sees its own actions half carried out, and what it decides later is never overtaken by what it
decided before; inputs are handled in the order they came; the timer is set to what the core says last.

A core names the moment at which it must be woken (`wake_at`) and never sets a timer: there is nothing to keep
in step. `before_each` serves a core that must learn of something before whatever comes next: it returns that
input, or None. `idle` returns more actions once no input is left, say what a budget lets through by now.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from .alarm import Alarm

I = TypeVar("I")  # noqa: E741 - the input
A = TypeVar("A")


class Driver(Generic[I, A]):
    """Drives one core on the running loop. Nothing here may be called from another thread."""

    def __init__(
        self,
        handle: Callable[[I, float], Iterable[A]],
        carry_out: Callable[[A], None],
        wake_at: Callable[[], float | None] | None = None,
        woken: I | None = None,
        *,
        before_each: Callable[[], I | None] | None = None,
        idle: Callable[[], Iterable[A]] | None = None,
    ) -> None:
        """`wake_at`: the moment, in the loop's time, at which the core wants `woken` as its input; None for
        never. A core without a clock leaves both out.
        """
        self._handle = handle
        self._carry_out = carry_out
        self._wake_at = wake_at
        self._before_each = before_each
        self._idle = idle
        self._loop = asyncio.get_running_loop()
        self._woken = woken
        self._alarm = Alarm(self._wake)
        self._inputs: deque[I] = deque()
        self._busy = False
        self._closed = False

    def feed(self, happened: I) -> None:
        """Handles `happened` now, or after what is being carried out."""
        if self._closed:
            return
        self._inputs.append(happened)
        if not self._busy:
            self._run()

    def turn(self) -> None:
        """Nothing happened, but `before_each`, `idle` or `wake_at` may have something new to say."""
        if not self._busy and not self._closed:
            self._run()

    def close(self) -> None:
        """No input is handled any more, and no timer set."""
        self._closed = True
        self._inputs.clear()
        self._alarm.set(None)

    def _run(self) -> None:
        self._busy = True
        try:
            while not self._closed:
                if self._before_each is not None and (first := self._before_each()) is not None:
                    self._take(first)
                if self._inputs:
                    self._take(self._inputs.popleft())
                elif not self._take_idle():
                    break
        finally:
            self._busy = False
        self._alarm.set(None if self._closed or self._wake_at is None else self._wake_at())

    def _wake(self) -> None:
        if self._woken is not None:
            self.feed(self._woken)

    def _take(self, happened: I) -> None:
        for action in self._handle(happened, self._loop.time()):
            self._carry_out(action)

    def _take_idle(self) -> bool:
        """Whether there was anything."""
        if self._idle is None:
            return False
        did = False
        for action in self._idle():
            self._carry_out(action)
            did = True
        return did or bool(self._inputs)
