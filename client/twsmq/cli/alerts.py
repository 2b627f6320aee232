"""`twsmq alerts`: what fires, and what to do about it from a terminal."""

from __future__ import annotations

import getpass
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from twsmq_protocol import endpoints

from .asking import ask, asking, json_option
from .options import Refused, config_option, running_from
from .rendering import narrow_table, show
from .terminal import echo, echo_json


@click.group(invoke_without_command=True)
@config_option
@json_option
@click.pass_context
def alerts(ctx: click.Context, config: Path | None, as_json: bool) -> None:
    """Show the alerts that fire, and the latest that were resolved.

    Each has a page docs/runbook/NAME.md that says what to do. Where they go is [alerts] in twsmq.toml.

    \b
    Exit codes:
      0  nothing fires, or all of it is acknowledged
      1  an alert fires that nobody has acknowledged
      3  the status node is not running

    \b
    Examples:
      twsmq alerts
      twsmq alerts --json | jq '.alerts[] | select(.state == "firing")'
      twsmq alerts ack OrderUnknown
      twsmq alerts silence '*' --minutes 30       while you work on the machine
      twsmq alerts test                           does it reach you?
    """
    if ctx.invoked_subcommand is None:
        _show(_ask(config, "alerts", {}), as_json=as_json)


@alerts.command(short_help="Take care of an alert: it is not repeated.")
@config_option
@click.argument("name")
@click.option("--about", help="Only about this process, account or strategy. [default: all of that name]")
@click.option("--by", help="Who takes care. [default: your login name]")
def ack(config: Path | None, name: str, about: str | None, by: str | None) -> None:
    """Record that somebody takes care of NAME: it is not repeated until it has resolved, or got worse, and
    fires again."""
    args: dict[str, Any] = {"name": name, "by": by or _login()}
    _show(
        _ask(config, "acknowledge_alert", args | ({} if about is None else {"about": about})), as_json=False
    )


@alerts.command(short_help="Keep an alert from the sinks for a while.")
@config_option
@click.argument("name")
@click.option("--minutes", type=float, default=60.0, show_default=True, help="0 ends a silence.")
@click.option("--by", help="Who asks for it. [default: your login name]")
def silence(config: Path | None, name: str, minutes: float, by: str | None) -> None:
    """Keep NAME (may hold *) from webhook, command and apprise; the page and the topic still have it."""
    _show(
        _ask(config, "silence_alert", {"name": name, "minutes": minutes, "by": by or _login()}), as_json=False
    )


@alerts.command(short_help="Send a test through every sink.")
@config_option
@click.option("--by", help="Who asks for it. [default: your login name]")
def test(config: Path | None, by: str | None) -> None:
    """Send a test through every sink of [alerts]: it should reach you within seconds."""
    sinks = _ask(config, "test_alerts", {"by": by or _login()})["sinks"]
    echo(f"a test was handed to: {', '.join(sinks) or 'nobody, as [alerts] names no sink'}")


def _ask(config: Path | None, op: str, args: dict[str, Any]) -> dict[str, Any]:
    with asking(running_from(config), endpoints.STATUS) as client:
        return ask(client, op, args)


def _show(told: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        echo_json(told)
    else:
        rows = [
            (row["state"], row["severity"], row["name"], row["about"], _clock(row["since"]), row["text"])
            for row in told["alerts"]
        ]
        if rows:
            show(narrow_table(("state", "severity", "alert", "about", "since", "what"), rows))
        else:
            echo("no alert has fired")
        for name, until in told["silences"].items():
            echo(f"{name} is silenced until {_clock(until)}")
    if any(row["state"] == "firing" for row in told["alerts"]):
        raise SystemExit(Refused.exit_code)


def _clock(ns: int) -> str:
    return datetime.fromtimestamp(ns / 1e9).astimezone().strftime("%m-%d %H:%M:%S")


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "somebody"
