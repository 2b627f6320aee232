"""What a report alone does not settle: for whoever finds it out (see `reconciliation`)."""

from __future__ import annotations

from msgspec import Struct

from ..ids import Key


class InDoubt(Struct, frozen=True):
    """Only a snapshot can show where this order is."""

    key: Key


class ExecutionsMissing(Struct, frozen=True):
    """The gateway says more is filled than executions have shown. `gateway_status`: if the order is done;
    `avg_price`: the gateway's own average."""

    key: Key
    filled: float
    gateway_status: str | None
    avg_price: float | None = None


class IdsDoubted(Struct, frozen=True):
    """The gateway does not like our order id: ask for the next valid one."""


class StaleAttempt(Struct, frozen=True):
    """An attempt that had been proved absent is alive beside its successor."""

    key: Key
    order_id: int


class CancelUnexplained(Struct, frozen=True):
    """It is cancelled and nobody here asked for that: settle it if nothing explains it soon."""

    key: Key


class SurvivorLeft(Struct, frozen=True):
    """One of several orders that stand for this one has ended, another is alive: cancelled too if the order
    is to end, or is filled."""

    key: Key


class CancelMissed(Struct, frozen=True):
    """The gateway does not know the order that was to be cancelled, nor has it ever spoken of it."""

    key: Key


class ZoneUnknown(Struct, frozen=True):
    """An execution's time is in a zone that cannot be read: its text."""

    key: Key
    text: str


FollowUp = (
    InDoubt
    | ExecutionsMissing
    | IdsDoubted
    | StaleAttempt
    | CancelUnexplained
    | CancelMissed
    | SurvivorLeft
    | ZoneUnknown
)
