"""A gateway that says what a test tells it to: a real socket, server version 200, one thread a connection.

It shakes hands, answers START_API and the probes of its life as a gateway does, and then only records
requests; a test answers them with messages built by the simulator's writers.
"""

from __future__ import annotations

import queue
import socket
import threading
import time
from contextlib import suppress
from typing import Self, TypeVar

from twsmq_simulator.wire import messages
from twsmq_simulator.wire.decode import decode
from twsmq_simulator.wire.framing import FrameSplitter
from twsmq_simulator.wire.requests import (
    AllOpenOrders,
    CompletedOrders,
    CurrentTime,
    Executions,
    OpenOrders,
    Request,
    StartApi,
)

from support.patience import patient

VERSION = 200
IN_USE = "Unable connect as the client id is already in use. Retry with a unique client id."
R = TypeVar("R", bound=Request)


class ScriptedGateway:
    """`refuse_client_ids`: answer START_API with 326, as while another connection holds the id.
    `first_words`: what is said before the accounts and the first id.
    """

    def __init__(self, port: int, accounts: str = "DU1") -> None:
        self.accounts = accounts
        self.refuse_client_ids = False
        self.first_words = b""
        self.requests: queue.Queue[Request] = queue.Queue()
        self._connections: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", port))
        self._run(self._accept)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.drop()
        for thread in self._threads:
            thread.join(5)

    def say(self, *frames: bytes) -> None:
        for connection in list(self._connections):
            with suppress(OSError):  # its peer has gone
                connection.sendall(b"".join(frames))

    def notice(self, code: int, text: str) -> None:
        """An error or notice that belongs to no request."""
        self.say(error(-1, code, text))

    def drop(self) -> None:
        """Cut every connection."""
        while self._connections:
            _cut(self._connections.pop())

    def await_request(self, kind: type[R], timeout: float = 20) -> R:
        """The next request of a kind; others are passed over."""
        deadline = time.monotonic() + patient(timeout)
        while True:
            request = self.requests.get(timeout=max(0.0, deadline - time.monotonic()))
            if isinstance(request, kind):
                return request

    def _run(self, target: object, *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)  # pyright: ignore[reportArgumentType]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self._run(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError, ValueError), connection:  # ValueError: `drop` cut it
            try:
                self._converse(connection)
            finally:
                self._connections.remove(connection)

    def _converse(self, connection: socket.socket) -> None:
        splitter, greeted = FrameSplitter(), False
        while data := connection.recv(65536):
            splitter.feed(data)
            if not greeted and splitter.version_range() is not None:
                greeted = True
                connection.sendall(messages.handshake(VERSION, time.time_ns()))
            while greeted and (payload := splitter.payload()) is not None:
                self._heard(connection, decode(payload, VERSION))

    def _heard(self, connection: socket.socket, request: Request) -> None:
        if isinstance(request, CurrentTime):
            connection.sendall(messages.current_time(time.time_ns()))
        elif not isinstance(request, StartApi):
            self.requests.put(request)
        elif self.refuse_client_ids:
            connection.sendall(error(-1, 326, IN_USE))
            _cut(connection)
        else:
            self._connections.append(connection)
            begun = messages.managed_accounts(self.accounts) + messages.next_valid_id(1)
            connection.sendall(self.first_words + begun)
            self.requests.put(request)


def answer_snapshot(gateway: ScriptedGateway) -> None:
    """An orders node asks for all there is; there are no orders and no executions."""
    gateway.await_request(OpenOrders)
    gateway.say(messages.open_order_end())
    gateway.await_request(AllOpenOrders)
    gateway.say(messages.open_order_end())
    asked = gateway.await_request(Executions)
    gateway.say(messages.execution_details_end(asked.request_id))
    gateway.await_request(CompletedOrders)
    gateway.say(messages.completed_orders_end())


def error(request_id: int, code: int, text: str) -> bytes:
    return messages.error(VERSION, request_id, code, text, time.time_ns())


def _cut(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
