"""Orders written by the thread that has committed them, before the loop learns that they are durable.

Between a commit and the loop lie a wake-up, and on a busy loop everything that is before it in the line: too
long for bytes that are ready. Invariants:

- What is written here is durable, and belongs to the session it was encoded in.
- Bytes go out in the order of their ids: once one is left to the loop, whatever the reason, later ones
  go through the loop too, until it has caught up.
- The loop learns of everything written here before it learns that the session has ended (`shut`, then `take`)
  and before what the gateway says about it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence, Set

from ..actions import Journal, Write


class DirectWriter:
    """`committed` is called on the journal's thread, all else on the loop."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._write: Callable[[bytes], bool] | None = None
        self._session_no = 0
        self._behind = 0  # of this session's, left to the loop and not written yet
        self._written: list[Write] = []
        self._withheld: set[int] = set()
        self._event_no = 0

    def open(self, write: Callable[[bytes], bool] | None, session_no: int) -> None:
        """A session has begun. `write` hands bytes to its socket, all or none of them."""
        with self._lock:
            self._write, self._session_no, self._behind = write, session_no, 0
            self._withheld.clear()

    def withhold(self, numbers: Set[int]) -> None:
        """What is not written yet of these is left to the loop."""
        with self._lock:
            self._withheld |= numbers

    def shut(self) -> None:
        with self._lock:
            self._write = None

    def committed(self, journal: Journal) -> None:
        """The entries of `journal` are on disk."""
        with self._lock:
            for write in journal.writes:
                if write.session_no != self._session_no:
                    continue  # it will never be written
                may = journal.direct and not self._behind and write.number not in self._withheld
                send = self._write if may else None
                if send is not None and send(write.request.data):
                    self._written.append(write)
                else:
                    self._behind += 1
            self._event_no = journal.entries[-1].event.event_no

    def take(self) -> tuple[Sequence[Write], int]:
        """What was written since the last time, and up to which event number everything is durable."""
        with self._lock:
            written, self._written = self._written, []
            return written, self._event_no

    def caught_up(self, write: Write) -> None:
        """One that was left to the loop is written, or never will be."""
        with self._lock:
            if write.session_no == self._session_no:
                self._behind -= 1
