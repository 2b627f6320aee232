"""Identity: what names an order at the gateway, and what names an execution.

Invariants: order ids only rise, even when the gateway's nextValidId rolls back (a lower id would be a
duplicate, 103, or worse: modify another order). An execution is counted under the part of its id before the
last dot; the part after it numbers corrections.
"""

from __future__ import annotations

from twsmq_protocol.order_requests import MAX_GROUP

Key = tuple[str, str]
"""(strategy, client_order_id)."""

HIGHEST_ORDER_ID = 2**31 - 1
FIRST_REQ_ID = 1_500_000_000
"""Requests are numbered from here: order ids and request ids share one space in the gateway's errors."""


class OrderIds:
    """Gives out order ids. The floor is one above everything seen: own journal, nextValidId.

    One thing lowers it: all ids are used up, and a person has reset them at the gateway.
    """

    def __init__(self) -> None:
        self.next = 1
        self.was_reset = False

    @property
    def used_up(self) -> bool:
        """What is left is not enough for the largest group."""
        return self.next + MAX_GROUP > HIGHEST_ORDER_ID

    def raise_floor(self, floor: int) -> None:
        """No id below `floor` will be given out. A lower floor than before has no effect, unless nothing was
        left above it."""
        if self.used_up and 0 < floor < self.next:
            self.next, self.was_reset = floor, True
        else:
            self.next = max(self.next, floor)

    def take(self, count: int = 1) -> int:
        """The first of as many in a row."""
        taken = self.next
        self.next += count
        return taken


def order_ref(key: Key) -> str:
    """The orderRef of an order; the gateway echoes it in openOrder, executions and completed orders."""
    return f"{key[0]}/{key[1]}"


def parse_ref(ref: str) -> Key | None:
    strategy, slash, client_order_id = ref.partition("/")
    return (strategy, client_order_id) if slash and strategy and client_order_id else None


_MOST_DIGITS = 9


def split_exec_id(exec_id: str) -> tuple[str, int]:
    """What counts as one execution, and the number of the correction.

    "0000e0d5.69e02bfb.01.01" (captured) -> ("0000e0d5.69e02bfb.01", 1)
    """
    prefix, dot, suffix = exec_id.rpartition(".")
    if not dot or not suffix.isascii() or not suffix.isdecimal() or len(suffix) > _MOST_DIGITS:
        return exec_id, 0
    return prefix, int(suffix)
