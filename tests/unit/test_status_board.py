"""The board: what an event costs, what is counted on the way, and what goes out with each revision."""

from __future__ import annotations

from collections import Counter
from time import perf_counter
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.journal_events import DAY, cost, fill, order
from twsmq.aio import Client
from twsmq.board import LOAD_S, BoardFeed, BoardState
from twsmq_nodes.status.board import MOST_ASIDE, BoardKeeper, Changes
from twsmq_nodes.status.order_monitor import OrderMonitor
from twsmq_protocol.board import GetBoard
from twsmq_protocol.errors import RequestError


def _board_after_each_event(orders: int) -> tuple[float, BoardKeeper, OrderMonitor]:
    """Seconds (the best of many) to take one event and to put the board in order."""
    monitor, board = OrderMonitor(DAY), BoardKeeper(7)

    def publish() -> None:
        assert monitor.working() == monitor.remaining("alpha") == orders
        assert (monitor.unknown(), monitor.oldest_unknown()) == (0, None)
        board.update("orders", Changes(monitor.changes()), 1)
        board.update("strategies", monitor.strategies(), 1)

    for no in range(orders):
        monitor.event(order(no, name=f"a-{no}"))
    publish()
    best = 1e9
    for turn in range(30):
        began = perf_counter()
        monitor.event(order(orders + turn, "pending_cancel", name=f"a-{turn}"))
        publish()
        best = min(best, perf_counter() - began)
    return best, board, monitor


def test_an_event_costs_the_same_however_many_orders_work() -> None:
    """With 30,000 working orders the board took most of a core: each event made all its rows anew."""
    few, many = _board_after_each_event(300), _board_after_each_event(30_000)
    assert many[0] < 10 * few[0] + 1e-4, (few[0], many[0])
    _, board, monitor = many
    page = board.answer(GetBoard(sections=["orders"]), 99).sections[0]
    assert page.total == 30_000
    assert (monitor.working(), monitor.remaining("alpha"), monitor.remaining("beta")) == (30_000, 30_000, 0)
    assert monitor.strategies()["alpha"]["states"] == "30 pending_cancel, 29970 submitted"


@settings(deadline=None, max_examples=30)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(("order", "fill", "day", "forget", "halt")),
            st.integers(0, 4),
            st.sampled_from(("pending", "submitted", "unknown", "filled", "cancelled")),
        ),
        max_size=60,
    )
)
def test_what_is_counted_on_the_way_is_what_counting_all_finds(steps: list[tuple[str, int, Any]]) -> None:
    monitor, board, day = OrderMonitor(DAY), BoardKeeper(7), DAY
    for number, (what, which, status) in enumerate(steps):
        match what:
            case "order":
                event = order(number, status, name=f"o-{which}", ts=number)
                monitor.event(msgspec.structs.replace(event, strategy=f"s{which % 2}"))
            case "fill":
                monitor.event(fill(number, f"x{number}", corrects=f"x{number - 1}" if which == 0 else None))
                monitor.event(cost(number, f"x{number}", float(which), "USD" if which < 3 else "JPY"))
            case "day":
                day += 1
                monitor.new_day(day)
            case "forget":
                monitor.forget()
            case _:
                monitor.halts = {} if which == 0 else {f"s{which}" if which < 4 else "": "why"}
        board.update("orders", Changes(monitor.changes()), number)
        board.update("strategies", monitor.strategies(), number)
        rows = monitor.orders()
        shown = board.answer(GetBoard(), 99).sections
        by_name = {section.name: section.rows for section in shown}
        assert sorted(by_name["orders"], key=str) == sorted(rows.values(), key=str)
        ranks = [(row["rank"], -row["since"]) for row in by_name["orders"]]
        assert ranks == sorted(ranks)
        states = Counter((row["strategy"], row["status"]) for row in rows.values() if row["rank"] < 2)
        assert monitor.by_state() == states
        assert monitor.unknown() == sum(n for (_, one), n in states.items() if one == "unknown")
        since = [row["since"] for row in rows.values() if row["status"] == "unknown"]
        assert monitor.oldest_unknown() == min(since, default=None)
        assert monitor.working() == monitor.remaining("") == sum(states.values())
        names = {row["strategy"] for row in rows.values()} | (monitor.halts.keys() - {""})
        assert names <= monitor.strategies().keys()
        assert list(monitor.strategies()) == sorted(monitor.strategies())
        for name in names:
            halted = monitor.halts.get(name, monitor.halts.get(""))
            row = monitor.strategies()[name]
            assert row["halted"] == (None if halted is None else f"halted: {halted}")


