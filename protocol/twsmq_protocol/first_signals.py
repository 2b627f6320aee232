"""What signals do to a process before its loop watches them: while its modules are imported and its
configuration is read.

Those that ask for an end get it at once, with 0: nothing has begun that would have to be ended. Those that
mean nothing here do nothing, though they would end any program that says nothing of them. Each package that
is run as a process says so in its first line: what it imports takes half a second.
"""

from __future__ import annotations

import os
import signal
import sys

STOP = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
MEANINGLESS = (signal.SIGUSR1, signal.SIGUSR2)


def asking_to_stop() -> list[signal.Signals]:
    """SIGHUP, by which a terminal says that it goes, only where it was not started under `nohup`."""
    return [number for number in STOP if not _under_nohup(number)]


def handle_if_run() -> None:
    """To be called where a package is imported. If it is only that, and not run by `python -m`, nothing
    happens: whoever imports has signals of their own."""
    if sys.argv[:1] == ["-m"]:  # as long as Python looks for what it is to run
        for number in asking_to_stop():
            signal.signal(number, _end)
        leave_meaningless()
        # Whoever starts us may have blocked them for itself, and so for us: nobody could stop us.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (*STOP, *MEANINGLESS))


def leave_meaningless() -> None:
    """Caught and left alone. Were they ignored, children would inherit that."""
    for number in MEANINGLESS:
        signal.signal(number, _nothing)


def let_go() -> None:
    """Signals are Python's again."""
    for number in (*STOP, *MEANINGLESS):
        if signal.getsignal(number) in (_end, _nothing):
            signal.signal(number, signal.default_int_handler if number is signal.SIGINT else signal.SIG_DFL)


def _under_nohup(number: signal.Signals) -> bool:
    return number is signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN


def _end(_number: int, _frame: object) -> None:
    os._exit(0)


def _nothing(_number: int, _frame: object) -> None: ...
