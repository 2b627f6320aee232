"""What commands print where an answer is not whole, or none comes: nothing is dropped in silence, and what
may be done again is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from support.plain_process import PlainProcess
from twsmq.cli import main
from twsmq.cli.asking import known_as
from twsmq.cli.options import Refused
from twsmq.errors import OutcomeUnknown

AAPL, MSFT = "STK:AAPL:SMART:USD", "STK:MSFT:SMART:USD"
NEW_ORDERS = {
    "place_order": ("order", "place", "--order-type", "MKT", "--side", "BUY", "--instrument", AAPL),
    "place_orders": ("order", "bracket", "--stop-loss", "1", "--side", "BUY", "--instrument", AAPL),
    "exercise_option": (
        "order", "exercise", "--confirm", "exercise", "--instrument", "OPT:AAPL:SMART:USD:20270115:C:180"
    ),
}  # fmt: skip


def twsmq(config: Path, *words: str) -> Result:
    return CliRunner().invoke(main, [*words, "--config", str(config)], prog_name="twsmq")


def refusal(code: str, **fields: Any) -> dict[str, Any]:
    error = {"code": code, "message": "not known yet", "field": None, "tws_code": None}
    return {"ok": False, "error": error | fields}


@pytest.mark.parametrize("op", NEW_ORDERS)
def test_an_order_of_which_nobody_knows_is_named_so_that_it_can_be_asked_for_again(
    op: str, config_file: Path, port_base: int
) -> None:
    """The name was made up by the command: the same words again would have been another order."""
    with PlainProcess("orders", port_base, lambda _: refusal("timeout")) as orders:
        done = twsmq(config_file, *NEW_ORDERS[op], "--quantity", "1")
    (asked,) = (each["args"] for each in orders.requests if each["op"] == op)
    name = asked.get("client_order_id") or asked["orders"][0]["client_order_id"]
    assert done.exit_code == 1
    assert done.stderr.rstrip().endswith(f": --client-order-id {name}")


def test_so_is_one_that_nobody_answered() -> None:
    with pytest.raises(Refused, match=r"outcome is unknown.*: --client-order-id 7$"), known_as("7"):
        raise OutcomeUnknown("orders", "place_order", 5.0)


def test_executions_that_did_not_fit_are_counted(config_file: Path, port_base: int) -> None:
    answer = {"ok": True, "result": {"executions": [], "left_out": 7}}
    with PlainProcess("orders", port_base, lambda _: answer):
        done = twsmq(config_file, "orders", "executions", "--everybody")
    assert "7 older ones are left out" in done.stderr


def test_one_instrument_that_is_refused_hides_no_quote_of_another(config_file: Path, port_base: int) -> None:
    """It may have cost a fee."""

    def answer(request: dict[str, Any]) -> dict[str, Any]:
        if request["args"]["instrument"] not in (AAPL, MSFT):
            return refusal("gateway_rejected", message="no such contract", tws_code=200)
        quote = {"con_id": 1, "bid": 4.25, "delayed": False, "frozen": False, "magnifier": 1}
        return {"ok": True, "result": {"quote": quote}}

    wrong = ("STK:X:SMART:USD", "STK:Y:SMART:USD")
    with PlainProcess("marketdata-0", port_base, answer):
        done = twsmq(config_file, "snapshot", AAPL, *wrong, MSFT)
    assert done.exit_code == 1
    assert done.stdout.count("4.25") == 2
    assert [line.split(": ")[1] for line in done.stderr.splitlines()] == list(wrong)


def test_an_account_that_is_not_there_is_named(config_file: Path, port_base: int) -> None:
    row = {"account": "DU1", "currency": "USD", "cash": 1.0}
    answer = {"ok": True, "result": {"as_of": 1, "accounts": [row], "currencies": []}}
    with PlainProcess("status", port_base, lambda _: answer):
        assert "DU1" in twsmq(config_file, "account").stdout
        assert twsmq(config_file, "account", "--account", "X").stdout == "nothing is known of account X\n"


def test_regulatory_snapshots_of_many_wait_for_their_turn(config_file: Path, port_base: int) -> None:
    asked: list[str] = []

    def answer(request: dict[str, Any]) -> dict[str, Any]:
        asked.append(request["args"]["instrument"])
        if asked == [AAPL, MSFT]:
            return refusal("throttled", message="one a second")
        return {"ok": True, "result": {"quote": {"con_id": 1, "bid": 4.25}}}

    with PlainProcess("marketdata-0", port_base, answer):
        done = twsmq(config_file, "snapshot", AAPL, MSFT, "--regulatory")
    assert (done.exit_code, asked) == (0, [AAPL, MSFT, MSFT])


def test_a_position_is_closed_though_nobody_answered_for_another(config_file: Path, port_base: int) -> None:
    """Its stops were cancelled before."""
    rows = [
        {"account": "DU1", "instrument": name, "con_id": n, "quantity": 1.0, "avg_cost": 1.0}
        for n, name in enumerate((AAPL, MSFT), 1)
    ]
    placed: list[str] = []

    def answer(request: dict[str, Any]) -> dict[str, Any] | None:
        if request["op"] == "cancel_orders" and request["args"]["instrument"] == "CONID:1":
            return refusal("throttled")
        if request["op"] != "place_order":
            return {"ok": True, "result": {"orders": [], "foreign": []}}
        placed.append(request["args"]["instrument"])
        if placed == [AAPL]:
            return None
        return {"ok": True, "result": {"client_order_id": "a", "order_id": 1, "status": "pending"}}

    held = {"ok": True, "result": {"positions": rows}}
    with (
        PlainProcess("status", port_base, lambda _: held),
        PlainProcess("orders", port_base, answer) as orders,
    ):
        orders.publish("node/orders/", "heartbeat", name="orders", pid=1, state="ready", interval_s=0.5)
        done = twsmq(config_file, "flatten", "--confirm", "flatten")
    assert done.exit_code == 1
    assert placed == [AAPL, MSFT]
    assert f"SELL 1 {AAPL} on DU1: what works of it may go on: " in done.stderr
    assert f"SELL 1 {AAPL} on DU1: cli/flatten-" in done.stderr
