"""What some processes leave unused of the message budget is lent to those that need more, for moments.

    Claimed ─→ a round in force with something left? ─ yes → Grant at once
                └ no → Ask: who leaves what unused until `until`? ─ all have said, or COLLECT_S later ─→ Grant

Theory: every process has a share of its own and needs nobody to use it; together the shares are the rate. A
process with nothing to send may give up a part of its share until a moment, and exactly that is lent until
that moment at most. So the sum of what all may send never rises above the rate, whoever dies: a loan and
what was given up for it run out together, within TERM_S, and then the shares alone hold. Both are moments of
the machine's monotonic clock, so that a message that was late makes a loan shorter and never longer.

What there is is divided by share among those who claim, nobody gets more than would empty its queue within a
term. Who borrows asks again before its loan ends; meanwhile a loan counts at its highest.

While a session is slowed by its gateway's complaints (`tws/learned_rate.py`) nothing is lent, and all others
are asked to slow down as much: whether the gateway counts them apart is not documented.

Invariant (see `validate`): at every moment the sum of the loans in force is at most the sum of what is given
up. A process that starts anew has forgotten what it gave up or lent, but starting takes longer than a term.
Pure: seconds, monotonic.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from msgspec import Struct

from twsmq_nodes.runtime.timer import TimerFired
from twsmq_nodes.tws.terms import Terms

TERM_S = 0.2
"""How long a loan holds, and so how long a share that was given up is missing at most."""
COLLECT_S = 0.04
"""How long those who do not say what they leave are waited for."""
LEAST_LEFT_S = 0.08
"""A term that ends sooner is not lent of any more; a new round is opened."""
SLOW_S = 60.0
"""A complaint of a gateway is remembered for so long."""


def to_ns(seconds: float) -> int:
    """A moment as it goes over the wire. Rounded: cut off, it would come back a nanosecond earlier every
    other time, and what is given up would not last until the end of the term."""
    return round(seconds * 1e9)


def from_ns(ns: int) -> float:
    return ns / 1e9


class Claimed(Struct, frozen=True):
    """A process has `waiting` messages that its share does not let out. `factor`, `breaches`: what its
    session has learnt from the gateway's complaints. `call`: whom to answer."""

    call: int
    name: str
    waiting: int
    factor: float = 1.0
    breaches: int = 0


class Yielded(Struct, frozen=True):
    """A process does without `rate` messages a second until the end of `round_no`; 0 if it needs them."""

    name: str
    round_no: int
    rate: float
    until: float


class Ask(Struct, frozen=True):
    """Ask all who leaves what unused until `until`; slow everybody down to `slow_to`, if given."""

    round_no: int
    until: float
    slow_to: float | None = None
    breaches: int = 0


class Grant(Struct, frozen=True):
    """Answer a claim. Rate 0: nothing is left."""

    call: int
    rate: float
    until: float


Input = Claimed | Yielded | TimerFired
Action = Ask | Grant


