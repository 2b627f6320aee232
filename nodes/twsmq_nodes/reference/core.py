"""Look-ups: one gateway request per distinct query at a time, however many calls wait for it. Pure.

    Asked ─ question ─ needs queries ─ remembered ───────────────────────────────┐
                ↑                    ─ on its way ─ wait with the others ────────┤
                │                    ─ new ─ (turn, pace) ─ Send ─ rows … end ───┤
                │                                         ─ refused, silent ─────┤
                └──── all of them are there, or refused ←────────────────────────┘
             ─ has its result ─ Answer        ─ refused, deadline, session lost ─ Fail

Those who ask take turns: only a few requests wait for the message budget at a time, and the next one is that
of the peer that has been given the least (`turns`).

A question (`question`) yields the queries it needs and is sent what became of each; the same query of two
questions is one request.

Invariants: each call gets exactly one Answer or Fail, by its deadline at the latest; a look-up lives as long
as a question waits for it, so that one nobody waits for any more is not sent, and what the gateway still says
about it is ignored; whatever goes on until it is cancelled is cancelled; a refusal is never remembered, nor
anything once there is another session (a gateway gets its contracts anew when it starts: IBKR's documentation
10.01); a 200 while a data farm is down or within a minute of an outage is not believed but asked again (the
gateway says it of good contracts then: ib_insync #330), unless silence or the deadline comes first.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from typing import Any

from msgspec import Struct, field
from twsmq_protocol.errors import ErrorCode, FieldError, RequestError

from twsmq_nodes.runtime.room import has_room
from twsmq_nodes.tws.calls import Answer, CallId, Cancel, Fail, NotSent, Send, SessionDown, Written
from twsmq_nodes.tws.codes import NO_DEFINITION
from twsmq_nodes.tws.events import Event, GatewayError
from twsmq_nodes.tws.outages import Outages
from twsmq_nodes.tws.session_events import SessionEvent, SessionUp

from .events import Action, Asked, Input
from .look_ups import KINDS, Kind, Query, occupied
from .memory import Memory
from .question import Found, Question
from .turns import PeerTurns

CACHE_ROWS = 20_000
MOST_LOOK_UPS = 1000
"""At the node's share of the message budget these take minutes already: more are refused, not queued."""
MOST_ROWS = 200_000
"""Of one look-up; ten times the contracts of the longest option chain."""
AGAIN_S = 5.0
"""Between two tries of what was not believed."""
NO_CONTRACT = "the gateway sent no contract for it"


class _LookUp(Struct):
    """`req_id`: of the request on its way; `doubted`: the refusal that was not believed; `peer`: who asked
    first."""

    query: Query
    kind: Kind
    peer: bytes
    silent_at: float = math.inf
    waiting: set[CallId] = field(default_factory=set[CallId])
    rows: list[Any] = field(default_factory=list[Any])
    req_id: int | None = None
    not_before: float = 0.0
    doubted: RequestError | None = None


class _Asking(Struct):
    question: Question
    deadline: float
    peer: bytes = b""
    needs: tuple[Query, ...] = ()
    found: dict[Query, Found] = field(default_factory=dict[Query, Found])
    not_ready: RequestError | None = None


