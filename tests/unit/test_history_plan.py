"""How the past is cut into pieces, and the gateway's times read: pure functions, no desk."""

from __future__ import annotations

import pytest
from support.history_desk import MONDAY
from twsmq_nodes.history.plan import DAY_S, NS, TRUSTED, Spans, before, duration, head_time
from twsmq_nodes.history.shell import patience_s
from twsmq_nodes.tws.gateway_times import bar_time


@pytest.mark.parametrize(
    ("size", "seconds", "wanted"),
    [
        ("1s", 1800, "1801 S"),
        ("5s", 5, "30 S"),
        ("1m", 2 * DAY_S, "3 D"),
        ("1m", 73 * DAY_S, "11 W"),
        ("5s", 9 * DAY_S, "10 D"),
        ("1d", DAY_S, "2 D"),
        ("1d", 400 * DAY_S, "2 Y"),
        ("1w", 30 * DAY_S, "1 Y"),
    ],
)
def test_a_duration_is_written_in_a_unit_its_size_allows(size: str, seconds: int, wanted: str) -> None:
    assert duration(size, MONDAY, MONDAY + seconds * NS) == wanted


def test_who_names_a_time_waits_until_then() -> None:
    assert patience_s(None, 0, bulk=False) == 60
    assert patience_s(None, 0, bulk=True) == 600
    assert patience_s(1_500 * NS, 0, bulk=False) == 1_500
    assert patience_s(2**62, 0, bulk=True) == 3_600


def test_times_are_read_as_the_gateway_writes_them() -> None:
    assert bar_time("20260928") == MONDAY
    assert bar_time(str(MONDAY // NS)) == MONDAY
    assert bar_time("rubbish") is None
    assert head_time("345479400") == head_time("19801212-14:30:00") == 345_479_400 * NS
    assert before(MONDAY, "1M") == MONDAY - 31 * DAY_S * NS
    assert before(MONDAY, "99999Y") == 0
    assert before(1_772_236_800 * NS, "1Y") == (1_772_236_800 - 365 * DAY_S) * NS


def test_pieces_grow_while_answers_are_quick_and_not_where_one_did_not_come() -> None:
    spans, size = Spans(), "1m"
    seen: list[int] = []
    for _ in range(12):
        seen.append(spans.seconds(size) // DAY_S)
        spans.answered(size, spans.seconds(size), 1.0)
    assert seen[:4] == [2, 16, 76, 76]
    assert seen[-1] == 76
    assert not spans.grows(size)
    assert spans.silent(size, spans.seconds(size))
    halved = spans.seconds(size)
    for _ in range(TRUSTED - 1):
        spans.answered(size, halved, 1.0)
        assert spans.seconds(size) == halved
    for _ in range(2):
        spans.answered(size, halved, 1.0)
    assert spans.seconds(size) > halved
    for _ in range(40):
        spans.silent(size, spans.seconds(size))
    assert not spans.silent(size, spans.seconds(size))
    assert spans.seconds(size) >= 60


def test_pieces_that_were_on_their_way_together_are_halved_once() -> None:
    spans, size = Spans(), "1m"
    asked = spans.seconds(size)
    for _ in range(5):
        assert spans.silent(size, asked)
    assert spans.seconds(size) == asked // 2
    assert spans.silent(size, asked // 8), "one for the rest of a range"
    assert spans.seconds(size) == asked // 16


def test_slow_answers_and_short_pieces_teach_nothing() -> None:
    spans = Spans()
    spans.answered("1m", spans.seconds("1m"), 30.0)
    spans.answered("1m", spans.seconds("1m") - 1, 1.0)
    assert spans.seconds("1m") == 2 * DAY_S
    assert not spans.grows("1m"), "or all others would wait for each of its answers"
    spans.answered("1m", spans.seconds("1m"), 4.0)
    assert spans.seconds("1m") == 4 * DAY_S
    assert spans.grows("1m")
