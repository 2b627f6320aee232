"""What goes into the policy (what happened, what is requested) and what comes out (what is to be done)."""

from __future__ import annotations

import signal

from msgspec import Struct
from twsmq_protocol.system_events import NodeState


class Spawned(Struct, frozen=True):
    name: str
    pid: int


class SpawnFailed(Struct, frozen=True):
    name: str
    problem: str


class Exited(Struct, frozen=True):
    """`code` as `subprocess` gives it: negative is a signal. `last_words`: the end of its log, if any."""

    name: str
    pid: int
    code: int
    last_words: str | None = None


class Beaten(Struct, frozen=True):
    """It showed its life. `pid` tells this run's beats from those of a run before, still in the queue."""

    name: str
    pid: int
    state: NodeState
    detail: str | None = None
    memory_bytes: int | None = None


class Starved(Struct, frozen=True):
    """It was ready to run for so long, and the machine gave it no processor."""

    name: str
    pid: int
    seconds: float


class Worked(Struct, frozen=True):
    """The thread of its loop ran on a processor for so long."""

    name: str
    pid: int
    seconds: float


class Ticked(Struct, frozen=True):
    pass


class StartRequested(Struct, frozen=True):
    pass


class StopRequested(Struct, frozen=True):
    pass


class KillRequested(Struct, frozen=True):
    """Stop without asking."""


class RestartRequested(Struct, frozen=True):
    name: str


PolicyEvent = (
    Spawned
    | SpawnFailed
    | Exited
    | Beaten
    | Starved
    | Worked
    | Ticked
    | StartRequested
    | StopRequested
    | KillRequested
    | RestartRequested
)


class Spawn(Struct, frozen=True):
    name: str


class Signal(Struct, frozen=True):
    name: str
    signal: signal.Signals


class Publish(Struct, frozen=True):
    """What is shown of this process has changed."""

    name: str


class Finished(Struct, frozen=True):
    """Every process has ended and none will start again."""


Action = Spawn | Signal | Publish | Finished
