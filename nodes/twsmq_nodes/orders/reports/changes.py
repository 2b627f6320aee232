"""The life of a modification: sent, and then confirmed, refused, superseded, unanswered or not sent.

Invariants:
- A modification is built from the order as it stands, or as those in flight before it make of it; several may
  be in flight and are settled in their order.
- It is confirmed when the gateway shows what it asked for, in the gateway's own precision; what has been
  asked before and does not stand any more is superseded.
- What asks for the values that stand already (another one is in flight) is not confirmed by a report that may
  be older than itself, only by a snapshot taken since.
- The order's values are the gateway's, never what was asked for, unless the gateway shows no such attribute.
- A modification nobody answers is looked for like a placement; a complete snapshot that shows the order
  without it makes it `unanswered`, or `refused` where the gateway had complained.
- The gateway does not say which one it refuses. It is known once it has refused as many as are left.
"""

from __future__ import annotations

from typing import Any

from twsmq_protocol.order_events import Change, ChangeOutcome
from twsmq_protocol.order_types import ORDER_TYPES, PRICE_FIELDS, TIFS

from twsmq_nodes.tws.orders import OrderView

from ..attributes import Standing
from ..book import Book
from ..entries import ChangeSent, ChangeSettled, Values
from ..ids import Key
from ..pipeline.wire import equal, prices_of, same, shown
from ..record import OrderChanges, Record

_TRAIL = ("trail_amount", "trail_percent")
_WORKS = frozenset(("pending", "submitted", "partially_filled"))
Asked = dict[str, str | int | float | bool]


