"""`twsmq client-ids`: who holds which client ID at the gateway, and one for a program of yours."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import click
from twsmq_protocol import endpoints

from .asking import ask, asking, json_option
from .options import config_option, running_from
from .rendering import narrow_table, show
from .terminal import echo, echo_json


@click.command(name="client-ids")
@config_option
@click.option("--claim", metavar="PROGRAM", help="One for this program; the same again as before.")
@click.option("--id", "wish", type=click.IntRange(0), help="With --claim: this one.")
@click.option(
    "--days", type=click.FloatRange(0, 365), default=1.0, show_default=True, help="With --claim: for so long."
)
@click.option("--release", metavar="PROGRAM", help="It needs it no longer.")
@json_option
def client_ids(
    config: Path | None, claim: str | None, wish: int | None, days: float, release: str | None, as_json: bool
) -> None:
    """Show the client IDs that are taken at the gateway: the cluster's own, and those of other programs.

    A gateway lets in one client for each ID (error 326 for the second). A program that speaks to the gateway
    itself, beside the cluster, asks for one under its name.

    \b
    Examples:
      twsmq client-ids
      twsmq client-ids --claim my-scanner --days 365
    """
    if claim is not None and release is not None:
        raise click.UsageError("--claim or --release, not both")
    if wish is not None and claim is None:
        raise click.UsageError("--id goes with --claim")
    with asking(running_from(config), endpoints.CONNECTION) as client:
        if claim is not None:
            args: dict[str, Any] = {"program": claim, "client_id": wish, "hold_s": days * 86_400}
            told = ask(client, "claim_client_id", args)
        elif release is not None:
            told = ask(client, "release_client_id", {"program": release})
        else:
            told = ask(client, "client_ids", {})
    if as_json:
        echo_json(told)
    elif claim is not None:
        echo(str(told["claimed"]))
    else:
        cells = [
            (str(row["client_id"]), row["holder"], row["kind"], _until(row["until"]))
            for row in told["client_ids"]
        ]
        show(narrow_table(("client ID", "holder", "kind", "until"), cells, right=(0,)))
        echo(f"for other programs: {told['free_from']} to {told['free_to']}")


def _until(ns: int | None) -> str:
    if ns is None:
        return ""
    return datetime.fromtimestamp(min(ns, 2**62) / 1e9).astimezone().strftime("%Y-%m-%d %H:%M")
