"""The book of loans: who gets what of what others leave unused."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from twsmq_nodes.connection.budget import (
    COLLECT_S,
    TERM_S,
    Action,
    Ask,
    Claimed,
    Grant,
    LeaseBook,
    Yielded,
    from_ns,
    to_ns,
)
from twsmq_nodes.runtime.timer import TimerFired

SHARES = {"connection": 2.0, "history": 2.0, "marketdata-0": 14.0, "status": 6.0, "orders": 16.0}


def granted(actions: list[Action]) -> dict[int, float]:
    return {action.call: round(action.rate, 6) for action in actions if isinstance(action, Grant)}


def asked(actions: list[Action]) -> Ask:
    (ask,) = (action for action in actions if isinstance(action, Ask))
    return ask


def all_idle(book: LeaseBook, ask: Ask, now: float, but: tuple[str, ...] = ()) -> list[Action]:
    actions: list[Action] = []
    for name, share in SHARES.items():
        if name not in but:
            actions += book.handle(Yielded(name, ask.round_no, share, ask.until), now)
    return actions


def test_one_that_is_busy_gets_what_all_others_leave() -> None:
    book = LeaseBook(SHARES)
    ask = asked(book.handle(Claimed(1, "orders", 100), 0.0))
    assert ask.until == TERM_S
    assert granted(all_idle(book, ask, 0.001, ("orders",))) == {1: 24.0}
    book.validate(0.001)


def test_nobody_gets_more_than_would_empty_its_queue() -> None:
    book = LeaseBook(SHARES)
    ask = asked(book.handle(Claimed(1, "orders", 4), 0.0))
    assert granted(all_idle(book, ask, 0.0, ("orders",))) == {1: 20.0}


def test_what_there_is_is_divided_by_share() -> None:
    book = LeaseBook(SHARES)
    ask = asked(book.handle(Claimed(1, "orders", 100), 0.0))
    book.handle(Claimed(2, "history", 100), 0.0)
    assert granted(all_idle(book, ask, 0.0, ("orders", "history"))) == {
        1: pytest.approx(22.0 * 16 / 18),
        2: pytest.approx(22.0 * 2 / 18),
    }
    book.validate(0.0)


def test_what_one_does_not_want_goes_to_the_other() -> None:
    book = LeaseBook(SHARES)
    ask = asked(book.handle(Claimed(1, "orders", 1), 0.0))
    book.handle(Claimed(2, "history", 100), 0.0)
    rates = granted(all_idle(book, ask, 0.0, ("orders", "history")))
    assert rates[1] == pytest.approx(1 / TERM_S)
    assert rates[1] + rates[2] == pytest.approx(22.0)


@pytest.mark.parametrize("up_s", [3.7, 901.123456789, 54_321.987654321, 9_000_000.5])
def test_what_is_given_up_until_the_end_of_the_term_is_lent_until_then(up_s: float) -> None:
    """However long the machine has been up: moments cross the wire in whole nanoseconds."""
    book = LeaseBook(SHARES)
    for turn in range(40):
        now = from_ns(to_ns(up_s) + turn * 140_000_003)
        ask = asked(book.handle(Claimed(turn, "orders", 10_000), now))
        echoed = replace(ask, until=from_ns(to_ns(ask.until)))
        assert granted(all_idle(book, echoed, now, ("orders",))) == {turn: 24.0}
        book.validate(now)


def test_who_does_not_say_is_waited_for_no_longer_than_a_moment() -> None:
    book = LeaseBook(SHARES)
    ask = asked(book.handle(Claimed(1, "orders", 100), 0.0))
    assert book.handle(Yielded("status", ask.round_no, 6.0, ask.until), 0.01) == []
    assert book.wake_at == COLLECT_S
    assert granted(book.handle(TimerFired(), COLLECT_S)) == {1: 6.0}
    book.handle(Yielded("marketdata-0", ask.round_no, 14.0, ask.until), 0.05)
    assert granted(book.handle(Claimed(2, "history", 9), 0.06)) == {2: 14.0}, (
        "what came late is there for others"
    )
    book.validate(0.06)


def test_when_all_are_busy_shares_alone_hold() -> None:
    book = LeaseBook(SHARES)
    ask = asked(book.handle(Claimed(1, "orders", 100), 0.0))
    actions: list[Action] = []
    for name in SHARES:
        actions += book.handle(Yielded(name, ask.round_no, 0.0, ask.until), 0.001)
    assert granted(actions) == {1: 0.0}


def test_a_newcomer_has_its_part_within_two_terms() -> None:
    book, now = LeaseBook(SHARES), 0.0
    ask = asked(book.handle(Claimed(1, "orders", 10_000), now))
    all_idle(book, ask, now, ("orders",))
    history = 0.0
    for turn in range(1, 3):
        now = turn * (TERM_S - 0.07)
        ask = asked(book.handle(Claimed(2 * turn, "orders", 10_000), now))
        book.handle(Claimed(2 * turn + 1, "history", 10_000), now)
        rates = granted(all_idle(book, ask, now, ("orders", "history")))
        history = max(history, rates[2 * turn + 1])
        book.validate(now)
    assert history == pytest.approx(22.0 * 2 / 18)


def test_a_complaint_of_the_gateway_slows_all_and_ends_lending() -> None:
    book = LeaseBook(SHARES)
    ask = asked(book.handle(Claimed(1, "history", 9), 0.0))
    actions = book.handle(Claimed(2, "orders", 5, factor=0.5, breaches=1), 0.01)
    slow = asked(actions)
    assert (slow.slow_to, slow.breaches, slow.until) == (0.5, 1, 0.01)
    assert granted(actions) == {1: 0.0, 2: 0.0}
    assert all_idle(book, ask, 0.02) == []
    assert granted(book.handle(Claimed(3, "history", 9), 1.0)) == {3: 0.0}
    assert isinstance(book.handle(Claimed(4, "history", 9), 100.0)[0], Ask), (
        "a minute later lending begins anew"
    )


def test_an_unknown_process_gets_nothing() -> None:
    assert LeaseBook(SHARES).handle(Claimed(1, "nobody", 9), 5.0) == [Grant(1, 0.0, 5.0)]
