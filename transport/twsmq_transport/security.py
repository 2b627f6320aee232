"""What a process shows to others and asks of them: CURVE on its sockets, rights on each request and
subscription.

`OFF` stands for a cluster without keys, which only the loopback interface reaches: everybody may everything.

Invariants: a server socket enforces its ZAP domain, so that nobody gets in while no gatekeeper answers; what
a key may is looked up when it asks, never when it connected; a process whose keys cannot be read does not
start.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

import structlog
import zmq
from twsmq_protocol.config import Config
from twsmq_protocol.key_folder import KeyFolder
from twsmq_protocol.keys import ClientFile, Pair
from twsmq_protocol.rights import EVERYBODY, Identity

from .gatekeeper import ADDRESS, Gatekeeper

log = structlog.stdlib.get_logger()

LOOK_S = 1.0
"""How often a process looks whether somebody whose feeds it serves has lost a right."""

Options = Mapping[int, int | bytes]


class Security:
    """Of one process. Raises `ConfigError` when its keys cannot be used."""

    def __init__(self, folder: KeyFolder, process: str) -> None:
        self._server: Pair = folder.server()
        self._own: Pair = folder.own(process)
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


class Door:
    """The gatekeeper at work, on the loop: answers libzmq, and looks now and then who has lost a right.

    on_lost: somebody that was let in may now do less; libzmq cannot drop a peer, so whoever serves feeds
    opens its socket anew, and the gatekeeper judges all of them again.
    """

    def __init__(
        self, context: zmq.Context[zmq.Socket[bytes]], security: Security, on_lost: Callable[[], None]
    ) -> None:
        from .sockets import LoopSocket

        self._security = security
        self._on_lost = on_lost
        self._rights: dict[str, Identity] = {}
        self._loop = asyncio.get_running_loop()
        socket = context.socket(zmq.ROUTER)
        socket.setsockopt(zmq.LINGER, 0)
        socket.bind(ADDRESS)
        self._socket = LoopSocket(socket, self._asked)
        self._timer = self._loop.call_later(LOOK_S, self._look)

    def close(self) -> None:
        self._timer.cancel()
        self._socket.close()

    def _asked(self, frames: list[bytes]) -> None:
        answer = self._security.gatekeeper.answer(frames)
        user = answer[-2].decode()
        if user:
            self._rights[user] = self._security.identity(user)
        self._socket.socket.send_multipart(answer, zmq.NOBLOCK)
        self._socket.sent()

    def _look(self) -> None:
        self._timer = self._loop.call_later(LOOK_S, self._look)
        now = {user: self._security.identity(user) for user in self._rights}
        lost = [user for user, had in self._rights.items() if set(had.rights) - set(now[user].rights)]
        self._rights = {user: identity for user, identity in now.items() if identity.rights}
        if lost:
            log.warning("keys have lost rights; feeds are served anew", keys=lost)
            self._on_lost()
