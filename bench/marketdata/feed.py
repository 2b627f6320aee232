"""The gateway of the bench: speaks the simulator's wire, sends ticks as fast as told. Runs as a process of
its own.

Every line on stdin is a JSON command, every answer a JSON line on stdout:
    {"ticks": n, "rate": r}   n frames a connection, r a second in all (0: as fast as they are taken)
The frames are TICK_PRICE of bid and ask, which carry a size: in turn over all lines the client asked for.
The size is the ns of the machine's monotonic clock at which the frame was made when a rate is given, else
constant (the frames are encoded beforehand).
"""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from contextlib import suppress

from twsmq_simulator.wire import messages, tick_messages
from twsmq_simulator.wire.decode import decode
from twsmq_simulator.wire.framing import FrameSplitter
from twsmq_simulator.wire.requests import CurrentTime, MarketData, StartApi

VERSION = 200
CHUNK = 200  # frames of a prepared block
UP = b"1"  # the price of each line's first tick, which only tells that it is up


class Feed:
    def __init__(self) -> None:
        self.lines: dict[socket.socket, list[int]] = {}
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        while True:
            connection, _ = self.listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection: socket.socket) -> None:
        splitter, greeted = FrameSplitter(), False
        with suppress(OSError), connection:
            while data := connection.recv(65536):
                splitter.feed(data)
                if not greeted and splitter.version_range() is not None:
                    greeted = True
                    connection.sendall(messages.handshake(VERSION, time.time_ns()))
                while greeted and (payload := splitter.payload()) is not None:
                    self.hear(connection, payload)
        self.lines.pop(connection, None)

    def hear(self, connection: socket.socket, payload: bytes) -> None:
        request = decode(payload, VERSION)
        if isinstance(request, StartApi):
            connection.sendall(messages.managed_accounts("DU1") + messages.next_valid_id(1))
        elif isinstance(request, CurrentTime):
            connection.sendall(messages.current_time(time.time_ns()))
        elif isinstance(request, MarketData):
            self.lines.setdefault(connection, []).append(request.request_id)
            connection.sendall(tick_messages.tick_price(request.request_id, 1, UP, b"0"))

    def send(self, ticks: int, rate: float) -> int:
        """When it began, in ns of the monotonic clock."""
        began = time.monotonic_ns()
        for connection, lines in list(self.lines.items()):
            if rate:
                self.pace(connection, lines, ticks, rate)
            else:
                block = [tick(lines[n % len(lines)], n, b"700") for n in range(CHUNK * len(lines))]
                chunks = [b"".join(block[at : at + CHUNK]) for at in range(0, len(block), CHUNK)]
                began = time.monotonic_ns()
                for n in range(ticks // CHUNK):
                    connection.sendall(chunks[n % len(chunks)])
        return began

    def pace(self, connection: socket.socket, lines: list[int], ticks: int, rate: float) -> None:
        """Bursts a millisecond apart, or single frames below 1000 a second."""
        size = max(1, int(rate / 1000))
        interval, due, sent = size / rate, time.monotonic(), 0
        while sent < ticks:
            now = str(time.monotonic_ns()).encode()
            connection.sendall(
                b"".join(tick(lines[n % len(lines)], n, now) for n in range(sent, sent + size))
            )
            sent += size
            due += interval
            wait = due - time.monotonic()
            if wait > 0:
                time.sleep(wait)


def tick(request_id: int, number: int, size: bytes) -> bytes:
    price = b"%d.%02d" % (100 + number % 7, number % 100)
    return tick_messages.tick_price(request_id, 1 + number % 2, price, size)


def main() -> None:
    feed = Feed()
    print(json.dumps({"port": feed.port}), flush=True)
    for line in sys.stdin:
        command = json.loads(line)
        if "ticks" in command:
            print(json.dumps({"began": feed.send(command["ticks"], command["rate"])}), flush=True)
        else:
            lines = sum(map(len, feed.lines.values()))
            print(json.dumps({"lines": lines}), flush=True)


if __name__ == "__main__":
    main()
