"""`twsmq up`: the supervisor in this process's main thread, and what it shows in another.

The view is a client like any other: it receives processes and quotes through ZeroMQ, in a thread of its own,
so that a terminal that stands still (Ctrl-S, a full pipe) never holds supervision up.
"""

from __future__ import annotations

import asyncio
import os
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import BinaryIO

import click
from twsmq_protocol import endpoints
from twsmq_protocol.market_events import Quote
from twsmq_protocol.plain_file import write_plain
from twsmq_protocol.system_events import Process
from twsmq_protocol.topics import quote_topic
from twsmq_supervisor.children import PYTHON, cluster
from twsmq_supervisor.errors import StartRefused
from twsmq_supervisor.preflight import require_free
from twsmq_supervisor.settings import Settings
from twsmq_supervisor.shell import Supervisor
from twsmq_transport import log as logs

from ..client import Client
from .options import (
    SECONDS,
    NoCluster,
    Refused,
    Unusable,
    config_option,
    running_from,
    settings_from,
    typed,
)
from .reach import NobodyListens, require_listener
from .terminal import echo
from .views import SHOWN, LiveTable, PlainLines, View

_REFRESH_S = 0.25
_FAREWELL_S = 2.0

LINES_A_MESSAGE, LEAST_LINES = 2, 100
"""IBKR allows half as many messages a second as an account has lines of market data, which are 100 or more
(its API documentation, 11)."""


@click.command()
@config_option
@click.option("--gateway", metavar="HOST:PORT", help="Use this gateway instead of the simulated one.")
@click.option("--detach", is_flag=True, help="Run in the background; return once all processes are ready.")
@click.option(
    "--timeout",
    type=SECONDS,
    default=60.0,
    show_default=True,
    help="With --detach: seconds to wait for that.",
)
def up(config: Path | None, gateway: str | None, detach: bool, timeout: float) -> None:
    """Start the whole cluster: the simulated gateway (unless you bring your own) and every node.

    On a terminal a live table shows them; elsewhere plain lines. Ctrl-C stops everything in order, a second
    Ctrl-C kills. Whatever dies is restarted.

    \b
    Examples:
      twsmq up                               everything, with a simulated gateway
      twsmq up --gateway 127.0.0.1:4002      with your own TWS or IB Gateway
      twsmq up --detach && twsmq status      in the background; `twsmq down` stops it
    """
    settings = settings_from(config, gateway)
    _warn_of_rate(settings)
    _warn_of_readers(settings)
    try:
        if detach:
            _run_detached(settings, timeout)
        else:
            _run_here(settings)
    except StartRefused as error:
        raise Unusable(str(error)) from error


def _warn_of_rate(settings: Settings) -> None:
    table = settings.config.gateway
    rate = table.messages_per_second
    lines = settings.config.marketdata.lines
    allowed = max(lines, LEAST_LINES) / LINES_A_MESSAGE
    if table.mode == "external" and not 0 < rate <= allowed:
        much = f"{rate:g} is more" if rate else "0, no limit, is more"
        echo(
            f"twsmq: [gateway] messages_per_second = {much} than the {allowed:g} that IBKR allows all "
            f"clients of a gateway together, with [marketdata] lines = {lines}; what exceeds it is refused "
            "with error 100",
            err=True,
        )


def _warn_of_readers(settings: Settings) -> None:
    """Whoever has the address of a webhook may call it. No reason to go without a cluster, as with keys."""
    file, secret = settings.loaded.file, settings.config.alerts.addresses
    mode = 0 if file is None else stat.S_IMODE(file.stat().st_mode)
    if secret and mode & 0o077 and os.name != "nt":
        echo(
            f"twsmq: {file} may be read by others (mode {mode:o}), and [alerts] {', '.join(secret)} may hold "
            f"a secret: chmod 600 {file}",
            err=True,
        )


def _run_here(settings: Settings) -> None:
    logs.configure_plain(logs.FileOnDemand(settings.log_file(endpoints.SUPERVISOR)))
    audience = Audience(settings)
    asyncio.run(Supervisor(settings, cluster(settings)).run(opened=audience.start))
    audience.leave()


