"""What the journal holds: one entry per order event, in the order of their numbers.

An entry is the event as it is published plus, where the event alone does not suffice, a private *fact*: the
request behind a new attempt, values on their way to the gateway, a wish to cancel. The state of every order
is a fold over entries (`book.Book.apply`) and nothing else: what is rebuilt after a crash is what was.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct
from twsmq_protocol.order_events import Change, Commission, Fill, Notice, Order
from twsmq_protocol.order_requests import ExerciseOption, PlaceOrder

from .attributes import Standing

JournalEvent = Order | Fill | Commission | Notice | Change


class Values(Struct, frozen=True, omit_defaults=True):
    """What a modification may change, and as it is to become or stands. None: the order has no such price,
    or the attribute is as it was placed."""

    quantity: float
    limit_price: float | None = None
    stop_price: float | None = None
    trail_amount: float | None = None
    trail_percent: float | None = None
    trail_stop_price: float | None = None
    limit_offset: float | None = None
    offset: float | None = None
    order_type: str | None = None
    tif: str | None = None
    good_till: str | None = None
    outside_rth: bool | None = None
    display_size: int | None = None


class Links(Struct, frozen=True, omit_defaults=True):
    """What ties an order to others of one request. `group` and `kind` say which request that was."""

    group: str = ""
    kind: str = ""
    parent_id: int = 0
    oca_group: str = ""
    oca_type: int = 0


class Placed(Struct, frozen=True, tag=True, omit_defaults=True):
    """A new attempt: `order_id` is about to be used for `request`. `at` in ns since the epoch. `transmit`
    false: the gateway is to hold it back."""

    request: PlaceOrder
    order_id: int
    at: int
    links: Links = Links()
    transmit: bool = True


class ExercisePlaced(Struct, frozen=True, tag=True, omit_defaults=True):
    """An instruction about an option that is held: `order_id` is about to be used for `request`. `at` in
    ns."""

    request: ExerciseOption
    order_id: int
    at: int


class Adopted(Struct, frozen=True, tag=True, omit_defaults=True):
    """An order that was found at the gateway is ours from now on, and keeps the orderRef it carries."""

    order_id: int
    reference: str
    at: int


class ChangeSent(Struct, frozen=True, tag=True):
    """A modification is on its way; the order's own values stay until the gateway shows the new ones.

    `number`: see the `change` event; 0 before there was one. `asked`: the attributes it is about. `at` in ns.
    `proof`: what it asks for is what stood when it was sent (another one is in flight), so that only a
    snapshot shows whether it has arrived. `transmit`: it hands a staged order on.
    """

    values: Values
    number: int = 0
    asked: tuple[str, ...] = ()
    at: int = 0
    proof: bool = False
    transmit: bool = False


class ChangeSettled(Struct, frozen=True, tag=True):
    """Modifications up to this number are not on their way any more; 0: all. `alone`: this one only."""

    number: int = 0
    alone: bool = False


class CancelWanted(Struct, frozen=True, tag=True):
    pass


class CancelDropped(Struct, frozen=True, tag=True):
    """The gateway refused to cancel."""


Fact = (
    Placed | ExercisePlaced | Adopted | ChangeSent | ChangeSettled | CancelWanted | CancelDropped | Standing
)


class Entry(Struct, frozen=True):
    """`who`: the key whose request it comes from; empty for what the gateway reported, and without keys."""

    event: JournalEvent
    fact: Fact | None = None
    who: str = ""


class Row(Struct, frozen=True):
    """An entry as it is stored. `event` and `fact` are msgpack."""

    event_no: int
    strategy: str
    strategy_no: int
    client_order_id: str
    ts: int
    type: str
    event: bytes
    fact: bytes | None
    who: str | None = None


_encode = msgspec.msgpack.Encoder().encode
_decode_event = msgspec.msgpack.Decoder(JournalEvent).decode
_decode_fact = msgspec.msgpack.Decoder(Fact).decode
_TYPES: dict[type[Struct], str] = {
    Order: "order",
    Fill: "fill",
    Commission: "commission",
    Notice: "notice",
    Change: "change",
}


def to_row(entry: Entry) -> Row:
    event = entry.event
    return Row(
        event_no=event.event_no,
        strategy=event.strategy,
        strategy_no=event.strategy_no,
        client_order_id=event.client_order_id,
        ts=event.ts,
        type=_TYPES[type(event)],
        event=_encode(event),
        fact=None if entry.fact is None else _encode(entry.fact),
        who=entry.who or None,
    )


def to_entry(event: bytes, fact: bytes | None, who: str | None) -> Entry:
    return Entry(_decode_event(event), None if fact is None else _decode_fact(fact), who or "")
