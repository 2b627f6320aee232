"""In which of the captured ways an order is reported: the seed and the order's permId choose among them.

A gateway does not report twice alike. Every row of a table below is a way that was captured; none is made up,
and their shares are those of the captures. `PLAIN` is one fixed way, for whoever compares one message with
another. What is chosen depends on nothing but seed and permId, so the same run reads the same twice.
"""

from __future__ import annotations

from typing import Final, TypeVar
from zlib import crc32

from msgspec.structs import replace

from twsmq_simulator.broker.model import Order, Status

Way = tuple[Status, ...]
Row = TypeVar("Row")

# Before the fill of a market order (14 of them, versions 200 to 225).
MARKET_WAYS: Final[tuple[Way, ...]] = (
    *[(Status.PRE_SUBMITTED,)] * 4,
    *[(Status.SUBMITTED,)] * 7,
    *[(Status.PRE_SUBMITTED, Status.SUBMITTED)] * 3,
)
WAITING_PAIRS: Final = (
    1,
    2,
    3,
    4,
)  # the same pair while an order waits (stops at 200, limits at night at 225)
SUBMITTED_PAIRS: Final = (1, 1, 2)
CHANGED_PAIRS: Final = (2, 2, 1)  # a stop at 200 and a limit made MKT at 225: two; a limit at 200: one
FILLED_PAIRS: Final = (1, 2, 2, 3)  # one without the commission, then again with it, once or twice
PENDING_PAIRS: Final = (0, 0, 0, -1, 2)  # of PendingCancel before Cancelled; -1 is an orderStatus alone
NOTICE_FIRST: Final = frozenset({"STP", "MKT"})  # 399 before the first pair (STP at 225; a bracket's parent)
NOTICE_AFTER: Final = frozenset({"LMT", "STP LMT"})  # 399 after it (225)
STOP_SHOWN_AS_LIMIT: Final = frozenset({"STP", "TRAIL"})  # in the first openOrder only (200)


class Habits:
    def __init__(self, seed: int = 1, *, plain: bool = False) -> None:
        self._seed = seed
        self._plain = plain

    def _draw(self, what: str, key: object, count: int) -> int:
        return crc32(f"{self._seed}/{what}/{key}".encode()) % count

    def market_way(self, order: Order) -> Way:
        """The statuses a market order shows before its fill."""
        return (Status.PRE_SUBMITTED,) if self._plain else self._of("market", order, MARKET_WAYS)

    def waiting_pairs(self, order: Order) -> int:
        return 1 if self._plain else self._of("waiting", order, WAITING_PAIRS)

    def submitted_pairs(self, order: Order) -> int:
        return 1 if self._plain else self._of("submitted", order, SUBMITTED_PAIRS)

    def changed_pairs(self, order: Order) -> int:
        return 1 if self._plain else self._of(f"changed/{order.revision}", order, CHANGED_PAIRS)

    def filled_pairs(self, order: Order) -> int:
        """Pairs for one execution: the first has no commission."""
        return 2 if self._plain else self._of(f"filled/{order.filled}", order, FILLED_PAIRS)

    def pending_pairs(self, order: Order) -> int:
        return 0 if self._plain else self._of("pending", order, PENDING_PAIRS)

    def notice_first(self, order: Order) -> bool:
        """Whether 399 comes before the first openOrder."""
        kind = order.ticket.order_type
        if self._plain or kind in NOTICE_FIRST:
            return True
        return kind not in NOTICE_AFTER and bool(self._draw("notice", order.perm_id, 2))

    def first_shown(self, order: Order) -> Order:
        """The order as its first openOrder has it: a stop's price may stand as its limit too."""
        stop = order.ticket.aux_price
        shown = order.ticket.order_type in STOP_SHOWN_AS_LIMIT and stop and order.ticket.limit_price is None
        if self._plain or not shown or not self._draw("first", order.perm_id, 2):
            return order
        return replace(order, ticket=replace(order.ticket, limit_price=round(float(stop or 0) + 0.03, 2)))

    def _of(self, what: str, order: Order, rows: tuple[Row, ...]) -> Row:
        return rows[self._draw(what, order.perm_id, len(rows))]


PLAIN: Final = Habits(plain=True)
