"""Everybody who means no good at a cluster with keys, as a process of its own:

    python keyed_flood.py PORT_BASE READER.key TRADER.key REVOKED.key [KIND…]

A thread for each kind of harm, or for those named, until a line comes on stdin; then it prints how often each
was done, as JSON. It takes only processor time that nobody else wants, as a peer on another machine would.
"""

from __future__ import annotations

import json
import os
import random
import socket
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import msgpack
import zmq
from twsmq_protocol.keys import ClientFile, parse_client

Context = zmq.Context[zmq.Socket[bytes]]
REQUESTS, EVENTS = (0, 10, 20, 30, 40), (1, 11, 21, 31, 41)
PORTS = (*REQUESTS, *EVENTS)
GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"CURVE".ljust(20, b"\0") + bytes(32)
HELLO = b"\4\xc8" + b"\5HELLO" + b"\1\0" + bytes(72 + 32 + 8 + 80)
"""Of the right length (RFC 26), with nothing right in it."""
ORDER = {
    "strategy": "beta",
    "instrument": "STK:AAPL:SMART:USD",
    "side": "BUY",
    "quantity": 1,
    "order_type": "LMT",
    "limit_price": 1,
}


def describe(number: int = 1) -> bytes:
    return msgpack.packb({"v": 1, "id": number, "op": "describe"})


