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
    assert "restarted 1 times" in told

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
    cluster.config.write_text(text + "[marketdata]\nlines = 50\n[alerts]\nlog = false\n")
    done = twsmq.run("reload")
    assert done.returncode == 1
    assert "marketdata.lines: needs a restart of marketdata-0" in done.stdout
    pids = {name: row["pid"] for name, row in cluster.rows().items()}
    done = twsmq.run("reload", "--apply", timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    after = {name: row["pid"] for name, row in cluster.rows().items()}
    assert {name for name in pids if pids[name] != after[name]} == {"marketdata-0", "status"}
    assert twsmq.run("reload").stdout.strip() == "nothing has changed"
    cluster.config.write_text(
        text.replace("[gateway]", "logs_mb = 50\n[gateway]") + "[alerts]\nlog = maybe\n"
    )
    done = twsmq.run("reload")
    assert done.returncode == 2, "a file that cannot be used is refused before anything else"


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
    logs = tmp_path / "var" / "logs"
    logs.mkdir(parents=True)
    (logs / "orders.log").write_text(
        "--- 2026-11-28 10:00:00 python\n"
        '{"event":"node started","level":"info","process":"orders","timestamp":"2026-11-28T10:00:01Z"}\n'
        "ImportError: broken\x1b[2J\n"
    )
    began = time.monotonic()
    done = twsmq.run("why", "orders")
    assert done.returncode == 3
    assert "broken" in done.stdout
    assert "\x1b" not in done.stdout
    assert time.monotonic() - began < 30
    shown = twsmq.run("logs", "orders").stdout
    assert "ImportError" in shown
    assert "\x1b" not in shown
