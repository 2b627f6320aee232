"""With keys on, whoever has none, or a reader's, floods: no order is lost, nothing grows or restarts.

Slow: ten minutes (`TWSMQ_FUZZ_S` for another time). How long orders take meanwhile is printed, not asserted:
the flood wants the same cores as what it floods.
"""

from __future__ import annotations

import os
import random
import socket
import statistics
import threading
import time
from pathlib import Path

import msgpack
import psutil
import pytest
import zmq
from support.keyed_cluster import running_keyed
from twsmq import Client
from twsmq_protocol.keys import ClientFile, parse_client

SECONDS = float(os.environ.get("TWSMQ_FUZZ_S", "600"))
PORTS = (0, 1, 10, 11, 20, 21, 30, 31, 40, 41)
GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"CURVE".ljust(20, b"\0") + bytes(32)


class Flood:
    """Threads that each do one kind of harm until it is over. What they do is counted."""

    def __init__(self, base: int, keys: ClientFile) -> None:
        self._base = base
        self._keys = keys
        self._over = threading.Event()
        self.done: dict[str, int] = {}
        kinds = (self.raw_bytes, self.half_handshakes, self.big_frames, self.topics, self.connections)
        self._threads = [threading.Thread(target=self._run, args=(kind.__name__, kind)) for kind in kinds]

    def __enter__(self) -> Flood:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(30)

    def _run(self, name: str, kind: object) -> None:
        assert callable(kind)
        chance = random.Random(name)
        with zmq.Context() as context:
            while not self._over.is_set():
                try:
                    kind(context, chance)
                    self.done[name] = self.done.get(name, 0) + 1
                except (OSError, zmq.ZMQError):
                    self._over.wait(0.05)  # the port's backlog is full, or our own descriptors are

    def _address(self, chance: random.Random) -> tuple[str, int]:
        return "127.0.0.1", self._base + chance.choice(PORTS)

    def raw_bytes(self, _context: zmq.Context[zmq.Socket[bytes]], chance: random.Random) -> None:
        with socket.create_connection(self._address(chance), timeout=2) as peer:
            peer.sendall(chance.randbytes(chance.choice((1, 64, 100_000))))

    def half_handshakes(self, _context: zmq.Context[zmq.Socket[bytes]], chance: random.Random) -> None:
        peers = [socket.create_connection(self._address(chance), timeout=2) for _ in range(20)]
        for peer in peers:
            peer.sendall(GREETING[: chance.randrange(1, len(GREETING))])
        self._over.wait(0.5)
        for peer in peers:
            peer.close()

    def _open(self, context: zmq.Context[zmq.Socket[bytes]], kind: int, port: int) -> zmq.Socket[bytes]:
        made = context.socket(kind)
        made.setsockopt(zmq.LINGER, 0)
        made.curve_serverkey = self._keys.server_key.encode()
        made.curve_publickey = self._keys.public_key.encode()
        made.curve_secretkey = self._keys.secret_key.encode()
        made.connect(f"tcp://127.0.0.1:{self._base + port}")
        return made

    def big_frames(self, context: zmq.Context[zmq.Socket[bytes]], chance: random.Random) -> None:
        with self._open(context, zmq.DEALER, chance.choice((10, 30, 40))) as dealer:
            dealer.send(bytes(8 * 1024 * 1024))
            dealer.send(msgpack.packb({"v": 1, "id": 1, "op": "describe"}))
            dealer.poll(500)

    def topics(self, context: zmq.Context[zmq.Socket[bytes]], chance: random.Random) -> None:
        with self._open(context, zmq.SUB, chance.choice((11, 31, 41))) as sub:
            for number in range(10_000):
                sub.subscribe(f"quote/{chance.random()}{number}/".encode())
            self._over.wait(0.5)

    def connections(self, context: zmq.Context[zmq.Socket[bytes]], chance: random.Random) -> None:
        many = [self._open(context, zmq.DEALER, chance.choice((10, 30, 40))) for _ in range(200)]
        self._over.wait(0.5)
        for one in many:
            one.close()


def p99(client: Client, name: str, seconds: float) -> float:
    """Of a resting order's round trip, one after the other."""
    took: list[float] = []
    until, number = time.monotonic() + seconds, 0
    while time.monotonic() < until or number < 100:
        number += 1
        began = time.monotonic()
        client.place_order(
            timeout=30,
            strategy="alpha",
            client_order_id=f"{name}-{number}",
            instrument="STK:AAPL:SMART:USD",
            side="BUY",
            quantity=1,
            order_type="LMT",
            limit_price=1,
        )
        took.append(time.monotonic() - began)
        time.sleep(0.01)  # a strategy, not another flood
    return statistics.quantiles(took, n=100)[98]


@pytest.mark.slow
@pytest.mark.timeout(SECONDS + 400)
def test_a_flood_without_keys_and_with_a_reader_s_grows_and_ends_nothing(tmp_path: Path) -> None:
    with running_keyed(tmp_path) as keyed:
        keyed.run("keys", "add", "reader", "--rights", "reader")
        before = processes(tmp_path)
        reader = parse_client((tmp_path / "reader.key").read_text(), "")
        with Client(keys=keyed.alpha) as trader:
            quiet = p99(trader, "quiet", 20)
            held = {pid: psutil.Process(pid).memory_info().rss for pid in before}
            with Flood(keyed.port_base, reader) as flood:
                flooded = p99(trader, "flooded", SECONDS)
        assert len(flood.done) == 5, flood.done
        assert processes(tmp_path) == before, "nothing was restarted"
        grown = {before[pid]: psutil.Process(pid).memory_info().rss - held[pid] for pid in before}
        print(f"order p99 {quiet * 1e3:.1f} ms alone, {flooded * 1e3:.1f} ms flooded; {flood.done}; {grown}")
        assert max(grown.values()) < 100 * 1024 * 1024, grown


def processes(folder: Path) -> dict[int, str]:
    """Every process of the cluster in `folder`, with its command line, by pid."""
    found: dict[int, str] = {}
    for process in psutil.process_iter():
        try:
            line = " ".join(process.cmdline())
        except psutil.Error:
            continue
        if str(folder) in line:
            found[process.pid] = line
    return found
