"""`twsmq status` and `twsmq down` ask the supervisor, `twsmq health` listens to one node."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click
import msgspec
from twsmq_protocol import endpoints, topics
from twsmq_protocol.envelope import payload
from twsmq_protocol.hosts import address
from twsmq_protocol.requests import Stopping
from twsmq_protocol.system_events import Gateway, Heartbeat
from twsmq_supervisor.lock import holder, is_locked
from twsmq_supervisor.settings import Settings

from ..client import Client
from ..errors import OutcomeUnknown
from ..ops import ClusterState
from ..sockets import listens
from .halts import in_words
from .options import SECONDS, NoCluster, Refused, config_option, running_from, typed
from .reach import NobodyListens, require_listener
from .rendering import process_table, show
from .terminal import echo, echo_json, printable
from .trouble import hint

R = TypeVar("R")

_COLUMNS = ("name", "state", "pid", "client_id", "restarts", "uptime_s", "reason")
_GONE_WITHIN_S = 120.0
_BEAT_WITHIN_S = 2.0
"""A node beats every half second."""


@click.command()
@config_option
@click.option("--json", "as_json", is_flag=True, help="Machine-readable, on stdout.")
def status(config: Path | None, as_json: bool) -> None:
    """Show every process of the cluster, the link to the gateway, and whose new orders are halted.

    The supervisor answers, so this works with any other process dead. Whether trading is halted the orders
    node says; --json has null for `halted` while it does not. Exit code 0 if all are ready, 1 if
    not, 3 if no cluster is running.

    \b
    Examples:
      twsmq status
      twsmq status --json | jq '.processes[] | select(.state != "ready")'
    """
    settings = running_from(config)
    told, halts = _ask_supervisor(settings, _status_and_halts)
    another = _another(settings, told)
    if another is not None:
        echo(f"twsmq: {another}", err=True)
    if as_json:
        rows = [{column: getattr(row, column) for column in _COLUMNS} for row in told.processes]
        gateway = None if told.gateway is None else payload(told.gateway)
        echo_json({"processes": rows, "gateway": gateway, "data_dir": told.data_dir, "halted": halts})
    else:
        show(process_table((row, row.uptime_s) for row in told.processes))
        echo(_gateway_line(told.gateway))
        for name, reason in (halts or {}).items():
            echo(f"{in_words(name, reason)}: `{_resumed_by(settings, name)}` takes new orders again")
        simulated = any(row.name == endpoints.SIMULATOR for row in told.processes)  # `up --gateway` decides
        advice = hint(told.processes, simulated=simulated)
        if advice is not None:
            echo(advice)
    if any(row.state != "ready" for row in told.processes):
        raise SystemExit(Refused.exit_code)


@click.command()
@config_option
@click.argument("node")
@click.option(
    "--timeout", type=SECONDS, default=3.0, show_default=True, help="Seconds to wait for a heartbeat."
)
def health(config: Path | None, node: str, timeout: float) -> None:
    """Show whether NODE is ready, from its own heartbeat: no supervisor is needed.

    Exit code 0 if it is, 1 if it beats but is not ready, 3 if it does not beat. `supervisor` is ready when it
    answers, whatever state the nodes are in.

    \b
    Examples:
      twsmq health orders         a readiness probe
      twsmq health supervisor     a liveness probe
    """
    settings = running_from(config)
    if node == endpoints.SUPERVISOR:
        _ask_supervisor(settings, lambda client: client.status())
        echo(f"{node}: ready")
        return
    known = endpoints.node_names(settings.config)
    if node not in known:
        raise click.UsageError(f"no node is called {node!r}; there are {', '.join(known)}")
    with Client(settings.config) as client:
        client.subscribe(topics.node_topic(node))
        received = client.receive(timeout)
    if received is None or not isinstance(received.event, Heartbeat):
        raise NoCluster(f"{node} has not beaten within {timeout:g} s")
    beat = received.event
    echo(f"{node}: {beat.state}" + (f": {beat.detail}" if beat.detail else ""))
    for name, reason in (beat.halted or {}).items():
        echo(in_words(name, reason))
    if beat.state != "ready":
        raise SystemExit(Refused.exit_code)


@click.command()
@config_option
def down(config: Path | None) -> None:
    """Stop the cluster in order and wait until it is gone.

    Orders that work at the gateway keep working there; the next `twsmq up` finds them again.
    """
    settings = running_from(config)
    try:
        another = _another(settings, _ask_supervisor(settings, lambda client: client.status()))
        if another is not None:
            raise Refused(f"nothing was stopped: {another}. Name its configuration by --config, or go there")
        stopping = _ask_supervisor(settings, _stop)
    except NoCluster as failure:
        if is_locked(settings.lock_file):
            raise
        echo(f"{failure.message}: nothing to stop")
        return
    echo("stopping in order ...")
    deadline = time.monotonic() + _GONE_WITHIN_S
    # Either alone may go first: the file may have been deleted, the port is free before all have ended.
    while is_locked(Path(stopping.lock)) or listens(settings.config, endpoints.SUPERVISOR):
        if time.monotonic() > deadline:
            raise Refused(f"the supervisor (pid {stopping.pid}) is still there")
        time.sleep(0.05)
    echo("stopped")


def _another(settings: Settings, told: ClusterState) -> str | None:
    """Whether what answers is the cluster of another data folder, on the same ports."""
    if told.data_dir is None:
        return None
    try:
        if Path(told.data_dir).resolve() == settings.data_dir.resolve():
            return None
    except (OSError, ValueError, RuntimeError):  # whoever answers may say anything
        pass
    port = settings.config.cluster.port_base
    return f"the cluster on port {port} is that of {told.data_dir}, not that of {settings.data_dir}"


def _status_and_halts(client: Client) -> tuple[ClusterState, dict[str, str] | None]:
    """`halted` of the next heartbeat of the orders node, None where none comes."""
    client.subscribe(topics.node_topic(endpoints.ORDERS))
    told = client.status()
    if any(row.name == endpoints.ORDERS and row.state == "ready" for row in told.processes):
        for _, event, _ in client.events(within=_BEAT_WITHIN_S):
            if isinstance(event, Heartbeat) and event.name == endpoints.ORDERS:
                return told, event.halted or {}
    return told, None


def _resumed_by(settings: Settings, name: str) -> str:
    return typed(settings, "resume", *(("--strategy", printable(name)) if name else ()))


def _stop(client: Client) -> Stopping:
    return msgspec.convert(client.request(endpoints.SUPERVISOR, "stop"), Stopping)


def _ask_supervisor(settings: Settings, ask: Callable[[Client], R]) -> R:
    try:
        require_listener(settings.config, endpoints.SUPERVISOR)
        with Client(settings.config) as client:
            return ask(client)
    except (NobodyListens, OutcomeUnknown) as error:
        port = settings.config.cluster.port_base
        held = holder(settings.lock_file)
        if held is not None:
            pid = held.pid
            raise NoCluster(
                f"the supervisor (pid {pid}) does not answer on port {port}; it is starting, or stopped: "
                f"`kill -CONT {pid}` wakes it, `kill -9 {pid}` ends the whole cluster"
            ) from error
        raise NoCluster(
            f"no cluster is running on port {port} (start one with `{typed(settings, 'up')}`)"
        ) from error


def _gateway_line(gateway: Gateway | None) -> str:
    if gateway is None:
        return "gateway: unknown, the connection node has not published it yet"
    accounts = ", ".join(gateway.accounts) or "none reported yet"
    return f"gateway {address(gateway.host, gateway.port)}: {gateway.state}, accounts: {accounts}"
