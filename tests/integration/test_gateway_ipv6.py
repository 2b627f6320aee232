"""A gateway at an IPv6 address: the simulated one of a cluster, one of others, and what looks at them."""

from __future__ import annotations

import json
import socket
import subprocess
from pathlib import Path

import pytest
from conftest import orphans_refused, running_cluster
from support.cluster import TWSMQ
from support.marketdata_node import client_of, configured
from support.node_process import running_node
from support.patience import patient
from support.plain_client import PlainClient
from support.simulated_gateway import running_gateway


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


pytestmark = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6 loopback (::1)")


def twsmq(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*TWSMQ, *words], capture_output=True, text=True, timeout=patient(60), cwd=folder)


def test_a_cluster_runs_its_simulated_gateway_on_ipv6_and_commands_it_there(tmp_path: Path) -> None:
    with running_cluster(tmp_path, 'host = "::1"\n') as cluster:
        client = PlainClient(cluster.port_base)
        try:
            client.subscribe("quote/STK:AAPL:SMART:USD/", "gateway/")
            client.await_event(lambda at, event: at.startswith("quote/") and event.get("bid") is not None)
            cluster.fault("connectivity_lost")
            client.await_event(lambda at, event: at == "gateway/" and event.get("upstream") == "lost")
            cluster.fault("connectivity_restored")
        finally:
            client.close()
        shown = twsmq(tmp_path, "status", "--config", str(cluster.config))
        assert f"[::1]:{cluster.gateway_port}" in shown.stdout
        seen = twsmq(tmp_path, "doctor", "--config", str(cluster.config), "--json")
        (port_open,) = [each for each in json.loads(seen.stdout)["checks"] if each["id"] == "port-open"]
        assert port_open["verdict"] == "ok"
        assert f"[::1]:{cluster.gateway_port}" in port_open["evidence"]
        assert cluster.rows()["simulator"]["restarts"] == 0, "its command socket answered all the time"


def test_a_gateway_of_others_is_named_in_brackets(tmp_path: Path, port_base: int) -> None:
    with running_gateway(tmp_path / "sim", "--host", "::1", "--control-port", "0") as gateway:
        there = f"[::1]:{gateway.port}"
        seen = twsmq(tmp_path, "doctor", "--gateway", there, "--json")
        verdicts = {each["id"]: each["verdict"] for each in json.loads(seen.stdout)["checks"]}
        assert {name for name, verdict in verdicts.items() if verdict == "fail"} == set()
        config = configured(tmp_path, port_base, grace_s=0.2, quiet_repeat_s=60)
        with (
            orphans_refused(),
            running_node("marketdata", config, "--gateway", there),
            client_of(port_base) as client,
        ):
            client.subscribe("quote/STK:AAPL:SMART:USD/")
            client.await_event(lambda at, event: at.startswith("quote/") and event.get("bid") is not None)
    nothing = twsmq(tmp_path, "doctor", "--gateway", f"[::1]:{port_base}", "--json")
    found = {each["id"]: each for each in json.loads(nothing.stdout)["checks"]}
    assert found["port-open"]["verdict"] == "fail"
    assert f"[::1]:{port_base}" in found["port-open"]["evidence"]
    wrong = twsmq(tmp_path, "doctor", "--gateway", "::1:4002")
    assert wrong.returncode == 2
    assert "in brackets" in wrong.stderr
