"""`twsmq risk`: the limits on orders, and other ones while all runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args, get_type_hints

import click
from twsmq_protocol.field_docs import field_docs
from twsmq_protocol.order_control_requests import SetRisk
from twsmq_protocol.risk_limits import RiskLimits

from ..client import Client
from .asking import ask, asking, json_option
from .options import Unusable, config_option, running_from
from .order_options import given_options, struct_options
from .rendering import narrow_table, show
from .terminal import echo, echo_json, json_text

_SCOPES = get_args(get_type_hints(SetRisk)["scope"])
_SHORTER = {
    "max_order_notional": "Price x quantity x multiplier of one order, in its currency.",
    "max_position": "As if all that works on its side were filled.",
    "price_collar": "How far a limit may be worse than the market: 0.05 is 5 %.",
    "round": "refuse or passive: a price off the contract's increments.",
    "max_daily_loss": "No new order once the day's result is worse.",
    "order_types": "Like LMT,STP.",
    "trading_windows": "HH:MM-HH:MM in --time-zone.",
    "time_zone": "Like US/Eastern.",
    "missing": "refuse or allow: what a rule does that cannot be checked.",
    "reduce_only_passes": "Whether what only reduces a position passes limits of exposure.",
}
"""Of limits whose meaning in `RiskLimits` is too long for an option, or lacks an example."""
_HELP = {name: f"{text[:1].upper()}{text[1:]}." for name, text in field_docs(RiskLimits).items()} | _SHORTER


@click.group()
def risk() -> None:
    """Show and set the limits on orders.

    They stand in three layers, all of which hold: `default` counts for each strategy on its own, `strategy`
    for one, `account` for everything on one account. docs/risk.md has an example of each limit.

    \b
    Examples:
      twsmq risk show
      twsmq risk set --max-position 1000 --price-collar 0.05
      twsmq risk set --scope strategy --name alpha --max-daily-loss 2000
    """


@risk.command("show", short_help="Show every limit that holds.")
@config_option
@json_option
def show_limits(config: Path | None, as_json: bool) -> None:
    """Show every limit that holds, as configured and as changed since."""
    with asking(running_from(config)) as client:
        _show(_layers(client), as_json=as_json)


@risk.command("set", short_help="Set limits of a layer; the others of it stay.")
@config_option
@click.option("--scope", type=click.Choice(_SCOPES), default="default", show_default=True)
@click.option("--name", default="", help="Of the strategy or account.")
@struct_options(RiskLimits, _HELP, partial=True)
@click.option("--clear", multiple=True, metavar="LIMIT", help="Take this one away; may be repeated.")
@json_option
def set_limits(
    config: Path | None, scope: str, name: str, clear: tuple[str, ...], as_json: bool, **given: Any
) -> None:
    """Set the limits given of one layer, from now on; they outlive restarts and stand above the file's.

    \b
    Examples:
      twsmq risk set --max-order-notional 50000
      twsmq risk set --scope account --name DU1234567 --max-daily-loss 5000
      twsmq risk set --clear price_collar
    """
    cleared = {each.strip().replace("-", "_") for each in clear}
    unknown = cleared - set(RiskLimits.__struct_fields__)
    if unknown:
        raise Unusable(f"no limit is called {', '.join(sorted(unknown))}")
    limits = given_options(given)
    if not limits and not cleared:
        raise click.UsageError("give a limit to set, like --max-position 1000, or --clear")
    with asking(running_from(config)) as client:
        layers = {(row["scope"], row["name"]): row["limits"] for row in _layers(client)}
        now: dict[str, Any] = layers.get((scope, name), {})
        wanted = {key: value for key, value in (now | limits).items() if key not in cleared}
        told = ask(client, "set_risk", {"scope": scope, "name": name, "limits": wanted})
    _show(told["layers"], as_json=as_json)


def _layers(client: Client) -> list[dict[str, Any]]:
    return ask(client, "get_risk", {})["layers"]


def _show(layers: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        for layer in layers:
            echo_json(layer)
        return
    rows = [
        (layer["scope"], layer["name"], limit, _text(value))
        for layer in layers
        for limit, value in layer["limits"].items()
    ]
    if rows:
        show(narrow_table(("scope", "name", "limit", ""), rows))
    else:
        echo("no limit is set")


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    return f"{value:.12g}" if isinstance(value, float) else json_text(value).strip('"')
