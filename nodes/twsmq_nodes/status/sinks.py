"""Where alerts go: a webhook, a command, apprise, the log; and the ping that goes out while all is well.

Each delivery is a thread's or a child process's, with an end in time: a webhook that hangs delays nobody.
What became of it is counted and logged, without addresses: they may hold secrets. A delivery that failed is
tried again twice; the topic and the page have the alert in any case.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import sys
import urllib.request
from collections.abc import Awaitable, Callable
from http.client import HTTPException

import msgspec
import structlog
from twsmq_protocol.board import Alert
from twsmq_protocol.config import Alerts
from twsmq_protocol.envelope import payload
from twsmq_transport.metrics import Registry

DELIVERY_S = 10.0
TRIES = 3
PAUSE_S = 1.0
MOST_AT_ONCE = 50

log = structlog.stdlib.get_logger()


class SinkFailed(Exception):
    """One try of a delivery failed; `str()` says why, without addresses."""


class Sinks:
    """`config` as in `[alerts]`."""

    def __init__(self, config: Alerts, metrics: Registry) -> None:
        self._config = config
        self._metrics = metrics
        self._tasks: set[asyncio.Task[None]] = set()
        self._sinks: dict[str, Callable[[Alert], Awaitable[None]]] = {}
        if config.webhook:
            self._sinks["webhook"] = self._webhook
        if config.command:
            self._sinks["command"] = self._command
        if config.apprise:
            if importlib.util.find_spec("apprise") is None:
                log.error("[alerts] apprise needs the extra `alerts`: pip install 'twsmq[alerts]'")
            else:
                self._sinks["apprise"] = self._apprise

    @property
    def names(self) -> list[str]:
        return [*self._sinks, *(["log"] if self._config.log else [])]

    def deliver(self, alert: Alert) -> None:
        """To every sink, at once."""
        if self._config.log:
            line = log.error if alert.severity == "page" else log.warning
            line("alert", alert=alert.name, state=alert.state, about=alert.about, text=alert.text)
        if self._config.minimum == "page" and alert.severity != "page" and not alert.test:
            return
        for name, sink in self._sinks.items():
            if len(self._tasks) >= MOST_AT_ONCE:
                self._metrics.counter("alert_deliveries_total", name, "dropped").n += 1
                log.error("too many deliveries wait; alert not delivered", sink=name, alert=alert.name)
                continue
            self._run(self._try(name, sink, alert))

    def ping(self) -> None:
        """All is well: the service at `deadman_url` hears of it."""
        if self._config.deadman_url and len(self._tasks) < MOST_AT_ONCE:
            self._run(self._ping())

    async def close(self) -> None:
        """Give what is on its way a moment."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=1.0)
        for task in self._tasks:
            task.cancel()

    def _run(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        assert isinstance(task, asyncio.Task)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _try(self, name: str, sink: Callable[[Alert], Awaitable[None]], alert: Alert) -> None:
        problem = ""
        for attempt in range(TRIES):
            try:
                async with asyncio.timeout(DELIVERY_S):
                    await sink(alert)
            except (SinkFailed, TimeoutError) as error:
                problem = str(error) or f"no answer within {DELIVERY_S:.0f} s"
                await asyncio.sleep(PAUSE_S * 2**attempt)
            else:
                self._metrics.counter("alert_deliveries_total", name, "ok").n += 1
                return
        self._metrics.counter("alert_deliveries_total", name, "failed").n += 1
        log.error("alert not delivered", sink=name, alert=alert.name, problem=problem)

    async def _webhook(self, alert: Alert) -> None:
        await _fetch(self._config.webhook, as_json(alert))

    async def _command(self, alert: Alert) -> None:
        await _run_command(self._config.command, as_json(alert))

    async def _apprise(self, alert: Alert) -> None:
        title = f"twsmq: {alert.name} {alert.state}"
        body = f"{alert.text}\n{alert.runbook}".encode()
        # A child process: what apprise brings along is not for a process that watches accounts. Addresses go
        # by the environment, which other users cannot read, not by the command line.
        await _run_command(
            [sys.executable, "-m", "apprise.cli", "--title", title, "--body", body.decode()],
            b"",
            {"APPRISE_URLS": " ".join(self._config.apprise)},
        )

    async def _ping(self) -> None:
        try:
            async with asyncio.timeout(DELIVERY_S):
                await _fetch(self._config.deadman_url, None)
        except (SinkFailed, TimeoutError) as error:
            log.warning("the dead-man ping failed", problem=str(error) or "no answer in time")


def as_json(alert: Alert) -> bytes:
    """What webhook and command get."""
    return msgspec.json.encode({"alert": alert.name, **payload(alert)})


async def _fetch(url: str, body: bytes | None) -> None:
    def fetch() -> None:
        headers = {"Content-Type": "application/json", "User-Agent": "twsmq"}
        try:
            request = urllib.request.Request(url, data=body, headers=headers)  # noqa: S310 - as configured
            with urllib.request.urlopen(request, timeout=DELIVERY_S) as answer:  # noqa: S310
                answer.read(1024)
        except (OSError, ValueError, HTTPException) as error:
            raise SinkFailed(type(error).__name__ + _reason(error)) from None

    await asyncio.to_thread(fetch)


def _reason(error: Exception) -> str:
    code = getattr(error, "code", None)
    return f" {code}" if isinstance(code, int) else ""


async def _run_command(argv: list[str], given: bytes, environment: dict[str, str] | None = None) -> None:
    try:
        child = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
        )
    except OSError as error:
        raise SinkFailed(f"{argv[0]}: {error.strerror}") from None
    try:
        await child.communicate(given)
    except BaseException:
        child.kill()
        raise
    if child.returncode:
        raise SinkFailed(f"{argv[0]} ended with {child.returncode}")
