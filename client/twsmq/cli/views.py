"""What `twsmq up` shows: a live table on a terminal, plain lines anywhere else, from the same events."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Protocol

from msgspec.structs import replace
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text
from twsmq_protocol import endpoints
from twsmq_protocol.market_events import Quote
from twsmq_protocol.processes import WEB, node_names
from twsmq_protocol.system_events import Process
from twsmq_protocol.topics import quote_topic
from twsmq_supervisor.children import cluster
from twsmq_supervisor.last_words import in_words
from twsmq_supervisor.processes import tail
from twsmq_supervisor.settings import Settings

from ..board_text import duration
from .options import typed
from .own_address import page_url, page_url_elsewhere
from .rendering import Escaped, process_table, quote_line, quote_table
from .terminal import echo
from .trouble import hint, in_short, missing

SHOWN = ("STK:AAPL:SMART:USD", "STK:MSFT:SMART:USD", "CASH:EUR:IDEALPRO:USD")
"""Instruments whose quotes `up` shows."""

_LOG_LINES = 8


class View(Protocol):
    def process(self, event: Process) -> None: ...
    def quote(self, instrument: str, quote: Quote) -> None: ...
    def refresh(self) -> None: ...
    def close(self) -> None: ...


def names(settings: Settings) -> tuple[str, ...]:
    """Every process of the cluster, the supervisor first."""
    return (endpoints.SUPERVISOR, *cluster(settings))


def next_steps(settings: Settings, *, ready: bool = True) -> list[str]:
    """What to type now; nothing is to be traded or watched while not all is ready."""
    if not ready:
        return [typed(settings, "status")]
    instrument = SHOWN[0]
    order = ("--instrument", instrument, "--side", "BUY", "--quantity", "10", "--order-type", "MKT")
    return [
        typed(settings, "watch", quote_topic(instrument)),
        typed(settings, "order", "place", *order),
        typed(settings, "status"),
        *([typed(settings, "web")] if WEB in node_names(settings.config) else []),
    ]


def page_line(settings: Settings) -> str:
    """Where the page is, or why there is none."""
    config = settings.config
    if WEB in node_names(config):
        elsewhere = page_url_elsewhere(config)
        there = "" if elsewhere in (None, page_url(config)) else f", from other machines {elsewhere}"
        return (
            f"the page: {page_url(config)}{there} "
            f"(`{typed(settings, 'web')}` prints the link that logs in; --operator: to act)"
        )
    if config.web.enabled is None:
        return "no page: the extra `web` is not installed (pip install 'twsmq[web]')"
    return "no page: [web] enabled = false"


class PlainLines:
    """A line per change, for logs and pipes."""

    def __init__(self, settings: Settings, *, steps: bool = True) -> None:
        self._settings = settings
        self._began = time.monotonic()
        self._rows = {name: Process(name=name, state="stopped") for name in names(settings)}
        self._reasons: dict[str, str | None] = {}  # the last one shown of each
        self._logs_shown: set[tuple[str, str | None]] = set()
        self._quoted: set[str] = set()
        self._hint: str | None = None  # the last one given
        self._steps = steps
        self._was_ready = False

    def all_ready(self) -> bool:
        return not self.missing()

    def missing(self) -> str:
        """Which processes are not ready, and why."""
        return missing(self._rows.values())

    def process(self, event: Process) -> None:
        before = self._rows.get(event.name)
        self._rows[event.name] = event
        if before is not None and (before.state, before.restarts) == (event.state, event.restarts):
            self._give_hint(event)  # the reason may be new
            return
        if event.name == endpoints.SUPERVISOR:
            self._supervisor(event)
            return
        news = event.reason != self._reasons.get(event.name)
        self._reasons[event.name] = event.reason
        self._say(_sentence(event if news else replace(event, reason=None)))
        if event.state in ("backoff", "failed"):
            self._show_log(event)
        self._give_hint(event)
        if event.state == "ready" and self.all_ready():
            self._ready()

    def quote(self, instrument: str, quote: Quote) -> None:
        if instrument not in self._quoted and (quote.bid is not None or quote.last is not None):
            self._quoted.add(instrument)
            self._say(f"{instrument}: {quote_line(quote)}")

    def refresh(self) -> None:
        pass

    def close(self) -> None:
        pass

    def _supervisor(self, event: Process) -> None:
        if event.state == "ready":
            self._say(f"supervisor: running (pid {event.pid}), logs in {self._settings.log_dir}")
        elif event.state == "stopping":
            self._say("stopping in order ...")
        else:
            self._say("all stopped")

    def _give_hint(self, event: Process) -> None:
        told = hint([event], simulated=self._settings.config.gateway.mode == "simulated")
        if told is not None and told != self._hint:
            self._hint = told
            self._say(told)

    def _show_log(self, event: Process) -> None:
        """The last lines of its log before it ended, once for each reason, unless the reason has them all."""
        if (event.name, event.reason) in self._logs_shown:
            return
        self._logs_shown.add((event.name, event.reason))
        path = self._settings.log_file(event.name)
        lines = tail(path, _LOG_LINES)
        for line in lines if len(lines) > 1 else ():
            echo(f"            | {in_words(line)}")
        echo(f"            | log: {path}")

    def _ready(self) -> None:
        if self._was_ready:
            self._say("all processes ready again")
            return
        self._was_ready = True
        took = time.monotonic() - self._began
        self._say(f"cluster ready in {took:.1f} s: {len(self._rows)} processes")
        self._say(page_line(self._settings))
        if self._steps:
            echo("next, in another terminal:")
            for step in next_steps(self._settings):
                echo(f"  {step}")
            echo("Ctrl-C stops everything in order.")

    def _say(self, line: str) -> None:
        echo(f"{time.strftime('%H:%M:%S')}  {line}")


class LiveTable:
    """The cluster on a terminal, redrawn a few times a second."""

    def __init__(self, settings: Settings, console: Console | None = None) -> None:
        self._settings = settings
        self._began = time.monotonic()
        self._rows: dict[str, tuple[Process, float]] = {}
        self._quotes: dict[str, Quote | None] = dict.fromkeys(SHOWN)
        self._names = names(settings)
        self._ready_after: float | None = None
        self._live = Live(console=console or Console(), auto_refresh=False, transient=False)
        self._live.start()

    def process(self, event: Process) -> None:
        self._rows[event.name] = (event, time.monotonic())
        if self._ready_after is None and self._waiting() == 0:
            self._ready_after = time.monotonic() - self._began

    def quote(self, instrument: str, quote: Quote) -> None:
        self._quotes[instrument] = quote

    def refresh(self) -> None:
        self._live.update(Escaped(self._picture()), refresh=True)

    def close(self) -> None:
        self.refresh()
        self._live.stop()

    def _waiting(self) -> int:
        return sum(name not in self._rows or self._rows[name][0].state != "ready" for name in self._names)

    def _picture(self) -> RenderableType:
        now = time.monotonic()
        rows: Iterable[tuple[Process, float]] = (
            (event, event.uptime_s + now - heard)
            for event, heard in (self._rows[name] for name in self._names if name in self._rows)
        )
        processes = (Text(self._headline(), style="bold"), process_table(rows))
        if self._ending():
            return Group(*processes)
        steps = [f"  {step}" for step in next_steps(self._settings, ready=self._waiting() == 0)]
        told = hint(
            (event for event, _ in self._rows.values()),
            simulated=self._settings.config.gateway.mode == "simulated",
        )
        return Group(
            *processes,
            *(() if told is None else (Text(), Text(told, style="yellow"))),
            Text(),
            quote_table(self._quotes.items()),
            Text(),
            Text("next, in another terminal:"),
            Text("\n".join(steps), style="cyan"),
            Text(page_line(self._settings), style="cyan"),
            Text(f"logs: {self._settings.log_dir}    Ctrl-C stops everything in order", style="dim"),
        )

    def _ending(self) -> bool:
        supervisor = self._rows.get(endpoints.SUPERVISOR)
        return supervisor is not None and supervisor[0].state in ("stopping", "stopped")

    def _headline(self) -> str:
        supervisor = self._rows.get(endpoints.SUPERVISOR)
        if supervisor is None:
            return "twsmq is starting ..."
        event, heard = supervisor
        if event.state == "stopped":
            return "twsmq: all stopped"
        if event.state == "stopping":
            return "twsmq is stopping in order ... (Ctrl-C again kills)"
        waiting = self._waiting()
        if self._ready_after is None:
            return f"twsmq is starting: {len(self._names) - waiting} of {len(self._names)} processes ready"
        up = duration(event.uptime_s + time.monotonic() - heard)
        trouble = f", {waiting} not ready" if waiting else ""
        return f"twsmq: ready after {self._ready_after:.1f} s, up {up}{trouble}"


def _sentence(event: Process) -> str:
    facts = [f"pid {event.pid}"] if event.pid is not None else []
    if event.client_id is not None:
        facts.append(f"client ID {event.client_id}")
    if event.restarts:
        facts.append(f"restart {event.restarts}")
    known = f" ({', '.join(facts)})" if facts else ""
    reason = f": {in_short(event.reason)}" if event.reason else ""
    return f"{event.name}: {event.state}{known}{reason}"
