"""`twsmq doctor`: what stands between this machine and a gateway that works, with the cure of each.

The examination runs as a process of its own, since only the nodes speak to gateways; its last line is the
result.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.text import Text

from .options import Refused, Unusable, config_option
from .rendering import show
from .terminal import echo, echo_json, printable

_PATIENCE_S = 60.0
_MARKS = {"ok": ("ok", "green"), "warn": ("warn", "yellow"), "fail": ("FAIL", "red"), "skip": ("skip", "dim")}


@click.command()
@config_option
@click.option("--gateway", metavar="HOST:PORT", help="Examine this gateway instead of the configured one.")
@click.option(
    "--client-id",
    type=click.IntRange(1, 2**31 - 1),
    metavar="N",
    help="Examine under this client ID, never 0. [default: base + 9]",
)
@click.option(
    "--json", "as_json", is_flag=True, help="One JSON object: ok, checks (id, verdict, evidence, cure)."
)
def doctor(config: Path | None, gateway: str | None, client_id: int | None, as_json: bool) -> None:
    """Find out why a gateway does not work, or what will hurt later.

    It walks from the port to the handshake, accounts, data farms, market data and leave to trade, over a
    short connection of its own; it needs no running cluster, disturbs none and places nothing. From server
    version 219 on it also reads the gateway's own settings. Exit code 0 when nothing fails, 1 when something
    does.

    \b
      twsmq doctor                             the configured gateway
      twsmq doctor --gateway 127.0.0.1:7497    TWS, paper
      twsmq doctor --gateway [::1]:4002 --json
    """
    command = [sys.executable, "-P", "-m", "twsmq_nodes.doctor"]
    for option, value in (("--config", config), ("--gateway", gateway), ("--client-id", client_id)):
        if value is not None:
            command += [option, str(value)]
    result = _examined(command, quiet=as_json)
    if as_json:
        echo_json(result)
    else:
        _show(result)
    raise SystemExit(0 if result["ok"] else 1)


def _examined(command: list[str], *, quiet: bool) -> dict[str, Any]:
    progress = subprocess.PIPE if quiet or not sys.stderr.isatty() else None
    try:
        done = subprocess.run(  # noqa: S603 - our own module
            command, stdout=subprocess.PIPE, stderr=progress, timeout=_PATIENCE_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise Refused(f"the examination did not end within {_PATIENCE_S:g} s") from error
    if done.returncode == 2:
        said = (done.stderr or b"").decode(errors="replace").strip().splitlines()
        raise Unusable(said[-1].removeprefix("twsmq: ") if said else "that cannot be examined")
    try:
        return msgspec.json.decode(done.stdout)
    except msgspec.DecodeError as error:
        said = (done.stderr or b"").decode(errors="replace").strip().splitlines()
        raise Refused(f"the examination ended with {done.returncode}: {said[-1] if said else ''}") from error


def _show(result: dict[str, Any]) -> None:
    skipped = [check["id"] for check in result["checks"] if check["verdict"] == "skip"]
    for check in result["checks"]:
        if check["verdict"] == "skip":
            continue
        mark, style = _MARKS[check["verdict"]]
        show(Text.assemble((f"{mark:>4}", style), f"  {check['id']:<17} {printable(check['evidence'])}"))
        if check["cure"] and check["verdict"] in ("warn", "fail"):
            show(Text(f"      -> {printable(check['cure'])}"))
    if skipped:
        show(Text(f"skip  {', '.join(skipped)}", style="dim"))
    failed = sum(check["verdict"] == "fail" for check in result["checks"])
    warned = sum(check["verdict"] == "warn" for check in result["checks"])
    echo(f"{failed} failed, {warned} to look at" if failed or warned else "nothing found")
