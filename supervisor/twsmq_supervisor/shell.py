"""The supervisor at work: carries out what the policy decides and feeds it what happened.

It has nothing between it and rubbish: clients reach only its front, a child that serves its ports
(`front`), which has a policy of its own, the same one, and is no part of the cluster's order.

Invariants: every event of a policy is handled on the loop's thread; a `Spawn` is followed at once by its
`Spawned` or `SpawnFailed`.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Coroutine, Mapping
from contextlib import ExitStack, suppress
from functools import partial
from typing import Any

import structlog
import zmq
from msgspec.structs import replace
from twsmq_protocol import endpoints
from twsmq_protocol.codec import decode_event
from twsmq_protocol.envelope import payload
from twsmq_protocol.errors import MalformedMessage
from twsmq_protocol.system_events import Gateway, Heartbeat, ProcessState
from twsmq_protocol.topics import GATEWAY
from twsmq_transport import descriptors, security, sockets
from twsmq_transport.stop_signals import watch_signals

from . import policy, policy_events
from .asker import Asker
from .children import PYTHON, ChildSpec
from .configurations import Configurations
from .diary import Diary
from .front import LINK_FD
from .front_link import FrontLink
from .front_messages import Alive, FromFront, ReloadAsked, RestartAsked, Row, State, StopAsked, Story
from .notify import ServiceManager
from .policy import Policy
from .policy_events import Beaten, Exited, PolicyEvent, Spawned, SpawnFailed
from .preflight import require_descriptors, require_free_ports, require_keys, take_lock
from .processes import Processes
from .processor_time import ProcessorTime
from .settings import Settings

log = structlog.stdlib.get_logger()

FRONT = "front"
QUEUE = 1000
SHOW_S = 0.5
"""The state goes to the front at least so often: a supervisor that is silent for longer stands still."""
TICK_S = 0.1
ASK_S, ASK_UNHEARD_S = 0.5, 0.05
ROTATE_S = 2.0


class Supervisor:
    """One cluster. `children`: what to run, in start order.

    `run()` returns when everything has ended. SIGINT, SIGTERM and SIGHUP stop in order, a second one kills.
    """

    def __init__(
        self,
        settings: Settings,
        children: Mapping[str, ChildSpec],
        limits: policy.Limits | None = None,
    ) -> None:
        self._settings = settings
        self._specs = children
        limits = limits or policy.Limits(memory_bytes=settings.config.cluster.memory_mb * 1_000_000)
        self._policy = Policy(((name, spec.events is not None) for name, spec in children.items()), limits)
        self._diary = Diary()
        self._beats: dict[str, Heartbeat] = {}
        self._configurations = Configurations(settings)
        self._reloading = False
        self._born = time.monotonic()
        self._shown: dict[str, tuple[object, ...]] = {}
        self._gateway: Gateway | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._askers: dict[str, Asker] = {}
        self._front = Policy(((FRONT, True),), limits)
        self._sent_at = 0.0
        self._manager = ServiceManager()
        self._processor_time = ProcessorTime()

    async def run(self, opened: Callable[[], object] = lambda: None) -> None:
        """`opened` is called once the front has been started, before anything else is.

        Raises `StartRefused` if another cluster is in the way; nothing has been started then.
        """
        self._loop = asyncio.get_running_loop()
        self._over = asyncio.Event()
        with ExitStack() as stack:
            scarce = descriptors.warning(require_descriptors())
            require_keys(self._settings)
            take_lock(self._settings)  # until this process is gone, which `twsmq down` waits for
            await asyncio.to_thread(require_free_ports, self._settings.config)
            self._processes = Processes(self._settings, self._on_exit)
            stack.callback(self._processes.close)
            self._link = FrontLink(self._state, self._front_said)
            stack.callback(self._link.close)
            self._open_sockets(stack)
            stack.callback(watch_signals(self._loop, self._on_signal))
            if scarce:
                log.warning(scarce)
            stack.callback(self._cancel_tasks)
            self._spawn_task(self._tick())
            self._spawn_task(self._rotate_logs())
            self._feed_front(policy_events.StartRequested())
            opened()
            self._manager.ready("supervising; `twsmq status` tells of each process")
            self._feed(policy_events.StartRequested())
            await self._over.wait()

    # --- wiring --------------------------------------------------------------------------------------------

    def _open_sockets(self, stack: ExitStack) -> None:
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        stack.callback(context.term)
        heard = [spec.events for spec in self._specs.values() if spec.events is not None]
        settings = self._settings
        keys = security.load(settings.config, settings.data_dir, endpoints.SUPERVISOR)
        told = "node/", GATEWAY
        ear = sockets.subscribe(context, heard, told, self._received, queue=QUEUE, security=keys)
        stack.callback(ear.close)
        for name, spec in self._specs.items():
            if spec.control is not None:
                asker = Asker(context, spec.control, partial(self._answered, name), keys)
                stack.callback(asker.close)
                self._askers[name] = asker

    def _spawn_task(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _cancel_tasks(self) -> None:
        for task in self._tasks:
            task.cancel()

    # --- what happens --------------------------------------------------------------------------------------

    async def _tick(self) -> None:
        while True:
            self._processor_time.look(self._policy.children, self._feed)
            self._processor_time.look(self._front.children, self._feed_front)
            self._feed(policy_events.Ticked())
            self._feed_front(policy_events.Ticked())
            self._manager.beat(time.monotonic())
            if self._policy.stopping:
                self._manager.stopping()
            if time.monotonic() >= self._sent_at + SHOW_S:
                self._show()
                self._manager.status(self._in_one_line())
            await asyncio.sleep(TICK_S)

    async def _rotate_logs(self) -> None:
        problem = ""
        while True:
            await asyncio.sleep(ROTATE_S)
            try:
                await asyncio.to_thread(self._processes.rotate_logs)
            except OSError as error:
                if str(error) != problem:
                    log.warning("a log could not be rotated", problem=str(error))
                problem = str(error)

    async def _keep_asking(self, name: str, pid: int, asker: Asker) -> None:
        """Whoever sends no heartbeats is asked for them: each answer is one."""
        child = self._policy.children[name]
        while child.pid == pid:
            asker.ask()
            await asyncio.sleep(ASK_S if child.state == "ready" else ASK_UNHEARD_S)

    def _answered(self, name: str, pid: int) -> None:
        self._feed(Beaten(name, pid, "ready"))

    def _on_exit(self, name: str, pid: int, code: int) -> None:
        """Called from the thread that waited for it."""
        with suppress(RuntimeError):  # the loop is closed: we were cut short, nobody is left to receive it
            self._loop.call_soon_threadsafe(self._exited, name, pid, code)

    def _exited(self, name: str, pid: int, code: int) -> None:
        words = self._processes.last_words(name) if code > 0 else None
        feed = self._feed_front if name == FRONT else self._feed
        feed(Exited(name, pid, code, words))

    def _on_signal(self, number: signal.Signals) -> None:
        log.info(f"{number.name}: {'killing everything' if self._policy.stopping else 'stopping in order'}")
        self._feed(policy_events.KillRequested() if self._policy.stopping else policy_events.StopRequested())

    def _received(self, frames: list[bytes]) -> None:
        try:
            _, event = decode_event(frames[0])
        except MalformedMessage as error:
            log.warning("event not understood", problem=str(error))
            return
        if isinstance(event, Heartbeat):
            self._beats[event.name] = event
            self._feed(Beaten(event.name, event.pid, event.state, event.detail, event.memory_bytes))
        elif isinstance(event, Gateway):
            self._gateway = event

    # --- what follows from it ------------------------------------------------------------------------------

    def _feed(self, event: PolicyEvent) -> None:
        actions = self._policy.handle(event, time.monotonic())
        if not self._policy.finished:  # its own news come before what follows from them, its end after
            self._note(endpoints.SUPERVISOR)
        for action in actions:
            match action:
                case policy_events.Spawn(name):
                    self._spawn(name)
                case policy_events.Signal(name, number):
                    self._processes.signal(name, number)
                case policy_events.Publish(name):
                    self._note(name)
                case policy_events.Finished():
                    self._note(endpoints.SUPERVISOR)
                    self._feed_front(policy_events.StopRequested())

    def _spawn(self, name: str) -> None:
        spec, config = self._specs[name], self._configurations.present()
        argv = spec.argv if spec.argv_from is None else spec.argv_from(self._configurations.latest)
        try:
            pid = self._processes.spawn(name, argv)
        except OSError as error:
            self._feed(SpawnFailed(name, str(error)))
            return
        self._configurations.of[name] = config
        self._feed(Spawned(name, pid))
        if name in self._askers:
            self._spawn_task(self._keep_asking(name, pid, self._askers[name]))

    def _reload(self) -> None:
        self._reloading = False
        config = self._configurations.read()
        if config is None:
            return
        self._processes.logs_mb = config.cluster.logs_mb
        limits = self._policy.limits
        self._policy.limits = replace(limits, memory_bytes=config.cluster.memory_mb * 1_000_000)

    # --- the front -----------------------------------------------------------------------------------------

    def _feed_front(self, event: PolicyEvent) -> None:
        for action in self._front.handle(event, time.monotonic()):
            match action:
                case policy_events.Spawn():
                    self._spawn_front()
                case policy_events.Signal(_, number):
                    self._processes.signal(FRONT, number)
                case policy_events.Publish():
                    child = self._front.children[FRONT]
                    if child.reason is not None:
                        log.info(f"{FRONT}: {child.state} ({child.reason})")
                case policy_events.Finished():
                    self._over.set()

    def _spawn_front(self) -> None:
        argv = (*PYTHON, "-m", "twsmq_supervisor.front", *self._settings.arguments())
        with self._link.open() as theirs:
            try:
                pid = self._processes.spawn(FRONT, argv, {LINK_FD: theirs.fileno()})
            except OSError as error:
                self._feed_front(SpawnFailed(FRONT, str(error)))
                return
        self._feed_front(Spawned(FRONT, pid))

    def _front_said(self, message: FromFront) -> None:
        match message:
            case Alive():
                pid = self._front.children[FRONT].pid
                if pid is not None:
                    self._feed_front(Beaten(FRONT, pid, "ready"))
            case RestartAsked(name):
                if name in self._specs:
                    self._feed(policy_events.RestartRequested(name))
            case ReloadAsked():
                if not self._reloading:  # many that come together are one
                    self._reloading = True
                    self._loop.call_soon(self._reload)
            case StopAsked():
                log.info("asked to stop")
                self._feed(policy_events.StopRequested())

    def _note(self, name: str) -> None:
        """Log what has changed of it, and let it be shown."""
        row = self._row(name)
        if self._shown.get(name) == row.shown():
            return
        self._shown[name] = row.shown()
        child = self._policy.children.get(name)
        spawns = 1 if child is None else child.spawns
        self._diary.note(name, row.state, row.reason, spawns, time.monotonic(), time.time_ns())
        log.info(f"{name}: {row.state}{f' ({row.reason})' if row.reason else ''}")
        self._show()

    def _show(self) -> None:
        self._sent_at = time.monotonic()
        self._link.send()

    def _in_one_line(self) -> str:
        children = self._policy.children.values()
        waiting = [f"{child.name} {child.state}" for child in children if child.state != "ready"]
        return f"{len(children) - len(waiting)} of {len(children)} ready" + "".join(
            f", {one}" for one in waiting
        )

    # --- rows ----------------------------------------------------------------------------------------------

    def _state(self) -> State:
        teller = self._policy.children.get(endpoints.CONNECTION)
        vouched = self._gateway is not None and teller is not None and teller.pid is not None
        return State(
            rows=[self._row(name) for name in (endpoints.SUPERVISOR, *self._specs)],
            gateway=payload(self._gateway) if self._gateway is not None and vouched else None,
            stopping=self._policy.stopping,
            lock=str(self._settings.lock_file),
            stories={name: self._story(name) for name in (endpoints.SUPERVISOR, *self._specs)},
            configs=self._configurations.all,
            config_of=self._configurations.of,
        )

    def _story(self, name: str) -> Story:
        life, child = self._diary.of(name), self._policy.children.get(name)
        beat = self._beats.get(name)
        if beat is not None and (child is None or beat.pid != child.pid):
            beat = None
        return Story(
            due=child.due if child is not None and child.phase is policy.Phase.DUE else None,
            ready_after_s=life.ready_after_s,
            waited=life.waited(time.monotonic()),
            cpu=None if beat is None else beat.cpu,
            memory_bytes=None if beat is None else beat.memory_bytes,
            loop_lag_s=None if beat is None else beat.loop_lag_s,
            changes=list(life.changes),
        )

    def _row(self, name: str) -> Row:
        if name == endpoints.SUPERVISOR:
            return Row(
                name=name,
                state=self._own_state(),
                pid=os.getpid(),
                client_id=None,
                restarts=0,
                since=self._born,
                reason=None,
            )
        child = self._policy.children[name]
        return Row(
            name=name,
            state=child.state,
            pid=child.pid,
            client_id=endpoints.client_id(self._settings.config, name),
            restarts=child.restarts,
            since=child.spawned_at if child.phase in policy.ALIVE else None,
            reason=child.reason,
        )

    def _own_state(self) -> ProcessState:
        if self._policy.finished:
            return "stopped"
        return "stopping" if self._policy.stopping else "ready"
