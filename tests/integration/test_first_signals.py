"""Signals to a process that has only begun: its modules are still being imported."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.patience import patient

SLOW_TO_IMPORT = """
import sys
print("importing", flush=True)
sys.stdin.read()
"""


@contextmanager
def importing(
    folder: Path, module: str, *words: str, slow: tuple[str, ...] = ("click", "msgspec", "structlog")
) -> Iterator[subprocess.Popen[bytes]]:
    """It waits in the first import of what is none of ours."""
    for name in slow:
        (folder / f"{name}.py").write_text(SLOW_TO_IMPORT)
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", module, *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(folder)},
    )
    with process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"importing\n"
            yield process
        finally:
            process.kill()


def ended(process: subprocess.Popen[bytes]) -> tuple[int, bytes]:
    code = process.wait(patient(20))
    assert process.stderr is not None
    return code, process.stderr.read()


PROCESSES = ["twsmq_nodes.orders", "twsmq_supervisor", "twsmq_supervisor.front", "twsmq_web"]
PROCESSES += ["twsmq_simulator"]


@pytest.mark.parametrize("module", PROCESSES)
def test_what_means_nothing_ends_nobody_and_what_asks_for_an_end_gets_it(module: str, tmp_path: Path) -> None:
    with importing(tmp_path, module) as process:
        process.send_signal(signal.SIGUSR1)
        process.send_signal(signal.SIGUSR2)
        process.send_signal(signal.SIGTERM)
        assert ended(process) == (0, b"")


def test_signals_that_whoever_starts_it_has_blocked_for_itself_reach_it(tmp_path: Path) -> None:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM, signal.SIGUSR1))
    try:
        with importing(tmp_path, "twsmq_nodes.orders") as process:
            process.send_signal(signal.SIGUSR1)
            process.send_signal(signal.SIGTERM)
            assert ended(process) == (0, b"")
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def test_up_too_takes_no_notice_and_ends_by_ctrl_c(tmp_path: Path) -> None:
    with importing(tmp_path, "twsmq.cli", "up") as process:
        process.send_signal(signal.SIGUSR1)
        process.send_signal(signal.SIGUSR2)
        process.send_signal(signal.SIGINT)
        assert ended(process) == (-signal.SIGINT, b"")


def test_the_doctor_who_was_stopped_does_not_say_that_all_is_well(tmp_path: Path) -> None:
    with importing(tmp_path, "twsmq_nodes.doctor", slow=("click",)) as process:
        process.send_signal(signal.SIGTERM)
        assert ended(process) == (-signal.SIGTERM, b"")
