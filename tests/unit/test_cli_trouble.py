"""What keeps a cluster from being ready is told once, with what to check."""

from __future__ import annotations

from typing import Any

import pytest
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


@pytest.mark.parametrize(
    "cause",
    [
        "the gateway did not answer the handshake in time",
        "what listens there is no TWS or IB Gateway: it answered the handshake with something else",
        "the gateway closed the connection",
    ],
)
def test_a_gateway_that_gives_no_session_comes_with_who_finds_out_why(cause: str) -> None:
    rows = [row("connection", "connecting", f"no session with the gateway at h:1 yet: {cause}")]
    told = hint(rows, simulated=False)
    assert told == f"the gateway at h:1 gives no session: {cause}. `twsmq doctor` finds out why."
    assert "doctor" not in (hint(rows, simulated=True) or "doctor")


def test_a_client_id_that_another_holds_comes_with_what_to_do() -> None:
    held = [
        Process(name=name, state="waiting_client_id", client_id=number, reason="held")
        for name, number in (("orders", 101), ("status", 102))
    ]
    told = hint(held, simulated=False) or ""
    assert told.startswith("another connection holds client ID 101, 102: end the other program")
    assert "client_id_base" in told


def test_other_trouble_keeps_its_own_words_and_needs_no_hint() -> None:
    reason = "asking the gateway for its open orders"
    assert in_short(reason) == reason
    assert hint([row("orders", "reconciling", reason)], simulated=False) is None
