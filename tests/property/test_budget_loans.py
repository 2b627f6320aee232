"""Whatever is claimed, lent, lost and late: more than the rate is never let out, and nobody starves.

Processes are played with their real pacers, on one virtual clock; messages between them and the book are
lost, delayed, and the book forgets everything now and then, as a process that starts anew does.
"""

from __future__ import annotations

import math
from collections import deque
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from twsmq_nodes.connection.budget import TERM_S, Ask, Claimed, Grant, Input, LeaseBook, Yielded
from twsmq_nodes.runtime.timer import TimerFired
from twsmq_nodes.tws.pacing import Pacer, Priority
from twsmq_protocol.config import Config
from twsmq_protocol.processes import message_share, node_names

CONFIG = Config()
SHARES = {name: share for name in node_names(CONFIG) if (share := message_share(CONFIG, name))}
GATEWAY = 50
"""What it allows in any second, of all together."""
RATE = sum(SHARES.values())
STEP = 0.005
RESTART_S = 0.5


class Desk:
    def __init__(self, seed: int, loss: float, late: float, forgets: bool) -> None:
        self.random = Random(seed)
        self.loss, self.late, self.forgets = loss, late, forgets
        self.now = 0.0
        self.book = LeaseBook(SHARES)
        self.book_starts_at = 0.0
        self.pacers: dict[str, Pacer[int]] = {name: Pacer(share, 0.0) for name, share in SHARES.items()}
        self.sent: dict[str, deque[float]] = {name: deque() for name in SHARES}
        self.claim_at = dict.fromkeys(SHARES, 0.0)
        self.calls: dict[int, str] = {}
        self.mail: list[tuple[float, Input]] = []
        self.lent = 0

    def post(self, message: Input) -> None:
        if self.random.random() >= self.loss:
            self.mail.append((self.now + self.random.random() * self.late, message))

    def tell(self, message: Input) -> None:
        for action in self.book.handle(message, self.now):
            match action:
                case Ask():
                    self.answer(action)
                case Grant(call, rate, until):
                    name = self.calls.pop(call, None)
                    if name is not None and self.random.random() >= self.loss and rate > 0:
                        self.lent += 1
                        self.pacers[name].borrow(rate, until, self.now)
                        self.claim_at[name] = until - 0.07
        self.book.validate(self.now)

    def answer(self, ask: Ask) -> None:
        for name, pacer in self.pacers.items():
            rate = 0.0
            if not len(pacer) and pacer.affordable(self.now) >= 1 and ask.until > self.now:
                rate = SHARES[name]
                pacer.give_up(rate, ask.until, self.now)
            self.post(Yielded(name, ask.round_no, rate, ask.until))

    def step(self) -> None:
        self.now += STEP
        if self.forgets and self.random.random() < 0.01:
            self.book, self.book_starts_at = LeaseBook(SHARES), self.now + RESTART_S
            self.calls.clear()
        if self.now >= self.book_starts_at:
            due = [message for at, message in self.mail if at <= self.now]
            self.mail = [(at, message) for at, message in self.mail if at > self.now]
            for message in due:
                self.tell(message)
            if self.book.wake_at is not None and self.book.wake_at <= self.now:
                self.tell(TimerFired())
        for name, pacer in self.pacers.items():
            while pacer.take(self.now) is not None:
                self.sent[name].append(self.now)
            if len(pacer) and self.now >= self.claim_at[name]:
                self.claim_at[name] = self.now + 0.1
                call = self.random.getrandbits(60)
                self.calls[call] = name
                self.post(Claimed(call, name, len(pacer)))

    def in_second_before(self, at: float) -> int:
        return sum(sum(1 for when in sent if at - 1.0 < when <= at) for sent in self.sent.values())


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    loss=st.sampled_from([0.0, 0.2]),
    late=st.sampled_from([0.0, 0.03, 0.3]),
    forgets=st.booleans(),
)
def test_never_above_the_rate_in_sum(seed: int, loss: float, late: float, forgets: bool) -> None:
    desk = Desk(seed, loss, late, forgets)
    while desk.now < 4.0:
        if desk.random.random() < 0.02:
            name = desk.random.choice(list(SHARES))
            for _ in range(desk.random.randrange(1, 60)):
                desk.pacers[name].push(1, Priority.ORDER)
        desk.step()
        assert desk.in_second_before(desk.now) <= GATEWAY


def test_one_hundred_at_once_have_almost_the_whole_rate() -> None:
    desk = Desk(1, loss=0.0, late=0.004, forgets=False)
    for _ in range(100):
        desk.pacers["orders"].push(1, Priority.ORDER)
    while len(desk.sent["orders"]) < 100:
        desk.step()
    assert desk.lent > 10
    assert desk.now <= 1.1 * 100 / RATE


def test_with_all_busy_each_has_its_share() -> None:
    desk = Desk(2, loss=0.0, late=0.004, forgets=False)
    for pacer in desk.pacers.values():
        for _ in range(2000):
            pacer.push(1, Priority.DATA)
    while desk.now < 20.0:
        desk.step()
    for name, share in SHARES.items():
        assert math.isclose(len(desk.sent[name]), share * 20.0, rel_tol=0.1), name


def test_whoever_wakes_up_has_its_share_again_within_a_term() -> None:
    desk = Desk(3, loss=0.0, late=0.004, forgets=False)
    for _ in range(2000):
        desk.pacers["history"].push(1, Priority.DATA)
    while desk.now < 2.0:
        desk.step()
    for _ in range(200):
        desk.pacers["orders"].push(1, Priority.CANCEL)
    while desk.now < 4.0:
        desk.step()
    first = min(desk.sent["orders"])
    assert first <= 2.0 + 2 * STEP, "what was saved up is there at once"
    assert len(desk.sent["orders"]) >= SHARES["orders"] * (2.0 - TERM_S) - 1
