"""A node's part in the lending of the message budget (`connection/budget.py` keeps the book).

    more waits than the share lets out ─→ claim_budget ─→ a loan ─→ the pacer, for a moment
                                             └ still waiting shortly before it ends ─→ again
    budget_round, nothing waits ─→ give up a part until then ─→ yield_budget
    the gateway complains ─→ claim_budget says so ─→ budget_round with `slow_to`: all sessions slow down

Invariants: the share itself needs nobody; what was given up was so before anybody learns of it; a moment
that is not soon, by this machine's monotonic clock, is not believed; a session that the gateway has slowed
neither borrows nor keeps what it had borrowed.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from time import monotonic_ns
from typing import Any

import msgspec
import structlog
from twsmq_protocol.budget_requests import BudgetLease
from twsmq_protocol.envelope import Event, Reply
from twsmq_protocol.processes import CONNECTION, process_of
from twsmq_protocol.system_events import BudgetRound
from twsmq_protocol.topics import BUDGET

from twsmq_nodes.tws.learned_rate import LearnedRate
from twsmq_nodes.tws.pacing import Pacer

from .alarm import Alarm
from .node import Node

CLAIM_VALID_S = 0.3
APART_S = 0.03
"""Claims are at least so far apart."""
AHEAD_S = 0.07
"""So long before a loan ends the next one is asked for."""
SOON_S = 1.0

log = structlog.stdlib.get_logger()


class SharedBudget:
    """`waiting`: how many messages wait for the budget; `poke`: it may be more by now."""

    def __init__(
        self,
        node: Node,
        pacer: Pacer[Any],
        learned: LearnedRate,
        waiting: Callable[[], int],
        poke: Callable[[], None],
    ) -> None:
        self._name = node.name
        self._pacer = pacer
        self._learned = learned
        self._waiting = waiting
        self._poke = poke
        self._keeps = process_of(node.name).keeps
        self._loop = asyncio.get_running_loop()
        self._again = Alarm(self._look)
        self._next_at = -math.inf  # no claim before: one is on its way, or a loan has just been given
        self._told = (1.0, 0)
        self._lender = node.requester(CONNECTION)
        node.listen((CONNECTION,), (BUDGET,), self._on_event)

    def short(self) -> None:
        """Something waits for the budget. Cheap: whoever notices may say so again and again."""
        if self._learned.factor < 1.0 or self._pacer.unlimited:
            return
        now = self._loop.time()
        if now >= self._next_at:
            self._claim(now)
        else:
            self._again.set(self._next_at)

    def learned(self) -> None:
        """The gateway may have complained, or has not for a while."""
        told = (self._learned.factor, self._learned.breaches)
        if told != self._told:
            self._told = told
            now = self._loop.time()
            if told[0] < 1.0:
                self._pacer.return_all(now)
            self._claim(now)

    def _look(self) -> None:
        if self._waiting() > self._pacer.affordable(self._loop.time()):
            self.short()

    def _claim(self, now: float) -> None:
        args = {
            "name": self._name,
            "waiting": self._waiting(),
            "factor": self._learned.factor,
            "breaches": min(self._learned.breaches, 1000),
        }
        self._lender.ask("claim_budget", args, CLAIM_VALID_S, self._answered)
        self._put_off(now + CLAIM_VALID_S)  # nobody may answer

    def _put_off(self, at: float) -> None:
        self._next_at = at
        self._again.set(at)

    def _answered(self, reply: Reply) -> None:
        if reply.error is not None:
            return
        try:
            lease = msgspec.convert(reply.result, BudgetLease)
        except msgspec.ValidationError as error:
            log.warning("lease not understood", problem=str(error))
            return
        now = self._loop.time()
        left = (lease.until - monotonic_ns()) / 1e9
        if not 0 < left <= SOON_S or self._learned.factor < 1.0:
            return
        self._put_off(now + max(APART_S, left - AHEAD_S))
        if lease.rate > 0:
            self._pacer.borrow(lease.rate, now + left, now)
            self._poke()

    def _on_event(self, _topic: str, event: Event) -> None:
        if not isinstance(event, BudgetRound):
            return
        now = self._loop.time()
        if event.slow_to is not None and self._learned.follow(event.slow_to, event.breaches, now):
            log.warning("slowed down: the gateway complains to another session", to=event.slow_to)
            self._told = (self._learned.factor, self._learned.breaches)  # the book knows
            self._pacer.return_all(now)
            self._pacer.set_rate(self._learned.rate, now)
        left, rate = (event.until - monotonic_ns()) / 1e9, 0.0
        if 0 < left <= SOON_S and not self._waiting() and self._pacer.affordable(now) >= 1:
            rate = self._learned.rate * (1.0 - self._keeps)
            self._pacer.give_up(rate, now + left, now)
        answer = {"name": self._name, "round": event.round, "rate": rate, "until": max(0, event.until)}
        self._lender.ask("yield_budget", answer, CLAIM_VALID_S, _ignore)


def _ignore(_: Reply) -> None:
    """That it was taken changes nothing here."""
