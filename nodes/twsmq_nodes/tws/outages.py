"""Whether what only IBKR knows can be believed: not in an outage, nor within a minute of one. Pure."""

from __future__ import annotations

import math

from twsmq_nodes.tws import session_events
from twsmq_nodes.tws.session_events import FarmState, SessionEvent

SETTLE_S = 60.0
"""After an outage, until a 200 is believed again."""


class Outages:
    """Of the gateway's connection to IBKR, and of its data farms."""

    def __init__(self) -> None:
        self._broken: set[tuple[str, str]] = set()
        self._lost = False
        self._settled_at = -math.inf

    def impaired(self, now: float, kind: str | None = None) -> bool:
        """`kind`: only the farms of that kind matter."""
        broken = any(kind in (None, of) for of, _ in self._broken)
        return self._lost or broken or now < self._settled_at

    def session_lost(self) -> None:
        """The gateway may be starting anew, and does not reach IBKR yet when it comes back."""
        self._lost = True
        self.link_ended()

    def link_ended(self) -> None:
        """Nothing is known of the farms; the next connection may report them before its session is up."""
        self._broken.clear()

    def note(self, event: SessionEvent, now: float) -> None:
        before = self._lost or bool(self._broken)
        match event:
            case session_events.SessionUp(upstream=upstream):
                self._lost = not upstream
            case session_events.ConnectFailed() | session_events.WaitingClientId():
                self.link_ended()
            case session_events.UpstreamLost():
                self._lost = True
            case session_events.DataLost() | session_events.DataMaintained():
                self._lost = False
            case session_events.FarmStatus(kind=kind, name=name, state=state):
                if state in (FarmState.OK, FarmState.INACTIVE):
                    self._broken.discard((kind, name))
                else:
                    self._broken.add((kind, name))
            case _:
                return
        if before and not (self._lost or self._broken):
            self._settled_at = now + SETTLE_S