class Changes:
    """Modifications of the orders in `book`."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._views: dict[Key, OrderView] = {}  # of orders with modifications in flight, as last shown
        self.last_shown: dict[int, Standing] = {}  # by order id: the last openOrder of what works
        self.shown_at: dict[int, int] = {}  # by order id, ns: when that was
        self._complaints: dict[Key, tuple[int, str]] = {}  # about one of them or the order itself, the last
        self._refusals: dict[Key, list[tuple[int, str]]] = {}  # of some of those in flight

    def sent(self, record: Record, values: Values, asked: tuple[str, ...], ts: int, *, transmit: bool) -> int:
        """One is about to be written; its number."""
        number = record.change_no + 1
        proof = all(equal(name, getattr(values, name), _standing(record, name)) for name in asked)
        fact = ChangeSent(values, number, asked, ts, proof and not transmit, transmit)
        self._record(record, fact, "sent", ts, fact)
        return number

    def standing(self, record: Record) -> Standing | None:
        """As the gateway has shown it last; in the journal is what was news."""
        return self.last_shown.get(record.order_id) or record.standing

    def shown(self, record: Record, view: OrderView, ts: int) -> OrderChanges:
        """Settle what an openOrder confirms; further values of the order that follow from it."""
        self.shown_at[record.order_id] = ts
        if not record.changes:
            return {}
        self._views[record.key] = view
        for at in range(len(record.changes) - 1, -1, -1):
            if not record.changes[at].proof and self._arrived(record, at, view, blank=False):
                return self._confirm(record, at, view, ts)
        return {}

    def listed(self, record: Record, before: int, ts: int) -> OrderChanges:
        """A complete snapshot lists the order: what was sent before `before` (ns) is settled by it."""
        view = self._views.get(record.key)
        sent = [one for one in record.changes if one.at < before]
        if not sent or (view is None and not record.staged):
            return {}
        for at in range(len(sent) - 1, -1, -1):
            if view is not None and self._arrived(record, at, view, blank=True):
                return self._confirm(record, at, view, ts)
        said = self._refusals.pop(record.key, [])
        said = said or [each for each in (self._complaints.pop(record.key, None),) if each is not None]
        shows = (
            "no list of the gateway shows it" if view is None else "the gateway shows the order without it"
        )
        for at, one in enumerate(sent):
            if one.transmit and not one.asked and not record.staged:
                self._settle(record, one, "confirmed", ts)
                continue
            code, text = said[min(at, len(said) - 1)] if said else (None, shows)
            self._settle(record, one, "refused" if said else "unanswered", ts, text, code)
        return {}

    def refused(self, record: Record, code: int, text: str, ts: int) -> bool:
        """The gateway refuses one of those in flight: whether it is known which."""
        said = self._refusals.setdefault(record.key, [])
        if (code, text) not in said:  # the same again may be about the same one
            said.append((code, text))
        return self._settle_refused(record, ts)

    def refused_alone(self, record: Record, one: ChangeSent, code: int, text: str, ts: int) -> None:
        """The gateway refuses this one; those before it may stand."""
        self._record(record, one, "refused", ts, ChangeSettled(one.number, alone=True), text, code)

    def complained(self, record: Record, code: int, text: str) -> None:
        """Something is wrong with one of them, or with the order itself: a snapshot shows which."""
        self._complaints[record.key] = (code, text)

    def _settle_refused(self, record: Record, ts: int, stands: dict[str, Any] | None = None) -> bool:
        """Those that are left, if as many are refused."""
        said = self._refusals.get(record.key, [])
        if len(said) < len(record.changes):
            return False
        for one, (code, text) in zip(record.changes, said[-len(record.changes) :], strict=True):
            self._settle(record, one, "refused", ts, text, code, stands)
        return True

    def not_written(self, record: Record, number: int, why: str, ts: int) -> None:
        for one in record.changes:
            if one.number == number:
                self._record(record, one, "not_sent", ts, ChangeSettled(number, alone=True), why)
                return

    def ended(self, record: Record, status: str, ts: int) -> None:
        """The order has ended: nothing more will come of those in flight."""
        for one in record.changes:
            self._settle(record, one, "superseded", ts, f"the order is {status}")
        self._views.pop(record.key, None)
        self._forget_words(record.key)

    def forget(self, order_id: int) -> None:
        """It does not work any more."""
        self.last_shown.pop(order_id, None)
        self.shown_at.pop(order_id, None)

    def session_ended(self) -> None:
        self._views.clear()
        self.shown_at.clear()
        self._complaints.clear()
        self._refusals.clear()

    def _forget_words(self, key: Key) -> None:
        self._complaints.pop(key, None)
        self._refusals.pop(key, None)

    def _arrived(self, record: Record, at: int, view: OrderView, *, blank: bool) -> bool:
        """Whether all that was asked up to the one at `at` is as that one wants it. `blank`: what the gateway
        does not show speaks for itself."""
        values = record.changes[at].values
        for name in _asked_up_to(record, at):
            seen, asked = shown(view, name, record.order.order_type), _wanted(values, name)
            if seen is None:
                if asked is not None and (not blank or _excluded(name, view)):
                    return False
            elif not (
                _is(name, asked, seen, _standing(record, name))
                or (name == "trail_stop_price" and _trailed(record, asked, seen))
            ):
                return False
        return True

    def _confirm(self, record: Record, at: int, view: OrderView, ts: int) -> OrderChanges:
        values, names = record.changes[at].values, _asked_up_to(record, at)
        stands: dict[str, Any] = {}
        for name in names:
            seen = shown(view, name, values.order_type or record.order.order_type)
            stands[name] = _wanted(values, name) if seen is None or name == "good_till" else seen
        said = self._refusals.get(record.key, [])
        for one in record.changes[: at + 1]:
            kept = all(
                same(name, getattr(one.values, name), stands[name])
                or (name == "trail_stop_price" and _trailed(record, getattr(one.values, name), stands[name]))
                for name in one.asked
            )
            if said and not kept:
                said.pop(0)  # it may have been about this one
            self._settle(record, one, "confirmed" if kept else "superseded", ts, stands=stands)
        if record.changes:
            self._settle_refused(record, ts, stands)
        for name, other in (_TRAIL, _TRAIL[::-1]):
            if stands.get(name):
                stands.setdefault(other, None)  # one takes the other's place
        changes = OrderChanges(**stands)
        if record.order.status in _WORKS and not record.cancel_wanted:
            changes.update(OrderChanges(reason=None, tws_code=None))  # of a refusal before it
        return changes

    def _settle(
        self,
        record: Record,
        one: ChangeSent,
        outcome: ChangeOutcome,
        ts: int,
        text: str | None = None,
        code: int | None = None,
        stands: dict[str, Any] | None = None,
    ) -> None:
        self._record(record, one, outcome, ts, ChangeSettled(one.number), text, code, stands)
        if not record.changes:
            self._forget_words(record.key)

    def _record(
        self,
        record: Record,
        one: ChangeSent,
        outcome: ChangeOutcome,
        ts: int,
        fact: ChangeSent | ChangeSettled,
        text: str | None = None,
        code: int | None = None,
        stands: dict[str, Any] | None = None,
    ) -> None:
        names = one.asked if one.asked or one.transmit else ("quantity", "limit_price", "stop_price")
        asked: Asked = {n: v for n in names if (v := getattr(one.values, n)) is not None}
        if one.transmit:
            asked["transmit"] = True
        standing = {name: _standing(record, name) for name in names} | (stands or {})
        event = Change(
            client_order_id=record.order.client_order_id,
            strategy=record.order.strategy,
            change_no=one.number,
            outcome=outcome,
            asked=asked,
            stands={name: standing[name] for name in names},
            text=text,
            tws_code=code,
        )
        self._book.record(event, ts, fact)


def _asked_up_to(record: Record, at: int) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for one in record.changes[: at + 1] for name in one.asked))


def _wanted(values: Values, name: str) -> Any:
    """What is asked for; until when it is good means nothing but for a GTD."""
    moot = name == "good_till" and values.tif not in ("GTD", None)
    return None if moot else getattr(values, name)


def _excluded(name: str, view: OrderView) -> bool:
    """Whether what is shown leaves no place for it: its type has no such price, it trails by the other of the
    two measures, it is no GTD."""
    if name == "good_till":
        return view.tif in TIFS and view.tif != "GTD"
    if name in PRICE_FIELDS and view.order_type in ORDER_TYPES and name not in prices_of(view.order_type):
        return True
    other = {"trail_amount": view.trailing_percent, "trail_percent": view.aux_price}
    return bool(other.get(name))


def _is(name: str, asked: Any, seen: Any, stood: Any) -> bool:
    """Whether `seen` is what was asked for. A value that has not moved is not a rounded new one."""
    return equal(name, asked, seen) or (same(name, asked, seen) and not equal(name, stood, seen))


def _trailed(record: Record, asked: Any, seen: Any) -> bool:
    """A stop that was asked for follows the market from there at once ("Trailing Stop Limit", TWS Users'
    Guide), and was seen where it did not stand before. From there it may have come as well if it was to give
    way and is beyond it."""
    stood, sign = record.order.trail_stop_price, 1.0 if record.order.side == "SELL" else -1.0
    if asked is None or sign * seen <= sign * asked:
        return False
    return stood is None or not sign * asked < sign * stood <= sign * seen


def _standing(record: Record, name: str) -> Any:
    return getattr(record.order, name)
