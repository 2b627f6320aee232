"""vnpy's own `RpcServer.publish` (a lock, a pickle, two frames), one tick a message as its tick events are.

vnpy reads a gateway through `ibapi`; here it gets the ticks from the node's own reader, so that only the
publisher is compared. Its queues are made unlimited: as shipped it loses what exceeds 1,000 messages.
"""

# pyright: basic, reportMissingImports=false
from __future__ import annotations

import sys

import zmq
from vnpy.rpc import RpcServer

from ..tape import topic
from . import gateway_client


def main() -> None:
    port, address, instruments = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    topics = [topic(instrument) for instrument in range(instruments)]
    server = RpcServer()
    server._socket_pub.setsockopt(zmq.SNDHWM, 0)  # pyright: ignore[reportPrivateUsage]
    server.start("tcp://127.0.0.1:*", address)
    reader = gateway_client.Reader(port, gateway_client.VNPY, instruments)
    while ticks := reader.read():
        for req_id, tick_type, value, attribs in ticks:
            server.publish(topics[req_id - 1], {"ticks": [(tick_type, value, attribs)]})


if __name__ == "__main__":
    main()
