"""`twsmq why` and `twsmq blame`: what became of a process, and what the start waited for.

Both ask the supervisor, whose front answers with any node dead. Where nobody answers, `why` still reads what
the process itself has left in its log.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import click
from rich.text import Text
from twsmq_protocol import endpoints
from twsmq_supervisor.children import cluster
from twsmq_supervisor.last_words import in_words
from twsmq_supervisor.preflight import is_locked, lock_file
from twsmq_supervisor.processes import tail
from twsmq_supervisor.settings import Settings

from .asking import ask, asking, json_option
from .options import Failure, NoCluster, Refused, config_option, settings_from
from .rendering import narrow_table, show, spoken
from .terminal import echo, echo_json
from .trouble import in_short

_LOG_LINES = 5


@click.command()
@config_option
@click.argument("node")
@json_option
def why(config: Path | None, node: str, as_json: bool) -> None:
    """Say why NODE is in the state it is in: its last changes, last words, and when it is tried again.

    Exit code 0 if it is ready, 1 if not, 3 if no supervisor answers (its log is shown then).

    \b
    Examples:
      twsmq why orders
      twsmq why marketdata-0 --json | jq '.changes[-1]'
    """
    settings = settings_from(config)
    known = (endpoints.SUPERVISOR, *cluster(settings))
    if node not in known:
        raise click.UsageError(f"no process is called {node!r}; there are {', '.join(known)}")
    log = settings.log_file(node)
    words = [in_words(line) for line in tail(log, _LOG_LINES)]
    try:
        with asking(settings, endpoints.SUPERVISOR) as client:
            told = ask(client, "explain", {"name": node})["processes"][0]
    except Failure as failure:
        _without_supervisor(settings, node, log, words, as_json=as_json)
        raise NoCluster("no supervisor answers: this is what its log says") from failure
    if as_json:
        echo_json({**told, "log": str(log), "last_words": words})
    else:
        _tell(told, log, words)
    if told["state"] != "ready":
        raise SystemExit(Refused.exit_code)


def _without_supervisor(settings: Settings, node: str, log: Path, words: list[str], *, as_json: bool) -> None:
    locked = is_locked(lock_file(settings))
    if as_json:
        story = {"name": node, "state": None, "supervisor_lives": locked}
        echo_json({**story, "log": str(log), "last_words": words})
        return
    lives = "lives but does not answer" if locked else "does not run"
    echo(f"{node}: unknown, the supervisor {lives}")
    _show_log(log, words)


def _tell(story: dict[str, Any], log: Path, words: list[str]) -> None:
    state, reason = story["state"], story["reason"]
    echo(f"{story['name']}: {state}" + (f": {reason}" if reason else ""))
    facts: list[str] = []
    if story["retry_in_s"] is not None:
        facts.append(f"started again in {story['retry_in_s']:g} s")
    if story["pid"] is not None:
        facts.append(f"pid {story['pid']}, up {spoken(story['uptime_s'])}")
    if story["restarts"]:
        facts.append(f"restarted {story['restarts']} times")
    if story["memory_bytes"] is not None:
        held, used, late = story["memory_bytes"], story["cpu"] or 0, story["loop_lag_s"] or 0
        facts.append(f"{held / 1e6:,.0f} MB, {100 * used:.0f} % of a core, loop {1000 * late:.1f} ms late")
    if facts:
        echo("  " + "; ".join(facts))
    if story["ready_after_s"] is None:
        for waited in story["waited"]:
            why = f" ({waited['reason']})" if waited["reason"] else ""
            echo(f"  {waited['seconds']:.1f} s {waited['state']}{why}")
    echo("last changes:")
    for change in story["changes"]:
        at = datetime.fromtimestamp(change["at"] / 1e9).astimezone().strftime("%m-%d %H:%M:%S")
        echo(f"  {at}  {change['state']}" + (f": {change['reason']}" if change["reason"] else ""))
    if state != "ready":
        _show_log(log, words)


def _show_log(log: Path, words: list[str]) -> None:
    echo(f"log {log}:" if words else f"it has left no log in {log}")
    for word in words:
        echo(f"  {word}")


@click.command()
@config_option
@json_option
def blame(config: Path | None, as_json: bool) -> None:
    """Show how long each process took from its start to being ready, and what it waited for.

    Of each process's present run; the slowest first. A process that is not ready yet is still counted.

    \b
    Examples:
      twsmq blame
      twsmq blame --json | jq '.processes[0]'
    """
    with asking(settings_from(config), endpoints.SUPERVISOR) as client:
        told = ask(client, "explain", {})["processes"]
    rows = [row for row in told if row["name"] != endpoints.SUPERVISOR]
    rows.sort(key=lambda row: -_took(row))
    if as_json:
        picked = ("name", "state", "ready_after_s", "waited")
        echo_json({"processes": [{key: row[key] for key in picked} for row in rows]})
        return
    cells = [
        (
            f"{_took(row):.2f} s" + ("" if row["ready_after_s"] is not None else " …"),
            row["name"],
            ", ".join(map(_spent, row["waited"])),
        )
        for row in rows
    ]
    show(narrow_table(("to ready", "process", "of which"), cells, right=(0,)))
    slowest = max((_took(row) for row in rows), default=0.0)
    show(Text(f"the slowest took {slowest:.2f} s", style="dim"))


def _spent(one: dict[str, Any]) -> str:
    reason = f" ({in_short(one['reason'])})" if one["reason"] else ""
    return f"{one['state']} {one['seconds']:.2f} s{reason}"


def _took(row: dict[str, Any]) -> float:
    ready_after: float | None = row["ready_after_s"]
    return sum(one["seconds"] for one in row["waited"]) if ready_after is None else ready_after