class LeaseBook:
    """`shares`: of every process with a session, messages a second."""

    def __init__(self, shares: Mapping[str, float]) -> None:
        self._shares = dict(shares)
        self._given_up = {name: Terms() for name in shares}
        self._loans = {name: Terms() for name in shares}
        self._claims: dict[str, Claimed] = {}
        self._silent: set[str] = set()  # of this round, have not answered yet
        self._round_no = 0
        self._until = -math.inf
        self._collect_until: float | None = None
        self._slowed: dict[
            str, tuple[float, int, float]
        ] = {}  # factor, breaches, until when it is remembered

    @property
    def wake_at(self) -> float | None:
        return self._collect_until

    def handle(self, happened: Input, now: float) -> list[Action]:
        match happened:
            case Claimed() if happened.name in self._shares:
                return self._claimed(happened, now)
            case Claimed(call=call):
                return [Grant(call, 0.0, now)]
            case Yielded():
                self._yielded(happened, now)
            case TimerFired():
                pass
        if self._collect_until is not None and (not self._silent or now >= self._collect_until):
            return self._divide(now)
        return []

    def _claimed(self, claim: Claimed, now: float) -> list[Action]:
        actions: list[Action] = []
        before = self._claims.pop(claim.name, None)
        if before is not None:  # it has asked again, the first call is as good as void
            actions.append(Grant(before.call, 0.0, now))
        slower = self._slow(claim, now)
        if claim.waiting <= 0 or self._is_slow(now):
            actions.append(Grant(claim.call, 0.0, now))
            return [*actions, *slower]
        self._claims[claim.name] = claim
        self._silent.discard(claim.name)
        if self._collect_until is not None:
            return actions if self._silent else [*actions, *self._divide(now)]
        if self._until >= now + LEAST_LEFT_S and self._spare(claim.name, now) > 1.0:
            return [*actions, *self._divide(now)]
        return [*actions, self._open_round(now)]

    def _open_round(self, now: float) -> Ask:
        self._round_no += 1
        self._until = from_ns(to_ns(now + TERM_S))  # so that it comes back from the others as it is
        self._collect_until = now + COLLECT_S
        self._silent = set(self._shares) - set(self._claims)
        return Ask(self._round_no, self._until)

    def _yielded(self, answer: Yielded, now: float) -> None:
        if answer.round_no != self._round_no or answer.name not in self._given_up:
            return
        self._silent.discard(answer.name)
        if answer.name not in self._claims:
            rate = min(answer.rate, self._shares[answer.name])
            self._given_up[answer.name].add(rate, min(answer.until, self._until), now)

    def _divide(self, now: float) -> list[Action]:
        """Answer every claim, those with the least wish for their share first, so that what they leave goes
        to the others."""
        self._collect_until = None
        claims, self._claims = self._claims, {}
        granted: list[Action] = []
        wish = {name: claim.waiting / TERM_S for name, claim in claims.items()}
        weights = sum(self._shares[name] for name in claims)
        left = self._unlent(claims, now)
        for name in sorted(claims, key=lambda one: wish[one] / self._shares[one]):
            rate = min(wish[name], left * self._shares[name] / weights, self._spare(name, now))
            weights -= self._shares[name]
            left -= rate
            self._loans[name].add(rate, self._until, now)
            granted.append(Grant(claims[name].call, rate, self._until))
        return granted

    def _unlent(self, claims: Mapping[str, Claimed], now: float) -> float:
        """What is given up for the whole term, without what others than the claimants still have of it."""
        lent = sum(terms.at(now) for name, terms in self._loans.items() if name not in claims)
        return max(0.0, sum(terms.throughout(self._until) for terms in self._given_up.values()) - lent)

    def _spare(self, name: str, now: float) -> float:
        """The most that `name` may have until the end of the term."""
        lent = sum(terms.at(now) for other, terms in self._loans.items() if other != name)
        return max(0.0, sum(terms.throughout(self._until) for terms in self._given_up.values()) - lent)

    # -- complaints

    def _slow(self, claim: Claimed, now: float) -> list[Action]:
        if claim.factor >= 1.0:
            self._slowed.pop(claim.name, None)
            return []
        before = self._slowed.get(claim.name)
        self._slowed[claim.name] = claim.factor, claim.breaches, now + SLOW_S
        if before is not None and (claim.factor, claim.breaches) == before[:2]:
            return []
        self._round_no += 1  # whatever is still said of the last round comes too late
        self._collect_until, self._until = None, now
        unanswered = [Grant(waiting.call, 0.0, now) for waiting in self._claims.values()]
        self._claims.clear()
        breaches = max(breaches for _, breaches, _ in self._slowed.values())
        return [*unanswered, Ask(self._round_no, now, claim.factor, breaches)]

    def _is_slow(self, now: float) -> bool:
        self._slowed = {name: known for name, known in self._slowed.items() if known[2] > now}
        return bool(self._slowed)

    def validate(self, now: float) -> None:
        """Raise AssertionError if more is lent than was given up, at any moment from now on. For tests."""
        moments = {now}
        for terms in (*self._loans.values(), *self._given_up.values()):
            end = terms.next_end(now)
            while end is not None:
                moments.add(end)
                end = terms.next_end(end)
        for moment in moments:
            lent = sum(terms.at(moment) for terms in self._loans.values())
            given_up = sum(terms.at(moment) for terms in self._given_up.values())
            assert lent <= given_up + 1e-6, f"{lent} lent of {given_up} at {moment}"
