"""Keys of the control socket: with a cluster's keys on, only who may everything there commands its gateway.

The ZAP handler (RFC 27) is asked at each handshake; what a key may is looked up again at each command, so
that a revoked one commands nothing more. The domain is enforced: without an answer nobody gets in.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import structlog
import zmq
from twsmq_protocol.errors import ConfigError
from twsmq_protocol.key_folder import KeyFolder
from twsmq_protocol.rights import Identity
from zmq.utils import z85

ZAP = "inproc://zeromq.zap.01"
MOST_BYTES = 16 * 1024 * 1024
log = structlog.get_logger("twsmq.simulator")


class ControlKeys:
    """Of the key folder `path`. Raises `ConfigError` when it cannot be used."""

    def __init__(self, path: Path) -> None:
        self._folder = KeyFolder(path.parent)
        self._server = self._folder.server(lambda secret: zmq.curve_public(secret.encode()).decode())
        self._last = self._folder.admitted()
        self._problem = ""

    def guard(self, socket: zmq.Socket[bytes]) -> None:
        """Before it is bound."""
        socket.setsockopt(zmq.CURVE_SERVER, 1)
        socket.setsockopt(zmq.CURVE_PUBLICKEY, self._server.public_key.encode())
        socket.setsockopt(zmq.CURVE_SECRETKEY, self._server.secret_key.encode())
        socket.setsockopt(zmq.ZAP_DOMAIN, b"simulator control")
        socket.setsockopt(zmq.ZAP_ENFORCE_DOMAIN, 1)
        socket.setsockopt(zmq.MAXMSGSIZE, MOST_BYTES)  # also of whoever has not shown a key yet

    def may_command(self, user: str) -> bool:
        """`user`: the public key the command came under."""
        known = self._admitted().get(user)
        return known is not None and _commands(known[1])

    def judge(self, key: bytes) -> tuple[bytes, bytes]:
        """Status, and the public key as `may_command` takes it: a name may become another key's. Unknown keys
        may become known: 300 makes their libzmq try again."""
        if len(key) != 32:
            return b"400", b""
        user = z85.encode(key)
        known = self._admitted().get(user.decode())
        if known is None:
            return b"300", b""
        return (b"200", user) if _commands(known[1]) else (b"400", b"")

    def _admitted(self) -> dict[str, tuple[str, Identity]]:
        """As they were last where the file is spoilt: that ends nothing, and lets nobody new in."""
        try:
            self._last, self._problem = self._folder.admitted(), ""
        except (ConfigError, OSError) as error:
            if str(error) != self._problem:
                self._problem = str(error)
                log.error("keys cannot be read; nobody new commands", problem=str(error))
        return self._last


class ControlDoor:
    """Answers libzmq's questions, on the loop, until `close`."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], keys: ControlKeys) -> None:
        self._keys = keys
        self._socket = context.socket(zmq.ROUTER)
        self._socket.linger = 0
        self._socket.bind(ZAP)
        self._fd = int(self._socket.getsockopt(zmq.FD))
        asyncio.get_running_loop().add_reader(self._fd, self._readable)
        asyncio.get_running_loop().call_soon(self._readable)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._fd)
        self._socket.close()

    def _readable(self) -> None:
        while not self._socket.closed and int(self._socket.getsockopt(zmq.EVENTS)) & zmq.POLLIN:
            frames = self._socket.recv_multipart(zmq.NOBLOCK)
            at = frames.index(b"") + 1
            version, request_id, _, address, _, mechanism, *credentials = frames[at:]
            curve = mechanism == b"CURVE" and len(credentials) == 1
            status, user = self._keys.judge(credentials[0]) if curve else (b"400", b"")
            if status != b"200":
                log.warning("connection refused", address=address.decode(errors="replace"))
            answer = [version, request_id, status, b"", user, b""]
            self._socket.send_multipart([*frames[:at], *answer])


def _commands(identity: Identity) -> bool:
    return "operator" in identity.kinds()
