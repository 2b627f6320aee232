"""`twsmq order exercise`: exercise an option that is held, or let it lapse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .asking import ask, asking, confirm_option, json_option, known_as, named, require_word, strategy_option
from .options import config_option, running_from
from .terminal import echo, echo_json


@click.command(short_help="Exercise an option that is held, or let it lapse.")
@config_option
@click.option("--instrument", required=True, help="The option, like OPT:AAPL:SMART:USD:20270115:C:180.")
@click.option("--quantity", required=True, type=click.IntRange(min=1), help="How many contracts.")
@click.option("--lapse", is_flag=True, help="Let it lapse instead.")
@click.option("--override", is_flag=True, help="Against what the broker would do by itself.")
@click.option("--account", help="Needed if there are several.")
@strategy_option
@click.option("--client-order-id", help="Your own name for it. [default: a new one]")
@confirm_option
@json_option
def exercise(
    config: Path | None,
    instrument: str,
    quantity: int,
    lapse: bool,
    override: bool,
    account: str | None,
    strategy: str,
    client_order_id: str | None,
    confirm: str | None,
    as_json: bool,
) -> None:
    """Exercise an option that is held, or let it lapse. It cannot be taken back from here.

    That wants the word "exercise" (or "lapse") typed, or given as --confirm. A gateway need not report how it
    ended: see what becomes of the positions, and record it with `twsmq order resolve`.

    \b
    Examples:
      twsmq order exercise --instrument OPT:AAPL:SMART:USD:20270115:C:180 --quantity 1
      twsmq order exercise --instrument OPT:AAPL:SMART:USD:20270115:P:90 --quantity 2 --lapse --confirm lapse
    """
    action = "lapse" if lapse else "exercise"
    require_word(
        action, confirm, f"lets {quantity} of {instrument} lapse" if lapse else f"exercises {quantity}"
    )
    name = named(client_order_id)
    args: dict[str, Any] = {
        "strategy": strategy,
        "client_order_id": name,
        "instrument": instrument,
        "quantity": quantity,
        "action": action,
        "override": override,
        "account": account,
    }
    with asking(running_from(config), instrument=instrument) as client, known_as(name):
        accepted = ask(client, "exercise_option", args)
    if as_json:
        echo_json(accepted)
    else:
        echo(f"{strategy}/{name}: {accepted['status']}, order id {accepted['order_id']}")
