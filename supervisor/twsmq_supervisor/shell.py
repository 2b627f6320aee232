"""The supervisor at work: carries out what the policy decides and tells it what happened.

Invariants: every event of the policy is handled on the loop's thread; a `Spawn` is followed at once by its
`Spawned` or `SpawnFailed`; a process row goes out only when what it shows has changed.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import ExitStack, suppress
from functools import partial
from importlib.metadata import version
from typing import Any

import zmq
from twsmq_protocol import endpoints
from twsmq_protocol.codec import decode_event
from twsmq_protocol.envelope import PROTOCOL_VERSION, Event, NoArgs, payload
from twsmq_protocol.errors import ErrorCode, MalformedMessage, RequestError
from twsmq_protocol.requests import (
    ClusterStatus,
    Description,
    ProcessRow,
    Restarting,
    RestartProcess,
    Stopping,
)
from twsmq_protocol.system_events import Gateway, Heartbeat, Process, ProcessState
from twsmq_protocol.topics import GATEWAY, process_topic

from . import policy
from .children import ChildSpec
from .errors import StartRefused
from .policy import Beaten, Child, Exited, Policy, PolicyEvent, Spawned, SpawnFailed
from .preflight import lock_file, require_free_ports, take_lock
from .processes import Processes
from .requests import Answers, Handler
from .settings import Settings
from .sockets import Asker, Ear, Mailbox, Outbox

log = logging.getLogger(__name__)

TICK_S = 0.1
ASK_S, ASK_UNHEARD_S = 0.5, 0.05
ROTATE_S = 10.0


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
        self._policy = Policy(((name, spec.events is not None) for name, spec in children.items()), limits)
        self._born = time.monotonic()
        self._shown: dict[str, tuple[object, ...]] = {}
        self._gateway: Gateway | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._askers: dict[str, Asker] = {}
        self._answers = Answers(
            (
                Handler("status", "every process, and the link to the gateway", self._status),
                Handler("restart", "end one process in order and start it again", self._restart),
                Handler("stop", "end every process in order, then the supervisor", self._stop),
                Handler("describe", "what this process answers and publishes", self._describe),
            )
        )

    async def run(self, opened: Callable[[], object] = lambda: None) -> None:
        """`opened` is called once requests are answered and events go out, before anything is started.

        Raises `StartRefused` if another cluster is in the way; nothing has been started then.
        """
        self._loop = asyncio.get_running_loop()
        self._over = asyncio.Event()
        with ExitStack() as stack:
            take_lock(self._settings)  # until this process is gone, which `twsmq down` waits for
            await asyncio.to_thread(require_free_ports, self._settings.config)
            self._processes = Processes(self._settings, self._heard_exit)
            stack.callback(self._processes.close)
            self._open_sockets(stack)
            self._watch_signals(stack)
            stack.callback(self._cancel_tasks)
            self._spawn_task(self._tick())
            self._spawn_task(self._rotate_logs())
            opened()
            self._feed(policy.StartRequested())
            await self._over.wait()

    # --- wiring --------------------------------------------------------------------------------------------

    def _open_sockets(self, stack: ExitStack) -> None:
        config = self._settings.config
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        stack.callback(context.term)
        requests = endpoints.requests_endpoint(config, endpoints.SUPERVISOR)
        events = endpoints.events_endpoint(config, endpoints.SUPERVISOR)
        try:
            self._outbox = Outbox(
                context,
                events,
                self._snapshot,
                source=endpoints.SUPERVISOR,
                queue=config.cluster.send_queue,
            )
            stack.callback(self._outbox.close)
            mailbox = Mailbox(context, requests, self._answers.answer)
            stack.callback(mailbox.close)
        except zmq.ZMQError as error:
            raise StartRefused(f"cannot listen on {requests} and {events}: {error}") from error
        heard = [spec.events for spec in self._specs.values() if spec.events is not None]
        stack.callback(Ear(context, heard, ("node/", GATEWAY), self._hear).close)
        for name, spec in self._specs.items():
            if spec.control is not None:
                asker = Asker(context, spec.control, partial(self._answered, name))
                stack.callback(asker.close)
                self._askers[name] = asker

    def _watch_signals(self, stack: ExitStack) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number is signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN:
                continue  # started under nohup
            self._loop.add_signal_handler(number, self._heard_signal, number)
            stack.callback(self._loop.remove_signal_handler, number)

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
            self._feed(policy.Ticked())
            await asyncio.sleep(TICK_S)

    async def _rotate_logs(self) -> None:
        while True:
            await asyncio.sleep(ROTATE_S)
            try:
                await asyncio.to_thread(self._processes.rotate_logs)
            except OSError as error:
                log.warning("a log could not be rotated: %s", error)

    async def _keep_asking(self, name: str, pid: int, asker: Asker) -> None:
        """Whoever sends no heartbeats is asked for them: each answer is one."""
        child = self._policy.children[name]
        while child.pid == pid:
            asker.ask()
            await asyncio.sleep(ASK_S if child.state == "ready" else ASK_UNHEARD_S)

    def _answered(self, name: str, pid: int) -> None:
        self._feed(Beaten(name, pid, "ready"))

    def _heard_exit(self, name: str, pid: int, code: int) -> None:
        """Called from the thread that waited for it."""
        with suppress(RuntimeError):  # the loop is closed: we were cut short, nobody is left to be told
            self._loop.call_soon_threadsafe(self._exited, name, pid, code)

    def _exited(self, name: str, pid: int, code: int) -> None:
        words = self._processes.last_words(name) if code > 0 else None
        self._feed(Exited(name, pid, code, words))

    def _heard_signal(self, number: signal.Signals) -> None:
        log.info(
            "%s: %s", number.name, "killing everything" if self._policy.stopping else "stopping in order"
        )
        self._feed(policy.KillRequested() if self._policy.stopping else policy.StopRequested())

    def _hear(self, frame: bytes) -> None:
        try:
            _, event = decode_event(frame)
        except MalformedMessage as error:
            log.warning("%s", error)
            return
        if isinstance(event, Heartbeat):
            self._feed(Beaten(event.name, event.pid, event.state, event.detail))
        elif isinstance(event, Gateway):
            self._gateway = event

    # --- what follows from it ------------------------------------------------------------------------------

    def _feed(self, event: PolicyEvent) -> None:
        actions = self._policy.handle(event, time.monotonic())
        if not self._policy.finished:  # its own news come before what follows from them, its end after
            self._publish(endpoints.SUPERVISOR)
        for action in actions:
            match action:
                case policy.Spawn(name):
                    self._spawn(name)
                case policy.Signal(name, number):
                    self._processes.signal(name, number)
                case policy.Publish(name):
                    self._publish(name)
                case policy.Finished():
                    self._publish(endpoints.SUPERVISOR)
                    self._over.set()

    def _spawn(self, name: str) -> None:
        spec = self._specs[name]
        try:
            pid = self._processes.spawn(name, spec.argv)
        except OSError as error:
            self._feed(SpawnFailed(name, str(error)))
            return
        self._feed(Spawned(name, pid))
        if name in self._askers:
            self._spawn_task(self._keep_asking(name, pid, self._askers[name]))

    def _publish(self, name: str) -> None:
        row = self._row(name)
        shown = (row.state, row.pid, row.restarts, row.reason)
        if self._shown.get(name) == shown:
            return
        self._shown[name] = shown
        log.info("%s: %s%s", name, row.state, f" ({row.reason})" if row.reason else "")
        self._outbox.publish(process_topic(name), _event(row))

    def _snapshot(self) -> Iterator[tuple[str, Event]]:
        for row in self._rows():
            yield process_topic(row.name), _event(row, snapshot=True)

    # --- rows ----------------------------------------------------------------------------------------------

    def _rows(self) -> list[ProcessRow]:
        return [self._row(name) for name in (endpoints.SUPERVISOR, *self._specs)]

    def _row(self, name: str) -> ProcessRow:
        now = time.monotonic()
        if name == endpoints.SUPERVISOR:
            return ProcessRow(
                name=name,
                state=self._own_state(),
                pid=os.getpid(),
                client_id=None,
                restarts=0,
                uptime_s=round(now - self._born, 3),
            )
        child: Child = self._policy.children[name]
        return ProcessRow(
            name=name,
            state=child.state,
            pid=child.pid,
            client_id=endpoints.client_id(self._settings.config, name),
            restarts=child.restarts,
            uptime_s=round(child.uptime(now), 3),
            reason=child.reason,
        )

    def _own_state(self) -> ProcessState:
        if self._policy.finished:
            return "stopped"
        return "stopping" if self._policy.stopping else "ready"

    # --- requests ------------------------------------------------------------------------------------------

    def _status(self, _: NoArgs) -> ClusterStatus:
        teller = self._policy.children.get(endpoints.CONNECTION)
        vouched = self._gateway is not None and teller is not None and teller.pid is not None
        gateway = payload(self._gateway) if self._gateway is not None and vouched else None
        return ClusterStatus(processes=self._rows(), gateway=gateway)

    def _restart(self, args: RestartProcess) -> Restarting:
        if args.name not in self._specs:
            known = ", ".join(self._specs)
            raise RequestError(
                ErrorCode.INVALID_ARGUMENT,
                f"name must be one of {known}, not {args.name[:80]!r}",
                field="name",
            )
        if self._policy.stopping:
            raise RequestError(ErrorCode.NOT_READY, "the cluster is stopping; start it again with `twsmq up`")
        self._feed(policy.RestartRequested(args.name))
        return Restarting(name=args.name)

    def _stop(self, _: NoArgs) -> Stopping:
        log.info("asked to stop")
        self._loop.call_soon(self._feed, policy.StopRequested())  # after the reply has gone out
        return Stopping(pid=os.getpid(), lock=str(lock_file(self._settings)))

    def _describe(self, _: NoArgs) -> Description:
        config = self._settings.config
        return Description(
            name=endpoints.SUPERVISOR,
            version=version("twsmq"),
            protocol=PROTOCOL_VERSION,
            incarnation=self._outbox.incarnation,
            ops=self._answers.describe(),
            topics=[process_topic("<name>")],
            requests=endpoints.requests_endpoint(config, endpoints.SUPERVISOR),
            events=endpoints.events_endpoint(config, endpoints.SUPERVISOR),
        )


def _event(row: ProcessRow, *, snapshot: bool = False) -> Process:
    return Process(
        name=row.name,
        state=row.state,
        pid=row.pid,
        client_id=row.client_id,
        restarts=row.restarts,
        uptime_s=row.uptime_s,
        reason=row.reason,
        snapshot=snapshot,
    )