def test_only_what_changed_goes_out_with_the_next_revision() -> None:
    board = BoardKeeper(7)
    first = board.update("orders", {"a": {"key": "a", "n": 1}, "b": {"key": "b"}}, 10)
    assert first is not None
    assert (first.rev, first.rows) == (1, {"a": {"key": "a", "n": 1}, "b": {"key": "b"}})
    assert board.update("orders", {"a": {"key": "a", "n": 1}, "b": {"key": "b"}}, 20) is None
    second = board.update("orders", {"a": {"key": "a", "n": 2}}, 30)
    assert second is not None
    assert (second.rev, second.rows) == (2, {"a": {"key": "a", "n": 2}, "b": None})
    confirmed = board.update("orders", {"a": {"key": "a", "n": 2}}, 2_000_000_000)
    assert confirmed is not None
    assert (confirmed.rows, confirmed.as_of) == ({}, 2_000_000_000)


def test_what_is_confirmed_after_the_clock_was_set_back_goes_out() -> None:
    """For an hour the page believed that a dead node had just confirmed its orders."""
    board = BoardKeeper(7)
    rows = {"a": {"key": "a"}}
    board.update("orders", rows, 3600_000_000_000)
    confirmed = board.update("orders", rows, 1_000_000_000)
    assert confirmed is not None
    assert confirmed.as_of == 1_000_000_000
    assert board.update("orders", rows, 1_500_000_000) is None


def test_a_change_of_thousands_goes_out_in_parts_that_follow_each_other() -> None:
    board, copy = BoardKeeper(7), BoardState()
    copy.load([msgspec.to_builtins(board.answer(GetBoard(), 99))])
    for gone in (False, True):
        rows = {} if gone else {str(n): {"key": str(n)} for n in range(2500)}
        change = board.update("orders", rows, 1)
        assert change is not None
        parts = list(board.parts(change))
        assert [len(part.rows) for part in parts] == [1000, 1000, 500]
        assert all(copy.apply(msgspec.structs.replace(part, inc=7)) for part in parts)
        assert copy.sections["orders"].rows == rows
    change = board.update("orders", {}, 5_000_000_000)
    assert change is not None
    assert [(part.rev, part.rows) for part in board.parts(change)] == [(7, {})]


def test_pages_are_of_one_moment_whatever_changes_between_them() -> None:
    """A client that loads ten thousand orders of a busy desk never came to an end."""
    board = BoardKeeper(7)
    rows: dict[str, dict[str, Any]] = {str(n): {"key": str(n), "n": 0} for n in range(2500)}
    board.update("orders", rows, 1)
    board.update("fills", {"f": {"key": "f"}}, 1)
    pages: list[Any] = []
    after: int | None = 0
    while after is not None:
        page = board.answer(GetBoard(after=after, limit=1000), 99)
        pages.append(msgspec.to_builtins(page))
        after = page.next
        rows = {**rows, str(len(pages)): {"key": str(len(pages)), "n": len(pages)}}
        del rows[str(1500 + len(pages))]  # every later row moves up
        change = board.update("orders", rows, len(pages) + 1)
        assert change is not None
        for _ in range(7):  # others load as well
            board.answer(GetBoard(limit=1000), 99)
    copy = BoardState()
    assert copy.load(pages)
    section = copy.sections["orders"]
    assert (len(pages), section.rev, len(section.rows)) == (3, 1, 2500)
    assert {row["n"] for row in section.rows.values()} == {0}
    for _ in range(MOST_ASIDE):
        board.answer(GetBoard(limit=1000), 99)
    with pytest.raises(RequestError, match="too late"):
        board.answer(GetBoard(after=pages[0]["next"], limit=1000), 99)


def test_it_is_answered_in_pages() -> None:
    board = BoardKeeper(7)
    board.update("orders", {str(n): {"key": str(n)} for n in range(5)}, 1)
    page = board.answer(GetBoard(sections=["orders"], limit=2), 99)
    assert ([row["key"] for row in page.sections[0].rows], page.sections[0].total, page.next) == (
        ["0", "1"],
        5,
        2**32 + 2,
    )
    last = board.answer(GetBoard(sections=["orders"], after=4, limit=2), 99)
    assert ([row["key"] for row in last.sections[0].rows], last.next) == (["4"], None)
    with pytest.raises(RequestError, match="no section"):
        board.answer(GetBoard(sections=["nothing"]), 99)


def test_status_is_not_called_silent_before_there_was_time_to_listen(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("twsmq.board.time", SimpleNamespace(monotonic=lambda: now))
    feed, loaded = (BoardFeed(cast("Client", None)) for _ in range(2))
    loaded.state.begin(7)
    assert (feed.awaited, feed.status_alive) == (True, False)
    assert not loaded.awaited, "it has answered once: that it does not now is news"
    now += LOAD_S
    assert not feed.awaited
