"""The hands of `life`: gives commands to IBC, runs the configured program, remembers what must not be
forgotten.

What it is shown is the link's state as it is published; whatever it does, it first lets that be announced.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic, time_ns

import msgspec
import structlog
from twsmq_protocol.system_events import Gateway

from twsmq_nodes.runtime.driver import Driver
from twsmq_nodes.runtime.node import Node
from twsmq_nodes.runtime.timer import TimerFired

from . import ibc
from .life import (
    Action,
    Alarm,
    Announce,
    Answered,
    Command,
    Input,
    Keep,
    Life,
    Memory,
    Note,
    Observed,
    Rung,
    Trouble,
)

FILE = "gateway_life.json"
START_S = 120.0

log = structlog.stdlib.get_logger()


class LifeKeeper:
    """`announce`, `alarm`: what is to be published, None when it is over."""

    def __init__(
        self, node: Node, announce: Callable[[str | None], None], alarm: Callable[[str | None], None]
    ) -> None:
        self._config = node.config.gateway.life
        self._file = node.data_dir / FILE
        self._announce = announce
        self._alarm = alarm
        self._life = Life(self._config, self._remembered())
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._driver: Driver[Input, Action] = Driver(
            lambda happened, _: self._life.handle(happened, monotonic(), time_ns()),
            self._carry_out,
            self._wake_at,
            TimerFired(),
        )

    def observe(self, gateway: Gateway, *, stalled: bool) -> None:
        """The link's state has changed, or an attempt has failed; `stalled`: the port answered, nobody
        did."""
        seen = observed(gateway, stalled=stalled)
        if seen is not None:
            self._driver.feed(seen)

    def close(self) -> None:
        self._driver.close()
        for task in self._tasks:
            task.cancel()

    def _wake_at(self) -> float | None:
        at = self._life.wake_at
        return None if at is None else self._loop.time() + max(0.0, at - monotonic())

    def _carry_out(self, action: Action) -> None:
        match action:
            case Announce(text):
                self._announce(text)
            case Alarm(text):
                if text is not None:
                    log.error("the gateway needs a person", what=text)
                self._alarm(text)
            case Note(text):
                log.warning("gateway's life", what=text)
            case Keep(memory):
                self._remember(memory)
            case Command(rung):
                log.warning("gateway's life", does=rung.value)
                task = self._loop.create_task(self._command(rung))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def _command(self, rung: Rung) -> None:
        if rung is Rung.START:
            said = await self._start()
        else:
            said = await ibc.command(self._config.ibc_host, self._config.ibc_port, rung.value)
        self._driver.feed(Answered(rung, said.ok, said.text))

    async def _start(self) -> ibc.Said:
        """The program may go on; what it prints is not ours."""
        try:
            process = await asyncio.create_subprocess_exec(
                *self._config.start,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                start_new_session=True,
            )
            async with asyncio.timeout(START_S):
                code = await process.wait()
        except TimeoutError:
            return ibc.Said(ok=True, text="still runs")
        except OSError as error:
            return ibc.Said(ok=None, text=str(error))
        return ibc.Said(ok=code == 0, text=f"ended with exit code {code}")

    # -- what must outlive this process

    def _remembered(self) -> Memory:
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=Memory)
        except FileNotFoundError:
            return Memory()
        except (OSError, msgspec.MsgspecError) as error:
            log.warning("what was known of the gateway's logins cannot be read", problem=str(error))
            return Memory()

    def _remember(self, memory: Memory) -> None:
        fresh = self._file.with_suffix(".new")
        try:
            fresh.parent.mkdir(parents=True, exist_ok=True)
            fresh.write_bytes(msgspec.json.encode(memory))
            fresh.replace(self._file)
        except OSError as error:
            log.error("what is known of the gateway's logins cannot be written", problem=str(error))


def observed(gateway: Gateway, *, stalled: bool) -> Observed | None:
    """What the link's state means; None where it says nothing."""
    match gateway.state:
        case "up":
            broken = "broken" in gateway.farms.values()
            return Observed(Trouble.FARM if broken else None, session_up=True)
        case "upstream_lost":
            return Observed(Trouble.UPSTREAM, session_up=True)
        case "waiting_client_id":
            return None
        case _:
            return Observed(Trouble.STALLED if stalled else Trouble.ABSENT, session_up=False)
