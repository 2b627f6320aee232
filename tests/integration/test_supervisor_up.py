"""`twsmq up`, `status` and `down` as a user runs them, with the real nodes and the simulated gateway."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from support.cluster import NODES
from support.command import Command, few_files
from support.patience import patient
from support.plain_client import PlainClient
from twsmq_protocol.processes import EX_UNMENDABLE
from twsmq_transport.descriptors import LEAST

PROCESSES = ["supervisor", "simulator", *NODES]
COLUMNS = ["name", "state", "pid", "client_id", "restarts", "uptime_s", "reason"]

pytestmark = pytest.mark.usefixtures("no_orphans")


@pytest.fixture
def twsmq(config_file: Path) -> Iterator[Command]:
    """Whatever is up is down when the test is over."""
    command = Command(config_file)
    yield command
    command.run("down")
    command.end()


def test_detached_it_runs_until_told_otherwise_with_the_least_of_open_files(
    config_file: Path, twsmq: Command
) -> None:
    up = Command(config_file, open_files=LEAST).run("up", "--detach")
    assert up.returncode == 0, up.stdout + up.stderr
    assert f"{len(PROCESSES)} processes" in up.stdout
    assert "stop it with:" in up.stdout

    told = twsmq.run("status", "--json")
    assert told.returncode == 0
    status = json.loads(told.stdout)
    assert sorted(status) == ["data_dir", "gateway", "halted", "processes"]
    assert [list(row) for row in status["processes"]] == [COLUMNS] * len(PROCESSES)
    assert [row["name"] for row in status["processes"]] == PROCESSES
    assert [row["client_id"] for row in status["processes"]] == [None, None, 100, 101, 103, 104, 110, 102]
    assert status["gateway"]["state"] == "up"

    again = twsmq.run("up", "--detach")
    assert again.returncode == 2
    assert "already runs" in again.stderr
    assert again.stderr.count("\n") == 1

    members = [psutil.Process(row["pid"]) for row in status["processes"]]
    for member in members:
        for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGPIPE, signal.SIGSTOP, signal.SIGCONT):
            member.send_signal(number)
    after = json.loads(twsmq.run("status", "--json").stdout)["processes"]
    assert [(row["pid"], row["restarts"]) for row in after] == [(member.pid, 0) for member in members]
    down = twsmq.run("down")
    assert down.returncode == 0
    assert down.stdout.splitlines()[-1] == "stopped"
    assert not [process for process in members if _alive(process)]
    assert twsmq.run("status").returncode == 3


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("twsmq.cli up", 2),
        ("twsmq.cli up --detach", 2),
        ("twsmq_supervisor", 2),
        ("twsmq_nodes.status", EX_UNMENDABLE),
        ("twsmq_web", 2),
    ],
)
def test_too_few_open_files_are_refused_with_the_number_and_the_cure(
    config_file: Path, words: str, code: int
) -> None:
    module, *options = words.split()
    command = [*few_files(LEAST - 1), sys.executable, "-m", module, *options, "--config", str(config_file)]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=config_file.parent, timeout=patient(60), check=False
    )
    assert done.returncode == code, done.stderr
    said = done.stderr + done.stdout
    assert f"only {LEAST - 1} open files" in said
    assert f"{LEAST} are needed" in said
    assert "ulimit -Hn" in said
    assert said.count("\n") == 1, said


def test_without_a_gateway_it_says_what_is_missing_and_goes_on(
    twsmq: Command, port_base: int, eventually: Callable[..., None]
) -> None:
    up = twsmq.run("up", "--detach", "--gateway", f"127.0.0.1:{port_base + 95}", "--timeout", "12")
    assert up.returncode == 1
    assert "not ready after 12 s" in up.stderr
    assert f"cannot reach 127.0.0.1:{port_base + 95}" in up.stderr
    assert up.stdout.count("7497") == 1
    warning, trouble = up.stderr.splitlines()  # the tests' configuration has no message limit
    assert "messages_per_second = 0" in warning
    assert "connection" in trouble
    assert "7497" in twsmq.run("status").stdout
    rows = twsmq.status()
    assert [row["name"] for row in rows] == [name for name in PROCESSES if name != "simulator"]
    eventually(lambda: {row["state"] for row in twsmq.status()[1:]} == {"connecting"}, within=30)
    assert all(row["restarts"] == 0 for row in twsmq.status())


def test_nobody_reading_its_output_does_not_disturb_it(twsmq: Command, port_base: int) -> None:
    client = PlainClient(port_base)
    client.subscribe("process/")
    up = twsmq.popen("up", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert up.stdout is not None
    assert up.stderr is not None
    up.stdout.readline()
    up.stdout.close()
    client.await_all(*(_ready(name) for name in PROCESSES), timeout=60)
    client.close()
    up.terminate()
    assert up.wait(60) == 0
    assert up.stderr.read() == ""
    up.stderr.close()


def test_on_a_terminal_it_is_a_live_table_that_ctrl_c_ends(twsmq: Command) -> None:
    terminal, other_end = pty.openpty()
    up = subprocess.Popen(
        twsmq.line("up"),
        stdin=other_end,
        stdout=other_end,
        stderr=other_end,
        env=os.environ | {"TERM": "xterm", "COLUMNS": "150", "LINES": "50"},
    )
    os.close(other_end)
    _read_until(terminal, "twsmq: ready after")
    assert "order place" in _read_until(terminal, "order place")
    up.send_signal(signal.SIGINT)
    _read_until(terminal, "twsmq: all stopped")
    assert up.wait(60) == 0
    os.close(terminal)


def _alive(process: psutil.Process) -> bool:
    """A zombie is gone; whose child it was is not our business."""
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def _ready(name: str) -> Callable[[str, dict[str, Any]], bool]:
    return lambda _topic, event: event["name"] == name and event["state"] == "ready"


def _read_until(terminal: int, wanted: str, within: float = 30) -> str:
    seen = ""
    deadline = time.monotonic() + within
    while wanted not in seen:
        left = deadline - time.monotonic()
        assert left > 0, seen[-3000:]
        if select.select([terminal], [], [], left)[0]:
            seen += os.read(terminal, 65536).decode()
    return seen
