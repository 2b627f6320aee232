"""A client of twsmq as an outsider would write it: pyzmq and msgpack, nothing of ours."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from typing import Any

import msgpack
import zmq

from support.patience import patient

OFFSETS = {
    "supervisor": 0,
    "connection": 10,
    "marketdata-0": 20,
    "orders": 30,
    "status": 40,
    "reference": 50,
    "history": 60,
}

Event = dict[str, Any]


class PlainClient:
    """DEALER to every process, one SUB to all of them. Every wait has a deadline and awaits the socket."""

    def __init__(self, port_base: int) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._ids = itertools.count(1)
        self._dealers: dict[str, zmq.Socket[bytes]] = {}
        self._port_base = port_base
        self.sub = self._context.socket(zmq.SUB)
        self.sub.setsockopt(zmq.RCVHWM, 0)
        self.sub.setsockopt(zmq.RECONNECT_IVL, 50)
        self.sub.setsockopt(zmq.RECONNECT_IVL_MAX, 200)
        for offset in OFFSETS.values():
            self.sub.connect(f"tcp://127.0.0.1:{port_base + offset + 1}")

    def close(self) -> None:
        self._context.destroy(linger=0)

    def subscribe(self, *topics: str) -> None:
        for topic in topics:
            self.sub.subscribe(topic.encode())

    def events(self, timeout: float) -> Iterator[tuple[str, Event]]:
        """Events as they come until the deadline."""
        deadline = time.monotonic() + timeout
        while (left := deadline - time.monotonic()) > 0 and self.sub.poll(int(left * 1000) + 1):
            topic, _, body = self.sub.recv().partition(b"\0")
            yield topic.decode(), msgpack.unpackb(body)

    def await_event(self, wanted: Callable[[str, Event], bool], timeout: float = 20) -> Event:
        seen: list[str] = []
        timeout = patient(timeout)
        for topic, event in self.events(timeout):
            if wanted(topic, event):
                return event
            seen.append(f"{topic} {event['type']} {event.get('state', event.get('status', ''))}")
        raise AssertionError(f"not seen within {timeout} s; the last of {len(seen)} others: {seen[-15:]}")

    def await_all(self, *wanted: Callable[[str, Event], bool], timeout: float = 20) -> None:
        """One event for each, in whatever order they come."""
        missing = list(wanted)
        self.await_event(lambda topic, event: not _strike_out(missing, topic, event), timeout)

    def dealer(self, process: str) -> zmq.Socket[bytes]:
        if process not in self._dealers:
            socket = self._context.socket(zmq.DEALER)
            socket.connect(f"tcp://127.0.0.1:{self._port_base + OFFSETS[process]}")
            self._dealers[process] = socket
        return self._dealers[process]

    def raw(self, process: str, frames: list[bytes], timeout: float = 20) -> dict[str, Any]:
        """Send any frames at all; the one reply."""
        self.dealer(process).send_multipart(frames)
        return self.receive(process, timeout)

    def receive(self, process: str, timeout: float = 20) -> dict[str, Any]:
        """The next reply of a process."""
        socket = self.dealer(process)
        timeout = patient(timeout)
        assert socket.poll(int(timeout * 1000)), f"no reply from {process} within {timeout} s"
        return msgpack.unpackb(socket.recv_multipart()[-1])

    def send(self, process: str, op: str, **args: Any) -> int:
        """Ask and do not wait; the request's id."""
        request_id = next(self._ids)
        body = msgpack.packb({"v": 1, "id": request_id, "op": op, "args": args})
        self.dealer(process).send(body)
        return request_id

    def request(self, process: str, op: str, timeout: float = 20, **args: Any) -> dict[str, Any]:
        request_id = self.send(process, op, **args)
        reply = self.receive(process, timeout)
        assert reply["id"] == request_id
        return reply

    def result(self, process: str, op: str, timeout: float = 20, **args: Any) -> dict[str, Any]:
        reply = self.request(process, op, timeout, **args)
        assert reply["ok"], reply
        return reply["result"]

    def error(self, process: str, op: str, timeout: float = 20, **args: Any) -> dict[str, Any]:
        reply = self.request(process, op, timeout, **args)
        assert not reply["ok"], reply
        return reply["error"]

    def await_result(self, process: str, op: str, timeout: float = 30, **args: Any) -> dict[str, Any]:
        """Ask again while the process says it is not ready. Only for requests that are safe to repeat."""
        deadline = time.monotonic() + patient(timeout)
        while True:
            reply = self.request(process, op, timeout, **args)
            if reply["ok"]:
                return reply["result"]
            assert reply["error"]["code"] in ("not_ready", "timeout"), reply
            assert time.monotonic() < deadline, reply
            # Readiness is told by the next heartbeat, at most half a second away.
            self.sub.subscribe(f"node/{process}/".encode())
            self.await_event(lambda topic, _event: topic == f"node/{process}/", timeout=10)


def _strike_out(missing: list[Callable[[str, Event], bool]], topic: str, event: Event) -> bool:
    """Take out what this event satisfies; whether anything is still missing."""
    missing[:] = [wanted for wanted in missing if not wanted(topic, event)]
    return bool(missing)
