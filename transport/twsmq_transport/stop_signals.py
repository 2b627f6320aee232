"""Which signals end a process in order: SIGTERM, SIGINT, and SIGHUP (its terminal has gone) unless it was
started under `nohup`. SIGUSR1 and SIGUSR2 mean nothing here and would end it at once, in the middle of its
work: they are caught and left alone. What they do before the loop runs: `twsmq_protocol.first_signals`.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from functools import partial

from twsmq_protocol.first_signals import MEANINGLESS, asking_to_stop


def watch_signals(
    loop: asyncio.AbstractEventLoop, asked_to_stop: Callable[[signal.Signals], object]
) -> Callable[[], None]:
    """Call `asked_to_stop` at each signal that asks for it. What is returned ends the watch."""
    watched = asking_to_stop()
    for number in watched:
        loop.add_signal_handler(number, asked_to_stop, number)
    for number in MEANINGLESS:
        loop.add_signal_handler(number, _nothing)
    return partial(_leave, loop, (*watched, *MEANINGLESS))


def _nothing() -> None: ...


def _leave(loop: asyncio.AbstractEventLoop, numbers: tuple[signal.Signals, ...]) -> None:
    for number in numbers:
        loop.remove_signal_handler(number)
