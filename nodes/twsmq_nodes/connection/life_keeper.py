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
from twsmq_protocol.data_files import GATEWAY_LIFE
from twsmq_protocol.plain_file import read_plain, write_anew
from twsmq_protocol.system_events import Gateway

from twsmq_nodes.runtime.driver import Driver
from twsmq_nodes.runtime.node import Node
from twsmq_nodes.runtime.timer import TimerFired
from twsmq_nodes.tws.session_events import ConnectFailed, SessionEvent, SessionLost

from . import ibc
from .life import Action, Input, Life
from .life_events import (
    Alarm,
    Announce,
    Answered,
    Command,
    Keep,
    Memory,
    Note,
    Observed,
    Rung,
    Trouble,
)

START_S = 120.0

log = structlog.stdlib.get_logger()


class LifeKeeper:
    """`announce`, `alarm`: what is to be published, None when it is over."""

    def __init__(
        self, node: Node, announce: Callable[[str | None], None], alarm: Callable[[str | None], None]
    ) -> None:
        self._config = node.config.gateway.life
        self._file = node.data_dir / GATEWAY_LIFE
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

    def observe(self, gateway: Gateway, failed: Trouble, *, competing: bool) -> None:
        """The link's state has changed, or an attempt has failed; `failed`: what it means if there is no
        session; `competing`: data are refused for another session of the user."""
        self._driver.feed(observed(gateway, failed, competing=competing))

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
        self._driver.feed(Answered(rung, said.ok, said.text, said.given))

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
        except (OSError, ValueError) as error:
            return ibc.Said(ok=None, text=str(error), given=False)
        return ibc.Said(ok=code == 0, text=f"ended with exit code {code}")

    # -- what must outlive this process

    def _remembered(self) -> Memory:
        try:
            return msgspec.json.decode(read_plain(self._file), type=Memory)
        except FileNotFoundError:
            return Memory()
        except (OSError, msgspec.MsgspecError, RecursionError) as error:
            log.warning("what was known of the gateway's logins cannot be read", problem=str(error))
            return Memory()

    def _remember(self, memory: Memory) -> None:
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            write_anew(self._file, msgspec.json.encode(memory))
        except OSError as error:
            log.error("what is known of the gateway's logins cannot be written", problem=str(error))


def meaning_of(event: SessionEvent) -> Trouble:
    """Of an attempt that failed, or a session that was lost."""
    match event:
        case ConnectFailed(ours=True):
            return Trouble.OURS
        case ConnectFailed(unusable=True):
            return Trouble.UNUSABLE
        case ConnectFailed(stalled=True) | SessionLost(stalled=True):
            return Trouble.STALLED
        case _:
            return Trouble.ABSENT


def observed(gateway: Gateway, failed: Trouble, *, competing: bool = False) -> Observed:
    """What the link's state means. A gateway that loses IBKR, or a farm, while another session of the user
    has the data has probably been logged out by that one."""
    match gateway.state:
        case "up" | "upstream_lost" if competing:
            return Observed(Trouble.COMPETING, session_up=True)
        case "up":
            broken = "broken" in gateway.farms.values()
            return Observed(Trouble.FARM if broken else None, session_up=True)
        case "upstream_lost":
            return Observed(Trouble.UPSTREAM, session_up=True)
        case "waiting_client_id":  # a gateway that has a mind to whom it lets in is well
            return Observed(None, session_up=False)
        case _:
            return Observed(failed, session_up=False)
