"""The front: what clients see of the supervisor. A process of its own, so that nothing a client does can end
the one that keeps all others alive.

It serves the supervisor's ports: its ops, and the `process` events. What it
shows is the state the supervisor sent last, through an inherited socket; what is asked of it, it passes on.
It lives as long as that link; the supervisor starts it again like any other process.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import structlog
from twsmq_protocol.config import Config
from twsmq_protocol.config_file import LoadedConfig, take_started
from twsmq_protocol.envelope import NoArgs
from twsmq_protocol.errors import ConfigError, ErrorCode, RequestError
from twsmq_protocol.processes import SIMULATOR, SUPERVISOR, process_of
from twsmq_protocol.requests import (
    ClusterStatus,
    ProcessRow,
    Restarting,
    RestartProcess,
    Stopping,
)
from twsmq_protocol.supervision import (
    LIVE,
    ChangedKey,
    Explain,
    ProcessStory,
    Reloaded,
    Stories,
    concerns_cluster,
    differing,
    readers,
)
from twsmq_protocol.system_events import Process
from twsmq_protocol.topics import process_topic
from twsmq_transport import descriptors, security
from twsmq_transport import log as logs
from twsmq_transport.lifeline import watch_lifeline
from twsmq_transport.mailbox import Call, Handler
from twsmq_transport.private import keep_private
from twsmq_transport.security import Security
from twsmq_transport.stop_signals import watch_signals
from twsmq_transport.wire import Wire

from .front_messages import (
    LONGEST_STATE,
    Alive,
    FromFront,
    ReloadAsked,
    RestartAsked,
    Row,
    Splitter,
    State,
    StopAsked,
    Story,
    pack,
)
from .settings import load_settings

LINK_FD = "TWSMQ_FRONT_FD"
ALIVE_S = 0.5
STILL_S = 3.0
"""The supervisor sends its state twice a second; silent for this long, it stands still."""
HOLD_S = 2.0

log = structlog.stdlib.get_logger()


class Front:
    """Faces clients for the supervisor at the other end of `link`."""

    def __init__(
        self, load: Callable[[], LoadedConfig], config: Config, guard: Security, link: socket.socket
    ) -> None:
        """`load`: reads the configuration's file again."""
        self._load = load
        self._link = link
        self._loop = asyncio.get_running_loop()
        self._over = asyncio.Event()
        self._splitter = Splitter(LONGEST_STATE)
        self._decoder = msgspec.msgpack.Decoder(State)
        self._state: State | None = None
        self._heard_at = time.monotonic()
        self._shown: dict[str, tuple[object, ...]] = {}
        self._wire = Wire(config, SUPERVISOR, guard, (process_topic("<name>"),))
        self._mailbox, self._outbox = self._wire.mailbox, self._wire.outbox
        self._held: list[tuple[float, Callable[[], None], Call]] = []
        self._mailbox.add("status", self._when_current(self._status))
        self._mailbox.add("restart", self._when_current(self._restart))
        self._mailbox.add("stop", self._when_current(self._stop))
        self._mailbox.add("explain", self._when_current(self._explain))
        self._mailbox.add("reload", self._when_current(self._reload))

    async def run(self) -> None:
        """Returns when the supervisor has closed the link, or this process is asked to end."""
        self._link.setblocking(False)
        self._loop.add_reader(self._link.fileno(), self._readable)
        watch_signals(self._loop, lambda _: self._over.set())
        self._beat()
        await self._over.wait()
        self._readable()  # what the supervisor sent just before it asked this process to end
        self._loop.remove_reader(self._link.fileno())
        self._wire.close()

    # --- the supervisor ------------------------------------------------------------------------------------

    def _beat(self) -> None:
        self._pass_on(Alive())
        self._loop.call_later(ALIVE_S, self._beat)
        self._answer_held()

    def _pass_on(self, message: FromFront) -> bool:
        """Whether the supervisor will read it."""
        try:
            self._link.send(pack(message))  # a few bytes: all of them or none
        except BlockingIOError:
            return False
        except OSError:
            self._over.set()
            return False
        return True

    def _readable(self) -> None:
        try:
            data = self._link.recv(1 << 20)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._over.set()
            return
        for body in self._splitter.feed(data):
            self._state = self._decoder.decode(body)
            self._heard_at = time.monotonic()
            own, *others = self._state.rows
            last = own.state == "stopped"  # its end comes after that of all others, its other news before
            for row in (*others, own) if last else (own, *others):
                self._publish(row)
        self._answer_held()

    def _publish(self, row: Row) -> None:
        if self._shown.get(row.name) == row.shown():
            return
        self._shown[row.name] = row.shown()
        event = Process(
            name=row.name,
            state=row.state,
            pid=row.pid,
            client_id=row.client_id,
            restarts=row.restarts,
            uptime_s=_uptime(row),
            reason=row.reason,
        )
        self._outbox.publish(process_topic(row.name), event, retain=True)

    # --- clients -------------------------------------------------------------------------------------------

    def _when_current(self, handle: Callable[[Any, Call, State], None]) -> Handler:
        """Answer once the supervisor's state is known and fresh, or say within `HOLD_S` that it is not."""

        def handler(args: Any, call: Call) -> None:
            def answer() -> None:
                assert self._state is not None
                try:
                    handle(args, call, self._state)
                except RequestError as error:
                    call.fail(error)

            if self._current():
                answer()
            else:
                self._held.append((time.monotonic() + HOLD_S, answer, call))

        return handler

    def _current(self) -> bool:
        return self._state is not None and time.monotonic() - self._heard_at <= STILL_S

    def _answer_held(self) -> None:
        current, now = self._current(), time.monotonic()
        held, self._held = self._held, []
        for until, answer, call in held:
            if call.expired or (now >= until and not current):
                call.fail(self._stands_still(now))
            elif current:
                answer()
            else:
                self._held.append((until, answer, call))

    def _stands_still(self, now: float) -> RequestError:
        if self._state is None:
            return RequestError(ErrorCode.NOT_READY, "the supervisor is starting; try again shortly")
        pid = self._state.rows[0].pid
        return RequestError(
            ErrorCode.NOT_READY,
            f"the supervisor (pid {pid}) has stood still for {now - self._heard_at:.0f} s; "
            f"`kill -CONT {pid}` wakes one that was stopped",
        )

    def _status(self, _: NoArgs, call: Call, state: State) -> None:
        rows = [
            ProcessRow(
                name=row.name,
                state=row.state,
                pid=row.pid,
                client_id=row.client_id,
                restarts=row.restarts,
                uptime_s=_uptime(row),
                reason=row.reason,
            )
            for row in state.rows
        ]
        folder = str(Path(state.lock).parent)
        call.succeed(ClusterStatus(processes=rows, gateway=state.gateway, data_dir=folder))

    def _restart(self, args: RestartProcess, call: Call, state: State) -> None:
        _require_known(args.name, state.rows[1:])
        if state.stopping:
            raise RequestError(ErrorCode.NOT_READY, "the cluster is stopping; start it again with `twsmq up`")
        self._require_passed_on(RestartAsked(args.name))
        call.succeed(Restarting(name=args.name))

    def _explain(self, args: Explain, call: Call, state: State) -> None:
        if args.name is not None:
            _require_known(args.name, state.rows)
        rows = [row for row in state.rows if args.name in (None, row.name)]
        call.succeed(Stories(processes=[_story(row, state.stories.get(row.name, Story())) for row in rows]))

    def _reload(self, _: NoArgs, call: Call, state: State) -> None:
        try:
            loaded = self._load()
        except ConfigError as error:
            raise RequestError(ErrorCode.INVALID_ARGUMENT, str(error)) from error
        self._require_passed_on(ReloadAsked())
        changed = changes(loaded.config, {name: state.configs[at] for name, at in state.config_of.items()})
        call.succeed(Reloaded(file=None if loaded.file is None else str(loaded.file), changed=changed))

    def _stop(self, _: NoArgs, call: Call, state: State) -> None:
        pid = state.rows[0].pid
        assert pid is not None
        self._require_passed_on(StopAsked())
        call.succeed(Stopping(pid=pid, lock=state.lock))

    def _require_passed_on(self, message: FromFront) -> None:
        if not self._pass_on(message):
            raise RequestError(ErrorCode.NOT_READY, "the supervisor takes nothing at present; try again")


