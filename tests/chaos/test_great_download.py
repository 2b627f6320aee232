"""Years of minutes of many instruments, with the download killed again and again on its way.

    TWSMQ_GREAT_DOWNLOAD=50:1826:50 pytest tests/chaos/test_great_download.py -m slow -s

are 50 instruments, 1826 days and 50 kills (the default is a tenth of that). The gateway is the simulated one,
its rules on, no latency, no message budget.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
from conftest import GATEWAY_OFFSET, orphans_refused, reserved_ports
from support.cluster import Cluster
from support.command import Command
from twsmq import Client
from twsmq_protocol.history_requests import MOST_BARS

SYMBOLS = ("AAPL", "MSFT", "TSLA", "NVDA", "AMZN", "GOOG", "META", "IBM", "JPM", "F", "KO", "SPY", "QQQ")
EXCHANGES = ("SMART", "NASDAQ", "ARCA", "NYSE")
INSTRUMENTS, DAYS, KILLS = map(int, os.environ.get("TWSMQ_GREAT_DOWNLOAD", "5:183:5").split(":"))
LAST = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=3)
FIRST = LAST - timedelta(days=DAYS)
PER_INSTRUMENT = 2
"""Requests beside those for bars: when its history begins, and its sessions."""
QUIET_S = 30.0
LEARNED = 2
"""Requests that a node needs, once, to learn how much it may ask for at a time."""


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    folder = tmp_path / "cluster"
    folder.mkdir()
    with reserved_ports() as base, orphans_refused():
        running = Cluster(folder, base, base + GATEWAY_OFFSET, "messages_per_second = 0")
        try:
            running.start()
            yield running
        finally:
            running.kill()


def instruments() -> list[str]:
    every = [f"STK:{symbol}:{exchange}:USD" for exchange in EXCHANGES for symbol in SYMBOLS]
    return every[:INSTRUMENTS]


def sent(port_base: int) -> int:
    """Messages that the history process has written to the gateway."""
    with Client(port_base=port_base) as client:
        told: dict[str, Any] = client.request("history", "metrics", timeout=60)
    (row,) = (row for row in told["metrics"] if row["name"] == "gateway_messages_sent_total")
    return int(row["samples"][0]["value"])


def least(verdicts: list[dict[str, Any]]) -> int:
    """Requests that nobody could do without: an answer has so many bars, of one instrument."""
    return sum(-(-one["bars"] // MOST_BARS) + PER_INSTRUMENT for one in verdicts)


def written(folder: Path) -> int:
    ledger = folder / ".twsmq" / "ledger.jsonl"
    return ledger.stat().st_size if ledger.exists() else 0


def run_until_killed(command: Command, words: list[str], folder: Path, chance: random.Random) -> bool:
    """Whether it came to its end before. It is killed some moments after it has written something."""
    process = command.popen(*words, stderr=subprocess.DEVNULL)
    before = written(folder)
    deadline = time.monotonic() + 600
    while process.poll() is None and written(folder) == before:
        assert time.monotonic() < deadline
        time.sleep(0.01)  # a file cannot be awaited
    time.sleep(chance.uniform(0, 2))
    process.send_signal(signal.SIGKILL)
    return process.wait(30) == 0


@pytest.mark.slow
@pytest.mark.timeout(6 * 3600)
def test_nothing_is_lost_doubled_or_asked_for_in_vain(cluster: Cluster, tmp_path: Path) -> None:
    command, folder, chance = Command(cluster.config), tmp_path / "bars", random.Random(7)
    universe = tmp_path / "universe.txt"
    universe.write_text("\n".join(instruments()))
    words = ["history", "download", "--universe", str(universe), "--size", "1m", "--rth", "-o", str(folder)]
    words += ["--from", f"{FIRST:%Y-%m-%d}", "--to", f"{LAST:%Y-%m-%d}"]
    born, before = time.monotonic(), sent(cluster.port_base)
    node = psutil.Process(cluster.rows()["history"]["pid"])
    began, kills, memory = time.monotonic(), 0, list[float]()
    while kills < KILLS and not run_until_killed(command, words, folder, chance):
        kills += 1
        memory.append(node.memory_info().rss / 2**20)
    done = command.run(*words, timeout=5 * 3600)
    seconds = time.monotonic() - began
    assert done.returncode == 0, done.stderr[-2000:]
    memory.append(node.memory_info().rss / 2**20)
    told = subprocess.run(
        [sys.executable, "-m", "twsmq.cli", "history", "verify", str(folder), "--json"],
        capture_output=True, text=True, timeout=3600, check=False,
    )  # fmt: skip
    report = json.loads(told.stdout)
    verdicts = report["instruments"]
    requests = sent(cluster.port_base)
    time.sleep(QUIET_S)  # what it writes without being asked anything, its probes, is no request
    probes = (sent(cluster.port_base) - requests) / QUIET_S * (time.monotonic() - born)
    requests -= before + int(probes)
    bars, wanted = sum(one["bars"] for one in verdicts), least(verdicts)
    sys.stdout.write(
        f"\n{bars:,} bars of {len(verdicts)} instruments, {kills} kills, {seconds:.0f} s; "
        f"{requests} requests to the gateway, {wanted} at least; node {memory[0]:.0f} MB after the first "
        f"kill, {memory[-1]:.0f} MB at the end\n"
    )
    assert report["complete"], report
    assert kills == KILLS, "it was over before: choose more days"
    assert [(one["missing"], one["doubled"]) for one in verdicts] == [(0, 0)] * len(verdicts)
    assert requests <= 1.1 * wanted + LEARNED, "what was fetched before is asked for again"
    assert memory[-1] < 1.5 * memory[0] + 50
