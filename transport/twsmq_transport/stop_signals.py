"""Which signals end a process in order: SIGTERM, SIGINT, and SIGHUP (its terminal has gone) unless it was
started under `nohup`. SIGUSR1 and SIGUSR2 mean nothing here and would end it at once, in the middle of its
work: they are caught and left alone. Were they ignored, children would inherit that.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from functools import partial

STOP = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
MEANINGLESS = (signal.SIGUSR1, signal.SIGUSR2)


def watch_signals(
    loop: asyncio.AbstractEventLoop, asked_to_stop: Callable[[signal.Signals], object]
) -> Callable[[], None]:
    """Call `asked_to_stop` at each signal that asks for it. What is returned ends the watch."""
    watched = [number for number in STOP if not _under_nohup(number)]
    for number in watched:
        loop.add_signal_handler(number, asked_to_stop, number)
    for number in MEANINGLESS:
        loop.add_signal_handler(number, _nothing)
    return partial(_leave, loop, (*watched, *MEANINGLESS))


def _under_nohup(number: signal.Signals) -> bool:
    return number is signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN


def _nothing() -> None: ...


def _leave(loop: asyncio.AbstractEventLoop, numbers: tuple[signal.Signals, ...]) -> None:
    for number in numbers:
        loop.remove_signal_handler(number)
