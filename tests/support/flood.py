"""A client that means no good, as a process of its own: `python flood.py KIND HOST_PORT COUNT`.

describes: small requests from a DEALER that reads nothing, then exit.
subscriptions: COUNT subscriptions of 7.9 MB each.
costly: requests of 160 KB that are costly to refuse, from a DEALER that reads nothing.
deaf: `contract_details` whose replies may be long, from a DEALER that reads nothing but stays.
many: COUNT unlike subscriptions of 600 bytes, on each of ten connections.
topics: COUNT plausible quotes of unlike instruments, on each of ten connections.
endless, heavy: a message that does not end, of COUNT empty frames or of frames of 1 MB.
frames: messages of 5,000 frames each.
idle: COUNT connections that say nothing.
lying: COUNT connections that announce a message of 1 MB, or 2^62 bytes, and send a part of it.
reconnecting: COUNT connections, one after the other, each ended in the middle of a message.
"""

from __future__ import annotations

import random
import socket
import sys
from contextlib import suppress

import msgpack
import zmq


def describe(number: int) -> bytes:
    return msgpack.packb({"v": 1, "id": number, "op": "describe"})


def details(number: int) -> bytes:
    args = {"instrument": "STK:AAPL:SMART:USD"}
    return msgpack.packb({"v": 1, "id": number, "op": "contract_details", "args": args})


def costly(number: int) -> bytes:
    args = {"orders": [{"strategy": "s" * 16, "quantity": n} for n in range(4500)]}
    return msgpack.packb({"v": 1, "id": number, "op": "place_orders", "args": args})


# ZMTP 3.0 (RFC 23): greeting without security, READY, frames.
GREETING = b"\xff" + bytes(8) + b"\x7f\x03\0" + b"NULL".ljust(20, b"\0") + bytes(32)
MORE, END, LONG_MORE = b"\1\0", b"\0\0", b"\3" + (1_000_000).to_bytes(8, "big")


def ready(role: bytes) -> bytes:
    body = b"\5READY\x0bSocket-Type" + len(role).to_bytes(4, "big") + role
    return b"\4" + bytes([len(body)]) + body


REQUESTS = {"describes": describe, "deaf": details, "costly": costly}
SUBSCRIBERS = {"subscriptions": 1, "many": 10, "topics": 10}


class Flood:
    def __init__(self, kind: str, address: str, count: int) -> None:
        self._kind = kind
        self._count = count
        self._chance = random.Random(count)
        self._open: list[zmq.Socket[bytes]] = []
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._address = f"tcp://{address}"
        self._host, port = address.rsplit(":", 1)
        self._port = int(port)
        self._role = b"XSUB" if self._port % 2 else b"DEALER"

    def run(self) -> None:
        if self._kind in REQUESTS:
            self._ask()
        elif self._kind in SUBSCRIBERS:
            self._subscribe()
        elif self._kind == "idle":
            for _ in range(self._count):
                self._socket(zmq.DEALER)
        elif self._kind == "lying":
            self._lies = [self._lie(number) for number in range(self._count)]
        elif self._kind == "reconnecting":
            with suppress(OSError):
                for number in range(self._count):
                    self._lie(number).close()
        else:
            self._send_frames()

    def _socket(self, kind: int, **options: int) -> zmq.Socket[bytes]:
        made = self._context.socket(kind)
        made.setsockopt(zmq.LINGER, 0)
        made.setsockopt(zmq.SNDTIMEO, 5000)
        for name, value in options.items():
            made.setsockopt(getattr(zmq, name), value)
        made.connect(self._address)
        self._open.append(made)
        return made

    def _ask(self) -> None:
        asking = self._socket(zmq.DEALER, RCVHWM=1)
        for number in range(self._count):
            asking.send(REQUESTS[self._kind](number))

    def _subscribe(self) -> None:
        ears = [self._socket(zmq.XSUB, SNDHWM=100) for _ in range(SUBSCRIBERS[self._kind])]
        waits = zmq.Poller()
        for ear in ears:
            waits.register(ear, zmq.POLLOUT)
        left = dict.fromkeys(ears, self._count)
        while any(left.values()):
            ready = waits.poll(5000)
            if not ready:
                raise zmq.Again
            for ear, _ in ready:
                if left[ear]:
                    left[ear] -= 1
                    ear.send(b"\1" + self._topic(left[ear]))
                else:
                    waits.unregister(ear)

    def _topic(self, number: int) -> bytes:
        if self._kind == "subscriptions":
            return bytes([number % 256]) * 7_900_000
        if self._kind == "many":
            return self._chance.randbytes(300).hex().encode()
        name = self._chance.randbytes(5).hex().upper()
        return f"quote/STK:{name}:SMART@NASDAQ:USD;generic=233/".encode()

    def _lie(self, number: int) -> socket.socket:
        raw = self._greet()
        length = 2**62 if number % 2 else 1_000_000
        with suppress(OSError):
            raw.sendall(LONG_MORE[:1] + length.to_bytes(8, "big") + b"x" * 100_000)
        return raw

    def _greet(self) -> socket.socket:
        raw = socket.create_connection((self._host, self._port), 10)
        raw.sendall(GREETING + ready(self._role))
        answer = b""
        while b"READY" not in answer:  # what comes before it is sent would be taken for a command
            more = raw.recv(1000)
            if not more:
                raise ConnectionResetError
            answer += more
        return raw

    def _send_frames(self) -> None:
        """Raw: libzmq itself sends nothing of a message before it ends."""
        with self._greet() as raw:
            part = {
                "heavy": LONG_MORE + b"x" * 1_000_000,
                "endless": MORE * 5000,
                "frames": MORE * 5000 + END,
            }
            with suppress(OSError):  # it is not taken any more
                for _ in range(self._count):
                    raw.sendall(part[self._kind])


def main(kind: str, address: str, count: int) -> None:
    flood = Flood(kind, address, count)
    print("started", flush=True)
    try:
        flood.run()
    except (zmq.Again, OSError):
        print("not taken any more", flush=True)
    print("done", flush=True)
    if kind not in ("describes", "costly"):  # what it sent leaves from the background
        sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
