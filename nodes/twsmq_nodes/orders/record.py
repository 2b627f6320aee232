"""One order and everything known of it.

Invariant: an order's own values (`order.quantity`, `limit_price`, `stop_price`) are those the gateway has
shown, or was first sent; a modification on its way is in `wanted`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from copy import copy
from typing import Any, TypedDict

from msgspec import Struct
from msgspec.structs import replace
from twsmq_protocol.order_events import TERMINAL_STATUSES, Fill, Notice, Order, OrderStatus
from twsmq_protocol.order_requests import ExerciseOption, PlaceOrder
from twsmq_protocol.order_types import PRICE_FIELDS

from twsmq_nodes.tws.accounts import is_adviser

from . import codes
from .attributes import Standing
from .entries import ChangeSent, Links, Values
from .ids import Key, order_ref, split_exec_id

EPSILON = 1e-9


def units(amount: float) -> float:
    """Without what binary fractions leave over: three times 0.1 is 0.3, and less 0.1 and 0.2 nothing."""
    return round(amount, 10)


_TOGETHER = (("tif", "good_till"), ("trail_amount", "trail_percent"), ("order_type", *PRICE_FIELDS))


def _asked(change: ChangeSent) -> set[str]:
    """What a modification is about, and what goes with that."""
    if not change.number:  # before each had one
        return set(Values.__struct_fields__)
    asked = set(change.asked)
    for together in _TOGETHER:
        if together[0] in asked or (together[1] in asked and together[0] != "order_type"):
            asked.update(together)
    return asked


class OrderChanges(TypedDict, total=False):
    """What may change about an order, under the names of the `order` event."""

    quantity: float
    order_type: str
    status: OrderStatus
    order_id: int | None
    perm_id: int | None
    limit_price: float | None
    stop_price: float | None
    tif: str
    filled: float
    remaining: float
    avg_price: float | None
    reason: str | None
    tws_code: int | None
    gateway_status: str | None
    trail_amount: float | None
    trail_percent: float | None
    trail_stop_price: float | None
    limit_offset: float | None
    offset: float | None
    good_till: str | None
    outside_rth: bool | None
    display_size: int | None
    staged: bool
    why_held: str | None
    cap_price: float | None
    oca_group: str | None


class Cost(Struct, frozen=True):
    commission: float
    currency: str
    realized_pnl: float | None


class Record:
    """One order and everything known of it."""

    __slots__ = (
        "acknowledged",
        "born",
        "cancel_wanted",
        "change_no",
        "changes",
        "complaint",
        "costs",
        "counted",
        "exercise",
        "fills",
        "links",
        "never_worked",
        "order",
        "order_ids",
        "perm_ids",
        "reference",
        "request",
        "sent_at",
        "staged",
        "standing",
        "worked",
    )

    def __init__(self, order: Order) -> None:
        self.order = order  # as last recorded
        self.born = order.event_no
        self.request: PlaceOrder | None = None  # None: adopted
        self.exercise: ExerciseOption | None = None  # it is one, and no order
        self.reference = order_ref(self.key)  # the orderRef it carries at the gateway
        self.order_ids: list[int] = []  # one per attempt, the newest last
        self.perm_ids: set[int] = set()
        self.links = Links()
        self.sent_at = 0  # ns, the newest attempt's
        self.acknowledged = False  # the gateway has spoken of the newest attempt
        self.cancel_wanted = False
        self.changes: tuple[ChangeSent, ...] = ()  # modifications on their way, the oldest first
        self.change_no = 0  # of the newest
        self.never_worked = False  # held back by the gateway to its end, if it has ended
        self.staged = False  # sent to be held back by the gateway, which has not spoken of it since
        self.fills: dict[str, Fill] = {}
        self.costs: dict[str, Cost] = {}
        self.counted = 0.0  # signed units that are in the strategy's position by now
        self.standing: Standing | None = None  # as the gateway has shown it
        self.complaint: Notice | None = None  # the last one that may be why it ends, if it does
        self.worked = False  # the gateway has shown the newest attempt working

    @property
    def key(self) -> Key:
        return (self.order.strategy, self.order.client_order_id)

    @property
    def order_id(self) -> int:
        return self.order_ids[-1]

    @property
    def done(self) -> bool:
        return self.order.status in TERMINAL_STATUSES

    @property
    def values(self) -> Values:
        """As they stand at the gateway."""
        return Values(*[getattr(self.order, name) for name in Values.__struct_fields__])

    @property
    def wanted(self) -> Values | None:
        """What the modifications on their way make of it: the order as it stands, whoever has changed it
        since they were sent, with what they ask for."""
        if not self.changes:
            return None
        asked: dict[str, Any] = {}
        for one in self.changes:
            asked |= {name: getattr(one.values, name) for name in _asked(one)}
        return replace(self.values, **asked)

    @property
    def held_back(self) -> bool:
        """Staged, and nothing is on its way that hands it on."""
        return self.staged and not any(change.transmit for change in self.changes)

    @property
    def may_go_again(self) -> bool:
        """It has ended, and surely has never worked: the same request again is a new attempt."""
        unsent = self.order.status == "not_sent"
        return unsent or (self.done and self.never_worked and not self.order.filled)

    @property
    def largest(self) -> float:
        """The quantity it has or may have, if modifications are on their way."""
        return max((self.order.quantity, *(change.values.quantity for change in self.changes)))

    def executed(self) -> float:
        """Units executed according to executions alone; those of a combo's legs do not count."""
        if not self.fills:  # of most reports
            return 0.0
        return units(sum(fill.quantity for fill in self._whole()))

    def average(self) -> float | None:
        units = self.executed()
        if units <= 0:
            return None
        return sum(fill.quantity * fill.price for fill in self._whole()) / units

    def _whole(self) -> Iterable[Fill]:
        """Executions of the order itself."""
        return (fill for fill in self.fills.values() if not fill.leg and not self.allots(fill))

    def is_managed(self, accounts: Collection[str]) -> bool:
        """Whether a gateway with these accounts can have it; none while they are not known."""
        return not accounts or self.of_several or self.order.account in accounts

    @property
    def of_several(self) -> bool:
        """For several accounts of an adviser."""
        return not self.order.account

    def allots(self, fill: Fill) -> bool:
        """What an account gets of what the adviser's own has executed; where only the former is reported, it
        is what is executed (Lean, InteractiveBrokersBrokerage)."""
        if not self.of_several or is_adviser(fill.account):
            return False
        return any(is_adviser(other.account) for other in self.fills.values())

    def cost_of(self, fill: Fill) -> Cost | None:
        """The newest that is known, of it or of what it corrects."""
        prefix, number = split_exec_id(fill.exec_id)
        known = [(split_exec_id(exec_id), cost) for exec_id, cost in self.costs.items()]
        own = [(its, cost) for (its_prefix, its), cost in known if its_prefix == prefix and its <= number]
        return max(own, key=lambda one: one[0])[1] if own else None

    @property
    def grievance(self) -> Notice | None:
        """What the gateway has complained of, unless it may mean a modification."""
        return None if self.change_no else self.complaint

    def refused_by(self, code: int) -> bool:
        """Whether it was refused, if these words end it."""
        return codes.refuses(code) and not self.worked

    def at_even(self) -> bool:
        """A combo whose legs cost nothing together: only there is 0 a price, not one that is not given."""
        legs = [fill for fill in self.fills.values() if fill.leg]
        net = sum(fill.quantity * fill.price * (1 if fill.side == "BUY" else -1) for fill in legs)
        return bool(legs) and abs(net) < EPSILON

    def state(self) -> tuple[Any, ...]:
        """A copy of everything, for comparing one record with another."""
        return tuple(copy(getattr(self, name)) for name in self.__slots__)
