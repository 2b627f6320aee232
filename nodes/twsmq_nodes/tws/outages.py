"""Whether what only IBKR knows can be believed: not in an outage, nor within a minute of one. Pure.

Theory: while IBKR or a data farm is not reached, and for a minute after, the gateway says "no definition" and
"not subscribed" of what is neither (ib_insync #330, Lean #3870; of a farm that connects, thetagang #175).

Farms may be reported while the session is still being made, before it is up (captured): so they are forgotten
when a connection ends, not when the next session is up.
"""

from __future__ import annotations

import math

from twsmq_nodes.tws import session_events
from twsmq_nodes.tws.session_events import FarmState, FarmStatus, SessionEvent

SETTLE_S = 60.0
"""After an outage, until a 200 is believed again."""


class Outages:
    """Of the gateway's connection to IBKR, and of its data farms.

    `broken`: farms by their names, each with since when. `settled_at`: when what was over last is believed to
    be over. A gateway that is first met is taken to be well.
    """

    def __init__(self) -> None:
        self.broken: dict[str, float] = {}
        self.settled_at = -math.inf
        self._connecting: set[str] = set()
        self._reached = True

    def doubt(self, now: float, kind: str = "") -> str | None:
        """Why the gateway's word is not to be believed at present. `kind`: only the farms of that kind
        matter."""
        if not self._reached:
            return "the gateway does not reach IBKR"
        broken = sorted(farm for farm in self.broken if kind in ("", kind_of(farm)))
        if broken:
            return broken_words(broken[0])
        connecting = sorted(farm for farm in self._connecting if kind in ("", kind_of(farm)))
        if connecting:
            return f"the gateway is only connecting to {connecting[0]}"
        return "the gateway has only just reached IBKR again" if now < self.settled_at else None

    def session_lost(self) -> None:
        """The gateway may be starting anew, and does not reach IBKR yet when it comes back."""
        self._reached = False
        self._link_ended()

    def note(self, event: SessionEvent, now: float) -> None:
        before = self._impaired
        match event:
            case session_events.SessionUp(upstream=upstream):
                self._reached = upstream
            case session_events.ConnectFailed() | session_events.WaitingClientId():
                self._link_ended()
            case session_events.UpstreamLost():
                self._reached = False
            case session_events.DataLost() | session_events.DataMaintained():
                before = self._reached = True  # whether or not its beginning was announced
            case FarmStatus():
                self._farm_changed(farm_of(event), event.state, now)
            case _:
                return
        if before and not self._impaired:
            self.settled_at = now + SETTLE_S

    @property
    def _impaired(self) -> bool:
        return not self._reached or bool(self.broken) or bool(self._connecting)

    def _link_ended(self) -> None:
        """Nothing is known of the farms; the next connection may report them before its session is up."""
        self.broken.clear()
        self._connecting.clear()

    def _farm_changed(self, farm: str, state: FarmState, now: float) -> None:
        match state:
            case FarmState.OK | FarmState.INACTIVE:
                self.broken.pop(farm, None)
                self._connecting.discard(farm)
            case FarmState.BROKEN:
                self.broken.setdefault(farm, now)
            case FarmState.CONNECTING:
                self._connecting.add(farm)


def farm_of(status: FarmStatus) -> str:
    """Its name, which begins with its kind."""
    return f"{status.kind} farm {status.name}"


def kind_of(farm: str) -> str:
    return farm.partition(" ")[0]


def broken_words(farm: str) -> str:
    return f"the connection to {farm} is broken"