@click.command()
@config_option
def attach(config: Path | None) -> None:
    """Show a cluster that runs already, live, as `twsmq up` does. Ctrl-C leaves; the cluster goes on.

    \b
    Example:
      twsmq up --detach && twsmq attach
    """
    settings = running_from(config)
    try:
        require_listener(settings.config, endpoints.SUPERVISOR)
    except NobodyListens as error:
        raise NoCluster(f"{error}; start a cluster with `{typed(settings, 'up')}`") from error
    view: View = LiveTable(settings) if sys.stdout.isatty() else PlainLines(settings, steps=False)
    feed = Feed(settings, view, quotes=True)
    try:
        while not feed.ended:
            feed.pump(_REFRESH_S)
            view.refresh()
    except KeyboardInterrupt:
        pass
    finally:
        view.close()
        feed.close()
    if not feed.ended:
        echo(f"left; the cluster goes on, stop it with: {typed(settings, 'down')}")


class Audience:
    """The thread that watches and shows."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._leaving = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="view", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def leave(self) -> None:
        self._leaving.set()
        self._thread.join(_FAREWELL_S)

    def _watch(self) -> None:
        try:
            self._show(LiveTable(self._settings) if sys.stdout.isatty() else PlainLines(self._settings))
        except OSError:  # nobody reads our output any more; the cluster is no less needed for that
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    def _show(self, view: View) -> None:
        feed = Feed(self._settings, view, quotes=True)
        try:
            while not (feed.ended or self._leaving.is_set()):
                feed.pump(_REFRESH_S)
                view.refresh()
            feed.pump(_REFRESH_S)
            view.close()
        finally:
            feed.close()


class Feed:
    """What a view shows, as it comes through ZeroMQ. `ended`: the supervisor has published its last state."""

    def __init__(self, settings: Settings, view: View, *, quotes: bool) -> None:
        self._view = view
        self._quotes = {quote_topic(name): name for name in SHOWN} if quotes else {}
        self._client = Client(settings.config)
        self._client.subscribe("process/", *self._quotes)
        self.ended = False

    def pump(self, within_s: float) -> None:
        for topic, event, _ in self._client.events(within_s):
            if isinstance(event, Process):
                self._view.process(event)
                self.ended = (event.name, event.state) == (endpoints.SUPERVISOR, "stopped")
            elif isinstance(event, Quote) and topic in self._quotes:
                self._view.quote(self._quotes[topic], event)

    def close(self) -> None:
        self._client.close()


def _supervisor_log(path: Path) -> BinaryIO:
    try:
        return write_plain(path, os.O_APPEND)
    except OSError as error:
        raise Unusable(f"cannot write to {path}: {error.strerror}; remove what is there") from error


def _run_detached(settings: Settings, timeout: float) -> None:
    require_free(settings)
    log = settings.log_file(endpoints.SUPERVISOR)
    with _supervisor_log(log) as output:
        begin = output.seek(0, os.SEEK_END)
        supervisor = subprocess.Popen(  # noqa: S603 - our own interpreter and package
            [*PYTHON, "-m", "twsmq_supervisor", *settings.arguments()],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    view = PlainLines(settings, steps=False)
    feed = Feed(settings, view, quotes=False)
    deadline = time.monotonic() + timeout
    try:
        while not view.all_ready() and supervisor.poll() is None and time.monotonic() < deadline:
            feed.pump(_REFRESH_S)
    finally:
        feed.close()
    if supervisor.poll() is not None:
        said = log.read_bytes()[begin:].decode("utf-8", "replace").strip().splitlines()
        reason = said[-1].removeprefix("twsmq: ") if said else "it wrote nothing"
        raise Unusable(f"the supervisor ended: {reason}")
    stop = typed(settings, "down")
    if not view.all_ready():
        raise Refused(
            f"not ready after {timeout:.0f} s: {view.missing()}. It goes on trying; "
            f"`{typed(settings, 'status')}` shows it, `{stop}` stops it"
        )
    echo(f"running in the background (pid {supervisor.pid}); stop it with: {stop}")
