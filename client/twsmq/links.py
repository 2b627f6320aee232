"""Which processes' events the SUB socket is connected to, by libzmq's own word (`zmq_socket_monitor`)."""

from __future__ import annotations

import struct

import zmq

from .incidents import Incidents
from .sockets import Socket

_UP, _DOWN = zmq.EVENT_HANDSHAKE_SUCCEEDED, zmq.EVENT_DISCONNECTED


class Links:
    """Notes connections that come and go from the moment it is made; `look` passes on what it has noted."""

    def __init__(self, socket: Socket) -> None:
        self._socket = socket
        self._monitor = socket.get_monitor_socket(_UP | _DOWN)

    def look(self, incidents: Incidents) -> None:
        while self._monitor.poll(0):
            event, endpoint = self._monitor.recv_multipart()
            (number,) = struct.unpack("=H", event[:2])  # zmq_socket_monitor(3): number, then a value
            incidents.link(endpoint.decode(errors="replace"), up=number == _UP)

    def close(self) -> None:
        """Before the socket is closed. May be called twice."""
        if not self._socket.closed:
            self._socket.disable_monitor()
