"""The sockets of a client and why they are set as they are."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import zmq
from twsmq_protocol import endpoints, half_open
from twsmq_protocol.config import Cluster, Config, Marketdata
from twsmq_protocol.config_file import load_config
from twsmq_protocol.errors import ConfigError, FieldError
from twsmq_protocol.key_folder import KeyFolder
from twsmq_protocol.keys import ANEW, ClientFile, parse_client, require_match, require_own
from twsmq_protocol.plain_file import read_with_mode

Socket = zmq.Socket[bytes]

RECEIVE_QUEUE = 100_000
"""libzmq's own 1,000 would lose two thirds of a burst of 20,000 events."""
SEND_QUEUE = 10_000
RECONNECT_MS, RECONNECT_MAX_MS = 50, 500


def resolve(config: Config | None, port_base: int | None) -> Config:
    """`config`, or all that `port_base` implies with every possible shard, or `./twsmq.toml`, or defaults."""
    if config is not None:
        return config
    if port_base is not None:
        return Config(cluster=Cluster(port_base=port_base), marketdata=Marketdata(instances=5))
    return load_config().config


def read_keys(file: Path | str | ClientFile) -> tuple[Config, ClientFile]:
    """What the file of `twsmq keys add` holds. Raises `ConfigError`, also where others may read it."""
    if isinstance(file, ClientFile):
        keys = file
    else:
        try:
            content, mode = read_with_mode(Path(file))
            if os.name != "nt":  # there modes say nothing
                require_own(mode, str(file))
            keys = parse_client(content.decode(), str(file))
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            raise ConfigError(f"{file} cannot be read: {why}") from None
    try:
        cluster = Cluster(bind=keys.host, port_base=keys.port_base, keys="on")
    except FieldError as error:
        where = keys.name if isinstance(file, ClientFile) else str(file)
        why = f"host = {keys.host[:80]!r} is no IPv4 address and no name; {ANEW}"
        raise ConfigError(why, file=where) from error
    if zmq.has("curve"):  # `new_context` refuses to go on without
        require_match(keys, keys.name if isinstance(file, ClientFile) else str(file), public_of)
    return Config(cluster=cluster, marketdata=Marketdata(instances=keys.marketdata)), keys


def public_of(secret: str) -> str:
    """The public key that belongs to a secret one."""
    return zmq.curve_public(secret.encode()).decode()


class OwnContext(zmq.Context[Socket]):
    """A context that nobody closed ends when it is collected, instead of holding up the whole program.

    pyzmq knows its sockets by weak references only. The collector clears those before it finalizes a client
    that was dropped, and libzmq's end of a context waits for sockets that are still open: for ever.
    """

    _kept: list[Socket] | None = None

    def socket(self, *args: Any, **options: Any) -> Socket:
        """As `zmq.Context.socket`."""
        opened = super().socket(*args, **options)
        self._kept = [*(kept for kept in self._kept or () if not kept.closed), opened]
        return opened

    def __del__(self) -> None:
        for kept in self._kept or ():
            kept.close(linger=0)
        super().__del__()


def new_context(config: Config, keys: ClientFile | None = None) -> zmq.Context[Socket]:
    """Whose sockets show `keys`; where the cluster wants keys and none are given, those of commands on this
    machine. Raises `ConfigError`."""
    if keys is None and config.cluster.keys == "on":
        keys = KeyFolder(Path(config.cluster.data_dir)).local(public_of)
    if keys is not None and not zmq.has("curve"):
        raise ConfigError("this libzmq was built without CURVE: install pyzmq from its wheel")
    context = OwnContext()
    if keys is not None:
        context.setsockopt(zmq.CURVE_SERVERKEY, keys.server_key.encode())
        context.setsockopt(zmq.CURVE_PUBLICKEY, keys.public_key.encode())
        context.setsockopt(zmq.CURVE_SECRETKEY, keys.secret_key.encode())
    return context


def open_events(context: zmq.Context[Socket], receive_queue: int) -> Socket:
    """A SUB that is not connected yet."""
    return _open(context, zmq.SUB, receive_queue)


def events_endpoints(config: Config) -> list[str]:
    """Of every process, all market-data shards included."""
    names = (endpoints.SUPERVISOR, *endpoints.node_names(config))
    return [endpoints.events_endpoint(config, name) for name in names]


def open_requests(context: zmq.Context[Socket]) -> Socket:
    """A DEALER that is not connected yet."""
    return _open(context, zmq.DEALER, SEND_QUEUE)


def listens(config: Config, process: str) -> bool:
    """Whether anybody accepts connections where the process takes requests; that it answers is another thing.

    Blocks for a moment, on the loopback interface for less than a millisecond.
    """
    address = urlsplit(endpoints.requests_endpoint(config, process))
    return accepts(address.hostname, address.port)


def accepts(host: str | None, port: int | None) -> bool:
    """Whether anybody accepts connections there."""
    try:
        socket.create_connection((host, port), timeout=2).close()
    except TimeoutError:
        return True  # a process that is stopped with a full backlog
    except OSError:
        return False
    return True


def absent(config: Config, process: str) -> str | None:
    """Where the process takes requests, if nobody listens there."""
    return None if listens(config, process) else endpoints.requests_endpoint(config, process)


def _open(context: zmq.Context[Socket], kind: int, receive_queue: int) -> Socket:
    opened = context.socket(kind)
    for option, value in (
        (zmq.LINGER, 0),  # closing never waits for a process that is down
        (zmq.RCVHWM, receive_queue),
        (zmq.SNDHWM, SEND_QUEUE),
        (zmq.TCP_KEEPALIVE, 1),  # else a connection that is half open looks quiet for ever
        (zmq.TCP_KEEPALIVE_IDLE, half_open.KEEPALIVE_IDLE_S),
        (zmq.TCP_KEEPALIVE_INTVL, half_open.KEEPALIVE_INTERVAL_S),
        (zmq.TCP_KEEPALIVE_CNT, half_open.KEEPALIVE_COUNT),
        (zmq.TCP_MAXRT, half_open.MAXRT_MS),
        (zmq.RECONNECT_IVL, RECONNECT_MS),
        (zmq.RECONNECT_IVL_MAX, RECONNECT_MAX_MS),
    ):
        opened.setsockopt(option, value)
    return opened
