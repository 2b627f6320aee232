"""The gateway: handshake, contract details and market data requests, then the tape at the pace asked for.

It writes what the simulated gateway would, with that gateway's own encoders. It is not the simulated gateway,
whose flood has one instrument and does not tell when it wrote which tick. All sides are clients of one feed.

A command is a JSON line on stdin, answered with one on stdout:
    {"await": client_id, "lines": n}        until that client has asked for n instruments
    {"play": client_id, "first": k, "end": m, "rate": r, "log": p}
                                            frames k up to m, r a second (0: as fast as they are taken)
Into file `p` go the writes, `[the frame after this write, ns of the monotonic clock just before it]`.
Requires Linux, where that clock is one for all processes.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from twsmq_simulator.market.instruments import Instrument
from twsmq_simulator.wire import messages
from twsmq_simulator.wire.decode import decode
from twsmq_simulator.wire.framing import FrameSplitter
from twsmq_simulator.wire.requests import ContractDetails, CurrentTime, MarketData, Request, StartApi

from .tape import FIRST_CON_ID, Loop, symbol

SERVER_VERSION = 200
BLAST_FRAMES = 200  # in one write, about 6 kB
BURST_S = 0.001  # paced writes are so far apart, or farther for less than a frame each
PATIENCE_S = 120


Write = Callable[[memoryview, int, int], object]
"""Sends bytes that hold the frames from the first number up to before the second."""


class Client:
    """One connection. `lines` holds the newest request id of each instrument."""

    def __init__(self, connection: socket.socket, changed: threading.Condition) -> None:
        self.connection = connection
        self.lines: dict[int, int] = {}
        self.client_id: int | None = None
        self._version = SERVER_VERSION
        self._changed = changed
        self._loops: dict[tuple[int, ...], Loop] = {}

    def serve(self) -> None:
        splitter, greeted = FrameSplitter(), False
        with suppress(OSError), self.connection:
            while data := self.connection.recv(65536):
                splitter.feed(data)
                if not greeted and (offered := splitter.version_range()) is not None:
                    greeted = True
                    self._version = min(SERVER_VERSION, offered.highest)
                    self.connection.sendall(messages.handshake(self._version, time.time_ns()))
                while greeted and (payload := splitter.payload()) is not None:
                    self._answer(decode(payload, self._version))

    def _answer(self, request: Request) -> None:
        match request:
            case StartApi(client_id=client_id):
                self.connection.sendall(messages.managed_accounts("DU1") + messages.next_valid_id(1))
                self.client_id = client_id
            case CurrentTime():
                self.connection.sendall(messages.current_time(time.time_ns()))
            case ContractDetails(request_id=request_id, contract=contract):
                listing = _listing(int(contract.symbol[1:]))
                now = time.time_ns()
                self.connection.sendall(
                    messages.contract_details(self._version, request_id, listing, "SMART", now)
                    + messages.contract_details_end(request_id)
                )
            case MarketData(request_id=request_id, contract=contract):
                with self._changed:
                    self.lines[contract.con_id - FIRST_CON_ID] = request_id
                    self._changed.notify_all()
            case _:
                pass

    def loop(self) -> Loop:
        """The tape under this client's request ids."""
        ids = tuple(self.lines[instrument] for instrument in range(len(self.lines)))
        if ids not in self._loops:
            self._loops = {ids: Loop(list(ids))}
        return self._loops[ids]


def _listing(instrument: int) -> Instrument:
    name = symbol(instrument)
    return Instrument(
        con_id=FIRST_CON_ID + instrument,
        symbol=name,
        sec_type="STK",
        exchange="NASDAQ",
        currency="USD",
        local_symbol=name,
        trading_class="NMS",
        min_tick=0.01,
        price=100.0 + instrument,
        valid_exchanges=("SMART", "NASDAQ"),
    )


class Feed:
    def __init__(self) -> None:
        self._clients: list[Client] = []
        self._changed = threading.Condition()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client = Client(connection, self._changed)
            self._clients.append(client)
            threading.Thread(target=client.serve, daemon=True).start()

    def await_lines(self, client_id: int, lines: int) -> None:
        with self._changed:
            if not self._changed.wait_for(lambda: self._holds(client_id, lines), PATIENCE_S):
                raise SystemExit(f"client {client_id} did not ask for {lines} instruments in {PATIENCE_S} s")

    def _holds(self, client_id: int, lines: int) -> bool:
        return any(each.client_id == client_id and len(each.lines) == lines for each in self._clients)

    def play(self, client_id: int, first: int, end: int, rate: float) -> list[tuple[int, int]]:
        client = next(each for each in reversed(self._clients) if each.client_id == client_id)
        send = client.connection.sendall
        return play(client.loop(), lambda data, _first, _end: send(data), first, end, rate)


def play(tape: Loop, write: Write, first: int, end: int, rate: float) -> list[tuple[int, int]]:
    """Writes frames `first` up to `end`; returns [the frame after it, ns just before it] of each write."""
    log: list[tuple[int, int]] = []
    begun, at, slot = time.monotonic(), first, 0
    step = max(BURST_S, 1 / rate) if rate else 0.0
    while at < end:
        due = min(end, at + BLAST_FRAMES)
        if rate:
            due = min(end, first + round((time.monotonic() - begun) * rate) + 1)
        while at < due:
            start = at
            data, at = tape.cut(start, due)
            log.append((at, time.monotonic_ns()))
            write(data, start, at)
        if rate:
            passed = time.monotonic() - begun
            slot = max(slot, int(passed / step)) + 1
            time.sleep(max(0.0, slot * step - passed))
    return log


def serve_commands(port: int, answer: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """The command loop of a process that plays."""
    print(json.dumps({"port": port}), flush=True)
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)


def write_log(path: str, log: Sequence[tuple[int, int]]) -> dict[str, Any]:
    Path(path).write_text(json.dumps(log))
    return {"began": log[0][1]}


def main() -> None:
    feed = Feed()

    def answer(command: dict[str, Any]) -> dict[str, Any]:
        if "await" in command:
            feed.await_lines(command["await"], command["lines"])
            return {"ready": True}
        first, end = command["first"], command["end"]
        return write_log(command["log"], feed.play(command["play"], first, end, command["rate"]))

    serve_commands(feed.port, answer)


if __name__ == "__main__":
    main()
