"""`why`, `blame`, `logs`, `restart`, `reload` and `attach`, at a cluster that a user would run."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from support.cluster import NODES, Cluster
from support.command import Command
from support.plain_client import PlainClient


@pytest.fixture
def cluster(tmp_path: Path, port_base: int) -> Iterator[Cluster]:
    made = Cluster(tmp_path, port_base, port_base + 95)
    try:
        made.start()
        yield made
    finally:
        made.kill()


def test_a_cluster_is_looked_into_and_restarted_in_turn(cluster: Cluster) -> None:
    twsmq = Command(cluster.config)

    blamed = json.loads(twsmq.run("blame", "--json").stdout)["processes"]
    assert {row["name"] for row in blamed} == {"simulator", *NODES}
    for row in blamed:
        assert row["ready_after_s"] == pytest.approx(sum(one["seconds"] for one in row["waited"]), abs=0.05)
    assert "orders" in twsmq.run("blame").stdout

    # why: of one that is well, and of one that was killed
    done = twsmq.run("why", "orders", "--json")
    well = json.loads(done.stdout)
    assert (done.returncode, well["state"]) == (0, "ready")
    assert well["memory_bytes"] > 10_000_000
    assert well["cpu"] >= 0
    assert well["changes"][-1]["state"] == "ready"
    os.kill(well["pid"], signal.SIGKILL)
    cluster.await_ready(60, ("orders", well["pid"]))
    told = twsmq.run("why", "orders").stdout
    assert "killed by SIGKILL" in told
    assert "restarted 1 time;" in told

    # logs
    lines = [json.loads(line) for line in twsmq.run("logs", "--json", "-n", "0").stdout.splitlines()]
    assert {line["process"] for line in lines} >= {"orders", "connection", "front"}
    only = twsmq.run("logs", "orders", "--grep", "node state changed").stdout.splitlines()
    assert only
    assert all("node state changed" in line and " orders " in line for line in only)
    assert twsmq.run("logs", "--since", "1s", "--grep", "no such words").stdout == ""
    follower = twsmq.popen(
        "logs", "-f", "reference", "-n", "0", "--grep", "node started", stdout=subprocess.PIPE
    )
    try:
        assert follower.stdout is not None
        first = follower.stdout.readline()
        assert "node started" in first

        # restart: one, waited for; then all in turn, while quotes flow
        before = cluster.rows()
        done = twsmq.run("restart", "reference", "--wait", timeout=120)
        assert done.returncode == 0, done.stderr
        assert "reference: ready again" in done.stdout
        assert cluster.pid("reference") != before["reference"]["pid"]
        assert "node started" in follower.stdout.readline(), "the new run's line is followed"
    finally:
        follower.kill()
        follower.communicate()

    client = PlainClient(cluster.port_base)
    try:
        client.subscribe("quote/STK:AAPL:SMART:USD/")
        client.await_event(lambda _, event: event["type"] == "quote" and event["bid"] is not None)
        done = twsmq.run("restart", "--rolling", "--json", timeout=300)
        assert done.returncode == 0, done.stderr
        turns = [json.loads(line)["name"] for line in done.stdout.splitlines()]
        assert turns == list(NODES)
        seen = list(client.events(2.0))
        quotes = [event for _, event in seen if event["type"] == "quote"]
        assert quotes[-1]["inc"] != quotes[0]["inc"], "the shard was another one in between"
        longest = max(b["ts"] - a["ts"] for a, b in itertools.pairwise(quotes)) / 1e9
        took = {row["name"]: row["ready_after_s"] for row in map(json.loads, done.stdout.splitlines())}
        assert longest < took["marketdata-0"] + 5.0, (longest, took)
    finally:
        client.close()
    after = cluster.rows()
    assert all(after[name]["pid"] != before[name]["pid"] for name in NODES)
    assert after["simulator"]["pid"] == before["simulator"]["pid"]


def test_a_changed_file_is_compared_and_applied(cluster: Cluster) -> None:
    twsmq = Command(cluster.config)
    assert twsmq.run("reload").stdout.strip() == "nothing has changed"
    text = cluster.config.read_text()
    cluster.config.write_text(
        text + "[marketdata]\nlines = 50\n[alerts]\nlog = false\n[simulator]\ntick_rate = 31.0\n"
    )
    done = twsmq.run("reload")
    assert done.returncode == 1
    assert "marketdata.lines: needs a restart of marketdata-0" in done.stdout
    pids = {name: row["pid"] for name, row in cluster.rows().items()}
    done = twsmq.run("reload", "--apply", timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    after = {name: row["pid"] for name, row in cluster.rows().items()}
    assert {name for name in pids if pids[name] != after[name]} == {"marketdata-0", "status", "simulator"}
    assert "31.0" in psutil.Process(after["simulator"]).cmdline(), "it was not started as it was before"
    assert twsmq.run("reload").stdout.strip() == "nothing has changed"

    cluster.config.write_text(text + "[marketdata]\ninstances = 2\n")
    for command in (("restart", "marketdata-1", "--wait"), ("restart", "--rolling"), ("why", "marketdata-1")):
        done = twsmq.run(*command)
        assert done.returncode == 1, (command, done.stderr)
        assert len(done.stderr.splitlines()) == 1, done.stderr
        assert "marketdata-1" in done.stderr
        assert "no supervisor answers" not in done.stderr
    assert {name: row["pid"] for name, row in cluster.rows().items()} == after, "none was touched"

    cluster.config.write_text(
        text.replace("[gateway]", "logs_mb = 50\n[gateway]") + "[alerts]\nlog = maybe\n"
    )
    done = twsmq.run("reload")
    assert done.returncode == 2, "a file that cannot be used is refused before anything else"


def test_a_cluster_stays_what_it_is_though_its_file_becomes_another_s(cluster: Cluster) -> None:
    """A process that dies is restarted with the same journal and the same ports, and commands find it."""
    twsmq = Command(cluster.config)
    text = cluster.config.read_text()
    order: dict[str, Any] = {
        "strategy": "s",
        "client_order_id": "once",
        "instrument": "STK:AAPL:SMART:USD",
        "side": "BUY",
    }
    order |= {"quantity": 1, "order_type": "MKT"}
    client = PlainClient(cluster.port_base)
    try:
        first = client.result("orders", "place_order", **order)
        assert twsmq.run("keys", "init").returncode == 2
        assert cluster.config.read_text() == text, "nothing was changed beside a cluster that runs"
        cluster.config.write_text(text.replace("[cluster]", '[cluster]\ndata_dir = "other"'))
        _kill(cluster, "orders")
        again = client.result("orders", "place_order", timeout=30, **order)
        assert again["order_id"] == first["order_id"], "the same request was another order"
        assert not (cluster.folder / "other").exists()
    finally:
        client.close()

    port = cluster.port_base
    changed = text.replace(f"port_base = {port}", f'port_base = {port - 100}\nkeys = "on"\nlogs_mb = 50')
    cluster.config.write_text(changed)
    _kill(cluster, "reference")
    done = twsmq.run("status")
    assert done.returncode == 0, done.stderr
    assert f"port_base = {port}, not {port - 100}" in done.stderr
    assert twsmq.run("why", "orders").returncode == 0
    elsewhere = cluster.folder / "elsewhere"
    elsewhere.mkdir()
    other = Command(elsewhere / "twsmq.toml")
    (elsewhere / "twsmq.toml").write_text(text)
    done = other.run("down")  # of another cluster that is meant for the same ports
    assert done.returncode == 1, done.stdout
    assert f"is that of {cluster.folder}" in done.stderr
    assert f"is that of {cluster.folder}" in other.run("status").stderr
    done = twsmq.run("reload")
    assert done.returncode == 1
    for key in ("port_base", "keys"):
        assert f"cluster.{key}: needs the whole cluster started anew" in done.stdout
    assert "cluster.logs_mb: holds from now on" in done.stdout
    (front,) = [one for one in cluster.members() if "twsmq_supervisor.front" in " ".join(one.cmdline())]
    front.kill()
    front.wait()
    deadline = time.monotonic() + 30
    while (done := twsmq.run("down")).returncode != 0 and time.monotonic() < deadline:
        pass  # the front is on its way
    assert done.returncode == 0, done.stderr
    assert "stopped" in done.stdout


def _kill(cluster: Cluster, name: str) -> None:
    pid = cluster.pid(name)
    os.kill(pid, signal.SIGKILL)
    cluster.await_ready(60, (name, pid))


def test_attach_shows_a_cluster_and_leaves_it_running(cluster: Cluster) -> None:
    twsmq = Command(cluster.config)
    attached = twsmq.popen("attach", stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert attached.stdout is not None
    try:
        for line in attached.stdout:
            if "STK:AAPL" in line:
                break
        attached.send_signal(signal.SIGINT)
        rest, _ = attached.communicate(timeout=30)
    finally:
        if attached.poll() is None:
            attached.kill()
            attached.communicate()
    assert "the cluster goes on" in rest
    assert all(row["state"] == "ready" for row in cluster.rows().values())


def test_without_a_supervisor_the_log_is_shown(tmp_path: Path, port_base: int) -> None:
    config = tmp_path / "twsmq.toml"
    config.write_text(f"[cluster]\nport_base = {port_base}\n")
    twsmq = Command(config)
    assert twsmq.run("logs").returncode == 2
    unknown = twsmq.run("why", "orders")
    assert "it has left no log" in unknown.stdout
    assert "from its log" not in unknown.stderr
    logs = tmp_path / "var" / "logs"
    logs.mkdir(parents=True)
    (logs / "orders.log").write_text(
        "--- 2026-11-28 10:00:00 python\n"
        '{"event":"node started","level":"info","process":"orders","timestamp":"2026-11-28T10:00:01Z"}\n'
        "ImportError: broken\x1b[2J\n"
    )
    (logs / "supervisor.log").write_text(
        "2026-11-28 09:59:58 supervisor: ready\n2026-11-28 10:00:00 orders: starting\n"
        "2026-11-28 10:00:02 orders: backoff (ended with exit code 1: broken)\n"
        "2026-11-28 10:00:03 status: ready\n"
    )
    began = time.monotonic()
    done = twsmq.run("why", "orders")
    assert done.returncode == 3
    assert "broken" in done.stdout
    assert "at last it was backoff (ended with exit code 1: broken), since 11-28 10:00:02, " in done.stdout
    assert "last written" in done.stdout
    assert done.stdout.count(" ago") == 2
    told = json.loads(twsmq.run("why", "orders", "--json").stdout)
    assert told["last_state"]["state"] == "backoff"
    assert told["last_state"]["at"] // 10**9 > 1_700_000_000
    assert told["log_written_at"] // 10**9 > 1_700_000_000
    assert "\x1b" not in done.stdout
    assert time.monotonic() - began < 30
    shown = twsmq.run("logs", "orders").stdout
    assert "ImportError" in shown
    assert "\x1b" not in shown
