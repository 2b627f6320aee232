"""How what the gateway says about an order gets into the book."""

from __future__ import annotations

from typing import Unpack

from twsmq_protocol.order_events import TERMINAL_STATUSES, Notice

from ..attributes import Standing
from ..book import Book
from ..record import OrderChanges, Record, units
from ..states import Trigger, after, shown
from .changes import Changes

LONGEST_TEXT = 2000
"""Of a text of the gateway's that is recorded."""


class Recorder:
    def __init__(self, book: Book, changes: Changes) -> None:
        self._book = book
        self._changes = changes

    def move(
        self,
        record: Record,
        trigger: Trigger | None,
        ts: int,
        *,
        along: Standing | None = None,
        **changes: Unpack[OrderChanges],
    ) -> None:
        """Record what `trigger` and `changes` make of the order, if anything."""
        order = record.order
        status = order.status if trigger is None else after(order.status, trigger)
        quantity = changes.get("quantity", order.quantity)
        filled = changes.get("filled", order.filled)
        if status == "submitted" and filled > 0:  # it works again, and has not lost what is executed
            status = "partially_filled"
        changes["status"] = shown(status, cancel_wanted=record.cancel_wanted)
        finished = status == "filled" and filled >= order.filled  # until some of it is taken back
        changes["remaining"] = 0.0 if finished else max(0.0, units(quantity - filled))
        if record.changes and status in TERMINAL_STATUSES:
            self._changes.ended(record, status, ts)
        self._book.change(record, ts, None, along=along, **changes)

    def note(
        self,
        record: Record,
        code: int,
        text: str,
        ts: int,
        advanced: str = "",
        fact: Standing | None = None,
    ) -> None:
        """What the gateway says about an order, for the record."""
        order = record.order
        notice = Notice(
            client_order_id=order.client_order_id,
            strategy=order.strategy,
            tws_code=code,
            text=text[:LONGEST_TEXT],
            advanced_reject=advanced or None,
        )
        self._book.record(notice, ts, fact)
