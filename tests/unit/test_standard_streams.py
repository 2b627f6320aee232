"""A process whose standard streams are full, or not there at all."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

LOGS = """
import sys
from twsmq_transport import log as logs
from twsmq_protocol.standard_streams import Unbroken
logs.configure("x") if sys.argv[1] == "configure" else logs.configure_plain(Unbroken(1))
import structlog
for number in range(3):
    structlog.get_logger().warning("said", number=number)
"""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has a device that is full")
@pytest.mark.parametrize("how", ["configure", "configure_plain"])
def test_a_log_that_takes_nothing_more_ends_nobody(how: str) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run([sys.executable, "-c", LOGS, how], stdout=full, stderr=full)
    assert done.returncode == 0


OPENS = """
import os, sys
from twsmq_transport import log as logs
logs.configure("x")
journal = os.open(sys.argv[1], os.O_CREAT | os.O_RDWR)
import structlog
structlog.get_logger().warning("said")
os.write(2, b"what a library says")
os.write(journal, b"ours")
"""


def test_what_is_opened_where_a_stream_was_closed_is_not_written_to_by_others(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    command = 'exec "$0" -c "$1" "$2" <&- >&- 2>&-'
    done = subprocess.run(["sh", "-c", command, sys.executable, OPENS, str(journal)])
    assert done.returncode == 0
    assert journal.read_bytes() == b"ours"
