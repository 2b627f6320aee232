"""The `twsmq` command before and beside its work: quick help, a quiet Ctrl-C, a reader who leaves."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.command import Command

HEAVY = ("zmq", "msgspec", "rich", "asyncio", "psutil", "twsmq.client")


@pytest.mark.parametrize("words", ["--help", "--version"])
def test_help_and_version_load_none_of_the_heavy_modules(words: str) -> None:
    program = (
        "import sys; from twsmq.cli import main\n"
        f"try: main([{words!r}])\n"
        f"finally: print(*[name for name in {HEAVY} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stderr.strip() == ""
    assert done.stdout


INTERRUPTED_WHILE_IMPORTING = """
import os, signal, sys
class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupting())
from twsmq.cli import main
main(["up"])
"""


@pytest.mark.parametrize("module", ["click", "twsmq.cli.root", "twsmq_supervisor.shell", "rich.live"])
def test_ctrl_c_while_modules_load_is_quiet(module: str, tmp_path: Path) -> None:
    program = INTERRUPTED_WHILE_IMPORTING.format(module=module)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode in (-2, 130)
    assert done.stderr == ""


INTERRUPTED_WHILE_WORKING = """
import os, signal, sys
from twsmq.cli import main
bound = []
def interrupt_the_first(event, _):
    if event == "socket.bind" and not bound:
        bound.append(event)
        os.kill(os.getpid(), signal.SIGINT)
sys.addaudithook(interrupt_the_first)
main(["up", "--config", sys.argv[1]])
"""


def test_ctrl_c_before_anything_is_started_is_quiet(config_file: Path) -> None:
    program = [sys.executable, "-c", INTERRUPTED_WHILE_WORKING, str(config_file)]
    done = subprocess.run(program, capture_output=True, text=True)
    assert done.returncode == 130
    assert done.stderr == ""


@pytest.mark.parametrize("words", [("orders", "export", "--what", "orders")])
def test_a_reader_who_leaves_is_no_error(config_file: Path, words: tuple[str, ...]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    (config_file.parent / "var").mkdir()
    journal = config_file.parent / "var" / "orders.journal"
    subprocess.run(
        [sys.executable, "-c", f"import sqlite3; sqlite3.connect({str(journal)!r}).execute("
         "'CREATE TABLE entries (event_no, strategy, event)')"],
        check=True,
    )  # fmt: skip
    process = Command(config_file).popen(*words, stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    _, stderr = process.communicate(timeout=100)
    assert process.returncode == 0
    assert stderr == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has a device that is full")
@pytest.mark.parametrize("words", [("why", "connection"), ("--help",), ("watch", "--help")])
def test_a_disk_that_takes_no_more_of_what_is_printed_is_one_line(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    with Path("/dev/full").open("wb") as full:
        command = [sys.executable, "-m", "twsmq.cli", *words]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "twsmq: cannot write all of it: No space left on device"
    assert "Traceback" not in done.stderr
