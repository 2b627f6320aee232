"""One version, in one place: whatever else names it agrees, and a release is written from it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "scripts" / "release"


def test_everything_names_the_version_of_pyproject() -> None:
    done = subprocess.run([sys.executable, SCRIPT, "--check"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_release_says_how_it_is_used_and_refuses_what_is_no_version() -> None:
    for argument, told in (("--help", "scripts/release 0.2.0"), ("next", "no version")):
        done = subprocess.run([sys.executable, SCRIPT, argument], capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert told in done.stderr
