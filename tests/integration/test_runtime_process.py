"""How a node's process starts and ends: in order when told, at once when orphaned, in words when refused."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from support.node_process import NodeProcess
from support.plain_client import PlainClient

pytestmark = pytest.mark.usefixtures("no_orphans")

LIFELINE = "TWSMQ_LIFELINE_FD"


def await_beat(port_base: int, state: str = "connecting") -> None:
    client = PlainClient(port_base)
    try:
        client.subscribe("node/connection/")
        client.await_event(lambda _, event: event["state"] == state)
    finally:
        client.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_told_to_stop_it_says_so_and_ends_in_order(config_file: Path, port_base: int, number: int) -> None:
    node = NodeProcess("connection", config_file).start()
    client = PlainClient(port_base)
    try:
        client.subscribe("node/connection/")
        client.await_event(lambda _, event: event["state"] == "connecting")
        assert node.stop(number) == 0
        client.await_event(lambda _, event: event["state"] == "stopping")
        assert node.log()[-1]["event"] == "node stopped"
    finally:
        client.close()
        node.kill()


@pytest.mark.parametrize("blocking", [True, False], ids=["blocking", "made non-blocking by a sibling"])
def test_it_ends_with_whoever_holds_its_lifeline(config_file: Path, port_base: int, blocking: bool) -> None:
    ours, its = os.pipe()[::-1]
    os.set_blocking(its, blocking)
    node = NodeProcess("connection", config_file).start(pass_fds=(its,), **{LIFELINE: str(its)})
    try:
        os.close(its)
        await_beat(port_base)
        os.close(ours)
        assert node.wait(60) == 3
    finally:
        node.kill()


@pytest.mark.parametrize("rubbish", ["", "abc", "-1", "9" * 30])
def test_a_lifeline_that_is_none_is_refused(config_file: Path, rubbish: str) -> None:
    node = NodeProcess("connection", config_file).start(pass_fds=(), **{LIFELINE: rubbish})
    assert node.wait(60) == 2
    assert "is no open file descriptor: unset it" in node.log()[-1]["problem"]


def test_even_a_process_whose_loop_hangs_leaves_no_orphan() -> None:
    ours, its = os.pipe()[::-1]
    script = (
        "import time; from twsmq_transport.lifeline import watch_lifeline; "
        "watch_lifeline(); print(flush=True); time.sleep(100)"
    )
    hanging = subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        pass_fds=(its,),
        env=os.environ | {LIFELINE: str(its)},
    )
    with hanging:
        os.close(its)
        assert hanging.stdout is not None
        hanging.stdout.readline()
        os.close(ours)
        assert hanging.wait(60) == 3


def test_without_a_lifeline_it_lives_until_told(config_file: Path, port_base: int) -> None:
    node = NodeProcess("connection", config_file).start()
    try:
        await_beat(port_base)
        assert node.stop() == 0
    finally:
        node.kill()


@pytest.mark.parametrize(
    "start", ["asyncio.get_running_loop().call_soon(bug)", "threading.Thread(target=bug).start()"]
)
def test_whatever_raises_ends_the_process_rather_than_leave_it_half_changed(
    config_file: Path, start: str
) -> None:
    script = (
        "from twsmq_nodes.runtime.node import Shell\n"
        "from twsmq_nodes.runtime.process import run\n"
        "import asyncio, threading\n"
        "def bug(): {}['a key nobody has']\n"
        "class Faulty(Shell):\n"
        "    def __init__(self, node): pass\n"
        f"    def start(self): {start}\n"
        "run('connection', Faulty)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "--config", str(config_file)], stderr=subprocess.PIPE, timeout=30
    )
    assert done.returncode == 70
    assert b"a key nobody has" in done.stderr


@pytest.mark.parametrize("offset", [10, 11])
def test_a_taken_port_is_one_line_and_exit_2(config_file: Path, port_base: int, offset: int) -> None:
    with socket.create_server(("127.0.0.1", port_base + offset)):
        node = NodeProcess("connection", config_file).start()
        try:
            assert node.wait() == 2
        finally:
            node.kill()
    (line,) = node.log()
    assert line["level"] == "error"
    assert str(port_base + offset) in line["problem"]
    assert "port_base" in line["problem"]


def test_two_of_the_same_node_do_not_run_side_by_side(config_file: Path, port_base: int) -> None:
    first = NodeProcess("connection", config_file).start()
    second = NodeProcess("connection", config_file)
    try:
        await_beat(port_base)
        second.log_file = config_file.with_name("second.log")
        assert second.start().wait() == 2
        assert first.stop() == 0
    finally:
        first.kill()
        second.kill()


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[gateway]\nprot = 4002\n", "prot"),
        ("[cluster]\nport_base = 'high'\n", "port_base"),
        ("[cluster]\nbind = '0.0.0.0'\n", "bind"),
        ("[cluster\n", "TOML"),
        (None, "twsmq.toml"),
    ],
)
def test_a_configuration_that_cannot_be_used_is_one_line_and_exit_2(
    tmp_path: Path, text: str | None, named: str
) -> None:
    config = tmp_path / "twsmq.toml"
    if text is not None:
        config.write_text(text)
    node = NodeProcess("connection", config).start()
    try:
        assert node.wait() == 2
    finally:
        node.kill()
    (line,) = node.log()
    assert named in line["problem"]


def test_a_gateway_named_on_the_command_line_is_the_one_it_tries(config_file: Path, port_base: int) -> None:
    node = NodeProcess("connection", config_file, "--gateway", f"127.0.0.1:{port_base + 96}").start()
    client = PlainClient(port_base)
    try:
        client.subscribe("node/connection/")
        client.await_event(lambda _, event: f":{port_base + 96}" in (event["detail"] or ""))
        assert node.stop() == 0
    finally:
        client.close()
        node.kill()
