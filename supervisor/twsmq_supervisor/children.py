"""Which processes make up a cluster, in the order they start, and the command line of each."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping

from msgspec import Struct
from twsmq_protocol import endpoints
from twsmq_protocol.hosts import address
from twsmq_protocol.key_folder import KeyFolder
from twsmq_protocol.processes import SIMULATOR, node_names, process_of, shard_of

from .settings import Settings

PYTHON = (sys.executable, "-P")
"""Without the folder it is started in: a `signal.py` or an `ibapi` of a strategy's there is not ours."""


class ChildSpec(Struct, frozen=True, kw_only=True):
    """One process to run. It shows its life either by heartbeats or by answering when it is asked.

    events: the endpoint its heartbeats leave from. control: where it answers `status`, for a process that
    sends no heartbeats. argv_from: makes its command line anew at each start, for one that reads no file.
    """

    argv: tuple[str, ...]
    argv_from: Callable[[Settings], tuple[str, ...]] | None = None
    events: str | None = None
    control: str | None = None


def cluster(settings: Settings) -> Mapping[str, ChildSpec]:
    """Every child by name, in start order: the gateway first when it is ours to run, then the nodes."""
    config = settings.config
    nodes = {name: _node(settings, name) for name in node_names(config)}
    if config.gateway.mode == "external":
        return nodes
    control = f"tcp://{address(config.gateway.host, endpoints.simulator_control_port(config))}"
    gateway = ChildSpec(argv=simulator_argv(settings), argv_from=simulator_argv, control=control)
    return {SIMULATOR: gateway, **nodes}


def simulator_argv(settings: Settings) -> tuple[str, ...]:
    """The simulated gateway, listening where the nodes will look for it."""
    gateway, simulator = settings.config.gateway, settings.config.simulator
    options = {
        "--host": gateway.host,
        "--port": gateway.port,
        "--data-dir": settings.data_dir / "simulator",
        "--seed": simulator.seed,
        "--tick-rate": simulator.tick_rate,
        "--control-port": endpoints.simulator_control_port(settings.config),
    }
    if settings.config.cluster.keys == "on":
        options["--control-keys"] = KeyFolder(settings.data_dir).path
    flat = (str(part) for option in options.items() for part in option)
    return (*PYTHON, "-m", "twsmq_simulator", *flat)


def _node(settings: Settings, name: str) -> ChildSpec:
    shard = shard_of(name)
    which = () if shard is None else ("--shard", str(shard))
    return ChildSpec(
        argv=(*PYTHON, "-m", process_of(name).module, *which, *settings.arguments()),
        events=endpoints.events_endpoint(settings.config, name),
    )
