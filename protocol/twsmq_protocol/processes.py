"""Every process of a cluster: one row each, in the order they start; they stop in reverse. What trading needs
starts first: after a crash on a busy machine each start takes seconds, and positions wait.

A row holds what the rest of the house derives: where the process listens, its client ID at the gateway, its
share of the message budget, and how many of it run under a configuration (none, where it is an option that is
off). Offsets are kept for good: client IDs because orders live under the ID that placed them, ports because
other programs know them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from importlib.util import find_spec

from msgspec import Struct

from .config import Config
from .errors import ConfigError

SUPERVISOR = "supervisor"
SIMULATOR = "simulator"
CONNECTION = "connection"
REFERENCE = "reference"
HISTORY = "history"
MARKETDATA = "marketdata"
STATUS = "status"
ORDERS = "orders"
WEB = "web"

LIFELINE_FD = "TWSMQ_LIFELINE_FD"
"""The environment variable with the descriptor of a child's lifeline: the end of that pipe means "exit"."""
WEB_PAGE = 80
"""The offset of the page's port (HTTP)."""
EX_UNMENDABLE = 78
"""A process ends with this (EX_CONFIG) when no restart can mend what it found: a person has to look."""
SIMULATOR_CONTROL = 90
"""The offset of the simulated gateway's control port. It listens for sessions where `[gateway]` points."""


def web_installed() -> bool:
    """Whether what the page needs (the extra `web`) is installed here."""
    return all(find_spec(name) is not None for name in ("starlette", "uvicorn", "prometheus_client"))


class Process(Struct, frozen=True, kw_only=True):
    """One kind of process.

    port: offset from `port_base` of its requests, one more for its events; the n-th of a sharded kind
    listens 2n higher. client_id: offset from `client_id_base`, n higher for the n-th; None without a session
    at the gateway. share: its part of `messages_per_second`, of all instances together. keeps: the part of
    its share that it never lends, even with nothing to send. module: what `python -m` runs. instances: how
    many run. shards: at most so many, named `<name>-<n>`; 0 for a kind with one instance under its own name.
    nice: how far it stands back for the others where the processor is short.
    """

    name: str
    port: int
    module: str
    client_id: int | None = None
    share: float = 0.0
    keeps: float = 0.0
    instances: Callable[[Config], int] = lambda _: 1
    shards: int = 0
    nice: int = 0

    def names(self, config: Config) -> Iterator[str]:
        """The instances that run under this configuration."""
        for shard in range(self.instances(config)):
            yield f"{self.name}-{shard}" if self.shards else self.name


PROCESSES = (
    Process(name=SUPERVISOR, port=0, module="twsmq_supervisor"),
    Process(name=CONNECTION, port=10, module="twsmq_nodes.connection", client_id=0, share=0.05),
    Process(
        name=ORDERS,
        port=30,
        module="twsmq_nodes.orders",
        client_id=1,
        share=0.40,
        keeps=0.5,  # many cancels at once wait for nobody
    ),
    Process(name=REFERENCE, port=50, module="twsmq_nodes.reference", client_id=3, share=0.10),
    Process(name=HISTORY, port=60, module="twsmq_nodes.history", client_id=4, share=0.05, nice=5),
    Process(
        name=MARKETDATA,
        port=20,
        module="twsmq_nodes.marketdata",
        client_id=10,
        share=0.30,
        instances=lambda config: config.marketdata.instances,
        shards=5,  # more would run into the ports of the orders node
    ),
    Process(name=STATUS, port=40, module="twsmq_nodes.status", client_id=2, share=0.10),
    Process(
        name=WEB,
        port=82,
        module="twsmq_web",
        instances=lambda config: int(web_installed() if config.web.enabled is None else config.web.enabled),
    ),
)

_BY_NAME = {row.name: row for row in PROCESSES}
_SHARD = re.compile(r"([a-z]+)-([0-9])")


def process_of(name: str) -> Process:
    """The row of the process called `name`. Raises `ConfigError` if there is none."""
    row, _ = _found(name)
    if row is None:
        raise ConfigError(f"no process is called {name!r}")
    return row


def shard_of(name: str) -> int | None:
    """Which one of a sharded kind this is, None for any other process."""
    return _found(name)[1]


def _found(name: str) -> tuple[Process | None, int | None]:
    match = _SHARD.fullmatch(name)
    row, shard = _BY_NAME.get(match[1] if match else name), int(match[2]) if match else None
    if row is None or (row.shards > 0) != (shard is not None) or (shard or 0) >= max(1, row.shards):
        return None, None
    return row, shard


def marketdata(shard: int) -> str:
    """The process name of a market-data shard."""
    return f"{MARKETDATA}-{shard}"


def node_names(config: Config) -> tuple[str, ...]:
    """Every process that the supervisor runs beside the gateway, in the order they start."""
    return tuple(name for row in PROCESSES if row.name != SUPERVISOR for name in row.names(config))


def client_id(config: Config, name: str) -> int | None:
    """The gateway client ID a process holds, if any. Fixed: orders live under the ID that placed them."""
    row, shard = _found(name)
    if row is None or row.client_id is None:
        return None
    return config.gateway.client_id_base + row.client_id + (shard or 0)


def message_share(config: Config, name: str) -> float:
    """Messages a second one process may send, so that all together keep the limit; 0 = no limit."""
    return lasting_rate(config) * _part(process_of(name), config)


BURST_OF = 9
"""A process may save up what it may send in such a part of a second."""


def message_burst(rate: float) -> float:
    """How many messages a process with this share may have saved up: one at least, or none could go."""
    return max(1.0, rate / BURST_OF)


def lasting_rate(config: Config) -> float:
    """Messages a second that all processes may send together for long.

    All may send what they have saved up within one second. With one process that would be a ninth of the
    configured rate on top, 50 for 45; each further one has at least a message of its own. So that much less
    is left for long; half of the configured rate always is, the least that is useful.
    """
    whole = rate = config.gateway.messages_per_second
    parts = [_part(process_of(name), config) for name in node_names(config)]
    for _ in range(len(parts) + 1):  # each time another one may turn out to have one message only
        small = sum(1 for part in parts if part and rate * part <= BURST_OF)
        large = sum(part for part in parts if rate * part > BURST_OF)
        rate = (whole * (1 + 1 / BURST_OF) - small) / (1 + large / BURST_OF)
    return min(whole, max(whole / 2, rate))


def _part(row: Process, config: Config) -> float:
    return row.share / max(1, row.instances(config))
