"""What the supervisor knows of the lives of its processes, and what a changed configuration asks for.

`explain` answers `twsmq why` and `twsmq blame`, `reload` answers `twsmq reload`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from .config import Config
from .envelope import Args, Finite
from .processes import (
    CONNECTION,
    HISTORY,
    MARKETDATA,
    ORDERS,
    PROCESSES,
    REFERENCE,
    SIMULATOR,
    STATUS,
    SUPERVISOR,
    WEB,
)
from .system_events import ProcessState


class Explain(Args, frozen=True, kw_only=True):
    """`explain` (supervisor): the story of one process, or of all."""

    name: str | None = None


class Change(Struct, frozen=True, kw_only=True):
    """A process came into this state, for this reason, at `at` (nanoseconds since the epoch)."""

    at: int
    state: ProcessState
    reason: str | None = None


class Waited(Struct, frozen=True, kw_only=True):
    """On its way to being ready it was so long in this state, for this reason."""

    state: ProcessState
    seconds: Finite
    reason: str | None = None


class ProcessStory(Struct, frozen=True, kw_only=True):
    """`retry_in_s`: until it is started again, nil for one that runs. `ready_after_s`: from this run's start
    to its first being ready, nil if it was not yet. `waited`: what that time went into, also while it still
    goes on. `cpu`: of one processor, by its last heartbeat; `loop_lag_s`: how late its loop was since the
    one before. `changes`: the last ones, the newest last.
    """

    name: str
    state: ProcessState
    reason: str | None = None
    pid: int | None = None
    restarts: int = 0
    uptime_s: Finite = 0.0
    retry_in_s: Finite | None = None
    ready_after_s: Finite | None = None
    waited: list[Waited] = []
    cpu: Finite | None = None
    memory_bytes: int | None = None
    loop_lag_s: Finite | None = None
    changes: list[Change] = []


class Stories(Struct, frozen=True, kw_only=True):
    """Result of `explain`, in the order in which processes start."""

    processes: list[ProcessStory]


class ChangedKey(Struct, frozen=True, kw_only=True):
    """A key of the configuration that is other in the file than in a process that runs. `restart`: those
    that have to be restarted; the whole cluster, if `cluster`; neither: it holds from now on.
    """

    key: str
    restart: list[str]
    cluster: bool


class Reloaded(Struct, frozen=True, kw_only=True):
    """Result of `reload`: what is other in the file now, and what each change asks for."""

    file: str | None
    changed: list[ChangedKey]


# -- which key concerns whom

LIVE = frozenset(("cluster.logs_mb", "cluster.memory_mb"))
"""Taken over by the supervisor while it runs."""
CLUSTER = frozenset(
    (
        "cluster.data_dir",
        "cluster.port_base",
        "cluster.bind",
        "cluster.keys",
        "gateway.mode",
        "gateway.host",
        "gateway.port",
        "gateway.client_id_base",
        "marketdata.instances",
        "web.enabled",
    )
)
"""They decide which processes there are and where they find each other, and the one gateway that all of them
speak to: orders at one and positions from another would be worse than either."""
_READERS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("gateway.life", (CONNECTION, ORDERS, STATUS)),
    ("gateway", (*(row.name for row in PROCESSES if row.client_id is not None), SIMULATOR)),
    ("marketdata.quiet_repeat_s", (MARKETDATA, ORDERS)),
    ("marketdata", (MARKETDATA,)),
    ("history", (HISTORY,)),
    ("reference", (REFERENCE,)),
    ("orders", (ORDERS,)),
    ("simulator.seed", (SIMULATOR, HISTORY)),
    ("simulator", (SIMULATOR,)),
    ("web", (WEB,)),
    ("alerts", (STATUS,)),
    ("cluster", tuple(row.name for row in PROCESSES if row.name != SUPERVISOR)),
)


def concerns_cluster(key: str) -> bool:
    """Whether only a cluster that is started anew can follow a change of `key`."""
    return key in CLUSTER


def started_with(config: Config) -> dict[str, Any]:
    """The keys that concern the cluster, with their values: its processes keep them until it is started anew,
    whatever the file says when one of them is restarted."""
    return {key: value for key, value in flat(config).items() if concerns_cluster(key)}


def as_started(config: Config, started: Mapping[str, Any], keys: Iterable[str] | None = None) -> Config:
    """`config` with what the cluster was started with, of `keys` or of all. Raises
    `msgspec.ValidationError`."""
    tables: dict[str, dict[str, Any]] = msgspec.to_builtins(config)
    for name in started if keys is None else keys:
        table, _, key = name.partition(".")
        if name in started and key in tables.get(table, ()):
            tables[table][key] = started[name]
    return msgspec.convert(tables, Config)


def readers(key: str) -> tuple[str, ...]:
    """The kinds of process that read `key` at their start."""
    return next(kinds for prefix, kinds in _READERS if key == prefix or key.startswith(f"{prefix}."))


def flat(config: Config) -> dict[str, Any]:
    """Every key with its value, tables taken apart one level deep: `orders.risk` is one key."""
    tables: dict[str, dict[str, Any]] = msgspec.to_builtins(config)
    return {f"{table}.{key}": value for table, keys in tables.items() for key, value in keys.items()}


def differing(before: Config, after: Config) -> list[str]:
    """The keys that are other, in the file's order."""
    old, new = flat(before), flat(after)
    return [key for key in new if old[key] != new[key]]