class Flood:
    def __init__(
        self, base: int, reader: ClientFile, trader: ClientFile, revoked: ClientFile, only: list[str]
    ) -> None:
        self._base = base
        self._reader, self._trader, self._revoked = reader, trader, revoked
        self._over = threading.Event()
        kinds = (
            self.raw_bytes,
            self.half_greetings,
            self.hanging_handshakes,
            self.without_keys,
            self.unknown_keys,
            self.wrong_server_keys,
            self.revoked_key,
            self.big_frames,
            self.topics,
            self.connections,
            self.requests,
            self.others_orders,
        )
        self._kinds = [kind for kind in kinds if not only or kind.__name__ in only]
        self.done = {kind.__name__: 0 for kind in self._kinds}

    def run(self) -> None:
        threads = [threading.Thread(target=self._run, args=(kind.__name__, kind)) for kind in self._kinds]
        for thread in threads:
            thread.start()
        sys.stdout.write("started\n")
        sys.stdout.flush()
        sys.stdin.readline()
        self._over.set()
        for thread in threads:
            thread.join(30)

    def _run(self, name: str, kind: object) -> None:
        assert callable(kind)
        chance = random.Random(name)
        with zmq.Context() as context:
            while not self._over.is_set():
                try:
                    kind(context, chance)
                    self.done[name] += 1
                except (OSError, zmq.ZMQError):
                    self._over.wait(0.05)  # the port's backlog is full, or our own descriptors are

    # --- who has no key, or none that is let in -------------------------------------------------------------

    def raw_bytes(self, _context: Context, chance: random.Random) -> None:
        with socket.create_connection(self._address(chance), timeout=2) as peer:
            peer.sendall(chance.randbytes(chance.choice((1, 64, 100_000))))

    def half_greetings(self, _context: Context, chance: random.Random) -> None:
        peers = [socket.create_connection(self._address(chance), timeout=2) for _ in range(20)]
        for peer in peers:
            peer.sendall(GREETING[: chance.randrange(1, len(GREETING))])
        self._over.wait(0.5)
        for peer in peers:
            peer.close()

    def hanging_handshakes(self, _context: Context, chance: random.Random) -> None:
        """They greet well, send a HELLO or a part of one, and then nothing, until they are thrown out."""
        peers = [socket.create_connection(self._address(chance), timeout=2) for _ in range(20)]
        for peer in peers:
            with suppress(OSError):
                peer.sendall(GREETING + HELLO[: chance.randrange(len(HELLO) + 1)])
        deadline = time.monotonic() + 5
        for peer in peers:
            peer.settimeout(max(0.01, deadline - time.monotonic()))
            with suppress(OSError):
                while peer.recv(1000) and not self._over.is_set():
                    pass
            peer.close()

    def without_keys(self, context: Context, chance: random.Random) -> None:
        self._knock(context, chance, None)

    def unknown_keys(self, context: Context, chance: random.Random) -> None:
        public, secret = zmq.curve_keypair()
        self._knock(context, chance, (self._reader.server_key.encode(), public, secret))

    def wrong_server_keys(self, context: Context, chance: random.Random) -> None:
        reader = self._reader
        mine = reader.public_key.encode(), reader.secret_key.encode()
        self._knock(context, chance, (zmq.curve_keypair()[0], *mine))

    def revoked_key(self, context: Context, chance: random.Random) -> None:
        gone = self._revoked
        keys = gone.server_key.encode(), gone.public_key.encode(), gone.secret_key.encode()
        self._knock(context, chance, keys)

    def _knock(
        self, context: Context, chance: random.Random, keys: tuple[bytes, bytes, bytes] | None
    ) -> None:
        """Ask and subscribe everywhere, again and again; nothing may come of it."""
        with context.socket(zmq.DEALER) as dealer, context.socket(zmq.SUB) as sub:
            for one, ports in ((dealer, REQUESTS), (sub, EVENTS)):
                one.setsockopt(zmq.LINGER, 0)
                one.setsockopt(zmq.RECONNECT_IVL, 10)
                if keys is not None:
                    one.curve_serverkey, one.curve_publickey, one.curve_secretkey = keys
                for port in ports:
                    one.connect(f"tcp://127.0.0.1:{self._base + port}")
            sub.subscribe(b"")
            for number in range(5):
                dealer.send(describe(number), zmq.NOBLOCK)
            if dealer.poll(int(chance.uniform(100, 1000))) or sub.poll(1):
                sys.stderr.write("somebody without a right key was answered\n")
                os._exit(3)

    # --- whose key is good and who misbehaves ---------------------------------------------------------------

    def big_frames(self, context: Context, chance: random.Random) -> None:
        with self._open(context, zmq.DEALER, chance.choice((10, 30, 40))) as dealer:
            dealer.send(bytes(8 * 1024 * 1024))
            dealer.send(describe())
            dealer.poll(500)

    def topics(self, context: Context, chance: random.Random) -> None:
        with self._open(context, zmq.SUB, chance.choice((11, 31, 41))) as sub:
            for number in range(10_000):
                sub.subscribe(f"quote/{chance.random()}{number}/".encode())
            self._over.wait(0.5)

    def connections(self, context: Context, chance: random.Random) -> None:
        many = [self._open(context, zmq.DEALER, chance.choice((10, 30, 40))) for _ in range(200)]
        self._over.wait(0.5)
        for one in many:
            one.close()

    def requests(self, context: Context, chance: random.Random) -> None:
        """More than its share, of which it reads nothing; some are no requests."""
        with self._open(context, zmq.DEALER, 30) as dealer:
            dealer.setsockopt(zmq.SNDTIMEO, 1000)
            for number in range(5_000):
                spoilt = chance.random() < 0.2
                dealer.send(chance.randbytes(chance.randrange(200)) if spoilt else describe(number))
            dealer.poll(100)

    def others_orders(self, context: Context, chance: random.Random) -> None:
        """A trader of alpha's that places, cancels and halts for beta."""
        with self._open(context, zmq.DEALER, 30, self._trader) as dealer:
            name = {"strategy": "beta", "client_order_id": str(chance.random())}
            asked = (("place_order", ORDER | name), ("cancel_order", name), ("halt", {"reason": "mine"}))
            for number, (op, args) in enumerate(asked):
                dealer.send(msgpack.packb({"v": 1, "id": number, "op": op, "args": args}))
            for _ in asked:
                if dealer.poll(5_000) and msgpack.unpackb(dealer.recv())["ok"]:
                    sys.stderr.write("a trader's key did what is another's\n")
                    os._exit(3)

    def _address(self, chance: random.Random) -> tuple[str, int]:
        return "127.0.0.1", self._base + chance.choice(PORTS)

    def _open(
        self, context: Context, kind: int, port: int, keys: ClientFile | None = None
    ) -> zmq.Socket[bytes]:
        made, mine = context.socket(kind), keys or self._reader
        made.setsockopt(zmq.LINGER, 0)
        made.curve_serverkey = mine.server_key.encode()
        made.curve_publickey, made.curve_secretkey = mine.public_key.encode(), mine.secret_key.encode()
        made.connect(f"tcp://127.0.0.1:{self._base + port}")
        return made


def main() -> None:
    os.nice(19)
    files = [parse_client(Path(file).read_text(), file) for file in sys.argv[2:5]]
    flood = Flood(int(sys.argv[1]), *files, only=sys.argv[5:])
    flood.run()
    sys.stdout.write(json.dumps(flood.done) + "\n")


if __name__ == "__main__":
    main()
