"""The lock of a data folder: who holds it, and where the cluster of that folder can be reached.

It is a `flock` on `data_dir/supervisor.lock`: the kernel gives it back when its holder dies, however it
dies. The first line is the holder's pid, the second what the cluster was started with, so that commands find
a cluster that runs although its configuration's file has been changed since.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace
from twsmq_protocol.config import Config
from twsmq_protocol.plain_file import read_plain
from twsmq_protocol.supervision import as_started, started_with

from .settings import Settings

LONGEST = 1 << 16
ADDRESS = ("cluster.bind", "cluster.port_base", "cluster.keys")
"""Where a cluster is, and how it is spoken to."""


class Holder(Struct, frozen=True):
    """The supervisor that lives in a data folder. `started`: nothing where it is of an earlier version."""

    pid: str
    started: dict[str, Any]

    @property
    def without_keys(self) -> bool:
        return self.started.get("cluster.keys") == "off"


def written(config: Config) -> bytes:
    """What a holder writes into the file."""
    return b"%d\n%b\n" % (os.getpid(), msgspec.json.encode(started_with(config)))


def is_locked(path: Path) -> bool:
    """Whether a supervisor lives that holds this lock."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:  # not there, or no file that a supervisor would lock
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def holder(path: Path) -> Holder | None:
    """Who holds this lock; None if nobody does."""
    if not is_locked(path):
        return None
    text = ""
    with suppress(OSError):
        text = read_plain(path, LONGEST).decode("utf-8", "replace")
    pid, _, rest = text.partition("\n")
    started: dict[str, Any] = {}
    with suppress(msgspec.MsgspecError):
        started = msgspec.json.decode(rest or "{}", type=dict[str, Any])
    return Holder(pid.strip() or "unknown", started)


def as_it_runs(settings: Settings) -> Settings:
    """With the address that the cluster of this data folder was started with, if one runs there."""
    held = holder(settings.lock_file)
    if held is None:
        return settings
    try:
        config = as_started(settings.config, held.started, ADDRESS)
    except msgspec.ValidationError:
        return settings
    return replace(settings, loaded=replace(settings.loaded, config=config))
