"""`twsmq positions` and `twsmq account`: what the status node knows of what is held and worth."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import click
from twsmq_protocol import endpoints

from .asking import ask, asking, json_option
from .options import config_option, running_from
from .rendering import narrow_table, show
from .terminal import echo, echo_json, money, number

_LEFT_OUT = frozenset(("key", "account", "currency", "as_of", "updated", "pnl_updated"))


@click.command()
@config_option
@click.option("--account", help="Only of this one.")
@json_option
def positions(config: Path | None, account: str | None, as_json: bool) -> None:
    """Show every position of every account, as the gateway last reported it.

    `avg cost` is a unit's, the gateway's own figure; options and futures include their multiplier.

    \b
    Examples:
      twsmq positions
      twsmq positions --json | jq 'select(.quantity < 0)'
    """
    with asking(running_from(config), endpoints.STATUS) as client:
        rows: list[dict[str, Any]] = ask(client, "positions", {})["positions"]
    rows = [row for row in rows if account in (None, row["account"])]
    if as_json:
        for row in rows:
            echo_json(row)
    elif not rows:
        echo("no positions")
    else:
        cells = [
            (row["account"], row["instrument"], number(row["quantity"]), money(row["avg_cost"]))
            for row in rows
        ]
        show(narrow_table(("account", "instrument", "quantity", "avg cost"), cells, right=(2, 3)))


@click.command()
@config_option
@click.option("--account", help="Only of this one.")
@json_option
def account(config: Path | None, account: str | None, as_json: bool) -> None:
    """Show worth, margins, buying power and the day's result of every account, and its cash by currency.

    \b
    Examples:
      twsmq account
      twsmq account --json | jq .accounts[0].net_liquidation
    """
    with asking(running_from(config), endpoints.STATUS) as client:
        told: dict[str, Any] = ask(client, "account", {})
    for name in ("accounts", "currencies"):
        told[name] = [row for row in told[name] if account in (None, row.get("account"))]
    if as_json:
        echo_json(told)
        return
    if not told["accounts"]:
        echo(f"nothing is known of {'any account yet' if account is None else f'account {account}'}")
    for row in told["accounts"]:
        echo(f"{row.get('account', '?')}  {row.get('currency') or ''}{_as_of(row)}")
        show(narrow_table(("", ""), _figures(row), right=(1,)))
    if told["currencies"]:
        echo(f"cash by currency{_as_of(max(told['currencies'], key=_updated))}")
        headings = ("account", "currency", *sorted(_names(told["currencies"])))
        cells = [tuple(_cell(row.get(name)) for name in headings) for row in told["currencies"]]
        titles = [name.replace("_", " ") for name in headings]
        show(narrow_table(titles, cells, right=range(2, len(titles))))


def _figures(row: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        (f"  {name.replace('_', ' ')}", _cell(value))
        for name, value in row.items()
        if value is not None and name not in _LEFT_OUT and not isinstance(value, dict | list)
    ]


def _as_of(row: dict[str, Any]) -> str:
    """The gateway sends most figures every few minutes, and results every second: when the newest came."""
    stamps = [("as of", row.get("updated")), ("results as of", row.get("pnl_updated"))]
    said = [f"{what} {datetime.fromtimestamp(at / 1e9):%H:%M:%S}" for what, at in stamps if at]
    return "".join(f"  {each}" for each in said)


def _updated(row: dict[str, Any]) -> int:
    return row.get("updated") or 0


def _names(rows: list[dict[str, Any]]) -> set[str]:
    """Fields of any of them that have a value."""
    return {name for row in rows for name, value in row.items() if value is not None} - _LEFT_OUT


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return money(value)
    return "" if value is None else str(value)
