"""Clients nobody here wrote trade with the simulated gateway: IBKR's own ibapi (the oldest and the current
release) and ib_async, each in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from simulated_gateway import CLIENTS, GatewayProcess, running_gateway

CONFORMANCE = Path(__file__).parents[1] / "conformance"
SCENARIOS = [
    "connect",
    "details",
    "level1",
    "market_order",
    "limit_order",
    "rest_and_cancel",
    "executions",
    "completed",
    "account",
    "open_order_survives",
]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    with running_gateway(tmp_path_factory.mktemp("simulator"), "--tick-rate", "20") as gateway:
        yield gateway


def outcomes(program: str, gateway: GatewayProcess, *, release: str = "") -> dict[str, dict[str, object]]:
    """Runs the scenarios as a program and returns {scenario: {"ok", "detail"}}."""
    environment = {"PATH": "/usr/bin:/bin"}
    if release:
        assert (CLIENTS / release).is_dir(), f"{release} is not installed: make venv"
        environment["PYTHONPATH"] = str(CLIENTS / release)
    command = [sys.executable, str(CONFORMANCE / program), "127.0.0.1", str(gateway.port), *SCENARIOS]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100)
    assert run.returncode == 0, run.stderr
    rows = [json.loads(line) for line in run.stdout.splitlines()]
    return {row["scenario"]: row for row in rows}


@pytest.mark.parametrize("release", ["ibapi==9.81.1.post1", ""], ids=["9.81.1", "current"])
def test_ibapi_trades(gateway: GatewayProcess, release: str) -> None:
    results = outcomes("ibapi_scenarios.py", gateway, release=release)
    assert set(results) == set(SCENARIOS)
    assert not {name: row["detail"] for name, row in results.items() if not row["ok"]}


def test_ib_async_trades(gateway: GatewayProcess) -> None:
    results = outcomes("ib_async_scenarios.py", gateway)
    assert set(results) == set(SCENARIOS)
    assert not {name: row["detail"] for name, row in results.items() if not row["ok"]}
