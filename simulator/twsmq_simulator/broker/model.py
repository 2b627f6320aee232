"""The broker's records: an order's state, an execution, a position. Frozen: a change makes a new record."""

from decimal import Decimal
from enum import StrEnum

import msgspec

from twsmq_simulator.broker.ticket import OrderTicket


class Status(StrEnum):
    """What orderStatus carries. STAGED is ours: an order with transmit=false, of which a client sees
    nothing.
    """

    STAGED = "Staged"
    PRE_SUBMITTED = "PreSubmitted"
    SUBMITTED = "Submitted"
    PENDING_CANCEL = "PendingCancel"
    FILLED = "Filled"
    CANCELLED = "Cancelled"
    INACTIVE = "Inactive"


FINAL = frozenset({Status.FILLED, Status.CANCELLED, Status.INACTIVE})


class Order(msgspec.Struct, frozen=True, omit_defaults=True):
    """`limit` and `stop` are the prices in force (they move for trailing and pegged orders); times are ns
    UTC.
    """

    perm_id: int
    client_id: int
    ticket: OrderTicket
    con_id: int
    status: Status
    created: int
    filled: Decimal = Decimal(0)
    average_price: float = 0.0
    last_price: float = 0.0
    limit: float | None = None
    stop: float | None = None
    arrived: bool = False  # this version of it has reached the exchange
    reported: bool = False  # it has had its first openOrder
    revision: int = 0  # how often it was modified
    triggered: bool = False
    released: bool = False  # conditions met and goodAfterTime passed
    parent_perm_id: int = 0
    why_held: str = ""
    commission: Decimal | None = None
    oca_group: str = ""
    oca_type: int = 0
    completed: int = 0
    completed_status: str = ""
    cancel_reason: str = ""

    @property
    def order_id(self) -> int:
        return self.ticket.order_id

    @property
    def remaining(self) -> Decimal:
        return self.ticket.quantity - self.filled

    @property
    def is_buy(self) -> bool:
        return self.ticket.action == "BUY"

    @property
    def is_final(self) -> bool:
        return self.status in FINAL


class Execution(msgspec.Struct, frozen=True, omit_defaults=True):
    exec_id: str
    perm_id: int
    client_id: int
    order_id: int
    con_id: int
    account: str
    exchange: str
    bought: bool
    quantity: Decimal
    price: float
    time: int
    cumulative: Decimal
    average_price: float
    order_ref: str = ""
    liquidity: int = 2
    commission: Decimal = Decimal(0)
    currency: str = "USD"
    realized: Decimal | None = None  # None for a fill that opens a position
    submitter: str = ""


class Position(msgspec.Struct, frozen=True):
    """`cost` is the average cost of one unit in money, commissions included (captured: MES, realizedPNL
    -2.49).
    """

    con_id: int
    quantity: Decimal
    cost: Decimal
    realized: Decimal = Decimal(0)


def cancelled_by(reason: str, *, along: bool) -> str:
    """The completedStatus of a cancelled order. One that went `along` with another has a line feed for a
    reason (captured for a bracket's child).
    """
    if reason or along:
        return f"Cancelled by System:{reason or chr(10)}"
    return "Cancelled by Trader"
