"""One subscriber: `python -m bench.marketdata.subscriber SOURCE ADDRESS INSTRUMENTS`.

A command is a JSON line on stdin:
    {"first": k, "end": m, "keep": b, "idle_s": s}  answered {"listening": true} and, when all ticks of these
                                                    frames have come or none for s seconds, {"heard": n}
    {"report": path or null}                        answered with `Hearing.report`
"""

from __future__ import annotations

import asyncio
import json
import pickle
import sys
from collections.abc import Callable
from time import monotonic_ns
from typing import Any, Protocol

import msgspec
import zmq

from .hearing import Hearing
from .peers import gateway_client
from .tape import SIZES, topic


class Source(Protocol):
    """Where messages come from. `receive` returns when the hearing is done, or nothing came for `idle_s`."""

    def receive(self, hearing: Hearing, idle_s: float) -> None: ...


class Message(msgspec.Struct):
    """What is common to the messages of all sides; of a `stream` event nothing but the defaults."""

    ticks: list[tuple[int, Any, Any]] = []
    snapshot: bool = False


class ZmqSource:
    """A SUB for all topics; `sizes_of` gives the topic of a message and the sizes in it."""

    def __init__(
        self, address: str, topics: dict[bytes, int], sizes_of: Callable[[Any], tuple[bytes, list[Any]]]
    ) -> None:
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = context.socket(zmq.SUB)
        self._socket.setsockopt(zmq.RCVHWM, 0)
        self._socket.connect(address)
        for name in topics:
            self._socket.subscribe(name)
        self._receive = self._socket.recv_multipart if sizes_of is two_frames_pickled else self._socket.recv
        self._topics = topics
        self._sizes_of = sizes_of

    def receive(self, hearing: Hearing, idle_s: float) -> None:
        receive, topics, sizes_of = self._receive, self._topics, self._sizes_of
        self._socket.setsockopt(zmq.RCVTIMEO, int(idle_s * 1000))
        try:
            while not hearing.done:
                name, sizes = sizes_of(receive())
                if sizes:
                    hearing.heard(monotonic_ns(), topics[name], sizes)
        except zmq.Again:
            return


_decode = msgspec.msgpack.Decoder(Message).decode


def one_frame(frame: bytes) -> tuple[bytes, list[Any]]:
    """Topic, NUL, map: [tick type, value, attributes] each."""
    name, _, body = frame.partition(b"\0")
    message = _decode(body)
    return name, [] if message.snapshot else [tick[1] for tick in message.ticks if tick[0] in SIZES]


def one_frame_rows(frame: bytes) -> tuple[bytes, list[Any]]:
    """The same with ib_async's [tick type, price, size]."""
    name, _, body = frame.partition(b"\0")
    return name, [tick[2] for tick in _decode(body).ticks]


def two_frames_pickled(frames: list[bytes]) -> tuple[bytes, list[Any]]:
    ticks = pickle.loads(frames[1])["ticks"]
    return frames[0], [tick[1] for tick in ticks if tick[0] in SIZES]


class NatsSource:
    """nats-py with a callback, on a loop that runs while something is expected."""

    def __init__(self, address: str, topics: dict[bytes, int]) -> None:
        self._topics = {name.decode().replace("/", ".").rstrip("."): at for name, at in topics.items()}
        self._loop = asyncio.new_event_loop()
        self._hearing: Hearing | None = None
        self._finished = asyncio.Event()
        self._loop.run_until_complete(self._connect(address))

    async def _connect(self, address: str) -> None:
        import nats

        link: Any = await nats.connect(address)  # pyright: ignore[reportUnknownMemberType]
        await link.subscribe("tick.>", cb=self._taken, pending_msgs_limit=-1, pending_bytes_limit=-1)
        await link.flush()

    async def _taken(self, message: Any) -> None:
        sizes = [tick[1] for tick in _decode(message.data).ticks if tick[0] in SIZES]
        if sizes and self._hearing is not None:
            self._hearing.heard(monotonic_ns(), self._topics[message.subject], sizes)
            if self._hearing.done:
                self._finished.set()

    def receive(self, hearing: Hearing, idle_s: float) -> None:
        self._hearing = hearing
        self._finished.clear()
        self._loop.run_until_complete(self._wait(hearing, idle_s))
        self._hearing = None

    async def _wait(self, hearing: Hearing, idle_s: float) -> None:
        before = -1
        while not hearing.done and hearing.count != before:
            before = hearing.count
            try:
                await asyncio.wait_for(self._finished.wait(), idle_s)
            except TimeoutError:
                continue


class TcpSource:
    """No publisher in between: the gateway's socket itself, read in a blocking loop."""

    def __init__(self, port: int, instruments: int) -> None:
        self._link = gateway_client.connect(port, gateway_client.BARE, instruments)
        self._rest = b""

    def receive(self, hearing: Hearing, idle_s: float) -> None:
        self._link.settimeout(idle_s)
        try:
            while not hearing.done:
                data = self._link.recv(262_144)
                now = monotonic_ns()
                frames, self._rest = gateway_client.cut(self._rest + data)
                hearing.heard(now, 0, [_size_in(frame.split(b"\0")) for frame in frames])
        except TimeoutError:
            return


def _size_in(fields: list[bytes]) -> int:
    """Of a TICK_PRICE or a TICK_SIZE."""
    return int(fields[5] if fields[0] == b"1" else fields[4])


def source_of(kind: str, address: str, instruments: int) -> Source:
    topics = {topic(instrument).encode(): instrument for instrument in range(instruments)}
    match kind:
        case "tcp":
            return TcpSource(int(address), instruments)
        case "nats":
            return NatsSource(address, topics)
        case "rows":
            return ZmqSource(address, topics, one_frame_rows)
        case "pickle":
            return ZmqSource(address, topics, two_frames_pickled)
        case _:
            return ZmqSource(address, topics, one_frame)


def main() -> None:
    kind, address, instruments = sys.argv[1], sys.argv[2], int(sys.argv[3])
    source = source_of(kind, address, instruments)
    hearing = Hearing(instruments, 0, 0, keep=False)
    for line in sys.stdin:
        command = json.loads(line)
        if "end" in command:
            hearing = Hearing(instruments, command["first"], command["end"], keep=command["keep"])
            print(json.dumps({"listening": True}), flush=True)
            source.receive(hearing, command["idle_s"])
            print(json.dumps({"heard": hearing.count}), flush=True)
        else:
            print(json.dumps(hearing.report(command["report"])), flush=True)


if __name__ == "__main__":
    main()
