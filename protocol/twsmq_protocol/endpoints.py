"""Where each process listens, from one `port_base`: requests on the even port, events on the next one.

`processes.PROCESSES` has the offsets; the names of processes can be had from here too.
"""

from __future__ import annotations

from . import processes
from .config import Config
from .processes import CONNECTION as CONNECTION
from .processes import HISTORY as HISTORY
from .processes import ORDERS as ORDERS
from .processes import REFERENCE as REFERENCE
from .processes import SIMULATOR as SIMULATOR
from .processes import STATUS as STATUS
from .processes import SUPERVISOR as SUPERVISOR
from .processes import WEB as WEB
from .processes import client_id as client_id
from .processes import marketdata as marketdata
from .processes import node_names as node_names
from .processes import shard_of as shard_of


def requests_endpoint(config: Config, name: str) -> str:
    """Raises `ConfigError` if there is no such process."""
    return _tcp(config, _offset(name))


def events_endpoint(config: Config, name: str) -> str:
    """Raises `ConfigError` if there is no such process."""
    return _tcp(config, _offset(name) + 1)


def simulator_control_port(config: Config) -> int:
    return config.cluster.port_base + processes.SIMULATOR_CONTROL


def web_port(config: Config) -> int:
    """Where the page is served."""
    return config.cluster.port_base + processes.WEB_PAGE


def ports(config: Config) -> dict[int, str]:
    """Every port the cluster will bind on this machine, with who binds it."""
    bound: dict[int, str] = {}
    for name in (SUPERVISOR, *node_names(config)):
        base = config.cluster.port_base + _offset(name)
        bound |= {base: f"{name} requests", base + 1: f"{name} events"}
    if WEB in node_names(config):
        bound[web_port(config)] = "the page"
    return bound


def _offset(name: str) -> int:
    return processes.process_of(name).port + 2 * (shard_of(name) or 0)


def _tcp(config: Config, offset: int) -> str:
    host = config.cluster.bind
    return f"tcp://{host}:{config.cluster.port_base + offset}"
