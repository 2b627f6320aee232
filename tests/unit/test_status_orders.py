"""The order monitor and our own count: every event of the journal once, whatever was lost on the way."""

from __future__ import annotations

from typing import Any

import pytest
from twsmq_nodes.status.board import BoardKeeper
from twsmq_nodes.status.follower import ASK_AGAIN_S, JournalFollower
from twsmq_nodes.status.order_monitor import DAY_NS, OrderMonitor
from twsmq_nodes.status.own_count import SETTLED_S, OwnCount
from twsmq_protocol.board import GetBoard
from twsmq_protocol.errors import RequestError
from twsmq_protocol.order_events import Commission, Fill, Order, OrderEvent

DAY = 20_000
NOON = DAY * DAY_NS + DAY_NS // 2
AAPL = ("DU1", 265598)


def order(no: int, status: Any = "submitted", name: str = "a-1", ts: int = 0, **more: Any) -> Order:
    return Order(
        event_no=no,
        strategy="alpha",
        client_order_id=name,
        instrument="STK:AAPL:SMART:USD",
        side="BUY",
        quantity=10.0,
        order_type="LMT",
        status=status,
        ts=NOON + ts,
        **more,
    )


def fill(no: int, exec_id: str, quantity: float = 10.0, **more: Any) -> Fill:
    more = {"side": "BUY", "con_id": 265598, "account": "DU1", "price": 100.5, "ts": NOON + 50_000_000} | more
    return Fill(
        event_no=no, strategy="alpha", client_order_id="a-1", exec_id=exec_id, quantity=quantity, **more
    )


# -- the follower


class Journal:
    def __init__(self) -> None:
        self.taken: list[int] = []
        self.forgotten = 0
        self.follower = JournalFollower(lambda event: self.taken.append(event.event_no), self._forget)

    def _forget(self) -> None:
        self.forgotten += 1
        self.taken.clear()

    def hear(self, *numbers: int) -> None:
        for number in numbers:
            self.follower.event(order(number))

    def page(self, *numbers: int, now: float = 0.0) -> None:
        events: list[OrderEvent] = [order(number) for number in numbers]
        self.follower.page(events, now)


def test_live_events_are_taken_once_and_in_order() -> None:
    journal = Journal()
    journal.follower.head(0)
    journal.hear(1, 2, 2, 1, 3)
    assert journal.taken == [1, 2, 3]
    assert journal.follower.complete
    assert journal.follower.wants(0.0) is None


def test_what_was_there_before_and_what_was_lost_is_asked_for() -> None:
    journal = Journal()
    journal.follower.head(5)
    assert journal.follower.wants(0.0) == 0
    assert journal.follower.wants(1.0) is None  # an answer is under way
    assert journal.follower.wants(ASK_AGAIN_S) == 0  # it never came
    journal.hear(6)
    journal.page(1, 2, 3, now=4.0)
    assert not journal.follower.complete
    assert journal.follower.wants(5.0) == 3
    journal.page(4, 5, 6, now=6.0)
    assert journal.taken == [1, 2, 3, 4, 5, 6]
    assert journal.follower.complete


def test_another_journal_is_read_from_its_beginning() -> None:
    journal = Journal()
    journal.hear(1, 2, 3)
    journal.follower.head(1)
    assert (journal.forgotten, journal.taken) == (1, [])
    assert journal.follower.wants(0.0) == 0


# -- the monitor


@pytest.fixture
def monitor() -> OrderMonitor:
    return OrderMonitor(DAY)


def test_an_order_says_since_when_it_is_in_its_state(monitor: OrderMonitor) -> None:
    monitor.event(order(1, "pending"))
    monitor.event(order(2, "submitted", ts=20_000_000))
    monitor.event(order(3, "submitted", ts=90_000_000, filled=5.0))
    (row,) = monitor.orders().values()
    assert (row["status"], row["since"], row["filled"]) == ("submitted", NOON + 20_000_000, 5.0)
    assert [(each.fill, each.seconds) for each in monitor.latencies] == [(False, 0.02)]


def test_unknown_orders_stand_first_and_finished_ones_last(monitor: OrderMonitor) -> None:
    monitor.event(order(1, "filled", "done"))
    monitor.event(order(2, "submitted", "works"))
    monitor.event(order(3, "unknown", "lost"))
    rows = sorted(monitor.orders().values(), key=lambda row: row["rank"])
    assert [row["client_order_id"] for row in rows] == ["lost", "works", "done"]
    assert (monitor.unknown(), monitor.working(), monitor.oldest_unknown()) == (1, 2, NOON)
    assert monitor.by_state() == {("alpha", "submitted"): 1, ("alpha", "unknown"): 1}


