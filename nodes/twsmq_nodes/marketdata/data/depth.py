"""A kept order book: `depth/`.

The gateway sends changes by position; the whole book goes out first and to newcomers, then what changed in
each read. A reset (317) empties the book, and says so with an empty whole.
"""

from __future__ import annotations

from typing import Literal

from twsmq_protocol.market_events import Depth, DepthChange, DepthDelta, DepthRow

from twsmq_nodes.tws import events as tws

from ..listings import Listing
from .channels import Channel, DataEvent
from .publisher import Outlet, Publisher

_SIDES: tuple[Literal["ask"], Literal["bid"]] = ("ask", "bid")
_OPERATIONS: tuple[Literal["insert"], Literal["update"], Literal["delete"]] = ("insert", "update", "delete")
MOST_ROWS = 1000
"""Of one side; a gateway is asked for 60 at most."""


class DepthBook:
    """Both sides, best rows first."""

    def __init__(self) -> None:
        self.bids: list[DepthRow] = []
        self.asks: list[DepthRow] = []

    def clear(self) -> None:
        self.bids.clear()
        self.asks.clear()

    def apply(self, change: DepthChange) -> DepthChange | None:
        """What it changes in a book without holes: a position past the end means the end, where there is
        nothing to delete.
        """
        side, operation, position, price, size, market_maker = change
        rows = self.bids if side == "bid" else self.asks
        row, end = (price, size, market_maker), len(rows)
        if operation == "delete":
            if position >= end:
                return None
            del rows[position]
        elif operation == "update" and position < end:
            rows[position] = row
        elif end >= MOST_ROWS:
            return None
        elif operation == "insert" and position <= end:
            rows.insert(position, row)
        else:
            rows.append(row)
            return side, "insert", end, price, size, market_maker
        return change


class DepthChannel(Channel):
    """`_whole`: the next flush publishes the whole book, since nobody has one to change."""

    takes = (tws.Depth,)
    repeats_value = False
    __slots__ = ("_book", "_changes", "_whole")

    def __init__(self, publisher: Publisher, listing: Listing) -> None:
        super().__init__(publisher, listing)
        self._book = DepthBook()
        self._changes: list[DepthChange] = []
        self._whole = True

    def renew(self) -> None:
        self._book.clear()
        self._changes.clear()
        self._whole = True

    def reset(self) -> None:
        """The gateway emptied the book. One that nobody has yet is published when its first rows come."""
        had_one = not self._whole
        self.renew()
        if had_one:
            self._whole = False
            self.publish(self._depth())

    def on_event(self, event: DataEvent) -> None:
        if not isinstance(event, tws.Depth):
            return
        if event.operation in range(3) and event.side in (0, 1) and event.position >= 0:
            operation = _OPERATIONS[event.operation]
            gone = operation == "delete"  # C its price and size are 0
            change: DepthChange = (
                _SIDES[event.side],
                operation,
                event.position,
                None if gone else event.price,
                None if gone else event.size,
                event.market_maker,
            )
            done = self._book.apply(change)
            if done is not None:
                self._changes.append(done)

    def flush(self) -> None:
        self.batch = []
        changes, self._changes = self._changes, []
        if self._whole and changes:
            self._whole = False
            self.publish(self._depth())
        elif changes:
            self.publish(DepthDelta(con_id=self.con_id, changes=changes))

    def greet(self, outlet: Outlet) -> bool:
        if not self._whole:
            self.publisher.repost(outlet, self._depth())
        return not self._whole

    def _depth(self) -> Depth:
        return Depth(con_id=self.con_id, bids=list(self._book.bids), asks=list(self._book.asks))
