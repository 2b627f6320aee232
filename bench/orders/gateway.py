"""The gateway of the bench: a process that stamps when the bytes of each order are at its socket.

It speaks the simulated gateway's wire (text; server version 200, or the highest a client offers) and answers
what clients ask for while they start. It is not the simulated gateway itself: that one decodes, books and
stores each order before it reads the next, and its time would be measured as everybody's. Here one thread
reads, stamps right after the read and looks for nothing but the orderRef. openOrder and orderStatus follow
`delay_ms` later, patched from one prepared pair, so that every side also does the work that answers make, and
its socket the waiting that unacknowledged bytes cause (Nagle's algorithm, where it was left on).

Every line on stdin is a JSON command, every answer a JSON line on stdout:
    {"delay_ms": d}   answer orders after so long                 -> {}
    {"take": true}    what has arrived since the last time        -> {"arrivals": {orderRef: monotonic ns}}
"""

from __future__ import annotations

import json
import os
import selectors
import socket
import sys
import time
from collections import deque
from contextlib import suppress

from twsmq_simulator.broker.model import Order, Status
from twsmq_simulator.market.instruments import Instrument
from twsmq_simulator.wire import messages, order_messages
from twsmq_simulator.wire import requests as rq
from twsmq_simulator.wire.decode import decode
from twsmq_simulator.wire.framing import FrameSplitter

VERSION = 200
ACCOUNT = "DU1"
MARK = b"\x00bench"  # an orderRef of the bench follows its field's NUL: bench<n>/<number>
PLACE_ORDER = b"3\x00"
_ORDER_ID, _PERM_ID = 98765432, 87654321  # stand for the real ones in the prepared answer
_AAPL = Instrument(
    con_id=265598,
    symbol="AAPL",
    sec_type="STK",
    exchange="NASDAQ",
    currency="USD",
    local_symbol="AAPL",
    trading_class="NMS",
    min_tick=0.01,
    price=265.18,
)


def answer_to(request: rq.Request, reports: list[bytes]) -> bytes:
    """What a gateway says to a client that starts or looks for its orders; nothing is ever executed."""
    match request:
        case rq.StartApi():
            return messages.managed_accounts(ACCOUNT) + messages.next_valid_id(1)
        case rq.CurrentTime():
            return messages.current_time(time.time_ns())
        case rq.OpenOrders() | rq.AllOpenOrders():
            return b"".join(reports) + messages.open_order_end()
        case rq.CompletedOrders():
            return messages.completed_orders_end()
        case rq.Executions():
            return messages.execution_details_end(request.reply_id)
        case rq.Positions():
            return messages.position_end()
        case rq.AccountUpdates():
            return messages.account_download_end(ACCOUNT)
        case rq.AccountUpdatesMulti():
            return messages.account_update_multi_end(request.reply_id)
        case _:
            return b""


