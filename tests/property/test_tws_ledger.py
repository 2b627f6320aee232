"""The pacing ledger: whatever is asked, no window of the gateway's is ever overfull."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twsmq_nodes.tws.ledger import (
    Ask,
    History,
    Limits,
    PacingLedger,
    Snapshot,
    TickByTick,
    Window,
)

asks = st.one_of(
    st.builds(
        History,
        st.integers(1, 2),
        st.sampled_from(["SMART", "NYSE"]),
        st.sampled_from(["TRADES", "BID_ASK"]),
        st.sampled_from([0, 5, 30, 60]),
        st.integers(1, 20),
    ),
    st.builds(TickByTick, st.integers(1, 3)),
    st.builds(Snapshot, st.booleans()),
)
steps = st.lists(
    st.tuples(asks, st.sampled_from([0.0, 0.0, 0.1, 1.0, 20.0]), st.integers(0, 9)), max_size=150
)


def keys(ask: Ask) -> list[tuple[int, float, Hashable, int]]:
    """The rules as they are documented: (most, seconds, what counts together, how often it counts)."""
    match ask:
        case TickByTick(con_id):
            return [(1, 15.0, ("t", con_id), 1)]
        case Snapshot(regulatory):
            return [(1 if regulatory else 100, 1.0, ("s", regulatory), 1)]
        case History() if ask.bar_s > 30:
            return []
        case History():
            twice = 2 if ask.what == "BID_ASK" else 1
            alike = (ask.con_id, ask.exchange, ask.what)
            return [(60, 600.0, "all", twice), (1, 15.0, ask, 1), (5, 2.0, alike, twice)]


@settings(max_examples=150, deadline=None)
@given(steps)
def test_no_window_is_ever_overfull_and_no_request_waits_longer_than_it_must(
    story: list[tuple[Ask, float, int]],
) -> None:
    ledger, now = PacingLedger(), 0.0
    written: dict[tuple[int, float, Hashable], list[float]] = defaultdict(list)
    opened: set[int] = set()
    for number, (ask, later, fate) in enumerate(story):
        now += later
        if fate == 0:
            ledger.session_lost()
            opened.clear()
        at = ledger.earliest(ask, now)
        assert at >= now
        if at == math.inf:
            assert len(opened) == 50
            continue
        for most, seconds, what, weight in keys(ask):
            times = written[most, seconds, what]
            assert sum(at - seconds + 1e-9 < t for t in times) + weight <= most
        if at > now:  # a moment sooner, some rule would have been broken
            sooner = at - 1e-6
            assert any(
                sum(sooner - seconds < t for t in written[most, seconds, what]) + weight > most
                for most, seconds, what, weight in keys(ask)
            )
        now = at
        ledger.written(ask, number, now)
        for most, seconds, what, weight in keys(ask):
            written[most, seconds, what] += [now] * weight
        if isinstance(ask, History):
            opened.add(number)
            if fate > 1:
                ledger.closed(number)
                opened.discard(number)
        assert ledger.open_histories == len(opened)


def test_an_outage_frees_what_was_open_but_not_what_was_asked() -> None:
    ledger = PacingLedger()
    ledger.written(TickByTick(1), 1, 0.0)
    ledger.written(History(1, "SMART", "TRADES", 5, "keep up"), 2, 0.0)
    ledger.session_lost()
    assert ledger.open_histories == 0
    assert ledger.earliest(TickByTick(1), 1.0) == 15.0
    assert ledger.earliest(History(1, "SMART", "TRADES", 5, "keep up"), 1.0) == 15.0
    assert ledger.earliest(TickByTick(2), 1.0) == 1.0


def test_fifty_are_open_at_once_and_the_next_waits_for_one_to_end() -> None:
    ledger = PacingLedger()
    for number in range(50):
        ledger.written(History(number, "SMART", "TRADES", 60), number, 0.0)
    assert ledger.earliest(History(99, "SMART", "TRADES", 86400), 1.0) == math.inf
    ledger.closed(7)
    assert ledger.earliest(History(99, "SMART", "TRADES", 86400), 1.0) == 1.0


@pytest.mark.parametrize(("share", "bars", "open_"), [(0.8, 48, 40), (0.2, 12, 10), (0.0, 2, 1)])
def test_a_part_of_what_counts_for_all_is_never_nothing(share: float, bars: int, open_: int) -> None:
    part = Limits().part(share)
    assert (part.small_bars, part.open_histories) == (Window(bars, 600.0), open_)
    assert part.tick_by_tick == Limits().tick_by_tick
