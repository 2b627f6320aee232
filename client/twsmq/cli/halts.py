"""`twsmq halt` and `twsmq resume`: the kill switch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .asking import ask, asking, confirm_option, json_option, require_word
from .options import Refused, config_option, running_from
from .terminal import echo, echo_json, printable

_ANSWERED_WITHIN_S = 15.0
"""The node waits some seconds for the cancels to end."""


@click.command()
@config_option
@click.option("--strategy", help="Only this one. [default: everybody]")
@click.option("--reason", required=True, help="Shown to everybody who is refused; it is kept.")
@click.option("--cancel", is_flag=True, help="Also cancel what works.")
@confirm_option
@json_option
def halt(
    config: Path | None, strategy: str | None, reason: str, cancel: bool, confirm: str | None, as_json: bool
) -> None:
    """Take no new orders and no changes from now on; cancels still pass. It outlives restarts.

    With --cancel every working order is cancelled too, and what is left is listed. Cancelling everybody's
    wants the word "everything" typed, or given as --confirm.

    \b
    Exit codes:
      0  halted; with --cancel: and nothing works any more
      1  halted, but orders remain that work or of which nobody knows
      3  the orders node is not running

    \b
    Examples:
      twsmq halt --reason "lunch"
      twsmq halt --strategy alpha --reason "runs wild" --cancel
      twsmq halt --reason "the market broke" --cancel --confirm everything
    """
    if cancel and strategy is None:
        require_word("everything", confirm, "cancels every working order of every strategy")
    args: dict[str, Any] = {"reason": reason, "cancel": cancel}
    args |= {} if strategy is None else {"strategy": strategy}
    with asking(running_from(config)) as client:
        told = ask(client, "halt", args, timeout=_ANSWERED_WITHIN_S)
    _show(told, "halted", as_json=as_json)
    if cancel and told["remaining"]:
        raise SystemExit(Refused.exit_code)


@click.command()
@config_option
@click.option("--strategy", help="The one that was halted. [default: the halt of everybody]")
@json_option
def resume(config: Path | None, strategy: str | None, as_json: bool) -> None:
    """Take new orders again. The halt of everybody and those of single strategies are taken back one by one.

    \b
    Examples:
      twsmq resume
      twsmq resume --strategy alpha
    """
    args = {} if strategy is None else {"strategy": strategy}
    with asking(running_from(config)) as client:
        told = ask(client, "resume", args)
    _show(told, "still halted", as_json=as_json)
    if not as_json and told["halted"]:
        left = [
            f"`twsmq resume{f' --strategy {printable(name)}' if name else ''}`" for name in told["halted"]
        ]
        echo(f"{strategy or 'everybody'} is resumed, and the rest is taken back by {' and '.join(left)}")


def in_words(name: str, reason: str, word: str = "halted") -> str:
    """One halt that holds; "" is everybody's."""
    return f"{word}: {printable(name) or 'everybody'} ({printable(reason)})"


def _show(told: dict[str, Any], word: str, *, as_json: bool) -> None:
    if as_json:
        echo_json(told)
        return
    for name, reason in told["halted"].items():
        echo(in_words(name, reason, word))
    if not told["halted"]:
        echo("nothing is halted")
    if not told["durable"]:
        echo("not on disk yet: the disk stalls; it holds, and would not outlive the orders node", err=True)
    for row in told["remaining"]:
        names = (row.get("strategy", "?"), row.get("client_order_id", "?"), row.get("status", "?"))
        echo("  still there: {}/{}: {}".format(*names))
