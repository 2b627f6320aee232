"""`twsmq order cancel-foreign`: an operator ends an order that was not placed here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .asking import ask, asking, json_option
from .options import config_option, running_from
from .rendering import narrow_table, show
from .terminal import echo, echo_json, number, printable

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
    with asking(running_from(config)) as client:
        result = ask(client, "cancel_foreign_order", {"perm_id": perm_id}, _TIMEOUT_S)
    if as_json:
        echo_json(result)
        return
    status = printable(result["status"]) or "the cancel was sent; see `twsmq order list`"
    words = f" ({printable(result['text'])})" if result["text"] else ""
    echo(f"{perm_id}: {status}{words}")


def show_foreign(rows: list[dict[str, Any]]) -> None:
    """A table of the working orders that were not placed here."""
    if not rows:
        return
    cells = [
        (
            str(row["perm_id"]),
            row["instrument"],
            f"{row['side']} {number(row['quantity'])} {row['order_type']}",
            row["status"],
            f"{number(row['filled'])}, {_owner(row)}",
        )
        for row in rows
    ]
    show(narrow_table(("placed elsewhere", "instrument", "what", "status", "filled, whose"), cells))


def _owner(row: dict[str, Any]) -> str:
    return f"client {row['client_id']}" if row["order_id"] else "by hand"
