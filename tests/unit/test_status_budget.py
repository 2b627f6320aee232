"""The message budget on the board, from what each process counts."""

from __future__ import annotations

from twsmq_nodes.status.processes import ProcessBoard
from twsmq_protocol.metrics import METRICS, Metrics, MetricSamples, Sample


def counted(incarnation: int = 1, **families: list[Sample]) -> Metrics:
    return Metrics(
        name="orders",
        incarnation=incarnation,
        metrics=[
            MetricSamples(name=name, kind=METRICS[name].kind, text="", bounds=[], samples=samples)
            for name, samples in families.items()
        ],
    )


def test_what_only_informs_is_no_error() -> None:
    """A session gets half a dozen codes at start that say that a farm is connected."""
    board = ProcessBoard(["orders"], {"orders": 101})
    sent = [Sample(value=9)]
    informed = Sample(labels={"class": "information"}, value=6)
    board.counted(counted(gateway_messages_sent_total=sent, gateway_errors_total=[informed]), now=1.0)
    assert board.budget(1.0)["orders"]["errors"] == 0
    refused = Sample(labels={"class": "error"}, value=2)
    board.counted(
        counted(gateway_messages_sent_total=sent, gateway_errors_total=[informed, refused]), now=2.0
    )
    assert board.budget(2.0)["orders"]["errors"] == 2


def sent(messages: float, waits: list[int], incarnation: int = 1, refused: float = 0.0) -> Metrics:
    return counted(
        incarnation,
        gateway_messages_sent_total=[Sample(value=messages)],
        gateway_budget_messages_per_second=[Sample(value=10.00412371)],
        gateway_queue_messages=[Sample(value=3)],
        gateway_budget_wait_seconds=[Sample(value=0, buckets=waits)],
        auth_refused_total=[Sample(labels={"reason": "role"}, value=refused)],
    )


def test_what_a_dead_process_counted_last_is_no_present() -> None:
    """Its rates stood on the board as of now, and BudgetHigh never resolved."""
    board = ProcessBoard(["orders"], {})
    slow = len(METRICS["gateway_budget_wait_seconds"].bounds)
    board.counted(sent(0, [0] * (slow + 1)), now=1.0)
    board.counted(sent(20, [0] * slow + [20]), now=2.0)
    row = board.budget(2.5)["orders"]
    assert (row["rate"], row["share"], row["queue"], row["used"]) == (20.0, 10.0, 3, 1.999)
    assert board.budget_waits(2.5)
    row = board.budget(20.0)["orders"]
    assert (row["rate"], row["queue"], row["used"], row["wait_s"], row["sent"]) == (
        None,
        None,
        None,
        None,
        20,
    )
    assert board.budget_waits(20.0) == {}
    assert board.commit_s(20.0) is None


def test_no_rate_is_reckoned_over_two_lives_of_a_process() -> None:
    board = ProcessBoard(["orders"], {})
    buckets = [0] * (len(METRICS["gateway_budget_wait_seconds"].bounds) + 1)
    board.counted(sent(5, buckets), now=1.0)
    board.counted(sent(105, buckets, incarnation=2), now=2.0)
    assert board.budget(2.0)["orders"]["rate"] is None


def test_what_was_refused_before_this_board_began_is_not_of_this_minute() -> None:
    """Every restart of status was an AuthRefused once anybody had been refused six times ever."""
    board = ProcessBoard(["orders"], {})
    buckets = [0] * (len(METRICS["gateway_budget_wait_seconds"].bounds) + 1)
    assert board.refused_per_minute(0.0) == 0.0
    board.counted(sent(0, buckets, refused=500), now=1.0)
    assert board.refused_per_minute(1.0) == 0.0
    board.counted(sent(0, buckets, refused=507), now=2.0)
    assert board.refused_per_minute(2.0) == 7.0
    board.counted(sent(0, buckets, incarnation=2, refused=2), now=3.0)  # restarted: it counts from 0
    assert board.refused_per_minute(3.0) == 9.0
    assert board.refused_per_minute(62.5) == 2.0
    assert board.refused_per_minute(70.0) == 0.0
