"""What processes let each other know of what they asked for, wherever the file they share has gone."""

from __future__ import annotations

from pathlib import Path

import pytest
from twsmq_nodes.runtime.pacing_record import NAME, PacingRecord
from twsmq_nodes.tws.contracts import Contract
from twsmq_nodes.tws.ledger import PacingLedger
from twsmq_nodes.tws.reference_requests import ReqHeadTimestamp
from twsmq_protocol.plain_file import write_anew


def head(symbol: str) -> ReqHeadTimestamp:
    contract = Contract(symbol=symbol, sec_type="STK", exchange="SMART", currency="USD")
    return ReqHeadTimestamp(1, contract, "TRADES", 1, format_date=2)


class Process:
    def __init__(self, folder: Path, name: str) -> None:
        self.ledger = PacingLedger(owner=name)
        self.record = PacingRecord(folder, self.ledger, lambda: 100.0)

    def asks(self, symbol: str) -> None:
        with self.record.shared() as locked:
            assert locked
            self.ledger.note(1, head(symbol), 100.0)

    def knows(self, symbol: str) -> bool:
        with self.record.shared():
            return self.ledger.earliest(head(symbol), 100.0)[0] > 100.0


@pytest.mark.parametrize("removed", [False, True])
def test_a_record_that_was_begun_anew_or_removed_is_followed(tmp_path: Path, *, removed: bool) -> None:
    one, other = Process(tmp_path, "one"), Process(tmp_path, "other")
    one.asks("A")
    assert other.knows("A")
    path = tmp_path / NAME
    if removed:
        path.unlink()
    else:
        write_anew(path, path.read_bytes())
    other.asks("B")
    assert one.knows("B")
    assert one.knows("A")
    assert not one.knows("C")
    one.record.close()
    other.record.close()
