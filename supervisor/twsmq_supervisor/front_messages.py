"""What the supervisor and its front say to each other, and how it is cut into messages. Pure.

The supervisor sends its whole state, the newest one whenever the front takes it: nothing queues up for a
front that stands still. The front sends that it lives, and what clients have asked for.
"""

from __future__ import annotations

import struct
from typing import Any

import msgspec
from msgspec import Struct
from twsmq_protocol.config import Config
from twsmq_protocol.supervision import Change, Waited
from twsmq_protocol.system_events import ProcessState

LONGEST, LONGEST_STATE = 64 * 1024, 64 * 1024 * 1024
"""Bytes of a message to the supervisor, and of its state: a configuration of 1 MiB for each process."""
_HEAD = struct.Struct("!I")


class Row(Struct, frozen=True, kw_only=True):
    """A process. `since`: when this run began, monotonic seconds of the machine; None if it does not run."""

    name: str
    state: ProcessState
    pid: int | None
    client_id: int | None
    restarts: int
    since: float | None
    reason: str | None

    def shown(self) -> tuple[object, ...]:
        """A change of any of it is news."""
        return self.state, self.pid, self.restarts, self.reason


class Story(Struct, frozen=True, kw_only=True):
    """What `explain` has beyond the row. `due`: when it starts again, monotonic seconds of the machine."""

    due: float | None = None
    ready_after_s: float | None = None
    waited: list[Waited] = []
    cpu: float | None = None
    memory_bytes: int | None = None
    loop_lag_s: float | None = None
    changes: list[Change] = []


class State(Struct, frozen=True, kw_only=True):
    """All that clients may be shown. The supervisor's own row is the first; the order of `stories` is
    nobody's."""

    rows: list[Row]
    gateway: dict[str, Any] | None
    stopping: bool
    lock: str
    stories: dict[str, Story] = {}
    configs: list[Config] = []
    config_of: dict[str, int] = {}
    """Of each process, which of `configs` it was started with."""


class Alive(Struct, frozen=True, tag="alive"):
    """The front's loop turns."""


class RestartAsked(Struct, frozen=True, tag="restart"):
    name: str


class ReloadAsked(Struct, frozen=True, tag="reload"):
    """Take over what the file says by now, as far as that can be done while all runs."""


class StopAsked(Struct, frozen=True, tag="stop"):
    pass


FromFront = Alive | RestartAsked | ReloadAsked | StopAsked


def pack(message: Struct) -> bytes:
    body = msgspec.msgpack.encode(message)
    return _HEAD.pack(len(body)) + body


class Splitter:
    """Cuts what was read into the bodies of messages. Raises `ValueError` for one that is too long."""

    def __init__(self, longest: int = LONGEST) -> None:
        self._longest = longest
        self._rest = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        self._rest += data
        bodies: list[bytes] = []
        at = 0
        while len(self._rest) - at >= _HEAD.size:
            (length,) = _HEAD.unpack_from(self._rest, at)
            if length > self._longest:
                raise ValueError(f"a message of {length} bytes on the link of supervisor and front")
            end = at + _HEAD.size + length
            if len(self._rest) < end:
                break
            bodies.append(bytes(self._rest[at + _HEAD.size : end]))
            at = end
        del self._rest[:at]
        return bodies
