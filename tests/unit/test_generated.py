"""What is written from the protocol for other languages is of this protocol."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_no_generated_file_is_older_than_the_protocol() -> None:
    checked = subprocess.run(
        [sys.executable, str(ROOT / "protocol" / "generate"), "--check"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
