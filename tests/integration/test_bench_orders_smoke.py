"""The bench of the orders node runs from end to end; what it measures is nobody's business here."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("matplotlib", reason="the plot needs the bench extra")

RUN = Path(__file__).parents[2] / "bench" / "orders" / "run.py"


def test_every_side_is_measured_and_written_down(tmp_path: Path, no_orphans: None) -> None:
    done = subprocess.run(
        [sys.executable, str(RUN), "--quick", "--out", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    table = (tmp_path / "orders.md").read_text()
    assert done.stdout.strip() == table.strip()
    for side in ("twsmq: client", "ib_async, in process", "IBKR's ibapi as shipped", "a bare relay"):
        assert table.count(f"| {side}") == 2, table
    for side in ("twsmq with durability", "the bare relay without its commit"):
        assert table.count(f"| {side}") == 1, table
    for part in ("Where the time goes", "Where the node's processor time goes"):
        _, _, rows = table.partition(f"## {part}")
        shown = [line for line in rows.partition("##")[0].splitlines() if line.startswith("| ")][1:]
        assert len(shown) > 5, table
        assert not any("nan" in line or "| 0.0 |" in line for line in shown), table
    assert (tmp_path / "orders.png").read_bytes().startswith(b"\x89PNG")
    for side in ("twsmq", "ib_async", "ibapi", "relay", "process", "unsaved"):
        assert f"round 1: {side}, answers after" in done.stderr
