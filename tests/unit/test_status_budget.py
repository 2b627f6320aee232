"""The message budget on the board, from what each process counts."""

from __future__ import annotations

from twsmq_nodes.status.processes import ProcessBoard
from twsmq_protocol.metrics import METRICS, Metrics, MetricSamples, Sample


def counted(**families: list[Sample]) -> Metrics:
    return Metrics(
        name="orders",
        incarnation=1,
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
    assert board.budget()["orders"]["errors"] == 0
    refused = Sample(labels={"class": "error"}, value=2)
    board.counted(
        counted(gateway_messages_sent_total=sent, gateway_errors_total=[informed, refused]), now=2.0
    )
    assert board.budget()["orders"]["errors"] == 2
