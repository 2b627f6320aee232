"""What a process shows to others and asks of them: CURVE on its sockets, rights on each request and
subscription.

`OFF` stands for a cluster without keys, which only the loopback interface reaches: everybody may everything.

Invariants: a server socket enforces its ZAP domain, so that nobody gets in while no gatekeeper answers; what
a key may is looked up when it asks, never when it connected; a process whose keys cannot be read does not
start.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import zmq
from twsmq_protocol.config import Config
from twsmq_protocol.key_folder import KeyFolder
from twsmq_protocol.keys import ClientFile, Pair
from twsmq_protocol.rights import EVERYBODY, Identity

from .gatekeeper import Gatekeeper, public_of

Options = Mapping[int, int | bytes]


class Security:
    """Of one process. Raises `ConfigError` when its keys cannot be used."""

    def __init__(self, folder: KeyFolder, process: str) -> None:
        self._server: Pair = folder.server(public_of)
        self._own: Pair = folder.own(process, public_of)
        folder.admitted()
        self.gatekeeper = Gatekeeper(folder)
        self.on = True

    def serving(self, domain: str) -> Options:
        """Options of a server socket, before it is bound."""
        return {
            zmq.CURVE_SERVER: 1,
            zmq.CURVE_PUBLICKEY: self._server.public_key.encode(),
            zmq.CURVE_SECRETKEY: self._server.secret_key.encode(),
            zmq.ZAP_DOMAIN: domain.encode(),
            zmq.ZAP_ENFORCE_DOMAIN: 1,
        }

    def asking(self) -> Options:
        """Options of a socket that connects to another process, before it does."""
        return {
            zmq.CURVE_SERVERKEY: self._server.public_key.encode(),
            zmq.CURVE_PUBLICKEY: self._own.public_key.encode(),
            zmq.CURVE_SECRETKEY: self._own.secret_key.encode(),
        }

    def client_file(self, config: Config) -> ClientFile:
        """For a client within this process, which shows the process's own key."""
        return ClientFile(
            name=self._own.name,
            public_key=self._own.public_key,
            secret_key=self._own.secret_key,
            server_key=self._server.public_key,
            host=config.cluster.bind,
            port_base=config.cluster.port_base,
            marketdata=config.marketdata.instances,
        )

    def identity(self, user: str) -> Identity:
        return self.gatekeeper.identity(user)


class Unsecured(Security):
    """A cluster without keys."""

    def __init__(self) -> None:
        self.on = False

    def serving(self, domain: str) -> Options:
        del domain
        return {}

    def asking(self) -> Options:
        return {}

    def identity(self, user: str) -> Identity:
        del user
        return EVERYBODY


OFF = Unsecured()


def load(config: Config, data_dir: Path, process: str) -> Security:
    """By the configuration. Raises `ConfigError` when keys are on and cannot be used."""
    return Security(KeyFolder(data_dir), process) if config.cluster.keys == "on" else OFF
