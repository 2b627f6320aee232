"""`twsmq restart` and `twsmq reload`: processes started anew, one after the other, each ready before the
next.

A restart loses nothing: orders are journaled, lines come back by themselves. Rolling means that at any
moment at most one process is away, so a quote line is interrupted for no longer than its own shard takes.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click
from twsmq_protocol import endpoints
from twsmq_protocol.processes import SIMULATOR
from twsmq_protocol.requests import ProcessRow
from twsmq_supervisor.children import cluster

from ..client import Client
from .asking import ask, asking, json_option
from .options import SECONDS, Refused, config_option, running_from
from .terminal import echo, echo_json

_LOOK_S = 0.1


@click.command()
@config_option
@click.argument("nodes", nargs=-1)
@click.option("--rolling", is_flag=True, help="Every node, one after the other, each ready before the next.")
@click.option("--wait", is_flag=True, help="Return once it is ready again.")
@click.option("--timeout", type=SECONDS, default=60.0, show_default=True, help="Seconds to wait for each.")
@json_option
def restart(
    config: Path | None, nodes: tuple[str, ...], rolling: bool, wait: bool, timeout: float, as_json: bool
) -> None:
    """End NODES in order and start them again, with the software and the configuration as they are by now.

    Several are restarted one after the other, each ready before the next one's turn. --rolling takes all
    nodes (not the simulated gateway), say after an upgrade; the supervisor itself goes on as it is. Stops at
    the first that does not become ready: exit code 1.

    \b
    Examples:
      twsmq restart marketdata-0 --wait
      twsmq restart --rolling
    """
    settings = running_from(config)
    known = tuple(cluster(settings))
    unknown = [name for name in nodes if name not in known]
    if unknown:
        raise click.UsageError(f"no process is called {unknown[0]!r}; there are {', '.join(known)}")
    if rolling == bool(nodes):
        raise click.UsageError("name the processes to restart, or all of them with --rolling")
    names = [name for name in known if name != SIMULATOR] if rolling else list(nodes)
    with asking(settings, endpoints.SUPERVISOR) as client:
        _require_running(client, names)
        if len(names) == 1 and not wait:
            ask(client, "restart", {"name": names[0]})
            echo_json({"name": names[0]}) if as_json else echo(f"{names[0]}: restarting")
            return
        restart_in_turn(client, names, timeout, as_json=as_json)


def _require_running(client: Client, names: list[str]) -> None:
    """Before any is touched: the file may name others than those the supervisor was started with."""
    rows = [row.name for row in client.status().processes]
    absent = [name for name in names if name not in rows]
    if absent:
        raise Refused(
            f"the supervisor runs no {absent[0]} (it was started with another configuration, or --gateway): "
            "nothing was restarted. `twsmq down` and `twsmq up` start what the file names"
        )


def restart_in_turn(client: Client, names: list[str], timeout: float, *, as_json: bool) -> None:
    """Each is ready before the next is touched. Raises `Refused` at the first that does not become so."""
    for name in names:
        took = _restarted(client, name, timeout)
        if as_json:
            echo_json({"name": name, "ready_after_s": round(took, 3)})
        else:
            echo(f"{name}: ready again after {took:.1f} s")


def _restarted(client: Client, name: str, timeout: float) -> float:
    began = time.monotonic()
    before = _row(client, name)
    ask(client, "restart", {"name": name})
    while True:
        row = _row(client, name)
        # One that was waiting to be started again has no pid before.
        anew = row.pid is not None and row.pid != before.pid
        if anew and row.state == "ready":
            return time.monotonic() - began
        if time.monotonic() - began > timeout:
            why = f" ({row.reason})" if row.reason else ""
            raise Refused(
                f"{name} is {row.state} {timeout:g} s after it was restarted{why}; no other is touched"
            )
        time.sleep(_LOOK_S)


def _row(client: Client, name: str) -> ProcessRow:
    found = [row for row in client.status().processes if row.name == name]
    if not found:
        raise Refused(f"the supervisor does not run {name} any more")
    return found[0]


@click.command()
@config_option
@click.option("--apply", is_flag=True, help="Restart what has to be, one after the other.")
@click.option(
    "--timeout", type=SECONDS, default=60.0, show_default=True, help="With --apply: seconds to wait for each."
)
@json_option
def reload(config: Path | None, apply: bool, timeout: float, as_json: bool) -> None:
    """Compare the configuration's file with what the processes run with; show what each change needs.

    What can be changed while all runs holds from now on. The rest needs processes restarted, which --apply
    does, or the whole cluster (`twsmq down`, `twsmq up`). Exit code 1 while something has not been applied.

    \b
    Examples:
      twsmq reload             what has changed, and whom to restart for it
      twsmq reload --apply     and restart those, each ready before the next
    """
    settings = running_from(config)
    with asking(settings, endpoints.SUPERVISOR) as client:
        told = ask(client, "reload", {})
        changed: list[dict[str, Any]] = told["changed"]
        concerned = {name for row in changed for name in row["restart"]}
        names = [name for name in cluster(settings) if name in concerned]
        if as_json:
            echo_json(told)
        else:
            _show(changed)
        if apply and names:
            restart_in_turn(client, names, timeout, as_json=as_json)
    if any(row["cluster"] for row in changed) or (names and not apply):
        raise SystemExit(Refused.exit_code)


def _show(changed: list[dict[str, Any]]) -> None:
    if not changed:
        echo("nothing has changed")
    for row in changed:
        if row["cluster"]:
            echo(f"{row['key']}: needs the whole cluster started anew (twsmq down, twsmq up)")
        elif row["restart"]:
            echo(f"{row['key']}: needs a restart of {', '.join(row['restart'])} (--apply does it)")
        else:
            echo(f"{row['key']}: holds from now on")
