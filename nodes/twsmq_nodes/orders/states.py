"""The states of one order, and what moves it from one to the next.

Theory: what the gateway, a client or a snapshot says is reduced to a `Trigger`; `TABLE[state][trigger]` is
the next state and a missing pair leaves the state alone. Amounts, prices and ids travel beside the state.

Invariants:
- `filled` is left by nothing.
- Only the gateway's word, a complete snapshot or an operator leaves `unknown`; only those, a new attempt or
  a cancel leave `not_sent`.
- A wish to cancel shows as `pending_cancel` in every state that still works (see `shown`) and is forgotten
  when the gateway refuses it.
"""

from __future__ import annotations

from enum import StrEnum

from twsmq_protocol.order_events import OrderStatus


class Trigger(StrEnum):
    # the gateway's reports
    HELD = "it has the order, which does not work yet"
    WORKING = "the order works"
    PARTLY_FILLED = "some of it is executed"
    FILLED = "all of it is executed"
    TAKEN_BACK = "what was executed of it is taken back"
    CANCELLING = "it is being cancelled, whoever asked"
    CANCELLED = "it is cancelled"
    INACTIVE = "it does not work and may come back"
    REJECTED = "it was refused"
    # a snapshot's
    LISTED = "a snapshot lists it as open"
    LISTED_INACTIVE = "a snapshot lists it, and it does not work"
    PROVED_ABSENT = "a complete snapshot shows that the gateway never had it"
    VANISHED = "the gateway had it, and no part of a complete snapshot knows it"
    # ours
    CONNECTION_LOST = "written, and nobody is left who could have answered"
    NOT_WRITTEN = "its bytes surely never left"
    PLACED_AGAIN = "the same request came again"
    ABANDONED = "a client gave up an order that was never sent"
    RESOLVED_CANCELLED = "an operator knows: cancelled"
    RESOLVED_REJECTED = "an operator knows: rejected"
    RESOLVED_NOT_SENT = "an operator knows: it never arrived"
    RESOLVED_FILLED = "an operator knows: filled"


_T = Trigger

_SAID_BY_GATEWAY: dict[Trigger, OrderStatus] = {
    _T.HELD: "pending",
    _T.WORKING: "submitted",
    _T.PARTLY_FILLED: "partially_filled",
    _T.FILLED: "filled",
    _T.CANCELLING: "pending_cancel",
    _T.CANCELLED: "cancelled",
    _T.INACTIVE: "inactive",
    _T.REJECTED: "rejected",
    _T.LISTED: "submitted",
    _T.LISTED_INACTIVE: "inactive",
}

