"""The pipe whose end means "exit": no process outlives the supervisor that started it, however that ended.

Not PDEATHSIG, which fires when the supervisor's spawning *thread* ends. A thread watches the pipe, so that
even a loop that hangs leaves no orphan. Without a lifeline a process lives until it is stopped.
"""

from __future__ import annotations

import os
import select
import threading

from twsmq_protocol.errors import ConfigError
from twsmq_protocol.processes import LIFELINE_FD

EXIT_ORPHANED = 3


def watch_lifeline() -> None:
    """Exit at once when the process that started this one is gone. Raises `ConfigError` where what it left is
    no descriptor."""
    text = os.environ.pop(LIFELINE_FD, None)
    if text is None:
        return
    try:
        fd = int(text)
        os.fstat(fd)
    except (ValueError, OverflowError, OSError):
        raise ConfigError(f"{LIFELINE_FD}={text[:40]} is no open file descriptor: unset it") from None

    def watch() -> None:
        # Not a read: the pipe is shared with siblings, and one of them may have made it non-blocking for all.
        end = select.poll()
        end.register(fd, select.POLLIN)  # nothing is written: it wakes when the last writer has died
        end.poll()
        os._exit(EXIT_ORPHANED)

    threading.Thread(target=watch, name="lifeline", daemon=True).start()
