"""The processes of a cluster as a session's script has them: a ROUTER and an XPUB each, on free ports.

Nothing here decides: the script has what is published, awaited and answered. Frames that the protocol refuses
are answered as every process answers them.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Self

import msgspec
import zmq
from twsmq_protocol import codec, endpoints
from twsmq_protocol.config import Cluster, Config, Marketdata
from twsmq_protocol.errors import RequestError
from twsmq_protocol.requests import OPS

from .peer import PeerFailed
from .values import difference

_PATIENCE_S = 10.0
_SPAN = 100
_LINGER_MS = 1000
_BIND_AGAIN_MS = 20


@contextmanager
def free_port_base() -> Generator[int]:
    """The first of a hundred ports; the last stays bound meanwhile, so that nobody else is given them."""
    for base in range(20_000, 32_000, _SPAN):
        with socket.socket() as guard:
            try:
                guard.bind(("127.0.0.1", base + _SPAN - 1))
            except OSError:
                continue
            yield base
            return
    raise PeerFailed("no hundred free ports on this machine")


class Player:
    """One process."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], config: Config, name: str) -> None:
        self.name = name
        self.inc = 1_800_000_000_000_000_000
        self._context = context
        self._config = config
        self._open()

    def restart(self, later_s: int) -> None:
        """Close both sockets and open them again, as another incarnation; `later_s` is less than 0 where the
        clock was set back meanwhile."""
        self.close()
        self.inc += later_s * 1_000_000_000
        self._open()

    def close(self) -> None:
        self._router.close()
        self._xpub.close()

    def publish(self, topic: str, fields: dict[str, Any], skip: int) -> None:
        """One event under the topic's next number; `skip`: so many numbers are never published."""
        self._seqs[topic] = seq = self._seqs.get(topic, 0) + 1 + skip
        header = {"v": 1, "src": self.name, "inc": self.inc, "seq": seq, "ts": time.time_ns()}
        self._last = topic.encode() + b"\0" + msgspec.msgpack.encode(header | fields)
        self._xpub.send(self._last)

    def repeat(self) -> None:
        """What was published last goes out once more, as it was."""
        self._xpub.send(self._last)

    def send_raw(self, frame: bytes) -> None:
        self._xpub.send(frame)

    def await_subscription(self, topic: str) -> None:
        deadline = time.monotonic() + _PATIENCE_S
        while topic not in self._wanted:
            left = deadline - time.monotonic()
            if left <= 0 or not self._xpub.poll(int(left * 1000) + 1):
                raise PeerFailed(f"{self.name}: nobody has subscribed to {topic}")
            frame = self._xpub.recv()
            if frame[:1] == b"\1":
                self._wanted.add(frame[1:].decode(errors="replace"))

    def await_request(self, op: str, args: dict[str, Any], reply: dict[str, Any] | None) -> str | None:
        """Take the next request and answer with `reply`, or not at all. What was wrong with the request."""
        address, frame = self._next()
        request = codec.decode_request(frame)
        found = msgspec.msgpack.decode(request.args)
        if reply is not None:
            self._router.send_multipart(
                [*address, msgspec.msgpack.encode({"v": 1, "id": request.id, **reply})]
            )
        if request.op != op:
            return f"{self.name}: expected the request {op}, found {request.op}"
        if request.valid_until is None:
            return f"{self.name}: {op} came without valid_until: it may take effect minutes later"
        return difference(args, found, f"{op}.args")

    def answer_as_refused(self) -> None:
        """Take the next request, which the protocol refuses, and answer it as every process does."""
        address, frame = self._next()
        try:
            request = codec.decode_request(frame)
            codec.decode_args(request, OPS[request.op].args)
        except RequestError as error:
            self._router.send_multipart([*address, codec.encode_error(error.request_id, error)])
        else:
            raise PeerFailed(f"{self.name}: {request.op} is a request that nobody refuses")

    def _next(self) -> tuple[list[bytes], bytes]:
        if not self._router.poll(int(_PATIENCE_S * 1000)):
            raise PeerFailed(f"{self.name}: no request within {_PATIENCE_S:g} s")
        *address, frame = self._router.recv_multipart()
        return address, frame

    def _open(self) -> None:
        self._seqs: dict[str, int] = {}
        self._last = b""
        self._wanted: set[str] = set()
        self._router = self._context.socket(zmq.ROUTER)
        self._xpub = self._context.socket(zmq.XPUB)
        for opened, where in (
            (self._router, endpoints.requests_endpoint(self._config, self.name)),
            (self._xpub, endpoints.events_endpoint(self._config, self.name)),
        ):
            opened.setsockopt(zmq.LINGER, _LINGER_MS)
            _bind(opened, where)


def _bind(opened: zmq.Socket[bytes], where: str) -> None:
    """libzmq gives an address back some time after its socket was closed, and does not report when."""
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            opened.bind(where)
        except zmq.ZMQError as error:
            if error.errno != zmq.EADDRINUSE or time.monotonic() > deadline:
                raise PeerFailed(f"cannot listen on {where}: {error.strerror}") from error
            opened.poll(_BIND_AGAIN_MS)
        else:
            return


class Cast:
    """Every process there may be, by name."""

    def __init__(self, port_base: int) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        config = Config(cluster=Cluster(port_base=port_base), marketdata=Marketdata(instances=1))
        names = (endpoints.SUPERVISOR, *endpoints.node_names(config))
        self._players = {name: Player(self._context, config, name) for name in names}

    def __getitem__(self, name: str) -> Player:
        return self._players[name]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for player in self._players.values():
            player.close()
        self._context.destroy(linger=0)
