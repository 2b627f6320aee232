"""Every example runs to its end against a whole cluster. What stands on pages: test_docs_blocks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from support.cluster import Cluster

ROOT = Path(__file__).parents[2]


def run(program: Path, *args: str) -> str:
    done = subprocess.run(
        [sys.executable, str(program), *args], capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("example", "says"),
    [
        ("plain_pyzmq.py", ["accepted as order", "USD", "filled", "submitted", "cancelled"]),
        ("python_client.py", ["accepted as order", "filled", "submitted", "cancelled", "orders "]),
        ("asyncio_client.py", ["AAPL-", "MSFT-", "filled", "0 events lost"]),
    ],
)
def test_an_example_runs_to_its_end(cluster: Cluster, example: str, says: list[str]):
    told = run(ROOT / "examples" / example, str(cluster.port_base))
    for words in says:
        assert words in told
