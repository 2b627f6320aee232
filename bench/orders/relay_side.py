"""The least that a durable order out of process can cost here: what a relay takes that does nothing else.

    python relay_side.py GATEWAY_PORT RATE COUNT [FOLDER]

The client is the one of twsmq's side. The relay, one thread in another process, takes its request off a
ROUTER, commits it to SQLite (WAL, synchronous=FULL, a log laid out before), writes the gateway's bytes, which
were made before but for the id and the reference, and answers. It checks nothing, numbers nothing, publishes
nothing, makes nothing of the gateway's reports, and stops while its disk does. Without a folder it commits
nothing either.
"""

from __future__ import annotations

import multiprocessing
import socket
import sqlite3
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path

import zmq
from side import ACCOUNT, CURRENCY, EXCHANGE, LIMIT, QUANTITY, SYMBOL, arguments, begin, pace, reference, tell
from twsmq_nodes.tws.adapter import Codec
from twsmq_nodes.tws.contracts import Contract
from twsmq_nodes.tws.framing import frame
from twsmq_nodes.tws.orders import OrderFields
from twsmq_nodes.tws.requests import PlaceOrder, StartApi
from twsmq_protocol import codec
from twsmq_protocol import order_requests as rq
from twsmq_side import Strategy

VERSION = 200
FIRST_ID = 10_000_000  # as wide as those that follow
MARK = reference(0, 0)
TIMEOUT_MS = 30_000


def relay(gateway_port: int, folder: str, pipe: Connection) -> None:
    """Tells its port; at a word, when each order came how far (monotonic ns), and ends."""
    gateway = connected(gateway_port)
    template = order()
    database = journal(Path(folder) / "relayed") if folder else None
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    requests = context.socket(zmq.ROUTER)
    pipe.send(requests.bind_to_random_port("tcp://127.0.0.1"))
    poller = zmq.Poller()
    for readable in (requests, gateway, pipe):
        poller.register(readable, zmq.POLLIN)
    taken = 0
    stamps: dict[str, list[int]] = {"received": [], "decoded": [], "committed": [], "written": []}
    while True:
        for ready, _ in poller.poll():
            if ready is requests:
                address, body = requests.recv_multipart()
                stamps["received"].append(time.monotonic_ns())
                request = codec.decode_request(body)
                asked = codec.decode_args(request, rq.PlaceOrder)
                stamps["decoded"].append(time.monotonic_ns())
                if database is not None:
                    database.execute("INSERT INTO entries VALUES (?, ?)", (taken, body))
                stamps["committed"].append(time.monotonic_ns())
                ref = f"{asked.strategy}/{asked.client_order_id}".encode()
                data = template.replace(b"%d" % FIRST_ID, b"%d" % (FIRST_ID + taken))
                gateway.sendall(data.replace(MARK.encode(), ref))
                stamps["written"].append(time.monotonic_ns())
                requests.send_multipart([address, codec.encode_reply(request.id, {})])
                taken += 1
            elif ready == gateway.fileno():
                gateway.recv(1 << 18)
            else:
                pipe.send(stamps)
                if database is not None:
                    database.close()
                context.destroy(linger=0)
                gateway.close()
                return


def connected(port: int) -> socket.socket:
    gateway = socket.create_connection(("127.0.0.1", port))
    gateway.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    gateway.sendall(b"API\0" + frame(b"v%d..%d" % (VERSION, VERSION)))
    gateway.recv(4096)
    gateway.sendall(Codec(VERSION).encode(StartApi(8)))
    return gateway


def order() -> bytes:
    contract = Contract(symbol=SYMBOL, sec_type="STK", exchange=EXCHANGE, currency=CURRENCY)
    fields = OrderFields(
        action="BUY",
        total_quantity=QUANTITY,
        order_type="LMT",
        limit_price=LIMIT,
        tif="DAY",
        account=ACCOUNT,
        order_ref=MARK,
    )
    return Codec(VERSION).encode(PlaceOrder(FIRST_ID, contract, fields))


def journal(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute("CREATE TABLE reserve (space BLOB)")
    database.execute("INSERT INTO reserve VALUES (zeroblob(4300000))")
    database.execute("DROP TABLE reserve")
    database.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()
    database.execute("CREATE TABLE entries (number INTEGER PRIMARY KEY, request BLOB)")
    return database


def main() -> None:
    gateway_port, rate, count = arguments()
    spawn = multiprocessing.get_context("spawn")
    pipe, its_end = spawn.Pipe()
    process = spawn.Process(target=relay, args=(gateway_port, "".join(sys.argv[4:5]), its_end))
    process.start()
    its_end.close()
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    strategy = Strategy(context, pipe.recv(), 1)
    begin()
    pace(rate, count, strategy.place, strategy.hear)
    while strategy.unanswered:
        assert strategy.socket.poll(TIMEOUT_MS), "no reply"
        strategy.hear()
    pipe.send("end")
    tell(sent=strategy.sent, stamps=pipe.recv())
    context.destroy(linger=0)
    process.join()


if __name__ == "__main__":
    main()
