"""Orders that were not placed here: by another client id, by hand, or before this journal.

A gateway reports other clients' orders only to the client ID 0 and to the master client, so all open orders
are listed now and then (see `reconciliation`). Invariants:

- Each is announced when it is new, whenever it changes, and once when it has ended; how it ended only where
  the gateway says so: its own status, its completed orders, or executions of its whole quantity.
- What is not in a complete list any more has ended, never what a list has left out that was not answered.
- An order that carries the reference of one of our keys, under our own client id, claims that key.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct
from msgspec.structs import replace
from twsmq_protocol.errors import ErrorCode, RequestError
from twsmq_protocol.order_events import ForeignOrderChanged
from twsmq_protocol.order_query_requests import ForeignOrder
from twsmq_protocol.topics import foreign_topic

from twsmq_nodes.tws import events as tws

from ..actions import Action, Announce
from ..book import Book
from ..ids import Key, parse_ref
from ..pipeline.wire import foreign_order
from ..record import EPSILON
from .account_executions import AccountExecutions

ENDED = frozenset(("Filled", "Cancelled", "ApiCancelled"))
"""What a gateway calls an order, ours or not, that has ended."""
MOST_SEEN = 100_000
GONE = "the gateway lists it no more; how it ended it does not say"


class Claim(Struct, frozen=True):
    """An order at the gateway that carries the reference of a key. `perm_id`: 0 if it cannot be adopted."""

    what: str
    perm_id: int


class ForeignOrders:
    """`rows`: those that work, by permanent id, as last reported. `claimed`: keys whose orders the gateway
    has, under our own client id, though the journal does not know them."""

    def __init__(self, book: Book, executions: AccountExecutions, actions: list[Action]) -> None:
        self.rows: dict[int, ForeignOrder] = {}
        self.claimed: dict[Key, Claim] = {}
        self._book = book
        self._executions = executions
        self._actions = actions
        self._ends: dict[int, tuple[str, str]] = {}  # status and words, of completed orders that are listed
        self._seen: dict[int, None] = {}  # permanent ids of all that there were, the oldest first

    def require(self, perm_id: int) -> ForeignOrder:
        """One that works. Raises `RequestError`."""
        row = self.rows.get(perm_id)
        if row is None:
            why = f"no foreign order has the permanent id {perm_id}; see get_orders"
            raise RequestError(ErrorCode.UNKNOWN_ORDER, why, field="perm_id")
        return row

    def reported(self, event: tws.OpenOrder) -> int:
        """An openOrder of one; its permanent id, 0 for one that has none or has ended."""
        perm_id, status = event.order.perm_id or 0, event.state.status
        if not perm_id:
            return 0
        self._has_seen(perm_id)
        if event.contract.sec_type == "BAG":
            self._executions.is_combo(perm_id)
        row = foreign_order(event.order_id, event.contract, event.order, status)
        self._book.spellings.learn(row.instrument, event.contract.con_id)
        known = self.rows.get(perm_id)
        if known is not None:  # its status has shown what it filled
            row = replace(row, filled=max(row.filled, known.filled))
        if status in ENDED:
            if known is not None:
                self._end(row, status, None)
            return 0
        if row != known:
            self.rows[perm_id] = row
            self._announce(row)
        return perm_id

    def status(self, event: tws.OrderStatus) -> None:
        """An orderStatus that is about no order of ours."""
        row = self.rows.get(event.perm_id or 0)
        if row is None:
            return
        changed = replace(row, status=event.status, filled=event.filled or 0.0)
        if event.status in ENDED:
            self._end(changed, event.status, None)
        elif changed != row:
            self.rows[row.perm_id] = changed
            self._announce(changed)

    def _has_seen(self, perm_id: int) -> None:
        self._seen[perm_id] = None
        if len(self._seen) > MOST_SEEN:
            del self._seen[next(iter(self._seen))]

    def anothers(self, perm_id: int) -> bool:
        """Whether an order that was not placed here has this permanent id."""
        known = self._book.find(None, None, perm_id, "", 0) is not None
        return not known and (perm_id in self._seen or self._executions.executed(perm_id))

    def with_order_id(self, order_id: int) -> list[ForeignOrder]:
        """Each client counts its own."""
        return [row for row in self.rows.values() if row.order_id == order_id]

    def completed(self, event: tws.CompletedOrder) -> None:
        """A row of the completed orders that is about no order of ours."""
        perm_id = event.order.perm_id or 0
        if perm_id in self.rows:
            self._ends[perm_id] = event.state.status, event.state.completed_status.strip()

    def missing(self, listed: set[int]) -> bool:
        """Whether some are not in a complete list: how they ended is to be found out."""
        return not self.rows.keys() <= listed

    def concluded(self, listed: set[int]) -> None:
        """Everything was asked for: whatever is not `listed` has ended."""
        for perm_id in self.rows.keys() - listed:
            row = self.rows[perm_id]
            status, words = self._ends.get(perm_id, ("", ""))
            filled = max(row.filled, self._executions.filled(perm_id))
            if not status and filled >= row.quantity - EPSILON:
                status = "Filled"
            self._end(replace(row, filled=filled), status, words or (None if status else GONE))
        self._ends.clear()

    def taken_over(self, row: ForeignOrder, key: Key) -> None:
        """It is ours from now on."""
        self._end(row, row.status, f"taken over as {key[0]}/{key[1]}")
        self._seen.pop(row.perm_id, None)
        self.claimed.pop(key, None)

    def claim(self, reference: str, what: str, perm_id: int) -> None:
        """The gateway has an order of ours with this reference, and no record of ours is meant: not even one
        of that key, of which a journal that is an older copy may lack the last attempt."""
        key = parse_ref(reference)
        if key is not None:
            self.claimed[key] = Claim(what, perm_id)

    def _end(self, row: ForeignOrder, status: str, reason: str | None) -> None:
        self.rows.pop(row.perm_id, None)
        self._announce(replace(row, status=status or row.status), working=False, reason=reason)

    def _announce(self, row: ForeignOrder, *, working: bool = True, reason: str | None = None) -> None:
        event = ForeignOrderChanged(**msgspec.structs.asdict(row), working=working, reason=reason)
        self._actions.append(Announce(foreign_topic(row.account, row.perm_id), event, retain=working))
