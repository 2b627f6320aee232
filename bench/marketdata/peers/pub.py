"""The PUB socket of the peers: it never drops."""

from __future__ import annotations

import zmq


def bind(address: str) -> zmq.Socket[bytes]:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    socket = context.socket(zmq.PUB)
    socket.setsockopt(zmq.SNDHWM, 0)
    socket.bind(address)
    return socket
