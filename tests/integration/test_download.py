"""A download from a real cluster, killed as often as it takes, has what one request gives."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.cluster import Cluster
from support.command import Command
from twsmq import Client
from twsmq.download.store import instrument_folder

INSTRUMENTS = ("STK:AAPL:SMART:USD", "STK:MSFT:SMART:USD", "FUT:ES:CME:USD:20261218")
NS = 1_000_000_000
LAST = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=2)
FIRST = LAST - timedelta(days=8)


@pytest.fixture
def command(cluster: Cluster) -> Command:
    return Command(cluster.config)


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    named = [word for instrument in INSTRUMENTS for word in ("--instrument", instrument)]
    dates = ["--from", f"{FIRST:%Y-%m-%d}", "--to", f"{LAST:%Y-%m-%d}"]
    return ["history", "download", *named, *dates, "--size", "1m", "-o", str(tmp_path / "bars")]


@pytest.fixture
def client(cluster: Cluster) -> Iterator[Client]:
    with Client(port_base=cluster.port_base) as client:
        yield client


def lines(folder: Path) -> int:
    ledger = folder / ".twsmq" / "ledger.jsonl"
    return ledger.read_bytes().count(b"\n") if ledger.exists() else 0


def await_lines(process: subprocess.Popen[str], folder: Path, wanted: int) -> None:
    """Until the ledger has so many, or the download has ended."""
    deadline = time.monotonic() + 60
    while process.poll() is None and lines(folder) < wanted:
        assert time.monotonic() < deadline
        time.sleep(0.002)  # a file cannot be awaited


def killed_after(command: Command, words: list[str], folder: Path, more: int) -> int:
    """Start it and kill it once it has written so many lines more; its exit code."""
    wanted = lines(folder) + more
    process = command.popen(*words, stderr=subprocess.DEVNULL)
    try:
        await_lines(process, folder, wanted)
    finally:
        process.send_signal(signal.SIGKILL)
    return process.wait(60)


def rows_of(folder: Path, instrument: str) -> list[dict[str, Any]]:
    files = sorted(instrument_folder(folder, instrument).rglob("*.parquet"))
    tables = [pq.read_table(file) for file in files]
    whole = [table.set_column(0, "time", table.column("time").cast(pa.int64())) for table in tables]
    return [row for table in whole for row in table.to_pylist()]


@pytest.mark.timeout(900)
def test_killed_on_its_way_it_has_every_bar_once(
    cluster: Cluster, command: Command, client: Client, words: list[str], tmp_path: Path
) -> None:
    folder = tmp_path / "bars"
    codes = [killed_after(command, words, folder, more) for more in (2, 5, 1, 1, 1, 1)]
    assert codes[:4] == [-signal.SIGKILL] * 4
    history = cluster.rows()["history"]["pid"]
    before = lines(folder)
    going = command.popen(*words, stderr=subprocess.PIPE)
    await_lines(going, folder, before + 1)  # it is on its way
    cluster_process = [one for one in cluster.members() if one.pid == history]
    cluster_process[0].kill()  # the node it asks dies too, and comes back
    _, said = going.communicate(timeout=200)
    assert going.returncode == 0, said
    verified = command_verify(command, folder)
    assert verified["complete"], verified
    for verdict in verified["instruments"]:
        assert (verdict["missing"], verdict["doubled"]) == (0, 0)
        rows = rows_of(folder, verdict["instrument"])
        wanted = client.request(
            "history",
            "bars",
            {
                "instrument": verdict["instrument"],
                "size": "1m",
                "from": int(FIRST.timestamp()) * NS,
                "to": int(LAST.timestamp()) * NS,
            },
            timeout=60,
        )
        assert wanted["next"] is None
        assert len(rows) == verdict["bars"] > 2_000
        assert rows == wanted["bars"]


def command_verify(command: Command, folder: Path) -> dict[str, Any]:
    done = subprocess.run(
        [*command.line("history", "verify", str(folder), "--json")[:-2]],
        capture_output=True,
        text=True,
        timeout=60,
    )
    return json.loads(done.stdout)


def test_two_downloads_into_one_folder(command: Command, words: list[str], tmp_path: Path) -> None:
    first = command.popen(*words, stderr=subprocess.DEVNULL)
    try:
        await_lines(first, tmp_path / "bars", 1)
        first.send_signal(signal.SIGSTOP)  # or it may be done before the second has begun
        second = command.run(*words)
        assert second.returncode == 1
        assert f"another download works in {tmp_path / 'bars'} (process {first.pid})" in second.stderr
        assert len(second.stderr.splitlines()) == 1
    finally:
        first.send_signal(signal.SIGINT)
        first.send_signal(signal.SIGCONT)
        assert first.wait(60) == 130


def test_no_cluster(config_file: Path, words: list[str]) -> None:
    done = Command(config_file).run(*words)
    assert done.returncode == 3
    assert "history does not listen" in done.stderr
