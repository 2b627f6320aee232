"""Whether the journal is an older copy, put back together with the mark beside it: the gateway then has
orders of ours that it lacks, and new ones would be placed by whoever has forgotten what works.

Order ids only rise, so an order or an execution under our own client id, with a reference of ours and an id
beyond all of the journal, was placed after it ended: here, or by another folder that uses the same client id.
Either way somebody has to know: everybody is halted until `resume`, once for each. A journal without any
order says nothing of the kind: it has been begun anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from twsmq_protocol.errors import FieldError
from twsmq_protocol.order_requests import OrderKey

from .actions import Action, SaveSetting, Warn
from .book import Book
from .ids import HIGHEST_ORDER_ID, Key, parse_ref

_SETTING = "order_id_beyond_journal"


class OlderCopy:
    """Of the journal that `book` was made of, before anything new. `stop(why)` halts everybody."""

    def __init__(
        self, book: Book, settings: Mapping[str, str], stop: Callable[[str], None], actions: list[Action]
    ) -> None:
        self._book = book
        self._stop = stop
        self._actions = actions
        self._last = last = book.ids.next - 1
        known = settings.get(_SETTING, "")
        self._highest = max(last, int(known)) if last and known.isdecimal() else last

    def seen(self, order_id: int, reference: str) -> None:
        """An order of our own client id, of which the journal has no record."""
        key = parse_ref(reference)
        if not self._highest < order_id < HIGHEST_ORDER_ID or not self._last or key is None:
            return
        unknown = key not in self._book.records and self._book.by_order_id(order_id) is None
        if not unknown or not is_name(key):
            return
        self._highest = order_id
        self._book.ids.raise_floor(order_id + 1)
        why = (
            f"the gateway has an order of ours, {reference} with order id {order_id}, that this journal does "
            f"not know, which ends at order id {self._last}: it may be an older copy, or another folder uses "
            "the same client id; put the right journal back, or go on with this one: twsmq resume"
        )
        self._stop(why)
        self._actions += (SaveSetting(_SETTING, str(order_id), ""), Warn(why, key))


def is_name(key: Key) -> bool:
    """Whether an order can be called so."""
    try:
        OrderKey(strategy=key[0], client_order_id=key[1])
    except FieldError:
        return False
    return True
