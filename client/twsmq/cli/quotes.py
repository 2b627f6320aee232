"""`twsmq snapshot`: one quote of each instrument, once."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any, get_args

import click
from twsmq_protocol.endpoints import marketdata
from twsmq_protocol.errors import ErrorCode
from twsmq_protocol.market_events import Quote
from twsmq_protocol.streams import DataKind

from ..client import Client
from ..errors import OutcomeUnknown, RequestRefused
from ..table import Table
from .asking import ask, asking
from .contracts import checked
from .listing import Column, Form, Row, form_option, put, timeout_option
from .options import Refused, config_option, running_from
from .terminal import number
from .watch import HEADER


def _all_checked(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    for one in value:
        checked(ctx, param, one)
    return value


@click.command()
@config_option
@click.argument("instruments", nargs=-1, required=True, metavar="INSTRUMENT...", callback=_all_checked)
@click.option("--data", type=click.Choice(get_args(DataKind)), help="[default: as configured]")
@click.option(
    "--regulatory",
    is_flag=True,
    help="From all exchanges, at IBKR's fee each.",
)
@form_option
@timeout_option(15.0)
def snapshot(
    config: Path | None,
    instruments: tuple[str, ...],
    data: str | None,
    regulatory: bool,
    form: Form | None,
    timeout: float,
) -> None:
    """Show one quote of each instrument, once; `watch` follows them.

    \b
    Examples:
      twsmq snapshot STK:AAPL:SMART:USD CASH:EUR:IDEALPRO:USD
      twsmq snapshot STK:AAPL:SMART:USD --data any --json | jq .bid
    """
    rows: list[Row] = []
    settings = running_from(config)
    refused: Refused | None = None
    for instrument in instruments:
        args: dict[str, Any] = {"instrument": instrument, "regulatory": regulatory, "data": data}
        try:
            with asking(settings, marketdata(0), instrument) as client:
                quote = _snapshot(client, args, timeout)
        except Refused as error:  # what the others are is shown all the same, and may have cost a fee
            if refused is not None:
                refused.show()
            refused = Refused(f"{instrument}: {error.message}")
            if isinstance(error.__cause__, OutcomeUnknown):
                break  # nobody answers
        else:
            rows.append({"instrument": instrument, **quote})
    columns = (
        Column("instrument", "instrument"),
        *(Column(name.replace("_", " "), _number(name), right=True) for name in _NUMBERS),
        Column("", _data),
    )
    if rows or refused is None:
        put({"instrument": "text"} | _FIELDS, rows, columns, form, "")
    if refused is not None:
        raise refused


def _snapshot(client: Client, args: dict[str, Any], timeout: float) -> Row:
    """Regulatory ones in turns: IBKR allows one a second, and what was throttled cost nothing."""
    until = time.monotonic() + timeout
    while True:
        try:
            return ask(client, "snapshot", args, timeout)["quote"]
        except RequestRefused as error:
            if error.code != ErrorCode.THROTTLED or not args["regulatory"] or time.monotonic() > until:
                raise
        time.sleep(_TURN_S)


_TURN_S = 0.25
_FIELDS = {name: kind for name, kind in Table(Quote).columns.items() if name not in HEADER}
_FIELDS["frozen"] = _FIELDS["delayed"]
_NUMBERS = ("bid_size", "bid", "ask", "ask_size", "last", "volume")


def _number(name: str) -> Any:
    def cell(row: Row) -> str:
        value = row.get(name)
        usable = isinstance(value, int | float) and math.isfinite(value)
        return number(value) if usable else ""

    return cell


def _data(row: Row) -> str:
    return next((kind for kind in ("frozen", "delayed") if row.get(kind) is True), "")
