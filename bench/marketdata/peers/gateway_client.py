"""The gateway's socket without a client library: for the bare TCP hop, and for publishers that have none."""

from __future__ import annotations

import socket

from twsmq_nodes.tws.adapter import Codec
from twsmq_nodes.tws.contracts import Contract
from twsmq_nodes.tws.framing import FrameSplitter, frame
from twsmq_nodes.tws.requests import StartApi
from twsmq_nodes.tws.stream_requests import ReqMktData
from twsmq_nodes.tws.ticks import Tick, take_ticks

from ..tape import FIRST_CON_ID

IBAPI, IB_ASYNC, COUNT, BARE, VNPY, NATS, OUTBOX = 1, 2, 3, 4, 5, 6, 7
"""Client IDs."""


def connect(port: int, client_id: int, instruments: int) -> socket.socket:
    """Shakes hands and asks for the instruments, under request ids from 1 on."""
    link = socket.create_connection(("127.0.0.1", port))
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    link.sendall(b"API\0" + frame(b"v157..200"))
    splitter, codec = FrameSplitter(), Codec(200)
    _read(link, splitter, 1)
    link.sendall(codec.encode(StartApi(client_id)))
    _read(link, splitter, 2)
    for instrument in range(instruments):
        contract = Contract(con_id=FIRST_CON_ID + instrument, exchange="SMART")
        link.sendall(codec.encode(ReqMktData(instrument + 1, contract)))
    return link


def _read(link: socket.socket, splitter: FrameSplitter, frames: int) -> None:
    while frames > 0:
        frames -= len(splitter.feed(link.recv(65536)))


def cut(data: bytes) -> tuple[list[bytes], bytes]:
    """The whole frames in `data`, and what is left."""
    frames: list[bytes] = []
    at = 0
    while len(data) - at >= 4:
        stop = at + 4 + int.from_bytes(data[at : at + 4], "big")
        if stop > len(data):
            break
        frames.append(data[at + 4 : stop])
        at = stop
    return frames, data[at:]


class Reader:
    """Reads and decodes as the node does, blocking: for publishers that have no gateway client."""

    def __init__(self, port: int, client_id: int, instruments: int) -> None:
        self._link = connect(port, client_id, instruments)
        self._splitter = FrameSplitter()

    def read(self) -> list[Tick]:
        """The ticks of one read; none when the gateway is gone."""
        ticks: list[Tick] = []
        while not ticks:
            data = self._link.recv(262_144)
            if not data:
                break
            take_ticks(self._splitter.feed(data), 0, ticks)
        return ticks
