"""`twsmq order bracket` and `twsmq order preview`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from twsmq_protocol.order_events import Order
from twsmq_protocol.topics import order_topic

from .asking import ask, asking, json_option, known_as, named, strategy_option
from .options import Refused, config_option, running_from
from .order_options import arguments, order_options
from .order_story import NOT_WORKING, in_words
from .rendering import narrow_table, show
from .terminal import echo, echo_json, number, printable

_SIDES = ["BUY", "SELL"]
_HEARD_OF_WITHIN_S = 10.0


@click.command(short_help="Place an entry with its take-profit and stop-loss.")
@config_option
@click.option("--instrument", required=True, help="Like STK:AAPL:SMART:USD.")
@click.option("--side", required=True, type=click.Choice(_SIDES, case_sensitive=False), help="Of the entry.")
@click.option("--quantity", required=True, type=float, help="In the instrument's units.")
@click.option("--entry", type=float, help="Limit of the entry. [default: at the market]")
@click.option("--take-profit", type=float, help="Limit at which the position is closed with a gain.")
@click.option("--stop-loss", type=float, help="Stop at which it is closed with a loss.")
@click.option("--tif", default="GTC", show_default=True, help="How long the exits work.")
@click.option("--account", help="Needed only where the gateway has several.")
@strategy_option
@click.option("--client-order-id", help="Of the entry; the exits add -profit and -stop. [default: a new one]")
@json_option
def bracket(
    config: Path | None,
    instrument: str,
    side: str,
    quantity: float,
    entry: float | None,
    take_profit: float | None,
    stop_loss: float | None,
    tif: str,
    account: str | None,
    strategy: str,
    client_order_id: str | None,
    as_json: bool,
) -> None:
    """Place an entry and its exits as one: the exits work once the entry has filled, and end each other.

    All of them or none. `twsmq order watch --strategy cli` shows what becomes of them.

    \b
    Examples:
      twsmq order bracket --instrument STK:AAPL:SMART:USD --side BUY --quantity 10 \\
                          --entry 190 --take-profit 200 --stop-loss 185
      twsmq order bracket --instrument STK:AAPL:SMART:USD --side BUY --quantity 10 --stop-loss 185
    """
    if take_profit is None and stop_loss is None:
        raise click.UsageError("give --take-profit, --stop-loss or both")
    if entry is not None and take_profit is not None and _loses(side, entry, take_profit):
        why = f"would be closed at a loss by a take-profit of {take_profit:g}"
        echo(f"mind: a fill at the limit of {entry:g} {why}", err=True)
    name = named(client_order_id)
    shared = {"strategy": strategy, "instrument": instrument, "quantity": quantity}
    shared |= {} if account is None else {"account": account}
    away = {"side": "SELL" if side.upper() == "BUY" else "BUY", "tif": tif}
    limit = {"order_type": "MKT"} if entry is None else {"order_type": "LMT", "limit_price": entry}
    orders = [shared | {"client_order_id": name, "side": side.upper()} | limit]
    if take_profit is not None:
        profit = {"order_type": "LMT", "limit_price": take_profit}
        orders.append(shared | away | {"client_order_id": f"{name}-profit"} | profit)
    if stop_loss is not None:
        orders.append(
            shared | away | {"client_order_id": f"{name}-stop", "order_type": "STP", "stop_price": stop_loss}
        )
    with asking(running_from(config), instrument=instrument) as client:
        for each in orders:
            client.subscribe(order_topic(strategy, str(each["client_order_id"])))
        request = {"orders": orders, "link": "bracket"}
        with known_as(name):
            rows = ask(client, "place_orders", request)["orders"]
        for row in rows:
            if as_json:
                echo_json({"strategy": strategy, **row})
            else:
                echo(f"{strategy}/{row['client_order_id']}: {row['status']}, order id {row['order_id']}")
        refused = _until_heard_of(client, {row["client_order_id"] for row in rows}, as_json=as_json)
    raise SystemExit(Refused.exit_code if refused else 0)


def _loses(side: str, entry: float, take_profit: float) -> bool:
    """No mistake where the entry is to be filled at once, by a limit far into the market."""
    return take_profit < entry if side.upper() == "BUY" else take_profit > entry


def _until_heard_of(client: Any, names: set[str], *, as_json: bool) -> bool:
    """Print the gateway's first report of each; whether it refused one."""
    refused = False
    waiting = set(names)
    for _, event, _ in client.events(within=_HEARD_OF_WITHIN_S):
        if not isinstance(event, Order) or event.status == "pending" or event.client_order_id not in waiting:
            continue
        refused |= event.status in NOT_WORKING
        waiting.discard(event.client_order_id)
        words = in_words(event)
        assert words is not None
        if as_json:
            echo_json({"type": "order", "client_order_id": event.client_order_id, "status": event.status})
        else:
            echo(f"  {event.client_order_id}: {words[0]}: {printable(words[1])}")
        if not waiting:
            return refused
    if not as_json:
        echo(f"  no report of {', '.join(sorted(waiting))} within {_HEARD_OF_WITHIN_S:g} s")
    return True


@click.command(short_help="Show what an order would cost and bind, without placing it.")
@config_option
@order_options
@strategy_option
@json_option
def preview(config: Path | None, strategy: str, as_json: bool, **rest: Any) -> None:
    """Ask the gateway for the margin and commission of an order; nothing is placed.

    A dash: the gateway did not compute it.

    \b
    Example:
      twsmq order preview --instrument STK:AAPL:SMART:USD --side BUY --quantity 100 --order-type MKT
    """
    args = {"strategy": strategy, "client_order_id": "preview", **arguments(rest)}
    with asking(running_from(config), instrument=args["instrument"]) as client:
        told: dict[str, Any] = ask(client, "preview_order", args, timeout=15.0)
    if as_json:
        echo_json(told)
        return
    rows = [
        (what, *(_figure(told[f"{name}_{when}"]) for when in ("before", "change", "after")))
        for what, name in (
            ("initial margin", "init_margin"),
            ("maintenance margin", "maint_margin"),
            ("equity with loan", "equity_with_loan"),
        )
    ]
    show(narrow_table(("", "before", "change", "after"), rows, right=(1, 2, 3)))
    exact, least, most = (told[name] for name in ("commission", "min_commission", "max_commission"))
    cost = _figure(exact) if exact is not None else f"{_figure(least)} to {_figure(most)}"
    echo(f"commission: {cost} {told['currency'] or ''}".rstrip())
    if told["warning"]:
        echo(f"the gateway warns: {printable(told['warning'])}")


def _figure(value: float | None) -> str:
    return number(value) or "-"
