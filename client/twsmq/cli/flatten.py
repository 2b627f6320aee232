"""`twsmq flatten`: close positions by orders that cannot do anything else."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click
from twsmq_protocol import endpoints
from twsmq_protocol.errors import FieldError
from twsmq_protocol.instruments import may_mean, parse_instrument
from twsmq_protocol.order_events import TERMINAL_STATUSES

from ..client import Client
from ..errors import RequestRefused
from .asking import ask, asking, confirm_option, json_option, new_name, require_word, strategy_option
from .options import Refused, config_option, failure_of, settings_from
from .terminal import echo, echo_json, number, printable

_CANCELLED_WITHIN_S = 5.0
_LOOK_S = 0.1


@click.command(short_help="Close positions, by orders that only reduce.")
@config_option
@strategy_option
@click.option("--account", help="Only positions of this account.")
@click.option("--instrument", help="Only this one; parts may be left out where that is clear.")
@confirm_option
@json_option
def flatten(
    config: Path | None,
    strategy: str,
    account: str | None,
    instrument: str | None,
    confirm: str | None,
    as_json: bool,
) -> None:
    """Cancel the working orders of what is held, then close it at the market.

    Every order is `reduce_only`: it can never turn a position round. Without --instrument everything that
    is held is closed, which wants the word "flatten" typed, or given as --confirm. The strategy named is
    whose orders these are.

    \b
    Exit codes:
      0  every order was accepted; `twsmq order watch` shows what becomes of them
      1  some were refused; the rest was accepted

    \b
    Examples:
      twsmq flatten --instrument STK:AAPL:SMART:USD
      twsmq flatten --account DU1234567 --confirm flatten
    """
    if instrument is None:
        where = f"account {account}" if account else "every account"
        require_word("flatten", confirm, f"closes every position of {where} at the market")
    settings = settings_from(config)
    with asking(settings, endpoints.STATUS) as client:
        rows: list[dict[str, Any]] = ask(client, "positions", {})["positions"]
    held = [row for row in rows if row["quantity"] and account in (None, row["account"])]
    if instrument is not None:
        held = _of(instrument, held)
    if not held:
        if not as_json:
            echo("nothing is held there")
        return
    with asking(settings) as client:
        for row in held:
            _cancel(client, row)
        refused = [row for row in held if not _close(client, strategy, row, as_json=as_json)]
    if refused:
        raise SystemExit(Refused.exit_code)


def _of(instrument: str, held: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The positions in the one contract that is meant, as they are spelled or with parts left out."""
    try:
        named = parse_instrument(instrument)
    except FieldError as error:
        raise click.BadParameter(printable(str(error)), param_hint="--instrument") from error
    exact = [row for row in held if row["instrument"] == instrument]
    meant = exact or [
        row for row in held if may_mean(named, parse_instrument(row["instrument"]), row["con_id"])
    ]
    if len({row["con_id"] for row in meant}) > 1:
        names = ", ".join(sorted({printable(row["instrument"]) for row in meant}))
        raise click.BadParameter(f"is several contracts that are held: {names}", param_hint="--instrument")
    return meant


def _cancel(client: Client, row: dict[str, Any]) -> None:
    """Working orders of it, and wait for their end: they would count as reducing it too. By its conId, which
    the node has of every order that the gateway took, however it was spelled."""
    args = {"account": row["account"], "instrument": f"CONID:{row['con_id']}"}
    cancelled = {each["order_id"] for each in ask(client, "cancel_orders", args)["orders"]}
    until = time.monotonic() + _CANCELLED_WITHIN_S
    while time.monotonic() < until and any(
        order.order_id in cancelled and order.status not in TERMINAL_STATUSES
        for order in client.orders(active=True)
    ):
        client.receive(_LOOK_S)


def _close(client: Client, strategy: str, row: dict[str, Any], *, as_json: bool) -> bool:
    args: dict[str, Any] = {
        "strategy": strategy,
        "client_order_id": f"flatten-{new_name()}",
        "instrument": row["instrument"],
        "account": row["account"],
        "side": "SELL" if row["quantity"] > 0 else "BUY",
        "quantity": abs(row["quantity"]),
        "order_type": "MKT",
        "reduce_only": True,
    }
    what = f"{args['side']} {number(args['quantity'])} {printable(row['instrument'])} on {row['account']}"
    try:
        accepted = ask(client, "place_order", args)
    except RequestRefused as error:
        echo(f"{what}: {printable(failure_of(error).message)}", err=True)
        return False
    if as_json:
        echo_json({"strategy": strategy, **accepted})
    else:
        echo(f"{what}: {accepted['status']}, {strategy}/{accepted['client_order_id']}")
    return True
