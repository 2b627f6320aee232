"""Contract look-ups: one gateway request per distinct instrument at a time, however many calls wait for it.

    Asked ─ cached ──────────────────────────────────────────────→ Answer
          ─ same instrument on its way ─ wait with the others ─┐
          ─ new ─ Send ─ rows … end ───────────────────────────┴─→ Answer each, keep the rows
                       ─ refused by the gateway, session lost ───→ Fail each
                       ─ a call's deadline ──────────────────────→ Fail that call with `timeout`

Invariants: each call gets exactly one Answer or Fail; a look-up lives as long as a call waits for it, so that
one nobody waits for any more is not sent, and what the gateway still says about it is ignored; a refusal is
never cached. The cache drops what is too old and, above its size in rows, what was used longest ago.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import TypeAlias

from msgspec import Struct, field
from twsmq_protocol.errors import ErrorCode, RequestError

from twsmq_nodes.runtime.timer import TimerFired
from twsmq_nodes.tws.codes import NO_DEFINITION, is_warning
from twsmq_nodes.tws.contracts import Contract, ContractInfo
from twsmq_nodes.tws.events import Event, GatewayError
from twsmq_nodes.tws.reference_events import ContractDetailsEnd, ContractDetailsReceived

CACHE_S = 3600.0
CACHE_ROWS = 20_000
MOST_LOOK_UPS = 1000
"""At the node's share of the message budget these take minutes already: more are refused, not queued."""

CallId: TypeAlias = int
Rows: TypeAlias = tuple[ContractInfo, ...]


class Asked(Struct, frozen=True):
    """A call wants to know the contracts that match. `key` tells distinct instruments apart."""

    call: CallId
    key: str
    contract: Contract
    deadline: float


class NotSent(Struct, frozen=True):
    """The request could not be written."""

    req_id: int
    error: RequestError


class SessionDown(Struct, frozen=True):
    """Whatever was asked will not be answered."""


Input = Asked | NotSent | SessionDown | TimerFired | Event


class Send(Struct, frozen=True):
    """Ask the gateway, unless nobody waits any more when its turn comes (see `wanted`)."""

    req_id: int
    contract: Contract


class Answer(Struct, frozen=True):
    call: CallId
    rows: Rows


class Fail(Struct, frozen=True):
    call: CallId
    error: RequestError


Action = Send | Answer | Fail


class _LookUp(Struct):
    key: str
    waiting: dict[CallId, float]
    rows: list[ContractInfo] = field(default_factory=list[ContractInfo])


class ReferenceCore:
    """`now` is monotonic, in seconds. `next_req_id` gives an id the session has not used."""

    def __init__(
        self, next_req_id: Callable[[], int], *, cache_s: float = CACHE_S, cache_rows: int = CACHE_ROWS
    ) -> None:
        self._next_req_id = next_req_id
        self._cache_s = cache_s
        self._cache_rows = cache_rows
        self._cached_rows = 0
        self._cache: OrderedDict[str, tuple[float, Rows]] = OrderedDict()
        self._look_ups: dict[int, _LookUp] = {}
        self._by_key: dict[str, int] = {}

    def handle(self, happened: Input, now: float) -> list[Action]:
        actions: list[Action] = []
        match happened:
            case Asked():
                actions = self._asked(happened)
            case ContractDetailsReceived(req_id=req_id, details=details) if req_id in self._look_ups:
                self._look_ups[req_id].rows.append(details)
            case ContractDetailsEnd(req_id=req_id) if req_id in self._look_ups:
                actions = self._ended(req_id, now)
            case GatewayError(req_id=req_id, code=code) if req_id in self._look_ups and not is_warning(code):
                error = RequestError(ErrorCode.GATEWAY_REJECTED, happened.text, tws_code=code)
                actions = self._fail(req_id, error)
            case NotSent(req_id=req_id, error=error) if req_id in self._look_ups:
                actions = self._fail(req_id, error)
            case SessionDown():
                actions = [action for req_id in list(self._look_ups) for action in self._lost(req_id)]
            case TimerFired():
                actions = self._expire(now)
            case _:
                pass
        return actions

    @property
    def wake_at(self) -> float | None:
        """When TimerFired must come: the first call's deadline."""
        deadlines = (at for look_up in self._look_ups.values() for at in look_up.waiting.values())
        return min(deadlines, default=None)

    def cached(self, key: str, now: float) -> Rows | None:
        """What is known about an instrument without asking."""
        learnt, rows = self._cache.get(key, (0.0, None))
        if rows is None:
            return None
        if now >= learnt + self._cache_s:
            self._drop(key)
            return None
        self._cache.move_to_end(key)
        return rows

    def wanted(self, req_id: int) -> bool:
        """Whether anybody still waits for it."""
        return req_id in self._look_ups

    def _asked(self, asked: Asked) -> list[Action]:
        req_id = self._by_key.get(asked.key)
        if req_id is not None:
            self._look_ups[req_id].waiting[asked.call] = asked.deadline
            return []
        if len(self._look_ups) >= MOST_LOOK_UPS:
            text = f"{MOST_LOOK_UPS} other instruments are being looked up; ask again later"
            return [Fail(asked.call, RequestError(ErrorCode.THROTTLED, text))]
        req_id = self._next_req_id()
        self._by_key[asked.key] = req_id
        self._look_ups[req_id] = _LookUp(asked.key, {asked.call: asked.deadline})
        return [Send(req_id, asked.contract)]

    def _ended(self, req_id: int, now: float) -> list[Action]:
        rows = tuple(self._look_ups[req_id].rows)
        if not rows:
            text = "the gateway sent no contract for it"
            return self._fail(req_id, RequestError(ErrorCode.GATEWAY_REJECTED, text, tws_code=NO_DEFINITION))
        look_up = self._close(req_id)
        self._keep(look_up.key, rows, now)
        return [Answer(call, rows) for call in look_up.waiting]

    def _lost(self, req_id: int) -> list[Action]:
        text = "the gateway session was lost before the answer came; ask again"
        return self._fail(req_id, RequestError(ErrorCode.NOT_READY, text))

    def _fail(self, req_id: int, error: RequestError) -> list[Action]:
        return [Fail(call, error) for call in self._close(req_id).waiting]

    def _expire(self, now: float) -> list[Action]:
        error = RequestError(ErrorCode.TIMEOUT, "the gateway did not answer in time; ask again")
        late: list[Action] = []
        for req_id, look_up in list(self._look_ups.items()):
            for call in [call for call, deadline in look_up.waiting.items() if deadline <= now]:
                del look_up.waiting[call]
                late.append(Fail(call, error))
            if not look_up.waiting:
                self._close(req_id)
        return late

    def _close(self, req_id: int) -> _LookUp:
        look_up = self._look_ups.pop(req_id)
        del self._by_key[look_up.key]
        return look_up

    def _keep(self, key: str, rows: Rows, now: float) -> None:
        if len(rows) > self._cache_rows:
            return
        self._drop(key)
        self._cache[key] = (now, rows)
        self._cached_rows += len(rows)
        while self._cached_rows > self._cache_rows:
            self._drop(next(iter(self._cache)))

    def _drop(self, key: str) -> None:
        _, rows = self._cache.pop(key, (0.0, ()))
        self._cached_rows -= len(rows)
