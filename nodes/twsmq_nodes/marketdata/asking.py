"""Requests on their way: ids, pacing, and the gateway's market data type, which holds for what follows it.

`ReqMarketDataType` switches a whole session, so each request for quotes is preceded by it where another type
was in force: both go through one queue in their order.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

from twsmq_nodes.tws.ledger import PacingLedger
from twsmq_nodes.tws.requests import Request
from twsmq_nodes.tws.stream_requests import ReqMarketDataType

from . import events as ev

DATA_TYPES = {"live": 1, "frozen": 2, "delayed": 3, "any": 4}
"""IBKR's market data types: 2 also lets frozen data stand in, 3 delayed, 4 delayed and frozen."""
LIVE = 1


class Asking:
    """`do` takes the actions, in order."""

    def __init__(self, ledger: PacingLedger, do: Callable[[ev.Action], None]) -> None:
        self._ledger = ledger
        self._req_ids = count(1)
        self._do = do
        self._data_type = LIVE

    def new_id(self) -> int:
        return next(self._req_ids)

    def session_began(self) -> None:
        self._data_type = LIVE

    def session_ended(self) -> None:
        self._ledger.session_lost()

    def allows_at(self, request: Request, now: float) -> tuple[float, str]:
        """From when on the pacing rules let it go, and the rule at fault."""
        return self._ledger.earliest(request, now)

    def ask(self, req_id: int, request: Request, now: float, data: str = "") -> None:
        """`data`: which data a request for quotes accepts, empty for other requests."""
        data_type = DATA_TYPES.get(data, self._data_type)
        if data_type != self._data_type:
            self._data_type = data_type
            self._do(ev.Send(ReqMarketDataType(data_type)))
        self._ledger.note(req_id, request, now)
        self._do(ev.Ask(req_id, request))

    def written(self, req_id: int, now: float) -> None:
        self._ledger.written(req_id, now)

    def end(self, req_id: int, cancel: Request | None) -> None:
        """Whatever was asked under the id is given up."""
        self._ledger.withdrawn(req_id)
        self._do(ev.Cancel(req_id, cancel))
