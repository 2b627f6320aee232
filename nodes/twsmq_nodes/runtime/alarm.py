"""One timer that is set again and again.

It remembers its own time: for a moment that is already here uvloop's `call_at` gives back a handle that does
not know when it is due.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Alarm:
    """Calls `ring` once for each time it was set to; setting it anew replaces the time before."""

    def __init__(self, ring: Callable[[], object]) -> None:
        self._ring = ring
        self._loop = asyncio.get_running_loop()
        self._at: float | None = None
        self._handle: asyncio.Handle | None = None

    def set(self, at: float | None) -> None:
        """`at` in the loop's time; None for never."""
        if at == self._at:
            return
        if self._handle is not None:
            self._handle.cancel()
        self._at = at
        self._handle = None if at is None else self._loop.call_at(at, self._due)

    def _due(self) -> None:
        self._at = self._handle = None
        self._ring()
