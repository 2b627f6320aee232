"""Positions: the gateway's rows, keyed by account and conId, published under one canonical spelling.

    UNKNOWN ─SessionUp→ LISTING ─PositionEnd→ NAMING ─every contract named→ COMPLETE
       ↑                 ↑   └─ no end: asked again                            │
       └── SessionLost ──┼──────────────── DataLost (1101) ────────────────────┘

A row carries the primary exchange and sometimes no currency (captured from a Gateway 10.40.1), so its
contract is looked up once by conId; a few at a time, because the node's share of the message budget is small.
A contract that cannot be looked up is spelled by its conId and tried again whenever the gateway comes back.

Invariants: a position is published when it differs from what was last, so that a second listing repeats
nothing. What is gone is published once with quantity 0, whether the gateway said so or a complete listing
left it out. `rows` is None until the listing of the present session is complete: an honest unknown beats a
guess.
Rows seen since LISTING began count, however often it was asked for: the late end of the first answer must not
make rows of it look gone. A row that does not say how much there is, or that cannot be read, proves nothing:
what was known of it stands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Enum

from msgspec import Struct
from twsmq_protocol.instruments import Instrument
from twsmq_protocol.requests import PositionRow
from twsmq_protocol.system_events import Position as PositionTold
from twsmq_protocol.topics import position_topic

from twsmq_nodes.tws import session_events
from twsmq_nodes.tws.codes import is_warning
from twsmq_nodes.tws.contracts import Contract
from twsmq_nodes.tws.events import Event, FrameRejected, GatewayError, Position, PositionEnd
from twsmq_nodes.tws.instruments import canonical_instrument
from twsmq_nodes.tws.reference_events import ContractDetailsEnd, ContractDetailsReceived
from twsmq_nodes.tws.reference_requests import ReqContractDetails
from twsmq_nodes.tws.requests import CancelPositions, ReqPositions
from twsmq_nodes.tws.session_events import SessionEvent

from .actions import Action, Publish, Ready, Reconcile, Send, Warn

POSITION_DATA = 61
"""The message id of a row, in text; of protobuf it is the same without what marks it as such."""
LISTING_S = 15.0
LOOK_UP_S = 15.0
LOOK_UPS_AT_ONCE = 4
MOST_POSITIONS = 50_000
"""Whoever lists more is no gateway: what it holds is never known to be complete."""

Key = tuple[str, int]


class _Row(Struct, frozen=True):
    quantity: float
    avg_cost: float | None


class _LookUp(Struct):
    con_id: int
    deadline: float
    name: str | None = None


class Phase(Enum):
    UNKNOWN = "unknown"
    LISTING = "listing"
    NAMING = "naming"
    COMPLETE = "complete"


class PositionBook:
    """`next_req_id` gives an id the session has not used. Times in seconds, monotonic."""

    def __init__(self, next_req_id: Callable[[], int]) -> None:
        self.phase = Phase.UNKNOWN
        self._next_req_id = next_req_id
        self._held: dict[Key, _Row] = {}
        self._told: dict[Key, PositionTold] = {}
        self._seen: set[Key] = set()
        self._unread = False  # something in this listing
        self._listing_deadline: float | None = None
        self._names: dict[int, str] = {}
        self._unnamed: dict[int, None] = {}  # to be looked up, in the order they came
        self._look_ups: dict[int, _LookUp] = {}

    def rows(self) -> list[PositionRow] | None:
        """Every position there is, None while that is not known."""
        if self.phase is not Phase.COMPLETE:
            return None
        return [
            PositionRow(
                account=account,
                instrument=self._names.get(con_id, _by_id(con_id)),
                con_id=con_id,
                quantity=row.quantity,
                avg_cost=row.avg_cost,
            )
            for (account, con_id), row in sorted(self._held.items())
        ]

    def named(self) -> dict[Key, str]:
        """Every position that is known to be there, with its spelling."""
        return {key: self._names[key[1]] for key in self._held if key[1] in self._names}

    @property
    def deadline(self) -> float | None:
        """When `expire` is due."""
        deadlines = [look_up.deadline for look_up in self._look_ups.values()]
        if self._listing_deadline is not None:
            deadlines.append(self._listing_deadline)
        return min(deadlines, default=None)

    def on_session_event(self, event: SessionEvent, now: float) -> list[Action]:
        match event:
            case session_events.SessionUp():
                return [*self._list(now), *self._retry(now)]
            case session_events.SessionLost():
                self.phase = Phase.UNKNOWN
                self._listing_deadline = None
                self._look_ups.clear()
                self._unnamed.clear()
                return []
            case session_events.DataLost():
                again = [Reconcile("asking for positions again after 1101"), Send(CancelPositions())]
                return [*again, *self._list(now), *self._retry(now)]
            case session_events.DataMaintained():
                return self._retry(now)
            case _:
                return []

    def event(self, event: Event, now: float) -> list[Action]:
        match event:
            case Position():
                return self._position(event, now)
            case FrameRejected(message_id=message_id) if message_id == POSITION_DATA:
                self._unread = True
                return [Warn("a position that cannot be read; what is known of others stands")]
            case PositionEnd() if self.phase is Phase.LISTING:
                return self._listed()
            case ContractDetailsReceived(req_id=req_id, details=details) if req_id in self._look_ups:
                look_up = self._look_ups[req_id]
                look_up.name = look_up.name or str(canonical_instrument(details))
                return []
            case ContractDetailsEnd(req_id=req_id) if req_id in self._look_ups:
                return self._named(req_id, now)
            case GatewayError(req_id=req_id, code=code) if req_id in self._look_ups and not is_warning(code):
                return self._named(req_id, now)
            case _:
                return []

    def expire(self, now: float) -> list[Action]:
        """Give up what was not answered by its deadline: list again, spell a contract by its conId."""
        actions: list[Action] = []
        for req_id in [req_id for req_id, look_up in self._look_ups.items() if look_up.deadline <= now]:
            actions += self._named(req_id, now)
        if self._listing_deadline is not None and self._listing_deadline <= now:
            actions += [Warn("no end of positions; asking again"), Send(CancelPositions()), *self._list(now)]
        return actions

    def _list(self, now: float) -> list[Action]:
        if self.phase is not Phase.LISTING:
            self.phase = Phase.LISTING
            self._seen.clear()
            self._unread = False
        self._listing_deadline = now + LISTING_S
        return [Send(ReqPositions())]

    def _position(self, event: Position, now: float) -> list[Action]:
        key = (event.account, event.contract.con_id)
        if event.quantity is not None or key in self._held:
            self._seen.add(key)
        if event.quantity is None:
            return [Warn(f"position of conId {event.contract.con_id} without a quantity ignored")]
        if event.quantity == 0:
            return self._gone(key) + self._completed()
        if key not in self._held and len(self._held) >= MOST_POSITIONS:
            return [Warn(f"more than {MOST_POSITIONS} positions; one is left out")]
        self._held[key] = _Row(event.quantity, event.avg_cost)
        if event.contract.con_id in self._names:
            return self._publish(key)
        return self._want([event.contract.con_id], now)

    def _listed(self) -> list[Action]:
        self.phase = Phase.NAMING
        self._listing_deadline = None
        vanished = [key for key in self._held if key not in self._seen and not self._unread]
        return [action for key in vanished for action in self._gone(key)] + self._completed()

    def _retry(self, now: float) -> list[Action]:
        """Look up again what had to be spelled by its conId."""
        return self._want([con_id for con_id, name in self._names.items() if name == _by_id(con_id)], now)

    def _want(self, con_ids: Iterable[int], now: float) -> list[Action]:
        under_way = {look_up.con_id for look_up in self._look_ups.values()}
        self._unnamed.update((con_id, None) for con_id in con_ids if con_id not in under_way)
        return self._look_up(now)

    def _look_up(self, now: float) -> list[Action]:
        actions: list[Action] = []
        while self._unnamed and len(self._look_ups) < LOOK_UPS_AT_ONCE:
            con_id = next(iter(self._unnamed))
            del self._unnamed[con_id]
            req_id = self._next_req_id()
            self._look_ups[req_id] = _LookUp(con_id, now + LOOK_UP_S)
            actions.append(Send(ReqContractDetails(req_id, Contract(con_id=con_id))))
        return actions

    def _named(self, req_id: int, now: float) -> list[Action]:
        look_up = self._look_ups.pop(req_id)
        con_id, name = look_up.con_id, look_up.name
        actions: list[Action] = []
        if name is None:
            name = _by_id(con_id)
            actions.append(Warn(f"no contract details for a position; it is spelled {name}"))
        self._names[con_id] = name
        for key in [key for key in self._held if key[1] == con_id]:
            actions += self._publish(key)
        return actions + self._look_up(now) + self._completed()

    def _completed(self) -> list[Action]:
        named = all(con_id in self._names for _, con_id in self._held)
        if self.phase is not Phase.NAMING or not named or len(self._held) >= MOST_POSITIONS:
            return []
        self.phase = Phase.COMPLETE
        return [Ready()]

    def _publish(self, key: Key) -> list[Action]:
        account, con_id = key
        row = self._held[key]
        event = PositionTold(
            account=account,
            instrument=self._names[con_id],
            con_id=con_id,
            quantity=row.quantity,
            avg_cost=row.avg_cost,
        )
        before = self._told.get(key)
        if event == before:
            return []
        renamed = before is not None and before.instrument != event.instrument
        farewell = self._farewell(key) if renamed else []
        self._told[key] = event
        return [*farewell, Publish(position_topic(account, event.instrument), event)]

    def _gone(self, key: Key) -> list[Action]:
        self._held.pop(key, None)
        return self._farewell(key)

    def _farewell(self, key: Key) -> list[Action]:
        told = self._told.pop(key, None)
        if told is None:
            return []
        zero = PositionTold(
            account=told.account, instrument=told.instrument, con_id=told.con_id, quantity=0.0
        )
        return [Publish(position_topic(told.account, told.instrument), zero, last=True)]


def _by_id(con_id: int) -> str:
    return str(Instrument(con_id=con_id))
