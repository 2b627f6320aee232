"""What is wrong with the gateway's own connections at present, as far as it says so.

Theory: while IBKR or a data farm is not reached, and for a minute after, the gateway says "no definition" and
"not subscribed" of what is neither (ib_insync #330, Lean #3870): the word on contracts is doubted then.

Farms may be reported while the session is still being made, before it is up (captured): so they are forgotten
when a connection ends, not when the next session is up.
"""

from __future__ import annotations

from twsmq_nodes.tws.session_events import FarmState, FarmStatus

from .deadlines import Deadlines, OutageSettled
from .line import Line

BELIEVED_AFTER_S = 60.0
"""How long after an outage the gateway's word on contracts is not believed."""


class Outage:
    """`broken`: data farms, each with since when. `upstream`: IBKR is reached."""

    def __init__(self, deadlines: Deadlines) -> None:
        self.broken: dict[str, float] = {}
        self.upstream = True
        self._settled_at = 0.0
        self._deadlines = deadlines

    def doubt(self, now: float) -> str | None:
        """Why the gateway's word on contracts is not to be believed at present."""
        if not self.upstream:
            return "the gateway does not reach IBKR"
        if self.broken:
            return broken_words(min(self.broken))
        return "the gateway has only just reached IBKR again" if now < self._settled_at else None

    def link_ended(self) -> None:
        """Nothing is known of the farms any more."""
        self.broken.clear()

    def settles(self, now: float) -> None:
        """Something wrong is over: it takes a while until all is right."""
        self._settled_at = now + BELIEVED_AFTER_S
        self._deadlines.add(self._settled_at, OutageSettled())

    def farm_broke(self, happened: FarmStatus, now: float) -> str | None:
        """The farm's name, if it is broken now."""
        if happened.state is not FarmState.BROKEN:
            return None
        farm = _named(happened)
        self.broken.setdefault(farm, now)
        return farm

    def farm_mended(self, happened: FarmStatus) -> str | None:
        """The farm's name, if it was broken and is not any more."""
        farm = _named(happened)
        if happened.state not in (FarmState.OK, FarmState.INACTIVE) or farm not in self.broken:
            return None
        del self.broken[farm]
        return farm

    def missing(self, line: Line) -> str | None:
        """A broken farm that could serve the line."""
        return min((farm for farm in self.broken if serves(farm, line)), default=None)


def broken_words(farm: str) -> str:
    return f"the connection to {farm} is broken"


def serves(farm: str, line: Line) -> bool:
    """Whether a farm is of a kind that the line needs."""
    return farm.partition(" ")[0] in line.spec.farms


def _named(status: FarmStatus) -> str:
    return f"{status.kind} farm {status.name}"