def _require_known(name: str, rows: Sequence[Row]) -> None:
    known = [row.name for row in rows]
    if name not in known:
        raise RequestError(
            ErrorCode.INVALID_ARGUMENT,
            f"name must be one of {', '.join(known)}, not {name[:80]!r}",
            field="name",
        )


def changes(present: Config, running: Mapping[str, Config]) -> list[ChangedKey]:
    """What `present` changes for the processes that run, each with the configuration it was started with."""
    restart: dict[str, list[str]] = {}
    for name, config in running.items():
        kind = name if name == SIMULATOR else process_of(name).name
        for key in differing(config, present):
            concerned = restart.setdefault(key, [])
            if key not in LIVE and not concerns_cluster(key) and kind in readers(key):
                concerned.append(name)
    return [
        ChangedKey(key=key, restart=names, cluster=concerns_cluster(key))
        for key, names in restart.items()
        if names or key in LIVE or concerns_cluster(key)
    ]


def _story(row: Row, story: Story) -> ProcessStory:
    return ProcessStory(
        name=row.name,
        state=row.state,
        reason=row.reason,
        pid=row.pid,
        restarts=row.restarts,
        uptime_s=_uptime(row),
        retry_in_s=None if story.due is None else round(max(0.0, story.due - time.monotonic()), 1),
        ready_after_s=None if story.ready_after_s is None else round(story.ready_after_s, 3),
        waited=story.waited,
        cpu=story.cpu,
        memory_bytes=story.memory_bytes,
        loop_lag_s=story.loop_lag_s,
        changes=story.changes,
    )


def _uptime(row: Row) -> float:
    return 0.0 if row.since is None else round(time.monotonic() - row.since, 3)


def main() -> int:
    """0 when its supervisor has ended or it was asked to end, 2 if it cannot listen."""
    parser = argparse.ArgumentParser(prog="python -m twsmq_supervisor.front", description=__doc__)
    parser.add_argument("--config", type=Path)
    parser.add_argument("--gateway")
    options = parser.parse_args()
    logs.configure("front")
    watch_lifeline()
    link = socket.socket(fileno=int(os.environ[LINK_FD]))

    async def run() -> None:
        def load() -> LoadedConfig:
            return load_settings(options.config, options.gateway).loaded

        loaded = load_settings(options.config, options.gateway, take_started()).loaded
        keep_private(loaded.data_dir)
        descriptors.require()
        guard = security.load(loaded.config, loaded.data_dir, SUPERVISOR)
        await Front(load, loaded.config, guard, link).run()

    try:
        asyncio.run(run())
    except ConfigError as error:
        log.error("configuration refused", problem=str(error))
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
