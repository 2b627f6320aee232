"""Where each process listens, from one `port_base`: requests on the even port, events on the next one.

supervisor +0  connection +10  marketdata[n] +20+2n (n < 5)  orders +30  status +40  reference +50
web page +80   simulator control +90
"""

from __future__ import annotations

import re

from .config import Config
from .errors import ConfigError

SUPERVISOR = "supervisor"
SIMULATOR = "simulator"
CONNECTION = "connection"
ORDERS = "orders"
STATUS = "status"
REFERENCE = "reference"

_PORTS = {SUPERVISOR: 0, CONNECTION: 10, ORDERS: 30, STATUS: 40, REFERENCE: 50}
_CLIENT_IDS = {CONNECTION: 0, ORDERS: 1, STATUS: 2, REFERENCE: 3}
_MARKETDATA = re.compile(r"marketdata-([0-4])")
"""More shards would run into the ports of the orders node."""
_WEB, _SIMULATOR_CONTROL = 80, 90


def marketdata(shard: int) -> str:
    """The process name of a market-data shard."""
    return f"marketdata-{shard}"


def shard_of(name: str) -> int | None:
    """The shard a market-data process name stands for, None for any other process."""
    match = _MARKETDATA.fullmatch(name)
    return int(match[1]) if match else None


def node_names(config: Config) -> tuple[str, ...]:
    """Every node of the cluster, in the order they start; they stop in reverse."""
    shards = tuple(marketdata(n) for n in range(config.marketdata.instances))
    return (CONNECTION, REFERENCE, *shards, STATUS, ORDERS)


def client_id(config: Config, name: str) -> int | None:
    """The gateway client ID a process holds, if any. Fixed: orders live under the ID that placed them."""
    shard = shard_of(name)
    offset = _CLIENT_IDS.get(name) if shard is None else 10 + shard
    return None if offset is None else config.gateway.client_id_base + offset


def requests_endpoint(config: Config, name: str) -> str:
    return _tcp(config, _offset(name))


def events_endpoint(config: Config, name: str) -> str:
    return _tcp(config, _offset(name) + 1)


def simulator_control_port(config: Config) -> int:
    return config.cluster.port_base + _SIMULATOR_CONTROL


def ports(config: Config) -> dict[int, str]:
    """Every port the cluster will bind on this machine, with who binds it."""
    bound: dict[int, str] = {}
    for name in (SUPERVISOR, *node_names(config)):
        base = config.cluster.port_base + _offset(name)
        bound |= {base: f"{name} requests", base + 1: f"{name} events"}
    return bound


def _offset(name: str) -> int:
    shard = shard_of(name)
    if shard is not None:
        return 20 + 2 * shard
    if name not in _PORTS:
        raise ConfigError(f"no process is called {name!r}")
    return _PORTS[name]


def _tcp(config: Config, offset: int) -> str:
    host = config.cluster.bind
    return f"tcp://{host}:{config.cluster.port_base + offset}"
