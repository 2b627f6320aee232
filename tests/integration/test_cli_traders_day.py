"""A trader's day by the command line alone, on the cluster as shipped: every line that is shown is true."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from typing import Any

import pytest
from support.cluster import Cluster
from support.command import Command

AAPL, HELD = "STK:AAPL:SMART:USD", "STK:AAPL:SMART@NASDAQ:USD"
WHAT = ("--instrument", AAPL, "--quantity", "100")


@pytest.fixture(scope="module")
def desk(cluster: Cluster) -> Command:
    return Command(cluster.config)


def run(desk: Command, *words: str, code: int = 0) -> list[str]:
    """The lines of a command that ends with `code`, and that fit 80 columns."""
    done = subprocess.run(
        desk.line(*words),
        capture_output=True,
        text=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
        env=os.environ | {"COLUMNS": "80"},
    )
    assert done.returncode == code, (words, done.stdout, done.stderr)
    return (done.stdout + done.stderr).splitlines()


def rows(desk: Command, *words: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run(desk, *words, "--json")]


def an_order(desk: Command, name: str) -> dict[str, Any]:
    (row,) = rows(desk, "order", "list", "--client-order-id", name)
    return row


def _until_held(desk: Command, quantity: float) -> None:
    until = time.monotonic() + 30.0
    while sum(row["quantity"] for row in rows(desk, "positions")) != quantity:
        assert time.monotonic() < until


def test_the_day(desk: Command) -> None:
    buy = ("order", "place", *WHAT, "--side", "BUY", "--order-type", "MKT")
    told = run(desk, *buy, "--client-order-id", "in")
    assert told[0].startswith("cli/in: pending, order id ")
    filled = re.search(r"filled 100 of 100 at ([0-9.]+)", "\n".join(told))
    assert filled is not None
    price = float(filled[1])
    again = run(desk, *buy, "--client-order-id", "in")
    assert re.fullmatch(r"cli/in: filled, order id \d+, placed before", again[0])
    assert not any("pending" in line for line in again)
    bought = an_order(desk, "in")
    assert (bought["status"], bought["avg_price"]) == ("filled", price)
    (position,) = rows(desk, "positions")
    assert (position["instrument"], position["quantity"]) == (HELD, 100.0)
    assert any(re.search(rf"{HELD}\s+100\s", line) for line in run(desk, "positions"))

    stop = ("--side", "SELL", "--order-type", "STP", "--tif", "GTC", "--client-order-id", "stop", "--no-wait")
    run(desk, "order", "place", *WHAT, *stop, "--stop-price", "100")
    for moved in ("101", "102", "103", "104", "105"):
        lines = run(desk, "order", "modify", "--client-order-id", "stop", "--stop-price", moved)
        assert lines[0] == f"cli/stop: change sent: stop_price {moved}"
        assert "confirmed" in lines[-1]
        assert an_order(desk, "stop")["stop_price"] == float(moved)
    run(desk, "order", "modify", "--client-order-id", "stop", "--quantity", "-1", code=2)
    lines = run(desk, "order", "modify", "--client-order-id", "nobody", "--stop-price", "1", code=1)
    assert "unknown_order" in lines[0]

    entry = ("--side", "BUY", "--entry", "100", "--take-profit", "900", "--stop-loss", "90")
    lines = run(
        desk, "order", "bracket", "--instrument", AAPL, "--quantity", "10", *entry, "--client-order-id", "b"
    )
    assert [line.split(":")[0].strip() for line in lines[3:]] == ["b", "b-profit", "b-stop"]
    assert {row["client_order_id"] for row in rows(desk, "order", "list", "--active")} == {
        "stop", "b", "b-profit", "b-stop",
    }  # fmt: skip

    wrong = ("--side", "BUY", "--entry", "100", "--stop-loss", "110")
    (refused,) = run(desk, "order", "bracket", "--instrument", AAPL, "--quantity", "10", *wrong, code=1)
    assert "orders.stop_price" in refused
    (limit,) = rows(desk, "risk", "set", "--scope", "strategy", "--name", "cli", "--max-position", "150")[1:]
    assert limit["limits"] == {"max_position": 150.0}
    account = ("risk", "set", "--scope", "account", "--max-position", "1")
    assert "it has DU1234567" in run(desk, *account, "--name", "DU9", code=1)[0]
    assert "5 would be 500%" in run(desk, "risk", "set", "--price-collar", "5", code=1)[0]
    lines = run(desk, *buy, code=1)
    assert "max_position: the limit is 150.0, this is 210" in lines[0]
    lines = run(
        desk, "order", "place", *WHAT, "--side", "BUY", "--order-type", "MKT", "--reduce-only", code=1
    )
    assert "reduce_only" in lines[0]

    lines = run(desk, "flatten", "--instrument", AAPL)
    assert lines[0].startswith(f"SELL 100 {HELD} on DU1234567: pending, cli/flatten-")
    name = lines[0].rpartition("/")[2]
    while (row := an_order(desk, name))["status"] != "filled":
        assert row["status"] in ("pending", "submitted", "partially_filled")
    assert an_order(desk, "stop")["status"] == "cancelled"
    assert rows(desk, "order", "list", "--active") == []

    halted = run(desk, "halt", "--reason", "lunch", "--cancel", "--confirm", "everything")
    assert halted == ["halted: everybody (lunch)"]
    lines = run(desk, *buy, code=1)
    assert "lunch" in lines[0]
    run(desk, "halt", "--strategy", "alpha", "--reason", "wild")
    told = run(desk, "status")
    (line,) = [line for line in told if "lunch" in line]
    assert re.fullmatch(r"halted: everybody \(lunch\): `.*resume.*` takes new orders again", line)
    assert json.loads(run(desk, "status", "--json")[0])["halted"] == {"": "lunch", "alpha": "wild"}
    assert run(desk, "health", "orders")[1:] == ["halted: everybody (lunch)", "halted: alpha (wild)"]
    assert run(desk, "resume") == [
        "still halted: alpha (wild)",
        "everybody is resumed, and the rest is taken back by `twsmq resume --strategy alpha`",
    ]
    assert run(desk, "resume", "--strategy", "alpha") == ["nothing is halted"]
    assert not any("halted" in line for line in run(desk, "status"))

    # "cli" has closed what another strategy holds, and is short by its own count: it may not close it again.
    others = (*buy, "--strategy", "alpha")
    run(desk, *others)
    _until_held(desk, 100.0)
    run(desk, "flatten", "--instrument", AAPL)
    _until_held(desk, 0.0)
    run(desk, *others)
    _until_held(desk, 100.0)
    run(desk, "halt", "--reason", "lunch")
    (refused,) = run(desk, "flatten", "--instrument", AAPL, code=1)
    assert "nothing was cancelled" in refused
    run(desk, "resume")
    lines = run(desk, "flatten", "--instrument", AAPL)
    assert re.search(rf"^SELL 100 {HELD} on DU1234567: pending, flat-[0-9a-f]+/flatten-", lines[0])
    _until_held(desk, 0.0)

    executions = rows(desk, "orders", "executions")
    assert sum(e["quantity"] * (1 if e["side"] == "BUY" else -1) for e in executions) == 0
    assert all(e["commission"] > 0 for e in executions)
    assert run(desk, "positions") == ["no positions"]
    assert any("net liquidation" in line for line in run(desk, "account"))
    preview = run(desk, "order", "preview", *WHAT, "--side", "BUY", "--order-type", "MKT")
    assert any(line.startswith("initial margin") for line in preview)


@pytest.mark.parametrize(
    "command", [("order", "list"), ("orders", "executions"), ("positions",), ("account",), ("risk", "show")]
)
def test_tables_fit_80_columns(desk: Command, command: tuple[str, ...]) -> None:
    place = ("--instrument", AAPL, "--side", "BUY", "--quantity", "1", "--order-type", "MKT")
    run(desk, "order", "place", *place, "--strategy", "s" * 16)
    assert all(len(line) <= 80 for line in run(desk, *command))
