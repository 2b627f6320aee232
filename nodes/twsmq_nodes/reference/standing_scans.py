"""Scans that stand: each configured one is kept open at the gateway, each ranking published. Pure.

    session up ─ starting ─ Send ─ ranking ─ active ─ ranking ─ …
                    ↑         ├ refused ─ refused ─ (REFUSED_S) ─┐
                    │         └ silent (SILENT_S), cancelled ────┤
                    ├──── asked again ←──────────────────────────┘
    session or upstream lost ─ interrupted ─ session up, upstream back ─→ asked again

Invariants: a scan has at most one request at the gateway: another is sent only after the one before was
refused, cancelled by us, or lost with its session; what comes for an older request is ignored; nothing is
sent without a session that reaches IBKR; each change of a scan's state is published, and a ranking never
under another state than `active`. The last ranking stays beside a later state, with the time it came.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping

from msgspec import Struct, field
from twsmq_protocol.errors import ErrorCode, RequestError
from twsmq_protocol.scanner_requests import Ranking, Scan, ScannerRow, ScanState

from twsmq_nodes.runtime.timer import TimerFired
from twsmq_nodes.tws import reference_events as ev
from twsmq_nodes.tws import reference_requests as ref
from twsmq_nodes.tws import session_events
from twsmq_nodes.tws.calls import Cancel, NotSent, Send, SessionDown, Written
from twsmq_nodes.tws.events import Event, GatewayError
from twsmq_nodes.tws.outages import Outages
from twsmq_nodes.tws.session_events import SessionEvent

from .look_ups import KINDS
from .market_questions import asked, ranked

REFUSED_S = 600.0
"""Between two tries of what the gateway refuses: rights and codes change, though rarely."""
AGAIN_S = 30.0
"""Until a scan is asked for again that the gateway ended; as long as it is until its next ranking."""
SILENT_S = 60.0
"""Without a first word from the gateway."""
CANCELLED = "subscription cancelled"
""" "API scanner subscription cancelled: 3", with 162, of a scan that nobody here has cancelled."""
_KIND = KINDS["scanner"]


class Ranked(Struct, frozen=True):
    """The gateway sent one, at `time` (ns)."""

    event: ev.ScannerRows
    time: int


class Publish(Struct, frozen=True):
    name: str
    ranking: Ranking


Input = Ranked | NotSent | Written | SessionDown | TimerFired | Event | SessionEvent
Action = Send | Cancel | Publish


class _Standing(Struct):
    """`due`: when it is asked for, again or at all."""

    name: str
    scan: Scan
    state: ScanState = "starting"
    req_id: int | None = None
    due: float = math.inf
    code: int | None = None
    text: str | None = None
    time: int | None = None
    rows: list[ScannerRow] = field(default_factory=list[ScannerRow])

    def enters(self, state: ScanState, code: int | None = None, text: str | None = None) -> Publish:
        self.state, self.code, self.text = state, code, text
        return Publish(self.name, Ranking(state=state, time=self.time, rows=self.rows, code=code, text=text))


class StandingScans:
    """`now` is monotonic, in seconds. `next_req_id` gives an id the session has not used."""

    def __init__(self, scans: Mapping[str, Scan], next_req_id: Callable[[], int]) -> None:
        self._all = [_Standing(name, scan) for name, scan in scans.items()]
        self._by_id: dict[int, _Standing] = {}
        self._next_req_id = next_req_id
        self._outages = Outages()
        self._reached = False

    def begin(self) -> list[Action]:
        """Before there is a session."""
        return [one.enters("starting", text="there is no session with the gateway yet") for one in self._all]

    def stranger(self, topic: str) -> Ranking | None:
        """What is published on a complete `scanner/` topic that is no configured scan's."""
        first, *levels = topic.split("/")
        if first != "scanner" or len(levels) != 2 or levels[1]:
            return None
        names = [one.name for one in self._all]
        if levels[0] in names:
            return None
        there = f"there are {', '.join(names)}" if names else "there are none"
        return Ranking(state="refused", text=f"no scan of [reference.scans] is called that; {there}")

    def handle(self, happened: Input, now: float) -> list[Action]:
        if isinstance(happened, SessionDown):
            self._outages.session_lost()
        elif isinstance(happened, SessionEvent):
            self._outages.note(happened, now)
        return [*self._handled(happened, now), *self._ask(now)]

    @property
    def wake_at(self) -> float | None:
        """When TimerFired must come."""
        first = min((one.due for one in self._all), default=math.inf) if self._reached else math.inf
        return None if math.isinf(first) else first

    def wanted(self, req_id: int) -> bool:
        """Whether the request still stands for a scan."""
        return req_id in self._by_id

    def _handled(self, happened: Input, now: float) -> Iterator[Action]:
        match happened:
            case Ranked():
                yield from self._ranked(happened)
            case Written(req_id=req_id) if req_id in self._by_id:
                if self._by_id[req_id].state != "active":
                    self._by_id[req_id].due = now + SILENT_S
            case NotSent(req_id=req_id, error=error) if req_id in self._by_id:
                yield self._not_sent(req_id, error, now)
            case GatewayError(req_id=req_id) if req_id in self._by_id:
                yield from self._told(happened, now)
            case SessionDown():
                yield from self._lost("the session with the gateway was lost", open_still=False)
            case session_events.UpstreamLost(code=code, text=text):
                yield from self._lost(text, code, open_still=True)
            case session_events.SessionUp(upstream=upstream):
                self._begin_anew(now, upstream)
            case session_events.DataLost() | session_events.DataMaintained():
                yield from self._close_all()
                self._begin_anew(now, upstream=True)
            case _:
                pass

    # --- asking --------------------------------------------------------------------------------------------

    def _begin_anew(self, now: float, upstream: bool) -> None:
        self._reached = upstream
        for one in self._all:
            one.due = now

    def _ask(self, now: float) -> Iterator[Action]:
        if not self._reached:
            return
        for one in self._all:
            if one.due > now:
                continue
            silent = one.req_id is not None
            yield from self._close(one)
            one.due = math.inf  # until it is written
            one.req_id = self._next_req_id()
            self._by_id[one.req_id] = one
            yield one.enters("starting", text="the gateway did not answer; asked again" if silent else None)
            yield Send(one.req_id, _KIND.asking(one.req_id, asked(one.scan)))

    def _close(self, one: _Standing) -> Iterator[Action]:
        if one.req_id is None:
            return
        del self._by_id[one.req_id]
        yield Cancel(ref.CancelScanner(one.req_id))
        one.req_id = None

    def _close_all(self) -> Iterator[Action]:
        for one in self._all:
            yield from self._close(one)

    # --- what becomes of it --------------------------------------------------------------------------------

    def _ranked(self, ranked_: Ranked) -> Iterator[Action]:
        one = self._by_id.get(ranked_.event.req_id)
        if one is None or not self._reached:
            return
        one.due = math.inf
        one.time, one.rows = ranked_.time, ranked(ranked_.event.rows, one.scan.rows)
        if one.code in _KIND.notice_codes:  # said before the rows that it is about
            yield one.enters("active", one.code, one.text)
        else:
            yield one.enters("active")

    def _told(self, error: GatewayError, now: float) -> Iterator[Action]:
        one = self._by_id[error.req_id]
        if error.code in _KIND.notice_codes:
            yield one.enters(one.state, error.code, error.text)
        elif _KIND.goes_on_after(error.code):
            return
        elif error.code in _KIND.empty_codes:
            yield from self._close(one)  # the gateway may have it still
            one.due = now + AGAIN_S
            yield one.enters("interrupted", error.code, error.text)
        elif CANCELLED in error.text or self._outages.doubt(now) is not None:
            yield self._ended(error.req_id, "interrupted", error.code, error.text, now + AGAIN_S)
        else:
            yield self._ended(error.req_id, "refused", error.code, error.text, now + REFUSED_S)

    def _not_sent(self, req_id: int, error: RequestError, now: float) -> Publish:
        if error.code is ErrorCode.NOT_READY:
            return self._ended(req_id, "interrupted", None, str(error), now + AGAIN_S)
        return self._ended(req_id, "refused", None, str(error), now + REFUSED_S)

    def _ended(self, req_id: int, state: ScanState, code: int | None, text: str, again: float) -> Publish:
        """The gateway has it no more."""
        one = self._by_id.pop(req_id)
        one.req_id, one.due = None, again
        return one.enters(state, code, text)

    def _lost(self, text: str, code: int | None = None, *, open_still: bool) -> Iterator[Action]:
        """`open_still`: the gateway may go on with what it has once it reaches IBKR again."""
        self._reached = False
        for one in self._all:
            one.due = math.inf
            if not open_still and one.req_id is not None:
                del self._by_id[one.req_id]
                one.req_id = None
            if (one.state, one.text) != ("interrupted", text):
                yield one.enters("interrupted", code, text)

    def validate(self) -> None:
        """Raises `AssertionError` where an invariant is broken."""
        open_ = {one.req_id: one for one in self._all if one.req_id is not None}
        assert open_ == self._by_id
        assert all(one.req_id is not None for one in self._all if one.state == "active")
