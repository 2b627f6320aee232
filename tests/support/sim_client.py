"""A client of the TWS text protocol in a few lines of sockets, for tests that look at the bytes."""

from __future__ import annotations

import socket
from collections.abc import Callable
from types import TracebackType
from typing import Any

from support.patience import patient

Fields = list[str]
# placeOrder at version 200 after the order's own price fields, for an order without anything special.
_TAIL = (
    "{tif}|{oca}|{account}||0|{ref}|{transmit}|{parent}|0|0|0|0|{rth}|0||0|||||||0||-1|0|||0|||0|0||0||||"
    "||0|||||0|||||||||||0|||0|0|||{what_if}||0|0|0|0|||||||0|||||||||0|0|0||||0||||0|0||0"
)


def place_fields(
    order_id: int,
    action: str,
    quantity: float,
    kind: str,
    *,
    limit: object = "",
    aux: object = "",
    contract: str = "0|AAPL|STK|||||SMART||USD||||",
    tif: str = "DAY",
    **more: object,
) -> Fields:
    """The fields of one placeOrder request at version 200."""
    values = {"oca": "", "account": "", "ref": "", "transmit": 1, "parent": 0, "rth": 0, "what_if": 0}
    assert set(more) <= set(values), more
    tail = _TAIL.format(tif=tif, **(values | more))
    return f"3|{order_id}|{contract}|{action}|{quantity}|{kind}|{limit}|{aux}|{tail}".split("|")


class Wire:
    """Connects, starts the API and collects what comes; `greeting` is that up to the last farm notice."""

    def __init__(self, port: int, client_id: int = 1, versions: str = "v157..200") -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=patient(20))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""
        self.seen: list[Fields] = []
        self.socket.sendall(b"API\0" + len(versions).to_bytes(4, "big") + versions.encode())
        self.version = int(self.receive()[0])
        self.send("71", "2", str(client_id), "")
        self.greeting: list[Fields] = []
        while not self.greeting or self.greeting[-1][2:3] != ["2158"]:
            self.greeting.append(self.receive())
            if self.greeting[-1][2:3] == ["326"]:
                break
        ids = [fields[2] for fields in self.greeting if fields[0] == "9"]
        self.next_valid_id = int(ids[0]) if ids else 0

    def __enter__(self) -> Wire:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.socket.close()

    def send(self, *fields: str) -> None:
        payload = ("\0".join(fields) + "\0").encode()
        self.socket.sendall(len(payload).to_bytes(4, "big") + payload)

    def receive(self) -> Fields:
        """The fields of the next message. Raises EOFError when the gateway hung up."""
        while len(self._buffer) < 4 or len(self._buffer) < 4 + int.from_bytes(self._buffer[:4], "big"):
            data = self.socket.recv(65536)
            if not data:
                raise EOFError
            self._buffer += data
        size = int.from_bytes(self._buffer[:4], "big")
        payload, self._buffer = self._buffer[4 : 4 + size], self._buffer[4 + size :]
        fields = payload.decode().split("\0")[:-1]
        self.seen.append(fields)
        return fields

    def until(self, kind: str, match: Callable[[Fields], bool] = lambda _: True) -> Fields:
        while True:
            fields = self.receive()
            if fields[0] == kind and match(fields):
                return fields

    def until_status(self, order_id: int, status: str) -> Fields:
        return self.until("3", lambda f: f[1:3] == [str(order_id), status])

    def until_error(self, code: int) -> Fields:
        return self.until("4", lambda f: f[2] == str(code))

    def place(self, order_id: int, action: str, quantity: float, kind: str, **more: Any) -> None:
        """One placeOrder at version 200."""
        self.send(*place_fields(order_id, action, quantity, kind, **more))
