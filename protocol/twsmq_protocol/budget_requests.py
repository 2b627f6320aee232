"""Lending of the message budget between processes: what is asked of `connection`, which keeps the book.

Times here are nanoseconds of the machine's monotonic clock (`time.monotonic_ns`), not of the epoch: a loan
is a matter of a few milliseconds between processes of one machine, and no clock that may be set should end
it.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from .envelope import Args, Finite

Rate = Annotated[float, Meta(ge=0, le=1000)]
Part = Annotated[float, Meta(ge=0, le=1)]


class ClaimBudget(Args, frozen=True, kw_only=True):
    """`claim_budget` (connection): a process has `waiting` messages that its own share does not let out.
    `factor`: to which part of its share its gateway's complaints have slowed it, after `breaches` (code 100).
    """

    name: str
    waiting: Annotated[int, Meta(ge=0, le=10_000_000)]
    factor: Part = 1.0
    breaches: Annotated[int, Meta(ge=0, le=1000)] = 0


class BudgetLease(Struct, frozen=True, kw_only=True):
    """Result of `claim_budget`: so many messages a second more until `until`; 0: nothing is left."""

    rate: Finite
    until: int


class YieldBudget(Args, frozen=True, kw_only=True):
    """`yield_budget` (connection), in answer to the event `budget_round`: a process does without `rate`
    messages a second until `until`, for others to use; 0 if it needs them.
    """

    name: str
    round: Annotated[int, Meta(ge=0, le=2**63 - 1)]
    rate: Rate
    until: Annotated[int, Meta(ge=0, le=2**63 - 1)]


class BudgetYielded(Struct, frozen=True, kw_only=True):
    """Result of `yield_budget`."""

    round: int
