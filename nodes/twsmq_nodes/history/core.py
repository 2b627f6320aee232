"""Who waits for which answer, and whose piece of history is asked for next. Pure.

    Asked ─ the same on its way ─ wait with the others ─────────────────────────────┐
          ─ new ─ queue ─ (pacing, a free place) ─ Send piece ─ rows, end ─ next piece ─ Answer all
                    ↑                                 ─ no data ─────────── next piece
                    ├── later, with growing pauses ── ─ passing refusal, session lost
                    └── in smaller pieces ─────────── ─ silence ─ Cancel
                                                      ─ final refusal ──── Fail all

Invariants: each call gets exactly one Answer or Fail, by its deadline at the latest; a job has at most one
request at the gateway, and whatever is given up there is cancelled; interactive jobs go before bulk ones, and
of each kind those of several peers take turns, each peer's in its order; no rule of the pacing ledger is
broken, over reconnects too; what nobody waits for any more is not asked.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable

from msgspec import Struct, field
from twsmq_protocol.errors import ErrorCode, RequestError

from twsmq_nodes.runtime.room import has_room
from twsmq_nodes.runtime.timer import TimerFired
from twsmq_nodes.tws.calls import Answer, CallId, Cancel, Fail, NotSent, Send, SessionDown, Written
from twsmq_nodes.tws.codes import is_competing
from twsmq_nodes.tws.events import Event, GatewayError
from twsmq_nodes.tws.ledger import OPEN_LOOK_BACKS, PacingLedger
from twsmq_nodes.tws.outages import Outages
from twsmq_nodes.tws.session_events import SessionEvent, SessionUp

from .events import ROWS, Action, Asked, Input
from .jobs import Job
from .refusals import Meaning, meaning_of, too_late, words_of

MOST_JOBS = 1_000
MOST_OPEN = OPEN_LOOK_BACKS
"""Requests at the gateway at once: it answers some side by side, and more of them only wait there."""
MOST_BULK, SPARE = MOST_OPEN - 1, 6.0
"""Bulk leaves a place, and so much of each ten minutes of small bars, to whoever waits for an answer."""
IDLE_S = 60.0
"""Silence after which a piece is given up: pacing may drop a request without a word (IBrokers 25)."""
COMPETING_S = 300.0
PAUSES_S = (5.0, 15.0, 30.0, 60.0)
MOST_UNKNOWN = 3
"""Times that a piece is asked for again after a refusal of which nobody knows whether it passes."""


class _Work(Struct):
    """A job and who waits for it. `req_id`: of its piece on its way, which was asked for at `sent_at` and is
    given up at `silent_at`; `peer`: who asked first; `unknown`: refusals in a row that nobody understands;
    `refused`: what the gateway said of its last piece, which is asked for again; `lesson`: what the answer to
    the piece on its way will teach."""

    job: Job
    bulk: bool
    number: int
    peer: bytes
    waiting: dict[CallId, float] = field(default_factory=dict[CallId, float])
    req_id: int | None = None
    sent_at: float = 0.0
    silent_at: float = math.inf
    not_before: float = 0.0
    failures: int = 0
    unknown: int = 0
    refused: GatewayError | None = None
    lesson: object = None


class HistoryCore:
    """`now` is monotonic, in seconds."""

    def __init__(self, next_req_id: Callable[[], int], ledger: PacingLedger | None = None) -> None:
        self._next_req_id = next_req_id
        self._ledger = ledger or PacingLedger()
        self._competing_at: float | None = None
        self.histories_allowed = self._ledger.most_open
        self._works: dict[object, _Work] = {}
        self._open: dict[int, _Work] = {}
        self._up = False
        self._count = 0
        self._turns: dict[bytes, int] = {}  # pieces asked for, by peer, beyond what each of them has had
        self._outages = Outages()
        self._wake_at: float | None = None

    def is_refused_for_another_session(self, now: float) -> bool:
        """Whether the gateway said so last, a moment ago."""
        return self._competing_at is not None and now - self._competing_at < COMPETING_S

    @property
    def histories_open(self) -> int:
        """Requests the gateway has not finished."""
        return self._ledger.open_histories

    @property
    def histories_waiting(self) -> int:
        """Jobs of which no request is on its way."""
        return sum(work.req_id is None for work in self._works.values())

    @property
    def wake_at(self) -> float | None:
        return self._wake_at

    def handle(self, happened: Input, now: float) -> list[Action]:
        if isinstance(happened, ROWS):
            return self._received(happened, now)
        actions = self._handled(happened, now)
        actions += self._expire(now)
        actions += self._send(now)
        self._wake_at = self._next_moment(now)
        return actions

    def _handled(self, happened: Input, now: float) -> list[Action]:
        match happened:
            case Asked():
                return self._asked(happened)
            case SessionUp():
                self._up = True
                self._outages.note(happened, now)
            case SessionDown():
                self._outages.session_lost()
                self._lost()
            case Written(req_id=req_id):
                self._ledger.written(req_id, now)
            case NotSent(req_id=req_id, error=error) if req_id in self._open:
                self._ledger.withdrawn(req_id)
                return self._fail(self._closed(req_id), error)
            case GatewayError():
                return self._refused(happened, now)
            case SessionEvent():
                self._outages.note(happened, now)
            case TimerFired() | NotSent():
                pass
            case _:
                return self._received(happened, now)
        return []

    # --- calls ---------------------------------------------------------------------------------------------

    def _asked(self, asked: Asked) -> list[Action]:
        work = self._works.get(asked.key)
        if work is None:
            own = Counter(work.peer for work in self._works.values())
            if not has_room(len(self._works), own[asked.peer], len(own), MOST_JOBS):
                text = f"{MOST_JOBS} other requests for history wait; ask again later"
                return [Fail(asked.call, RequestError(ErrorCode.THROTTLED, text))]
            job = asked.make()
            if job.result is not None:
                return [Answer(asked.call, job.result)]
            self._count += 1
            if asked.peer not in own:
                self._turns = {peer: self._turns[peer] for peer in own}
                self._turns[asked.peer] = min(self._turns.values(), default=0)
            work = self._works[asked.key] = _Work(job, asked.bulk, self._count, asked.peer)
        work.bulk = work.bulk and asked.bulk
        work.waiting[asked.call] = asked.deadline
        return []

    def _answer(self, work: _Work) -> list[Action]:
        del self._works[work.job.key]
        result = work.job.result
        assert result is not None
        return [Answer(call, result) for call in work.waiting]

    def _fail(self, work: _Work, error: RequestError) -> list[Action]:
        self._works.pop(work.job.key, None)
        return [Fail(call, error) for call in work.waiting]

    def _expire(self, now: float) -> list[Action]:
        """Calls past their deadline; pieces past their silence; jobs nobody waits for."""
        actions: list[Action] = []
        for work in list(self._works.values()):
            late = [call for call, deadline in work.waiting.items() if deadline <= now]
            for call in late:
                del work.waiting[call]
                actions.append(Fail(call, too_late(work.refused, *self._paced(work, now))))
            silent = work.req_id is not None and work.silent_at <= now
            if work.req_id is not None and (silent or not work.waiting):
                actions += self._given_up(work, now, smaller=silent)
            if not work.waiting:
                self._works.pop(work.job.key, None)
        return actions

    def _paced(self, work: _Work, now: float) -> tuple[float, str]:
        """How many seconds pacing keeps it from the gateway still, and the rule."""
        if work.req_id is not None or not self._up:
            return 0.0, ""
        earliest, rule = self._ledger.earliest(work.job.request(0), now, SPARE if work.bulk else 0.0)
        return earliest - now, rule

    # --- pieces --------------------------------------------------------------------------------------------

    def _send(self, now: float) -> list[Action]:
        actions: list[Action] = []
        if not self._up:
            return actions
        waiting = [work for work in self._works.values() if work.req_id is None and work.not_before <= now]
        taught = self._taught()
        for work in self._in_turn(waiting):
            if not self._places()[work.bulk]:
                break  # bulk is last
            lesson = work.job.lesson if work.bulk else None
            if lesson in taught:
                continue
            request = work.job.request(0)
            earliest, _ = self._ledger.earliest(request, now, SPARE if work.bulk else 0.0)
            if earliest > now:
                work.not_before = min(earliest, now + PAUSES_S[0])
                continue
            req_id = self._next_req_id()
            self._ledger.note(req_id, request, now)
            self._turns[work.peer] += 1
            work.req_id, work.sent_at, work.silent_at, work.lesson = req_id, now, now + IDLE_S, lesson
            self._open[req_id] = work
            taught = self._taught()
            actions.append(Send(req_id, work.job.request(req_id)))
        return actions

    def _taught(self) -> set[object]:
        """What answers to bulk pieces on their way will teach: a piece that would teach the same waits for
        that, or as many would be as short as the first as there are jobs."""
        return {work.lesson for work in self._open.values() if work.lesson is not None}

    def _places(self) -> tuple[bool, bool]:
        """Whether there is one, for an interactive job and for a bulk one."""
        some = len(self._open) < MOST_OPEN
        return some, some and sum(one.bulk for one in self._open.values()) < MOST_BULK

    def _in_turn(self, waiting: list[_Work]) -> list[_Work]:
        turns = Counter(self._turns)
        order: list[tuple[bool, int, int, _Work]] = []
        for work in waiting:  # in the order they came
            order.append((work.bulk, turns[work.peer], work.number, work))
            turns[work.peer] += 1
        return [work for *_, work in sorted(order, key=lambda one: one[:3])]

    def _closed(self, req_id: int) -> _Work:
        work = self._open.pop(req_id)
        self._ledger.closed(req_id)
        work.req_id, work.silent_at, work.lesson = None, math.inf, None
        return work

    def _given_up(self, work: _Work, now: float, *, smaller: bool) -> list[Action]:
        assert work.req_id is not None
        cancel = work.job.cancel(work.req_id)
        self._closed(work.req_id)
        if smaller:
            work.job.shrink()
            self._later(work, now)
        return [] if cancel is None else [Cancel(cancel)]

    def _later(self, work: _Work, now: float) -> None:
        pause = PAUSES_S[min(work.failures, len(PAUSES_S) - 1)]
        work.failures += 1
        work.not_before = now + pause

    def _lost(self) -> None:
        self._up = False
        for req_id in list(self._open):
            self._closed(req_id)

    # --- what the gateway says -----------------------------------------------------------------------------

    def _received(self, event: Event, now: float) -> list[Action]:
        req_id = getattr(event, "req_id", None)
        work = self._open.get(req_id) if isinstance(req_id, int) else None
        if work is None or req_id is None:
            return []
        work.silent_at = now + IDLE_S
        if not work.job.received(event):
            return []
        return self._piece_done(work, req_id, now)

    def _piece_done(self, work: _Work, req_id: int, now: float) -> list[Action]:
        cancel = work.job.cancel(req_id) if work.job.stays_open else None
        self._closed(req_id)
        work.failures, work.unknown, work.refused = 0, 0, None
        self._competing_at = None
        work.job.answered(now - work.sent_at)
        actions: list[Action] = [] if cancel is None else [Cancel(cancel)]
        actions += work.job.taken()
        if work.job.unreadable:
            text = f"what the gateway answers cannot be read: {work.job.unreadable[:200]}"
            return actions + self._fail(work, RequestError(ErrorCode.GATEWAY_REJECTED, text))
        return actions + (self._answer(work) if work.job.result is not None else [])

    def _refused(self, error: GatewayError, now: float) -> list[Action]:
        work = self._open.get(error.req_id)
        if work is None:
            return []
        if is_competing(error.code, error.text):
            self._competing_at = now
        refusal = meaning_of(
            error.code,
            error.text,
            asked=work.job.what,
            outage=self._outages.doubt(now) is not None,
            outage_of_history=self._outages.doubt(now, "historical") is not None,
        )
        passes = refusal.meaning in (Meaning.NOTICE, Meaning.EMPTY, Meaning.PASSING)
        if not passes and work.job.spares():
            self._closed(error.req_id)
            return []
        match refusal.meaning:
            case Meaning.NOTICE:
                return []
            case Meaning.EMPTY:
                work.job.empty()
                if not work.job.may_be_empty:
                    return self._final(work, error)
                return self._piece_done(work, error.req_id, now)
            case Meaning.OTHER_WHAT if work.job.other_what(refusal.what):
                self._closed(error.req_id)
                return []
            case Meaning.PASSING:
                return self._again(work, error, now)
            case Meaning.SMALLER if work.job.shrink():
                return self._again(work, error, now)
            case Meaning.UNKNOWN if work.unknown < MOST_UNKNOWN:
                work.unknown += 1
                return self._again(work, error, now)
            case Meaning.UNKNOWN:
                return self._final(
                    work, error, f"; asked {MOST_UNKNOWN + 1} times, whether it passes is unknown"
                )
            case _:
                return self._final(work, error)

    def _again(self, work: _Work, error: GatewayError, now: float) -> list[Action]:
        self._closed(error.req_id)
        work.refused = error
        self._later(work, now)
        return []

    def _final(self, work: _Work, error: GatewayError, more: str = "") -> list[Action]:
        self._closed(error.req_id)
        text = words_of(error) + more
        return self._fail(work, RequestError(ErrorCode.GATEWAY_REJECTED, text, tws_code=error.code))

    def _next_moment(self, now: float) -> float | None:
        moments = [deadline for work in self._works.values() for deadline in work.waiting.values()]
        moments += [work.silent_at for work in self._open.values()]
        if self._up:
            places, taught = self._places(), self._taught()
            waiting = (work for work in self._works.values() if work.req_id is None and places[work.bulk])
            moments += [work.not_before for work in waiting if not (work.bulk and work.job.lesson in taught)]
        first = min(moments, default=math.inf)
        return None if math.isinf(first) else max(first, now)

    def validate(self) -> None:
        """Raises `AssertionError` where an invariant is broken."""
        assert len(self._open) <= MOST_OPEN
        assert sum(work.bulk for work in self._open.values()) <= MOST_BULK
        assert all(work.req_id == req_id for req_id, work in self._open.items())
        assert all(work.waiting for work in self._works.values())
        assert all(work.job.key in self._works for work in self._open.values())
        assert self._up or not self._open
        lessons = [work.lesson for work in self._open.values() if work.lesson is not None]
        assert len(lessons) == len(set(lessons))
