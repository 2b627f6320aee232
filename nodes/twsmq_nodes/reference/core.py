"""Look-ups: one gateway request per distinct query at a time, however many calls wait for it. Pure.

    Asked ─ question ─ needs queries ─ remembered ───────────────────────────────┐
                ↑                    ─ on its way ─ wait with the others ────────┤
                │                    ─ new ─ (turn, pace) ─ Send ─ rows … end ───┤
                │                                         ─ refused, silent ─────┤
                └──── all of them are there, or refused ←────────────────────────┘
             ─ has its result ─ Answer        ─ refused, deadline, session lost ─ Fail

(`pending` has what stands to the right of "on its way" and "new".)

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
from collections.abc import Callable, Mapping

from msgspec import Struct, field
from twsmq_protocol.errors import ErrorCode, FieldError, RequestError

from twsmq_nodes.tws.calls import Answer, CallId, Fail, NotSent, SessionDown, Written
from twsmq_nodes.tws.codes import NO_DEFINITION
from twsmq_nodes.tws.events import Event, GatewayError
from twsmq_nodes.tws.outages import Outages
from twsmq_nodes.tws.session_events import SessionEvent, SessionUp

from .events import Action, Asked, Input
from .look_ups import Query
from .memory import Memory
from .pending import MOST_LOOK_UPS, LookUp, PendingLookUps
from .question import Found, Question

CACHE_ROWS = 20_000
MOST_ROWS = 200_000
"""Of one look-up; ten times the contracts of the longest option chain."""
NO_CONTRACT = "the gateway sent no contract for it"


class _Asking(Struct):
    question: Question
    deadline: float
    peer: bytes = b""
    needs: tuple[Query, ...] = ()
    found: dict[Query, Found] = field(default_factory=dict[Query, Found])
    not_ready: RequestError | None = None


class ReferenceCore:
    """`now` is monotonic, in seconds. `next_req_id` gives an id the session has not used. `ahead`: so many
    requests may wait to be written. `reserved`: so many of a kind are kept open beside it."""

    def __init__(
        self,
        next_req_id: Callable[[], int],
        *,
        cache_rows: int = CACHE_ROWS,
        ahead: int = MOST_LOOK_UPS,
        reserved: Mapping[str, int] | None = None,
    ) -> None:
        self.memory = Memory(cache_rows)
        self._asking: dict[CallId, _Asking] = {}
        self._pending = PendingLookUps(next_req_id, ahead, reserved)
        self._outages = Outages()
        self._wake_at: float | None = None

    def handle(self, happened: Input, now: float) -> list[Action]:
        if isinstance(happened, Event) and not isinstance(happened, GatewayError):
            actions = self._received(happened, now)
        else:
            actions = self._handled(happened, now)
            actions += self._expire(now)
        actions += self._pending.send(now)
        self._wake_at = self._next_moment(now)
        return actions

    @property
    def wake_at(self) -> float | None:
        """When TimerFired must come."""
        return self._wake_at

    def wanted(self, req_id: int) -> bool:
        """Whether anybody still waits for it."""
        return req_id in self._pending.sent

    def _handled(self, happened: Input, now: float) -> list[Action]:
        match happened:
            case Asked():
                self._asking[happened.call] = _Asking(
                    happened.question, happened.deadline, happened.peer, not_ready=happened.not_ready
                )
                return self._advance(happened.call, None, now)
            case Written(req_id=req_id):
                self._pending.written(req_id, now)
            case NotSent(req_id=req_id, error=error) if req_id in self._pending.sent:
                return self._over(self._pending.sent[req_id], error, now)
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
            refusal = asking.not_ready or self._pending.no_room(missing, asking.peer)
            if refusal is not None:
                self._forget(call)
                return [Fail(call, refusal)]
            for query in missing:
                self._pending.join(query, call, asking.peer)
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

    def _forget(self, call: CallId) -> None:
        self._asking.pop(call).question.close()

    def _lost(self) -> list[Action]:
        text = "the gateway session was lost before the answer came; ask again"
        lost = RequestError(ErrorCode.NOT_READY, text)
        actions: list[Action] = [
            Fail(call, self._unconfirmed(asking.needs) or lost) for call, asking in self._asking.items()
        ]
        for call in list(self._asking):
            self._forget(call)
        self._pending.clear()
        return actions

    def _expire(self, now: float) -> list[Action]:
        """Calls past their deadline, look-ups past their silence."""
        actions: list[Action] = []
        for call in [call for call, asking in self._asking.items() if asking.deadline <= now]:
            needs = self._asking[call].needs
            self._forget(call)
            actions.append(Fail(call, self._too_late(needs)))
            for query in needs:
                actions += self._pending.leave(query, call)
        for look_up in self._pending.silent(now):
            actions += self._over(look_up, self._too_late((look_up.query,)), now)
        return actions

    def _too_late(self, needs: tuple[Query, ...]) -> RequestError:
        doubt = next(filter(None, map(self._pending.doubt, needs)), None)
        return (
            doubt
            or self._unconfirmed(needs)
            or RequestError(ErrorCode.TIMEOUT, "the gateway did not answer in time; ask again")
        )

    def _unconfirmed(self, needs: tuple[Query, ...]) -> RequestError | None:
        """Of what may have been changed."""
        said = next(filter(None, map(self._pending.unconfirmed, needs)), None)
        return None if said is None else RequestError(ErrorCode.TIMEOUT, said)

    # --- what the gateway says -----------------------------------------------------------------------------

    def _over(self, look_up: LookUp, found: Found, now: float) -> list[Action]:
        """It has its answer; those who waited go on."""
        actions: list[Action] = [*self._pending.close(look_up)]
        if not isinstance(found, RequestError):
            self.memory.keep(look_up.query, found, now)
        for call in sorted(look_up.waiting):
            asking = self._asking[call]
            asking.found[look_up.query] = found
            if len(asking.found) == len(set(asking.needs)):
                sent = tuple(asking.found[query] for query in asking.needs)
                actions += self._advance(call, sent, now)
        return actions

    def _received(self, event: Event, now: float) -> list[Action]:
        look_up = self._pending.meant(event)
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

    def _refused(self, error: GatewayError, now: float) -> list[Action]:
        if error.req_id < 0:
            refusal = RequestError(ErrorCode.GATEWAY_REJECTED, error.text, tws_code=error.code)
            refused = self._pending.refused_by(error.text)
            return [action for one in refused for action in self._over(one, refusal, now)]
        look_up = self._pending.sent.get(error.req_id)
        if look_up is None or not look_up.kind.numbered or look_up.kind.goes_on_after(error.code):
            return []
        if error.code in look_up.kind.empty_codes:
            return self._over(look_up, (), now)
        if error.code == NO_DEFINITION and look_up.kind.unconfirmed is None:
            return self._no_definition(look_up, error.text, now)
        refusal = RequestError(ErrorCode.GATEWAY_REJECTED, error.text, tws_code=error.code)
        return self._over(look_up, refusal, now)

    def _no_definition(self, look_up: LookUp, text: str, now: float) -> list[Action]:
        if self._outages.doubt(now) is None:
            refusal = RequestError(ErrorCode.GATEWAY_REJECTED, text, tws_code=NO_DEFINITION)
            return self._over(look_up, refusal, now)
        why = "but its data farms are down, or were a minute ago, when it says so of good contracts too"
        doubted = RequestError(
            ErrorCode.NOT_READY, f"the gateway says: {text}; {why}: ask again later", tws_code=NO_DEFINITION
        )
        self._pending.ask_again(look_up, doubted, now)
        return []

    # --- the clock -----------------------------------------------------------------------------------------

    def _next_moment(self, now: float) -> float | None:
        moments = [asking.deadline for asking in self._asking.values()]
        first = min((*moments, *self._pending.moments()), default=math.inf)
        return None if math.isinf(first) else max(first, now)

    def validate(self) -> None:
        """Raises `AssertionError` where an invariant is broken."""
        assert self._pending.validate() == self._asking.keys()
        self.memory.validate()
