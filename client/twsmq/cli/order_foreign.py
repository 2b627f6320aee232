"""`twsmq order cancel-foreign`: an operator ends an order that was not placed here."""

from __future__ import annotations

from pathlib import Path

import click

from .asking import ask, asking, json_option
from .options import config_option, settings_from
from .terminal import echo, echo_json, printable

_TIMEOUT_S = 15.0


@click.command("cancel-foreign", short_help="Cancel an order that was not placed here.")
@config_option
@click.argument("perm_id", type=click.IntRange(min=1))
@json_option
def cancel_foreign(config: Path | None, perm_id: int, as_json: bool) -> None:
    """Cancel the order of another program, or of a person, by its permanent id, PERM_ID.

    `twsmq order list` shows those that work, below the orders that were placed here.

    \b
    Examples:
      twsmq order cancel-foreign 1426086045
    """
    with asking(settings_from(config)) as client:
        result = ask(client, "cancel_foreign_order", {"perm_id": perm_id}, _TIMEOUT_S)
    if as_json:
        echo_json(result)
        return
    status = printable(result["status"]) or "the cancel was sent; see `twsmq order list`"
    words = f" ({printable(result['text'])})" if result["text"] else ""
    echo(f"{perm_id}: {status}{words}")
