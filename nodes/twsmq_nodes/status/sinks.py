"""Where alerts go: a webhook, a command, apprise, the log; and the ping that goes out while all is well.

Each delivery is a thread's, with an end in time: a webhook or a command that hangs delays nobody, and ends
with this process. Only the look-up of a name has no such end: its thread is left behind, `MOST_THREADS` of a
sink at most, and sends nothing any more. What one sink gets of one alert comes in its order.
`MOST_AT_ONCE` go at once, the others wait for their turn; what exceeds `MOST_WAITING` is given up. What
became of each is counted and logged, without addresses: they may hold secrets. A delivery that failed,
whatever the reason, is tried again twice; the topic and the page have the alert in any case.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial

import msgspec
import structlog
from twsmq_protocol.alerts import Alert
from twsmq_protocol.config import Alerts
from twsmq_protocol.envelope import payload
from twsmq_transport.metrics import Registry

from .fetching import SinkFailed, fetch

DELIVERY_S = 10.0
TRIES = 3
PAUSE_S = 1.0
MOST_AT_ONCE = 20
MOST_WAITING = 1000
MOST_THREADS = 2 * MOST_AT_ONCE

_APPRISE = "import sys; from apprise.cli import main; sys.exit(main())"
"""What its own script does: as a module its command line does nothing, and ends well."""

log = structlog.stdlib.get_logger()


Work = Callable[[], None]


class Sinks:
    """`config` as in `[alerts]`."""

    def __init__(self, config: Alerts, metrics: Registry) -> None:
        self._config = config
        self._metrics = metrics
        self._tasks: set[asyncio.Task[None]] = set()
        self._newest: dict[tuple[str, str, str], asyncio.Task[None]] = {}
        self._children: set[subprocess.Popen[bytes]] = set()
        self._pinging: asyncio.Task[None] | None = None
        self._turns = {name: asyncio.Semaphore(MOST_AT_ONCE) for name in ("webhook", "command", "apprise")}
        """Of each its own: one that hangs delays the others nothing."""
        self._threads = {name: _Threads() for name in (*self._turns, "ping")}
        self._sinks: dict[str, Callable[[Alert], None]] = {}
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

    def deliver(self, alert: Alert, settled: Callable[[], None] = lambda: None) -> None:
        """To every sink, at once. `settled`: what became of it is known, of every sink."""
        tasks = self._deliver(alert)
        if not tasks:
            settled()
        left = len(tasks)

        def over(task: asyncio.Task[None]) -> None:
            nonlocal left
            left -= 1
            if not left and not task.cancelled():
                settled()

        for task in tasks:
            task.add_done_callback(over)

    def _deliver(self, alert: Alert) -> list[asyncio.Task[None]]:
        tasks: list[asyncio.Task[None]] = []
        if self._config.log:
            line = log.error if alert.severity == "page" else log.warning
            line("alert", alert=alert.name, state=alert.state, about=alert.about, text=alert.text)
        if self._config.minimum == "page" and alert.severity != "page" and not alert.test:
            return tasks
        for name, sink in self._sinks.items():
            if len(self._tasks) >= MOST_WAITING:
                self._metrics.counter("alert_deliveries_total", name, "dropped").n += 1
                log.error("too many deliveries wait; alert not delivered", sink=name, alert=alert.name)
                continue
            key = (name, alert.name, alert.about)
            before = self._newest.get(key)
            self._newest[key] = task = self._run(self._try(name, partial(sink, alert), alert.name, before))
            task.add_done_callback(partial(self._over, key))
            tasks.append(task)
        return tasks

    def ping(self) -> None:
        """All is well: the service at `deadman_url` learns of it."""
        if self._config.deadman_url and (self._pinging is None or self._pinging.done()):
            self._pinging = self._run(self._ping())

    async def close(self) -> None:
        """Give what is on its way a moment, then end it."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=1.0)
        for task in self._tasks:
            task.cancel()
        for child in list(self._children):
            _kill(child)

    def _over(self, key: tuple[str, str, str], task: asyncio.Task[None]) -> None:
        if self._newest.get(key) is task:
            del self._newest[key]

    def _run(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _try(self, name: str, send: Work, alert: str, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait((before,))
        problem = ""
        for attempt in range(TRIES):
            if attempt:
                await asyncio.sleep(PAUSE_S * 2 ** (attempt - 1))
            try:
                async with self._turns[name], asyncio.timeout(DELIVERY_S + 1.0):
                    await self._threads[name].run(send)
            except (SinkFailed, TimeoutError) as error:
                problem = str(error) or f"no answer within {DELIVERY_S:.0f} s"
            else:
                self._metrics.counter("alert_deliveries_total", name, "ok").n += 1
                return
        self._metrics.counter("alert_deliveries_total", name, "failed").n += 1
        log.error("alert not delivered", sink=name, alert=alert, problem=problem)

    def _webhook(self, alert: Alert) -> None:
        fetch(self._config.webhook, as_json(alert), DELIVERY_S)

    def _command(self, alert: Alert) -> None:
        self._run_command(self._config.command, as_json(alert))

    def _apprise(self, alert: Alert) -> None:
        title = f"twsmq: {alert.name} {alert.state}"
        body = f"{alert.text}\n{alert.runbook}\n"
        # A child process: what apprise brings along is not for a process that watches accounts. Addresses go
        # by the environment, which other users cannot read, not by the command line.
        self._run_command(
            [sys.executable, "-P", "-c", _APPRISE, f"--title={title}"],
            body.encode(),
            {"APPRISE_URLS": " ".join(self._config.apprise)},
        )

    def _run_command(self, argv: list[str], given: bytes, environment: dict[str, str] | None = None) -> None:
        try:
            child = subprocess.Popen(  # noqa: S603 - as configured
                argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
            )
        except OSError as error:
            raise SinkFailed(f"{argv[0]}: {error.strerror}") from None
        self._children.add(child)
        try:
            child.communicate(given, timeout=DELIVERY_S)
        except subprocess.TimeoutExpired:
            _kill(child)
            raise SinkFailed(f"{argv[0]} did not end within {DELIVERY_S:.0f} s") from None
        finally:
            self._children.discard(child)
        if child.returncode:
            raise SinkFailed(f"{argv[0]} ended with {child.returncode}")

    async def _ping(self) -> None:
        try:
            async with asyncio.timeout(DELIVERY_S + 1.0):
                await self._threads["ping"].run(partial(fetch, self._config.deadman_url, None, DELIVERY_S))
        except (SinkFailed, TimeoutError) as error:
            log.warning("the dead-man ping failed", problem=str(error) or "no answer in time")


def as_json(alert: Alert) -> bytes:
    """What webhook and command get."""
    return msgspec.json.encode({"alert": alert.name, **payload(alert)})


class _Threads:
    """One for each try, that ends with the process, whatever it waits for then."""

    def __init__(self) -> None:
        self._there = 0

    async def run(self, work: Work) -> None:
        """What it raises comes as `SinkFailed`."""
        if self._there >= MOST_THREADS:
            raise SinkFailed(
                f"{self._there} earlier tries still wait, as they do for a name that is looked up"
            )
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()

        def settle(problem: SinkFailed | None) -> None:
            self._there -= 1
            if not done.done():
                if problem is None:
                    done.set_result(None)
                else:
                    done.set_exception(problem)

        def run() -> None:
            problem = None
            try:
                work()
            except SinkFailed as error:
                problem = error
            except Exception as error:  # noqa: BLE001 - a delivery that failed is one that failed
                problem = SinkFailed(type(error).__name__)
            with suppress(RuntimeError):  # the loop is gone
                loop.call_soon_threadsafe(settle, problem)

        self._there += 1
        try:
            threading.Thread(target=run, name="delivery", daemon=True).start()
        except RuntimeError as error:
            self._there -= 1
            raise SinkFailed(str(error)) from error
        await done


def _kill(child: subprocess.Popen[bytes]) -> None:
    """With all it started."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
