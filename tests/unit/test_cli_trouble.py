"""What keeps a cluster from being ready is told once, with what to check."""

from __future__ import annotations

from typing import Any

from twsmq.cli.trouble import hint, in_short, missing
from twsmq_protocol.system_events import Process

REFUSED = "no session with the gateway at h:1 yet: cannot connect to h:1: [Errno 111] Connection refused"


def row(name: str, state: Any, reason: str | None = None) -> Process:
    return Process(name=name, state=state, reason=reason)


def test_those_with_the_same_trouble_are_told_together() -> None:
    rows = [
        row("supervisor", "ready"),
        row("connection", "connecting", REFUSED),
        row("status", "starting"),
        row("orders", "connecting", "cannot connect to h:1: [Errno 111] Connection refused"),
    ]
    assert missing(rows) == "connection, orders: connecting (cannot reach h:1); status: starting"
    assert missing(rows[:1]) == ""


def test_a_gateway_out_of_reach_comes_with_what_to_check() -> None:
    told = hint([row("supervisor", "ready"), row("connection", "connecting", REFUSED)], simulated=False)
    assert told is not None
    assert told.startswith("no gateway answers at h:1: Connection refused. Is TWS or IB Gateway running")
    assert all(port in told for port in ("4002", "4001", "7497", "7496"))


def test_the_simulated_gateway_is_not_looked_for_in_tws() -> None:
    told = hint([row("connection", "connecting", REFUSED)], simulated=True)
    assert told is not None
    assert "7497" not in told


def test_other_trouble_keeps_its_own_words_and_needs_no_hint() -> None:
    reason = "waiting for client ID 101"
    assert in_short(reason) == reason
    assert hint([row("orders", "waiting_client_id", reason)], simulated=False) is None
