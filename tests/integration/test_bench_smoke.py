"""The market-data bench comes to a table and a plot; what the figures are worth is not judged here."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BENCH = (sys.executable, "-m", "bench.marketdata.run")
SIDES = ("twsmq", "ibapi → PUB", "ib_async → PUB")

pytest.importorskip("matplotlib", reason="needs the bench extra")


@pytest.mark.timeout(600)
def test_the_bench_comes_to_a_table_and_a_plot(tmp_path: Path) -> None:
    done = subprocess.run(
        [*BENCH, "--quick", "--results", str(tmp_path), "throughput", "latency", "rest"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=150,
    )
    assert done.returncode == 0, done.stderr
    table = (tmp_path / "marketdata.md").read_text()
    rates = [line for line in table.splitlines() if line.startswith(SIDES, 2) and line.count("|") == 6]
    assert len(rates) == len(SIDES), table
    for row in rates:
        _, _side, _instruments, rate, lost, _cpu, _ = (cell.strip() for cell in row.split("|"))
        assert int(rate.replace(",", "")) > 0
        assert lost == "0"
    assert "p50 at 1,000/s ÷ (bare TCP + bare ZeroMQ hop)" in table
    assert "## At rest" in table
    assert (tmp_path / "marketdata.png").read_bytes().startswith(b"\x89PNG")
