"""`twsmq flatten`: close positions by orders that cannot do anything else."""

from __future__ import annotations

import secrets
import time
from pathlib import Path
from typing import Any

import click
from twsmq_protocol import endpoints
from twsmq_protocol.errors import FieldError
from twsmq_protocol.instruments import may_mean, parse_instrument
from twsmq_protocol.order_events import TERMINAL_STATUSES
from twsmq_protocol.system_events import Heartbeat
from twsmq_protocol.topics import node_topic

from ..client import Client
from ..errors import OutcomeUnknown, RequestRefused
from .asking import ask, asking, confirm_option, json_option, new_name, require_word
from .options import Refused, Unusable, config_option, failure_of, running_from
from .terminal import echo, echo_json, number, printable

_STRATEGY = "cli"
_CANCELLED_WITHIN_S = 5.0
_LOOK_S = 0.1
_SHOWN_WITHIN_S = 3.0
"""How long a position may take to show what was executed."""
_REDUCES = "reduce_only"


@click.command()
@config_option
@click.option("--strategy", help="Whose orders these are.  [default: cli, or one that holds nothing]")
@click.option("--account", help="Only positions of this account.")
@click.option("--instrument", help="Only this one; parts may be left out where that is clear.")
@confirm_option
@json_option
def flatten(
    config: Path | None,
    strategy: str | None,
    account: str | None,
    instrument: str | None,
    confirm: str | None,
    as_json: bool,
) -> None:
    """Cancel the working orders of what is held, then close it at the market.

    Every order is `reduce_only`: it can never turn a position round. Without --instrument everything that
    is held is closed, which wants the word "flatten" typed, or given as --confirm. The strategy named is
    whose orders these are. A strategy with a position of its own may close no more than that: where "cli" may
    not close what the account holds, a strategy does that was never heard of before.

    \b
    Exit codes:
      0  every order was accepted; `twsmq order watch` shows what becomes of them
      1  some were refused; the rest was accepted

    \b
    Examples:
      twsmq flatten --instrument STK:AAPL:SMART:USD
      twsmq flatten --account DU1234567 --confirm flatten
    """
    if "" in (account, instrument, strategy):
        raise Unusable("nothing was closed: an option is empty, as an unset variable is")
    if instrument is None:
        where = f"account {account}" if account else "every account"
        require_word("flatten", confirm, f"closes every position of {where} at the market")
    settings = running_from(config)
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
        _require_not_halted(client, strategy or _STRATEGY)
        for row in held:
            try:
                _cancel(client, row)
            except (RequestRefused, OutcomeUnknown) as error:
                echo(f"{_what(row)}: what works of it may go on: {printable(str(error))}", err=True)
        held = [now for row in held if (now := _as_held(client, row)) is not None]
        refused = [row for row in held if not _close_all(client, strategy, row, as_json=as_json)]
    if refused:
        raise SystemExit(Refused.exit_code)


def _require_not_halted(client: Client, strategy: str) -> None:
    """Else stops would be cancelled, and what they protect not closed."""
    client.subscribe(node_topic(endpoints.ORDERS))
    for _, event, _ in client.events(within=_LOOK_S * 30):
        if isinstance(event, Heartbeat) and event.name == endpoints.ORDERS:
            halted = event.halted or {}
            why = halted.get("") or halted.get(strategy)
            if why is not None:
                raise Refused(
                    f"new orders are stopped ({printable(why)}): nothing can be closed, and nothing was "
                    "cancelled; `twsmq resume` first"
                )
            return


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


def _as_held(client: Client, row: dict[str, Any]) -> dict[str, Any] | None:
    """As it is held now, None if nothing is: what was cancelled may have filled before. As it was where
    nobody answers: what it was protected by is cancelled already."""
    try:
        rows = ask(client, "positions", {})["positions"]
    except (RequestRefused, OutcomeUnknown):
        return row
    for now in rows:
        if (now["account"], now["con_id"]) == (row["account"], row["con_id"]):
            return now if now["quantity"] else None
    return None


def _close_all(client: Client, strategy: str | None, row: dict[str, Any], *, as_json: bool) -> bool:
    """Whether all of it is being closed. Of an order that would do more than reduce, the position may be
    smaller already than it was shown: it is looked at again for a moment."""
    until = time.monotonic() + _SHOWN_WITHIN_S
    while (refusal := _close(client, strategy, row, as_json=as_json)) and _REDUCES in refusal:
        now: dict[str, Any] | None = row
        while now is not None and now["quantity"] == row["quantity"] and time.monotonic() < until:
            client.receive(_LOOK_S)
            now = _as_held(client, row)
        if now is None:
            return True  # what was cancelled has closed it
        if now["quantity"] == row["quantity"]:
            break
        row = now
    if refusal:
        echo(f"{_what(row)}: {refusal}", err=True)
    return not refusal


def _what(row: dict[str, Any]) -> str:
    side = "SELL" if row["quantity"] > 0 else "BUY"
    return f"{side} {number(abs(row['quantity']))} {printable(row['instrument'])} on {row['account']}"


def _close(client: Client, strategy: str | None, row: dict[str, Any], *, as_json: bool) -> str:
    """Why it was refused, "" if it was accepted."""
    args: dict[str, Any] = {
        "client_order_id": f"flatten-{new_name()}",
        "instrument": row["instrument"],
        "account": row["account"],
        "side": "SELL" if row["quantity"] > 0 else "BUY",
        "quantity": abs(row["quantity"]),
        "order_type": "MKT",
        "reduce_only": True,
    }
    refusal = ""
    for name in (_STRATEGY, f"flat-{secrets.token_hex(4)}") if strategy is None else (strategy,):
        try:
            accepted = ask(client, "place_order", {"strategy": name, **args})
        except RequestRefused as error:
            refusal = refusal or printable(failure_of(error).message)
            if error.message.startswith(_REDUCES):
                continue
            break
        except OutcomeUnknown as error:  # the others are closed all the same: their stops are cancelled
            return f"{name}/{args['client_order_id']}: {printable(str(error))}"
        if as_json:
            echo_json({"strategy": name, **accepted})
        else:
            echo(f"{_what(row)}: {accepted['status']}, {name}/{accepted['client_order_id']}")
        return ""
    return refusal
