# ruff: noqa: N802, N803 - the names of the callbacks of ibapi
"""The sides of the bench that are not ours, each a process of its own: `python peers.py NAME PORT LINES
ENDPOINT`.

    ibapi        IBKR's client: its reader thread and `run()`, every callback republished as msgpack on a PUB
    ibapi-count  the same, but the callbacks only count
    ib_async     ib_async's event loop, every tick of `pendingTickersEvent` republished as msgpack on a PUB
    bare         a TCP socket read in a loop, every read passed on to a PUB: the least a hop can cost

`LINES` are asked for; the gateway at `PORT` then sends. A message is `t NUL` and a msgpack list [tick type,
price, attributes, size]; of ibapi's two callbacks for one frame the size goes as a list of its own.
"""

from __future__ import annotations

import json
import logging
import socket
import sys
import time
from typing import Any

import msgspec
import zmq

encode = msgspec.msgpack.Encoder().encode
UP = 1.0  # see feed.py


def publisher(endpoint: str) -> zmq.Socket[bytes]:
    socket_: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.PUB)
    socket_.setsockopt(zmq.SNDHWM, 0)
    socket_.bind(endpoint)
    return socket_


def run_ibapi(port: int, lines: int, endpoint: str, count_only: bool) -> None:
    from ibapi.client import EClient
    from ibapi.contract import Contract
    from ibapi.wrapper import EWrapper

    logging.getLogger("ibapi").setLevel(logging.WARNING)

    class App(EWrapper, EClient):  # pyright: ignore[reportUntypedBaseClass]
        def __init__(self) -> None:
            EWrapper.__init__(self)
            EClient.__init__(self, self)
            self.pub = None if count_only else publisher(endpoint)
            self.seen = 0
            self.first = 0.0

        def nextValidId(self, orderId: int) -> None:
            for line in range(lines):
                contract = Contract()
                contract.conId, contract.exchange = line + 1, "SMART"
                self.reqMktData(line + 1, contract, "", False, False, [])

        def tickPrice(self, reqId: int, tickType: int, price: float, attrib: Any) -> None:
            if self.pub is not None:
                self.pub.send(b"t\0" + encode((tickType, price, 0)))
            elif price != UP:
                self.seen += 1
                self.first = self.first or time.monotonic()
                if self.seen % 1000 == 0:
                    print(
                        json.dumps(
                            {"seen": self.seen, "rate": self.seen / (time.monotonic() - self.first + 1e-9)}
                        ),
                        flush=True,
                    )

        def tickSize(self, reqId: int, tickType: int, size: Any) -> None:
            if self.pub is not None:
                self.pub.send(b"t\0" + encode((-1, float(size), 0)))

    app = App()
    app.connect("127.0.0.1", port, 1)
    app.run()


def run_ib_async(port: int, lines: int, endpoint: str) -> None:
    from ib_async import IB, Contract, StartupFetch

    pub = publisher(endpoint)
    ib = IB()

    def ticked(tickers: Any) -> None:
        for ticker in tickers:
            for tick in ticker.ticks:
                pub.send(b"t\0" + encode((tick.tickType, tick.price, 0, tick.size)))

    ib.pendingTickersEvent += ticked
    ib.connect("127.0.0.1", port, clientId=1, timeout=10, fetchFields=StartupFetch(0))
    for line in range(lines):
        ib.reqMktData(Contract(conId=line + 1, exchange="SMART"))
    ib.run()


def run_bare(port: int, endpoint: str) -> None:
    """Handshake by hand, then every frame's size field goes on as it is."""
    from twsmq_nodes.tws.adapter import Codec
    from twsmq_nodes.tws.contracts import Contract
    from twsmq_nodes.tws.framing import FrameSplitter, frame
    from twsmq_nodes.tws.requests import ReqMktData, StartApi

    pub = publisher(endpoint)
    link = socket.create_connection(("127.0.0.1", port))
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    link.sendall(b"API\0" + frame(b"v157..200"))
    splitter, codec = FrameSplitter(), Codec(200)
    while not splitter.feed(link.recv(65536)):
        pass
    link.sendall(
        codec.encode(StartApi(1)) + codec.encode(ReqMktData(1, Contract(con_id=1, exchange="SMART")))
    )
    while data := link.recv(262144):
        for payload in splitter.feed(data):
            fields = payload.split(b"\0")
            if fields[0] == b"1":
                pub.send(b"t\0" + encode((1, float(fields[4]), 0, float(fields[5]))))


def main() -> None:
    name, port, lines, endpoint = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    match name:
        case "ibapi" | "ibapi-count":
            run_ibapi(port, lines, endpoint, name == "ibapi-count")
        case "ib_async":
            run_ib_async(port, lines, endpoint)
        case "bare":
            run_bare(port, endpoint)
        case _:
            raise SystemExit(f"no peer {name}")


if __name__ == "__main__":
    main()
