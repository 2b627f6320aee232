"""The rate learnt from the gateway's complaints: the third breach, which ends the session, never comes."""

from __future__ import annotations

from collections import deque

import pytest
from twsmq_nodes.tws.events import GatewayError
from twsmq_nodes.tws.learned_rate import RECOVER_S, LearnedRate
from twsmq_nodes.tws.pacing import Pacer, Priority

BREACH = GatewayError(-1, 100, "Max rate of messages per second has been exceeded:max=50 rec=51 (1)")
WARNING = GatewayError(-1, 0, "Warning: Approaching max rate of 50 messages per second (44)")


@pytest.mark.parametrize(
    "words",
    [
        WARNING.text,
        "Warnung: Die Obergrenze von 50 Nachrichten pro Sekunde ist fast erreicht (44)",
        "警告：接近每秒 50 条消息的最大速率 (44)",
    ],
)
def test_a_warning_slows_a_little_and_time_makes_up_for_it(words: str) -> None:
    learned = LearnedRate(40.0)
    assert learned.complained(GatewayError(-1, 0, words), 0.0)
    assert learned.rate == 36.0
    assert not learned.recovered(RECOVER_S - 1)
    assert learned.recovered(RECOVER_S)
    assert learned.rate == 40.0
    assert not learned.recovered(10 * RECOVER_S)


def test_a_breach_slows_as_far_as_its_counts_say() -> None:
    learned = LearnedRate(45.0)
    learned.complained(GatewayError(-1, 100, "exceeded:max=50 rec=138 (1)"), 0.0)
    assert learned.rate == pytest.approx(45.0 * 0.8 * 50 / 138)


def test_two_breaches_slow_for_the_whole_session_and_a_new_one_starts_anew() -> None:
    learned = LearnedRate(40.0)
    learned.complained(BREACH, 0.0)
    assert learned.rate == 20.0
    assert learned.recovered(RECOVER_S)
    learned.complained(BREACH, 100.0)
    assert (learned.rate, learned.breaches) == (4.0, 2)
    assert not learned.recovered(1e6)
    learned.began()
    assert (learned.rate, learned.breaches) == (40.0, 0)


@pytest.mark.parametrize("error", [GatewayError(-1, 0, "something else"), GatewayError(3, 101, "max rate")])
def test_other_complaints_change_nothing(error: GatewayError) -> None:
    learned = LearnedRate(40.0)
    assert not learned.complained(error, 0.0)
    assert learned.rate == 40.0


def test_without_a_limit_nothing_is_slowed() -> None:
    learned = LearnedRate(0.0)
    learned.complained(BREACH, 0.0)
    assert learned.rate == 0.0


def test_another_share_keeps_what_was_learnt() -> None:
    learned = LearnedRate(40.0)
    learned.complained(BREACH, 0.0)
    learned.configure(10.0)
    assert learned.rate == 5.0
    learned.configure(0.0)
    assert learned.rate == 0.0


@pytest.mark.parametrize("limit", [50.0, 30.0, 15.0])
@pytest.mark.parametrize("others", [0.0, 10.0])
def test_a_gateway_that_grants_less_never_counts_to_three(limit: float, others: float) -> None:
    """An endless queue at 45 a second, against a gateway that counts what it got in the last second, and what
    other programs send beside us."""
    learned, now = LearnedRate(45.0), 0.0
    pacer: Pacer[int] = Pacer(45.0, now)
    for number in range(20_000):
        pacer.push(number, Priority.DATA)
    received: deque[float] = deque()
    counted_at, sent = -10.0, 0
    while now < 1200.0:
        now += 0.01
        if learned.recovered(now):
            pacer.set_rate(learned.rate, now)
        while pacer.take(now) is not None:
            received.append(now)
            sent += 1
        while received and received[0] <= now - 1.0:
            received.popleft()
        if len(received) + others > limit and now > counted_at + 1.0:
            counted_at = now
            words = f"max={limit:.0f} rec={len(received) + others:.0f} ({learned.breaches + 1})"
            learned.complained(GatewayError(-1, 100, words), now)
            pacer.set_rate(learned.rate, now)
            pacer.charge(now, int(learned.rate) + 1)
    assert learned.breaches < 3
    assert sent > 1200 * 3
