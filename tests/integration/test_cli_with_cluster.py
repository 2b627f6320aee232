"""`twsmq order`, `watch` and `status` against one running cluster."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from contextlib import suppress

import pytest
from support.cluster import Cluster
from support.command import Command


@pytest.fixture
def twsmq(cluster: Cluster) -> Command:
    return Command(cluster.config)


def test_an_order_from_the_command_line_is_followed_to_its_end(twsmq: Command) -> None:
    order = ("--instrument", "STK:AAPL:SMART:USD", "--side", "buy", "--quantity", "10")
    filled = twsmq.run("order", "place", *order, "--order-type", "MKT", "--client-order-id", "m1")
    assert filled.returncode == 0, filled.stderr
    words = [line.split()[0] for line in filled.stdout.splitlines()]
    assert words[0] == "cli/m1:"
    assert {"submitted", "fill", "filled", "commission"} <= set(words)

    resting = (*order, "--order-type", "LMT", "--limit-price", "1", "--client-order-id", "r1")
    waited = twsmq.run("order", "place", *resting, "--timeout", "0.5")
    assert "no longer waiting" in waited.stdout
    assert waited.returncode == 4
    assert "pending_cancel" in twsmq.run("order", "cancel", "--client-order-id", "r1").stdout
    ended = twsmq.run("order", "place", *resting)
    assert ended.stdout.splitlines()[-1].split()[0] == "cancelled"

    absurd = (*order[:-1], "100000000", "--order-type", "MKT", "--client-order-id", "x1")
    rejected = twsmq.run("order", "place", *absurd)
    assert rejected.returncode == 1
    assert rejected.stdout.splitlines()[-1].split()[0] == "rejected"
    assert "(201: " in rejected.stdout

    nothing = ("--instrument", "STK:NOSUCH:SMART:USD", *order[2:], "--order-type", "MKT")
    undefined = twsmq.run("order", "place", *nothing)
    assert undefined.returncode == 1
    assert "STK:NOSUCH:SMART:USD" in undefined.stdout + undefined.stderr

    refused = twsmq.run("order", "place", *order, "--order-type", "LMT")
    assert refused.returncode == 1
    assert refused.stderr.startswith("twsmq: invalid_argument (limit_price): ")
    unknown = twsmq.run("order", "cancel", "--client-order-id", "never")
    assert unknown.returncode == 1
    assert unknown.stderr.startswith("twsmq: unknown_order")

    listed = twsmq.run("order", "list", "--json").stdout.splitlines()
    assert [json.loads(line)["client_order_id"] for line in listed][:2] == ["m1", "r1"]
    assert twsmq.run("order", "list", "--json", "--since", "2025-01-01").stdout.splitlines() == listed
    assert twsmq.run("order", "list", "--json", "--since", "2999-01-01T09:30:00").stdout == ""
    watched = twsmq.run("watch", "--json", "--count", "3", "quote/STK:AAPL:SMART:USD/", "gateway/")
    assert len([json.loads(line)["topic"] for line in watched.stdout.splitlines()]) >= 3


def test_status_tells_of_a_restart(twsmq: Command, eventually: Callable[..., None]) -> None:
    before = next(row for row in twsmq.status() if row["name"] == "reference")
    os.kill(before["pid"], signal.SIGKILL)
    eventually(lambda: twsmq.run("status").returncode == 0 and restarts(twsmq, "reference") == 1, within=20)


def restarts(twsmq: Command, name: str) -> int:
    return next(row["restarts"] for row in twsmq.status() if row["name"] == name)


def test_health_is_the_nodes_own_word(twsmq: Command) -> None:
    ready = twsmq.run("health", "orders")
    assert (ready.returncode, ready.stdout) == (0, "orders: ready\n")
    misspelt = twsmq.run("health", "order")
    assert misspelt.returncode == 2
    assert "there are connection, orders, reference, history, marketdata-0, status" in misspelt.stderr


def test_health_of_a_node_that_is_stopped_is_3(twsmq: Command) -> None:
    reference = next(row for row in twsmq.status() if row["name"] == "reference")
    os.kill(reference["pid"], signal.SIGSTOP)
    try:
        assert twsmq.run("health", "reference", "--timeout", "1").returncode == 3
    finally:
        with suppress(ProcessLookupError):  # the supervisor may have replaced it already
            os.kill(reference["pid"], signal.SIGCONT)
