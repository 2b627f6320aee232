"""The node's own publisher, one tick a message: what `vnpy_pub` and `nats_pub` send, sent by the outbox."""

from __future__ import annotations

import asyncio
import sys

import zmq
from twsmq_nodes.marketdata.data.market_data import TicksRow
from twsmq_nodes.marketdata.data.publisher import Publisher
from twsmq_protocol.config import Cluster
from twsmq_transport.outbox import Outbox

from ..tape import topic
from . import gateway_client


async def run(port: int, address: str, instruments: int) -> None:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    loop = asyncio.get_running_loop()
    queue = Cluster().send_queue
    outbox = Outbox(context, address, name="marketdata-0", incarnation=1, send_queue=queue)
    publisher = Publisher(outbox, loop.time, quote_interval_s=0.0, call_later=loop.call_later)
    outlets = [publisher.outlet(topic(instrument)) for instrument in range(instruments)]
    row = TicksRow(src=publisher.src, inc=publisher.inc, con_id=1)
    reader = gateway_client.Reader(port, gateway_client.OUTBOX, instruments)
    while ticks := await loop.run_in_executor(None, reader.read):
        publisher.begin()
        for req_id, tick_type, value, attribs in ticks:
            row.ticks = [(tick_type, value, attribs)]
            publisher.send(outlets[req_id - 1], row)


if __name__ == "__main__":
    asyncio.run(run(int(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
