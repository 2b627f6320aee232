"""The programs of `examples/`, as a reader runs them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from support.patience import patient

EXAMPLES = Path(__file__).parents[2] / "examples"
SAYS = {
    "plain_pyzmq.py": ["accepted as order", "USD", "filled", "submitted", "cancelled"],
    "python_client.py": ["accepted as order", "filled", "submitted", "cancelled", "orders "],
    "asyncio_client.py": ["AAPL-", "MSFT-", "filled", "0 events lost"],
}


def run_example(name: str, *args: str, code: int = 0) -> str:
    """What it prints; where it fails, one line that says why."""
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name), *args],
        capture_output=True,
        text=True,
        timeout=patient(100),
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert done.stderr.count("\n") == (code != 0), done.stderr
    return done.stdout + done.stderr