def test_a_fill_has_its_slippage_latency_and_cost(monitor: OrderMonitor) -> None:
    monitor.event(order(1, "pending"))
    monitor.mid(("alpha", "a-1"), 100.25)
    monitor.event(fill(2, "e1"))
    monitor.event(
        Commission(
            event_no=3, strategy="alpha", client_order_id="a-1", exec_id="e1", commission=1.5,
            currency="USD", realized_pnl=7.0, ts=NOON,
        )
    )  # fmt: skip
    (row,) = monitor.fills().values()
    assert (row["slippage"], row["latency_s"], row["commission"]) == (0.25, 0.05, 1.5)
    (strategy,) = monitor.strategies().values()
    assert (strategy["fills"], strategy["realized"], strategy["commission"]) == (1, 7.0, 1.5)


def test_a_correction_takes_the_place_of_what_it_corrects(monitor: OrderMonitor) -> None:
    monitor.event(order(1))
    monitor.event(fill(2, "e1.01"))
    monitor.event(fill(3, "e1.02", 9.0, corrects="e1.01"))
    (row,) = monitor.fills().values()
    assert (row["quantity"], row["corrects"]) == (9.0, "e1.01")


def test_a_new_day_forgets_what_is_finished_and_keeps_what_works(monitor: OrderMonitor) -> None:
    monitor.event(order(1, "filled", "done"))
    monitor.event(order(2, "submitted", "works"))
    monitor.event(fill(3, "e1"))
    monitor.new_day(DAY + 1)
    assert [row["client_order_id"] for row in monitor.orders().values()] == ["works"]
    assert monitor.fills() == {}
    assert monitor.strategies()["alpha"]["fills"] == 0


# -- our own count


def test_what_was_there_before_is_from_outside_and_stays_so() -> None:
    count = OwnCount()
    count.event(fill(1, "e1"))
    count.compare({AAPL: 110.0}, 0.0)
    assert count.own(AAPL) is None  # the journal is not read to its end
    count.complete = True
    count.compare({AAPL: 110.0}, 1.0)
    assert (count.own(AAPL), count.difference(AAPL, 110.0)) == (10.0, None)  # not yet believed
    count.compare({AAPL: 110.0}, 1.0 + SETTLED_S)
    assert (count.own(AAPL), count.outside[AAPL], count.difference(AAPL, 110.0)) == (10.0, 100.0, 0.0)
    kept = OwnCount(count.outside)
    kept.complete = True
    kept.compare({AAPL: 110.0}, 2.0)  # restarted, before the journal: a difference, and not forgiven
    assert kept.difference(AAPL, 110.0) == 10.0


def test_a_fill_that_is_on_its_way_is_no_position_from_outside() -> None:
    """The broker's word of a position came before our own journal's of the fill, at the first
    comparison ever: the position differed for ever."""
    count = OwnCount()
    count.complete = True
    count.compare({AAPL: 10.0}, 0.0)
    count.event(fill(1, "e1"))
    for second in range(1, 9):
        count.compare({AAPL: 10.0}, float(second))
    assert (count.outside, count.difference(AAPL, 10.0)) == ({}, 0.0)
    assert count.differing_since(9.0) == {}


def test_a_difference_is_as_old_as_it_has_stood() -> None:
    count = OwnCount({})
    count.complete = True
    count.event(fill(1, "e1"))
    count.compare({}, 10.0)
    count.compare({}, 40.0)
    assert count.differing_since(70.0) == {AAPL: 60.0}
    count.compare({AAPL: 10.0}, 71.0)
    assert count.differing_since(72.0) == {}


def test_a_fill_counts_once_a_correction_replaces_and_without_a_contract_nothing_is_claimed() -> None:
    count = OwnCount({})
    count.complete = True
    count.event(fill(1, "e1.01"))
    count.event(fill(1, "e1.01"))
    count.event(fill(2, "e1.02", 8.0, corrects="e1.01"))
    count.event(fill(3, "e2", 3.0, side="SELL"))
    assert count.own(AAPL) == 5.0
    count.event(fill(4, "e3", con_id=None))
    assert count.own(AAPL) is None


# -- the board


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


def test_it_is_answered_in_pages() -> None:
    board = BoardKeeper(7)
    board.update("orders", {str(n): {"key": str(n)} for n in range(5)}, 1)
    page = board.answer(GetBoard(sections=["orders"], limit=2), 99)
    assert ([row["key"] for row in page.sections[0].rows], page.sections[0].total, page.next) == (
        ["0", "1"],
        5,
        2,
    )
    last = board.answer(GetBoard(sections=["orders"], after=4, limit=2), 99)
    assert ([row["key"] for row in last.sections[0].rows], last.next) == (["4"], None)
    with pytest.raises(RequestError, match="no section"):
        board.answer(GetBoard(sections=["nothing"]), 99)