class Client:
    """One connection: its bytes, and the prepared answer to the kind of order it places."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.client_id = 0
        self.version = 0
        self._opening: FrameSplitter | None = FrameSplitter()
        self.reports: list[bytes] = []
        self._rest = b""
        self._pair = self._pair_ref = b""

    def greeting(self, data: bytes) -> bytes:
        """What to say to the opening bytes of a connection; nothing else comes before it is answered."""
        if self._opening is not None:
            self._opening.feed(data)
            offered = self._opening.version_range()
            if offered is not None:
                self._opening = None
                self.version = min(VERSION, offered.highest)
                return messages.handshake(self.version, time.time_ns())
        return b""

    @property
    def greeted(self) -> bool:
        return self._opening is None

    def payloads(self, data: bytes) -> list[bytes]:
        """The frames that are complete with `data`."""
        data = self._rest + data
        found: list[bytes] = []
        at = 0
        while (begin := at + 4) <= len(data):
            end = begin + int.from_bytes(data[at:begin])
            if end > len(data):
                break
            found.append(data[begin:end])
            at = end
        self._rest = data[at:]
        return found

    def report(self, payload: bytes, ref: bytes) -> bytes:
        """openOrder and orderStatus for an order."""
        if not self._pair:
            self._pair, self._pair_ref = self._prepared(payload), ref
        order_id = payload[2 : payload.index(b"\0", 2)].zfill(8)
        # Each as wide as what it replaces, so the lengths in front of the messages stay right.
        report = (
            self._pair.replace(b"%d" % _ORDER_ID, order_id)
            .replace(b"%d" % _PERM_ID, b"7" + order_id[1:])
            .replace(self._pair_ref, ref)
        )
        self.reports.append(report)
        return report

    def _prepared(self, payload: bytes) -> bytes:
        version = self.version
        request = decode(payload, version)
        assert isinstance(request, rq.PlaceOrder)
        order = Order(_PERM_ID, self.client_id, request.ticket, _AAPL.con_id, Status.SUBMITTED, 0)
        opened = order_messages.open_order(version, order, _AAPL, _ORDER_ID, self.client_id)
        return opened + order_messages.order_status(version, order, _ORDER_ID, self.client_id)


class Gateway:
    """Listens on a free port of the loopback, which is the first line on stdout."""

    def __init__(self) -> None:
        self.port = 0
        self.delay_ns = 0
        self.arrivals: list[tuple[bytes, int]] = []
        self._owed: deque[tuple[int, Client, bytes]] = deque()  # when (monotonic ns), to whom, what
        self._selector = selectors.DefaultSelector()
        self._commands = b""

    def run(self) -> None:
        """Until stdin ends."""
        listener = socket.create_server(("127.0.0.1", 0))
        listener.setblocking(False)
        select = self._selector
        select.register(listener, selectors.EVENT_READ)
        select.register(sys.stdin.fileno(), selectors.EVENT_READ, "commands")
        say({"port": listener.getsockname()[1]})
        while True:
            for key, _ in select.select(self._wait_s()):
                if isinstance(key.data, Client):
                    self._read(key.data)
                elif key.data == "commands":
                    if not self._obey():
                        return
                else:
                    self._accept(listener)
            self._settle()

    def _wait_s(self) -> float | None:
        return max(0.0, (self._owed[0][0] - time.monotonic_ns()) / 1e9) if self._owed else None

    def _accept(self, listener: socket.socket) -> None:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._selector.register(connection, selectors.EVENT_READ, Client(connection))

    def _read(self, client: Client) -> None:
        try:
            data = client.socket.recv(1 << 18)
        except OSError:
            data = b""
        now = time.monotonic_ns()
        if not data:
            self._selector.unregister(client.socket)
            client.socket.close()
            return
        if not client.greeted:
            client.socket.sendall(client.greeting(data))
            return
        for payload in client.payloads(data):
            at = payload.find(MARK) + 1 if payload.startswith(PLACE_ORDER) else 0
            if at:
                ref = payload[at : payload.index(b"\0", at)]
                self.arrivals.append((ref, now))
                self._owed.append((now + self.delay_ns, client, client.report(payload, ref)))
            else:
                request = decode(payload, client.version)
                if isinstance(request, rq.StartApi):
                    client.client_id = request.client_id
                with suppress(OSError):  # it may have left
                    client.socket.sendall(answer_to(request, client.reports))

    def _settle(self) -> None:
        """Send the answers that are due, those of one client in one write."""
        now = time.monotonic_ns()
        due: dict[Client, list[bytes]] = {}
        while self._owed and self._owed[0][0] <= now:
            _, client, data = self._owed.popleft()
            due.setdefault(client, []).append(data)
        for client, answers in due.items():
            with suppress(OSError):
                client.socket.sendall(b"".join(answers))

    def _obey(self) -> bool:
        """Carry out the commands on stdin; False at its end."""
        data = os.read(sys.stdin.fileno(), 65536)
        *lines, self._commands = (self._commands + data).split(b"\n")
        for line in lines:
            command = json.loads(line)
            if "delay_ms" in command:
                self.delay_ns = int(command["delay_ms"] * 1e6)
                say({})
            else:
                arrivals, self.arrivals = self.arrivals, []
                say({"arrivals": {ref.decode(): at for ref, at in arrivals}})
        return bool(data)


def say(answer: dict[str, object]) -> None:
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    Gateway().run()
