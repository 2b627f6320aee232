"""Cancellations and refusals whose two halves, the status and the words, come apart.

A cancellation nobody here asked for may be a refusal: orderStatus Cancelled and then 201 (captured from a
Gateway 10.40.1). It is held until the error that explains it has come, or `EXPLANATION_S` have passed: who
waits for an order's end must not get a wrong one. The words may also come first, and then are kept for
the status that follows; while a modification is in flight they may be about that alone.
"""

from __future__ import annotations

from msgspec import Struct

from .ids import Key
from .record import OrderChanges, Record

UNEXPLAINED = "the gateway cancelled it and gave no reason"


class Held(Struct, frozen=True):
    order_id: int
    changes: OrderChanges


class Unexplained:
    """`held`: ends without words. `said`: words (code, text) without an end."""

    def __init__(self) -> None:
        self.held: dict[Key, Held] = {}
        self.said: dict[Key, tuple[int, str]] = {}

    def hold(self, record: Record, changes: OrderChanges) -> None:
        self.held[record.key] = Held(record.order_id, changes)

    def release(self, record: Record) -> OrderChanges | None:
        """What came with the cancellation that is held, None if there is none or something else decided."""
        held = self.held.pop(record.key, None)
        if held is None or record.done or held.order_id != record.order_id:
            return None
        changes = held.changes
        if record.executed() > changes.get("filled", 0.0):  # executions that came after it
            changes.update(OrderChanges(filled=record.executed(), avg_price=record.average()))
        return changes

    def stands(self, key: Key) -> None:
        """A snapshot lists the order: what was said was not about its end."""
        self.held.pop(key, None)
        self.said.pop(key, None)

    def clear(self) -> None:
        self.held.clear()
        self.said.clear()