class ReferenceCore:
    """`now` is monotonic, in seconds. `next_req_id` gives an id the session has not used. `ahead`: so many
    requests may wait to be written."""

    def __init__(
        self, next_req_id: Callable[[], int], *, cache_rows: int = CACHE_ROWS, ahead: int = MOST_LOOK_UPS
    ) -> None:
        self._ahead = ahead
        self._unwritten: set[int] = set()
        self._turns = PeerTurns()
        self._next_req_id = next_req_id
        self.memory = Memory(cache_rows)
        self._asking: dict[CallId, _Asking] = {}
        self._look_ups: dict[Query, _LookUp] = {}
        self._sent: dict[int, _LookUp] = {}
        self._paced: dict[str, float] = {}
        self._outages = Outages()
        self._wake_at: float | None = None

    def handle(self, happened: Input, now: float) -> list[Action]:
        if isinstance(happened, Event) and not isinstance(happened, GatewayError):
            actions = self._received(happened, now)
        else:
            actions = self._handled(happened, now)
            actions += self._expire(now)
        actions += self._send(now)
        self._wake_at = self._next_moment(now)
        return actions

    @property
    def wake_at(self) -> float | None:
        """When TimerFired must come."""
        return self._wake_at

    def wanted(self, req_id: int) -> bool:
        """Whether anybody still waits for it."""
        return req_id in self._sent

    def _handled(self, happened: Input, now: float) -> list[Action]:
        match happened:
            case Asked():
                self._asking[happened.call] = _Asking(
                    happened.question, happened.deadline, happened.peer, not_ready=happened.not_ready
                )
                return self._advance(happened.call, None, now)
            case Written(req_id=req_id):
                self._written(req_id, now)
            case NotSent(req_id=req_id, error=error) if req_id in self._sent:
                return self._over(self._sent[req_id], error, now)
            case SessionDown():
                self._outages.session_lost()
                return self._lost()
            case GatewayError():
                return self._refused(happened, now)
            case SessionEvent():
                self._outages.note(happened, now)
                if isinstance(happened, SessionUp):
                    self.memory.forget()
            case _:
                pass
        return []

    # --- questions -----------------------------------------------------------------------------------------

    def _advance(self, call: CallId, sent: tuple[Found, ...] | None, now: float) -> list[Action]:
        """Let a question go on until it waits for the gateway or is over."""
        asking = self._asking[call]
        while True:
            try:
                needs = asking.question.send(sent)  # pyright: ignore[reportArgumentType]
            except StopIteration as end:
                del self._asking[call]
                return [Answer(call, end.value)]
            except RequestError as error:
                del self._asking[call]
                return [Fail(call, error)]
            except FieldError as error:
                del self._asking[call]
                refusal = RequestError(ErrorCode.INVALID_ARGUMENT, str(error), field=error.field)
                return [Fail(call, refusal)]
            asking.needs, asking.found = needs, {}
            missing = self._look_for(asking, now)
            if not missing:
                sent = tuple(asking.found[query] for query in needs)
                continue
            refusal = asking.not_ready or self._no_room(missing, asking.peer)
            if refusal is not None:
                self._forget(call)
                return [Fail(call, refusal)]
            for query in missing:
                look_up = self._look_ups.get(query)
                if look_up is None:
                    look_up = self._look_ups[query] = _LookUp(query, KINDS[query.kind], asking.peer)
                look_up.waiting.add(call)
            return []

    def _look_for(self, asking: _Asking, now: float) -> list[Query]:
        """Takes what is remembered; the rest."""
        missing: list[Query] = []
        for query in dict.fromkeys(asking.needs):
            rows = self.memory.find(query, now)
            if rows is None:
                missing.append(query)
            else:
                asking.found[query] = rows
        return missing

    def _no_room(self, missing: list[Query], peer: bytes) -> RequestError | None:
        new = sum(query not in self._look_ups for query in missing)
        waiting = len(self._look_ups) + max(0, new - 1)
        if not new or waiting < MOST_LOOK_UPS:
            return None
        own = Counter(look_up.peer for look_up in self._look_ups.values())
        if has_room(waiting, own[peer] + new - 1, len(own | {peer: 1}), MOST_LOOK_UPS):
            return None
        text = f"{len(self._look_ups)} other things are being looked up; ask again later"
        return RequestError(ErrorCode.THROTTLED, text)

    def _forget(self, call: CallId) -> None:
        self._asking.pop(call).question.close()

    def _lost(self) -> list[Action]:
        text = "the gateway session was lost before the answer came; ask again"
        actions: list[Action] = [Fail(c, RequestError(ErrorCode.NOT_READY, text)) for c in self._asking]
        for call in list(self._asking):
            self._forget(call)
        self._look_ups.clear()
        self._sent.clear()
        self._unwritten.clear()
        return actions

    def _expire(self, now: float) -> list[Action]:
        """Calls past their deadline, look-ups past their silence."""
        actions: list[Action] = []
        for call in [call for call, asking in self._asking.items() if asking.deadline <= now]:
            needs = self._asking[call].needs
            self._forget(call)
            actions.append(Fail(call, self._too_late(needs)))
            for query in needs:
                look_up = self._look_ups.get(query)
                if look_up is not None and call in look_up.waiting:
                    look_up.waiting.discard(call)
                    if not look_up.waiting:
                        actions += self._closed(look_up)
        for look_up in [one for one in self._look_ups.values() if one.silent_at <= now]:
            actions += self._over(look_up, self._too_late((look_up.query,)), now)
        return actions

    def _too_late(self, needs: tuple[Query, ...]) -> RequestError:
        doubts = (self._look_ups[query].doubted for query in needs if query in self._look_ups)
        doubt = next((one for one in doubts if one is not None), None)
        return doubt or RequestError(ErrorCode.TIMEOUT, "the gateway did not answer in time; ask again")

    # --- look-ups ------------------------------------------------------------------------------------------

    def _send(self, now: float) -> list[Action]:
        actions: list[Action] = []
        while len(self._unwritten) < self._ahead and len(self._sent) < len(self._look_ups):
            look_up = self._next_in_turn(now)
            if look_up is None:
                break
            actions.append(self._sending(look_up, now))
        return actions

    def _next_in_turn(self, now: float) -> _LookUp | None:
        """Of the peer that has been given the least, the one that has waited longest."""
        best: _LookUp | None = None
        least, full = math.inf, self._full()
        for look_up in self._look_ups.values():
            if look_up.req_id is not None or look_up.query.kind in full:
                continue
            turn = self._turns.of(look_up.peer)
            if turn >= least:
                continue
            if look_up.kind.pace_s:
                look_up.not_before = max(look_up.not_before, self._paced.get(look_up.query.kind, 0.0))
            if look_up.not_before <= now:
                best, least = look_up, turn
        return best

    def _full(self) -> set[str]:
        unwritten = (self._sent[req_id].query.kind for req_id in self._unwritten)
        return occupied((look_up.query.kind for look_up in self._sent.values()), unwritten)

    def _sending(self, look_up: _LookUp, now: float) -> Send:
        kind = look_up.kind
        self._turns.take(look_up.peer)
        self._paced[look_up.query.kind] = now + kind.pace_s
        req_id = look_up.req_id = self._next_req_id()
        self._sent[req_id] = look_up
        self._unwritten.add(req_id)
        look_up.rows = []
        if look_up.doubted is None:
            look_up.silent_at = now + kind.idle_s
        return Send(req_id, kind.asking(req_id, look_up.query.args))

    def _written(self, req_id: int, now: float) -> None:
        """The gateway has it from now on: it has not been silent before."""
        self._unwritten.discard(req_id)
        if (look_up := self._sent.get(req_id)) is None:
            return
        self._paced[look_up.query.kind] = now + look_up.kind.pace_s
        if look_up.doubted is None:
            look_up.silent_at = max(look_up.silent_at, now + look_up.kind.idle_s)

    def _closed(self, look_up: _LookUp) -> list[Action]:
        """Nothing more is expected of it."""
        del self._look_ups[look_up.query]
        if look_up.req_id is None:
            return []
        del self._sent[look_up.req_id]
        self._unwritten.discard(look_up.req_id)
        cancel = look_up.kind.cancel
        return [] if cancel is None else [Cancel(cancel(look_up.req_id))]

    def _over(self, look_up: _LookUp, found: Found, now: float) -> list[Action]:
        """It has its answer; those who waited go on."""
        actions = self._closed(look_up)
        if not isinstance(found, RequestError):
            self.memory.keep(look_up.query, found, now)
        for call in sorted(look_up.waiting):
            asking = self._asking[call]
            asking.found[look_up.query] = found
            if len(asking.found) == len(set(asking.needs)):
                sent = tuple(asking.found[query] for query in asking.needs)
                actions += self._advance(call, sent, now)
        return actions

    # --- what the gateway says -----------------------------------------------------------------------------

    def _received(self, event: Event, now: float) -> list[Action]:
        look_up = self._meant(event)
        if look_up is None:
            return []
        kind = look_up.kind
        if (take := kind.rows.get(type(event))) is not None:
            try:
                look_up.rows.extend(take(event))
            except RequestError as unreadable:
                return self._over(look_up, unreadable, now)
            look_up.silent_at = now + kind.idle_s
            if len(look_up.rows) > MOST_ROWS:
                text = f"the gateway sent more than {MOST_ROWS:,} rows; ask for something narrower"
                return self._over(look_up, RequestError(ErrorCode.GATEWAY_REJECTED, text), now)
        if type(event) not in kind.ends:
            return []
        if kind.some and not look_up.rows:
            return self._no_definition(look_up, NO_CONTRACT, now)
        return self._over(look_up, tuple(look_up.rows), now)

    def _meant(self, event: Event) -> _LookUp | None:
        """The look-up that an event belongs to."""
        req_id = getattr(event, "req_id", None)
        if req_id is not None:
            look_up = self._sent.get(req_id)
            known = look_up is not None and (
                type(event) in look_up.kind.rows or type(event) in look_up.kind.ends
            )
            return look_up if known else None
        name = _UNNUMBERED.get(type(event))
        about = None if name is None else KINDS[name].about
        if name is None or about is None:
            return None
        look_up = self._look_ups.get(Query(name, about(event)))
        return look_up if look_up is not None and look_up.req_id is not None else None

    def _refused(self, error: GatewayError, now: float) -> list[Action]:
        look_up = self._sent.get(error.req_id)
        if look_up is None or not look_up.kind.numbered or look_up.kind.goes_on_after(error.code):
            return []
        if error.code in look_up.kind.empty_codes:
            return self._over(look_up, (), now)
        if error.code == NO_DEFINITION:
            return self._no_definition(look_up, error.text, now)
        refusal = RequestError(ErrorCode.GATEWAY_REJECTED, error.text, tws_code=error.code)
        return self._over(look_up, refusal, now)

    def _no_definition(self, look_up: _LookUp, text: str, now: float) -> list[Action]:
        if self._outages.doubt(now) is None:
            refusal = RequestError(ErrorCode.GATEWAY_REJECTED, text, tws_code=NO_DEFINITION)
            return self._over(look_up, refusal, now)
        why = "but its data farms are down, or were a minute ago, when it says so of good contracts too"
        look_up.doubted = RequestError(
            ErrorCode.NOT_READY, f"the gateway says: {text}; {why}: ask again later", tws_code=NO_DEFINITION
        )
        assert look_up.req_id is not None
        del self._sent[look_up.req_id]
        self._unwritten.discard(look_up.req_id)
        look_up.req_id, look_up.not_before = None, now + AGAIN_S
        return []

    # --- the clock -----------------------------------------------------------------------------------------

    def _next_moment(self, now: float) -> float | None:
        moments = [asking.deadline for asking in self._asking.values()]
        held, full = len(self._unwritten) >= self._ahead, self._full()
        for look_up in self._look_ups.values():
            moments.append(look_up.silent_at)
            if look_up.req_id is None and not held and look_up.query.kind not in full:
                moments.append(look_up.not_before)
        first = min(moments, default=math.inf)
        return None if math.isinf(first) else max(first, now)

    def validate(self) -> None:
        """Raises `AssertionError` where an invariant is broken."""
        assert all(look_up.waiting for look_up in self._look_ups.values())
        assert all(look_up.req_id == req_id for req_id, look_up in self._sent.items())
        waiting = {call for look_up in self._look_ups.values() for call in look_up.waiting}
        assert waiting == self._asking.keys()
        assert self._unwritten <= self._sent.keys()
        assert len(self._unwritten) <= self._ahead
        self.memory.validate()


_UNNUMBERED: dict[type[Event], str] = {
    event: name for name, kind in KINDS.items() if not kind.numbered for event in kind.rows
}
