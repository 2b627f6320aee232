"""What must be true before a cluster starts: nobody else uses its data folder nor its ports.

Ports get a moment to become free, because the children of a supervisor that was killed a second ago
are still about to notice.
"""

from __future__ import annotations

import fcntl
import os
import socket
import time

import psutil
from twsmq_protocol import endpoints
from twsmq_protocol.config import Config
from twsmq_protocol.errors import ConfigError
from twsmq_protocol.hosts import is_loopback
from twsmq_protocol.key_folder import KeyFolder
from twsmq_protocol.plain_file import NoPlainFile, descriptor_of, make_uncommitted
from twsmq_transport import descriptors, security
from twsmq_transport.gatekeeper import public_of
from twsmq_transport.private import keep_private

from .errors import DataDirInUse, PortTaken, StartRefused
from .lock import written
from .settings import Settings

PORTS_FREE_WITHIN_S = 3.0
_LOOK_EVERY_S = 0.05
_LOOKED_AT_S = 0.1


def take_lock(settings: Settings) -> int:
    """A file descriptor that holds the lock until it is closed. Raises `StartRefused`."""
    path = settings.lock_file
    try:
        keep_private(settings.data_dir)
        make_uncommitted(settings.data_dir)
        settings.log_dir.mkdir(parents=True, exist_ok=True)
        descriptor = descriptor_of(path, os.O_CREAT)
    except NoPlainFile as error:
        raise StartRefused(f"{path} is no plain file; remove what is there") from error
    except OSError as error:
        raise StartRefused(
            f"cannot write to {settings.data_dir}: {error.strerror}; "
            "set [cluster] data_dir to a folder this user may write to"
        ) from error
    found = os.fstat(descriptor)
    if found.st_uid != os.geteuid() or found.st_nlink != 1:
        os.close(descriptor)
        raise StartRefused(f"{path} is no plain file of this user's own; remove what is there")
    try:
        _lock(descriptor)
    except OSError as error:
        holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").partition("\n")[0] or "unknown"
        os.close(descriptor)
        raise DataDirInUse(
            f"a cluster already runs in {settings.data_dir} (supervisor pid {holder}); "
            "stop it with `twsmq down`, or set [cluster] data_dir and port_base to others"
        ) from error
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, written(settings.config), 0)
    return descriptor


def _lock(descriptor: int) -> None:
    """Raises OSError. A command that looks whether somebody holds it has it for a moment."""
    deadline = time.monotonic() + _LOOKED_AT_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(_LOOK_EVERY_S / 5)
        else:
            return


def require_descriptors() -> int:
    """How many files and connections each process may have open. Raises `StartRefused` if it is too few."""
    try:
        return descriptors.require()
    except ConfigError as error:
        raise StartRefused(str(error)) from error


def require_keys(settings: Settings) -> None:
    """Raises `StartRefused` if keys are on and a process, or this machine's commands, would lack theirs."""
    if settings.config.cluster.keys != "on":
        return
    try:
        for name in (endpoints.SUPERVISOR, *endpoints.node_names(settings.config)):
            security.load(settings.config, settings.data_dir, name)
        _require_local(KeyFolder(settings.data_dir))
    except ConfigError as error:
        raise StartRefused(str(error)) from error


def _require_local(folder: KeyFolder) -> None:
    """This machine's commands could not so much as stop a cluster that they cannot speak to."""
    local = folder.local(public_of)
    if local.server_key != folder.server().public_key:
        raise ConfigError(
            f"{folder.path}: local.key is for another server.key than there is: 'twsmq keys init' mends it"
        )


def require_free(settings: Settings) -> None:
    """Raises `StartRefused` if a cluster could not start here now."""
    require_descriptors()
    require_keys(settings)
    os.close(take_lock(settings))
    require_free_ports(settings.config)


def require_free_ports(config: Config, within_s: float = PORTS_FREE_WITHIN_S) -> None:
    """Return once every port of the cluster can be bound. Raises `PortTaken` after `within_s`."""
    deadline = time.monotonic() + within_s
    wanted = _addresses(config)
    while taken := [address for address in wanted if not _can_bind(*address)]:
        if time.monotonic() >= deadline:
            host, port = taken[0]
            raise port_taken(port, wanted[host, port])
        time.sleep(_LOOK_EVERY_S)


def port_taken(port: int, wanted_by: str) -> PortTaken:
    cure = (
        'set [gateway] port to a free one, or mode = "external" if that is your own gateway'
        if wanted_by == endpoints.SIMULATOR
        else "set [cluster] port_base to a free range of 100 ports"
    )
    message = f"port {port} (for {wanted_by}) is taken{_holder(port)}; stop what holds it, or {cure}"
    return PortTaken(message, port=port, wanted_by=wanted_by)


def _addresses(config: Config) -> dict[tuple[str, int], str]:
    wanted = {(config.cluster.bind, port): who for port, who in endpoints.ports(config).items()}
    if config.gateway.mode == "simulated":
        host, port = config.gateway.host, config.gateway.port
        wanted[host, endpoints.simulator_control_port(config)] = "simulator control"
        first = next((who for (_, taken), who in wanted.items() if taken == port), None)
        if first is not None:
            raise PortTaken(
                f"[gateway] port {port} is the port of {first}; set one outside of "
                f"{config.cluster.port_base}-{config.cluster.port_base + 99}, the cluster's own",
                port=port,
                wanted_by=endpoints.SIMULATOR,
            )
        wanted[host, port] = endpoints.SIMULATOR
    elif is_loopback(config.gateway.host):
        mine = endpoints.ports(config).get(config.gateway.port)
        if mine is not None:
            raise PortTaken(
                f"[gateway] port {config.gateway.port} of this machine is the cluster's own, for {mine}: set "
                "the gateway's, or another [cluster] port_base",
                port=config.gateway.port,
                wanted_by=mine,
            )
    return wanted


def _can_bind(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def _holder(port: int) -> str:
    """Who listens there, as far as this user may know."""
    try:
        for connection in psutil.net_connections("tcp"):
            if connection.laddr and connection.laddr.port == port and connection.status == psutil.CONN_LISTEN:
                name = psutil.Process(connection.pid).name() if connection.pid else None
                return f" by {name} (pid {connection.pid})" if name else ""
    except (psutil.Error, OSError):
        pass
    return ""
