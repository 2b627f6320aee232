"""The history core and what is known already: it is not asked for, and kept only where it lasts."""

from __future__ import annotations

import pytest
from support.history_desk import MONDAY, NOW, Desk, asked, minutes
from twsmq_nodes.history.bars_job import Known
from twsmq_nodes.history.jobs import Forget, Keep
from twsmq_nodes.history.plan import (
    NS,
    utc,
)
from twsmq_protocol.packed_bars import packed, rows_of


@pytest.fixture
def desk() -> Desk:
    return Desk()


def known(begin: int, *numbers: int, at: int = 7) -> Known:
    times = minutes(begin, *numbers)
    ones: list[float | None] = [1.0] * len(times)
    bars = packed(times, ones, ones, ones, ones, [5.0] * len(times), ones, [1] * len(times))
    return Known(times[0], times[-1] + 60 * NS, bars, at)


def test_what_is_known_is_not_asked_for(desk: Desk) -> None:
    call = desk.bars(MONDAY, minutes(MONDAY, 10)[0], known=[known(MONDAY, *range(10))])
    assert not desk.sent
    assert [row.time for row in desk.page(call).bars] == minutes(MONDAY, *range(10))
    assert desk.page(call).fetched_at == 7


def test_only_the_gap_between_what_is_known_is_asked_for(desk: Desk) -> None:
    stretches = [known(MONDAY, *range(10)), known(MONDAY, *range(20, 30), at=3)]
    call = desk.bars(MONDAY, minutes(MONDAY, 30)[0], known=stretches)
    assert asked(desk.sent[-1]).end == utc(minutes(MONDAY, 20)[0])
    desk.reply(*minutes(MONDAY, *range(5, 20)))  # it reaches back, as requests do
    assert len(desk.sent) == 1
    assert [row.time for row in desk.page(call).bars] == minutes(MONDAY, *range(30))
    assert desk.page(call).fetched_at == 3
    (kept,) = desk.taken
    assert isinstance(kept, Keep)
    assert (kept.begin, kept.end, kept.confirmed) == (*minutes(MONDAY, 10, 20), (minutes(MONDAY, 9)[0],))
    assert [row.time for row in rows_of(kept.bars)] == minutes(MONDAY, *range(10, 20))


def test_a_past_that_was_adjusted_is_forgotten_and_all_asked_anew(desk: Desk) -> None:
    call = desk.bars(MONDAY, minutes(MONDAY, 12)[0], known=[known(MONDAY, *range(10))])
    desk.reply(*minutes(MONDAY, *range(8, 12)), price=0.25)
    assert desk.taken == [Forget("apple")]
    assert not desk.answers
    desk.reply(*minutes(MONDAY, *range(12)), price=0.25)
    assert [row.close for row in desk.page(call).bars] == [0.25] * 12
    assert len(desk.sent) == 2


def test_what_may_still_change_and_what_was_not_there_is_not_kept(desk: Desk) -> None:
    begin = NOW - 5 * 60 * NS
    desk.bars(begin, NOW)
    desk.reply(*minutes(begin, 0, 1, 2, 3, 4))
    (kept,) = desk.taken
    assert isinstance(kept, Keep)
    assert kept.end <= minutes(begin, 4)[0]
    desk.bars(MONDAY, minutes(MONDAY, 5)[0])
    desk.reply()
    assert desk.taken == [kept]
