"""The way of a modification from the gate into the journal and onto the wire (what becomes of it: `changes`).

A modification is the whole order once more, as it stands. The stop of a trailing order moves at the broker,
and is reported only with something else, or when it is asked for (IBKR API docs): what was shown a while ago
would put an old stop back.

Invariants:
- A trailing stop is sent as it was shown within `FRESH_S`, or as our open orders, asked for then, show it.
- One question at a time: what comes while one is out waits for the next. A modification whose question is not
  answered within `PATIENCE_S` is refused, and has had no effect.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace
from twsmq_protocol.errors import ErrorCode, RequestError
from twsmq_protocol.order_requests import CHANGEABLE, ModifyOrder, PlaceOrder
from twsmq_protocol.order_types import PRICE_FIELDS

from twsmq_nodes.tws.encoded import Encoded, Sent
from twsmq_nodes.tws.errors import EncodeRefused
from twsmq_nodes.tws.gateway_times import NS
from twsmq_nodes.tws.order_template import ShapedOrder

from ..actions import Now, Send
from ..answers import require_time
from ..attributes import Standing
from ..book import Book
from ..entries import Links
from ..ids import Key
from ..reconciliation.snapshots import Snapshots
from ..record import Record
from ..reports.changes import Changes
from ..risk.inputs import working_as
from .callers import Callers, Waiter
from .items import Guard, Modifying
from .pending import as_it_stands
from .wire import shaped_order

FRESH_S = 1.0
"""So long a stop that was shown is believed to be where it was."""
PATIENCE_S = 5.0


class Modifications:
    """`rounded`: an order with its prices on their steps; `write(key, encoded, change_no)`: once durable;
    `ask`: send a question."""

    def __init__(
        self,
        book: Book,
        changes: Changes,
        callers: Callers,
        questions: Snapshots,
        *,
        guard: Callable[[], Guard | None],
        encode: Callable[[Sent], Encoded],
        rounded: Callable[[PlaceOrder, str], PlaceOrder],
        write: Callable[[Key, Encoded, int], None],
        ask: Callable[[Send], None],
    ) -> None:
        self._guard = guard
        self._book = book
        self._changes = changes
        self._callers = callers
        self._questions = questions
        self._encode = encode
        self._rounded = rounded
        self._write = write
        self._ask = ask
        self._asked: list[tuple[Modifying, float]] = []  # whose question is out, and since when, monotonic
        self._next: list[tuple[Modifying, float]] = []  # for the next one

    # -- its turn

    def admit(self, item: Modifying, now: Now) -> int:
        """How many messages of the budget it takes; its own is taken with its question's."""
        require_time(item.caller, now)
        order, _ = item.order()
        record = self._book.records[_key(item)]
        if not self._waits(record.key) and self._is_fresh(record, item.args, order, now):
            return self.send(item, now)
        asks = not self._asked
        self._next.append((item, now.mono))
        if asks:
            self._ask_next(paid=True)
        return 1 + asks

    def send(self, item: Modifying, now: Now) -> int:
        require_time(item.caller, now)
        order, values = item.order()
        record = self._book.records[_key(item)]
        account = record.order.account or ""
        standing = self._changes.standing(record)
        order = as_it_stands(order, standing)
        new = bool(item.args.transmit) and record.held_back  # it comes to the market as a new one does
        kept = [] if new else [name for name in PRICE_FIELDS if getattr(item.args, name) is None]
        stands = {name: getattr(order, name) for name in kept}
        order = replace(self._rounded(order, account), **stands)
        values = replace(values, **{name: getattr(order, name) for name in PRICE_FIELDS})
        if values == (record.wanted or record.values) and not new:
            # one before it in the line has seen to it
            self._callers.answer(Waiter(item.caller, (record.key,)), None)
            return 0
        guard = self._guard()
        if guard is not None:
            remaining = record.order.remaining + max(values.quantity, record.largest) - record.order.quantity
            shown = working_as(
                record.order, record.order_id, record.links, order, remaining, account, standing
            )
            own = working_as(order, record.order_id, record.links, order, remaining, account)
            own = replace(own, oca=shown.oca, begun=shown.begun)
            more = values.quantity if new else values.quantity - record.largest
            guard.check_change(order, own, more, now.ns, frozenset(stands))
        request = shaped_order(
            record.reference,
            order,
            record.order_id,
            account,
            self._ties(record),
            transmit=new or not record.held_back,
            standing=standing,
        )
        encoded = self._encoded(request, standing)
        asked = tuple(name for name in CHANGEABLE if getattr(item.args, name) is not None)
        with self._book.asked_by(item.caller.who):
            number = self._changes.sent(record, values, asked, now.ns, transmit=new)
        self._callers.await_change(item.caller, record.key)
        self._write(record.key, encoded, number)
        return 1

    def _encoded(self, request: ShapedOrder, standing: Standing | None) -> Encoded:
        """Raises RequestError where what somebody has changed at the gateway cannot be sent as it stands."""
        try:
            return self._encode(request)
        except EncodeRefused as refused:
            if standing is None or not standing.taken:
                raise
            why = f"it was changed at the gateway and cannot be sent as it stands: {refused}; cancel it"
            raise RequestError(ErrorCode.CONFLICT, why) from refused

    def _ties(self, record: Record) -> Links:
        """As they stand: a child whose parent is done is on its own (135 otherwise, ib_insync issue 647), but
        not if that has come to nothing: there is nothing to close, and the gateway may say so."""
        links = record.links
        parent = self._book.by_order_id(links.parent_id) if links.parent_id else None
        alone = parent is not None and parent.done and parent.order.filled > 0
        return replace(links, parent_id=0) if alone else links

    # -- stops that trail

    def _is_fresh(self, record: Record, args: ModifyOrder, order: PlaceOrder, now: Now) -> bool:
        """Whether what is to be sent is surely as it stands."""
        trails = record.order.order_type.startswith("TRAIL") and order.order_type.startswith("TRAIL")
        if not trails or args.trail_stop_price is not None or record.staged or not record.acknowledged:
            return True
        shown_at = self._changes.shown_at.get(record.order_id)
        return shown_at is not None and 0 <= now.ns - shown_at <= FRESH_S * NS

    def _waits(self, key: Key) -> bool:
        """Whether one before it is to go first."""
        return any(_key(item) == key for item, _ in (*self._asked, *self._next))

    def _ask_next(self, *, paid: bool = False) -> None:
        """`paid`: the budget was asked for it at the gate."""
        self._asked, self._next = self._next, []
        if self._asked:
            self._ask(Send(self._questions.ask_aside(), paid=paid))

    def shown(self) -> list[Modifying]:
        """Those that may go now that open orders have been listed."""
        if not self._asked or not self._questions.aside_answered:
            return []
        ready = [item for item, _ in self._asked]
        self._ask_next()
        return ready

    @property
    def due(self) -> list[float]:
        """When to call `overdue`, monotonic."""
        return [since + PATIENCE_S for _, since in (*self._asked[:1], *self._next[:1])]

    def overdue(self, now: Now) -> list[Modifying]:
        """Those whose question nobody has answered."""
        return self._take(lambda _, since: since + PATIENCE_S <= now.mono)

    def drain(self, strategy: str | None) -> list[Modifying]:
        """Take out all that wait, of one strategy or of everybody."""
        return self._take(lambda item, _: strategy in (None, item.args.strategy))

    def _take(self, which: Callable[[Modifying, float], bool]) -> list[Modifying]:
        """Out of those that wait; where nobody waits for the question that is out, the next is asked."""
        taken = [item for item, since in (*self._asked, *self._next) if which(item, since)]
        self._asked = [one for one in self._asked if not which(*one)]
        self._next = [one for one in self._next if not which(*one)]
        if not self._asked:
            self._ask_next()
        return taken


def _key(item: Modifying) -> Key:
    return item.args.strategy, item.args.client_order_id