TABLE: dict[OrderStatus, dict[Trigger, OrderStatus]] = {
    "pending": {
        # Filled and cancelled come without a Submitted before them (IBKR API docs; captured).
        **_SAID_BY_GATEWAY,
        _T.CONNECTION_LOST: "unknown",
        _T.NOT_WRITTEN: "not_sent",
        # Written, unanswered for long, and absent when looked for: a lost rejection looks the same.
        _T.PROVED_ABSENT: "not_sent",
        _T.VANISHED: "unknown",
        _T.ABANDONED: "cancelled",
    },
    "submitted": {
        # HELD is missing: a modified order passes PendingSubmit again and has not stopped working.
        _T.PARTLY_FILLED: "partially_filled",
        _T.FILLED: "filled",
        _T.CANCELLING: "pending_cancel",
        _T.CANCELLED: "cancelled",
        _T.INACTIVE: "inactive",
        _T.REJECTED: "rejected",  # by the venue, after the gateway had accepted it
        _T.VANISHED: "unknown",
    },
    "partially_filled": {
        _T.TAKEN_BACK: "submitted",
        _T.FILLED: "filled",
        _T.CANCELLING: "pending_cancel",
        _T.CANCELLED: "cancelled",
        _T.INACTIVE: "inactive",
        _T.REJECTED: "rejected",
        _T.VANISHED: "unknown",
    },
    "pending_cancel": {
        # It works on: what a person's cancel has come to, if the venue refuses it. Such reports also arrive
        # while a cancel is under way (captured): our own wish still shows, see `shown`.
        _T.WORKING: "submitted",
        _T.PARTLY_FILLED: "partially_filled",
        _T.INACTIVE: "inactive",
        _T.FILLED: "filled",  # the cancel lost the race
        _T.CANCELLED: "cancelled",
        _T.REJECTED: "rejected",
        _T.CONNECTION_LOST: "unknown",
        _T.NOT_WRITTEN: "not_sent",
        _T.PROVED_ABSENT: "not_sent",
        _T.VANISHED: "unknown",
        _T.ABANDONED: "cancelled",
    },
    "inactive": {
        _T.WORKING: "submitted",  # it revives: the venue opened, a margin call was met
        _T.LISTED: "inactive",  # a snapshot lists inactive orders too
        _T.PARTLY_FILLED: "partially_filled",
        _T.FILLED: "filled",
        _T.CANCELLING: "pending_cancel",
        _T.CANCELLED: "cancelled",
        _T.REJECTED: "rejected",  # 201 says why after orderStatus Inactive
        _T.VANISHED: "unknown",
    },
    "unknown": {
        **_SAID_BY_GATEWAY,
        _T.RESOLVED_CANCELLED: "cancelled",
        _T.RESOLVED_REJECTED: "rejected",
        _T.RESOLVED_NOT_SENT: "not_sent",
        _T.RESOLVED_FILLED: "filled",
        _T.PROVED_ABSENT: "not_sent",
        _T.ABANDONED: "cancelled",
    },
    "not_sent": {
        # It reached the gateway after all, later than any grace: the gateway's word stands.
        **_SAID_BY_GATEWAY,
        _T.PLACED_AGAIN: "pending",
        _T.ABANDONED: "cancelled",
    },
    "cancelled": {
        # A fill that crossed the cancel counts; one that leaves a rest does not revive the order.
        _T.FILLED: "filled",
        _T.REJECTED: "rejected",  # 201 follows orderStatus Cancelled (captured from a Gateway 10.40.1)
        _T.LISTED: "submitted",  # a live report may be late, a snapshot is not
        _T.LISTED_INACTIVE: "inactive",
    },
    "rejected": {
        # LISTED_INACTIVE is missing: Inactive comes after 201 as well (ib_insync issue 554).
        _T.PARTLY_FILLED: "partially_filled",  # an execution proves that it was accepted
        _T.FILLED: "filled",
        _T.LISTED: "submitted",
    },
    "filled": {},
}

_BY_STATUS: dict[str, Trigger] = {
    "ApiPending": _T.HELD,
    "PendingSubmit": _T.HELD,
    "PreSubmitted": _T.WORKING,  # stops wait so for their trigger, others for the venue (captured)
    "Submitted": _T.WORKING,
    "PendingCancel": _T.CANCELLING,
    "ApiCancelled": _T.CANCELLED,  # cancelled before the venue had acknowledged it (IBKR API docs)
    "Cancelled": _T.CANCELLED,
    "Filled": _T.FILLED,
    "Inactive": _T.INACTIVE,
}

_STILL_WORKS: frozenset[OrderStatus] = frozenset(("pending", "submitted", "partially_filled", "inactive"))


def trigger_of(gateway_status: str) -> Trigger | None:
    """What the gateway's own status means; None for one nobody has documented."""
    return _BY_STATUS.get(gateway_status)


def after(state: OrderStatus, trigger: Trigger) -> OrderStatus:
    return TABLE[state].get(trigger, state)


def shown(state: OrderStatus, *, cancel_wanted: bool) -> OrderStatus:
    """The status to show for a state: a cancel under way covers whatever still works."""
    return "pending_cancel" if cancel_wanted and state in _STILL_WORKS else state


def standing(gateway_status: str | None, filled: float) -> OrderStatus:
    """Where an order stands by its last gateway status, once a cancel was refused."""
    trigger = None if gateway_status is None else trigger_of(gateway_status)
    if trigger is None or trigger is _T.HELD:
        return "pending"
    if trigger is _T.INACTIVE:
        return "inactive"
    return "partially_filled" if filled > 0 else "submitted"
