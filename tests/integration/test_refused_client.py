"""A client without keys where every handshake is ended, which libzmq tries again some 20 times a second."""

from __future__ import annotations

import socket
import struct
import subprocess
import sys
import threading
import time
from contextlib import ExitStack

from conftest import reserved_ports
from support.patience import SLACK
from twsmq import sockets
from twsmq_protocol import endpoints

PROGRAM = """
import sys
from twsmq import Client, ConnectionRefused, links, sockets

links._QUEUE = 1  # and libzmq's own 1,000
sockets.RECONNECT_MS = 1
order = dict(strategy="a", client_order_id="1", instrument="STK:AAPL:SMART:USD", side="BUY", quantity=1)
with Client(port_base=int(sys.argv[1])) as client:
    for _ in range(2):
        print("begun", flush=True)
        sys.stdin.readline()  # while nobody takes in what the monitors report
        try:
            client.place(order_type="MKT", timeout=30, **order)
        except ConnectionRefused as refused:
            print(refused.mistake.value, flush=True)
    print("begun", flush=True)
    sys.stdin.readline()
print("closed", flush=True)
"""


class Slammer:
    """Ends each connection as soon as the other side has begun its greeting."""

    def __init__(self, listener: socket.socket) -> None:
        self.met = 0
        self._listener = listener
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            with peer:
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                peer.settimeout(5)
                try:
                    peer.recv(1)
                except OSError:
                    continue
            self.met += 1


def await_full(slammers: list[Slammer]) -> None:
    """Until nobody connects any more, which is when the monitor's queue is full."""
    deadline = time.monotonic() + 30 * SLACK
    before = -1
    while (now := sum(each.met for each in slammers)) != before or now == 0:
        assert time.monotonic() < deadline, f"{now} connections, and still more: the queue has no end"
        before = now
        time.sleep(0.3)


def test_a_client_that_is_refused_says_so_and_closes_though_nobody_looked_for_long() -> None:
    with ExitStack() as stack:
        base = stack.enter_context(reserved_ports())
        config = sockets.resolve(None, base)
        ends = [*sockets.events_endpoints(config), endpoints.requests_endpoint(config, "orders")]
        ports = [int(end.rpartition(":")[2]) for end in ends]
        slammers = [Slammer(stack.enter_context(socket.create_server(("127.0.0.1", port)))) for port in ports]
        program = stack.enter_context(
            subprocess.Popen(
                [sys.executable, "-c", PROGRAM, str(base)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        )
        stack.callback(program.kill)
        assert program.stdin is not None
        assert program.stdout is not None
        watchdog = threading.Timer(60 * SLACK, program.kill)
        stack.callback(watchdog.cancel)
        watchdog.start()
        for _ in range(2):
            assert program.stdout.readline() == "begun\n"
            await_full(slammers)
            print("\n", end="", file=program.stdin, flush=True)
            assert program.stdout.readline() == "no keys\n"
        assert program.stdout.readline() == "begun\n"
        await_full(slammers)
        print("\n", end="", file=program.stdin, flush=True)
        assert program.stdout.readline() == "closed\n"
        assert program.wait(30 * SLACK) == 0
