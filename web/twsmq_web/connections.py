"""One connection of a browser or a program, which may be silent only so long.

uvicorn ends a connection that is idle after an answer; one that never sends a whole request it keeps for
ever, and each takes a descriptor.
"""

from __future__ import annotations

import asyncio
from typing import cast

from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

SILENT_S = 20.0


class Connection(H11Protocol):
    """Ended when from one look to the next no request began and none was being answered."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]  # as uvicorn's own
        super().connection_made(transport)
        self._look_due = self.loop.call_later(SILENT_S, self._look, self.cycle)

    def connection_lost(self, exc: Exception | None) -> None:
        self._look_due.cancel()
        super().connection_lost(exc)

    def _look(self, before: RequestResponseCycle | None) -> None:
        latest = cast("RequestResponseCycle | None", self.cycle)  # uvicorn declares it without None
        idle = latest is None or latest.response_complete
        if idle and latest is before:
            self.transport.close()
        else:
            self._look_due = self.loop.call_later(SILENT_S, self._look, latest)
