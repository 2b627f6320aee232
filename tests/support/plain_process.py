"""A process of a cluster as clients see it: ROUTER and XPUB, of pyzmq and msgpack alone, nothing of ours."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import msgpack
import zmq

from support.patience import patient
from support.plain_client import OFFSETS

Answer = Callable[[dict[str, Any]], dict[str, Any] | None]


class PlainProcess:
    """`answer(request)` gives the body of a reply (`ok` and `result` or `error`), or None to keep silent.

    Requests are answered in a thread. The XPUB belongs to the test: it awaits subscriptions and publishes.
    """

    def __init__(self, name: str, port_base: int, answer: Answer = lambda _: None) -> None:
        self.name = name
        self.requests: list[dict[str, Any]] = []
        self.incarnation = time.time_ns()
        self._answer = answer
        self._seqs: dict[str, itertools.count[int]] = {}
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._xpub = self._context.socket(zmq.XPUB)
        self._router = self._context.socket(zmq.ROUTER)
        port = port_base + OFFSETS[name]
        self._router.bind(f"tcp://127.0.0.1:{port}")
        self._xpub.bind(f"tcp://127.0.0.1:{port + 1}")
        self._over, self._told = self._context.socket(zmq.PAIR), self._context.socket(zmq.PAIR)
        self._told.bind(f"inproc://{name}-over")
        self._over.connect(f"inproc://{name}-over")
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        if not self._context.closed:
            self._over.send(b"")
            self._thread.join()
            self._context.destroy(linger=0)

    def await_subscription(self, *topics: str, timeout: float = 10) -> None:
        """Until each of these has been subscribed to, since this process started."""
        wanted = {b"\1" + topic.encode() for topic in topics}
        deadline = time.monotonic() + patient(timeout)
        while wanted:
            left = deadline - time.monotonic()
            assert left > 0, f"never subscribed to: {wanted}"
            assert self._xpub.poll(int(left * 1000) + 1), f"never subscribed to: {wanted}"
            wanted.discard(self._xpub.recv())

    def await_unsubscription(self, topic: str, timeout: float = 10) -> None:
        assert self._xpub.poll(int(patient(timeout) * 1000))
        assert self._xpub.recv() == b"\0" + topic.encode()

    def publish(self, topic: str, kind: str, **fields: Any) -> None:
        header = {
            "v": 1,
            "type": kind,
            "src": self.name,
            "inc": self.incarnation,
            "seq": self.next_seq(topic),
            "ts": time.time_ns(),
        }
        self._xpub.send(topic.encode() + b"\0" + msgpack.packb(header | fields))

    def next_seq(self, topic: str) -> int:
        """Take a number without publishing under it: to a subscriber, a lost event."""
        return next(self._seqs.setdefault(topic, itertools.count(1)))

    def _serve(self) -> None:
        poller = zmq.Poller()
        poller.register(self._router, zmq.POLLIN)
        poller.register(self._told, zmq.POLLIN)
        while self._told not in (ready := dict(poller.poll())):
            if self._router in ready:
                *address, body = self._router.recv_multipart()
                request = msgpack.unpackb(body)
                self.requests.append(request)
                reply = self._answer(request)
                if reply is not None:
                    self._router.send_multipart(
                        [*address, msgpack.packb({"v": 1, "id": request["id"]} | reply)]
                    )
