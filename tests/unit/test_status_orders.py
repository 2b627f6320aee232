"""The order monitor and our own count: every event of the journal once, whatever was lost on the way."""

from __future__ import annotations

from typing import Any

import pytest
from support.journal_events import DAY, NOON, cost, fill, order
from twsmq_nodes.status.follower import ASK_AGAIN_S, JournalFollower
from twsmq_nodes.status.order_monitor import OrderMonitor
from twsmq_nodes.status.own_count import SETTLED_S, OwnCount
from twsmq_protocol.order_events import Commission, ForeignOrderChanged, OrderEvent

AAPL = ("DU1", 265598)


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

    def page(self, *numbers: int, now: float = 0.0, after: int | None = None, upto: int = 0) -> None:
        events: list[OrderEvent] = [order(number) for number in numbers]
        begin = self.follower.last if after is None else after
        self.follower.page(events, begin, max(upto, *numbers, 0), now)


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


def test_numbers_that_a_power_loss_has_left_out_are_not_waited_for() -> None:
    """They were, for ever: no order, fill or result of a strategy was known any more."""
    journal = Journal()
    journal.hear(1, 2)
    journal.follower.head(100)
    assert journal.follower.wants(0.0) == 2
    journal.page(upto=100)
    assert journal.follower.complete
    journal.hear(101, 103)
    assert journal.follower.wants(9.0) == 101
    journal.page(102, 103, now=9.1)
    journal.follower.head(1_000_103)
    journal.hear(1_000_104)
    journal.page(1_000_104)
    assert journal.taken == [1, 2, 101, 102, 103, 1_000_104]
    assert journal.follower.complete


def test_a_page_of_the_journal_that_was_forgotten_is_none_of_the_new_one() -> None:
    journal = Journal()
    journal.hear(1, 2, 3)
    journal.follower.head(1)
    journal.page(4, 5, after=3)
    assert journal.taken == []


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


def test_what_is_of_two_currencies_is_not_summed(monitor: OrderMonitor) -> None:
    monitor.event(order(1))
    for number, exec_id in enumerate(("e1", "e2", "e3"), 2):
        monitor.event(fill(number, exec_id))
    monitor.event(cost(5, "e1", 1.5, "USD", 7.0))
    monitor.event(cost(6, "e2", 2.0, "USD"))
    row = monitor.strategies()["alpha"]
    assert (row["realized"], row["commission"], row["currency"]) == (7.0, 3.5, "USD")
    monitor.event(cost(7, "e3", 400.0, "JPY", -9000.0))
    row = monitor.strategies()["alpha"]
    assert (row["realized"], row["commission"]) == (None, None)
    assert row["currency"] == (
        "JPY: realized -9,000.00, commission 400.00; USD: realized 7.00, commission 3.50"
    )
    assert [each["currency"] for each in monitor.fills().values()] == ["JPY", "USD", "USD"]


def test_what_a_corrected_execution_cost_does_not_count(monitor: OrderMonitor) -> None:
    monitor.event(order(1))
    monitor.event(fill(2, "e1.01"))
    monitor.event(cost(3, "e1.01", 1.5, "USD", 7.0))
    monitor.event(fill(4, "e1.02", 9.0, corrects="e1.01"))
    monitor.event(cost(5, "e1.02", 1.25, "USD", 6.0))
    row = monitor.strategies()["alpha"]
    assert (row["fills"], row["realized"], row["commission"]) == (1, 6.0, 1.25)


def test_foreign_orders_come_change_and_end_between_two_listings(monitor: OrderMonitor) -> None:
    fields: dict[str, Any] = {
        "perm_id": 7, "client_id": 0, "order_id": 0, "instrument": "STK:AAPL:SMART:USD", "side": "BUY",
        "quantity": 5.0, "order_type": "LMT", "account": "DU1", "tif": "GTC", "status": "Submitted",
        "filled": 0.0, "reference": "",
    }  # fmt: skip
    monitor.foreign_changed(ForeignOrderChanged(**fields))
    monitor.foreign_changed(ForeignOrderChanged(**{**fields, "filled": 2.0}))
    (row,) = monitor.foreign().values()
    assert (row["key"], row["filled"]) == ("7", 2.0)
    monitor.foreign_changed(ForeignOrderChanged(**{**fields, "working": False}))
    assert monitor.foreign() == {}


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
