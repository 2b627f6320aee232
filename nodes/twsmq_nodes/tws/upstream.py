"""Whether the gateway reaches IBKR, from what it says and, where it says nothing more, from what it can do.

    connected ─1100─→ lost ─1101, 1102─────────────────────────────→ connected
              ─2110─→ lost ─1101, 1102, or farms of each kind OK──→ connected
                      lost, nothing said for a while: asked what only IBKR knows ─answered─→ connected

Theory: the end of an outage may go unannounced: after a 2110 the farms come back and neither 1101 nor 1102
follows (a bridge's log of 2026), and whoever waits for them waits for ever. There are two more witnesses.
Farms count only after a 2110, for a gateway that said 1100 says 1101 or 1102 as a rule, and only if each kind
of farm known before has one that is OK again (or sleeps until it is wanted) and none that is broken. A probe
is a request that the gateway cannot answer by itself; reqCurrentTime is none, it is answered without IBKR.

What an unannounced end means for subscriptions: after a 2110 ticks went on (same log), so they are taken to
be maintained; after a 1100 nobody knows, so they are taken to be lost and asked for again.

Invariant: while lost, either something has come or the next probe is due within PROBE_MOST_S.
"""

from __future__ import annotations

from collections.abc import Callable

from twsmq_nodes.tws import codes, farms, session_events
from twsmq_nodes.tws.events import GatewayError
from twsmq_nodes.tws.reference_events import MatchingSymbols
from twsmq_nodes.tws.session_events import FarmState, FarmStatus, SessionEvent

MOST_FARMS = 200
"""IBKR has some forty. All that are known are published with each change."""
PROBE_ID = 2_000_000_000
"""Request id of the probes: far above those the nodes give out."""
PROBE_S, PROBE_MOST_S = 15.0, 120.0
"""How long after the last word of an outage the first probe follows, and how long the pauses become."""

CODES = frozenset((codes.UPSTREAM_LOST, codes.UPSTREAM_BROKEN, codes.DATA_LOST, codes.DATA_MAINTAINED))


class Upstream:
    """What is known in the present session. `now` in seconds, monotonic; `jitter`: random in [0, 1)."""

    def __init__(self, jitter: Callable[[], float]) -> None:
        self._jitter = jitter
        self.connected = True
        self.farms: dict[tuple[str, str], FarmState] = {}
        self._code: int | None = None  # of the outage
        self._kinds: frozenset[str] = frozenset()  # of farms that were known when it began
        self._back: dict[tuple[str, str], bool] = {}  # farms reported since, and whether they serve
        self._pause = PROBE_S
        self._probe_at: float | None = None

    def began(self) -> None:
        """A new connection: nothing is known, and taken to be well."""
        self.connected = True
        self.farms.clear()
        self._probe_at = None

    @property
    def probe_at(self) -> float | None:
        """When to ask for something only IBKR can answer."""
        return self._probe_at

    def probed(self, now: float) -> None:
        """It was asked; the next one follows later."""
        self._pause = min(2 * self._pause, PROBE_MOST_S)
        self._wait(now)

    def received(self, error: GatewayError, now: float) -> list[SessionEvent]:
        """The gateway said something of `CODES` or `farms.NOTICES`, for no request."""
        code = error.code
        if code in farms.NOTICES:
            return self._farm_reported(farms.noticed(code, error.text))
        if code in (codes.UPSTREAM_LOST, codes.UPSTREAM_BROKEN):
            return self._lost(error, now)
        events = [
            note for status in farms.listed(error.text, tuple(self.farms)) for note in self._farm(status)
        ]
        back = session_events.DataLost if code == codes.DATA_LOST else session_events.DataMaintained
        self._restored()
        return [*events, back(str(code))]  # farms first: what is maintained hangs on them

    def answered(self, answer: MatchingSymbols) -> list[SessionEvent]:
        """To a probe. An empty answer proves nothing."""
        if self.connected or answer.req_id != PROBE_ID or not answer.matches:
            return []
        back = (
            session_events.DataMaintained if self._code == codes.UPSTREAM_BROKEN else session_events.DataLost
        )
        self._restored()
        return [back("it answers requests that need IBKR")]

    def _lost(self, error: GatewayError, now: float) -> list[SessionEvent]:
        before = self.connected
        if before or error.code == codes.UPSTREAM_LOST:  # a 2110 within a 1100 makes it no less a 1100
            self._code = error.code
        if before:
            self._kinds = frozenset(kind for kind, _ in self.farms)
        self.connected = False
        self._back.clear()
        self._pause = PROBE_S
        self._wait(now)
        return [session_events.UpstreamLost(error.code, error.text)] if before else []  # it is repeated

    def _farm_reported(self, status: FarmStatus) -> list[SessionEvent]:
        events: list[SessionEvent] = list(self._farm(status))
        if self.connected or self._code != codes.UPSTREAM_BROKEN:
            return events
        if (status.kind, status.name) not in self.farms:
            return events
        self._back[status.kind, status.name] = status.state in (FarmState.OK, FarmState.INACTIVE)
        kinds = {kind for kind, _ in self._back}
        if self._kinds and kinds >= self._kinds and all(self._back.values()):
            self._restored()
            events.append(session_events.DataMaintained("its data farms are connected again"))
        return events

    def _farm(self, status: FarmStatus) -> list[FarmStatus]:
        known = self.farms.get((status.kind, status.name))
        if known is status.state or (known is None and len(self.farms) >= MOST_FARMS):
            return []
        self.farms[status.kind, status.name] = status.state
        return [status]

    def _restored(self) -> None:
        self.connected = True
        self._probe_at = None

    def _wait(self, now: float) -> None:
        self._probe_at = now + self._pause * (1.0 + 0.5 * self._jitter())  # not all nodes at once
