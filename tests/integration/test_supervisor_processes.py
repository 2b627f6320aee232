"""A real supervisor over real processes that live as nodes do: killed, stopped, stubborn, broken."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgpack
import psutil
import pytest
from support.plain_client import PlainClient
from support.processes import still_running
from twsmq_protocol.requests import OPS

SAMPLE = Path(__file__).parents[1] / "support" / "sample_cluster.py"
QUICK = {"beat_s": 1.5, "grace_s": 1.0, "backoff_s": 0.1, "failed_starts": 3, "own_stall_s": 0.7}

pytestmark = pytest.mark.usefixtures("no_orphans")


class Sample:
    """A supervisor of sample nodes, and a client that hears every process event from the first on."""

    def __init__(self, config_file: Path, port_base: int) -> None:
        self.config_file = config_file
        self.folder = config_file.parent
        self.client = PlainClient(port_base)
        self.client.subscribe("process/")
        self.process: subprocess.Popen[str] | None = None

    def start(self, nodes: dict[str, list[str]], **options: Any) -> None:
        self.process = self.popen(nodes, **options)

    def popen(
        self, nodes: dict[str, list[str]], *, under: tuple[str, ...] = (), **limits: Any
    ) -> subprocess.Popen[str]:
        argv = [str(SAMPLE), str(self.config_file), json.dumps(nodes), json.dumps(QUICK | limits)]
        return subprocess.Popen(
            [*under, sys.executable, *argv],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def ready(self, *names: str) -> None:
        """Returns once all of them are, in whichever order."""
        waiting = set(names)
        while waiting:
            event = self.client.await_event(lambda _, event: event["state"] == "ready")
            waiting.discard(event["name"])

    def await_state(self, name: str, state: str, **fields: Any) -> dict[str, Any]:
        """The event that tells of it, already here or yet to come."""
        return self.client.await_event(
            lambda topic, event: (
                topic == f"process/{name}/"
                and event["state"] == state
                and all(event[key] == value for key, value in fields.items())
            )
        )

    def row(self, name: str) -> dict[str, Any]:
        rows = self.client.result("supervisor", "status")["processes"]
        return next(row for row in rows if row["name"] == name)

    def pid(self, name: str) -> int:
        return self.row(name)["pid"]

    def send(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def ended(self) -> tuple[int, str]:
        """Its exit code and all it wrote."""
        assert self.process is not None
        output, _ = self.process.communicate(timeout=100)
        return self.process.returncode, output

    def close(self) -> None:
        self.client.close()
        if self.process is not None:
            self.process.kill()
            self.process.communicate()


@pytest.fixture
def sample(config_file: Path, port_base: int) -> Iterator[Sample]:
    running = Sample(config_file, port_base)
    yield running
    running.close()


def test_a_killed_process_is_back_at_once(sample: Sample) -> None:
    sample.start({"connection": [], "orders": []})
    sample.ready("connection", "orders")
    before = sample.pid("orders")
    os.kill(before, signal.SIGKILL)
    killed = sample.await_state("orders", "starting", restarts=1)
    assert killed["reason"] == "killed by SIGKILL"
    after = sample.await_state("orders", "ready", restarts=1)
    assert after["pid"] != before
    assert after["client_id"] == 101
    assert sample.row("connection")["restarts"] == 0


def test_a_stopped_process_is_hung_killed_and_replaced(sample: Sample) -> None:
    sample.start({"connection": []})
    sample.ready("connection")
    before = sample.pid("connection")
    os.kill(before, signal.SIGSTOP)
    sample.await_state("connection", "hung", pid=before)
    assert sample.await_state("connection", "ready", restarts=1)["pid"] != before


def test_killing_the_supervisor_leaves_nobody_and_the_next_one_may_start_at_once(sample: Sample) -> None:
    nodes = {"connection": [], "status": [], "orders": ["--ignore-sigterm"]}
    sample.start(nodes)
    sample.ready(*nodes)
    children = [psutil.Process(sample.pid(name)) for name in nodes]
    first = sample.process
    sample.send(signal.SIGKILL)
    sample.start(nodes)
    assert not still_running(children, within=2)
    sample.ready(*nodes)
    assert first is not None
    first.communicate()


def test_a_supervisor_that_is_only_stopped_kills_nobody(sample: Sample) -> None:
    nodes = {"connection": [], "orders": ["--chatter"]}
    sample.start(nodes)
    sample.ready(*nodes)
    pids = [sample.pid(name) for name in nodes]
    log = sample.folder / "var" / "logs" / "orders.log"
    sample.send(signal.SIGSTOP)
    written = log.stat().st_size
    sample.client.subscribe("node/")
    beats = sum(topic == "node/orders/" for topic, _ in sample.client.events(2 * QUICK["beat_s"]))
    assert beats > 10, "its beats stopped: it was held up by the supervisor"
    assert log.stat().st_size > written + 1_000_000
    sample.send(signal.SIGCONT)
    assert [sample.pid(name) for name in nodes] == pids
    for _ in sample.client.events(2 * QUICK["beat_s"]):
        pass
    assert [(row["pid"], row["state"]) for row in map(sample.row, nodes)] == [(p, "ready") for p in pids]


def test_stopping_is_in_reverse_order_and_kills_the_stubborn(sample: Sample) -> None:
    nodes = {"connection": [], "status": ["--ignore-sigterm"], "orders": []}
    sample.start(nodes)
    sample.ready(*nodes)
    began = time.monotonic()
    sample.send(signal.SIGTERM)
    told: list[tuple[str, str]] = []
    while told[-1:] != [("supervisor", "stopped")]:
        event = sample.client.await_event(
            lambda _, event: event["state"] == "stopped" or event["name"] == "supervisor"
        )
        told.append((event["name"], event["state"]))
    assert told[-5:] == [
        ("supervisor", "stopping"),
        ("orders", "stopped"),
        ("status", "stopped"),
        ("connection", "stopped"),
        ("supervisor", "stopped"),
    ]
    assert sample.ended()[0] == 0
    assert time.monotonic() - began > QUICK["grace_s"]


def test_a_second_ctrl_c_waits_for_nobody(sample: Sample) -> None:
    sample.start({"connection": ["--ignore-sigterm"]}, grace_s=600)
    sample.ready("connection")
    sample.send(signal.SIGINT)
    sample.await_state("connection", "stopping")
    sample.send(signal.SIGINT)
    code, output = sample.ended()
    assert code == 0
    assert "killing everything" in output


def test_a_hangup_stops_it_unless_it_was_started_under_nohup(sample: Sample) -> None:
    sample.start({"connection": []})
    sample.ready("connection")
    sample.send(signal.SIGHUP)
    assert sample.ended()[0] == 0
    sample.start({"connection": []}, under=("nohup",))
    sample.ready("connection")
    sample.send(signal.SIGHUP)
    assert sample.client.result("supervisor", "restart", name="connection")
    sample.await_state("connection", "ready", restarts=1)


def test_repeated_failures_to_start_are_shown_with_the_last_words(sample: Sample) -> None:
    sample.start({"connection": [], "orders": ["--exit", "4"]})
    failed = sample.await_state("orders", "failed")
    assert failed["reason"] == "ended with exit code 4: the reactor is on fire"
    assert failed["pid"] is None
    assert failed["restarts"] == QUICK["failed_starts"] - 1
    assert sample.row("connection")["state"] == "ready"
    assert "the reactor is on fire" in (sample.folder / "var" / "logs" / "orders.log").read_text()


def test_a_bug_is_told_in_one_line_with_the_place_to_read_on(sample: Sample) -> None:
    sample.start({"connection": [], "orders": ["--bug"]})
    reason = sample.await_state("orders", "failed")["reason"]
    assert reason.startswith("ended by a bug (exit code 70): AttributeError: no such thing; see ")
    assert reason.endswith("var/logs/orders.log")


def test_one_that_never_becomes_ready_is_left_alone_while_it_beats(sample: Sample) -> None:
    sample.start({"connection": ["--never-ready"], "orders": []})
    sample.ready("orders")
    for _ in sample.client.events(2 * QUICK["beat_s"]):
        pass
    row = sample.row("connection")
    assert (row["state"], row["restarts"]) == ("connecting", 0)


def test_a_taken_port_is_one_line_that_names_it_and_the_cure(sample: Sample, port_base: int) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", port_base + 31))
        other.listen()
        sample.start({"orders": []})
        code, output = sample.ended()
    assert code == 2
    assert output.count("\n") == 1
    assert f"port {port_base + 31} (for orders events) is taken" in output
    assert "port_base" in output


def test_a_second_cluster_in_the_same_folder_is_refused(sample: Sample) -> None:
    sample.start({"connection": []})
    sample.ready("connection")
    assert sample.process is not None
    second = sample.popen({"connection": []})
    output, _ = second.communicate(timeout=100)
    assert second.returncode == 2
    assert output.count("\n") == 1
    assert f"pid {sample.process.pid}" in output
    assert "twsmq down" in output


def test_a_newcomer_is_told_of_every_process(sample: Sample, port_base: int) -> None:
    sample.start({"connection": [], "orders": []})
    sample.ready("connection", "orders")
    newcomer = PlainClient(port_base)
    newcomer.subscribe("process/orders/")
    event = newcomer.await_event(lambda *_: True)
    newcomer.close()
    assert (event["name"], event["state"], event["snapshot"]) == ("orders", "ready", True)


def test_a_restart_on_request(sample: Sample) -> None:
    sample.start({"connection": [], "orders": []})
    sample.ready("connection", "orders")
    before = sample.pid("orders")
    assert sample.client.result("supervisor", "restart", name="orders") == {"name": "orders"}
    assert sample.await_state("orders", "ready", restarts=1)["pid"] != before
    error = sample.client.error("supervisor", "restart", name="nobody")
    assert (error["code"], error["field"]) == ("invalid_argument", "name")


def test_a_stop_on_request_is_answered_before_it_happens(sample: Sample) -> None:
    sample.start({"connection": [], "orders": []})
    sample.ready("connection", "orders")
    assert sample.process is not None
    stopping = sample.client.result("supervisor", "stop")
    assert stopping["pid"] == sample.process.pid
    assert Path(stopping["lock"]).is_file()
    assert sample.ended()[0] == 0


def test_rubbish_gets_one_reply_each_and_a_delimiter_is_mirrored(sample: Sample) -> None:
    sample.start({"connection": []})
    for frames in ([b""], [b"\xc1"], [b"", b""], [b"one", b"two"], [b"x" * 1_000_000]):
        assert sample.client.raw("supervisor", frames)["error"]["code"] == "malformed"
    sample.client.dealer("supervisor").send(b"x" * (9 * 1024 * 1024))
    assert not sample.client.dealer("supervisor").poll(1000), "SPEC: it costs the connection without a word"
    described = sample.client.result("supervisor", "describe")
    own = {op for op, row in OPS.items() if row.process in (None, "supervisor")}
    assert {op["op"] for op in described["ops"]} == own
    assert sample.client.error("supervisor", "dance")["code"] == "unknown_op"
    dealer = sample.client.dealer("supervisor")
    dealer.send_multipart([b"", msgpack.packb({"v": 1, "id": "as REQ sends it", "op": "status"})])
    assert dealer.poll(5000)
    delimiter, reply = dealer.recv_multipart()
    assert delimiter == b""
    assert msgpack.unpackb(reply)["id"] == "as REQ sends it"


def front_of(sample: Sample) -> psutil.Process:
    assert sample.process is not None
    children = psutil.Process(sample.process.pid).children()
    return next(child for child in children if "twsmq_supervisor.front" in child.cmdline())


def test_the_supervisor_itself_listens_nowhere(sample: Sample, port_base: int) -> None:
    sample.start({"connection": []})
    sample.ready("connection")
    assert sample.process is not None
    own = psutil.Process(sample.process.pid).net_connections("all")
    assert not [each for each in own if each.status == psutil.CONN_LISTEN]
    listening = {each.laddr.port for each in front_of(sample).net_connections("tcp") if not each.raddr}
    assert listening == {port_base, port_base + 1}


def test_the_death_of_the_front_costs_only_the_answers_meanwhile(sample: Sample) -> None:
    sample.start({"connection": [], "orders": []})
    sample.ready("connection", "orders")
    before = {name: sample.pid(name) for name in ("supervisor", "connection", "orders")}
    for _ in range(3):
        front = front_of(sample)
        front.kill()
        front.wait(60)  # what was on its way to it is lost with it
        sample.await_state("supervisor", "ready")
        assert {name: sample.pid(name) for name in before} == before
        assert front_of(sample).pid != front.pid
    os.kill(before["orders"], signal.SIGKILL)
    sample.await_state("orders", "ready", restarts=1)


def test_a_front_that_hangs_is_replaced(sample: Sample) -> None:
    sample.start({"connection": []})
    sample.ready("connection")
    front = front_of(sample)
    for _ in sample.client.events(0.5):
        pass  # what it has told so far
    front.suspend()
    sample.await_state("supervisor", "ready")  # the next front begins anew
    assert sample.row("connection")["state"] == "ready"
    assert front_of(sample).pid != front.pid


def test_a_supervisor_that_stands_still_is_named_with_the_cure(sample: Sample) -> None:
    sample.start({"connection": []})
    sample.ready("connection")
    assert sample.process is not None
    sample.send(signal.SIGSTOP)
    try:
        reply = sample.client.request("supervisor", "status")
        deadline = time.monotonic() + 20
        while reply["ok"] and time.monotonic() < deadline:
            next(sample.client.events(0.5), None)
            reply = sample.client.request("supervisor", "status")
        assert reply["error"]["code"] == "not_ready"
        assert f"kill -CONT {sample.process.pid}" in reply["error"]["message"]
    finally:
        sample.send(signal.SIGCONT)
    assert sample.row("connection")["state"] == "ready"
