"""`twsmq orders executions`: what was executed, and what it cost."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from .asking import ask, asking, json_option
from .options import Unusable, config_option, running_from
from .rendering import narrow_table, show
from .terminal import echo, echo_json, money, number


@click.command(short_help="List executions with what they cost.")
@config_option
@click.option("--strategy", help="Only those of this strategy.")
@click.option("--client-order-id", help="Only those of this order.")
@click.option("--everybody", is_flag=True, help="Of all accounts, whoever placed the order.")
@click.option("--account", help="Only those on this account.")
@click.option(
    "--since",
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]),
    help="Only those executed since then (UTC).",
)
@json_option
def executions(
    config: Path | None,
    strategy: str | None,
    client_order_id: str | None,
    everybody: bool,
    account: str | None,
    since: datetime | None,
    as_json: bool,
) -> None:
    """List executions as they stand after corrections, oldest first. Times are UTC.

    \b
    Examples:
      twsmq orders executions --since 2026-01-02
      twsmq orders executions --everybody
      twsmq orders executions --strategy alpha --json | jq .commission
    """
    given: dict[str, Any] = {"strategy": strategy, "client_order_id": client_order_id, "account": account}
    wanted = {name: value for name, value in given.items() if value is not None}
    if since is not None:
        at = int(since.replace(tzinfo=UTC).timestamp())
        if at < 0:
            raise Unusable(f"--since {since:%Y-%m-%d} is before 1970")
        wanted["since"] = at * 10**9
    if everybody and (strategy, client_order_id) != (None, None):
        raise Unusable("--everybody goes with --account and --since only: orders of others have no strategy")
    op = "account_executions" if everybody else "get_executions"
    with asking(running_from(config)) as client:
        found = ask(client, op, wanted)
    rows: list[dict[str, Any]] = found["executions"]
    if found.get("left_out"):
        echo(f"{found['left_out']:,} older ones are left out: --account and --since narrow it", err=True)
    if as_json:
        for row in rows:
            echo_json(row)
    elif not rows:
        echo("no executions")
    else:
        cells = [
            (
                _at(row["time"]),
                _whose(row),
                _what(row),
                f"{row['side']} {number(row['quantity'])} at {number(row['price'])}",
                f"{money(row['commission'])} {row['currency'] or ''}".strip(),
                money(row["realized_pnl"]),
            )
            for row in rows
        ]
        headings = ("time", "order", "instrument", "what", "cost", "realized")
        show(narrow_table(headings, cells, right=(4, 5)))


def _whose(row: dict[str, Any]) -> str:
    """Of an execution of another's order: its permanent id, and who placed it."""
    if "strategy" in row:
        return f"{row['strategy']}/{row['client_order_id']}"
    if row["order"] is not None:
        return row["order"]
    if row["liquidation"]:
        return "liquidation"
    return (
        f"client {row['client_id']}: {row['perm_id']}" if row["client_id"] else f"by hand: {row['perm_id']}"
    )


def _what(row: dict[str, Any]) -> str:
    """Legs and parts are executions beside that of the whole."""
    if not row["leg"]:
        return row["instrument"]
    if str(row["instrument"]).startswith("BAG:"):
        return f"its leg CONID:{row['con_id']}"
    return f"of it {row['account']}" if row.get("strategy") else f"leg {row['instrument']}"


def _at(ns: int | None) -> str:
    return "" if ns is None else f"{datetime.fromtimestamp(ns // 10**9, UTC):%m-%d %H:%M:%S}"
