"""`twsmq order resolve`: an operator states what became of an order that is `unknown`."""

from __future__ import annotations

from pathlib import Path

import click
from msgspec import inspect
from twsmq_protocol.order_control_requests import ResolveOrder

from .asking import ask, asking, json_option, strategy_option
from .options import Unusable, config_option, running_from
from .terminal import echo, echo_json


def _values_of(name: str) -> inspect.Type:
    declared = inspect.type_info(ResolveOrder)
    assert isinstance(declared, inspect.StructType)
    return next(field.type for field in declared.fields if field.name == name)


_STATUS, _REASON = _values_of("status"), _values_of("reason")
assert isinstance(_STATUS, inspect.LiteralType)
assert isinstance(_REASON, inspect.StrType)
_LONGEST = _REASON.max_length or 0


@click.command(short_help="State what became of an unknown order.")
@config_option
@strategy_option
@click.option("--client-order-id", required=True)
@click.option("--status", required=True, type=click.Choice([str(one) for one in _STATUS.values]))
@click.option("--reason", required=True, help=f"How it is known, 1 to {_LONGEST} characters; it is recorded.")
@json_option
def resolve(
    config: Path | None, strategy: str, client_order_id: str, status: str, reason: str, as_json: bool
) -> None:
    """State what became of an order that is unknown, where no report of the gateway can show it any more.

    Nothing is sent to the gateway, and it cannot be taken back: first look in the gateway's own window or the
    account statement. `filled` means all of it. An order that is not unknown is refused. With keys it takes
    an operator's.

    \b
    Examples:
      twsmq order resolve --strategy alpha --client-order-id a-7 --status cancelled \\
                          --reason "account statement of 27 November"
      twsmq order resolve --client-order-id my-1 --status not_sent --reason "TWS never showed it"
    """
    if not (reason.strip() and len(reason) <= _LONGEST):
        raise Unusable(f"--reason has {len(reason)} characters: say how it is known, in 1 to {_LONGEST}")
    args = {"strategy": strategy, "client_order_id": client_order_id, "status": status, "reason": reason}
    with asking(running_from(config)) as client:
        accepted = ask(client, "resolve_order", args)
    if as_json:
        echo_json(accepted)
    else:
        echo(f"{strategy}/{client_order_id}: {accepted['status']}, order id {accepted['order_id']}")
