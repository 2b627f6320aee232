"""`twsmq why` and `twsmq blame`: what became of a process, and what the start waited for.

Both ask the supervisor, whose front answers with any node dead. Where nobody answers, `why` still reads what
the process itself has left in its log, and the supervisor's log for the state that it was in at last.
"""

from __future__ import annotations

import re
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from rich.text import Text
from twsmq_protocol import endpoints
from twsmq_protocol.counted import counted
from twsmq_protocol.errors import ErrorCode
from twsmq_supervisor.children import cluster
from twsmq_supervisor.last_words import cut, in_words
from twsmq_supervisor.lock import is_locked
from twsmq_supervisor.processes import tail
from twsmq_supervisor.settings import Settings

from ..board_text import duration
from ..errors import RequestRefused
from .asking import ask, asking, json_option
from .logs import Line, LogFile, said
from .options import Failure, NoCluster, Refused, config_option, running_from
from .rendering import narrow_table, show
from .terminal import echo, echo_json
from .trouble import in_short

_LOG_LINES = 5
_STATES_LINES = 10_000


@click.command()
@config_option
@click.argument("node")
@json_option
def why(config: Path | None, node: str, as_json: bool) -> None:
    """Show why NODE is in the state it is in: its last changes, last words, and when it is tried again.

    Exit code 0 if it is ready, 1 if not, 3 if no supervisor answers (its log is shown then).

    \b
    Examples:
      twsmq why orders
      twsmq why marketdata-0 --json | jq '.changes[-1]'
    """
    settings = running_from(config)
    known = (endpoints.SUPERVISOR, *cluster(settings))
    if node not in known:
        raise click.UsageError(f"no process is called {node!r}; there are {', '.join(known)}")
    log = settings.log_file(node)
    words = _lines(log, node, _LOG_LINES)
    try:
        with asking(settings, endpoints.SUPERVISOR) as client:
            told = ask(client, "explain", {"name": node})["processes"][0]
    except Failure as failure:
        cause = failure.__cause__
        if isinstance(cause, RequestRefused) and cause.code != ErrorCode.NOT_READY:
            raise  # it does answer, and knows no such process, or lets this key ask nothing
        _without_supervisor(settings, node, log, words, as_json=as_json)
        left = "this is from its log" if words else "nothing is known of it"
        raise NoCluster(f"no supervisor answers: {left}") from failure
    if as_json:
        echo_json({**told, **_as_json(log, words)})
    else:
        _tell(told, log, words)
    if told["state"] != "ready":
        raise SystemExit(Refused.exit_code)


def _lines(log: Path, process: str, most: int) -> list[Line]:
    """The last of the newest run, each with its time or that of the one before it."""
    reader = LogFile(log, process)
    return [reader.line(text) for text in tail(log, most)]


def _last_state(settings: Settings, node: str) -> dict[str, Any] | None:
    """The state that the supervisor logged last, in the shape of one of `changes`."""
    said = re.compile(rf"{re.escape(node)}: (\w+)(?: \((.*)\))?")
    lines = _lines(settings.log_file(endpoints.SUPERVISOR), endpoints.SUPERVISOR, _STATES_LINES)
    for line in reversed(lines):
        found = said.fullmatch(line.words)
        if found is not None:
            return {"at": int(line.at * 1e9), "state": found[1], "reason": found[2]}
    return None


def _written_at(log: Path) -> float | None:
    try:
        return log.stat().st_mtime
    except OSError:
        return None


def _as_json(log: Path, words: list[Line]) -> dict[str, Any]:
    at = _written_at(log)
    written = None if at is None else int(at * 1e9)
    return {"log": str(log), "last_words": [in_words(line.text) for line in words], "log_written_at": written}


def _without_supervisor(
    settings: Settings, node: str, log: Path, words: list[Line], *, as_json: bool
) -> None:
    locked = is_locked(settings.lock_file)
    last = _last_state(settings, node)
    if as_json:
        story = {"name": node, "state": None, "supervisor_lives": locked, "last_state": last}
        echo_json({**story, **_as_json(log, words)})
        return
    lives = "lives but does not answer" if locked else "does not run"
    echo(f"{node}: unknown, the supervisor {lives}")
    if last is not None:
        why_so = f" ({last['reason']})" if last["reason"] else ""
        echo(f"  at last it was {last['state']}{why_so}, since {_ago(last['at'] / 1e9)}")
    _show_log(log, words)


def _ago(at: float) -> str:
    return f"{_moment(at)}, {duration(max(0.0, time.time() - at))} ago"


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at).astimezone().strftime("%m-%d %H:%M:%S")


def _tell(story: dict[str, Any], log: Path, words: list[Line]) -> None:
    state, reason = story["state"], story["reason"]
    echo(f"{story['name']}: {state}" + (f": {reason}" if reason else ""))
    facts: list[str] = []
    if story["retry_in_s"] is not None:
        facts.append(f"started again in {story['retry_in_s']:g} s")
    if story["pid"] is not None:
        facts.append(f"pid {story['pid']}, up {duration(story['uptime_s'])}")
    if story["restarts"]:
        facts.append(f"restarted {counted(story['restarts'], 'time')}")
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
        at = _moment(change["at"] / 1e9)
        echo(f"  {at}  {change['state']}" + (f": {change['reason']}" if change["reason"] else ""))
    if state != "ready":
        _show_log(log, words)


def _show_log(log: Path, words: list[Line]) -> None:
    at = _written_at(log)
    if not words or at is None:
        echo(f"it has left no log in {log}")
        return
    echo(f"log {log}, last written {_ago(at)}:")
    for line in words:
        stamp = f"{_moment(line.at)}  " if line.at else ""
        entry = line.entry or {}
        plain = not entry or "exception" in entry
        mark = "" if plain or entry.get("level") == "info" else f"{entry.get('level')}: "
        echo(f"  {stamp}{in_words(line.words) if plain else cut(mark + said(line))}")


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
    with asking(running_from(config), endpoints.SUPERVISOR) as client:
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
